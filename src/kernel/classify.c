// SPDX-License-Identifier: Apache-2.0
/* Which world a node runs in. Everything here is decided by operator, shapes and which inputs are parameters, never by numbers of weights.
 */
#include "kernel/internal.h"

#include "op/conv.h"

#include <math.h>
#include <string.h>

static bool is_param(const fet_graph *graph, const fet_node *node, uint32_t i)
{
    const fet_value *value = fet_node_input(graph, node, i);
    return value && value->kind == FET_VALUE_PARAM;
}

static const fet_shape *input_shape(const fet_graph *graph, const fet_node *node, uint32_t i)
{
    return &graph->values[node->inputs[i]].shape;
}

static bool is_map(const fet_shape *shape)
{
    return shape->rank == 4 || shape->rank == 3;
}

/* One number for all, or one a channel: every dimension is 1 but perhaps the channels', aligned from the right as numpy does. */
static bool is_per_channel(const fet_shape *constant, const fet_shape *map)
{
    if (!is_map(map) || constant->rank > map->rank) return false;
    for (uint32_t i = 0; i < constant->rank; i++) {
        uint32_t axis = map->rank - constant->rank + i;
        if (constant->dim[i] != 1 && (axis != 1 || constant->dim[i] != map->dim[1])) return false;
    }
    return true;
}

static bool is_broadcast_of(const fet_shape *small, const fet_shape *map)
{
    return small->rank == 4 && map->rank == 4 && small->dim[0] == map->dim[0] && small->dim[1] == map->dim[1] && small->dim[2] == 1 &&
           small->dim[3] == 1;
}

uint32_t fet_kernel_main_input(const fet_graph *graph, const fet_node *node)
{
    if (node->n_inputs < 2) return 0;
    if (is_param(graph, node, 0)) return 1;
    if (is_param(graph, node, 1)) return 0;
    return fet_shape_equal(input_shape(graph, node, 0), &graph->values[node->outputs[0]].shape) ? 0 : 1;
}

static fet_kernel_class classify_binary(const fet_graph *graph, const fet_node *node)
{
    if (node->n_inputs != 2) return FET_CLASS_PLAIN;
    uint32_t main = fet_kernel_main_input(graph, node);
    const fet_shape *dst = &graph->values[node->outputs[0]].shape;
    const fet_shape *a = input_shape(graph, node, main), *b = input_shape(graph, node, 1 - main);
    bool ordered = node->op == FET_OP_SUB || node->op == FET_OP_DIV; /* the constant must stand second */
    if (is_param(graph, node, 0) && is_param(graph, node, 1)) return FET_CLASS_PLAIN;
    if (is_param(graph, node, 1 - main))
        return fet_shape_equal(a, dst) && is_per_channel(b, a) && !(ordered && main == 1) ? FET_CLASS_SCALE : FET_CLASS_PLAIN;
    if (node->op == FET_OP_DIV || !fet_shape_equal(a, dst) || a->rank < 2 || a->rank > 4) return FET_CLASS_PLAIN;
    if (fet_shape_equal(b, dst)) return FET_CLASS_BINARY;
    return is_broadcast_of(b, a) && !(ordered && main == 1) ? FET_CLASS_BINARY : FET_CLASS_PLAIN;
}

/* Scales whose product with a size is no whole number say other positions than the ratio of the sizes. */
static bool scales_are_ratios(const fet_graph *graph, const fet_node *node, const fet_shape *src, const fet_shape *dst)
{
    const fet_tensor *scales = node->n_inputs > 2 && node->inputs[2] != FET_NONE ? fet_graph_constant(graph, node->inputs[2]) : NULL;
    if (!scales || scales->dtype != FET_DTYPE_F32 || fet_tensor_elements(scales) != 4) return true;
    for (uint32_t d = 2; d < 4; d++)
        if (fabs((double)src->dim[d] * (double)fet_tensor_f32(scales)[d] - (double)dst->dim[d]) > 1e-3) return false;
    return true;
}

