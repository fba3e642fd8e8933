// SPDX-License-Identifier: Apache-2.0
/* The sampler on work whose time is known. Tolerances are wide: other processes run beside the tests. */
#include "check.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "device/host/sampler.h"

#include <math.h>

typedef struct work {
    double ms, slow_ms; /* every 5th run takes slow_ms longer */
    uint32_t n_runs;
    uint32_t fails_at; /* 0: never */
    double sleep_s;    /* gives up the processor in every run */
} work;

static fet_status spin(void *context)
{
    work *w = context;
    double until = fet_clock_monotonic_s() + 1e-3 * (w->ms + (w->n_runs % 5 == 4 ? w->slow_ms : 0));
    w->n_runs++;
    if (w->n_runs == w->fails_at) return fet_fail(FET_ERROR_STATE, "run %u failed", w->n_runs);
    if (w->sleep_s > 0) fet_clock_sleep_s(w->sleep_s);
    while (fet_clock_monotonic_s() < until) {
    }
    return FET_OK;
}

/* A busy machine may disturb every batch of a measurement, but not of five in a row. */
static void measure_calm(const work *w, fet_samples *out_samples)
{
    for (int attempt = 0; attempt < 5; attempt++) {
        work again = *w;
        CHECK_OK(fet_sampler_measure(spin, &again, NULL, out_samples));
        if (out_samples->n_samples >= 12 && fabs(out_samples->latency_ms - w->ms) <= 0.1 * w->ms) return;
    }
}

static void test_known_times(void **state)
{
    (void)state;
    const double times_ms[] = {0.01, 0.3, 2};
    for (int i = 0; i < 3; i++) {
        work w = {.ms = times_ms[i]};
        fet_samples samples;
        measure_calm(&w, &samples);
        CHECK_NEAR(samples.latency_ms, times_ms[i], 0.1 * times_ms[i]);
        assert_true(samples.n_samples >= 12);
        assert_true(samples.minimum_ms <= samples.latency_ms && samples.latency_ms <= samples.median_ms);
    }
}

/* Five of them, not twelve, and the figure is as good: nobody waits seconds for a kernel of 20 ms. */
static void test_long_runs_are_few(void **state)
{
    (void)state;
    for (int attempt = 0; attempt < 25; attempt++) {
        work w = {.ms = 20};
        fet_samples samples;
        CHECK_OK(fet_sampler_measure(spin, &w, NULL, &samples));
        assert_true(samples.n_samples < 12); /* preempted ones count as well where hardly one was not */
        if (fabs(samples.latency_ms - w.ms) <= 0.1 * w.ms) return;
    }
    fail_msg("no measurement of 25 within 10 %% of 20 ms");
}

/* Where batches are alike the smaller budget is enough; where they are not, the whole one is spent. */
static void test_calm_work_takes_fewer(void **state)
{
    (void)state;
    for (int calm = 0; calm < 2; calm++) {
        work w = {.ms = 0.3};
        fet_sampler_options options = fet_sampler_default_options();
        fet_samples samples;
        options.calm_spread = calm ? 1 : -1; /* every spread is calm; none is */
        options.limit_ms = 5000;
        options.max_passes = 1;
        CHECK_OK(fet_sampler_measure(spin, &w, &options, &samples));
        double kept_ms = samples.n_samples * samples.minimum_ms, most_ms = samples.n_samples * samples.median_ms * 2;
        double wanted_ms = calm ? options.calm_ms : options.budget_ms;
        assert_true(most_ms >= wanted_ms && kept_ms <= wanted_ms + 0.3);
    }
}

/* A fifth of slow runs, each a batch of its own, does not touch the lower quartile. */
static void test_slow_runs_do_not_count(void **state)
{
    (void)state;
    work w = {.ms = 0.5, .slow_ms = 5};
    fet_samples samples;
    measure_calm(&w, &samples);
    CHECK_NEAR(samples.latency_ms, 0.5, 0.05);
}

/* Batches in which the thread left the processor are dropped; if there are no others, they must do. */
static void test_preempted_batches_are_dropped(void **state)
{
    (void)state;
    work w = {.ms = 0.2, .sleep_s = 0.001};
    fet_sampler_options options = fet_sampler_default_options();
    options.limit_ms = 30;
    options.max_passes = 1;
    fet_samples samples;
    CHECK_OK(fet_sampler_measure(spin, &w, &options, &samples));
    assert_true(samples.n_dropped >= 2);
    assert_int_equal(samples.n_dropped, samples.n_samples);
    assert_true(samples.latency_ms >= 1.0);
}

static void test_failures_come_through(void **state)
{
    (void)state;
    for (uint32_t at = 1; at < 100; at += 30) {
        work w = {.ms = 0.01, .fails_at = at};
        fet_samples samples;
        CHECK_FAILS(FET_ERROR_STATE, fet_sampler_measure(spin, &w, NULL, &samples));
    }
    work w = {.ms = 0.01};
    fet_samples samples;
    fet_alloc_fail_after(0);
    fet_status status = fet_sampler_measure(spin, &w, NULL, &samples);
    fet_alloc_fail_after(UINT64_MAX);
    assert_int_equal(status, FET_ERROR_NOMEM);
}

/* Against the definition, by hand. */
static void test_summary(void **state)
{
    (void)state;
    double times[] = {5, 1, 4, 2, 3};
    fet_samples samples;
    fet_sampler_summarise(times, 5, &samples);
    CHECK_NEAR(samples.latency_ms, 2, 1e-12);
    CHECK_NEAR(samples.median_ms, 3, 1e-12);
    CHECK_NEAR(samples.minimum_ms, 1, 0);
    CHECK_NEAR(samples.spread, 0.5 * (4 - 2) / 3, 1e-12);
    double two[] = {1, 2};
    fet_sampler_summarise(two, 2, &samples);
    CHECK_NEAR(samples.latency_ms, 1.25, 1e-12);
    double one[] = {7};
    fet_sampler_summarise(one, 1, &samples);
    CHECK_NEAR(samples.latency_ms, 7, 0);
    CHECK_NEAR(samples.spread, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_times),
        cmocka_unit_test(test_long_runs_are_few),
        cmocka_unit_test(test_calm_work_takes_fewer),
        cmocka_unit_test(test_slow_runs_do_not_count),
        cmocka_unit_test(test_preempted_batches_are_dropped),
        cmocka_unit_test(test_failures_come_through),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
