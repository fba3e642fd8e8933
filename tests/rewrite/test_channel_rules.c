// SPDX-License-Identifier: Apache-2.0
/*
 * One operator at a time between two convolutions: whether channels pass it or are cut, and that a fresh inference accepts the network with
 * every free group halved and grown.
 */
#include "zoo.h"

#include "rewrite/channel_groups.h"
#include "rewrite/set_width.h"

#include <string.h>

static fet_id constant_s64(fet_graph *graph, const char *name, const int64_t *numbers, int64_t n)
{
    fet_auto(fet_tensor) tensor = NULL;
    fet_shape shape = fet_shape_1d(n);
    fet_id value = FET_NONE;
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &shape, &tensor));
    memcpy(tensor->data, numbers, (size_t)n * sizeof *numbers);
    CHECK_OK(fet_graph_add_param(graph, name, FET_DTYPE_S64, &shape, tensor, false, &value));
    return value;
}

static fet_id constant_f32(fet_graph *graph, const char *name, fet_shape shape, float number)
{
    fet_auto(fet_tensor) tensor = NULL;
    fet_id value = FET_NONE;
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &shape, &tensor));
    for (int64_t i = 0; i < fet_tensor_elements(tensor); i++) fet_tensor_f32(tensor)[i] = number;
    CHECK_OK(fet_graph_add_param(graph, name, FET_DTYPE_F32, &shape, tensor, false, &value));
    return value;
}

static fet_id node_of(fet_graph *graph, fet_op_kind op, const fet_id *inputs, uint32_t n, fet_id *out_node)
{
    CHECK_OK(fet_graph_add_node(graph, op, "middle", inputs, n, 1, out_node));
    return graph->nodes[*out_node].outputs[0];
}

/* Each builds its operator(s) on an N,8,6,6 map and gives N,?,H,W or N,?. */
typedef fet_id (*builder)(fet_graph *graph, fet_id src);

static fet_id infer(fet_graph *graph, fet_id node)
{
    CHECK_OK(fet_graph_infer_node(graph, node));
    return graph->nodes[node].outputs[0];
}

static fet_id prelu(fet_graph *graph, fet_id src)
{
    fet_id node, slope = constant_f32(graph, "slope", (fet_shape){.rank = 3, .dim = {8, 1, 1}}, 0.1f);
    node_of(graph, FET_OP_PRELU, (fet_id[]){src, slope}, 2, &node);
    return infer(graph, node);
}

static fet_id prelu_of_one(fet_graph *graph, fet_id src)
{
    fet_id node, slope = constant_f32(graph, "slope", (fet_shape){.rank = 1, .dim = {1}}, 0.1f);
    node_of(graph, FET_OP_PRELU, (fet_id[]){src, slope}, 2, &node);
    return infer(graph, node);
}

static fet_id max_pool(fet_graph *graph, fet_id src)
{
    fet_id node;
    node_of(graph, FET_OP_MAX_POOL, &src, 1, &node);
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_KERNEL_SHAPE, (int64_t[]){2, 2}, 2));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_STRIDES, (int64_t[]){2, 2}, 2));
    return infer(graph, node);
}

static fet_id resize_by_scales(fet_graph *graph, fet_id src)
{
    fet_shape shape = fet_shape_1d(4);
    fet_id node, scales = constant_f32(graph, "scales", shape, 1.0f);
    node_of(graph, FET_OP_RESIZE, (fet_id[]){src, FET_NONE, scales}, 3, &node);
    return infer(graph, node);
}

static fet_id resize_by_sizes(fet_graph *graph, fet_id src)
{
    fet_id node, sizes = constant_s64(graph, "sizes", (int64_t[]){1, 8, 12, 12}, 4);
    node_of(graph, FET_OP_RESIZE, (fet_id[]){src, FET_NONE, FET_NONE, sizes}, 4, &node);
    return infer(graph, node);
}

static fet_id reduce_space(fet_graph *graph, fet_id src)
{
    fet_id node;
    node_of(graph, FET_OP_REDUCE_MEAN, &src, 1, &node);
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_AXES, (int64_t[]){2, -1}, 2));
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_KEEPDIMS, 0));
    return infer(graph, node);
}