/* What oneDNN's resampling does. Sizes that are whole multiples look the same in every coordinate mode for "nearest"; "linear" must have
 * half-pixel centres. */
bool fet_kernel_resize_is_simple(const fet_graph *graph, const fet_node *node)
{
    const fet_shape *src = input_shape(graph, node, 0), *dst = &graph->values[node->outputs[0]].shape;
    const char *mode = fet_node_string(node, FET_ATTR_MODE, "nearest");
    const char *coordinates = fet_node_string(node, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "half_pixel");
    bool half_pixel = strcmp(coordinates, "half_pixel") == 0 || strcmp(coordinates, "pytorch_half_pixel") == 0;
    bool multiple = dst->dim[2] % src->dim[2] == 0 && dst->dim[3] % src->dim[3] == 0;
    if (strcmp(mode, "linear") == 0) return half_pixel && dst->dim[2] > 1 && dst->dim[3] > 1 && scales_are_ratios(graph, node, src, dst);
    if (strcmp(mode, "nearest") != 0 || !multiple) return false;
    const char *nearest = fet_node_string(node, FET_ATTR_NEAREST_MODE, "round_prefer_floor");
    bool asymmetric = strcmp(coordinates, "asymmetric") == 0 && strcmp(nearest, "floor") == 0;
    bool rounded = half_pixel && strncmp(nearest, "round", 5) == 0;
    return asymmetric || rounded;
}

/* Maps whose height and width change, by constants. A region of interest would have to be read first. */
static fet_kernel_class classify_resize(const fet_graph *graph, const fet_node *node)
{
    const fet_shape *src = input_shape(graph, node, 0), *dst = &graph->values[node->outputs[0]].shape;
    if (src->rank != 4 || src->dim[0] != dst->dim[0] || src->dim[1] != dst->dim[1]) return FET_CLASS_PLAIN;
    for (uint32_t i = 1; i < node->n_inputs; i++)
        if (node->inputs[i] != FET_NONE && !is_param(graph, node, i)) return FET_CLASS_PLAIN;
    bool region = strcmp(fet_node_string(node, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "half_pixel"), "tf_crop_and_resize") == 0;
    return region ? FET_CLASS_PLAIN : FET_CLASS_RESIZE;
}

/* Constant whole numbers of input i. */
static bool whole_numbers(const fet_graph *graph, const fet_node *node, uint32_t i, uint32_t room, int64_t *numbers, uint32_t *out_count)
{
    const fet_tensor *tensor = i < node->n_inputs && node->inputs[i] != FET_NONE ? fet_graph_constant(graph, node->inputs[i]) : NULL;
    int64_t count = tensor ? fet_tensor_elements(tensor) : -1;
    if (count < 0 || count > room || (tensor->dtype != FET_DTYPE_S64 && tensor->dtype != FET_DTYPE_S32)) return false;
    for (int64_t k = 0; k < count; k++)
        numbers[k] = tensor->dtype == FET_DTYPE_S64 ? ((const int64_t *)tensor->data)[k] : ((const int32_t *)tensor->data)[k];
    *out_count = (uint32_t)count;
    return true;
}

bool fet_kernel_pads(const fet_graph *graph, const fet_node *node, int64_t begin[2], int64_t end[2])
{
    int64_t pads[8];
    uint32_t count = 0;
    if (input_shape(graph, node, 0)->rank != 4 || strcmp(fet_node_string(node, FET_ATTR_MODE, "constant"), "constant") != 0) return false;
    if (!whole_numbers(graph, node, 1, 8, pads, &count) || count != 8) return false;
    for (int i = 0; i < 8; i++)
        if (pads[i] < 0 || (i % 4 < 2 && pads[i] != 0)) return false;
    begin[0] = pads[2], begin[1] = pads[3], end[0] = pads[6], end[1] = pads[7];
    return true;
}

