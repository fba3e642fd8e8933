// SPDX-License-Identifier: Apache-2.0
#include "engine/infer/sample.h"

#include "op/op.h"

/* Row-major shape of a key's side; matrices where there is no image. */
static fet_shape shape_of(uint32_t n, uint32_t c, uint32_t h, uint32_t w)
{
    return h == 1 && w == 1 ? fet_shape_2d(n, c) : fet_shape_4d(n, c, h, w);
}

static fet_status add_inputs(fet_graph *graph, const fet_kernel_key *key, fet_op_kind op, fet_id *inputs, uint32_t *out_n)
{
    fet_shape src = shape_of(key->n, key->ic, key->ih, key->iw), dst = shape_of(key->n, key->oc, key->oh, key->ow);
    bool binary = op == FET_OP_ADD || op == FET_OP_SUB || op == FET_OP_MUL || op == FET_OP_DIV || op == FET_OP_POW;
    FET_TRY(fet_graph_add_input(graph, "src", FET_DTYPE_F32, binary ? &dst : &src, &inputs[0]));
    *out_n = 1;
    if (!binary) return FET_OK;
    FET_TRY(fet_graph_add_input(graph, "other", FET_DTYPE_F32, &dst, &inputs[1]));
    *out_n = 2;
    return FET_OK;
}

/* Every operator that keeps its shape and needs no attributes is itself; any other stands for a pass over its result. */
static fet_status build(fet_graph *graph, const fet_kernel_key *key, fet_id *out_node)
{
    fet_op_kind op = (fet_op_kind)key->op;
    const fet_op_info *info = fet_op_find(op);
    bool same = key->ic == key->oc && key->ih == key->oh && key->iw == key->ow;
    bool itself = same && info->min_inputs == 1 &&
                  (info->flags & (FET_OP_ELEMENTWISE | FET_OP_ACTIVATION) || op == FET_OP_SOFTMAX || op == FET_OP_LOG_SOFTMAX);
    bool binary = op == FET_OP_ADD || op == FET_OP_SUB || op == FET_OP_MUL || op == FET_OP_DIV || op == FET_OP_POW;
    if (!itself && !binary) op = FET_OP_ADD;
    fet_id inputs[2] = {FET_NONE, FET_NONE};
    uint32_t n = 0;
    FET_TRY(add_inputs(graph, key, op, inputs, &n));
    FET_TRY(fet_graph_add_node(graph, op, "sample", inputs, n, 1, out_node));
    return fet_graph_infer_node(graph, *out_node);
}

fet_status fet_sample_plain(const fet_kernel_key *key, fet_graph **out_graph, fet_format *formats, uint32_t room, fet_step_spec *spec)
{
    fet_auto(fet_graph) graph = NULL;
    fet_id at = FET_NONE;
    FET_TRY(fet_graph_create(NULL, &graph));
    FET_TRY(build(graph, key, &at));
    const fet_node *node = &graph->nodes[at];
    if (node->n_inputs > room) return fet_fail(FET_ERROR_LIMIT, "a sample node of %u inputs", node->n_inputs);
    for (uint32_t i = 0; i < node->n_inputs; i++) formats[i] = fet_format_plain(&graph->values[node->inputs[i]].shape);
    spec->n_src = node->n_inputs;
    spec->n_dst = node->n_outputs;
    spec->dst = fet_format_plain(&graph->values[node->outputs[0]].shape);
    spec->graph = graph;
    spec->node = node;
    *out_graph = fet_take(graph);
    return FET_OK;
}
