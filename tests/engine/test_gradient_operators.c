// SPDX-License-Identifier: Apache-2.0
/* Every other operator's forward and backward, between convolutions, over random shapes. */
#include "gradient.h"

static void test_activations(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_RELU,    FET_OP_LEAKY_RELU,   FET_OP_ELU,      FET_OP_SELU,       FET_OP_CELU,
                                      FET_OP_SIGMOID, FET_OP_HARD_SIGMOID, FET_OP_SWISH,    FET_OP_HARD_SWISH, FET_OP_GELU,
                                      FET_OP_TANH,    FET_OP_ERF,          FET_OP_SOFTPLUS, FET_OP_SOFTSIGN,   FET_OP_ABS,
                                      FET_OP_NEG,     FET_OP_EXP,          FET_OP_IDENTITY, FET_OP_DROPOUT};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        net n = start(600 + i);
        fet_id x = image(&n, between(&n, 4, 20));
        x = conv(&n, x, (fet_conv_options){.out_channels = between(&n, 1, 20), .kernel = 1});
        x = unary(&n, ops[i], x);
        check_net(&n, conv(&n, x, (fet_conv_options){.out_channels = 8, .kernel = 1}), 2 * BF16_TOLERANCE, false);
    }
    static const fet_op_kind positive[] = {FET_OP_LOG, FET_OP_SQRT, FET_OP_RECIPROCAL};
    for (size_t i = 0; i < 3; i++) { /* of numbers above 0.3 */
        net n = start(650 + i);
        fet_id x = unary(&n, FET_OP_SIGMOID, image(&n, 7));
        check_net(&n, unary(&n, positive[i], x), 2 * BF16_TOLERANCE, false);
    }
}

static void test_clip(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        net n = start(660 + (uint64_t)i);
        fet_id bounds[2];
        for (int b = 0; b < 2; b++) {
            fet_auto(fet_tensor) tensor = NULL;
            fet_shape scalar = {0};
            CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &scalar, &tensor));
            fet_tensor_f32(tensor)[0] = b ? 0.8f : i ? -0.5f : 0.25f; /* a low bound above zero must not touch padding channels */
            CHECK_OK(fet_graph_add_param(n.graph, name(&n), FET_DTYPE_F32, &scalar, tensor, false, &bounds[b]));
        }
        fet_id x = batch_norm(&n, conv(&n, image(&n, 5), (fet_conv_options){.out_channels = 21, .kernel = 1}));
        x = out_of(&n, node(&n, FET_OP_CLIP, (fet_id[]){x, bounds[0], bounds[1]}, 3));
        check_net(&n, conv(&n, x, (fet_conv_options){.out_channels = 8, .kernel = 3}), 3 * BF16_TOLERANCE, false);
    }
}

static void test_head(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = start(700 + seed);
        fet_id x = image(&n, between(&n, 2, 40));
        if (seed % 2) x = unary(&n, FET_OP_GLOBAL_AVERAGE_POOL, x);
        x = unary(&n, FET_OP_FLATTEN, x);
        CHECK_OK(fet_build_gemm(n.graph, "fc", x, 5, &x));
        check_net(&n, x, BF16_TOLERANCE, false);
    }
}

static void test_pool(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_MAX_POOL, FET_OP_AVERAGE_POOL};
    for (uint64_t seed = 0; seed < 8; seed++) {
        net n = start(800 + seed);
        fet_id x = before(&n, between(&n, 3, 20)), pool = node(&n, ops[seed % 2], &x, 1);
        int64_t kernel = between(&n, 2, 3), stride = between(&n, 1, 2), pad = between(&n, 0, 1);
        CHECK_OK(fet_graph_set_ints(n.graph, pool, FET_ATTR_KERNEL_SHAPE, (int64_t[]){kernel, kernel}, 2));
        CHECK_OK(fet_graph_set_ints(n.graph, pool, FET_ATTR_STRIDES, (int64_t[]){stride, stride}, 2));
        CHECK_OK(fet_graph_set_ints(n.graph, pool, FET_ATTR_PADS, (int64_t[]){pad, pad, pad, pad}, 4));
        if (seed & 4) CHECK_OK(fet_graph_set_int(n.graph, pool, FET_ATTR_COUNT_INCLUDE_PAD, 1));
        check_net(&n, after(&n, out_of(&n, pool)), seed % 2 ? BF16_TOLERANCE : 0, false); /* rounding moves a maximum to another tap */
    }
    net n = start(820);
    check_net(&n, after(&n, unary(&n, FET_OP_GLOBAL_MAX_POOL, before(&n, 18))), 0, false);
}

