// SPDX-License-Identifier: Apache-2.0
/* Qualities without the luck of single trainings: nearer to the truth than what was seen, and nothing invented where little is known. */
#include "check.h"

#include "base/rng.h"
#include "run/expected_quality.h"

#include <math.h>
#include <string.h>

enum { DECISIONS = 5, OPTIONS = 4, N = 36 };

static fet_option options[OPTIONS] = {{.label = "a"}, {.label = "b"}, {.label = "c"}, {.label = "d"}};
static fet_decision decisions[DECISIONS];

static fet_encoding make_encoding(void)
{
    static const char *const names[DECISIONS] = {"d0", "d1", "d2", "d3", "d4"};
    for (uint32_t d = 0; d < DECISIONS; d++) decisions[d] = (fet_decision){names[d], FET_DECISION_TABLE, options, OPTIONS, 0};
    return (fet_encoding){.decisions = decisions, .n_decisions = DECISIONS};
}

/* Larger networks are better; so is each option of its decision, and what was seen is off by a point or so. */
static void make_trials(const fet_encoding *encoding, uint64_t seed, uint32_t n, fet_series_trial *trials, double *truth)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    for (uint32_t i = 0; i < n; i++) {
        trials[i] = (fet_series_trial){.finished_s = i};
        fet_encoding_sample(encoding, &rng, &trials[i].genome);
        uint32_t sum = 0;
        for (uint32_t d = 0; d < DECISIONS; d++) sum += trials[i].genome.option[d] * (1 + d % 2);
        trials[i].cost.macs = 1000000 + 200000 * (int64_t)sum;
        trials[i].cost.metric[FET_METRIC_PARAMS] = 1e5 + 1e4 * trials[i].genome.option[0];
        truth[i] = 0.9 + 0.002 * sum;
        trials[i].quality = truth[i] + 0.01 * fet_rng_normal(&rng);
    }
}

static double distance(const fet_series_trial *trials, const double *truth, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += (trials[i].quality - truth[i]) * (trials[i].quality - truth[i]);
    return sqrt(sum / n);
}

static void test_nearer_to_the_truth(void **state)
{
    (void)state;
    const fet_encoding encoding = make_encoding();
    double before = 0, after = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        fet_series_trial trials[N];
        double truth[N];
        make_trials(&encoding, seed, N, trials, truth);
        before += distance(trials, truth, N) / 20;
        CHECK_OK(fet_expect_qualities(&encoding, trials, N));
        after += distance(trials, truth, N) / 20;
    }
    print_message("# off by %.4f as seen, by %.4f as expected\n", before, after);
    assert_true(after < 0.7 * before);
}

/* A trial that failed stays one, and changes nothing of the others; all else of a trial is left alone. */
static void test_failed_trials(void **state)
{
    (void)state;
    const fet_encoding encoding = make_encoding();
    fet_series_trial trials[N], with_failed[N + 2];
    double truth[N];
    make_trials(&encoding, 3, N, trials, truth);
    memcpy(with_failed + 1, trials, sizeof trials);
    with_failed[0] = with_failed[N + 1] = trials[5];
    with_failed[0].quality = with_failed[N + 1].quality = (double)NAN;
    CHECK_OK(fet_expect_qualities(&encoding, trials, N));
    CHECK_OK(fet_expect_qualities(&encoding, with_failed, N + 2));
    assert_true(isnan(with_failed[0].quality) && isnan(with_failed[N + 1].quality));
    for (uint32_t i = 0; i < N; i++) {
        assert_true(trials[i].quality == with_failed[i + 1].quality);
        assert_true(trials[i].finished_s == i && trials[i].cost.macs == with_failed[i + 1].cost.macs);
    }
}

static void test_few(void **state)
{
    (void)state;
    const fet_encoding encoding = make_encoding();
    fet_series_trial trials[N], few[N];
    double truth[N];
    make_trials(&encoding, 4, N, trials, truth);
    memcpy(few, trials, sizeof few);
    CHECK_OK(fet_expect_qualities(&encoding, few, FET_FEWEST_TO_EXPECT - 1));
    for (uint32_t i = 0; i < N; i++) assert_true(few[i].quality == trials[i].quality);
    CHECK_OK(fet_expect_qualities(&encoding, few, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nearer_to_the_truth), cmocka_unit_test(test_failed_trials),
                                       cmocka_unit_test(test_few)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