bool fet_kernel_is_zero_pad(const fet_graph *graph, const fet_node *node)
{
    int64_t begin[2], end[2];
    if (node->op != FET_OP_PAD || !fet_kernel_pads(graph, node, begin, end)) return false;
    if (node->n_inputs < 3 || node->inputs[2] == FET_NONE) return true;
    const fet_tensor *value = fet_graph_constant(graph, node->inputs[2]);
    return value && value->dtype == FET_DTYPE_F32 && fet_tensor_elements(value) == 1 && fet_tensor_f32(value)[0] == 0.0f;
}

static fet_kernel_class classify_pad(const fet_graph *graph, const fet_node *node)
{
    int64_t begin[2], end[2];
    const fet_value *value = fet_node_input(graph, node, 2);
    bool constant = !value || (fet_graph_constant(graph, node->inputs[2]) && value->dtype == FET_DTYPE_F32);
    return constant && !is_param(graph, node, 0) && fet_kernel_pads(graph, node, begin, end) ? FET_CLASS_PAD : FET_CLASS_PLAIN;
}

/* N, G, C / G, H, W -> N, C / G, G, H, W: the middle of a shuffle, if Reshapes from and to maps stand around it (split.c). */
static fet_kernel_class classify_transpose(const fet_graph *graph, const fet_node *node)
{
    static const int64_t shuffle[5] = {0, 2, 1, 3, 4};
    const fet_attr *perm = fet_node_attr(node, FET_ATTR_PERM);
    if (input_shape(graph, node, 0)->rank != 5 || !perm || perm->type != FET_ATTR_TYPE_INTS || perm->count != 5) return FET_CLASS_PLAIN;
    if (memcmp(perm->ints, shuffle, sizeof shuffle) != 0) return FET_CLASS_PLAIN;
    const fet_shape *root = &graph->values[fet_kernel_view_root(graph, node->inputs[0])].shape, *src = input_shape(graph, node, 0);
    bool map = root->rank == 4 && root->dim[0] == src->dim[0] && root->dim[1] == src->dim[1] * src->dim[2] && root->dim[2] == src->dim[3] &&
               root->dim[3] == src->dim[4];
    return map ? FET_CLASS_SHUFFLE : FET_CLASS_PLAIN;
}

static fet_kernel_class classify_slice(const fet_graph *graph, const fet_node *node)
{
    int64_t numbers[4] = {0};
    uint32_t count = 0;
    const fet_shape *src = input_shape(graph, node, 0);
    bool one = src->rank == 4 && !is_param(graph, node, 0) && whole_numbers(graph, node, 1, 1, numbers, &count) && count == 1 &&
               whole_numbers(graph, node, 3, 1, numbers, &count) && count == 1 && (numbers[0] == 1 || numbers[0] == -3);
    if (!one) return FET_CLASS_PLAIN;
    if (node->n_inputs > 4 && node->inputs[4] != FET_NONE &&
        (!whole_numbers(graph, node, 4, 1, numbers, &count) || count != 1 || numbers[0] != 1))
        return FET_CLASS_PLAIN;
    return graph->values[node->outputs[0]].shape.dim[1] > 0 ? FET_CLASS_SLICE : FET_CLASS_PLAIN;
}

int64_t fet_kernel_slice_start(const fet_graph *graph, const fet_node *node)
{
    int64_t start = 0, channels = input_shape(graph, node, 0)->dim[1];
    uint32_t count = 0;
    if (!whole_numbers(graph, node, 1, 1, &start, &count)) return 0;
    if (start < 0) start = start < -channels ? 0 : start + channels;
    return start;
}

static fet_kernel_class classify_prelu(const fet_graph *graph, const fet_node *node)
{
    const fet_shape *src = input_shape(graph, node, 0);
    return is_param(graph, node, 1) && !is_param(graph, node, 0) && src->rank == 4 && is_per_channel(input_shape(graph, node, 1), src)
               ? FET_CLASS_PRELU
               : FET_CLASS_PLAIN;
}

