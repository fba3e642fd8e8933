// SPDX-License-Identifier: Apache-2.0
/*
 * One operator at a time between two convolutions: whether channels pass it or are cut, and that a fresh inference accepts the network with
 * every free group halved and grown; that it runs then, and that growth keeps the function.
 */
#include "zoo.h"

#include "run.h"
#include "space/networks.h"

#include "engine/init.h"
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

static fet_id reshape_to(fet_graph *graph, const char *name, fet_id src, const int64_t *target, uint32_t rank)
{
    char text[32];
    fet_id node;
    snprintf(text, sizeof text, "%s.target", name);
    fet_id shape = constant_s64(graph, text, target, rank);
    CHECK_OK(fet_graph_add_node(graph, FET_OP_RESHAPE, name, (fet_id[]){src, shape}, 2, 1, &node));
    return infer(graph, node);
}

static fet_id permute(fet_graph *graph, const char *name, fet_id src, const int64_t *perm, uint32_t rank)
{
    fet_id node;
    CHECK_OK(fet_graph_add_node(graph, FET_OP_TRANSPOSE, name, &src, 1, 1, &node));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_PERM, perm, rank));
    return infer(graph, node);
}

/* Between grouped convolutions, as in ShuffleNet. */
static fet_id shuffle(fet_graph *graph, fet_id src)
{
    src = reshape_to(graph, "apart", zoo_conv(graph, "g1", src, 12, 1, 2), (int64_t[]){1, 2, 6, 6, 6}, 5);
    src = permute(graph, "swapped", src, (int64_t[]){0, 2, 1, 3, 4}, 5);
    return zoo_conv(graph, "g2", reshape_to(graph, "together", src, (int64_t[]){1, 12, 6, 6}, 4), 12, 3, 12);
}

/* 3 channels a group, shuffled between grouped convolutions: all become one channel, for which a copy has no one place. */
static fet_id shuffle_to_one(fet_graph *graph, fet_id src)
{
    src = reshape_to(graph, "apart", zoo_conv(graph, "g1", src, 6, 1, 2), (int64_t[]){1, 2, 3, 6, 6}, 5);
    src = permute(graph, "swapped", src, (int64_t[]){0, 2, 1, 3, 4}, 5);
    return zoo_conv(graph, "g2", reshape_to(graph, "together", src, (int64_t[]){1, 6, 6, 6}, 4), 8, 1, 2);
}

/* Two halves meet, are shuffled and parted again: ShuffleNetV2. */
static fet_id shuffle_open(fet_graph *graph, fet_id src)
{
    src = zoo_concat(graph, "halves", src, zoo_conv(graph, "side", src, 8, 1, 1));
    src = reshape_to(graph, "apart", src, (int64_t[]){0, 2, -1, 6, 6}, 5);
    return reshape_to(graph, "together", permute(graph, "swapped", src, (int64_t[]){0, 2, 1, 3, 4}, 5), (int64_t[]){0, -1, 6, 6}, 4);
}

/* Channels last, then flat: the matrix sees them 36 times over. */
static fet_id channels_last(fet_graph *graph, fet_id src)
{
    return reshape_to(graph, "flat", permute(graph, "last", src, (int64_t[]){0, 2, 3, 1}, 4), (int64_t[]){1, 288}, 2);
}

/* A matrix and a sum at each pixel, the channels last, and back. */
static fet_id pixel_matrix(fet_graph *graph, fet_id src)
{
    fet_shape shape = fet_shape_2d(8, 10), offset_shape = fet_shape_1d(10);
    fet_id node, weight = FET_NONE, offset = FET_NONE;
    CHECK_OK(fet_graph_add_param(graph, "matrix", FET_DTYPE_F32, &shape, NULL, true, &weight));
    CHECK_OK(fet_graph_add_param(graph, "offsets", FET_DTYPE_F32, &offset_shape, NULL, true, &offset));
    src = reshape_to(graph, "tokens", permute(graph, "last", src, (int64_t[]){0, 2, 3, 1}, 4), (int64_t[]){1, 36, 8}, 3);
    CHECK_OK(fet_graph_add_node(graph, FET_OP_MATMUL, "product", (fet_id[]){src, weight}, 2, 1, &node));
    src = zoo_binary(graph, FET_OP_ADD, "shifted", infer(graph, node), offset);
    src = permute(graph, "first", src, (int64_t[]){0, 2, 1}, 3);
    return reshape_to(graph, "map", src, (int64_t[]){1, 10, 6, 6}, 4);
}

