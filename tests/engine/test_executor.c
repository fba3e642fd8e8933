// SPDX-License-Identifier: Apache-2.0
/*
 * The executor against the slow interpreter, in f32 and bf16; the kernel runner against the executor; which implementations they got;
 * keep_all; misuse; allocation failures.
 */
#include "check.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "nets.h"
#include "slow.h"

#include <math.h>
#include <string.h>

static void compare(const net_kind *kind, fet_dtype precision, int64_t batch, double tolerance)
{
    fet_graph *graph = net_make(kind, batch, 7 + (uint64_t)batch);
    fet_rng rng;
    fet_rng_init(&rng, 1, (uint64_t)batch, FET_RNG_TEST);
    const float *src[] = {slow_normal(&rng, batch * kind->channels * kind->height * kind->width)};
    float **expected = slow_run(graph, src);
    fet_executor_options options = fet_executor_default_options();
    options.precision = precision;
    options.batch = batch;
    fet_auto(fet_executor) executor = NULL;
    CHECK_OK(fet_executor_create(graph, &options, &executor));
    float *dst[8];
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        dst[o] = malloc((size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape) * sizeof(float));
    for (int repeat = 0; repeat < 2; repeat++) {
        CHECK_OK(fet_executor_run(executor, src, dst));
        for (uint32_t o = 0; o < graph->n_outputs; o++) {
            double error = slow_error(expected[graph->outputs[o]], dst[o], fet_shape_elements(&graph->values[graph->outputs[o]].shape));
            if (!(error <= tolerance))
                fail_msg("%s, %s, batch %d, output %u: error %.3g of the largest, at most %.3g", kind->name, fet_dtype_name(precision),
                         (int)batch, o, error, tolerance);
        }
    }
    for (uint32_t o = 0; o < graph->n_outputs; o++) free(dst[o]);
    free((void *)src[0]);
    slow_free(graph, expected);
    fet_graph_destroy(graph);
}

/* f32: rounding of sums in another order, through about ten layers. */
static void test_f32(void **state)
{
    (void)state;
    for (int k = 0; k < n_net_kinds; k++)
        for (int64_t batch = 1; batch <= 3; batch += 2) compare(&net_kinds[k], FET_DTYPE_F32, batch, 1e-5);
}

/* bf16: 8 bits of mantissa, rounded at every layer. */
static void test_bf16(void **state)
{
    (void)state;
    if (!fet_engine_has_bf16()) skip();
    for (int k = 0; k < n_net_kinds; k++)
        for (int64_t batch = 1; batch <= 3; batch += 2) compare(&net_kinds[k], FET_DTYPE_BF16, batch, 2e-2);
}

static fet_calibration *calibrate(const fet_graph *graph, const float *const src[], int64_t batch)
{
    fet_calibration *calibration = NULL;
    CHECK_OK(fet_calibration_create(NULL, &calibration));
    CHECK_OK(fet_calibration_observe(calibration, graph, src, batch));
    return calibration;
}

static float **outputs_of(const fet_graph *graph)
{
    float **dst = calloc(graph->n_outputs, sizeof *dst);
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        dst[o] = calloc((size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape), sizeof(float));
    return dst;
}

static void free_outputs(const fet_graph *graph, float **dst)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++) free(dst[o]);
    free(dst);
}

/* Dense, depthwise, pooling, whatever: nothing that oneDNN calls a reference, no im2col for depthwise. */
static void check_implementation(const char *step, const char *implementation)
{
    bool depthwise = false;
    fet_kernel_key key;
    CHECK_OK(fet_kernel_key_parse(step, &key));
    if (key.op == FET_OP_CONV) depthwise = key.group > 1 && key.group == key.ic && key.group == key.oc;
    if (strncmp(implementation, "ref", 3) == 0 || strncmp(implementation, "nspc_bnorm", 10) == 0 ||
        strncmp(implementation, "simple", 6) == 0 || (depthwise && strstr(implementation, "gemm") && !strstr(implementation, "brgemm")))
        fail_msg("%s runs in %s", step, implementation);
}

/*
 * One executor step a kernel of the split, by the same key; a runner made of that key's text alone gets the same implementation; none is
 * slow.
 */
