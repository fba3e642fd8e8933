// SPDX-License-Identifier: Apache-2.0
/* A layer's results and inputs at sampled places: a place is (sample, y, x) of a map, or a row of a matrix. Tensors are plain NCHW. */
#include "engine/refit/internal.h"

#include <string.h>

static uint32_t readers_of(const fet_graph *graph, fet_id value)
{
    uint32_t count = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs && graph->nodes[n].op != FET_OP_NONE; i++)
            count += graph->nodes[n].inputs[i] == value;
    return count;
}

/* A parameter of f32 numbers that this node alone reads. */
static fet_id own_param(const fet_graph *graph, const fet_node *node, uint32_t input)
{
    const fet_value *value = fet_node_input(graph, node, input);
    if (!value || value->kind != FET_VALUE_PARAM || value->dtype != FET_DTYPE_F32 || !graph->params[value->param].tensor) return FET_NONE;
    return readers_of(graph, node->inputs[input]) == 1 ? value->param : FET_NONE;
}

static bool find_matrix(const fet_graph *graph, const fet_node *node, fit_layer *layer)
{
    const fet_shape *src = &fet_node_input(graph, node, 0)->shape, *weight = &fet_node_input(graph, node, 1)->shape;
    bool gemm = node->op == FET_OP_GEMM, transposed = gemm && fet_node_int(node, FET_ATTR_TRANS_B, 0) != 0;
    if (weight->rank != 2 || src->rank < 2 || (gemm && src->rank != 2)) return false;
    if (gemm && (fet_node_int(node, FET_ATTR_TRANS_A, 0) != 0 || fet_node_float(node, FET_ATTR_ALPHA, 1) != 1 ||
                 fet_node_float(node, FET_ATTR_BETA, 1) != 1))
        return false;
    layer->matrix = true;
    layer->inputs_first = !transposed;
    layer->groups = 1;
    layer->inputs = (uint32_t)weight->dim[transposed];
    layer->outputs = (uint32_t)weight->dim[!transposed];
    return true;
}

static bool find_conv(const fet_graph *graph, const fet_node *node, fit_layer *layer)
{
    const fet_shape *weight = &fet_node_input(graph, node, 1)->shape;
    if (weight->rank != 4 || fet_op_window(graph, node, &layer->window) != FET_OK) return false;
    layer->groups = (uint32_t)layer->window.group;
    layer->inputs = (uint32_t)(weight->dim[1] * weight->dim[2] * weight->dim[3]);
    layer->outputs = (uint32_t)weight->dim[0];
    return true;
}

bool fit_layer_find(const fet_graph *graph, fet_id n, fit_layer *out_layer)
{
    const fet_node *node = &graph->nodes[n];
    if (node->op != FET_OP_CONV && node->op != FET_OP_GEMM && node->op != FET_OP_MATMUL) return false;
    fit_layer layer = {.node = n, .weight = own_param(graph, node, 1), .bias = FET_NONE, .readers = readers_of(graph, node->outputs[0])};
    if (layer.weight == FET_NONE || fet_node_input(graph, node, 0)->kind == FET_VALUE_PARAM) return false;
    if (!(node->op == FET_OP_CONV ? find_conv(graph, node, &layer) : find_matrix(graph, node, &layer))) return false;
    if (node->op != FET_OP_MATMUL) layer.bias = own_param(graph, node, 2);
    if (layer.bias != FET_NONE && fet_tensor_elements(graph->params[layer.bias].tensor) != layer.outputs) layer.bias = FET_NONE;
    *out_layer = layer;
    return true;
}

uint64_t fit_layer_places(const fet_graph *graph, const fit_layer *layer, int64_t batch)
{
    const fet_shape *dst = &graph->values[graph->nodes[layer->node].outputs[0]].shape;
    return (uint64_t)(fet_shape_elements(dst) / dst->dim[0] * batch / layer->outputs);
}

void fit_samples(const fit_layer *layer, const fet_tensor *value, const uint64_t *places, uint32_t n, float *rows)
{
    const float *data = fet_tensor_f32(value);
    uint32_t channels = layer->outputs;
    if (layer->matrix) {
        for (uint32_t i = 0; i < n; i++) memcpy(rows + (size_t)i * channels, data + places[i] * channels, channels * sizeof *rows);
        return;
    }
    uint64_t map = (uint64_t)(value->shape.dim[2] * value->shape.dim[3]);
    for (uint32_t i = 0; i < n; i++) {
        const float *at = data + places[i] / map * channels * map + places[i] % map;
        for (uint32_t c = 0; c < channels; c++) rows[(size_t)i * channels + c] = at[c * map];
    }
}

static void patch(const fit_layer *layer, const fet_shape *src, const float *maps, int64_t y, int64_t x, float *row)
{
    const fet_window *w = &layer->window;
    int64_t kh = w->kernel[0], kw = w->kernel[1], channels = layer->inputs / (kh * kw), h = src->dim[2], wide = src->dim[3];
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < kh; i++) {
            int64_t at_y = y * w->stride[0] - w->pad_begin[0] + i * w->dilation[0];
            for (int64_t j = 0; j < kw; j++) {
                int64_t at_x = x * w->stride[1] - w->pad_begin[1] + j * w->dilation[1];
                bool inside = at_y >= 0 && at_y < h && at_x >= 0 && at_x < wide;
                *row++ = inside ? maps[(c * h + at_y) * wide + at_x] : 0.0f;
            }
        }
}

void fit_patches(const fit_layer *layer, const fet_tensor *src, const fet_tensor *dst, uint32_t g, const uint64_t *places, uint32_t n,
                 float *rows)
{
    const float *data = fet_tensor_f32(src);
    uint32_t k = layer->inputs;
    if (layer->matrix) {
        for (uint32_t i = 0; i < n; i++) memcpy(rows + (size_t)i * k, data + places[i] * k, k * sizeof *rows);
        return;
    }
    int64_t width = dst->shape.dim[3], map = dst->shape.dim[2] * width;
    int64_t channels = src->shape.dim[1] / layer->groups, plane = src->shape.dim[2] * src->shape.dim[3];
    for (uint32_t i = 0; i < n; i++) {
        int64_t sample = (int64_t)places[i] / map, at = (int64_t)places[i] % map;
        const float *maps = data + (sample * src->shape.dim[1] + g * channels) * plane;
        patch(layer, &src->shape, maps, at / width, at % width, rows + (size_t)i * k);
    }
}
