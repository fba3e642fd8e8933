// SPDX-License-Identifier: Apache-2.0
#include "nets.h"

#include "check.h"
#include "op/builder.h"
#include "op/op.h"
#include "slow.h"

#include <string.h>

static fet_graph *g;
static int n_names;
static char name_text[32];

static const char *name(void)
{
    snprintf(name_text, sizeof name_text, "n%d", n_names++);
    return name_text;
}

static fet_id conv(fet_id x, int64_t out, int64_t kernel, int64_t stride, int64_t group, bool bias)
{
    fet_id y = FET_NONE;
    fet_conv_options options = {.out_channels = out, .kernel = kernel, .stride = stride, .group = group, .bias = bias};
    CHECK_OK(fet_build_conv(g, name(), x, &options, &y));
    return y;
}

static fet_id bn(fet_id x)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_batch_norm(g, name(), x, &y));
    return y;
}

static fet_id unary(fet_op_kind op, fet_id x)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_unary(g, op, name(), x, &y));
    return y;
}

static fet_id relu6(fet_id x)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_relu6(g, name(), x, &y));
    return y;
}

static fet_id binary(fet_op_kind op, fet_id a, fet_id b)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_binary(g, op, name(), a, b, &y));
    return y;
}

static fet_id gemm(fet_id x, int64_t out)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_gemm(g, name(), x, out, &y));
    return y;
}

/* A constant of this shape, filled later by slow_fill. */
static fet_id constant(const fet_shape *shape)
{
    fet_id v = FET_NONE;
    CHECK_OK(fet_graph_add_param(g, name(), FET_DTYPE_F32, shape, NULL, false, &v));
    return v;
}

static fet_id node(fet_op_kind op, const fet_id *inputs, uint32_t n, void (*attributes)(fet_id node))
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_graph_add_node(g, op, name(), inputs, n, 1, &y));
    if (attributes) attributes(y);
    CHECK_OK(fet_graph_infer_node(g, y));
    return g->nodes[y].outputs[0];
}

static int64_t channels(fet_id x)
{
    return g->values[x].shape.dim[1];
}

static fet_id ibn(fet_id x, int64_t out, int64_t expansion, int64_t kernel, int64_t stride)
{
    int64_t wide = channels(x) * expansion;
    fet_id y = relu6(bn(conv(x, wide, 1, 1, 1, false)));
    y = relu6(bn(conv(y, wide, kernel, stride, wide, false)));
    y = bn(conv(y, out, 1, 1, 1, false));
    return stride == 1 && out == channels(x) ? binary(FET_OP_ADD, x, y) : y;
}

static fet_id classifier(fet_id x, int64_t classes)
{
    return gemm(unary(FET_OP_FLATTEN, unary(FET_OP_GLOBAL_AVERAGE_POOL, x)), classes);
}

static void output(fet_id x)
{
    CHECK_OK(fet_graph_add_output(g, x));
}

static void mobile(fet_graph *graph, fet_id src, uint64_t seed)
{
    (void)graph, (void)seed;
    fet_id x = relu6(bn(conv(src, 16, 3, 2, 1, false)));
    x = ibn(ibn(x, 24, 4, 3, 2), 24, 4, 5, 1);
    x = relu6(bn(conv(ibn(x, 20, 3, 3, 1), 50, 1, 1, 1, false))); /* 50 channels: padded blocks before the classifier */
    output(classifier(x, 10));
}

/* Gray images, fused blocks, widths that are no multiples of anything. */
static void odd(fet_graph *graph, fet_id src, uint64_t seed)
{
    (void)graph, (void)seed;
    fet_id x = unary(FET_OP_RELU, bn(conv(src, 13, 3, 1, 1, false)));
    fet_id y = unary(FET_OP_RELU, bn(conv(x, 37, 3, 1, 1, false)));
    x = binary(FET_OP_ADD, bn(conv(y, 13, 1, 1, 1, false)), x);
    x = unary(FET_OP_HARD_SWISH, bn(conv(x, 21, 5, 2, 1, true)));
    output(node(FET_OP_SOFTMAX, (fet_id[]){classifier(x, 7)}, 1, NULL));
}

