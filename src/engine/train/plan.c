// SPDX-License-Identifier: Apache-2.0
/* From graph to steps: which values and parameters take part, batch norm with what follows it as one step, who wants a gradient. */
#include "engine/train/train.h"

#include "engine/train/batch_norm.h"
#include "engine/train/boundary.h"
#include "graph/limits.h"

#include <string.h>

static bool is_float(const fet_value *value)
{
    return value->dtype == FET_DTYPE_F32 && value->kind != FET_VALUE_PARAM;
}

/*
 * Feature maps lie as oneDNN's convolutions want them, everything else in plain order. NHWC wherever there is a choice: its convolutions
 * work on channels that fill no block without padding them, and with our own batch norm it is at least as fast as nChw16c. Those for AVX2
 * are quick only with nChw8c.
 */
static fet_train_layout layout_of_maps(const fet_trainer *trainer)
{
    enum { AVX512_BLOCK = 16 };
    return trainer->options.dtype == FET_DTYPE_BF16 || trainer->block == AVX512_BLOCK ? FET_TRAIN_NHWC : FET_TRAIN_BLOCKED;
}

static fet_status plan_value(fet_trainer *trainer, fet_id id)
{
    const fet_value *value = &trainer->graph->values[id];
    fet_train_value *v = &trainer->values[id];
    *v = (fet_train_value){.diff_of = FET_NONE};
    if (!is_float(value)) return FET_OK;
    const fet_shape *input = &trainer->graph->values[trainer->graph->inputs[0]].shape;
    if (value->shape.rank == 0 || value->shape.dim[0] != input->dim[0]) {
        char text[FET_SHAPE_TEXT_BYTES];
        return fet_fail(FET_ERROR_UNSUPPORTED, "value \"%s\" of shape %s: training needs the batch (%lld in the graph) as first dimension",
                        value->name, fet_shape_print(&value->shape, text, sizeof text), (long long)input->dim[0]);
    }
    v->shape = value->shape;
    v->shape.dim[0] = trainer->batch;
    v->dtype = trainer->options.dtype;
    v->layout = value->shape.rank == 4 ? layout_of_maps(trainer) : FET_TRAIN_PLAIN;
    v->items = fet_shape_elements(&v->shape) / trainer->batch;
    if (v->layout == FET_TRAIN_BLOCKED) {
        int64_t c = v->shape.dim[1], padded = (c + trainer->block - 1) / trainer->block * trainer->block;
        v->items = c > 0 ? v->items / c * padded : 0;
    }
    v->image_bytes = (size_t)v->items * fet_dtype_bytes(v->dtype);
    fet_shape padded = fet_shape_2d(trainer->batch, v->items);
    return fet_shape_check(&padded, fet_dtype_bytes(v->dtype), FET_TENSOR_LIMIT_BYTES, value->name);
}

static void plan_params(fet_trainer *trainer, const fet_graph_uses *uses)
{
    for (fet_id p = 0; p < trainer->graph->n_params; p++) {
        const fet_param *param = &trainer->graph->params[p];
        trainer->params[p] = (fet_train_param){
            .id = p,
            .trainable = param->trainable,
            .decay = trainer->graph->values[param->value].shape.rank >= 2, /* weights; biases and batch norm are vectors */
            .n_uses = uses->first[param->value + 1] - uses->first[param->value],
        };
    }
}

/* The only reader of a value, or FET_NONE when there are several or the caller of the graph reads it too. */
static fet_id only_reader(const fet_graph *graph, const fet_graph_uses *uses, fet_id value)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        if (graph->outputs[o] == value) return FET_NONE;
    return uses->first[value + 1] - uses->first[value] == 1 ? uses->nodes[uses->first[value]] : FET_NONE;
}

/* Nodes on which an output depends. */
static bool *find_live(fet_trainer *trainer)
{
    const fet_graph *graph = trainer->graph;
    bool *live = fet_train_state(trainer, graph->n_nodes + 1);
    if (!live) return NULL;
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        if (graph->values[graph->outputs[o]].kind == FET_VALUE_COMPUTED) live[graph->values[graph->outputs[o]].node] = true;
    for (uint32_t n = graph->n_nodes; n-- > 0;) {
        if (!live[n]) continue;
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++) {
            const fet_value *input = fet_node_input(graph, &graph->nodes[n], i);
            if (input && input->kind == FET_VALUE_COMPUTED) live[input->node] = true;
        }
    }
    return live;
}

