// SPDX-License-Identifier: Apache-2.0
/*
 * A node of the plain world: its reference loop on row-major f32. Operands are the node's inputs, in order (constants are bound to their
 * numbers, inputs left out to NULL), then its outputs.
 */
#include "engine/infer/build.h"
#include "engine/reference/reference.h"

enum { MAX_OUTPUTS = 16 };

typedef struct plain_state {
    fet_reference_fn compute;
    const fet_graph *graph;
    const fet_node *node;
} plain_state;

static void run_plain(const fet_step *step)
{
    const plain_state *s = step->state;
    float *dst[MAX_OUTPUTS];
    for (uint32_t o = 0; o < s->node->n_outputs; o++) dst[o] = step->data[step->n_src + o];
    s->compute(&(fet_reference_call){s->graph, s->node, (const float *const *)step->data, dst});
}

fet_status fet_step_build_plain(const fet_step_spec *spec, fet_step *step)
{
    const fet_node *node = spec->node;
    fet_reference_fn compute = node ? fet_reference_find(node->op) : NULL;
    if (!compute || node->n_outputs > MAX_OUTPUTS)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": the engine has no %s", spec->name,
                        fet_op_onnx_name((fet_op_kind)spec->key->op));
    FET_TRY(fet_step_set_own(step, run_plain, sizeof(plain_state)));
    *(plain_state *)step->state = (plain_state){compute, spec->graph, node};
    return FET_OK;
}
