// SPDX-License-Identifier: Apache-2.0
/* Memory of networks whose layers are computed in several precisions, counted by hand: each value at its own element size, once more where
 * it is converted, weights and biases as their layer stores them. */
#include "check.h"

#include "device/between.h"
#include "device/memory.h"
#include "op/builder.h"
#include "op/op.h"

#include <math.h>
#include <string.h>

static fet_id conv(fet_graph *g, const char *name, fet_id x, int64_t out, int64_t kernel)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_conv(g, name, x, &(fet_conv_options){.out_channels = out, .kernel = kernel, .bias = true}, &y));
    return y;
}

static void mark(fet_graph *g, const char *name, fet_dtype precision)
{
    fet_id n = fet_graph_find_node(g, name);
    assert_true(n != FET_NONE);
    g->nodes[n].precision = (uint16_t)precision;
}

static fet_memory_plan plan_of(const fet_graph *g, fet_arena *arena, fet_kernels *kernels)
{
    fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
    fet_memory_plan plan;
    CHECK_OK(fet_kernels_split(g, &fet_fusion_rules_host, FET_DTYPE_S8, arena, kernels));
    CHECK_OK(fet_memory_plan_make(g, kernels, &options, arena, &plan));
    return plan;
}

/* The largest buffer of a value. */
static uint64_t bytes_of(const fet_graph *g, const fet_memory_plan *plan, const char *name)
{
    uint64_t bytes = 0;
    for (uint32_t b = 0; b < plan->n_buffers; b++)
        if (strcmp(g->values[plan->buffers[b].value].name, name) == 0 && plan->buffers[b].bytes > bytes) bytes = plan->buffers[b].bytes;
    return bytes;
}

static uint32_t buffers_of(const fet_graph *g, const fet_memory_plan *plan, const char *name)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b < plan->n_buffers; b++) n += strcmp(g->values[plan->buffers[b].value].name, name) == 0;
    return n;
}

enum { MAP = 16 * 16 };

/* image 8 -> a 16 -> b 16 -> c 8, maps of 16x16. */
static fet_graph *chain(void)
{
    fet_graph *g = NULL;
    fet_id x = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 8, 16, 16);
    CHECK_OK(fet_graph_create(NULL, &g));
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &shape, &x));
    x = conv(g, "a", x, 16, 3);
    x = conv(g, "b", x, 16, 3);
    x = conv(g, "c", x, 8, 1);
    CHECK_OK(fet_graph_add_output(g, x));
    CHECK_OK(fet_graph_infer(g));
    return g;
}

static void test_middle(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) g = chain();
    fet_kernels kernels;
    CHECK_OK(fet_arena_create(&arena));
    /* In int8: image 8, a 16; a, b; b, and c in f32, 32 bytes a pixel. */
    fet_memory_plan plan = plan_of(g, arena, &kernels);
    assert_int_equal(plan.lower_bound_bytes, (16 + 32) * MAP);
    assert_int_equal(plan.param_bytes, 9 * 8 * 16 + 9 * 16 * 16 + 16 * 8 + 4 * (16 + 16 + 8));
    uint64_t mcunet = fet_memory_mcunet_peak(g, &kernels, FET_DTYPE_S8, true);
    assert_int_equal(mcunet, 32 * MAP);
    /* b in bf16: a is there in int8 (16 bytes a pixel) and bf16 (32), b in bf16 (32) and int8 (16); the most while b runs: 32 + 32. */
    mark(g, "b", FET_DTYPE_BF16);
    plan = plan_of(g, arena, &kernels);
    assert_int_equal(plan.lower_bound_bytes, (32 + 32) * MAP);
    assert_true(plan.arena_bytes >= plan.lower_bound_bytes);
    assert_int_equal(plan.n_steps, 3 + 2);
    assert_int_equal(plan.param_bytes, 9 * 8 * 16 + 2 * 9 * 16 * 16 + 16 * 8 + 4 * (16 + 8) + 2 * 16);
    assert_int_equal(fet_memory_mcunet_peak(g, &kernels, FET_DTYPE_S8, true), 64 * MAP);
    for (uint32_t s = 0; s < plan.n_steps; s++) {
        const fet_kernel *kernel = &kernels.items[plan.order[s]];
        assert_int_equal(kernel->anchor == FET_NONE, s == 1 || s == 3);
    }
    /* What is handed from kernel to kernel: casts too, each in its own precision. */
    double terms[FET_BETWEEN_TERMS], maps = 0, beyond = 0;
    const fet_between_caches caches = {.first = 2 * MAP, .second = 1000};
    fet_between_terms(g, &kernels, FET_DTYPE_S8, &caches, terms);
    for (uint32_t k = 0; k < kernels.count; k++) {
        double map = (double)fet_dtype_bytes((fet_dtype)kernels.items[k].key.precision) *
                     (double)fet_shape_elements(&g->values[kernels.items[k].dst].shape);
        maps += map, beyond += fmax(0, map - 2 * MAP);
    }
    CHECK_NEAR(terms[FET_BETWEEN_KERNELS], kernels.count, 0);
    CHECK_NEAR(terms[FET_BETWEEN_MAPS] + terms[FET_BETWEEN_MAPS_BEYOND], maps, 0);
    CHECK_NEAR(terms[FET_BETWEEN_MAPS_BEYOND], beyond, 0);
    CHECK_NEAR(terms[FET_BETWEEN_WEIGHTS], 9 * 8 * 16 + 2 * 9 * 16 * 16 + 16 * 8, 0);
    CHECK_NEAR(terms[FET_BETWEEN_WEIGHTS_BEYOND], 9 * 8 * 16 + 2 * 9 * 16 * 16 + 16 * 8 - 1000, 0);
    /* Two in bf16: nothing is converted between them, and the last gives f32 as it does in int8. */
    mark(g, "c", FET_DTYPE_BF16);
    plan = plan_of(g, arena, &kernels);
    assert_int_equal(plan.n_steps, 3 + 1);
    assert_int_equal(plan.lower_bound_bytes, (32 + 32) * MAP);
    mark(g, "b", FET_DTYPE_F32); /* a 16 and 64, b 64 in f32, then converted to bf16: 64 + 32 */
    plan = plan_of(g, arena, &kernels);
    assert_int_equal(plan.lower_bound_bytes, (64 + 64) * MAP);
}

