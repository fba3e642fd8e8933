// SPDX-License-Identifier: Apache-2.0
#include "rewrite/swap_activation.h"

/* Unary activations that pass large inputs on as they are, so that a ReLU can stand for them. */
static bool is_smooth(const fet_node *node)
{
    switch (node->op) {
    case FET_OP_HARD_SWISH:
    case FET_OP_SWISH:
    case FET_OP_GELU:
    case FET_OP_ELU:
    case FET_OP_SELU:
    case FET_OP_CELU:
    case FET_OP_SOFTPLUS:
    case FET_OP_LEAKY_RELU: return true;
    default: return false;
    }
}

static uint32_t count(const fet_graph *graph)
{
    uint32_t n = 0;
    for (fet_id i = 0; i < graph->n_nodes; i++) n += is_smooth(&graph->nodes[i]);
    return n;
}

bool fet_swap_activation_applies(const fet_graph *graph)
{
    return count(graph) > 0;
}

fet_status fet_swap_activation_plan(const fet_graph *graph, bool six, fet_arena *arena, fet_patch *out_patch)
{
    uint32_t n = count(graph);
    if (n == 0) return fet_fail(FET_ERROR_ARG, "the network has no activation that a ReLU could stand for");
    fet_op_edit *edits = fet_arena_alloc(arena, n * sizeof *edits);
    if (!edits) return fet_arena_full();
    fet_patch patch = {.op_edits = edits, .scalar_name = {"relu6.min", "relu6.max"}, .scalar = {0, 6}, .n_scalars = six ? 2 : 0};
    for (fet_id i = 0; i < graph->n_nodes; i++)
        if (is_smooth(&graph->nodes[i]))
            edits[patch.n_op_edits++] = (fet_op_edit){.node = i, .op = six ? FET_OP_CLIP : FET_OP_RELU, .n_scalars = patch.n_scalars};
    *out_patch = patch;
    return FET_OK;
}
