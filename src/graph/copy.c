// SPDX-License-Identifier: Apache-2.0
/* Copying a graph, and compacting one in place. The copy into a borrowed arena is on the path of every candidate: four blocks and one pass.
 */
#include "graph/graph.h"

#include <string.h>

/* Names, attributes and index lists of a deep copy must not point into the source's arena. */
static fet_status deepen(fet_graph *graph)
{
    bool full = false;
#define OWN_TEXT(field) full |= !((field) = fet_arena_strdup(graph->arena, (field)))
    OWN_TEXT(graph->name);
    for (uint32_t v = 0; v < graph->n_values; v++) OWN_TEXT(graph->values[v].name);
    for (uint32_t n = 0; n < graph->n_nodes && !full; n++) {
        fet_node *node = &graph->nodes[n];
        OWN_TEXT(node->name);
        node->attrs = fet_arena_copy(graph->arena, node->attrs, node->n_attrs * sizeof *node->attrs);
        if (!node->attrs) return fet_arena_full();
        for (uint32_t a = 0; a < node->n_attrs; a++) {
            fet_attr *attr = &node->attrs[a];
            OWN_TEXT(attr->name);
            if (attr->type == FET_ATTR_TYPE_INTS)
                full |= !(attr->ints = fet_arena_copy(graph->arena, attr->ints, attr->count * sizeof *attr->ints));
            else if (attr->type == FET_ATTR_TYPE_FLOATS)
                full |= !(attr->floats = fet_arena_copy(graph->arena, attr->floats, attr->count * sizeof *attr->floats));
            else if (attr->type == FET_ATTR_TYPE_STRING)
                full |= !(attr->string = fet_arena_copy(graph->arena, attr->string, (size_t)attr->count + 1));
        }
    }
#undef OWN_TEXT
    for (uint32_t p = 0; p < graph->n_params && !full; p++)
        for (int a = 0; a < FET_ORIGIN_AXES; a++) {
            fet_origin_axis *axis = &graph->params[p].origin.axis[a];
            if (axis->index) full |= !(axis->index = fet_arena_copy(graph->arena, axis->index, axis->count * sizeof *axis->index));
            if (axis->scale) full |= !(axis->scale = fet_arena_copy(graph->arena, axis->scale, axis->count * sizeof *axis->scale));
        }
    return full ? fet_arena_full() : FET_OK;
}

/* Arrays of the graph itself, and one block for all nodes' input and output ids. */
static fet_status copy_arrays(const fet_graph *source, uint32_t spare, fet_graph *graph)
{
    graph->capacity_values = source->n_values + spare * 2;
    graph->capacity_nodes = source->n_nodes + spare;
    graph->capacity_params = source->n_params + spare;
    graph->capacity_inputs = source->n_inputs;
    graph->capacity_outputs = source->n_outputs;
    graph->values = fet_arena_alloc(graph->arena, graph->capacity_values * sizeof *graph->values);
    graph->nodes = fet_arena_alloc(graph->arena, graph->capacity_nodes * sizeof *graph->nodes);
    graph->params = fet_arena_alloc(graph->arena, graph->capacity_params * sizeof *graph->params);
    graph->inputs = fet_arena_copy(graph->arena, source->inputs, source->n_inputs * sizeof *source->inputs);
    graph->outputs = fet_arena_copy(graph->arena, source->outputs, source->n_outputs * sizeof *source->outputs);
    size_t n_ids = 0;
    for (uint32_t n = 0; n < source->n_nodes; n++) n_ids += (size_t)source->nodes[n].n_inputs + source->nodes[n].n_outputs;
    fet_id *ids = fet_arena_alloc(graph->arena, n_ids * sizeof *ids);
    if (!graph->values || !graph->nodes || !graph->params || !graph->inputs || !graph->outputs || !ids) return fet_arena_full();
    if (source->n_values) memcpy(graph->values, source->values, source->n_values * sizeof *graph->values);
    if (source->n_nodes) memcpy(graph->nodes, source->nodes, source->n_nodes * sizeof *graph->nodes);
    if (source->n_params) memcpy(graph->params, source->params, source->n_params * sizeof *graph->params);
    for (uint32_t n = 0; n < source->n_nodes; n++) {
        fet_node *node = &graph->nodes[n];
        if (node->n_inputs) memcpy(ids, node->inputs, node->n_inputs * sizeof *ids);
        node->inputs = ids, ids += node->n_inputs;
        if (node->n_outputs) memcpy(ids, node->outputs, node->n_outputs * sizeof *ids);
        node->outputs = ids, ids += node->n_outputs;
    }
    return FET_OK;
}

