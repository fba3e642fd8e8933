// SPDX-License-Identifier: Apache-2.0
/* Which candidates are trained longer, and which one answers: checked by their definitions over random results. */
#include "check.h"

#include "base/rng.h"
#include "run/finalists.h"

#include <math.h>

enum { N = 40 };

static void make_trials(fet_rng *rng, fet_series_trial trials[N], bool some_infeasible)
{
    for (int i = 0; i < N; i++) {
        trials[i] = (fet_series_trial){.quality = fet_rng_below(rng, 10) == 0 ? NAN : 0.9 + 0.001 * fet_rng_below(rng, 40)};
        trials[i].cost.metric[FET_METRIC_LATENCY] = 0.1 + 0.01 * fet_rng_below(rng, 30);
        trials[i].result.violation = some_infeasible && fet_rng_below(rng, 2) ? 0.1 * (1 + fet_rng_below(rng, 5)) : 0;
    }
}

static double latency(const fet_series_trial *trial)
{
    return trial->cost.metric[FET_METRIC_LATENCY];
}

static void chosen_are_on_the_front(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int round = 0; round < 300; round++) {
        fet_series_trial trials[N];
        uint32_t chosen[8], n = 0, k = 1 + fet_rng_below(&rng, 8);
        make_trials(&rng, trials, round % 2);
        double limit = round % 3 ? 0.1 + 0.01 * fet_rng_below(&rng, 30) : 0.0; /* 0: nothing is faster, so it falls */
        bool any = false;
        for (int i = 0; i < N; i++) any |= !isnan(trials[i].quality) && latency(&trials[i]) < limit;
        const fet_finalists_wanted wanted = {.latency_limit_ms = limit, .tolerance = 0.02};
        CHECK_OK(fet_finalists_choose(trials, N, k, &wanted, chosen, &n));
        for (int i = 0; any && i < N; i++)
            if (latency(&trials[i]) >= limit) trials[i].quality = NAN; /* as if it had failed */
        assert_in_range(n, 1, k);
        double best = -1, least = INFINITY;
        for (int i = 0; i < N; i++)
            if (!isnan(trials[i].quality) && trials[i].result.violation < least) least = trials[i].result.violation;
        for (int i = 0; i < N; i++)
            if (trials[i].result.violation <= least && trials[i].quality > best) best = trials[i].quality;
        for (uint32_t c = 0; c < n; c++) {
            const fet_series_trial *t = &trials[chosen[c]];
            assert_true(t->quality >= best - 0.02 && t->result.violation <= least);
            if (c) assert_true(latency(t) > latency(&trials[chosen[c - 1]])); /* fastest first, none twice */
            for (int i = 0; i < N; i++) {
                bool usable = !isnan(trials[i].quality) && trials[i].result.violation <= least;
                bool better = trials[i].quality >= t->quality && latency(&trials[i]) <= latency(t) &&
                              (trials[i].quality > t->quality || latency(&trials[i]) < latency(t));
                assert_false(usable && better);
            }
        }
        /* The most accurate is always among them. */
        CHECK_NEAR(trials[chosen[n - 1]].quality, best, 0);
    }
}

static void all_failed_is_an_error(void **state)
{
    (void)state;
    fet_series_trial trials[3] = {{.quality = NAN}, {.quality = NAN}, {.quality = NAN}};
    uint32_t chosen[2], n = 0;
    const fet_finalists_wanted wanted = {.latency_limit_ms = 1, .tolerance = 0.02};
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_finalists_choose(trials, 3, 2, &wanted, chosen, &n));
}

/* Who prefers quality: nothing usable that was left out is better than what was taken. */
static void most_accurate_are_chosen(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    for (int round = 0; round < 300; round++) {
        fet_series_trial trials[N];
        uint32_t chosen[8], n = 0, k = 1 + fet_rng_below(&rng, 8), n_usable = 0;
        bool taken[N] = {false};
        make_trials(&rng, trials, false);
        const fet_finalists_wanted wanted = {.latency_limit_ms = 0.3, .tolerance = 1, .prefers_quality = true};
        CHECK_OK(fet_finalists_choose(trials, N, k, &wanted, chosen, &n));
        double worst = INFINITY;
        for (uint32_t c = 0; c < n; c++) {
            taken[chosen[c]] = true;
            worst = fmin(worst, trials[chosen[c]].quality);
            assert_true(latency(&trials[chosen[c]]) < 0.3);
            if (c) assert_true(latency(&trials[chosen[c]]) >= latency(&trials[chosen[c - 1]]));
        }
        for (int i = 0; i < N; i++) {
            bool usable = !isnan(trials[i].quality) && latency(&trials[i]) < 0.3;
            n_usable += usable;
            if (usable && !taken[i]) assert_true(trials[i].quality <= worst);
        }
        assert_int_equal(n, n_usable < k ? n_usable : k);
    }
}