static void test_binary(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_ADD, FET_OP_SUB, FET_OP_MUL, FET_OP_DIV};
    for (uint64_t seed = 0; seed < 16; seed++) {
        net n = start(830 + seed);
        int64_t channels = between(&n, 1, 20);
        fet_id a = before(&n, channels), b = FET_NONE;
        fet_op_kind op = ops[seed % 4];
        if (seed / 4 == 0) b = conv(&n, a, (fet_conv_options){.out_channels = channels, .kernel = 1}); /* equal shapes */
        if (seed / 4 == 1) b = unary(&n, FET_OP_GLOBAL_AVERAGE_POOL, a);                               /* one number a channel */
        if (seed / 4 == 2 && op != FET_OP_DIV) b = param(&n, fet_shape_4d(1, channels, 1, 1), true);
        if (seed / 4 == 3) b = conv(&n, a, (fet_conv_options){.out_channels = 1, .kernel = 1}); /* one channel for all */
        if (op == FET_OP_DIV) b = unary(&n, FET_OP_SIGMOID, b == FET_NONE ? a : b);             /* keep the divisor away from zero */
        bool swapped = fet_rng_below(&n.rng, 2) && op != FET_OP_DIV;
        check_net(&n, after(&n, binary(&n, op, swapped ? b : a, swapped ? a : b)), 2 * BF16_TOLERANCE, false);
    }
    net n = start(850);
    fet_id x = before(&n, 7);
    check_net(&n, after(&n, binary(&n, FET_OP_MUL, x, x)), 2 * BF16_TOLERANCE, false); /* the square: both gradients go to one value */
    n = start(851);
    x = before(&n, 9);
    check_net(&n, after(&n, out_of(&n, node(&n, FET_OP_PRELU, (fet_id[]){x, param(&n, fet_shape_make(3, (int64_t[]){9, 1, 1}), true)}, 2))),
              2 * BF16_TOLERANCE, false);
}

static void test_variadic(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_SUM, FET_OP_MEAN, FET_OP_MAX, FET_OP_MIN};
    for (uint64_t seed = 0; seed < 12; seed++) {
        bool linear = seed % 4 < 2;             /* rounding makes another input the largest */
        if (!linear && seed / 4 == 0) continue; /* a twice: where it wins, both are the largest, and the slope is not defined */
        net n = start(1000 + seed);
        int64_t channels = between(&n, 1, 20);
        fet_id a = before(&n, channels), b = conv(&n, a, (fet_conv_options){.out_channels = channels, .kernel = 1});
        fet_id inputs[] = {a, b, a, a};
        if (seed / 4 == 1) inputs[2] = param(&n, fet_shape_4d(1, channels, 1, 1), true);
        if (seed / 4 == 2) inputs[2] = conv(&n, b, (fet_conv_options){.out_channels = 1, .kernel = 1}); /* one channel for all */
        fet_id id = node(&n, ops[seed % 4], inputs, linear ? 4 : 3);
        check_net(&n, after(&n, out_of(&n, id)), linear ? 2 * BF16_TOLERANCE : 0, false);
    }
}

static void test_lrn(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        net n = start(1020 + seed);
        fet_id x = before(&n, between(&n, 4, 20)), lrn = node(&n, FET_OP_LRN, &x, 1);
        CHECK_OK(fet_graph_set_int(n.graph, lrn, FET_ATTR_SIZE, (int64_t[]){5, 4, 3}[seed]));
        CHECK_OK(fet_graph_set_float(n.graph, lrn, FET_ATTR_ALPHA, 0.5f));
        check_net(&n, after(&n, out_of(&n, lrn)), 2 * BF16_TOLERANCE, false);
    }
}

static void test_resize(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        net n = start(1030 + seed);
        fet_id x = before(&n, (int64_t[]){16, 5, 2}[seed % 3]);
        fet_id scales = constants(&n, FET_DTYPE_F32, (double[]){1, 1, 2, seed % 3 == 1 ? 3 : 2}, 4);
        fet_id resize = node(&n, FET_OP_RESIZE, (fet_id[]){x, FET_NONE, scales}, 3);
        CHECK_OK(fet_graph_set_string(n.graph, resize, FET_ATTR_MODE, seed % 3 == 2 ? "cubic" : "linear"));
        if (seed < 3) CHECK_OK(fet_graph_set_string(n.graph, resize, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "align_corners"));
        check_net(&n, after(&n, out_of(&n, resize)), 2 * BF16_TOLERANCE, false);
    }
}

