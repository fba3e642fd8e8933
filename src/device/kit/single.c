// SPDX-License-Identifier: Apache-2.0
#include "device/kit/single.h"

#include "engine/init.h"
#include "op/op.h"

static bool is_conv(const fet_kernel_key *key)
{
    return key->op == FET_OP_CONV || key->op == FET_OP_CONV_TRANSPOSE;
}

static bool is_binary(const fet_kernel_key *key)
{
    return (key->op == FET_OP_ADD || key->op == FET_OP_SUB || key->op == FET_OP_MUL) && !(key->flags & FET_KERNEL_CONST);
}

static bool is_activation(const fet_kernel_key *key)
{
    switch ((fet_op_kind)key->op) {
    case FET_OP_RELU:
    case FET_OP_CLIP:
    case FET_OP_LEAKY_RELU:
    case FET_OP_ELU:
    case FET_OP_SIGMOID:
    case FET_OP_HARD_SIGMOID:
    case FET_OP_HARD_SWISH:
    case FET_OP_SWISH:
    case FET_OP_GELU:
    case FET_OP_TANH: return true;
    default: return false;
    }
}

static fet_op_kind op_of_activation(uint8_t kind)
{
    static const fet_op_kind ops[FET_ACTIVATION_COUNT] = {
        [FET_ACTIVATION_RELU] = FET_OP_RELU,
        [FET_ACTIVATION_CLIP] = FET_OP_CLIP,
        [FET_ACTIVATION_LEAKY_RELU] = FET_OP_LEAKY_RELU,
        [FET_ACTIVATION_ELU] = FET_OP_ELU,
        [FET_ACTIVATION_SIGMOID] = FET_OP_SIGMOID,
        [FET_ACTIVATION_HARD_SIGMOID] = FET_OP_HARD_SIGMOID,
        [FET_ACTIVATION_HARD_SWISH] = FET_OP_HARD_SWISH,
        [FET_ACTIVATION_SWISH] = FET_OP_SWISH,
        [FET_ACTIVATION_GELU] = FET_OP_GELU,
        [FET_ACTIVATION_TANH] = FET_OP_TANH,
    };
    return ops[kind];
}

bool fet_kit_single_can(const fet_kernel_key *key)
{
    bool pool = key->op == FET_OP_MAX_POOL || key->op == FET_OP_AVERAGE_POOL || key->op == FET_OP_GLOBAL_AVERAGE_POOL ||
                key->op == FET_OP_GLOBAL_MAX_POOL;
    if (key->flags & FET_KERNEL_PLAIN_SRC || key->op == FET_OP_CAST) return false;
    return is_conv(key) || pool || key->op == FET_OP_GEMM || is_binary(key) || is_activation(key);
}

static fet_status add_param(fet_graph *graph, const char *name, const fet_shape *shape, fet_id *out_value)
{
    return fet_graph_add_param(graph, name, FET_DTYPE_F32, shape, NULL, true, out_value);
}

static fet_status add_scalar(fet_graph *graph, const char *name, float number, fet_id *out_value)
{
    fet_tensor *tensor = NULL;
    fet_shape shape = {.rank = 0};
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &shape, &tensor));
    fet_tensor_f32(tensor)[0] = number;
    fet_status status = fet_graph_add_param(graph, name, FET_DTYPE_F32, &shape, tensor, false, out_value);
    fet_tensor_release(tensor);
    return status;
}

static fet_status finish(fet_graph *graph, fet_id node, fet_id *value)
{
    FET_TRY(fet_graph_infer_node(graph, node));
    *value = graph->nodes[node].outputs[0];
    return FET_OK;
}

static fet_status add_activation(fet_graph *graph, const char *name, fet_op_kind op, fet_id *value)
{
    fet_id inputs[3] = {*value}, node = FET_NONE;
    if (op == FET_OP_CLIP) {
        FET_TRY(add_scalar(graph, "low", 0.0f, &inputs[1]));
        FET_TRY(add_scalar(graph, "high", 6.0f, &inputs[2]));
    }
    FET_TRY(fet_graph_add_node(graph, op, name, inputs, op == FET_OP_CLIP ? 3 : 1, 1, &node));
    return finish(graph, node, value);
}