static fet_status add_step(fet_trainer *trainer, const fet_train_op *op, const fet_node *node, const char *name, const fet_id *inputs,
                           uint32_t n_inputs, fet_id dst, fet_train_step **out_step)
{
    fet_train_step *step = &trainer->steps[trainer->n_steps];
    *step = (fet_train_step){.op = op, .node = node, .name = name, .n_inputs = n_inputs, .dst = dst};
    step->inputs = fet_arena_copy(trainer->arena, inputs, (n_inputs + 1) * sizeof *inputs);
    step->wants = fet_train_state(trainer, n_inputs + 1);
    step->accumulate = fet_train_state(trainer, n_inputs + 1);
    step->needs = fet_train_state(trainer, n_inputs + 1);
    if (!step->inputs || !step->wants || !step->accumulate || !step->needs) return fet_arena_full();
    trainer->n_steps++;
    *out_step = step;
    return FET_OK;
}

static bool is_read(const fet_graph *graph, const fet_graph_uses *uses, fet_id value)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        if (graph->outputs[o] == value) return true;
    return uses->first[value + 1] > uses->first[value];
}

static fet_status plan_node(fet_trainer *trainer, const fet_graph_uses *uses, const fet_node *node)
{
    const fet_train_op *op = fet_train_find(trainer, node);
    if (!op) return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": operator %s cannot be trained", node->name, fet_op_onnx_name(node->op));
    fet_id inputs[FET_NODE_LIMIT_INPUTS + 1];
    memcpy(inputs, node->inputs, node->n_inputs * sizeof *inputs);
    inputs[node->n_inputs] = FET_NONE;
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == FET_NONE || !is_read(trainer->graph, uses, node->outputs[i])) continue;
        if (node->op != FET_OP_SPLIT && i > 0)
            return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s with more than one output cannot be trained", node->name,
                            fet_op_onnx_name(node->op));
        fet_train_step *step = NULL;
        FET_TRY(add_step(trainer, op, node, node->name, inputs, node->n_inputs, node->outputs[i], &step));
        step->output = i;
    }
    return FET_OK;
}

/* A batch norm and what it takes with it stand where the last of them stood. */
static fet_status plan_steps(fet_trainer *trainer, const fet_graph_uses *uses)
{
    const fet_graph *graph = trainer->graph;
    bool *live = find_live(trainer);
    fet_bn_fusion *fusions = fet_train_state(trainer, (graph->n_nodes + 1) * sizeof *fusions);
    if (!live || !fusions) return fet_arena_full();
    fet_id none[1] = {FET_NONE};
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        fet_train_step *step = NULL;
        fet_id value = graph->inputs[i];
        if (is_float(&graph->values[value]))
            FET_TRY(add_step(trainer, &fet_train_import, NULL, graph->values[value].name, none, 0, value, &step));
    }
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (!live[n] || graph->nodes[n].op != FET_OP_BATCH_NORMALIZATION) continue;
        fet_bn_fusion fusion = fet_bn_find_fusion(graph, uses, n, only_reader);
        for (uint32_t f = 0; f < fusion.n_nodes; f++)
            if (fusions[fusion.nodes[f]].n_nodes) fusion.n_nodes = 0; /* an add between two batch norms goes with the first */
        if (fusion.n_nodes == 0) fusion = fet_bn_alone(graph, n);
        for (uint32_t f = 0; f < fusion.n_nodes; f++) fusions[fusion.nodes[f]] = fusion;
    }
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (!live[n]) continue;
        const fet_bn_fusion *fusion = &fusions[n];
        if (fusion->n_nodes == 0) {
            FET_TRY(plan_node(trainer, uses, &graph->nodes[n]));
        } else if (fusion->nodes[fusion->n_nodes - 1] == n) {
            const fet_node *node = &graph->nodes[fusion->nodes[0]];
            fet_id inputs[7] = {node->inputs[0], node->inputs[1],  node->inputs[2], node->inputs[3],
                                node->inputs[4], fusion->residual, FET_NONE};
            fet_train_step *step = NULL;
            FET_TRY(add_step(trainer, &fet_train_batch_normalization, node, node->name, inputs, fusion->residual == FET_NONE ? 5 : 6,
                             graph->nodes[n].outputs[0], &step));
            FET_TRY(fet_bn_set_fusion(trainer, step, fusion));
        }
    }
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        if (graph->values[graph->outputs[o]].kind == FET_VALUE_PARAM) continue;
        fet_train_step *step = NULL;
        fet_id value[] = {graph->outputs[o], FET_NONE};
        FET_TRY(add_step(trainer, &fet_train_export, NULL, graph->values[value[0]].name, value, 1, FET_NONE, &step));
        FET_TRY(fet_train_boundary_set_index(trainer, step, o));
    }
    uint32_t index = 0;
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        if (is_float(&graph->values[graph->inputs[i]])) FET_TRY(fet_train_boundary_set_index(trainer, &trainer->steps[index++], i));
    return FET_OK;
}

