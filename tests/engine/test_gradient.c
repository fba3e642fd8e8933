// SPDX-License-Identifier: Apache-2.0
/* Convolution, Gemm, batch norm and what is fused into it, forward and backward over random shapes; values and parameters with several
 * readers. */
#include "gradient.h"

static void test_conv(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        net n = start(seed);
        int64_t kernel = (int64_t[]){1, 3, 5}[fet_rng_below(&n.rng, 3)];
        fet_id x = image(&n, between(&n, 1, 36)); /* some windows are larger than their map */
        int64_t out = between(&n, 1, 40), stride = between(&n, 1, 2);
        check_net(&n, conv(&n, x, (fet_conv_options){.out_channels = out, .kernel = kernel, .stride = stride, .bias = seed % 2}),
                  BF16_TOLERANCE, false);
    }
}

static void test_depthwise(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        net n = start(100 + seed);
        int64_t kernel = (int64_t[]){3, 5, 7}[seed % 3], channels = between(&n, 1, 4) * (seed % 4 == 3 ? 5 : 16);
        fet_id x = image(&n, channels);
        check_net(&n,
                  conv(&n, x,
                       (fet_conv_options){
                           .out_channels = channels, .kernel = kernel, .stride = between(&n, 1, 2), .group = channels, .bias = seed % 2}),
                  BF16_TOLERANCE, false);
    }
}

static void test_grouped(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = start(200 + seed);
        int64_t groups = between(&n, 2, 3), width = (int64_t[]){16, 32}[seed % 2];
        fet_id x = image(&n, groups * width);
        check_net(&n, conv(&n, x, (fet_conv_options){.out_channels = groups * width, .kernel = 3, .group = groups}), BF16_TOLERANCE, false);
    }
}

/* 1x1 over every number of channels around a block: with an odd one oneDNN's gradient by the input is wrong in bf16. */
static void test_pointwise(void **state)
{
    (void)state;
    static const int64_t channels[] = {1, 3, 8, 16, 21, 32, 35};
    for (uint64_t seed = 0; seed < 14; seed++) {
        net n = start(260 + seed);
        int64_t in = channels[seed % 7], out = channels[(seed * 3 + 1) % 7], stride = seed < 7 ? 1 : 2;
        fet_id x = image(&n, in);
        check_net(&n, conv(&n, x, (fet_conv_options){.out_channels = out, .kernel = 1, .stride = stride, .bias = seed % 2}), BF16_TOLERANCE,
                  false);
    }
}

/* Groups that fill no block of channels, more outputs than inputs a channel, a window larger than its map, holes, uneven padding. */
static void test_unusual_conv(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        net n = start(220 + seed);
        int64_t groups = seed % 4 == 0 ? 6 : between(&n, 1, 3), in = groups * (seed % 4 == 0 ? 1 : between(&n, 1, 5));
        int64_t out = groups * between(&n, 2, 5), kernel = (int64_t[]){3, 5}[seed % 2];
        fet_id x = image_from(&n, in, 3), w = param(&n, fet_shape_4d(out, in / groups, kernel, kernel), true);
        fet_id bias = seed < 4 ? FET_NONE : param(&n, fet_shape_1d(out), true);
        fet_id id = node(&n, FET_OP_CONV, (fet_id[]){x, w, bias}, 3);
        int64_t hole = seed % 3 == 2 ? 2 : 1, stride = between(&n, 1, 2), pad = hole * (kernel - 1);
        CHECK_OK(fet_graph_set_int(n.graph, id, FET_ATTR_GROUP, groups));
        CHECK_OK(fet_graph_set_ints(n.graph, id, FET_ATTR_STRIDES, (int64_t[]){stride, 1}, 2));
        CHECK_OK(fet_graph_set_ints(n.graph, id, FET_ATTR_DILATIONS, (int64_t[]){hole, hole}, 2));
        CHECK_OK(fet_graph_set_ints(n.graph, id, FET_ATTR_PADS, (int64_t[]){pad / 2, pad - 1, pad, pad / 2}, 4));
        check_net(&n, out_of(&n, id), BF16_TOLERANCE, false);
    }
}