/* Three parts of which one is read twice and one by nobody. */
static void test_split(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        net n = start(1040 + seed);
        int64_t width = (int64_t[]){16, 5, 3}[seed];
        fet_id x = before(&n, 3 * width), id = FET_NONE;
        CHECK_OK(fet_graph_add_node(n.graph, FET_OP_SPLIT, name(&n), &x, 1, 3, &id));
        CHECK_OK(fet_graph_set_int(n.graph, id, FET_ATTR_AXIS, 1));
        CHECK_OK(fet_graph_infer_node(n.graph, id));
        const fet_id *part = n.graph->nodes[id].outputs;
        fet_id last = part[2], first = part[0];
        fet_id product = binary(&n, FET_OP_MUL, last, unary(&n, FET_OP_RELU, last));
        check_net(&n, after(&n, seed == 1 ? product : binary(&n, FET_OP_ADD, product, first)), 2 * BF16_TOLERANCE, false);
    }
}

static void test_softmax(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = start(860 + seed);
        fet_id x = seed < 2 ? input(&n, fet_shape_2d(1, 11)) : before(&n, 9);
        fet_id soft = node(&n, seed % 2 ? FET_OP_LOG_SOFTMAX : FET_OP_SOFTMAX, &x, 1);
        CHECK_OK(fet_graph_set_int(n.graph, soft, FET_ATTR_AXIS, seed == 3 ? -1 : 1));
        check_net(&n, out_of(&n, soft), 2 * BF16_TOLERANCE, false);
    }
}

static void test_reduce(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = start(870 + seed);
        fet_id x = before(&n, 18), mean = node(&n, FET_OP_REDUCE_MEAN, &x, 1);
        CHECK_OK(fet_graph_set_ints(n.graph, mean, FET_ATTR_AXES, seed & 1 ? (int64_t[]){2, 3} : (int64_t[]){-3, 1}, seed & 1 ? 2 : 1));
        CHECK_OK(fet_graph_set_int(n.graph, mean, FET_ATTR_KEEPDIMS, seed > 1));
        check_net(&n, out_of(&n, mean), BF16_TOLERANCE, false);
    }
}

static void test_moves(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) { /* channels that do and do not fill blocks */
        net n = start(880 + seed);
        fet_id a = before(&n, (int64_t[]){16, 5, 20}[seed]);
        fet_id b = conv(&n, a, (fet_conv_options){.out_channels = (int64_t[]){32, 19, 3}[seed], .kernel = 1});
        fet_id cat = node(&n, FET_OP_CONCAT, (fet_id[]){a, b, a}, 3);
        CHECK_OK(fet_graph_set_int(n.graph, cat, FET_ATTR_AXIS, 1));
        check_net(&n, after(&n, out_of(&n, cat)), 2 * BF16_TOLERANCE, false);
    }
    net n = start(885);
    fet_id x = before(&n, 11), scales = constants(&n, FET_DTYPE_F32, (double[]){1, 1, 2, 2}, 4);
    fet_id resize = node(&n, FET_OP_RESIZE, (fet_id[]){x, FET_NONE, scales}, 3);
    CHECK_OK(fet_graph_set_string(n.graph, resize, FET_ATTR_MODE, "nearest"));
    CHECK_OK(fet_graph_set_string(n.graph, resize, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "asymmetric"));
    CHECK_OK(fet_graph_set_string(n.graph, resize, FET_ATTR_NEAREST_MODE, "floor"));
    check_net(&n, after(&n, out_of(&n, resize)), 2 * BF16_TOLERANCE, false);
    n = start(886);
    x = before(&n, 6);
    fet_id transpose = node(&n, FET_OP_TRANSPOSE, &x, 1); /* as detection heads have it: to N, H, W, C, then to rows */
    CHECK_OK(fet_graph_set_ints(n.graph, transpose, FET_ATTR_PERM, (int64_t[]){0, 2, 3, 1}, 4));
    x = out_of(&n, transpose);
    x = out_of(&n, node(&n, FET_OP_RESHAPE, (fet_id[]){x, constants(&n, FET_DTYPE_S64, (double[]){0, -1, 2}, 3)}, 2));
    check_net(&n, x, BF16_TOLERANCE, false);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations), cmocka_unit_test(test_clip),     cmocka_unit_test(test_head),   cmocka_unit_test(test_pool),
        cmocka_unit_test(test_binary),      cmocka_unit_test(test_variadic), cmocka_unit_test(test_lrn),    cmocka_unit_test(test_resize),
        cmocka_unit_test(test_split),       cmocka_unit_test(test_softmax),  cmocka_unit_test(test_reduce), cmocka_unit_test(test_moves),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* one test by its name */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
