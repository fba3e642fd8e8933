// SPDX-License-Identifier: Apache-2.0
/*
 * The peak as MCUNet counts it, on its network "in3" (176 x 176, 81.8 M MACs) and on the MobileNetV2 that its authors compare with (width
 * 0.35, 144 x 144, 23.5 M MACs), both made by hand here layer by layer, against sums worked out on paper; and our planner on in3.
 * Published, profiled with their own engine on a microcontroller: 293 and 308 kB of SRAM, 897 and 862 kB of flash (mit-han-lab/mcunet, June
 * 2022), and 835 and 839 kB of flash with the engine of December 2022 (mit-han-lab/tinyengine).
 */
#include "check.h"

#include "device/memory.h"
#include "op/builder.h"
#include "op/op.h"

#include <string.h>

typedef struct block_size {
    int64_t expanded, kernel, stride, out;
} block_size;

typedef struct network {
    int64_t size, stem, first; /* of the image; channels of the first convolution, and of the block without expansion behind it */
    const block_size *blocks;
    size_t n_blocks;
    int64_t head; /* channels of the convolution before the pool, 0: none */
} network;

static const block_size in3_blocks[] = {
    {24, 7, 2, 16},  {80, 3, 1, 16},  {80, 7, 1, 16},  {64, 5, 1, 16},  {80, 5, 2, 24},   {120, 5, 1, 24},
    {120, 5, 1, 24}, {120, 3, 2, 40}, {240, 7, 1, 40}, {160, 5, 1, 40}, {200, 5, 1, 48},  {240, 7, 1, 48},
    {240, 3, 1, 48}, {288, 3, 2, 96}, {480, 7, 1, 96}, {384, 3, 1, 96}, {480, 7, 1, 160},
};
/* Table 2 of Sandler et al., CVPR 2018, each width times 0.35 and rounded to 8 (no more than a tenth down), the last convolution's too. */
static const block_size mobilenet_blocks[] = {
    {48, 3, 2, 8},   {48, 3, 1, 8},   {48, 3, 2, 16},  {96, 3, 1, 16},  {96, 3, 1, 16},  {96, 3, 2, 24},  {144, 3, 1, 24}, {144, 3, 1, 24},
    {144, 3, 1, 24}, {144, 3, 1, 32}, {192, 3, 1, 32}, {192, 3, 1, 32}, {192, 3, 2, 56}, {336, 3, 1, 56}, {336, 3, 1, 56}, {336, 3, 1, 112},
};
static const network in3 = {176, 16, 8, in3_blocks, sizeof in3_blocks / sizeof *in3_blocks, 0};
static const network mobilenet = {144, 16, 8, mobilenet_blocks, sizeof mobilenet_blocks / sizeof *mobilenet_blocks, 448};

static fet_id conv(fet_graph *g, const char *block, const char *what, fet_id x, fet_conv_options options, bool activation)
{
    char name[64], relu[80];
    fet_id y = FET_NONE;
    snprintf(name, sizeof name, "%s.%s", block, what);
    snprintf(relu, sizeof relu, "%s.relu6", name);
    options.bias = true;
    CHECK_OK(fet_build_conv(g, name, x, &options, &y));
    if (activation) CHECK_OK(fet_build_relu6(g, relu, y, &y));
    return y;
}

static fet_id depthwise_block(fet_graph *g, const char *name, fet_id x, int64_t in, const block_size *b)
{
    fet_id y = conv(g, name, "expand", x, (fet_conv_options){.out_channels = b->expanded, .kernel = 1}, true);
    y = conv(g, name, "depthwise", y,
             (fet_conv_options){.out_channels = b->expanded, .kernel = b->kernel, .stride = b->stride, .group = b->expanded}, true);
    y = conv(g, name, "project", y, (fet_conv_options){.out_channels = b->out, .kernel = 1}, false);
    char sum[64];
    snprintf(sum, sizeof sum, "%s.add", name);
    if (b->stride == 1 && b->out == in) CHECK_OK(fet_build_binary(g, FET_OP_ADD, sum, y, x, &y));
    return y;
}