static fet_id split_sized(fet_graph *graph, fet_id src)
{
    fet_id node, sizes = constant_s64(graph, "parts", (int64_t[]){3, 5}, 2);
    CHECK_OK(fet_graph_add_node(graph, FET_OP_SPLIT, "split", (fet_id[]){src, sizes}, 2, 2, &node));
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_AXIS, 1));
    infer(graph, node);
    fet_id a = graph->nodes[node].outputs[0], b = graph->nodes[node].outputs[1];
    return zoo_concat(graph, "swapped", zoo_conv(graph, "b", b, 5, 3, 5), a);
}

static fet_id split_equal(fet_graph *graph, fet_id src)
{
    fet_id node;
    CHECK_OK(fet_graph_add_node(graph, FET_OP_SPLIT, "split", &src, 1, 2, &node));
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_AXIS, 1));
    infer(graph, node);
    return zoo_binary(graph, FET_OP_MUL, "gated", graph->nodes[node].outputs[0], graph->nodes[node].outputs[1]);
}

static fet_id cut_out(fet_graph *graph, const char *name, fet_id src, int64_t from, int64_t to)
{
    char text[3][32];
    for (int i = 0; i < 3; i++) snprintf(text[i], sizeof text[i], "%s.%d", name, i);
    fet_id node, start = constant_s64(graph, text[0], &from, 1), end = constant_s64(graph, text[1], &to, 1);
    fet_id axis = constant_s64(graph, text[2], (int64_t[]){1}, 1);
    CHECK_OK(fet_graph_add_node(graph, FET_OP_SLICE, name, (fet_id[]){src, start, end, axis}, 4, 1, &node));
    return infer(graph, node);
}

/* Halves through Slice, one to the end; sums of both ways to write it. */
static fet_id slices(fet_graph *graph, fet_id src)
{
    fet_id low = cut_out(graph, "low", src, 0, 3), high = cut_out(graph, "high", src, 3, INT64_MAX),
           same = cut_out(graph, "same", src, 3, 8);
    return zoo_concat(graph, "both", zoo_conv(graph, "l", low, 4, 1, 1), zoo_binary(graph, FET_OP_ADD, "sum", high, same));
}

static fet_id slice_backwards(fet_graph *graph, fet_id src)
{
    return cut_out(graph, "tail", src, -3, INT64_MAX);
}

/* One constant for two Reshapes: its 8 names channels here and rows there, its 36 the reverse. */
static fet_id shared_size(fet_graph *graph, fet_id src)
{
    fet_id node, target = constant_s64(graph, "both", (int64_t[]){1, 8, 36}, 3);
    CHECK_OK(fet_graph_add_node(graph, FET_OP_RESHAPE, "flat", (fet_id[]){src, target}, 2, 1, &node));
    fet_id flat = infer(graph, node), last = permute(graph, "last", zoo_conv(graph, "other", src, 36, 1, 1), (int64_t[]){0, 2, 3, 1}, 4);
    last = zoo_unary(graph, FET_OP_SIGMOID, "s", reshape_to(graph, "rows", cut_out(graph, "c", last, 0, 2), (int64_t[]){1, 12, 36}, 3));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_RESHAPE, "flat2", (fet_id[]){cut_out(graph, "c2", last, 0, 8), target}, 2, 1, &node));
    return reshape_to(graph, "map", zoo_binary(graph, FET_OP_ADD, "sum", flat, infer(graph, node)), (int64_t[]){1, 8, 6, 6}, 4);
}

