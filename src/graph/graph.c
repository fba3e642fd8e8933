// SPDX-License-Identifier: Apache-2.0
#include "graph/graph.h"

#include "graph/limits.h"

#include <stdio.h>
#include <string.h>

static fet_status fit(fet_graph *graph, void *array, uint32_t *capacity, uint32_t needed, size_t item_bytes, const char *what)
{
    if (needed <= *capacity) return FET_OK;
    if (needed > FET_GRAPH_LIMIT_ITEMS) return fet_fail(FET_ERROR_LIMIT, "a graph of more than %d %s", FET_GRAPH_LIMIT_ITEMS, what);
    uint32_t wanted = *capacity * 2 > needed ? *capacity * 2 : needed < 16 ? 16 : needed;
    void *grown = fet_arena_alloc(graph->arena, wanted * item_bytes);
    if (!grown) return fet_arena_full();
    void *old = NULL;
    memcpy(&old, array, sizeof old);
    if (*capacity) memcpy(grown, old, *capacity * item_bytes);
    memcpy(array, &grown, sizeof grown);
    *capacity = wanted;
    return FET_OK;
}

fet_status fet_graph_create(fet_arena *arena, fet_graph **out_graph)
{
    bool own = arena == NULL;
    if (own) FET_TRY(fet_arena_create(&arena));
    fet_graph *graph = fet_arena_zalloc(arena, 1, sizeof *graph);
    if (!graph) {
        if (own) fet_arena_destroy(arena);
        return fet_arena_full();
    }
    graph->arena = arena;
    graph->owns_arena = own;
    graph->name = "";
    *out_graph = graph;
    return FET_OK;
}

void fet_graph_destroy(fet_graph *graph)
{
    if (!graph) return;
    for (uint32_t p = 0; p < graph->n_params; p++) fet_tensor_release(graph->params[p].tensor);
    for (uint32_t n = 0; n < graph->n_nodes; n++)
        for (uint32_t a = 0; a < graph->nodes[n].n_attrs; a++)
            if (graph->nodes[n].attrs[a].type == FET_ATTR_TYPE_TENSOR) fet_tensor_release(graph->nodes[n].attrs[a].tensor);
    if (graph->owns_arena) fet_arena_destroy(graph->arena);
}

/* A value id is appended with every field but the name zeroed. */
static fet_status append_value(fet_graph *graph, const char *name, fet_value value, fet_id *out_value)
{
    FET_TRY(fit(graph, &graph->values, &graph->capacity_values, graph->n_values + 1, sizeof *graph->values, "values"));
    value.name = fet_arena_strdup(graph->arena, name ? name : "");
    if (!value.name) return fet_arena_full();
    graph->values[graph->n_values] = value;
    *out_value = graph->n_values++;
    return FET_OK;
}

fet_status fet_graph_add_value(fet_graph *graph, const char *name, fet_dtype dtype, fet_id *out_value)
{
    return append_value(graph, name, (fet_value){.dtype = dtype, .node = FET_NONE, .param = FET_NONE}, out_value);
}

fet_status fet_graph_add_input(fet_graph *graph, const char *name, fet_dtype dtype, const fet_shape *shape, fet_id *out_value)
{
    FET_TRY(fet_shape_check(shape, fet_dtype_bytes(dtype), FET_TENSOR_LIMIT_BYTES, name));
    FET_TRY(fit(graph, &graph->inputs, &graph->capacity_inputs, graph->n_inputs + 1, sizeof *graph->inputs, "inputs"));
    fet_value value = {.kind = FET_VALUE_INPUT, .dtype = dtype, .shape = *shape, .node = FET_NONE, .param = FET_NONE};
    FET_TRY(append_value(graph, name, value, out_value));
    graph->inputs[graph->n_inputs++] = *out_value;
    return FET_OK;
}

