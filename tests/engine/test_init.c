// SPDX-License-Identifier: Apache-2.0
/* Fresh numbers by role and stream; origins against their definition, entry by entry; allocation failures. */
#include "check.h"

#include "engine/init.h"

#include <math.h>
#include <string.h>

/* Conv(2 -> 6, 3x3, group 1) -> BatchNormalization; parameter ids are value ids' .param. */
typedef struct test_net {
    fet_graph *graph;
    fet_id weight, bias, gamma, beta, mean, variance;
} test_net;

static fet_id add_param(fet_graph *graph, const char *name, fet_shape shape)
{
    fet_id value = FET_NONE;
    CHECK_OK(fet_graph_add_param(graph, name, FET_DTYPE_F32, &shape, NULL, true, &value));
    return value;
}

static test_net make_net(int64_t oc, int64_t ic)
{
    test_net n = {0};
    fet_id x = FET_NONE, node = FET_NONE;
    CHECK_OK(fet_graph_create(NULL, &n.graph));
    fet_shape in = fet_shape_4d(1, ic, 8, 8);
    CHECK_OK(fet_graph_add_input(n.graph, "x", FET_DTYPE_F32, &in, &x));
    n.weight = add_param(n.graph, "w", fet_shape_4d(oc, ic, 3, 3));
    n.bias = add_param(n.graph, "b", fet_shape_1d(oc));
    n.gamma = add_param(n.graph, "gamma", fet_shape_1d(oc));
    n.beta = add_param(n.graph, "beta", fet_shape_1d(oc));
    n.mean = add_param(n.graph, "mean", fet_shape_1d(oc));
    n.variance = add_param(n.graph, "variance", fet_shape_1d(oc));
    CHECK_OK(fet_graph_add_node(n.graph, FET_OP_CONV, "conv", (fet_id[]){x, n.weight, n.bias}, 3, 1, &node));
    fet_id bn[] = {n.graph->nodes[node].outputs[0], n.gamma, n.beta, n.mean, n.variance};
    CHECK_OK(fet_graph_add_node(n.graph, FET_OP_BATCH_NORMALIZATION, "bn", bn, 5, 1, &node));
    return n;
}

static const float *numbers(const fet_graph *graph, fet_id value)
{
    const fet_tensor *tensor = fet_graph_constant(graph, value);
    assert_non_null(tensor);
    return fet_tensor_f32(tensor);
}

static void test_fresh_by_role(void **state)
{
    (void)state;
    test_net n = make_net(64, 32);
    CHECK_OK(fet_graph_init_params(n.graph, NULL, 5));
    const int64_t count = 64 * 32 * 9;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) sum += numbers(n.graph, n.weight)[i], squares += pow(numbers(n.graph, n.weight)[i], 2);
    double expected = 2.0 / (64 * 9); /* Kaiming, fan-out */
    CHECK_NEAR(sum / (double)count, 0, 4 * sqrt(expected / (double)count));
    CHECK_NEAR(squares / (double)count / expected, 1, 0.05);
    for (int c = 0; c < 64; c++) {
        assert_true(numbers(n.graph, n.bias)[c] == 0 && numbers(n.graph, n.beta)[c] == 0 && numbers(n.graph, n.mean)[c] == 0);
        assert_true(numbers(n.graph, n.gamma)[c] == 1 && numbers(n.graph, n.variance)[c] == 1);
    }
    fet_graph_destroy(n.graph);
}

/* The same seed gives the same numbers, another seed others; numbers that are there stay. */
static void test_streams(void **state)
{
    (void)state;
    test_net a = make_net(8, 4), b = make_net(8, 4), c = make_net(8, 4);
    fet_auto(fet_tensor) kept = NULL;
    fet_shape shape = fet_shape_1d(8);
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &shape, &kept));
    fet_tensor_f32(kept)[3] = 42;
    fet_graph_set_tensor(b.graph, b.graph->values[b.gamma].param, kept);
    CHECK_OK(fet_graph_init_params(a.graph, NULL, 1));
    CHECK_OK(fet_graph_init_params(b.graph, NULL, 1));
    CHECK_OK(fet_graph_init_params(c.graph, NULL, 2));
    assert_memory_equal(numbers(a.graph, a.weight), numbers(b.graph, b.weight), 8 * 4 * 9 * sizeof(float));
    assert_memory_not_equal(numbers(a.graph, a.weight), numbers(c.graph, c.weight), 8 * 4 * 9 * sizeof(float));
    assert_true(numbers(b.graph, b.gamma)[3] == 42);
    fet_graph_destroy(a.graph);
    fet_graph_destroy(b.graph);
    fet_graph_destroy(c.graph);
}

static void test_no_role(void **state)
{
    (void)state;
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    add_param(graph, "lonely", fet_shape_1d(3));
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_graph_init_params(graph, NULL, 1));
    assert_non_null(strstr(fet_error_message(), "lonely"));
    fet_graph_destroy(graph);
}