static fet_id reduce_channels(fet_graph *graph, fet_id src)
{
    fet_id node;
    node_of(graph, FET_OP_REDUCE_MEAN, &src, 1, &node);
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_AXES, (int64_t[]){1}, 1));
    return infer(graph, node);
}

static fet_id squeeze(fet_graph *graph, fet_id src)
{
    fet_id node, pooled = zoo_unary(graph, FET_OP_GLOBAL_MAX_POOL, "pooled", src), axes = constant_s64(graph, "axes", (int64_t[]){2, 3}, 2);
    node_of(graph, FET_OP_SQUEEZE, (fet_id[]){pooled, axes}, 2, &node);
    return infer(graph, node);
}

static fet_id reshape(fet_graph *graph, fet_id src, int64_t features)
{
    fet_id node, shape = constant_s64(graph, "shape", (int64_t[]){1, features}, 2);
    node_of(graph, FET_OP_RESHAPE, (fet_id[]){src, shape}, 2, &node);
    return infer(graph, node);
}

static fet_id reshape_open(fet_graph *graph, fet_id src)
{
    return reshape(graph, src, -1);
}

static fet_id reshape_counted(fet_graph *graph, fet_id src)
{
    return reshape(graph, src, 8 * 36);
}

static fet_id transpose(fet_graph *graph, fet_id src)
{
    fet_id node;
    node_of(graph, FET_OP_TRANSPOSE, &src, 1, &node);
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_PERM, (int64_t[]){0, 2, 1, 3}, 4));
    return infer(graph, node);
}

static fet_id instance_norm(fet_graph *graph, fet_id src)
{
    fet_id node, scale = constant_f32(graph, "gain", fet_shape_1d(8), 1), shift = constant_f32(graph, "offset", fet_shape_1d(8), 0);
    node_of(graph, FET_OP_INSTANCE_NORMALIZATION, (fet_id[]){src, scale, shift}, 3, &node);
    return infer(graph, node);
}

/* ConvTranspose: I,O,KH,KW, dense; depthwise keeps the channels. */
static fet_id transposed(fet_graph *graph, fet_id src, int64_t out, int64_t group)
{
    fet_shape shape = fet_shape_4d(8, out / group, 2, 2);
    fet_id node, weight = FET_NONE;
    CHECK_OK(fet_graph_add_param(graph, "up.weight", FET_DTYPE_F32, &shape, NULL, true, &weight));
    node_of(graph, FET_OP_CONV_TRANSPOSE, (fet_id[]){src, weight}, 2, &node);
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_GROUP, group));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_STRIDES, (int64_t[]){2, 2}, 2));
    return infer(graph, node);
}

static fet_id transposed_dense(fet_graph *graph, fet_id src)
{
    return transposed(graph, src, 10, 1);
}

static fet_id transposed_depthwise(fet_graph *graph, fet_id src)
{
    return transposed(graph, src, 8, 8);
}

static fet_id matmul(fet_graph *graph, fet_id src)
{
    fet_shape shape = fet_shape_2d(8, 6);
    fet_id node, weight = FET_NONE, pooled = reduce_space(graph, src);
    CHECK_OK(fet_graph_add_param(graph, "matrix", FET_DTYPE_F32, &shape, NULL, true, &weight));
    node_of(graph, FET_OP_MATMUL, (fet_id[]){pooled, weight}, 2, &node);
    return infer(graph, node);
}

/* A map of one channel over all channels: must stay one, and leaves the others free. */
static fet_id spatial_attention(fet_graph *graph, fet_id src)
{
    return zoo_binary(graph, FET_OP_MUL, "attended", src,
                      zoo_unary(graph, FET_OP_SIGMOID, "att.act", zoo_conv(graph, "att", src, 1, 3, 1)));
}

static fet_id concat_rows(fet_graph *graph, fet_id src)
{
    fet_id node, other = zoo_conv(graph, "other", src, 8, 1, 1);
    node_of(graph, FET_OP_CONCAT, (fet_id[]){src, other}, 2, &node);
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_AXIS, 2));
    return infer(graph, node);
}