static void test_runner_is_the_executor(void **state)
{
    (void)state;
    static const fet_dtype precisions[] = {FET_DTYPE_F32, FET_DTYPE_BF16, FET_DTYPE_S8};
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    for (int k = 0; k < n_net_kinds; k++)
        for (int p = 0; p < 3; p++) {
            if (precisions[p] == FET_DTYPE_BF16 && !fet_engine_has_bf16()) continue;
            const net_kind *kind = &net_kinds[k];
            fet_graph *graph = net_make(kind, 1, 5);
            fet_rng rng;
            fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
            float *image = slow_normal(&rng, kind->channels * kind->height * kind->width);
            fet_auto(fet_calibration) calibration = calibrate(graph, (const float *const[]){image}, 1);
            fet_auto(fet_executor) executor = NULL;
            fet_executor_options options = {.precision = precisions[p], .batch = 1, .calibration = calibration};
            CHECK_OK(fet_executor_create(graph, &options, &executor));
            fet_kernels kernels;
            fet_arena_reset(arena);
            CHECK_OK(fet_kernels_split(graph, &fet_fusion_rules_host, precisions[p], arena, &kernels));
            assert_int_equal(kernels.count, fet_executor_n_steps(executor));
            for (uint32_t s = 0; s < kernels.count; s++) {
                char text[FET_KERNEL_KEY_TEXT_BYTES];
                fet_kernel_key key;
                fet_auto(fet_kernel_runner) runner = NULL;
                assert_string_equal(fet_kernel_key_print(&kernels.items[s].key, text, sizeof text), fet_executor_step_name(executor, s));
                check_implementation(text, fet_executor_step_implementation(executor, s));
                CHECK_OK(fet_kernel_key_parse(text, &key));
                CHECK_OK(fet_kernel_runner_create(&key, &runner));
                CHECK_OK(fet_kernel_runner_run(runner));
                CHECK_OK(fet_kernel_runner_run(runner));
                assert_string_equal(fet_kernel_runner_implementation(runner), fet_executor_step_implementation(executor, s));
            }
            free(image);
            fet_graph_destroy(graph);
        }
}

/* Every value that was not fused away, against the slow interpreter; and a run into other buffers gives the same bits. */
static void test_keep_all(void **state)
{
    (void)state;
    for (int k = 0; k < n_net_kinds; k++) {
        const net_kind *kind = &net_kinds[k];
        fet_graph *graph = net_make(kind, 2, 9);
        fet_rng rng;
        fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
        float *image = slow_normal(&rng, 2 * kind->channels * kind->height * kind->width);
        const float *src[] = {image};
        float **expected = slow_run(graph, src), **dst = outputs_of(graph), **again = outputs_of(graph);
        fet_auto(fet_executor) executor = NULL;
        fet_executor_options options = {.precision = FET_DTYPE_F32, .batch = 2, .keep_all = true};
        CHECK_OK(fet_executor_create(graph, &options, &executor));
        CHECK_OK(fet_executor_run(executor, src, dst));
        uint32_t seen = 0;
        for (fet_id v = 0; v < graph->n_values; v++) {
            if (graph->values[v].kind != FET_VALUE_COMPUTED) continue;
            fet_auto(fet_tensor) tensor = NULL;
            fet_status status = fet_executor_value(executor, graph->values[v].name, &tensor);
            if (status == FET_ERROR_NOT_FOUND) continue;
            CHECK_OK(status);
            assert_true(fet_shape_equal(&tensor->shape, &graph->values[v].shape));
            double error = slow_error(expected[v], fet_tensor_f32(tensor), fet_tensor_elements(tensor));
            if (!(error <= 1e-5)) fail_msg("%s: value %s is off by %.3g", kind->name, graph->values[v].name, error);
            seen++;
        }
        assert_true(seen >= 5);
        CHECK_OK(fet_executor_run(executor, src, again));
        for (uint32_t o = 0; o < graph->n_outputs; o++)
            assert_memory_equal(dst[o], again[o], (size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape) * sizeof(float));
        free_outputs(graph, dst);
        free_outputs(graph, again);
        slow_free(graph, expected);
        free(image);
        fet_graph_destroy(graph);
    }
}

/* Memory is reused by liveness, and results do not depend on it; two executors of one graph do not disturb each other. */
static void test_two_executors(void **state)
{
    (void)state;
    const net_kind *kind = &net_kinds[2];
    fet_graph *graph = net_make(kind, 1, 9);
    fet_rng rng;
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    int64_t count = kind->channels * kind->height * kind->width;
    float *one = slow_normal(&rng, count), *two = slow_normal(&rng, count);
    float **a = outputs_of(graph), **b = outputs_of(graph), **c = outputs_of(graph);
    fet_auto(fet_executor) first = NULL;
    fet_auto(fet_executor) second = NULL;
    CHECK_OK(fet_executor_create(graph, NULL, &first));
    CHECK_OK(fet_executor_create(graph, NULL, &second));
    CHECK_OK(fet_executor_run(first, (const float *const[]){one}, a));
    CHECK_OK(fet_executor_run(second, (const float *const[]){two}, b));
    CHECK_OK(fet_executor_run(first, (const float *const[]){two}, c));
    assert_memory_equal(b[0], c[0], 12 * sizeof(float));
    CHECK_OK(fet_executor_run(second, (const float *const[]){one}, c));
    assert_memory_equal(a[0], c[0], 12 * sizeof(float));
    free_outputs(graph, a), free_outputs(graph, b), free_outputs(graph, c);
    free(one), free(two);
    fet_graph_destroy(graph);
}