static void test_conv_of_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = start(230 + seed);
        int64_t group = seed % 2 ? 2 : 1, in = group * between(&n, 1, 9), out = group * between(&n, 4, 9), length = between(&n, 4, 12);
        fet_id x = input(&n, fet_shape_make(3, (int64_t[]){1, in, length}));
        fet_id w = param(&n, fet_shape_make(3, (int64_t[]){out, in / group, 3}), true), bias = param(&n, fet_shape_1d(out), true);
        fet_id id = node(&n, FET_OP_CONV, (fet_id[]){x, w, bias}, 3);
        CHECK_OK(fet_graph_set_int(n.graph, id, FET_ATTR_GROUP, group));
        CHECK_OK(fet_graph_set_ints(n.graph, id, FET_ATTR_PADS, (int64_t[]){1, 2}, 2));
        check_net(&n, out_of(&n, id), BF16_TOLERANCE, false);
    }
}

static void test_conv_transpose(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        net n = start(240 + seed);
        int64_t group = seed % 4 == 1 ? between(&n, 2, 3) : 1, in = group * between(&n, 1, 9), out = between(&n, 4, 9);
        int64_t kernel = between(&n, 2, 4), stride = between(&n, 1, 3), pad = between(&n, 0, 1);
        fet_id x = conv(&n, image_from(&n, 5, 2), (fet_conv_options){.out_channels = in, .kernel = 1});
        fet_id w = param(&n, fet_shape_4d(in, out, kernel, kernel), true);
        fet_id bias = seed % 2 ? param(&n, fet_shape_1d(out * group), true) : FET_NONE;
        fet_id id = node(&n, FET_OP_CONV_TRANSPOSE, (fet_id[]){x, w, bias}, 3);
        CHECK_OK(fet_graph_set_int(n.graph, id, FET_ATTR_GROUP, group));
        CHECK_OK(fet_graph_set_ints(n.graph, id, FET_ATTR_STRIDES, (int64_t[]){stride, stride}, 2));
        CHECK_OK(fet_graph_set_ints(n.graph, id, FET_ATTR_PADS, (int64_t[]){pad, pad, pad, pad}, 4));
        if (stride > 1) CHECK_OK(fet_graph_set_ints(n.graph, id, FET_ATTR_OUTPUT_PADDING, (int64_t[]){1, 1}, 2));
        check_net(&n, conv(&n, out_of(&n, id), (fet_conv_options){.out_channels = 4, .kernel = 1}), 2 * BF16_TOLERANCE, false);
    }
}

static void test_gemm(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        net n = start(300 + seed);
        int64_t k = between(&n, 1, 70), m = between(&n, 1, 20);
        fet_id x = input(&n, fet_shape_2d(1, k));
        if (seed % 3 == 0) {
            CHECK_OK(fet_build_gemm(n.graph, "fc", x, m, &x));
        } else {
            fet_id in[] = {x, param(&n, fet_shape_2d(k, m), true), seed % 3 == 1 ? param(&n, fet_shape_1d(m), true) : FET_NONE};
            x = out_of(&n, node(&n, seed % 3 == 1 ? FET_OP_GEMM : FET_OP_MATMUL, in, seed % 3 == 1 ? 3 : 2));
        }
        check_net(&n, x, BF16_TOLERANCE, false);
    }
}

/* conv -> batch norm, alone or with what is fused into it, then something behind it, so that its output is made again in the backward pass.
 */