static fet_kernel_class classify_concat(const fet_graph *graph, const fet_node *node)
{
    const fet_shape *dst = &graph->values[node->outputs[0]].shape;
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, 1);
    if (axis < 0) axis += dst->rank;
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (is_param(graph, node, i)) return FET_CLASS_PLAIN;
    return dst->rank == 4 && axis == 1 ? FET_CLASS_CONCAT : FET_CLASS_PLAIN;
}

static fet_kernel_class classify_gemm(const fet_graph *graph, const fet_node *node)
{
    if (!is_param(graph, node, 1) || is_param(graph, node, 0) || input_shape(graph, node, 0)->rank != 2 ||
        input_shape(graph, node, 1)->rank != 2)
        return FET_CLASS_PLAIN;
    if (node->op == FET_OP_MATMUL) return FET_CLASS_GEMM;
    if (fet_node_int(node, FET_ATTR_TRANS_A, 0) != 0) return FET_CLASS_PLAIN;
    if (node->n_inputs < 3 || node->inputs[2] == FET_NONE) return FET_CLASS_GEMM;
    const fet_shape *bias = input_shape(graph, node, 2), *dst = &graph->values[node->outputs[0]].shape;
    bool row = bias->rank <= 1 || (bias->rank == 2 && bias->dim[0] == 1);
    int64_t elements = fet_shape_elements(bias);
    return is_param(graph, node, 2) && row && (elements == 1 || elements == dst->dim[1]) ? FET_CLASS_GEMM : FET_CLASS_PLAIN;
}

static fet_kernel_class classify_conv(const fet_graph *graph, const fet_node *node)
{
    /* An output_shape larger than the window gives means padding below zero, which exists in no fast form. */
    fet_window window;
    bool wide = node->op == FET_OP_CONV_TRANSPOSE && fet_node_attr(node, FET_ATTR_OUTPUT_SHAPE) &&
                fet_op_window(graph, node, &window) == FET_OK &&
                (window.pad_begin[0] < 0 || window.pad_begin[1] < 0 || window.pad_end[0] < 0 || window.pad_end[1] < 0);
    if (wide) return FET_CLASS_PLAIN;
    bool constant = is_param(graph, node, 1) && (node->n_inputs < 3 || node->inputs[2] == FET_NONE || is_param(graph, node, 2));
    return constant && !is_param(graph, node, 0) && is_map(input_shape(graph, node, 0)) ? FET_CLASS_CONV : FET_CLASS_PLAIN;
}

static fet_kernel_class classify_batch_norm(const fet_graph *graph, const fet_node *node)
{
    for (uint32_t i = 1; i < node->n_inputs; i++)
        if (!is_param(graph, node, i)) return FET_CLASS_PLAIN;
    return is_map(input_shape(graph, node, 0)) ? FET_CLASS_SCALE : FET_CLASS_PLAIN;
}

/* Holes in a window, and padding that counts where ceil mode reaches beyond it, exist in no fast form. */
static fet_kernel_class classify_pool(const fet_graph *graph, const fet_node *node)
{
    const fet_attr *dilations = fet_node_attr(node, FET_ATTR_DILATIONS);
    for (uint32_t i = 0; dilations && dilations->type == FET_ATTR_TYPE_INTS && i < dilations->count; i++)
        if (dilations->ints[i] != 1) return FET_CLASS_PLAIN;
    if (fet_node_int(node, FET_ATTR_CEIL_MODE, 0) != 0 && fet_node_int(node, FET_ATTR_COUNT_INCLUDE_PAD, 0) != 0) return FET_CLASS_PLAIN;
    bool indices = node->n_outputs > 1 && node->outputs[1] != FET_NONE;
    return is_map(input_shape(graph, node, 0)) && !indices ? FET_CLASS_POOL : FET_CLASS_PLAIN;
}

