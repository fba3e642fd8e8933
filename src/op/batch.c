// SPDX-License-Identifier: Apache-2.0
/* Changing the batch of a graph whose constants speak of the old one; see fet_graph_set_batch. */
#include "op/infer.h"

#include <stdio.h>

/* Where an operator keeps a target shape, and what stands there for "the batch". */
static bool target_of(const fet_node *node, int64_t batch, uint32_t *out_input, int64_t *out_entry)
{
    switch (node->op) {
    case FET_OP_RESHAPE: *out_input = 1, *out_entry = 0; return fet_node_int(node, FET_ATTR_ALLOWZERO, 0) == 0;
    case FET_OP_EXPAND: *out_input = 1, *out_entry = 1; return true;
    case FET_OP_RESIZE: *out_input = 3, *out_entry = batch; return true;
    default: return false;
    }
}

/* The same target with another first entry, as a constant of its own: others may share the old one. */
static fet_status replace_first(fet_graph *graph, fet_id id, uint32_t input, const fet_tensor *old, int64_t entry)
{
    fet_auto(fet_tensor) tensor = NULL;
    FET_TRY(fet_tensor_copy(old, &tensor));
    fet_tensor_s64(tensor)[0] = entry;
    char name[256];
    snprintf(name, sizeof name, "%.200s.any_batch", graph->nodes[id].name);
    fet_id value = FET_NONE;
    FET_TRY(fet_graph_add_param(graph, name, FET_DTYPE_S64, &tensor->shape, tensor, false, &value));
    graph->nodes[id].inputs[input] = value;
    return FET_OK;
}

static fet_status free_target(fet_graph *graph, fet_id id, int64_t old_batch, int64_t batch)
{
    const fet_node *node = &graph->nodes[id];
    uint32_t input = 0;
    int64_t entry = 0;
    if (!target_of(node, batch, &input, &entry) || !fet_node_input(graph, node, input)) return FET_OK;
    const fet_tensor *target = fet_graph_constant(graph, node->inputs[input]);
    const fet_shape *src = &fet_op_src(graph, node, 0)->shape;
    if (!target || target->dtype != FET_DTYPE_S64 || target->shape.rank != 1 || target->shape.dim[0] < 1) return FET_OK;
    if (src->rank == 0 || src->dim[0] != old_batch || fet_tensor_s64(target)[0] != old_batch || old_batch == entry) return FET_OK;
    return replace_first(graph, id, input, target, entry);
}

fet_status fet_graph_set_batch(fet_graph *graph, int64_t batch)
{
    if (batch < 1) return fet_fail(FET_ERROR_ARG, "a batch of %" PRId64 ", expected 1 or more", batch);
    if (graph->n_inputs == 0) return fet_graph_infer(graph);
    int64_t old_batch = graph->values[graph->inputs[0]].shape.dim[0];
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        const fet_value *input = &graph->values[graph->inputs[i]];
        if (input->shape.rank == 0) return fet_fail(FET_ERROR_SHAPE, "input \"%s\" is a scalar and has no batch", input->name);
    }
    /* Which values hold batched data: all that depend on an input. */
    uint8_t *batched = fet_calloc(graph->n_values, 1);
    if (!batched) return fet_fail(FET_ERROR_NOMEM, "no memory to change the batch of a graph");
    fet_status status = FET_OK;
    for (uint32_t i = 0; i < graph->n_inputs; i++) batched[graph->inputs[i]] = 1;
    for (fet_id n = 0; n < graph->n_nodes && status == FET_OK; n++) {
        const fet_node *node = &graph->nodes[n];
        bool any = false;
        for (uint32_t i = 0; i < node->n_inputs; i++) any |= node->inputs[i] != FET_NONE && batched[node->inputs[i]];
        for (uint32_t i = 0; i < node->n_outputs && any; i++)
            if (node->outputs[i] != FET_NONE) batched[node->outputs[i]] = 1;
        if (any && old_batch != batch) status = free_target(graph, n, old_batch, batch);
    }
    fet_free(batched);
    FET_TRY(status);
    for (uint32_t i = 0; i < graph->n_inputs; i++) graph->values[graph->inputs[i]].shape.dim[0] = batch;
    return fet_graph_infer(graph);
}
