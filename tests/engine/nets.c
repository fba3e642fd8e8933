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

static void corners(fet_id n)
{
    CHECK_OK(fet_graph_set_string(g, n, FET_ATTR_MODE, "linear"));
    CHECK_OK(fet_graph_set_string(g, n, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "align_corners"));
}

static fet_id scales(float down, float right)
{
    fet_id v = FET_NONE;
    fet_tensor *t = NULL;
    fet_shape shape = fet_shape_1d(4);
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &shape, &t));
    memcpy(t->data, (float[]){1, 1, down, right}, 16);
    CHECK_OK(fet_graph_add_param(g, name(), FET_DTYPE_F32, &shape, t, false, &v));
    fet_tensor_release(t);
    return v;
}

/* An encoder and decoder with a map as its output: concat of parts of any width, resizing, average pooling, batch norms and constants
 * standing alone, activations standing alone, a value that is an output and read on. */
static void decoder(fet_graph *graph, fet_id src, uint64_t seed)
{
    (void)graph, (void)seed;
    fet_id a = unary(FET_OP_RELU, bn(conv(src, 12, 3, 1, 1, false)));
    fet_id down = node(FET_OP_AVERAGE_POOL, &a, 1, average_2);
    fet_id b = unary(FET_OP_RELU, conv(bn(down), 20, 3, 1, 1, true));
    fet_id up = node(FET_OP_RESIZE, (fet_id[]){b, FET_NONE, scales(2, 2)}, 3, upsample_2);
    fet_id cat = node(FET_OP_CONCAT, (fet_id[]){a, up, src}, 3, NULL);
    fet_id c = unary(FET_OP_RELU, bn(cat));
    fet_shape per_channel = fet_shape_4d(1, channels(c), 1, 1);
    c = binary(FET_OP_MUL, c, constant(&per_channel));
    c = unary(FET_OP_SIGMOID, binary(FET_OP_SUB, c, cat));
    fet_id d = conv(c, 8, 3, 1, 1, true);
    output(d);
    fet_id e = unary(FET_OP_TANH, d);
    fet_id big = node(FET_OP_RESIZE, (fet_id[]){e, FET_NONE, scales(2, 2)}, 3, linear);
    output(conv(unary(FET_OP_IDENTITY, big), 3, 1, 1, 1, true));
    output(unary(FET_OP_GLOBAL_MAX_POOL, e));
}

/* What a segmenter ends with: maps of two and three classes made larger, by no whole number, corners upon corners, and smaller again. */
static void segments(fet_graph *graph, fet_id src, uint64_t seed)
{
    (void)graph, (void)seed;
    fet_id a = conv(unary(FET_OP_RELU, conv(src, 10, 3, 2, 1, true)), 2, 1, 1, 1, true);
    fet_id b = node(FET_OP_RESIZE, (fet_id[]){a, FET_NONE, scales(1.5f, 1.75f)}, 3, linear);
    output(b);
    fet_id c = node(FET_OP_RESIZE, (fet_id[]){unary(FET_OP_RELU, conv(b, 3, 3, 1, 1, true)), FET_NONE, scales(2, 2)}, 3, corners);
    output(unary(FET_OP_SIGMOID, c));
    output(node(FET_OP_RESIZE, (fet_id[]){c, FET_NONE, scales(0.6f, 1.25f)}, 3, linear));
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
    {"mobile", mobile, 3, 32, 32},  {"odd", odd, 1, 14, 11},           {"residual", residual, 3, 33, 29}, {"excite", excite, 3, 24, 24},
    {"decoder", decoder, 2, 12, 8}, {"segments", segments, 3, 16, 18}, {"windows", windows, 4, 17, 19},   {"inputs", inputs, 1, 9, 8},
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

enum { MAX_MAPS = 16 };

static int64_t draw_group(fet_rng *rng, int64_t in, int64_t *out)
{
    switch (fet_rng_below(rng, 4)) {
    case 0: *out = in; return in; /* depthwise */
    case 1: {
        int64_t group = 2 + fet_rng_below(rng, 3);
        if (in % group != 0) return 1;
        *out = (*out + group - 1) / group * group;
        return group;
    }
    default: return 1;
    }
}

static fet_id draw_activation(fet_rng *rng, fet_id x)
{
    static const fet_op_kind kinds[] = {FET_OP_RELU, FET_OP_SIGMOID,      FET_OP_HARD_SWISH, FET_OP_LEAKY_RELU, FET_OP_TANH,
                                        FET_OP_ELU,  FET_OP_HARD_SIGMOID, FET_OP_SWISH,      FET_OP_GELU};
    uint32_t which = fet_rng_below(rng, 14);
    if (which < 9) return unary(kinds[which], x);
    return which < 12 ? relu6(x) : x;
}

/* Another map of the same number of samples and size; FET_NONE when there is none. same: channels too. */
static fet_id partner(fet_rng *rng, const fet_id *maps, int n, fet_id x, bool same)
{
    int first = (int)fet_rng_below(rng, (uint32_t)n);
    for (int i = 0; i < n; i++) {
        fet_id other = maps[(first + i) % n];
        const fet_shape *a = &g->values[x].shape, *b = &g->values[other].shape;
        if (other != x && a->dim[2] == b->dim[2] && a->dim[3] == b->dim[3] && (!same || a->dim[1] == b->dim[1])) return other;
    }
    return FET_NONE;
}

static fet_id draw_conv(fet_rng *rng, fet_id x)
{
    static const int64_t kernels[] = {1, 1, 3, 3, 5, 7};
    int64_t out = 1 + fet_rng_below(rng, 40), group = draw_group(rng, channels(x), &out);
    x = conv(x, out, kernels[fet_rng_below(rng, 6)], 1 + fet_rng_below(rng, 2), group, fet_rng_below(rng, 2));
    return fet_rng_below(rng, 2) ? bn(x) : x;
}

static void draw_pool(fet_id n)
{
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_KERNEL_SHAPE, (int64_t[]){2, 3}, 2));
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_STRIDES, (int64_t[]){1, 2}, 2));
    CHECK_OK(fet_graph_set_ints(g, n, FET_ATTR_PADS, (int64_t[]){0, 1, 1, 1}, 4));
}