fet_kernel_class fet_kernel_classify(const fet_graph *graph, const fet_node *node)
{
    if (node->n_inputs == 0 || node->n_outputs == 0 || node->inputs[0] == FET_NONE || node->outputs[0] == FET_NONE) return FET_CLASS_PLAIN;
    switch (node->op) {
    case FET_OP_NONE: return FET_CLASS_UNSUPPORTED;
    case FET_OP_CONV:
    case FET_OP_CONV_TRANSPOSE: return classify_conv(graph, node);
    case FET_OP_GEMM:
    case FET_OP_MATMUL: return classify_gemm(graph, node);
    case FET_OP_MAX_POOL:
    case FET_OP_AVERAGE_POOL: return classify_pool(graph, node);
    case FET_OP_GLOBAL_AVERAGE_POOL:
    case FET_OP_GLOBAL_MAX_POOL: return is_map(input_shape(graph, node, 0)) ? FET_CLASS_GLOBAL : FET_CLASS_PLAIN;
    case FET_OP_BATCH_NORMALIZATION: return classify_batch_norm(graph, node);
    case FET_OP_SUM:
    case FET_OP_ADD:
    case FET_OP_SUB:
    case FET_OP_MUL:
    case FET_OP_DIV: return classify_binary(graph, node);
    case FET_OP_CONCAT: return classify_concat(graph, node);
    case FET_OP_RESIZE: return classify_resize(graph, node);
    case FET_OP_PAD: return classify_pad(graph, node);
    case FET_OP_TRANSPOSE: return classify_transpose(graph, node);
    case FET_OP_SLICE: return classify_slice(graph, node);
    case FET_OP_PRELU: return classify_prelu(graph, node);
    default: break;
    }
    if (fet_kernel_is_view(node->op)) return FET_CLASS_VIEW;
    uint32_t rank = input_shape(graph, node, 0)->rank;
    if (rank >= 2 && rank <= 4 && fet_activation_of_node(graph, node).kind != FET_ACTIVATION_NONE) return FET_CLASS_ACTIVATION;
    return FET_CLASS_PLAIN;
}

bool fet_kernel_is_view(fet_op_kind op)
{
    switch (op) {
    case FET_OP_RESHAPE:
    case FET_OP_FLATTEN:
    case FET_OP_SQUEEZE:
    case FET_OP_UNSQUEEZE:
    case FET_OP_IDENTITY:
    case FET_OP_DROPOUT: return true;
    default: return false;
    }
}

fet_id fet_kernel_operand(const fet_graph *graph, const fet_kernel *kernel, uint32_t i)
{
    fet_id node = i == 0 && kernel->pad != FET_NONE ? kernel->pad : kernel->anchor;
    return graph->nodes[node].inputs[i];
}

fet_id fet_kernel_view_root(const fet_graph *graph, fet_id value)
{
    while (graph->values[value].kind == FET_VALUE_COMPUTED && fet_kernel_is_view(graph->nodes[graph->values[value].node].op))
        value = graph->nodes[graph->values[value].node].inputs[0];
    return value;
}

bool fet_kernel_fast_is_row_major(const fet_shape *shape)
{
    if (shape->rank < 3) return true;
    int64_t image = 1;
    for (uint32_t i = 2; i < shape->rank; i++) image *= shape->dim[i];
    return shape->rank <= 4 && (image == 1 || shape->dim[1] == 1);
}

static const fet_dtype world_precision[FET_KERNEL_WORLDS] = {FET_DTYPE_S8, FET_DTYPE_BF16, FET_DTYPE_F32};

fet_dtype fet_kernel_world_precision(uint32_t world)
{
    return world_precision[world];
}

uint32_t fet_kernel_world(fet_dtype precision)
{
    uint32_t w = 0;
    while (w + 1 < FET_KERNEL_WORLDS && world_precision[w] != precision) w++;
    return w;
}

bool fet_kernel_fast_is_plain(const fet_shape *shape, fet_dtype precision)
{
    return precision == FET_DTYPE_F32 && fet_kernel_fast_is_row_major(shape);
}