static fet_id between_space(fet_graph *graph, fet_id src, const char *mode)
{
    fet_id node, back;
    CHECK_OK(fet_graph_add_node(graph, FET_OP_DEPTH_TO_SPACE, "up", &src, 1, 1, &node));
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_BLOCKSIZE, 2));
    CHECK_OK(fet_graph_set_string(graph, node, FET_ATTR_MODE, mode));
    fet_id up = zoo_unary(graph, FET_OP_RELU, "up.act", infer(graph, node));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_SPACE_TO_DEPTH, "down", &up, 1, 1, &back));
    CHECK_OK(fet_graph_set_int(graph, back, FET_ATTR_BLOCKSIZE, 2));
    return infer(graph, back);
}

static fet_id between_space_dcr(fet_graph *graph, fet_id src)
{
    return between_space(graph, src, "DCR");
}

static fet_id between_space_crd(fet_graph *graph, fet_id src)
{
    return between_space(graph, src, "CRD");
}

static fet_id lrn(fet_graph *graph, fet_id src)
{
    fet_id node;
    node_of(graph, FET_OP_LRN, &src, 1, &node);
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_SIZE, 3));
    return infer(graph, node);
}

static fet_id softmax_space(fet_graph *graph, fet_id src)
{
    return zoo_unary(graph, FET_OP_SOFTMAX, "soft", src);
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
    {"resize_by_sizes", resize_by_sizes, 1},
    {"reduce_space", reduce_space, 1},
    {"reduce_channels", reduce_channels, 0},
    {"squeeze", squeeze, 1},
    {"reshape_open", reshape_open, 1},
    {"reshape_counted", reshape_counted, 1},
    {"transpose", transpose, 0},
    {"instance_norm", instance_norm, 1},
    {"transposed_dense", transposed_dense, 2},
    {"transposed_depthwise", transposed_depthwise, 1},
    {"matmul", matmul, 2},
    {"spatial_attention", spatial_attention, 1},
    {"concat_rows", concat_rows, 1},
    {"softmax_channels", softmax_channels, 0},
    {"tied_weights", tied_weights, 0},
    {"shuffle", shuffle, 2},
    {"shuffle_to_one", shuffle_to_one, 2}, /* before and behind */
    {"shuffle_open", shuffle_open, 1},
    {"channels_last", channels_last, 1},
    {"pixel_matrix", pixel_matrix, 2},
    {"split_sized", split_sized, 2},
    {"split_equal", split_equal, 1},
    {"slices", slices, 3},
    {"slice_backwards", slice_backwards, 0},
    {"shared_size", shared_size, 0},
    {"between_space_dcr", between_space_dcr, 1},
    {"between_space_crd", between_space_crd, 1},
    {"lrn", lrn, 1},
    {"softmax_space", softmax_space, 1},
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
        give_numbers(base, i);
        run_result all = run_graph(base, 3);
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
                CHECK_OK(fet_graph_init_params(graph, base, 1));
                run_result result = run_graph(graph, 3);
                if (!(result.largest < 1e6))
                    fail_msg("%s: group %u at %u gives outputs up to %g", cases[i].name, g, wanted[w], result.largest);
                double difference = run_compare(&all, &result);
                if (w && !groups.groups[g].mixed && !(difference < 1e-5))
                    fail_msg("%s: group %u grown to %u: outputs %g apart", cases[i].name, g, wanted[w], difference);
                free(result.data);
                fet_graph_destroy(graph);
            }
        }
        if (n_free != cases[i].n_free) fail_msg("%s: %u free groups, expected %u", cases[i].name, n_free, cases[i].n_free);
        free(all.data);
        fet_arena_destroy(arena);
        fet_graph_destroy(base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(passes_or_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