static fet_id draw_layer(fet_rng *rng, const fet_id *maps, int n)
{
    fet_id x = maps[fet_rng_below(rng, 3) ? n - 1 : (int)fet_rng_below(rng, (uint32_t)n)], other = FET_NONE;
    switch (fet_rng_below(rng, 8)) {
    case 0: other = partner(rng, maps, n, x, true); return other == FET_NONE ? draw_activation(rng, x) : binary(FET_OP_ADD, x, other);
    case 1:
        other = partner(rng, maps, n, x, false);
        if (other == FET_NONE || channels(x) + channels(other) > 80) return bn(x);
        return node(FET_OP_CONCAT, (fet_id[]){x, other}, 2, NULL);
    case 2: return node(fet_rng_below(rng, 2) ? FET_OP_MAX_POOL : FET_OP_AVERAGE_POOL, &x, 1, draw_pool);
    case 3: {
        fet_id s = unary(FET_OP_SIGMOID, conv(unary(FET_OP_GLOBAL_AVERAGE_POOL, x), channels(x), 1, 1, 1, true));
        return binary(FET_OP_MUL, x, s);
    }
    default: break;
    }
    fet_id y = draw_conv(rng, x);
    other = fet_rng_below(rng, 2) ? partner(rng, maps, n, y, true) : FET_NONE;
    return draw_activation(rng, other == FET_NONE ? y : binary(FET_OP_ADD, other, y));
}

fet_graph *net_random(uint64_t seed, int64_t batch)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    fet_id maps[MAX_MAPS];
    fet_shape shape = fet_shape_4d(batch, 1 + fet_rng_below(&rng, 20), 5 + fet_rng_below(&rng, 14), 5 + fet_rng_below(&rng, 14));
    CHECK_OK(fet_graph_create(NULL, &g));
    n_names = 0;
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &shape, &maps[0]));
    int n = 1, wanted = 4 + (int)fet_rng_below(&rng, MAX_MAPS - 4);
    while (n < wanted) maps[n] = draw_layer(&rng, maps, n), n++;
    if (fet_rng_below(&rng, 2)) output(maps[n / 2]);
    output(fet_rng_below(&rng, 2) ? gemm(unary(FET_OP_FLATTEN, maps[n - 1]), 5) : maps[n - 1]);
    slow_fill(g, seed);
    CHECK_OK(fet_graph_infer(g));
    return g;
}
