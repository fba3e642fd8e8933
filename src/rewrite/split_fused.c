// SPDX-License-Identifier: Apache-2.0
#include "rewrite/split_fused.h"

#include "op/op.h"
#include "rewrite/plan.h"

#include <string.h>

bool fet_split_fused_applies(const fet_graph *graph, const fet_block *block)
{
    if (block->kind != FET_BLOCK_FUSED || block->pad != FET_NONE) return false;
    const fet_node *conv = &graph->nodes[block->depthwise.conv];
    const fet_value *weights = &graph->values[conv->inputs[1]];
    return weights->kind == FET_VALUE_PARAM && weights->shape.rank == 4 && weights->shape.dim[2] * weights->shape.dim[3] > 1 &&
           fet_node_int(conv, FET_ATTR_GROUP, 1) == 1 && plan_readers(graph, conv->inputs[1]) == 1;
}

static fet_id find_conv(const fet_graph *graph, const char *name)
{
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op == FET_OP_CONV && strcmp(graph->nodes[n].name, name) == 0) return n;
    return FET_NONE;
}

/* The activation behind the convolution or its norm, or FET_NONE. */
static fet_id find_activation(const fet_graph *graph, fet_id conv)
{
    fet_id value = graph->nodes[conv].outputs[0];
    for (int step = 0; step < 2; step++) {
        fet_id reader = FET_NONE;
        for (fet_id n = 0; n < graph->n_nodes; n++)
            if (graph->nodes[n].n_inputs > 0 && graph->nodes[n].inputs[0] == value) reader = n;
        if (reader == FET_NONE) return FET_NONE;
        bool is_activation = fet_op_find(graph->nodes[reader].op)->flags & FET_OP_ACTIVATION;
        if (is_activation) return graph->nodes[reader].op == FET_OP_PRELU ? FET_NONE : reader;
        if (graph->nodes[reader].op != FET_OP_BATCH_NORMALIZATION) return FET_NONE;
        value = graph->nodes[reader].outputs[0];
    }
    return FET_NONE;
}

/* A factor of the dense kernel: the same origin by another rule. */
static fet_status add_factor(fet_graph *graph, const char *conv, const char *suffix, const fet_param *dense, const fet_shape *shape,
                             fet_id *out_value)
{
    const char *name = fet_arena_printf(graph->arena, "%s.%s.weight", conv, suffix);
    fet_origin origin = dense->origin;
    if (!name) return fet_arena_full();
    FET_TRY(fet_graph_add_param(graph, name, FET_DTYPE_F32, shape, NULL, true, out_value));
    if (origin.rule != FET_ORIGIN_FRESH) origin.rule = FET_ORIGIN_FACTOR;
    graph->params[graph->values[*out_value].param].origin = origin;
    return FET_OK;
}

static fet_status add_expand(fet_graph *graph, const char *conv, fet_id src, fet_id weights, fet_id *out_value)
{
    fet_id node = FET_NONE;
    const char *name = fet_arena_printf(graph->arena, "%s.expand", conv);
    if (!name) return fet_arena_full();
    FET_TRY(fet_graph_add_node(graph, FET_OP_CONV, name, (fet_id[]){src, weights}, 2, 1, &node));
    FET_TRY(fet_graph_set_ints(graph, node, FET_ATTR_KERNEL_SHAPE, (const int64_t[]){1, 1}, 2));
    *out_value = graph->nodes[node].outputs[0];
    return FET_OK;
}

/* The same activation once more: of the same attributes and constants. */
static fet_status add_activation(fet_graph *graph, const char *conv, fet_id activation, fet_id *value)
{
    fet_id node = FET_NONE, inputs[8];
    const fet_node *like = &graph->nodes[activation];
    const char *name = fet_arena_printf(graph->arena, "%s.expand.activation", conv);
    if (!name) return fet_arena_full();
    if (like->n_inputs > sizeof inputs / sizeof *inputs) return fet_fail(FET_ERROR_ARG, "\"%s\" has too many inputs", like->name);
    memcpy(inputs, like->inputs, like->n_inputs * sizeof *inputs);
    inputs[0] = *value;
    FET_TRY(fet_graph_add_node(graph, like->op, name, inputs, like->n_inputs, 1, &node));
    like = &graph->nodes[activation]; /* nodes may have moved */
    for (uint32_t a = 0; a < like->n_attrs; a++) FET_TRY(fet_graph_set_attr(graph, node, &graph->nodes[activation].attrs[a]));
    *value = graph->nodes[node].outputs[0];
    return FET_OK;
}

fet_status fet_split_fused_apply(fet_graph *graph, const char *conv)
{
    fet_id n = find_conv(graph, conv);
    if (n == FET_NONE) return fet_fail(FET_ERROR_ARG, "there is no convolution \"%s\" to split", conv);
    fet_id activation = find_activation(graph, n), dense = graph->nodes[n].inputs[1];
    fet_id expand = FET_NONE, depthwise = FET_NONE, value = FET_NONE;
    const int64_t *dim = graph->values[dense].shape.dim;
    const fet_shape expand_shape = fet_shape_4d(dim[0], dim[1], 1, 1), depthwise_shape = fet_shape_4d(dim[0], 1, dim[2], dim[3]);
    const fet_param was = graph->params[graph->values[dense].param];
    FET_TRY(add_factor(graph, conv, "expand", &was, &expand_shape, &expand));
    FET_TRY(add_factor(graph, conv, "depthwise", &was, &depthwise_shape, &depthwise));
    FET_TRY(add_expand(graph, conv, graph->nodes[n].inputs[0], expand, &value));
    const fet_id first = value;
    if (activation != FET_NONE) FET_TRY(add_activation(graph, conv, activation, &value));
    FET_TRY(fet_graph_set_int(graph, n, FET_ATTR_GROUP, expand_shape.dim[0]));
    graph->nodes[n].inputs[0] = value;
    graph->nodes[n].inputs[1] = depthwise;
    graph->nodes[graph->values[first].node].precision = graph->nodes[n].precision;
    FET_TRY(fet_graph_compact(graph)); /* sorts, and drops the dense kernel */
    return fet_graph_infer(graph);
}