static fet_graph *make_network(const network *net)
{
    fet_graph *g = NULL;
    fet_id x = FET_NONE;
    fet_shape image = fet_shape_4d(1, 3, net->size, net->size);
    CHECK_OK(fet_graph_create(NULL, &g));
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &image, &x));
    x = conv(g, "stem", "conv", x, (fet_conv_options){.out_channels = net->stem, .kernel = 3, .stride = 2}, true);
    x = conv(g, "stem", "depthwise", x, (fet_conv_options){.out_channels = net->stem, .kernel = 3, .group = net->stem}, true);
    x = conv(g, "stem", "project", x, (fet_conv_options){.out_channels = net->first, .kernel = 1}, false);
    for (size_t b = 0; b < net->n_blocks; b++) {
        char name[32];
        snprintf(name, sizeof name, "block%zu", b);
        x = depthwise_block(g, name, x, b ? net->blocks[b - 1].out : net->first, &net->blocks[b]);
    }
    if (net->head) x = conv(g, "head", "last", x, (fet_conv_options){.out_channels = net->head, .kernel = 1}, true);
    CHECK_OK(fet_build_unary(g, FET_OP_GLOBAL_AVERAGE_POOL, "pool", x, &x));
    x = conv(g, "head", "conv", x, (fet_conv_options){.out_channels = 1000, .kernel = 1}, false);
    CHECK_OK(fet_graph_add_output(g, x));
    CHECK_OK(fet_graph_infer(g));
    return g;
}

/*
 * What TinyEngine's generated code keeps in flash beside the program: weights, and for each output channel a bias, a multiplier and a shift
 * of 4 bytes; depthwise convolutions have two biases, offsetBias and offsetRBias (code_generator/operators/conv2d.py and depthwiseConv2d.py
 * of mit-han-lab/tinyengine).
 */
static uint64_t tinyengine_bytes(const fet_graph *graph)
{
    uint64_t bytes = 0;
    for (uint32_t n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        if (node->op != FET_OP_CONV) continue;
        const fet_shape *weights = &graph->values[node->inputs[1]].shape;
        bool is_depthwise = weights->dim[1] == 1;
        bytes += (uint64_t)fet_shape_elements(weights) + (uint64_t)weights->dim[0] * (is_depthwise ? 16 : 12);
    }
    return bytes;
}

static void test_in3(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = make_network(&in3);
    fet_auto(fet_arena) arena = NULL;
    fet_kernels kernels;
    fet_memory_plan plan;
    fet_op_work work;
    fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_kernels_split(graph, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
    CHECK_OK(fet_memory_plan_make(graph, &kernels, &options, arena, &plan));
    fet_graph_work(graph, &work);
    CHECK_NEAR((double)work.macs, 81.8e6, 0.05e6);
    /* 721032 weights of a byte, 8688 biases of 4. */
    assert_int_equal(plan.param_bytes, 721032 + 4 * 8688);
    uint64_t layer = fet_memory_mcunet_peak(graph, &kernels, FET_DTYPE_S8, false);
    uint64_t block = fet_memory_mcunet_peak(graph, &kernels, FET_DTYPE_S8, true);
    /* Block 1's depthwise: 80 x 44 x 44 in and out; its input of 16 x 44 x 44 waits. */
    assert_int_equal(layer, 2 * 80 * 44 * 44);
    assert_int_equal(block, 2 * 80 * 44 * 44 + 16 * 44 * 44);
    assert_int_equal(fet_memory_mcunet_peak(graph, &kernels, FET_DTYPE_F32, true), 4 * block);
    assert_true(plan.arena_bytes >= plan.lower_bound_bytes && plan.lower_bound_bytes >= block);
    assert_true((double)plan.arena_bytes <= 1.02 * (double)plan.lower_bound_bytes);
    print_message(
        "# in3: a layer's source and result %.1f KiB (published 293), and what waits %.1f, planned %.1f; weights and biases %.1f kB\n",
        (double)layer / 1024, (double)block / 1024, (double)plan.arena_bytes / 1024, (double)plan.param_bytes / 1e3);
    /* By the sums above: 12 bytes for each of 8688 channels, 4 more for each of the 3416 of a depthwise convolution. */
    assert_int_equal(tinyengine_bytes(graph), 721032 + 12 * 8688 + 4 * 3416);
    CHECK_NEAR((double)layer / 1024, 293, 0.05 * 293);
}

/*
 * Flash is what the code keeps and the engine's program, of which nothing is published. What the program takes is what is left of
 * MobileNetV2's flash, and explains in3's: with the engine of either date.
 */
static void test_flash(void **state)
{
    static const struct {
        const char *engine;
        double mobilenet, in3; /* kB, of 1024 bytes: of 1000, what in3 keeps alone would be more than 835 */
    } published[] = {{"June 2022", 862, 897}, {"December 2022", 839, 835}};
    (void)state;
    fet_auto(fet_graph) small = make_network(&in3);
    fet_auto(fet_graph) other = make_network(&mobilenet);
    fet_op_work work;
    fet_graph_work(other, &work);
    CHECK_NEAR((double)work.macs, 23.5e6, 0.05e6); /* as published: it is the network they mean */
    /* 736864 weights; 7208 channels, 2608 of them of depthwise convolutions. */
    assert_int_equal(tinyengine_bytes(other), 736864 + 12 * 7208 + 4 * 2608);
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        double program = published[i].mobilenet - (double)tinyengine_bytes(other) / 1024;
        double explained = (double)tinyengine_bytes(small) / 1024 + program;
        print_message("# in3 with the engine of %s: %.1f KiB of weights, biases and tables and %.1f of program (what is left of "
                      "MobileNetV2's %.0f): %.1f, published %.0f\n",
                      published[i].engine, (double)tinyengine_bytes(small) / 1024, program, published[i].mobilenet, explained,
                      published[i].in3);
        assert_true(program > 0);
        CHECK_NEAR(explained, published[i].in3, 0.05 * published[i].in3);
    }
}

