// SPDX-License-Identifier: Apache-2.0
#include "rewrite/fold_batchnorm.h"

#include <math.h>
#include <string.h>

typedef struct pair {
    fet_id conv, norm;
    uint32_t out_axis; /* of the weights */
} pair;

static const fet_tensor *f32_of(const fet_graph *graph, fet_id value)
{
    const fet_tensor *tensor = fet_graph_constant(graph, value);
    return tensor && tensor->dtype == FET_DTYPE_F32 ? tensor : NULL;
}

static uint32_t n_readers(const fet_graph *graph, fet_id value)
{
    uint32_t count = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++) count += graph->nodes[n].inputs[i] == value;
    for (uint32_t o = 0; o < graph->n_outputs; o++) count += graph->outputs[o] == value;
    return count;
}

/* A Gemm's bias may be stretched or scaled by beta; only the plain case is folded. */
static bool gemm_is_plain(const fet_node *node)
{
    return fet_node_float(node, FET_ATTR_ALPHA, 1) == 1 && fet_node_float(node, FET_ATTR_BETA, 1) == 1 &&
           fet_node_int(node, FET_ATTR_TRANS_A, 0) == 0;
}

static bool find_pair(const fet_graph *graph, fet_id norm, pair *out_pair)
{
    const fet_node *bn = &graph->nodes[norm];
    if (bn->op != FET_OP_BATCH_NORMALIZATION || bn->n_outputs < 1) return false;
    for (uint32_t o = 1; o < bn->n_outputs; o++)
        if (bn->outputs[o] != FET_NONE) return false;
    for (uint32_t i = 1; i < 5; i++)
        if (!f32_of(graph, bn->inputs[i])) return false;
    fet_id conv = graph->values[bn->inputs[0]].node;
    if (conv == FET_NONE || n_readers(graph, bn->inputs[0]) != 1) return false;
    const fet_node *node = &graph->nodes[conv];
    *out_pair = (pair){.conv = conv, .norm = norm};
    if (node->op == FET_OP_CONV_TRANSPOSE) out_pair->out_axis = 1;
    else if (node->op == FET_OP_GEMM) out_pair->out_axis = fet_node_int(node, FET_ATTR_TRANS_B, 0) ? 0 : 1;
    else if (node->op != FET_OP_CONV) return false;
    if (node->op == FET_OP_CONV_TRANSPOSE && fet_node_int(node, FET_ATTR_GROUP, 1) != 1) return false;
    if (node->op == FET_OP_GEMM && !gemm_is_plain(node)) return false;
    const fet_tensor *weight = f32_of(graph, node->inputs[1]), *gamma = f32_of(graph, bn->inputs[1]);
    if (!weight || n_readers(graph, node->inputs[1]) != 1 || weight->shape.dim[out_pair->out_axis] != fet_tensor_elements(gamma))
        return false;
    if (node->n_inputs < 3 || node->inputs[2] == FET_NONE) return true;
    const fet_tensor *bias = f32_of(graph, node->inputs[2]);
    return bias && fet_tensor_elements(bias) == fet_tensor_elements(gamma);
}

/* New weights and bias; nothing of the graph is changed yet. */
static fet_status fold_numbers(const fet_graph *graph, const pair *p, fet_tensor **out_weight, fet_tensor **out_bias)
{
    const fet_node *bn = &graph->nodes[p->norm], *node = &graph->nodes[p->conv];
    const float *gamma = fet_tensor_f32(f32_of(graph, bn->inputs[1])), *beta = fet_tensor_f32(f32_of(graph, bn->inputs[2]));
    const float *mean = fet_tensor_f32(f32_of(graph, bn->inputs[3])), *variance = fet_tensor_f32(f32_of(graph, bn->inputs[4]));
    const fet_tensor *old_bias = node->n_inputs > 2 ? f32_of(graph, node->inputs[2]) : NULL, *old = f32_of(graph, node->inputs[1]);
    float epsilon = fet_node_float(bn, FET_ATTR_EPSILON, 1e-5f);
    int64_t outer = 1, channels = old->shape.dim[p->out_axis], inner = 1;
    for (uint32_t a = 0; a < old->shape.rank; a++) {
        if (a < p->out_axis) outer *= old->shape.dim[a];
        if (a > p->out_axis) inner *= old->shape.dim[a];
    }
    fet_auto(fet_tensor) weight = NULL;
    fet_auto(fet_tensor) bias = NULL;
    fet_shape bias_shape = fet_shape_1d(channels);
    FET_TRY(fet_tensor_copy(old, &weight));
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &bias_shape, &bias));
    for (int64_t c = 0; c < channels; c++) {
        double scale = gamma[c] / sqrt((double)variance[c] + (double)epsilon);
        double before = old_bias ? fet_tensor_f32(old_bias)[c] : 0.0;
        fet_tensor_f32(bias)[c] = (float)(beta[c] + (before - (double)mean[c]) * scale);
        for (int64_t o = 0; o < outer; o++)
            for (int64_t i = 0; i < inner; i++) {
                float *w = &fet_tensor_f32(weight)[(o * channels + c) * inner + i];
                *w = (float)(*w * scale);
            }
    }
    *out_weight = fet_take(weight);
    *out_bias = fet_take(bias);
    return FET_OK;
}

/* The convolution gets its third input and makes the norm's output. Everything that may fail comes first. */
static fet_status rewire(fet_graph *graph, const pair *p, fet_tensor *weight, fet_tensor *bias)
{
    fet_node *node = &graph->nodes[p->conv];
    fet_id weight_param = graph->values[node->inputs[1]].param, bias_value = FET_NONE;
    char *name = fet_arena_printf(graph->arena, "%s.folded_bias", graph->values[node->inputs[1]].name);
    fet_id *inputs = fet_arena_alloc(graph->arena, 3 * sizeof *inputs);
    if (!name || !inputs) return fet_arena_full();
    FET_TRY(fet_graph_add_param(graph, name, FET_DTYPE_F32, &bias->shape, bias, true, &bias_value));
    node = &graph->nodes[p->conv];
    memcpy(inputs, node->inputs, 2 * sizeof *inputs);
    inputs[2] = bias_value;
    node->inputs = inputs;
    node->n_inputs = 3;
    fet_graph_set_tensor(graph, weight_param, weight);
    /* What these numbers were made from is no longer one parameter of a base. */
    graph->params[weight_param].origin.rule = FET_ORIGIN_FRESH;
    fet_id before = node->outputs[0], after = graph->nodes[p->norm].outputs[0];
    fet_graph_remove_node(graph, p->norm);
    node->outputs[0] = after;
    graph->values[after].node = p->conv;
    graph->values[before].node = FET_NONE;
    return FET_OK;
}

fet_status fet_fold_batchnorm(fet_graph *graph, uint32_t *out_folded)
{
    uint32_t folded = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        pair p;
        if (!find_pair(graph, n, &p)) continue;
        fet_auto(fet_tensor) weight = NULL;
        fet_auto(fet_tensor) bias = NULL;
        FET_TRY(fold_numbers(graph, &p, &weight, &bias));
        FET_TRY(rewire(graph, &p, weight, bias));
        folded++;
    }
    if (folded > 0) FET_TRY(fet_graph_compact(graph));
    if (out_folded) *out_folded = folded;
    return FET_OK;
}