static void test_batch_norm(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 16; seed++) {
        net n = start(400 + seed);
        int64_t channels = between(&n, 1, 40);
        fet_id x = image(&n, channels), r = x;
        x = batch_norm(&n, conv(&n, x, (fet_conv_options){.out_channels = channels, .kernel = 1}));
        if (seed & 1) x = binary(&n, FET_OP_ADD, seed & 4 ? r : x, seed & 4 ? x : r);
        if (seed & 2) {
            if (seed & 8) CHECK_OK(fet_build_relu6(n.graph, name(&n), x, &x));
            else x = unary(&n, FET_OP_RELU, x);
        }
        if (seed & 4) x = conv(&n, x, (fet_conv_options){.out_channels = 16, .kernel = 1});
        check_net(&n, x, 2 * BF16_TOLERANCE, seed == 9 || seed == 14);
    }
}

static void test_batch_norm_of_rows(void **state)
{
    (void)state;
    net n = start(450);
    n.batch = 16;
    fet_id x = input(&n, fet_shape_2d(1, 37));
    check_net(&n, unary(&n, FET_OP_RELU, batch_norm(&n, x)), 2 * BF16_TOLERANCE, false);
}

/* A value read by several: two branches, sums of sums, the same value twice, batch norm of what is added to it. */
static void test_shared_values(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        net n = start(500 + seed);
        fet_id x = image(&n, 16);
        fet_conv_options same = {.out_channels = 16, .kernel = 3};
        fet_id a = unary(&n, FET_OP_RELU, batch_norm(&n, conv(&n, x, same)));
        fet_id b = seed == 2 || seed == 3 ? a : batch_norm(&n, conv(&n, a, same));
        if (seed == 0) b = binary(&n, FET_OP_ADD, b, a);
        if (seed == 1) b = binary(&n, FET_OP_ADD, binary(&n, FET_OP_ADD, b, a), conv(&n, a, same));
        if (seed == 2) b = binary(&n, FET_OP_ADD, a, a);
        if (seed == 3) b = binary(&n, FET_OP_ADD, batch_norm(&n, a), a);
        if (seed == 4) b = unary(&n, FET_OP_RELU, binary(&n, FET_OP_ADD, b, batch_norm(&n, conv(&n, a, same))));
        if (seed == 5) {
            CHECK_OK(fet_graph_add_output(n.graph, a));
            fet_id c = binary(&n, FET_OP_ADD, b, a);
            b = binary(&n, FET_OP_ADD, batch_norm(&n, conv(&n, unary(&n, FET_OP_RELU, c), same)), c);
        }
        check_net(&n, b, 3 * BF16_TOLERANCE, false);
    }
}

/* Two convolutions with one kernel: its gradient is the sum of both. */
static void test_shared_parameter(void **state)
{
    (void)state;
    net n = start(550);
    fet_id x = image(&n, 16), w = param(&n, fet_shape_4d(16, 16, 1, 1), true);
    fet_id a = out_of(&n, node(&n, FET_OP_CONV, (fet_id[]){x, w}, 2));
    check_net(&n, out_of(&n, node(&n, FET_OP_CONV, (fet_id[]){a, w}, 2)), BF16_TOLERANCE, false);
}

/* What cannot be trained says so, by name, and leaves nothing behind. */
static void test_unsupported(void **state)
{
    (void)state;
    net n = start(890);
    fet_id x = unary(&n, FET_OP_FLOOR, image(&n, 3));
    CHECK_OK(fet_graph_add_output(n.graph, x));
    fet_trainer_options options = fet_trainer_default_options();
    fet_trainer *trainer = NULL;
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_trainer_create(n.graph, &options, &trainer));
    assert_non_null(strstr(fet_error_message(), "Floor"));
    options.batch = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_trainer_create(n.graph, &options, &trainer));
    fet_graph_destroy(n.graph);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),           cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_grouped),        cmocka_unit_test(test_pointwise),
        cmocka_unit_test(test_unusual_conv),   cmocka_unit_test(test_conv_of_rows),
        cmocka_unit_test(test_conv_transpose), cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_batch_norm),     cmocka_unit_test(test_batch_norm_of_rows),
        cmocka_unit_test(test_shared_values),  cmocka_unit_test(test_shared_parameter),
        cmocka_unit_test(test_unsupported),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* one test by its name */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