/* The same count of SRAM as of in3, on the network it was not looked at for. */
static void test_mobilenet(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = make_network(&mobilenet);
    fet_auto(fet_arena) arena = NULL;
    fet_kernels kernels;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_kernels_split(graph, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
    uint64_t layer = fet_memory_mcunet_peak(graph, &kernels, FET_DTYPE_S8, false);
    assert_int_equal(layer, 48 * 72 * 72 + 48 * 36 * 36); /* the first block's depthwise, in and out */
    print_message("# mobilenet: a layer's source and result %.1f KiB (published 308)\n", (double)layer / 1024);
    CHECK_NEAR((double)layer / 1024, 308, 0.05 * 308);
}

/* An addition that is no part of a convolution's kernel: what waits for it counts all the same, the depthwise's own source only once. */
static void test_rules(void **state)
{
    (void)state;
    fet_auto(fet_graph) g = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_kernels kernels;
    fet_id x = FET_NONE, y = FET_NONE, z = FET_NONE;
    fet_shape image = fet_shape_4d(1, 4, 8, 8);
    fet_fusion_rules rules = fet_fusion_rules_host;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_graph_create(NULL, &g));
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &image, &x));
    y = conv(g, "a", "depthwise", x, (fet_conv_options){.out_channels = 4, .kernel = 3, .group = 4}, false);
    z = conv(g, "b", "depthwise", y, (fet_conv_options){.out_channels = 4, .kernel = 3, .group = 4}, false);
    CHECK_OK(fet_build_binary(g, FET_OP_ADD, "sum", z, x, &z));
    CHECK_OK(fet_graph_add_output(g, z));
    CHECK_OK(fet_graph_infer(g));
    for (int fused = 0; fused < 2; fused++) {
        rules.add = fused;
        CHECK_OK(fet_kernels_split(g, &rules, FET_DTYPE_S8, arena, &kernels));
        assert_int_equal(fet_memory_mcunet_peak(g, &kernels, FET_DTYPE_S8, false), 2 * 4 * 64);
        assert_int_equal(fet_memory_mcunet_peak(g, &kernels, FET_DTYPE_S8, true), 3 * 4 * 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_in3), cmocka_unit_test(test_flash), cmocka_unit_test(test_mobilenet),
                                       cmocka_unit_test(test_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
