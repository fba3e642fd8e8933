// SPDX-License-Identifier: Apache-2.0
/* Estimates by models that never saw the kernel (leave_out.h): what a fit to the rest gives, and nothing of a kernel or its neighbours in
 * time. */
#include "check.h"

#include "base/alloc.h"
#include "estimate/leave_out.h"
#include "synthetic.h"

enum { N = 100 };

static fet_estimate_sample samples[N];
static fet_estimate estimates[N], others[N];

static int fill(void **state)
{
    (void)state;
    synthetic_fill(61, 3, 0.01, samples, N);
    return 0;
}

static fet_estimator_options quick(void)
{
    fet_estimator_options options = fet_estimator_default_options();
    options.trees = 3;
    options.parallelism = (fet_parallelism){16, 4};
    return options;
}

static void test_parts_by_definition(void **state)
{
    (void)state;
    fet_estimator_options options = quick();
    fet_estimate_sample rest[N];
    uint32_t part[N];
    for (int i = 0; i < N; i++) part[i] = i % 4 == 3 ? FET_LEAVE_OUT_NEVER : (uint32_t)i % 4, estimates[i].latency_ms = -1;
    CHECK_OK(fet_estimate_leave_out_parts(&options, samples, N, part, 3, NULL, NULL, estimates));
    for (uint32_t p = 0; p < 3; p++) {
        fet_auto(fet_estimator) estimator = NULL;
        size_t n = 0;
        for (int i = 0; i < N; i++)
            if (part[i] != p) rest[n++] = samples[i];
        options.outside = FET_ESTIMATE_WIDEN;
        CHECK_OK(fet_estimator_fit(&options, rest, n, &estimator));
        for (int i = 0; i < N; i++) {
            fet_estimate e;
            if (part[i] != p) continue;
            CHECK_OK(fet_estimator_predict(estimator, &samples[i].key, 1, &e));
            assert_true(e.latency_ms == estimates[i].latency_ms && e.high_ms == estimates[i].high_ms && !e.measured);
        }
    }
    for (int i = 3; i < N; i += 4) assert_true(estimates[i].latency_ms == -1);
}

/* A stretch of slow measurements moves no estimate inside of it. */
static void test_neighbours_in_time_are_not_believed(void **state)
{
    (void)state;
    fet_estimator_options options = quick();
    uint32_t others_moved = 0;
    CHECK_OK(fet_estimate_leave_out(&options, samples, N, NULL, NULL, estimates));
    for (int i = 0; i < N; i++) assert_true(estimates[i].latency_ms > 0 && estimates[i].low_ms < estimates[i].high_ms);
    for (int i = FET_LEAVE_OUT_BLOCK; i < 2 * FET_LEAVE_OUT_BLOCK; i++) samples[i].latency_ms *= 1.5;
    CHECK_OK(fet_estimate_leave_out(&options, samples, N, NULL, NULL, others));
    for (int i = FET_LEAVE_OUT_BLOCK; i < 2 * FET_LEAVE_OUT_BLOCK; i++) samples[i].latency_ms /= 1.5;
    for (int i = 0; i < N; i++) {
        bool inside = i / FET_LEAVE_OUT_BLOCK == 1, moved = others[i].latency_ms != estimates[i].latency_ms;
        assert_false(inside && moved);
        others_moved += moved;
    }
    assert_true(others_moved > N / 4);
}

static bool after_two(void *context, size_t done, size_t total)
{
    (void)context;
    assert_int_equal(total, FET_LEAVE_OUT_PARTS);
    return done < 2;
}

static void test_errors(void **state)
{
    (void)state;
    fet_estimator_options options = quick();
    CHECK_FAILS(FET_ERROR_ARG, fet_estimate_leave_out(&options, samples, FET_LEAVE_OUT_BLOCK, NULL, NULL, estimates));
    CHECK_FAILS(FET_ERROR_STATE, fet_estimate_leave_out(&options, samples, N, after_two, NULL, estimates));
    fet_kernel_key lone;
    CHECK_OK(fet_kernel_key_parse("add s8 1x64x28x28>64x28x28", &lone)); /* a family of which the rest has none */
    fet_estimate_sample kept = samples[7];
    samples[7] = (fet_estimate_sample){.key = lone, .latency_ms = 0.01};
    CHECK_OK(fet_estimate_leave_out(&options, samples, N, NULL, NULL, estimates));
    samples[7] = kept;
    assert_true(isnan(estimates[7].latency_ms) && !isnan(estimates[8].latency_ms));
}

static void test_faults(void **state)
{
    (void)state;
    fet_estimator_options options = quick();
    options.intervals = false;
    for (uint64_t n = 0;; n += 1 + n / 8) {
        fet_alloc_fail_after(n);
        fet_status status = fet_estimate_leave_out(&options, samples, 40, NULL, NULL, estimates);
        if (fet_alloc_fail_after(UINT64_MAX) <= n) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts_by_definition),
                                       cmocka_unit_test(test_neighbours_in_time_are_not_believed), cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests_name("left out", tests, fill, NULL);
}