/* The residual of a convolution, or the other operand of an addition: an input of its own. */
static fet_status add_other(fet_graph *graph, const char *name, fet_op_kind op, const fet_shape *shape, fet_id *value)
{
    fet_id inputs[2] = {*value}, node = FET_NONE;
    FET_TRY(fet_graph_add_input(graph, "other", FET_DTYPE_F32, shape, &inputs[1]));
    FET_TRY(fet_graph_add_node(graph, op, name, inputs, 2, 1, &node));
    return finish(graph, node, value);
}

static fet_status set_pair(fet_graph *graph, fet_id node, fet_attr_key attr, int64_t h, int64_t w)
{
    return fet_graph_set_ints(graph, node, attr, (int64_t[]){h, w}, 2);
}

static fet_status set_window(fet_graph *graph, fet_id node, const fet_kernel_key *key)
{
    const int64_t pads[4] = {key->pad_top, key->pad_left, key->pad_bottom, key->pad_right};
    FET_TRY(set_pair(graph, node, FET_ATTR_KERNEL_SHAPE, key->kh, key->kw));
    FET_TRY(set_pair(graph, node, FET_ATTR_STRIDES, key->sh, key->sw));
    return fet_graph_set_ints(graph, node, FET_ATTR_PADS, pads, 4);
}

/* What a transposed convolution of these pads leaves out at the end; keys hold the output's size instead. */
static int64_t output_padding(uint32_t in, uint32_t out, uint16_t window, uint16_t stride, uint16_t dilation, uint32_t pads)
{
    return (int64_t)out - ((int64_t)(in - 1) * stride + (int64_t)(window - 1) * dilation + 1 - (int64_t)pads);
}

static fet_status add_conv(fet_graph *graph, const fet_kernel_key *key, fet_id *value)
{
    bool transpose = key->op == FET_OP_CONV_TRANSPOSE;
    fet_shape weights = transpose ? fet_shape_4d(key->ic, key->oc / key->group, key->kh, key->kw)
                                  : fet_shape_4d(key->oc, key->ic / key->group, key->kh, key->kw);
    fet_shape bias = fet_shape_1d(key->oc);
    fet_id inputs[3] = {*value, FET_NONE, FET_NONE}, node = FET_NONE;
    FET_TRY(add_param(graph, "weights", &weights, &inputs[1]));
    if (key->flags & FET_KERNEL_BIAS) FET_TRY(add_param(graph, "bias", &bias, &inputs[2]));
    FET_TRY(fet_graph_add_node(graph, (fet_op_kind)key->op, "kernel", inputs, key->flags & FET_KERNEL_BIAS ? 3 : 2, 1, &node));
    FET_TRY(set_window(graph, node, key));
    FET_TRY(set_pair(graph, node, FET_ATTR_DILATIONS, key->dh, key->dw));
    FET_TRY(fet_graph_set_int(graph, node, FET_ATTR_GROUP, key->group));
    if (transpose)
        FET_TRY(set_pair(graph, node, FET_ATTR_OUTPUT_PADDING,
                         output_padding(key->ih, key->oh, key->kh, key->sh, key->dh, (uint32_t)key->pad_top + key->pad_bottom),
                         output_padding(key->iw, key->ow, key->kw, key->sw, key->dw, (uint32_t)key->pad_left + key->pad_right)));
    return finish(graph, node, value);
}