static bool wants_diff(const fet_trainer *trainer, fet_id value)
{
    if (value == FET_NONE) return false;
    const fet_value *v = &trainer->graph->values[value];
    return v->kind == FET_VALUE_PARAM ? trainer->params[v->param].trainable : trainer->values[value].wants_diff;
}

/* Forward: whose gradient matters to a parameter (or an input that is asked for). Backward: who writes a gradient first and who adds. */
static void plan_gradients(fet_trainer *trainer)
{
    for (uint32_t s = 0; s < trainer->n_steps; s++) {
        fet_train_step *step = &trainer->steps[s];
        bool any = step->op == &fet_train_import && trainer->options.input_gradients;
        for (uint32_t i = 0; i < step->n_inputs; i++) {
            step->wants[i] = wants_diff(trainer, step->inputs[i]);
            any = any || step->wants[i];
        }
        step->live_backward = any;
        if (step->dst != FET_NONE) trainer->values[step->dst].wants_diff = any;
    }
    for (uint32_t s = trainer->n_steps; s-- > 0;) {
        fet_train_step *step = &trainer->steps[s];
        for (uint32_t i = step->n_inputs; i-- > 0;) {
            if (!step->wants[i] || trainer->graph->values[step->inputs[i]].kind == FET_VALUE_PARAM) continue;
            fet_train_value *value = &trainer->values[step->inputs[i]];
            step->accumulate[i] = value->has_diff;
            value->has_diff = true;
        }
    }
}

/* An output that is a constant of every sample (the anchors of a detector) stays what it is, and its gradient goes nowhere. */
static fet_status check_output(fet_trainer *trainer, const fet_value *value, uint32_t index)
{
    if (value->kind == FET_VALUE_COMPUTED && is_float(value)) return FET_OK;
    const fet_tensor *tensor = fet_graph_constant(trainer->graph, trainer->graph->outputs[index]);
    int64_t samples = trainer->graph->values[trainer->graph->inputs[0]].shape.dim[0];
    if (!tensor || tensor->dtype != FET_DTYPE_F32 || value->shape.rank == 0 || value->shape.dim[0] != samples)
        return fet_fail(FET_ERROR_UNSUPPORTED, "output \"%s\" is neither computed as f32 nor an f32 constant of each sample", value->name);
    size_t bytes = tensor->bytes / (size_t)samples;
    FET_TRY(fet_train_alloc(trainer, bytes * (size_t)trainer->batch, "an output", &trainer->outputs[index]));
    for (int64_t n = 0; n < trainer->batch; n++)
        memcpy((char *)trainer->outputs[index] + (size_t)n * bytes, (const char *)tensor->data + (size_t)(n % samples) * bytes, bytes);
    return FET_OK;
}

fet_status fet_train_plan(fet_trainer *trainer)
{
    const fet_graph *graph = trainer->graph;
    if (graph->n_inputs == 0 || graph->n_outputs == 0)
        return fet_fail(FET_ERROR_ARG, "a graph with %u inputs and %u outputs cannot be trained", graph->n_inputs, graph->n_outputs);
    for (uint32_t o = 0; o < graph->n_outputs; o++) FET_TRY(check_output(trainer, &graph->values[graph->outputs[o]], o));
    fet_graph_uses uses;
    FET_TRY(fet_graph_uses_create(graph, trainer->arena, &uses));
    trainer->values = fet_train_state(trainer, (graph->n_values + 1) * sizeof *trainer->values);
    trainer->params = fet_train_state(trainer, (graph->n_params + 1) * sizeof *trainer->params);
    size_t most_steps = (size_t)graph->n_inputs + graph->n_outputs + 1;
    for (fet_id n = 0; n < graph->n_nodes; n++) most_steps += graph->nodes[n].n_outputs;
    trainer->steps = fet_train_state(trainer, most_steps * sizeof *trainer->steps);
    if (!trainer->values || !trainer->params || !trainer->steps) return fet_arena_full();
    plan_params(trainer, &uses);
    for (fet_id v = 0; v < graph->n_values; v++) trainer->values[v].diff_of = FET_NONE; /* parameters too, which may be value 0 */
    for (fet_id v = 0; v < graph->n_values; v++)
        if (graph->values[v].node != FET_NONE || graph->values[v].kind == FET_VALUE_INPUT) FET_TRY(plan_value(trainer, v));
    FET_TRY(plan_steps(trainer, &uses));
    plan_gradients(trainer);
    for (uint32_t s = 0; s < trainer->n_steps; s++)
        if (trainer->steps[s].op->plan) FET_TRY(trainer->steps[s].op->plan(trainer, &trainer->steps[s]));
    return FET_OK;
}