static fet_id softmax_channels(fet_graph *graph, fet_id src)
{
    fet_id node;
    node_of(graph, FET_OP_SOFTMAX, &src, 1, &node);
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_AXIS, 1));
    return infer(graph, node);
}

/* One matrix there and back: a copied channel would need its weight shared out on one way and whole on the other. */
static fet_id tied_weights(fet_graph *graph, fet_id src)
{
    fet_shape shape = fet_shape_4d(10, 8, 1, 1);
    fet_id there, back, weight = FET_NONE;
    CHECK_OK(fet_graph_add_param(graph, "tied.weight", FET_DTYPE_F32, &shape, NULL, true, &weight));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONV, "there", (fet_id[]){src, weight}, 2, 1, &there));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONV_TRANSPOSE, "back", (fet_id[]){infer(graph, there), weight}, 2, 1, &back));
    return infer(graph, back);
}

static fet_id hard_swish(fet_graph *graph, fet_id src)
{
    return zoo_unary(graph, FET_OP_HARD_SWISH, "middle", src);
}

static const struct {
    const char *name;
    builder build;
    uint32_t n_free; /* groups besides the last convolution's fixed output */
} cases[] = {
    {"hard_swish", hard_swish, 1},
    {"prelu", prelu, 1},
    {"prelu_of_one", prelu_of_one, 1},
    {"max_pool", max_pool, 1},
    {"resize_by_scales", resize_by_scales, 1},
    {"resize_by_sizes", resize_by_sizes, 0},
    {"reduce_space", reduce_space, 1},
    {"reduce_channels", reduce_channels, 0},
    {"squeeze", squeeze, 1},
    {"reshape_open", reshape_open, 1},
    {"reshape_counted", reshape_counted, 0},
    {"transpose", transpose, 0},
    {"instance_norm", instance_norm, 1},
    {"transposed_dense", transposed_dense, 2},
    {"transposed_depthwise", transposed_depthwise, 1},
    {"matmul", matmul, 2},
    {"spatial_attention", spatial_attention, 1},
    {"concat_rows", concat_rows, 1},
    {"softmax_channels", softmax_channels, 0},
    {"tied_weights", tied_weights, 0},
};

static fet_graph *network(builder build)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 3, 6, 6);
    fet_id value = FET_NONE;
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &value));
    value = build(graph, zoo_conv(graph, "first", value, 8, 3, 1));
    if (graph->values[value].shape.rank == 4) value = zoo_conv(graph, "last", value, 3, 1, 1);
    else CHECK_OK(fet_build_gemm(graph, "last", value, 3, &value));
    CHECK_OK(fet_graph_add_output(graph, value));
    CHECK_OK(fet_graph_verify(graph));
    return graph;
}

static void passes_or_cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fet_graph *base = network(cases[i].build);
        fet_arena *arena = NULL;
        fet_channel_groups groups;
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(fet_channel_groups_find(base, arena, &groups));
        uint32_t n_free = 0;
        for (uint32_t g = 0; g < groups.n_groups; g++) {
            uint32_t channels = groups.groups[g].channels, wanted[2] = {(channels + 1) / 2, channels * 2 + 1};
            if (groups.groups[g].fixed) continue;
            n_free++;
            for (int w = 0; w < 2; w++) {
                fet_graph *graph = NULL;
                CHECK_OK(fet_set_width(base, &groups, g, wanted[w], arena, &graph));
                if (fet_graph_verify(graph) != FET_OK)
                    fail_msg("%s: group %u of %u to %u: %s", cases[i].name, g, channels, wanted[w], fet_error_message());
                assert_true(fet_graph_hash(graph) != fet_graph_hash(base));
                fet_graph_destroy(graph);
            }
        }
        if (n_free != cases[i].n_free) fail_msg("%s: %u free groups, expected %u", cases[i].name, n_free, cases[i].n_free);
        fet_arena_destroy(arena);
        fet_graph_destroy(base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(passes_or_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