/* The image is handed over in the precision of who reads it first; a residual waits in its own. */
static void test_input_and_residual(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) g = NULL;
    fet_kernels kernels;
    fet_id x = FET_NONE, y = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 8, 16, 16);
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_graph_create(NULL, &g));
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &shape, &x));
    x = conv(g, "stem", x, 16, 3);
    y = conv(g, "wide", x, 32, 1);
    y = conv(g, "narrow", y, 16, 1);
    CHECK_OK(fet_build_binary(g, FET_OP_ADD, "sum", y, x, &y));
    y = conv(g, "end", y, 8, 1);
    CHECK_OK(fet_graph_add_output(g, y));
    CHECK_OK(fet_graph_infer(g));
    mark(g, "stem", FET_DTYPE_BF16);
    fet_memory_plan plan = plan_of(g, arena, &kernels);
    assert_int_equal(bytes_of(g, &plan, "image"), 2 * 8 * MAP);
    assert_int_equal(buffers_of(g, &plan, "image"), 1);
    assert_int_equal(buffers_of(g, &plan, g->values[g->nodes[fet_graph_find_node(g, "stem")].outputs[0]].name), 2); /* bf16, int8 */
    /* image 16 and stem 32 in bf16; stem in bf16 and int8, 32 + 16; stem in int8 and wide, 16 + 32, over which the sum is written. */
    assert_int_equal(plan.lower_bound_bytes, (16 + 32) * MAP);
    /* The middle in bf16: its source and its result are converted, the residual is not. */
    mark(g, "stem", FET_DTYPE_NONE);
    mark(g, "wide", FET_DTYPE_BF16);
    plan = plan_of(g, arena, &kernels);
    assert_int_equal(bytes_of(g, &plan, "image"), 8 * MAP);
    /* While wide is made of the other form of stem, and while wide is converted, stem waits: 16 + 32 + 64, 16 + 64 + 32. */
    assert_int_equal(plan.lower_bound_bytes, (16 + 32 + 64) * MAP);
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) g = chain();
    fet_status status = FET_ERROR_NOMEM;
    mark(g, "b", FET_DTYPE_BF16);
    for (uint64_t n = 0; status != FET_OK; n++) {
        fet_auto(fet_arena) arena = NULL;
        fet_kernels kernels;
        fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
        fet_memory_plan plan;
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(fet_kernels_split(g, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
        fet_alloc_fail_after(n);
        status = fet_memory_plan_make(g, &kernels, &options, arena, &plan);
        fet_alloc_fail_after(UINT64_MAX);
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_middle), cmocka_unit_test(test_input_and_residual),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