fet_status fet_graph_add_param(fet_graph *graph, const char *name, fet_dtype dtype, const fet_shape *shape, fet_tensor *tensor,
                               bool trainable, fet_id *out_value)
{
    if (tensor) dtype = tensor->dtype, shape = &tensor->shape;
    FET_TRY(fet_shape_check(shape, fet_dtype_bytes(dtype), FET_TENSOR_LIMIT_BYTES, name));
    FET_TRY(fit(graph, &graph->params, &graph->capacity_params, graph->n_params + 1, sizeof *graph->params, "parameters"));
    fet_value value = {.kind = FET_VALUE_PARAM, .dtype = dtype, .shape = *shape, .node = FET_NONE, .param = graph->n_params};
    fet_id id = FET_NONE;
    FET_TRY(append_value(graph, name, value, &id));
    fet_param param = {.value = id, .tensor = fet_tensor_retain(tensor), .trainable = trainable};
    for (int i = 0; i < FET_ORIGIN_BASES; i++) param.origin.base[i] = FET_NONE;
    graph->params[graph->n_params++] = param;
    *out_value = id;
    return FET_OK;
}

static fet_status add_outputs(fet_graph *graph, fet_node *node, uint32_t n_outputs, fet_id node_id)
{
    for (uint32_t i = 0; i < n_outputs; i++) {
        const char *name = i == 0 ? node->name : fet_arena_printf(graph->arena, "%s:%u", node->name, i);
        if (!name) return fet_arena_full();
        fet_value value = {.dtype = FET_DTYPE_F32, .node = node_id, .param = FET_NONE};
        FET_TRY(append_value(graph, name, value, &node->outputs[i]));
    }
    return FET_OK;
}

fet_status fet_graph_add_node(fet_graph *graph, fet_op_kind op, const char *name, const fet_id *inputs, uint32_t n_inputs,
                              uint32_t n_outputs, fet_id *out_node)
{
    if (n_inputs > FET_NODE_LIMIT_INPUTS || n_outputs > FET_NODE_LIMIT_INPUTS)
        return fet_fail(FET_ERROR_LIMIT, "node \"%s\": %u inputs and %u outputs, at most %d each", name, n_inputs, n_outputs,
                        FET_NODE_LIMIT_INPUTS);
    FET_TRY(fit(graph, &graph->nodes, &graph->capacity_nodes, graph->n_nodes + 1, sizeof *graph->nodes, "nodes"));
    fet_node node = {.op = op, .n_inputs = (uint16_t)n_inputs, .n_outputs = (uint16_t)n_outputs};
    node.name = fet_arena_strdup(graph->arena, name ? name : "");
    node.inputs = fet_arena_copy(graph->arena, inputs, n_inputs * sizeof *inputs);
    node.outputs = fet_arena_zalloc(graph->arena, n_outputs, sizeof *node.outputs);
    if (!node.name || !node.inputs || !node.outputs) return fet_arena_full();
    FET_TRY(add_outputs(graph, &node, n_outputs, graph->n_nodes));
    graph->nodes[graph->n_nodes] = node;
    *out_node = graph->n_nodes++;
    return FET_OK;
}

fet_status fet_graph_add_node_to(fet_graph *graph, fet_op_kind op, const char *name, const fet_id *inputs, uint32_t n_inputs,
                                 const fet_id *outputs, uint32_t n_outputs, fet_id *out_node)
{
    for (uint32_t i = 0; i < n_outputs; i++) {
        if (outputs[i] == FET_NONE) continue;
        const fet_value *value = &graph->values[outputs[i]];
        if (value->kind != FET_VALUE_COMPUTED || value->node != FET_NONE)
            return fet_fail(FET_ERROR_CORRUPT, "node \"%s\" makes \"%s\", which exists already", name, value->name);
    }
    fet_id node = FET_NONE;
    FET_TRY(fet_graph_add_node(graph, op, name, inputs, n_inputs, 0, &node));
    fet_id *ids = fet_arena_copy(graph->arena, outputs, n_outputs * sizeof *outputs);
    if (!ids) {
        graph->n_nodes--;
        return fet_arena_full();
    }
    for (uint32_t i = 0; i < n_outputs; i++)
        if (ids[i] != FET_NONE) graph->values[ids[i]].node = node;
    graph->nodes[node].outputs = ids;
    graph->nodes[node].n_outputs = (uint16_t)n_outputs;
    *out_node = node;
    return FET_OK;
}