static void test_same_is_shared(void **state)
{
    (void)state;
    test_net base = make_net(6, 2), child = make_net(6, 2);
    CHECK_OK(fet_graph_init_params(base.graph, NULL, 3));
    for (fet_id p = 0; p < child.graph->n_params; p++) child.graph->params[p].origin = (fet_origin){.rule = FET_ORIGIN_SAME, .base = {p}};
    CHECK_OK(fet_graph_init_params(child.graph, base.graph, 9));
    for (fet_id p = 0; p < child.graph->n_params; p++) assert_ptr_equal(child.graph->params[p].tensor, base.graph->params[p].tensor);
    fet_graph_destroy(base.graph);
    fet_graph_destroy(child.graph);
}

static void test_slice(void **state)
{
    (void)state;
    test_net base = make_net(6, 2);
    CHECK_OK(fet_graph_init_params(base.graph, NULL, 3));
    static const uint32_t oc[] = {5, 0, 0, 3}, ic[] = {1, 0, 1};
    static const float half[] = {0.5f, 1.0f, 0.5f};
    fet_origin origin = {.rule = FET_ORIGIN_SLICE, .base = {base.graph->values[base.weight].param}, .axis = {{4, oc, NULL}, {3, ic, half}}};
    fet_shape shape = fet_shape_4d(4, 3, 3, 3);
    fet_auto(fet_tensor) got = NULL;
    CHECK_OK(fet_origin_apply(&origin, base.graph, &shape, &got));
    const float *w = numbers(base.graph, base.weight);
    for (int o = 0; o < 4; o++)
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 9; k++)
                CHECK_NEAR(fet_tensor_f32(got)[(o * 3 + i) * 9 + k], half[i] * w[(oc[o] * 2 + ic[i]) * 9 + (uint32_t)k], 0);
    shape.dim[1] = 2;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_origin_apply(&origin, base.graph, &shape, &got));
    static const uint32_t beyond[] = {6, 0, 0, 3};
    origin.axis[0].index = beyond;
    shape.dim[1] = 3;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_origin_apply(&origin, base.graph, &shape, &got));
    origin.base[0] = 99;
    CHECK_FAILS(FET_ERROR_ARG, fet_origin_apply(&origin, base.graph, &shape, &got));
    CHECK_FAILS(FET_ERROR_ARG, fet_origin_apply(&origin, NULL, &shape, &got));
    fet_graph_destroy(base.graph);
}

/* A 1x1 expansion, batch norm and depthwise 3x3 as one 3x3 kernel, with and without the scale, and sliced. */
static void test_compose(void **state)
{
    (void)state;
    enum { E = 5, I = 3 };
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_id ids[4] = {add_param(graph, "expand", fet_shape_4d(E, I, 1, 1)), add_param(graph, "gamma", fet_shape_1d(E)),
                     add_param(graph, "variance", fet_shape_1d(E)), add_param(graph, "depthwise", fet_shape_4d(E, 1, 3, 3))};
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int p = 0; p < 4; p++) {
        fet_tensor *tensor = NULL;
        CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &graph->values[ids[p]].shape, &tensor));
        for (int64_t i = 0; i < fet_tensor_elements(tensor); i++) fet_tensor_f32(tensor)[i] = 0.1f + (float)fet_rng_uniform(&rng);
        fet_graph_set_tensor(graph, p == 0 ? 0 : (fet_id)p, tensor);
        fet_tensor_release(tensor);
    }
    static const uint32_t keep[] = {4, 1};
    fet_origin origin = {.rule = FET_ORIGIN_COMPOSE, .base = {0, 1, 2, 3}, .epsilon = 1e-3f, .axis = {{2, keep, NULL}}};
    fet_shape shape = fet_shape_4d(2, I, 3, 3);
    for (int plain = 0; plain < 2; plain++) {
        if (plain) origin.base[1] = origin.base[2] = FET_NONE;
        fet_auto(fet_tensor) got = NULL;
        CHECK_OK(fet_origin_apply(&origin, graph, &shape, &got));
        for (uint32_t o = 0; o < 2; o++)
            for (uint32_t i = 0; i < I; i++)
                for (uint32_t k = 0; k < 9; k++) {
                    uint32_t e = keep[o];
                    double scale = plain ? 1 : numbers(graph, ids[1])[e] / sqrt((double)numbers(graph, ids[2])[e] + 1e-3);
                    double expected = numbers(graph, ids[0])[e * I + i] * scale * numbers(graph, ids[3])[e * 9 + k];
                    CHECK_NEAR(fet_tensor_f32(got)[(o * I + i) * 9 + k], expected, 1e-6 * fabs(expected));
                }
    }
    origin.base[3] = 0;
    fet_auto(fet_tensor) none = NULL;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_origin_apply(&origin, graph, &shape, &none));
    fet_graph_destroy(graph);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 0;; n++) {
        test_net net = make_net(6, 2);
        fet_alloc_fail_after(n);
        fet_status status = fet_graph_init_params(net.graph, NULL, 1);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        fet_graph_destroy(net.graph);
        if (calls <= n) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh_by_role),  cmocka_unit_test(test_streams), cmocka_unit_test(test_no_role),
        cmocka_unit_test(test_same_is_shared), cmocka_unit_test(test_slice),   cmocka_unit_test(test_compose),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
