// SPDX-License-Identifier: Apache-2.0
/* Everything a graph must be; see fet_graph_verify. Called after reading, after rewriting (tests) and before executing. */
#include "op/infer.h"

#include <string.h>

static fet_status check_value(const fet_graph *graph, fet_id v)
{
    const fet_value *value = &graph->values[v];
    if (value->shape.rank > FET_MAX_RANK)
        return fet_fail(FET_ERROR_CORRUPT, "value %u (\"%s\"): rank %u", v, value->name, value->shape.rank);
    switch (value->kind) {
    case FET_VALUE_PARAM:
        if (value->param >= graph->n_params || graph->params[value->param].value != v)
            return fet_fail(FET_ERROR_CORRUPT, "value %u (\"%s\") names parameter %u, which is not its own", v, value->name, value->param);
        break;
    case FET_VALUE_COMPUTED:
        if (value->node == FET_NONE) break; /* of a removed node; using it is refused */
        if (value->node >= graph->n_nodes)
            return fet_fail(FET_ERROR_CORRUPT, "value %u (\"%s\") names node %u", v, value->name, value->node);
        for (uint32_t i = 0; i < graph->nodes[value->node].n_outputs; i++)
            if (graph->nodes[value->node].outputs[i] == v) return FET_OK;
        return fet_fail(FET_ERROR_CORRUPT, "value %u (\"%s\") is no output of node \"%s\", which it names", v, value->name,
                        graph->nodes[value->node].name);
    case FET_VALUE_INPUT: break;
    }
    return FET_OK;
}

static fet_status check_param(const fet_graph *graph, fet_id p)
{
    const fet_param *param = &graph->params[p];
    if (param->value >= graph->n_values || graph->values[param->value].kind != FET_VALUE_PARAM || graph->values[param->value].param != p)
        return fet_fail(FET_ERROR_CORRUPT, "parameter %u has no value of its own", p);
    const fet_value *value = &graph->values[param->value];
    if (param->tensor && (param->tensor->dtype != value->dtype || !fet_shape_equal(&param->tensor->shape, &value->shape))) {
        char text[FET_SHAPE_TEXT_BYTES], text_t[FET_SHAPE_TEXT_BYTES];
        return fet_fail(FET_ERROR_SHAPE, "parameter \"%s\" is %s %s but its tensor %s %s", value->name, fet_dtype_name(value->dtype),
                        fet_shape_print(&value->shape, text, sizeof text), fet_dtype_name(param->tensor->dtype),
                        fet_shape_print(&param->tensor->shape, text_t, sizeof text_t));
    }
    return FET_OK;
}

/* Inputs exist and are made before; outputs are this node's alone. */
static fet_status check_node(const fet_graph *graph, fet_id n)
{
    const fet_node *node = &graph->nodes[n];
    if (node->op == FET_OP_NONE) return FET_OK;
    if (node->op >= FET_OP_COUNT) return fet_fail(FET_ERROR_CORRUPT, "node %u has operator number %d", n, (int)node->op);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == FET_NONE) continue;
        if (node->inputs[i] >= graph->n_values) return fet_op_fail(node, FET_ERROR_CORRUPT, "input %u is value %u", i, node->inputs[i]);
        const fet_value *value = &graph->values[node->inputs[i]];
        if (value->kind == FET_VALUE_COMPUTED && (value->node == FET_NONE || value->node >= n))
            return fet_op_fail(node, FET_ERROR_CORRUPT, "input %u (\"%s\") is not made before it is read", i, value->name);
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == FET_NONE) continue;
        if (node->outputs[i] >= graph->n_values) return fet_op_fail(node, FET_ERROR_CORRUPT, "output %u is value %u", i, node->outputs[i]);
        const fet_value *value = &graph->values[node->outputs[i]];
        if (value->kind != FET_VALUE_COMPUTED || value->node != n)
            return fet_op_fail(node, FET_ERROR_CORRUPT, "output %u (\"%s\") belongs to somebody else", i, value->name);
        for (uint32_t j = 0; j < i; j++)
            if (node->outputs[j] == node->outputs[i])
                return fet_op_fail(node, FET_ERROR_CORRUPT, "outputs %u and %u are the same value", j, i);
    }
    return FET_OK;
}

static fet_status check_ends(const fet_graph *graph)
{
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        if (graph->inputs[i] >= graph->n_values || graph->values[graph->inputs[i]].kind != FET_VALUE_INPUT)
            return fet_fail(FET_ERROR_CORRUPT, "graph input %u is value %u, which is no input", i, graph->inputs[i]);
        for (uint32_t j = 0; j < i; j++)
            if (graph->inputs[j] == graph->inputs[i]) return fet_fail(FET_ERROR_CORRUPT, "graph inputs %u and %u are the same value", j, i);
    }
    for (uint32_t i = 0; i < graph->n_outputs; i++) {
        if (graph->outputs[i] >= graph->n_values) return fet_fail(FET_ERROR_CORRUPT, "graph output %u is value %u", i, graph->outputs[i]);
        const fet_value *value = &graph->values[graph->outputs[i]];
        if (value->kind == FET_VALUE_COMPUTED && value->node == FET_NONE)
            return fet_fail(FET_ERROR_CORRUPT, "graph output %u (\"%s\") is made by no node", i, value->name);
    }
    return FET_OK;
}

/* Infers a copy and compares. */
static fet_status check_shapes(const fet_graph *graph)
{
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) copy = NULL; /* goes before its arena */
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_graph_copy(graph, arena, 0, &copy));
    FET_TRY(fet_graph_infer(copy));
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_outputs; i++) {
            fet_id v = graph->nodes[n].outputs[i];
            if (v == FET_NONE) continue;
            const fet_value *is = &graph->values[v], *should = &copy->values[v];
            if (is->dtype == should->dtype && fet_shape_equal(&is->shape, &should->shape)) continue;
            char text[FET_SHAPE_TEXT_BYTES], text_s[FET_SHAPE_TEXT_BYTES];
            return fet_op_fail(&graph->nodes[n], FET_ERROR_SHAPE, "output \"%s\" is %s %s, inference gives %s %s", is->name,
                               fet_dtype_name(is->dtype), fet_shape_print(&is->shape, text, sizeof text), fet_dtype_name(should->dtype),
                               fet_shape_print(&should->shape, text_s, sizeof text_s));
        }
    return FET_OK;
}

fet_status fet_graph_verify(const fet_graph *graph)
{
    for (fet_id v = 0; v < graph->n_values; v++) FET_TRY(check_value(graph, v));
    for (fet_id p = 0; p < graph->n_params; p++) FET_TRY(check_param(graph, p));
    for (fet_id n = 0; n < graph->n_nodes; n++) FET_TRY(check_node(graph, n));
    FET_TRY(check_ends(graph));
    return check_shapes(graph);
}