fet_status fet_graph_set_inputs(fet_graph *graph, fet_id node, const fet_id *inputs, uint32_t n_inputs)
{
    if (n_inputs > FET_NODE_LIMIT_INPUTS)
        return fet_fail(FET_ERROR_LIMIT, "node \"%s\": %u inputs, at most %d", graph->nodes[node].name, n_inputs, FET_NODE_LIMIT_INPUTS);
    fet_id *ids = fet_arena_copy(graph->arena, inputs, n_inputs * sizeof *inputs);
    if (!ids) return fet_arena_full();
    graph->nodes[node].inputs = ids;
    graph->nodes[node].n_inputs = (uint16_t)n_inputs;
    return FET_OK;
}

fet_status fet_graph_make_constant(fet_graph *graph, fet_id value, fet_tensor *tensor)
{
    FET_TRY(fit(graph, &graph->params, &graph->capacity_params, graph->n_params + 1, sizeof *graph->params, "parameters"));
    fet_value *v = &graph->values[value];
    if (v->kind != FET_VALUE_COMPUTED || v->node != FET_NONE)
        return fet_fail(FET_ERROR_STATE, "value \"%s\" is made elsewhere and cannot become a constant", v->name);
    fet_param param = {.value = value, .tensor = fet_tensor_retain(tensor)};
    for (int i = 0; i < FET_ORIGIN_BASES; i++) param.origin.base[i] = FET_NONE;
    v->kind = FET_VALUE_PARAM;
    v->dtype = tensor->dtype;
    v->shape = tensor->shape;
    v->param = graph->n_params;
    graph->params[graph->n_params++] = param;
    return FET_OK;
}

fet_status fet_graph_add_output(fet_graph *graph, fet_id value)
{
    FET_TRY(fit(graph, &graph->outputs, &graph->capacity_outputs, graph->n_outputs + 1, sizeof *graph->outputs, "outputs"));
    graph->outputs[graph->n_outputs++] = value;
    return FET_OK;
}

void fet_graph_set_tensor(fet_graph *graph, fet_id param, fet_tensor *tensor)
{
    fet_param *p = &graph->params[param];
    fet_tensor_retain(tensor);
    fet_tensor_release(p->tensor);
    p->tensor = tensor;
    if (tensor) graph->values[p->value].dtype = tensor->dtype, graph->values[p->value].shape = tensor->shape;
}

const fet_tensor *fet_graph_constant(const fet_graph *graph, fet_id value)
{
    if (value == FET_NONE || graph->values[value].kind != FET_VALUE_PARAM) return NULL;
    return graph->params[graph->values[value].param].tensor;
}

fet_id fet_graph_find_value(const fet_graph *graph, const char *name)
{
    for (fet_id v = 0; v < graph->n_values; v++)
        if (strcmp(graph->values[v].name, name) == 0) return v;
    return FET_NONE;
}

fet_id fet_graph_find_node(const fet_graph *graph, const char *name)
{
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op != FET_OP_NONE && strcmp(graph->nodes[n].name, name) == 0) return n;
    return FET_NONE;
}

void fet_graph_remove_node(fet_graph *graph, fet_id node)
{
    fet_node *n = &graph->nodes[node];
    for (uint32_t i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] != FET_NONE) graph->values[n->outputs[i]].node = FET_NONE;
    n->op = FET_OP_NONE;
    n->n_inputs = n->n_outputs = 0;
}

void fet_graph_replace_uses(fet_graph *graph, fet_id value, fet_id by)
{
    for (uint32_t n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] == value) graph->nodes[n].inputs[i] = by;
    for (uint32_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i] == value) graph->outputs[i] = by;
}

fet_status fet_graph_uses_create(const fet_graph *graph, fet_arena *arena, fet_graph_uses *out_uses)
{
    uint32_t *first = fet_arena_zalloc(arena, (size_t)graph->n_values + 2, sizeof *first);
    if (!first) return fet_arena_full();
    uint32_t total = 0;
    for (uint32_t n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] != FET_NONE) first[graph->nodes[n].inputs[i] + 2]++, total++;
    fet_id *nodes = fet_arena_alloc(arena, (total ? total : 1) * sizeof *nodes);
    if (!nodes) return fet_arena_full();
    for (uint32_t v = 2; v < graph->n_values + 2; v++) first[v] += first[v - 1];
    /* first[v + 1] is the next free place of v's list while filling, and its end afterwards. */
    for (uint32_t n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] != FET_NONE) nodes[first[graph->nodes[n].inputs[i] + 1]++] = n;
    *out_uses = (fet_graph_uses){.first = first, .nodes = nodes};
    return FET_OK;
}