static void test_misuse(void **state)
{
    (void)state;
    fet_graph *graph = net_make(&net_kinds[1], 1, 9);
    fet_auto(fet_executor) executor = NULL;
    fet_auto(fet_calibration) empty = NULL;
    fet_auto(fet_tensor) tensor = NULL;
    CHECK_OK(fet_calibration_create(NULL, &empty));
    fet_executor_options options = fet_executor_default_options();
    options.precision = FET_DTYPE_S8;
    CHECK_FAILS(FET_ERROR_ARG, fet_executor_create(graph, &options, &executor));
    options.calibration = empty;
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_executor_create(graph, &options, &executor));
    options.precision = FET_DTYPE_F16;
    CHECK_FAILS(FET_ERROR_ARG, fet_executor_create(graph, &options, &executor));
    options.precision = FET_DTYPE_F32;
    options.batch = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_executor_create(graph, &options, &executor));
    options.batch = 1;
    CHECK_OK(fet_executor_create(graph, &options, &executor));
    CHECK_FAILS(FET_ERROR_STATE, fet_executor_value(executor, "n0", &tensor));
    float bad[14 * 11] = {[7] = NAN};
    CHECK_FAILS(FET_ERROR_ARG, fet_calibration_observe(empty, graph, (const float *const[]){bad}, 1));
    fet_tensor_release(graph->params[0].tensor);
    graph->params[0].tensor = NULL;
    fet_auto(fet_executor) none = NULL;
    CHECK_FAILS(FET_ERROR_STATE, fet_executor_create(graph, &options, &none));
    fet_kernel_key key;
    fet_auto(fet_kernel_runner) runner = NULL;
    memset(&key, 0, sizeof key);
    CHECK_FAILS(FET_ERROR_ARG, fet_kernel_runner_create(&key, &runner));
    CHECK_OK(fet_kernel_key_parse("conv f32 1x7x8x8>8x8x8 k3x3 s1x1 p1,1,1,1 g4", &key));
    CHECK_FAILS(FET_ERROR_ARG, fet_kernel_runner_create(&key, &runner));
    CHECK_OK(fet_kernel_key_parse("concat f32 1x7x8x8>8x8x8 x00000001", &key));
    CHECK_FAILS(FET_ERROR_ARG, fet_kernel_runner_create(&key, &runner));
    fet_graph_destroy(graph);
}

/* Each allocation of a creation fails once: no leak (AddressSanitizer looks), no crash, NOMEM. Sparsely where there are many. */
static void test_no_memory(void **state)
{
    (void)state;
    fet_graph *graph = net_make(&net_kinds[4], 1, 9);
    fet_rng rng;
    fet_rng_init(&rng, 5, 0, FET_RNG_TEST);
    float *image = slow_normal(&rng, 2 * 12 * 8);
    fet_auto(fet_calibration) calibration = calibrate(graph, (const float *const[]){image}, 1);
    for (int what = 0; what < 3; what++)
        for (uint64_t n = 0;; n++) {
            fet_auto(fet_executor) executor = NULL;
            fet_auto(fet_calibration) fresh = NULL;
            fet_auto(fet_kernel_runner) runner = NULL;
            fet_executor_options options = {.precision = what ? FET_DTYPE_S8 : FET_DTYPE_F32, .batch = 1, .calibration = calibration};
            fet_kernel_key key;
            CHECK_OK(fet_kernel_key_parse("conv s8 1x20x8x8>24x8x8 k3x3 s1x1 p1,1,1,1 g1 relu+bias", &key));
            fet_alloc_fail_after(n);
            fet_status status = FET_OK;
            if (what == 0) {
                status = fet_calibration_create(NULL, &fresh);
                if (status == FET_OK) status = fet_calibration_observe(fresh, graph, (const float *const[]){image}, 1);
            } else {
                status = what == 1 ? fet_executor_create(graph, &options, &executor) : fet_kernel_runner_create(&key, &runner);
            }
            bool done = fet_alloc_fail_after(UINT64_MAX) <= n;
            if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
            if (done) {
                CHECK_OK(status);
                break;
            }
        }
    free(image);
    fet_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),       cmocka_unit_test(test_bf16),          cmocka_unit_test(test_runner_is_the_executor),
        cmocka_unit_test(test_keep_all),  cmocka_unit_test(test_two_executors), cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