/* A residual network: activation behind the addition; the residual is read again later; a shortcut with a convolution; max pooling. */
static void max_pool_3_2(fet_id n)
{
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_KERNEL_SHAPE, (int64_t[]){3, 3}, 2));
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_STRIDES, (int64_t[]){2, 2}, 2));
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_PADS, (int64_t[]){1, 1, 1, 1}, 4));
}

static void residual(fet_graph *graph, fet_id src, uint64_t seed)
{
    (void)graph, (void)seed;
    fet_id x = unary(FET_OP_RELU, bn(conv(src, 32, 7, 2, 1, false)));
    x = node(FET_OP_MAX_POOL, &x, 1, max_pool_3_2);
    fet_id y = bn(conv(unary(FET_OP_RELU, bn(conv(x, 32, 3, 1, 1, false))), 32, 3, 1, 1, false));
    fet_id z = unary(FET_OP_RELU, binary(FET_OP_ADD, y, x));
    y = bn(conv(unary(FET_OP_RELU, bn(conv(z, 48, 3, 2, 1, false))), 48, 3, 1, 1, false));
    z = unary(FET_OP_RELU, binary(FET_OP_ADD, y, bn(conv(z, 48, 1, 2, 1, false))));
    fet_id kept = z;
    z = binary(FET_OP_ADD, unary(FET_OP_RELU, conv(z, 48, 3, 1, 1, true)), z); /* activation before the addition, residual read later */
    output(classifier(binary(FET_OP_SUM, z, kept), 12));
}

/* Squeeze and excite, hard swish, hard sigmoid; every other activation behind a convolution; flatten of a map into a Gemm. */
static void excite(fet_graph *graph, fet_id src, uint64_t seed)
{
    (void)graph, (void)seed;
    fet_id x = unary(FET_OP_HARD_SWISH, bn(conv(src, 16, 3, 2, 1, false)));
    x = unary(FET_OP_RELU, bn(conv(x, 24, 1, 1, 1, false)));
    fet_id s = unary(FET_OP_RELU, conv(unary(FET_OP_GLOBAL_AVERAGE_POOL, x), 8, 1, 1, 1, true));
    s = unary(FET_OP_HARD_SIGMOID, conv(s, 24, 1, 1, 1, true));
    x = binary(FET_OP_MUL, x, s);
    x = unary(FET_OP_SWISH, conv(x, 20, 3, 2, 1, true));
    x = unary(FET_OP_GELU, conv(x, 20, 3, 1, 20, true));
    x = unary(FET_OP_LEAKY_RELU, conv(x, 20, 1, 1, 1, true));
    x = unary(FET_OP_ELU, conv(x, 20, 1, 1, 1, true));
    x = unary(FET_OP_TANH, conv(x, 20, 1, 1, 1, true));
    x = unary(FET_OP_SIGMOID, conv(x, 20, 1, 1, 1, true));
    output(gemm(unary(FET_OP_RELU, gemm(unary(FET_OP_FLATTEN, x), 33)), 5));
}

static void average_2(fet_id n)
{
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_KERNEL_SHAPE, (int64_t[]){2, 2}, 2));
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_STRIDES, (int64_t[]){2, 2}, 2));
}

static void upsample_2(fet_id n)
{
    CHECK_OK(fet_graph_set_string(g, n, FET_ATTR_MODE, "nearest"));
    CHECK_OK(fet_graph_set_string(g, n, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "asymmetric"));
    CHECK_OK(fet_graph_set_string(g, n, FET_ATTR_NEAREST_MODE, "floor"));
}

static void linear(fet_id n)
{
    CHECK_OK(fet_graph_set_string(g, n, FET_ATTR_MODE, "linear"));
    CHECK_OK(fet_graph_set_string(g, n, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "half_pixel"));
}

static fet_id scales_2(void)
{
    fet_id v = FET_NONE;
    fet_tensor *t = NULL;
    fet_shape shape = fet_shape_1d(4);
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &shape, &t));
    memcpy(t->data, (float[]){1, 1, 2, 2}, 16);
    CHECK_OK(fet_graph_add_param(g, name(), FET_DTYPE_F32, &shape, t, false, &v));
    fet_tensor_release(t);
    return v;
}

/* An encoder and decoder with a map as its output: concat of parts of any width, resizing, average pooling, batch norms and constants standing alone,
 * activations standing alone, a value that is an output and read on. */
