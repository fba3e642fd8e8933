// SPDX-License-Identifier: Apache-2.0
/* Figures of estimates by their definitions, and the mean and spread over splits of what was not fitted. */
#include "check.h"

#include "base/alloc.h"
#include "estimate/score.h"
#include "synthetic.h"

static fet_estimate estimate(double ms)
{
    return (fet_estimate){.latency_ms = ms, .low_ms = 0.9 * ms, .high_ms = 1.2 * ms};
}

static void test_by_hand(void **state)
{
    (void)state;
    const fet_estimate e[] = {estimate(1.04), estimate(1.08), estimate(4), estimate(2)};
    const double ms[] = {1, 1, 2, 2};
    fet_score s;
    CHECK_OK(fet_score_of(e, ms, 4, &s));
    CHECK_NEAR(s.within_5, 0.5, 1e-12);
    CHECK_NEAR(s.within_10, 0.75, 1e-12);
    CHECK_NEAR(s.mape, (0.04 + 0.08 + 1) / 4, 1e-9);
    CHECK_NEAR(s.rmspe, sqrt((0.04 * 0.04 + 0.08 * 0.08 + 1) / 4), 1e-9);
    CHECK_NEAR(s.covered, 0.75, 1e-12); /* 4 says 3.6 to 4.8 */
    /* Ranks of measured 0.5 0.5 2.5 2.5, of estimated 0 1 3 2: 4 / sqrt(4 * 5). */
    CHECK_NEAR(s.spearman, 4 / sqrt(20.0), 1e-9);
    CHECK_OK(fet_score_of(e, ms, 2, &s));
    assert_true(isnan(s.spearman));
}

/* Rank correlation by its definition for values that differ: 1 - 6 sum d^2 / (n (n^2 - 1)). */
static void test_spearman(void **state)
{
    (void)state;
    enum { N = 40 };
    fet_estimate e[N];
    double ms[N], sum = 0;
    fet_rng rng;
    fet_score s;
    fet_rng_init(&rng, 6, 0, FET_RNG_TEST);
    for (int i = 0; i < N; i++) ms[i] = 1 + fet_rng_uniform(&rng), e[i] = estimate(ms[i] * exp(0.2 * fet_rng_normal(&rng)));
    for (int i = 0; i < N; i++) {
        double a = 0, b = 0;
        for (int j = 0; j < N; j++) a += ms[j] < ms[i], b += e[j].latency_ms < e[i].latency_ms;
        sum += (a - b) * (a - b);
    }
    CHECK_OK(fet_score_of(e, ms, N, &s));
    CHECK_NEAR(s.spearman, 1 - 6 * sum / (N * (N * N - 1.0)), 1e-9);
}

enum { N = 120 };
static fet_estimate_sample samples[N + 1];

static bool stop_at_one(void *context, size_t done, size_t total)
{
    (void)total;
    *(size_t *)context = done;
    return done < 1;
}

static void test_splits(void **state)
{
    (void)state;
    fet_estimator_options options = fet_estimator_default_options();
    fet_scores scores, again;
    size_t seen = 0;
    options.parallelism = (fet_parallelism){16, 4};
    synthetic_fill(5, 2, 0.01, samples, N);
    CHECK_OK(fet_kernel_key_parse("add s8 1x64x28x28>64x28x28", &samples[N].key)); /* a family of one: no model */
    samples[N].latency_ms = 1;
    CHECK_OK(fet_score_by_splits(&options, samples, N + 1, 3, NULL, NULL, &scores));
    assert_int_equal(scores.all.n, N + 1);
    assert_int_equal(scores.family[FET_FAMILY_CONV].n, N / 2);
    assert_int_equal(scores.family[FET_FAMILY_POINTWISE].n, N / 2);
    assert_int_equal(scores.family[FET_FAMILY_CONV].splits, 3);
    assert_int_equal(scores.family[FET_FAMILY_ELEMENTWISE].splits, 0);
    assert_true(isnan(scores.family[FET_FAMILY_ELEMENTWISE].mean.mape));
    assert_true(scores.all.without == scores.family[FET_FAMILY_ELEMENTWISE].without);
    assert_true(scores.all.mean.mape > 0 && scores.all.mean.mape < 0.15 && scores.all.mean.spearman > 0.95);
    assert_true(scores.all.sd.mape > 0 && scores.all.sd.mape < 0.05);
    assert_true(scores.n_points == 24 || scores.n_points == 23); /* a fifth; less the one without a model, where it is among them */
    CHECK_OK(fet_score_by_splits(&options, samples, N + 1, 3, NULL, NULL, &again));
    assert_true(again.all.mean.mape == scores.all.mean.mape && again.all.sd.mape == scores.all.sd.mape);
    fet_scores_clear(&again);
    fet_scores_clear(&scores);
    CHECK_FAILS(FET_ERROR_STATE, fet_score_by_splits(&options, samples, N, 3, stop_at_one, &seen, &scores));
    assert_int_equal(seen, 1);
    CHECK_FAILS(FET_ERROR_ARG, fet_score_by_splits(&options, samples, 4, 3, NULL, NULL, &scores));
}

static void test_faults(void **state)
{
    (void)state;
    fet_estimator_options options = fet_estimator_default_options();
    options.parallelism = (fet_parallelism){16, 4};
    options.trees = 2;
    options.intervals = false;
    for (uint64_t n = 0;; n++) {
        fet_scores scores = {.n_points = 0};
        fet_alloc_fail_after(n);
        fet_status status = fet_score_by_splits(&options, samples, 15, 1, NULL, NULL, &scores);
        if (fet_alloc_fail_after(UINT64_MAX) <= n) {
            CHECK_OK(status);
            fet_scores_clear(&scores);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
        assert_null(scores.points);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_spearman), cmocka_unit_test(test_splits),
                                       cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests_name("score", tests, NULL, NULL);
}