fet_status fet_graph_copy(const fet_graph *source, fet_arena *arena, uint32_t spare, fet_graph **out_graph)
{
    fet_graph *graph = NULL;
    FET_TRY(fet_graph_create(arena, &graph));
    graph->name = source->name;
    fet_status status = copy_arrays(source, spare, graph);
    if (status == FET_OK) {
        graph->n_values = source->n_values, graph->n_nodes = source->n_nodes, graph->n_params = source->n_params;
        graph->n_inputs = source->n_inputs, graph->n_outputs = source->n_outputs;
        if (graph->owns_arena) status = deepen(graph);
    }
    if (status != FET_OK) { /* nothing is retained yet, so only the memory goes */
        if (graph->owns_arena) fet_arena_destroy(graph->arena);
        return status;
    }
    for (uint32_t p = 0; p < graph->n_params; p++) fet_tensor_retain(graph->params[p].tensor);
    for (uint32_t n = 0; n < graph->n_nodes; n++)
        for (uint32_t a = 0; a < graph->nodes[n].n_attrs; a++)
            if (graph->nodes[n].attrs[a].type == FET_ATTR_TYPE_TENSOR) fet_tensor_retain(graph->nodes[n].attrs[a].tensor);
    *out_graph = graph;
    return FET_OK;
}

/* Visits node n after the nodes it reads from. state: 0 new, 1 on the stack, 2 placed. Iterative: files may hold long chains. */
static fet_status place(const fet_graph *graph, fet_id root, uint8_t *state, fet_id *stack, uint32_t *cursor, fet_id *order,
                        uint32_t *n_order)
{
    uint32_t depth = 0;
    if (state[root]) return FET_OK;
    stack[depth++] = root, state[root] = 1, cursor[root] = 0;
    while (depth > 0) {
        fet_id n = stack[depth - 1];
        const fet_node *node = &graph->nodes[n];
        if (cursor[n] == node->n_inputs) {
            state[n] = 2;
            order[(*n_order)++] = n;
            depth--;
            continue;
        }
        fet_id value = node->inputs[cursor[n]++];
        fet_id from = value == FET_NONE ? FET_NONE : graph->values[value].node;
        if (from == FET_NONE || state[from] == 2) continue;
        if (state[from] == 1) return fet_fail(FET_ERROR_CORRUPT, "node \"%s\" depends on its own output", graph->nodes[from].name);
        stack[depth++] = from, state[from] = 1, cursor[from] = 0;
    }
    return FET_OK;
}

/* The order in which the living nodes run: the present order wherever it is already topological. */
static fet_status sort(const fet_graph *graph, fet_id *order, uint32_t *out_n)
{
    uint8_t *state = fet_arena_zalloc(graph->arena, graph->n_nodes, 1);
    fet_id *stack = fet_arena_alloc(graph->arena, (size_t)graph->n_nodes * sizeof *stack);
    uint32_t *cursor = fet_arena_alloc(graph->arena, (size_t)graph->n_nodes * sizeof *cursor);
    if (!state || !stack || !cursor) return fet_arena_full();
    *out_n = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op != FET_OP_NONE) FET_TRY(place(graph, n, state, stack, cursor, order, out_n));
    return FET_OK;
}