static void decoder(fet_graph *graph, fet_id src, uint64_t seed)
{
    (void)graph, (void)seed;
    fet_id a = unary(FET_OP_RELU, bn(conv(src, 12, 3, 1, 1, false)));
    fet_id down = node(FET_OP_AVERAGE_POOL, &a, 1, average_2);
    fet_id b = unary(FET_OP_RELU, conv(bn(down), 20, 3, 1, 1, true));
    fet_id up = node(FET_OP_RESIZE, (fet_id[]){b, FET_NONE, scales_2()}, 3, upsample_2);
    fet_id cat = node(FET_OP_CONCAT, (fet_id[]){a, up, src}, 3, NULL);
    fet_id c = unary(FET_OP_RELU, bn(cat));
    fet_shape per_channel = fet_shape_4d(1, channels(c), 1, 1);
    c = binary(FET_OP_MUL, c, constant(&per_channel));
    c = unary(FET_OP_SIGMOID, binary(FET_OP_SUB, c, cat));
    fet_id d = conv(c, 8, 3, 1, 1, true);
    output(d);
    fet_id e = unary(FET_OP_TANH, d);
    fet_id big = node(FET_OP_RESIZE, (fet_id[]){e, FET_NONE, scales_2()}, 3, linear);
    output(conv(unary(FET_OP_IDENTITY, big), 3, 1, 1, 1, true));
    output(unary(FET_OP_GLOBAL_MAX_POOL, e));
}

/* Groups, dilation, uneven padding, stride 2 that leaves a row over, transposed convolution. */
static void dilated(fet_id n)
{
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_DILATIONS, (int64_t[]){2, 2}, 2));
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_PADS, (int64_t[]){2, 1, 1, 2}, 4));
}

static void stride_2(fet_id n)
{
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_STRIDES, (int64_t[]){2, 2}, 2));
}

static void windows(fet_graph *graph, fet_id src, uint64_t seed)
{
    (void)graph, (void)seed;
    fet_id x = unary(FET_OP_RELU, conv(src, 32, 3, 2, 1, true));
    x = unary(FET_OP_RELU, conv(x, 64, 3, 1, 2, true));
    fet_shape w = fet_shape_4d(32, 64, 3, 3), t = fet_shape_4d(32, 16, 2, 2);
    x = unary(FET_OP_RELU, node(FET_OP_CONV, (fet_id[]){x, constant(&w)}, 2, dilated));
    x = unary(FET_OP_RELU, node(FET_OP_CONV_TRANSPOSE, (fet_id[]){x, constant(&t)}, 2, stride_2));
    output(classifier(x, 6));
}

/* The input itself is the residual, and an output; a branch that is flattened twice; a Sum of maps fused behind a convolution. */
static void inputs(fet_graph *graph, fet_id src, uint64_t seed)
{
    (void)graph, (void)seed;
    fet_id x = binary(FET_OP_ADD, conv(src, 1, 3, 1, 1, true), src);
    fet_id y = conv(x, 6, 3, 2, 1, false);
    fet_id z = binary(FET_OP_SUM, bn(conv(y, 6, 3, 1, 6, false)), y);
    output(unary(FET_OP_FLATTEN, z));
    output(gemm(unary(FET_OP_FLATTEN, z), 4));
    output(x);
}

const net_kind net_kinds[] = {
    {"mobile", mobile, 3, 32, 32},  {"odd", odd, 1, 14, 11},        {"residual", residual, 3, 33, 29},
    {"excite", excite, 3, 24, 24},  {"decoder", decoder, 2, 12, 8}, {"windows", windows, 4, 17, 19},
    {"inputs", inputs, 1, 9, 8},
};
const int n_net_kinds = sizeof net_kinds / sizeof *net_kinds;

fet_graph *net_make(const net_kind *kind, int64_t batch, uint64_t seed)
{
    fet_id src = FET_NONE;
    fet_shape shape = fet_shape_4d(batch, kind->channels, kind->height, kind->width);
    CHECK_OK(fet_graph_create(NULL, &g));
    n_names = 0;
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &shape, &src));
    kind->build(g, src, seed);
    slow_fill(g, seed);
    CHECK_OK(fet_graph_infer(g));
    return g;
}