/* A front of 16 where quality reaches the bar from place `edge` on: the edge is found with as many trainings as halvings need. */
static void bisection_finds_the_edge(void **state)
{
    (void)state;
    enum { FRONT = 16, HALVINGS = 4 };
    const fet_finalists_wanted wanted = {.latency_limit_ms = 100, .tolerance = 1};
    for (int edge = 0; edge <= FRONT; edge++) {
        fet_series_trial trials[FRONT] = {0};
        fet_finalist_state states[FRONT] = {FET_FINALIST_UNTRAINED};
        for (int i = 0; i < FRONT; i++) {
            trials[i].quality = 0.01 * i;
            trials[i].cost.metric[FET_METRIC_LATENCY] = 1 + i;
        }
        uint32_t next = FRONT - 1;
        for (int trained = 0; next != FET_NONE; trained++) {
            assert_true(trained <= 1 + HALVINGS);
            assert_int_equal(states[next], FET_FINALIST_UNTRAINED);
            states[next] = (int)next >= edge ? FET_FINALIST_REACHED : FET_FINALIST_MISSED;
            CHECK_OK(fet_finalists_refine(trials, FRONT, states, &wanted, &next));
        }
        for (int i = 0; i < FRONT; i++)
            if (i == edge) assert_int_equal(states[i], FET_FINALIST_REACHED);
            else if (i == edge - 1) assert_int_equal(states[i], FET_FINALIST_MISSED);
    }
}

static void winner_is_the_fastest_that_reaches_the_bar(void **state)
{
    (void)state;
    const fet_finalist_figures figures[] = {{0.92, 3.0, 0}, {0.915, 2.0, 0}, {0.91, 1.0, 0}, {NAN, 0.5, 0}};
    assert_int_equal(fet_finalists_winner(figures, 4, 0.915), 1);
    assert_int_equal(fet_finalists_winner(figures, 4, 0.90), 2);
    assert_int_equal(fet_finalists_winner(figures, 4, 0.95), 0); /* none reaches it: the best in quality */
    assert_int_equal(fet_finalists_winner(&figures[3], 1, 0.5), FET_NONE);
}

static void best_is_what_is_expected_among_equals(void **state)
{
    (void)state;
    const fet_finalist_figures figures[] = {{0.982, 1.0, 0.95}, {0.979, 2.0, 0.96}, {0.970, 3.0, 0.99}, {NAN, 0.5, 1}, {0.980, 4.0, 0.96}};
    assert_int_equal(fet_finalists_best(figures, 5, 0), 0);
    assert_int_equal(fet_finalists_best(figures, 5, 0.0025), 4);
    assert_int_equal(fet_finalists_best(figures, 5, 0.004), 4); /* as much is expected of 1, which is worse */
    assert_int_equal(fet_finalists_best(figures, 5, 0.02), 2);
    assert_int_equal(fet_finalists_best(figures + 3, 1, 0.1), FET_NONE);
    assert_int_equal(fet_finalists_best(figures, 0, 0.1), FET_NONE);
    fet_rng rng;
    fet_rng_init(&rng, 8, 0, FET_RNG_TEST);
    for (int round = 0; round < 500; round++) {
        fet_finalist_figures random[6];
        double best = -1, most = -1;
        for (int i = 0; i < 6; i++)
            random[i] = (fet_finalist_figures){.quality = fet_rng_below(&rng, 5) ? 0.9 + 0.005 * fet_rng_below(&rng, 10) : (double)NAN,
                                               .expected = 0.01 * fet_rng_below(&rng, 8)};
        uint32_t winner = fet_finalists_best(random, 6, 0.0101);
        for (int i = 0; i < 6; i++) best = fmax(best, random[i].quality);
        for (int i = 0; i < 6; i++)
            if (random[i].quality >= best - 0.0101) most = fmax(most, random[i].expected);
        assert_true(winner == FET_NONE ? best < 0 : random[winner].quality >= best - 0.0101 && random[winner].expected == most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_are_on_the_front),
        cmocka_unit_test(most_accurate_are_chosen),
        cmocka_unit_test(bisection_finds_the_edge),
        cmocka_unit_test(all_failed_is_an_error),
        cmocka_unit_test(winner_is_the_fastest_that_reaches_the_bar),
        cmocka_unit_test(best_is_what_is_expected_among_equals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
