// SPDX-License-Identifier: Apache-2.0
/* What stands between kernels, learned back from networks made by a known law; nothing is learned where there is nothing. */
#include "check.h"

#include "base/rng.h"
#include "device/between.h"

#include <math.h>

enum { N = 24 };

static const fet_between_caches caches = {.first = 48 << 10, .second = 1 << 20};

static void make(fet_rng *rng, const double law[FET_BETWEEN_TERMS], double noise, fet_between_sample samples[N])
{
    for (int i = 0; i < N; i++) {
        fet_between_sample *s = &samples[i];
        s->terms[0] = 20 + fet_rng_below(rng, 60);
        s->terms[2] = i % 3 ? 1e6 * fet_rng_uniform(rng) : 0;
        s->terms[1] = 1e6 * (i % 3 ? 1 : fet_rng_uniform(rng)) + s->terms[2];
        s->terms[3] = 1e5 + 1e6 * fet_rng_uniform(rng);
        s->terms[4] = i % 2 ? 1e6 * fet_rng_uniform(rng) : 0;
        s->sum_ms = 0.05 + 0.2 * fet_rng_uniform(rng);
        s->whole_ms = s->sum_ms;
        for (int t = 0; t < FET_BETWEEN_TERMS; t++) s->whole_ms += law[t] * s->terms[t];
        s->whole_ms *= exp(noise * fet_rng_normal(rng));
    }
}

static void test_learns_the_law(void **state)
{
    (void)state;
    static const double laws[][FET_BETWEEN_TERMS] = {{2e-4, 0, 0, 0, 0}, {0, 0, 3e-8, 0, 0}, {1e-4, 2e-8, 0, 5e-9, 9e-9}};
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int l = 0; l < 3; l++) {
        fet_between_sample samples[N];
        fet_between found;
        make(&rng, laws[l], 0, samples);
        CHECK_OK(fet_between_fit(samples, N, &caches, &found));
        assert_true(found.gains && found.error_after < 1e-9);
        for (int t = 0; t < FET_BETWEEN_TERMS; t++) CHECK_NEAR(found.weight_ms[t], laws[l][t], 1e-6 * (laws[l][t] + 1e-9));
        make(&rng, laws[l], 0.01, samples);
        CHECK_OK(fet_between_fit(samples, N, &caches, &found));
        assert_true(found.gains && found.error_after < 0.5 * found.error_before && found.error_after < 0.02);
        for (int t = 0; t < FET_BETWEEN_TERMS; t++) assert_true(found.weight_ms[t] >= 0);
    }
}

/* Networks faster than their kernels' sum: no term can be negative, so nothing is added. */
static void test_nothing_to_learn(void **state)
{
    (void)state;
    static const double none[FET_BETWEEN_TERMS] = {0};
    fet_rng rng;
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    fet_between_sample samples[N];
    fet_between found;
    make(&rng, none, 0, samples);
    for (int i = 0; i < N; i++) samples[i].whole_ms *= 0.95;
    CHECK_OK(fet_between_fit(samples, N, &caches, &found));
    assert_false(found.gains);
    CHECK_NEAR(fet_between_ms(&found, samples[0].terms), 0, 0);
    CHECK_NEAR(found.error_before, found.error_after, 1e-12);
}

static void test_bad_input(void **state)
{
    (void)state;
    fet_between_sample samples[8] = {{{0}, 0, 0}};
    fet_between found;
    CHECK_FAILS(FET_ERROR_ARG, fet_between_fit(samples, 5, &caches, &found));
    CHECK_FAILS(FET_ERROR_ARG, fet_between_fit(samples, 8, &caches, &found));
}

static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/fet-between-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    fet_between b = {.weight_ms = {1.25e-4, 0, 3.1415926535897931e-9, 1e-10, 0.1 + 0.2},
                     .caches = caches,
                     .error_before = 0.08,
                     .error_after = 0.015,
                     .gains = true},
                again;
    CHECK_OK(fet_between_write(path, "host s8 X, a CPU", &b));
    CHECK_OK(fet_between_read(path, "host s8 X, a CPU", &again));
    for (int t = 0; t < FET_BETWEEN_TERMS; t++) CHECK_NEAR(again.weight_ms[t], b.weight_ms[t], 0);
    assert_memory_equal(&b.caches, &again.caches, sizeof b.caches);
    CHECK_NEAR(again.error_before, b.error_before, 0);
    CHECK_NEAR(again.error_after, b.error_after, 0);
    assert_true(again.gains);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_between_read(path, "host s8 X, a CP", &again));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_between_read(path, "host s8 Y, a CPU", &again));
    static const char *const bad[] = {
        "", "1 2 3", "1 2 3 4", "1 2 3 4 5 6", "1 2 3 4 5 6 7 8 -9", "-1 0 0 0.1 0.05", "nan 0 0 0.1 0.05", "x 0 0 0.1 0.05"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_FAILS(FET_ERROR_CORRUPT, fet_between_parse("study", bad[i], &again));
    /* What an earlier version wrote: three coefficients, of kernels, weights beyond the second-level cache and all maps alike. */
    CHECK_OK(fet_between_parse("study", "1 2 3 0.05 0.1", &again));
    assert_false(again.gains);
    const double terms[FET_BETWEEN_TERMS] = {10, 1e9, 100, 1000, 10000};
    CHECK_NEAR(fet_between_ms(&again, terms), 1 * 10 + 2 * 100 + 3 * 11000, 1e-9);
    CHECK_NEAR(again.caches.second, fet_between_caches_here().second, 0);
    unlink(path);
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_between_read(path, "host s8 X, a CPU", &again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_learns_the_law), cmocka_unit_test(test_nothing_to_learn),
                                       cmocka_unit_test(test_bad_input), cmocka_unit_test(test_files)};
    return cmocka_run_group_tests_name("between", tests, NULL, NULL);
}
