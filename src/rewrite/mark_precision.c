// SPDX-License-Identifier: Apache-2.0
#include "rewrite/mark_precision.h"

bool fet_mark_precision_is_layer(const fet_graph *graph, const fet_node *node)
{
    bool op = node->op == FET_OP_CONV || node->op == FET_OP_CONV_TRANSPOSE || node->op == FET_OP_GEMM || node->op == FET_OP_MATMUL;
    const fet_value *weights = fet_node_input(graph, node, 1);
    return op && weights && weights->kind == FET_VALUE_PARAM;
}

/* Nodes stand in running order: one pass spreads "behind a layer" forward, or "before a layer" backward. */
static void spread(const fet_graph *graph, bool backward, uint8_t *reached)
{
    for (fet_id i = 0; i < graph->n_nodes; i++) {
        const fet_node *node = &graph->nodes[backward ? graph->n_nodes - 1 - i : i];
        if (node->op == FET_OP_NONE) continue;
        const fet_id *from = backward ? node->outputs : node->inputs, *to = backward ? node->inputs : node->outputs;
        uint32_t n_from = backward ? node->n_outputs : node->n_inputs, n_to = backward ? node->n_inputs : node->n_outputs;
        uint8_t there = fet_mark_precision_is_layer(graph, node);
        for (uint32_t v = 0; v < n_from; v++) there |= from[v] != FET_NONE && reached[from[v]];
        for (uint32_t v = 0; v < n_to; v++)
            if (to[v] != FET_NONE) reached[to[v]] |= there;
    }
}

static void mark(fet_graph *graph, bool last, fet_dtype precision, uint8_t *reached)
{
    spread(graph, last, reached);
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        fet_node *node = &graph->nodes[n];
        if (node->op == FET_OP_NONE || !fet_mark_precision_is_layer(graph, node)) continue;
        if (!reached[last ? node->outputs[0] : node->inputs[0]]) node->precision = (uint16_t)precision;
    }
}

static fet_status mark_end(fet_graph *graph, bool last, fet_dtype precision)
{
    if (precision == FET_DTYPE_NONE) return FET_OK;
    if (precision != FET_DTYPE_F32 && precision != FET_DTYPE_BF16)
        return fet_fail(FET_ERROR_ARG, "%s layers in %s: expected f32 or bf16", last ? "last" : "first", fet_dtype_name(precision));
    uint8_t *reached = NULL;
    FET_TRY(fet_alloc_zeroed(graph->n_values, 1, "marks", &reached));
    mark(graph, last, precision, reached);
    fet_free(reached);
    return FET_OK;
}

fet_status fet_mark_precision_ends(fet_graph *graph, fet_dtype first, fet_dtype last)
{
    FET_TRY(mark_end(graph, false, first));
    return mark_end(graph, true, last);
}

void fet_mark_precision_others(fet_graph *graph, fet_id only, fet_dtype precision)
{
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op != FET_OP_NONE && fet_mark_precision_is_layer(graph, &graph->nodes[n]))
            graph->nodes[n].precision = (uint16_t)(n == only ? FET_DTYPE_NONE : precision);
}