static void mark_used(const fet_graph *graph, uint8_t *used)
{
    for (uint32_t n = 0; n < graph->n_nodes; n++) {
        if (graph->nodes[n].op == FET_OP_NONE) continue;
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] != FET_NONE) used[graph->nodes[n].inputs[i]] = 1;
        for (uint32_t i = 0; i < graph->nodes[n].n_outputs; i++)
            if (graph->nodes[n].outputs[i] != FET_NONE) used[graph->nodes[n].outputs[i]] = 1;
    }
    for (uint32_t i = 0; i < graph->n_inputs; i++) used[graph->inputs[i]] = 1;
    for (uint32_t i = 0; i < graph->n_outputs; i++) used[graph->outputs[i]] = 1;
}

/* Drops unused values and parameters; new_value and new_node say where the others went. */
static void renumber(fet_graph *graph, const uint8_t *used, fet_id *new_value, const fet_id *new_node)
{
    uint32_t n_values = 0, n_params = 0;
    for (fet_id v = 0; v < graph->n_values; v++) {
        new_value[v] = FET_NONE;
        if (!used[v]) continue;
        new_value[v] = n_values;
        fet_value value = graph->values[v];
        if (value.node != FET_NONE) value.node = new_node[value.node];
        graph->values[n_values++] = value;
    }
    for (fet_id p = 0; p < graph->n_params; p++) {
        fet_param param = graph->params[p];
        if (new_value[param.value] == FET_NONE) {
            fet_tensor_release(param.tensor);
            continue;
        }
        param.value = new_value[param.value];
        graph->values[param.value].param = n_params;
        graph->params[n_params++] = param;
    }
    graph->n_values = n_values;
    graph->n_params = n_params;
    for (uint32_t n = 0; n < graph->n_nodes; n++) {
        fet_node *node = &graph->nodes[n];
        for (uint32_t i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] != FET_NONE) node->inputs[i] = new_value[node->inputs[i]];
        for (uint32_t i = 0; i < node->n_outputs; i++)
            if (node->outputs[i] != FET_NONE) node->outputs[i] = new_value[node->outputs[i]];
    }
    for (uint32_t i = 0; i < graph->n_inputs; i++) graph->inputs[i] = new_value[graph->inputs[i]];
    for (uint32_t i = 0; i < graph->n_outputs; i++) graph->outputs[i] = new_value[graph->outputs[i]];
}

fet_status fet_graph_compact(fet_graph *graph)
{
    fet_id *order = fet_arena_alloc(graph->arena, ((size_t)graph->n_nodes + 1) * sizeof *order);
    fet_id *new_node = fet_arena_alloc(graph->arena, ((size_t)graph->n_nodes + 1) * sizeof *new_node);
    fet_id *new_value = fet_arena_alloc(graph->arena, ((size_t)graph->n_values + 1) * sizeof *new_value);
    uint8_t *used = fet_arena_zalloc(graph->arena, (size_t)graph->n_values + 1, 1);
    fet_node *nodes = fet_arena_alloc(graph->arena, ((size_t)graph->n_nodes + 1) * sizeof *nodes);
    if (!order || !new_node || !new_value || !used || !nodes) return fet_arena_full();
    uint32_t n_order = 0;
    FET_TRY(sort(graph, order, &n_order));
    mark_used(graph, used);
    for (fet_id n = 0; n < graph->n_nodes; n++) new_node[n] = FET_NONE;
    for (uint32_t i = 0; i < n_order; i++) nodes[i] = graph->nodes[order[i]], new_node[order[i]] = i;
    /* Attributes of removed nodes die here, so their tensors are let go. */
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t a = 0; graph->nodes[n].op == FET_OP_NONE && a < graph->nodes[n].n_attrs; a++)
            if (graph->nodes[n].attrs[a].type == FET_ATTR_TYPE_TENSOR) fet_tensor_release(graph->nodes[n].attrs[a].tensor);
    if (n_order) memcpy(graph->nodes, nodes, n_order * sizeof *nodes);
    graph->n_nodes = n_order;
    renumber(graph, used, new_value, new_node);
    return FET_OK;
}
