// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/alloc.h"
#include "search/nsga2_core.h"

#include <math.h>

enum { N = 40, M = 2 };

static void draw(fet_rng *rng, double *points, double *violation)
{
    for (int i = 0; i < N * M; i++) points[i] = fet_rng_below(rng, 12);
    for (int i = 0; i < N; i++) violation[i] = fet_rng_below(rng, 3) ? 0 : fet_rng_below(rng, 3);
}

/* Standings are the ranks, and the crowding of each front; the order sorts by them. */
static void test_standings_and_order(void **state)
{
    (void)state;
    fet_rng rng;
    double points[N * M], violation[N], crowding[N];
    uint32_t rank[N], order[N], front[N];
    fet_nsga2_standing standings[N];
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int round = 0; round < 200; round++) {
        draw(&rng, points, violation);
        CHECK_OK(fet_nsga2_standings(points, violation, N, M, standings));
        CHECK_OK(fet_pareto_ranks_constrained(points, violation, N, M, rank));
        for (uint32_t r = 0, n = 1; n > 0; r++) {
            n = 0;
            for (uint32_t i = 0; i < N; i++)
                if (rank[i] == r) front[n++] = i;
            CHECK_OK(fet_pareto_crowding(points, front, n, M, crowding));
            for (uint32_t i = 0; i < n; i++) {
                assert_int_equal(standings[front[i]].rank, r);
                assert_true(standings[front[i]].crowding == crowding[i]);
            }
        }
        CHECK_OK(fet_nsga2_order(points, violation, N, M, order));
        bool seen[N] = {false};
        for (int i = 0; i < N; i++) {
            assert_false(seen[order[i]]);
            seen[order[i]] = true;
            if (i == 0) continue;
            const fet_nsga2_standing *a = &standings[order[i - 1]], *b = &standings[order[i]];
            assert_true(a->rank < b->rank || (a->rank == b->rank && a->crowding >= b->crowding));
            if (a->rank == b->rank && a->crowding == b->crowding) assert_true(order[i - 1] < order[i]);
        }
    }
}

/* The better of two draws: member i of n strictly ordered ones wins with probability (2 (n - i) - 1) / n^2. */
static void test_tournament(void **state)
{
    (void)state;
    enum { MEMBERS = 5, DRAWS = 50000 };
    fet_nsga2_standing standings[MEMBERS] = {{0, INFINITY}, {0, 1.5}, {0, 0.5}, {1, INFINITY}, {2, 9}};
    int wins[MEMBERS] = {0};
    fet_rng rng;
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    for (int i = 0; i < DRAWS; i++) wins[fet_nsga2_tournament(standings, MEMBERS, &rng)]++;
    for (int i = 0; i < MEMBERS; i++) {
        double p = (2.0 * (MEMBERS - i) - 1) / (MEMBERS * MEMBERS);
        CHECK_NEAR(wins[i] / (double)DRAWS, p, 5 * sqrt(p * (1 - p) / DRAWS)); /* five standard errors, fixed seed */
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_rng rng;
    double points[N * M], violation[N];
    uint32_t order[N];
    bool failed = true;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    draw(&rng, points, violation);
    for (uint64_t i = 0; failed; i++) {
        fet_alloc_fail_after(i);
        fet_status status = fet_nsga2_order(points, violation, N, M, order);
        failed = fet_alloc_fail_after(UINT64_MAX) > i;
        assert_int_equal(status, failed ? FET_ERROR_NOMEM : FET_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standings_and_order),
        cmocka_unit_test(test_tournament),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
