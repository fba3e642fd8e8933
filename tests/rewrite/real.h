// SPDX-License-Identifier: Apache-2.0
/* Real networks made fit for tests that compare outputs. */
#ifndef FET_TESTS_REWRITE_REAL_H
#define FET_TESTS_REWRITE_REAL_H

#include "check.h"

#include "base/rng.h"
#include "graph/graph.h"

#include <math.h>

/* The weights of onnx-light are all the same number: others, with which every channel matters. */
static inline void real_fill_weights(fet_graph *graph)
{
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 1; i < graph->nodes[n].n_inputs; i++) {
            const fet_tensor *old = fet_graph_constant(graph, graph->nodes[n].inputs[i]);
            if (!old || old->dtype != FET_DTYPE_F32 || fet_tensor_elements(old) < 2) continue;
            bool norm = graph->nodes[n].op == FET_OP_BATCH_NORMALIZATION, product = old->shape.rank > 1 && graph->nodes[n].op != FET_OP_MUL;
            double scale = product ? sqrt(2.0 * (double)old->shape.dim[0] / (double)fet_tensor_elements(old)) : 0.1;
            fet_tensor *tensor = NULL;
            fet_rng rng;
            fet_rng_init(&rng, n, i, FET_RNG_TEST);
            CHECK_OK(fet_tensor_copy(old, &tensor));
            for (int64_t k = 0; k < fet_tensor_elements(tensor); k++)
                fet_tensor_f32(tensor)[k] = (float)(scale * fet_rng_normal(&rng) + (norm && (i == 1 || i == 4) ? 1 : 0));
            fet_graph_set_tensor(graph, graph->values[graph->nodes[n].inputs[i]].param, tensor);
            fet_tensor_release(tensor);
        }
}

/* Logits far apart make a softmax one-hot, in which no difference is seen: the outputs are then the logits. */
static inline void real_leave_out_softmax(fet_graph *graph)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        fet_id maker = graph->values[graph->outputs[o]].node;
        if (maker != FET_NONE && graph->nodes[maker].op == FET_OP_SOFTMAX) graph->outputs[o] = graph->nodes[maker].inputs[0];
    }
}

#endif