/* A map that a matrix reads is flattened first, which moves nothing. */
static fet_status add_gemm(fet_graph *graph, const fet_kernel_key *key, fet_id *value)
{
    fet_id inputs[3] = {*value, FET_NONE, FET_NONE}, node = FET_NONE;
    if (key->ih * key->iw > 1) {
        FET_TRY(fet_graph_add_node(graph, FET_OP_FLATTEN, "flatten", inputs, 1, 1, &node));
        FET_TRY(finish(graph, node, &inputs[0]));
    }
    fet_shape weights = fet_shape_2d(key->oc, (int64_t)key->ic * key->ih * key->iw), bias = fet_shape_1d(key->oc);
    FET_TRY(add_param(graph, "weights", &weights, &inputs[1]));
    if (key->flags & FET_KERNEL_BIAS) FET_TRY(add_param(graph, "bias", &bias, &inputs[2]));
    FET_TRY(fet_graph_add_node(graph, FET_OP_GEMM, "kernel", inputs, key->flags & FET_KERNEL_BIAS ? 3 : 2, 1, &node));
    FET_TRY(fet_graph_set_int(graph, node, FET_ATTR_TRANS_B, 1));
    return finish(graph, node, value);
}

static fet_status add_pool(fet_graph *graph, const fet_kernel_key *key, fet_id *value)
{
    fet_id node = FET_NONE;
    FET_TRY(fet_graph_add_node(graph, (fet_op_kind)key->op, "kernel", value, 1, 1, &node));
    if (key->op == FET_OP_MAX_POOL || key->op == FET_OP_AVERAGE_POOL) FET_TRY(set_window(graph, node, key));
    if (key->op == FET_OP_AVERAGE_POOL && key->extra & 1) FET_TRY(fet_graph_set_int(graph, node, FET_ATTR_COUNT_INCLUDE_PAD, 1));
    return finish(graph, node, value);
}

static fet_status add_anchor(fet_graph *graph, const fet_kernel_key *key, const fet_shape *dst, fet_id *value)
{
    bool small = key->flags & FET_KERNEL_BROADCAST;
    fet_shape other = small ? fet_shape_4d(key->n, key->oc, 1, 1) : *dst;
    if (is_conv(key)) return add_conv(graph, key, value);
    if (key->op == FET_OP_GEMM) return add_gemm(graph, key, value);
    if (is_binary(key)) return add_other(graph, "kernel", (fet_op_kind)key->op, &other, value);
    if (is_activation(key)) return add_activation(graph, "kernel", (fet_op_kind)key->op, value);
    return add_pool(graph, key, value);
}

static fet_status build(const fet_kernel_key *key, fet_graph *graph)
{
    bool matrix = key->op == FET_OP_GEMM && key->ih * key->iw == 1;
    fet_shape src = matrix ? fet_shape_2d(key->n, key->ic) : fet_shape_4d(key->n, key->ic, key->ih, key->iw);
    fet_shape dst = key->op == FET_OP_GEMM ? fet_shape_2d(key->n, key->oc) : fet_shape_4d(key->n, key->oc, key->oh, key->ow);
    fet_op_kind activation = is_activation(key) ? FET_OP_NONE : op_of_activation(key->activation);
    fet_id value = FET_NONE;
    graph->name = "kernel";
    FET_TRY(fet_graph_add_input(graph, "input", FET_DTYPE_F32, &src, &value));
    FET_TRY(add_anchor(graph, key, &dst, &value));
    if (key->flags & FET_KERNEL_ADD) FET_TRY(add_other(graph, "add", FET_OP_ADD, &dst, &value));
    if (activation != FET_OP_NONE) FET_TRY(add_activation(graph, "activation", activation, &value));
    if (key->flags & FET_KERNEL_ADD_AFTER) FET_TRY(add_other(graph, "add", FET_OP_ADD, &dst, &value));
    FET_TRY(fet_graph_add_output(graph, value));
    return fet_graph_init_params(graph, NULL, 1);
}

fet_status fet_kit_single_build(const fet_kernel_key *key, fet_graph **out_graph)
{
    fet_auto(fet_graph) graph = NULL;
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    if (!fet_kit_single_can(key))
        return fet_fail(FET_ERROR_UNSUPPORTED, "kernel \"%s\" is no network of its own", fet_kernel_key_print(key, text, sizeof text));
    FET_TRY(fet_graph_create(NULL, &graph));
    FET_TRY(build(key, graph));
    *out_graph = fet_take(graph);
    return FET_OK;
}
