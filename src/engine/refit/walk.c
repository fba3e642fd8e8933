// SPDX-License-Identifier: Apache-2.0
/*
 * One node at a time: a graph of the node alone, its computed inputs as inputs, run by the executor. Slower than the whole network at once,
 * but weights may change between two nodes and every value is there to be read.
 */
#include "engine/executor.h"
#include "engine/refit/internal.h"
#include "op/op.h"

#include <string.h>

fet_status fit_walk_init(fit_walk *walk, const fet_graph *graph, const float *images, int64_t batch)
{
    *walk = (fit_walk){.graph = graph, .batch = batch};
    FET_TRY(fet_alloc_zeroed(graph->n_values + 1, sizeof(fet_tensor *), "values of a fit", &walk->values));
    FET_TRY(fet_alloc_zeroed(graph->n_values + 1, sizeof(fet_id), "values of a fit", &walk->last));
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs && graph->nodes[n].op != FET_OP_NONE; i++)
            if (graph->nodes[n].inputs[i] != FET_NONE) walk->last[graph->nodes[n].inputs[i]] = n;
    fet_id input = graph->inputs[0];
    fet_shape shape = graph->values[input].shape;
    shape.dim[0] = batch;
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &shape, &walk->values[input]));
    memcpy(walk->values[input]->data, images, walk->values[input]->bytes);
    return FET_OK;
}

void fit_walk_clear(fit_walk *walk)
{
    for (fet_id v = 0; walk->values && v < walk->graph->n_values; v++) fet_tensor_release(walk->values[v]);
    fet_free(walk->values);
    fet_free(walk->last);
    *walk = (fit_walk){0};
}

enum { MOST_INPUTS = 64 }; /* of a node that is run: more than any network's Concat has */

/* Value `id` of the walk's graph as one of `graph`; computed ones become inputs, each once. */
static fet_status take_input(const fit_walk *walk, fet_id id, fet_graph *graph, const float **src, fet_id *out_value)
{
    const fet_value *value = &walk->graph->values[id];
    *out_value = fet_graph_find_value(graph, value->name);
    if (*out_value != FET_NONE) return FET_OK;
    if (value->kind == FET_VALUE_PARAM)
        return fet_graph_add_param(graph, value->name, value->dtype, &value->shape, walk->graph->params[value->param].tensor,
                                   walk->graph->params[value->param].trainable, out_value);
    src[graph->n_inputs] = fet_tensor_f32(walk->values[id]);
    return fet_graph_add_input(graph, value->name, FET_DTYPE_F32, &value->shape, out_value);
}

static fet_status build(const fit_walk *walk, const fet_node *node, fet_graph *graph, const float **src)
{
    fet_id inputs[MOST_INPUTS], outputs[MOST_INPUTS], copy = FET_NONE;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        inputs[i] = FET_NONE;
        if (node->inputs[i] != FET_NONE) FET_TRY(take_input(walk, node->inputs[i], graph, src, &inputs[i]));
    }
    for (uint32_t o = 0; o < node->n_outputs; o++) {
        outputs[o] = FET_NONE;
        if (node->outputs[o] == FET_NONE) continue;
        const fet_value *value = &walk->graph->values[node->outputs[o]];
        FET_TRY(fet_graph_add_value(graph, value->name, value->dtype, &outputs[o]));
    }
    FET_TRY(fet_graph_add_node_to(graph, node->op, node->name, inputs, node->n_inputs, outputs, node->n_outputs, &copy));
    for (uint32_t a = 0; a < node->n_attrs; a++) FET_TRY(fet_graph_set_attr(graph, copy, &node->attrs[a]));
    for (uint32_t o = 0; o < node->n_outputs; o++)
        if (outputs[o] != FET_NONE) FET_TRY(fet_graph_add_output(graph, outputs[o]));
    return fet_graph_infer(graph);
}

static fet_status run_alone(fit_walk *walk, const fet_node *node, const fet_graph *graph, const float **src)
{
    fet_auto(fet_executor) executor = NULL;
    fet_tensor *made[MOST_INPUTS] = {NULL};
    float *dst[MOST_INPUTS];
    fet_executor_options options = fet_executor_default_options();
    options.batch = walk->batch;
    FET_TRY(fet_executor_create(graph, &options, &executor));
    fet_status status = FET_OK;
    for (uint32_t o = 0; o < graph->n_outputs && status == FET_OK; o++) {
        fet_shape shape = graph->values[graph->outputs[o]].shape;
        if (shape.rank == 0) status = fet_fail(FET_ERROR_UNSUPPORTED, "a result without dimensions");
        else shape.dim[0] *= walk->batch;
        if (status == FET_OK) status = fet_tensor_create(FET_DTYPE_F32, &shape, &made[o]);
        if (status == FET_OK) dst[o] = fet_tensor_f32(made[o]);
    }
    if (status == FET_OK) status = fet_executor_run(executor, src, dst);
    for (uint32_t o = 0, at = 0; o < node->n_outputs; o++) {
        if (node->outputs[o] == FET_NONE) continue;
        fet_tensor **value = &walk->values[node->outputs[o]];
        fet_tensor_release(*value);
        *value = status == FET_OK ? fet_tensor_retain(made[at]) : NULL;
        at++;
    }
    for (uint32_t o = 0; o < graph->n_outputs; o++) fet_tensor_release(made[o]);
    return status;
}

/* Whether its computed inputs are there, one sample a row, and its outputs are f32 of as many samples. */
static bool can_run(const fit_walk *walk, const fet_node *node)
{
    const fet_graph *graph = walk->graph;
    uint32_t n_computed = 0;
    if (node->op == FET_OP_NONE || node->n_inputs > MOST_INPUTS || node->n_outputs > MOST_INPUTS) return false;
    int64_t samples = graph->values[graph->inputs[0]].shape.dim[0];
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == FET_NONE || graph->values[node->inputs[i]].kind == FET_VALUE_PARAM) continue;
        n_computed++;
        if (!walk->values[node->inputs[i]]) return false;
    }
    for (uint32_t o = 0; o < node->n_outputs; o++) {
        const fet_value *value = fet_node_output(graph, node, o);
        if (value && (value->dtype != FET_DTYPE_F32 || value->shape.rank == 0 || value->shape.dim[0] != samples)) return false;
    }
    return n_computed > 0 && samples == 1;
}

fet_status fit_walk_run(fit_walk *walk, fet_id n)
{
    const fet_node *node = &walk->graph->nodes[n];
    const float *src[MOST_INPUTS];
    if (!can_run(walk, node)) return FET_OK;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_graph_create(NULL, &graph));
    FET_TRY(build(walk, node, graph, src));
    fet_status status = run_alone(walk, node, graph, src);
    return status == FET_ERROR_UNSUPPORTED ? FET_OK : status;
}

void fit_walk_leave(fit_walk *walk, fet_id n)
{
    const fet_node *node = &walk->graph->nodes[n];
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        fet_id value = node->inputs[i];
        if (value == FET_NONE || walk->last[value] != n) continue;
        fet_tensor_release(walk->values[value]);
        walk->values[value] = NULL;
    }
}
