// SPDX-License-Identifier: Apache-2.0
/* Fronts by the definition, hypervolume by inclusion-exclusion and by counting the cells of a grid, crowding by the paper's figure. */
#include "check.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "search/pareto.h"

#include <math.h>
#include <string.h>

enum { MAX_N = 64, MAX_M = 4 };

/* Integer coordinates below `levels`, so that ties and duplicates are common. */
static void draw_points(fet_rng *rng, size_t n, uint32_t m, uint32_t levels, double *points)
{
    for (size_t i = 0; i < n * m; i++) points[i] = fet_rng_below(rng, levels);
}

static bool dominates(const double *a, double va, const double *b, double vb, uint32_t m)
{
    bool feasible_a = va <= 0, feasible_b = vb <= 0;
    if (feasible_a != feasible_b) return feasible_a;
    if (!feasible_a) return va < vb;
    bool all = true, any = false;
    for (uint32_t o = 0; o < m; o++) {
        all &= a[o] <= b[o];
        any |= a[o] < b[o];
    }
    return all && any;
}

/* The definition: a point's rank is 0 when nothing dominates it, else one more than the highest rank of those that do. */
static void check_ranks(const double *points, const double *violation, size_t n, uint32_t m, const uint32_t *rank)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t expected = 0;
        for (size_t j = 0; j < n; j++) {
            double vi = violation ? violation[i] : 0, vj = violation ? violation[j] : 0;
            if (dominates(points + j * m, vj, points + i * m, vi, m) && rank[j] + 1 > expected) expected = rank[j] + 1;
        }
        assert_int_equal(rank[i], expected);
    }
}

static void test_ranks(void **state)
{
    (void)state;
    fet_rng rng;
    double points[MAX_N * MAX_M], violation[MAX_N];
    uint32_t rank[MAX_N];
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int round = 0; round < 2000; round++) {
        size_t n = fet_rng_below(&rng, MAX_N + 1);
        uint32_t m = 1 + fet_rng_below(&rng, MAX_M), levels = 2 + fet_rng_below(&rng, 20);
        draw_points(&rng, n, m, levels, points);
        if (n > 2) points[0] = INFINITY; /* failed or unbounded */
        CHECK_OK(fet_pareto_ranks(points, n, m, rank));
        check_ranks(points, NULL, n, m, rank);
        for (size_t i = 0; i < n; i++) violation[i] = fet_rng_below(&rng, 2) ? (double)fet_rng_below(&rng, 4) - 1 : 0;
        if (n > 2) violation[1] = INFINITY;
        CHECK_OK(fet_pareto_ranks_constrained(points, violation, n, m, rank));
        check_ranks(points, violation, n, m, rank);
    }
}

/* sum over non-empty subsets S of (-1)^(|S|+1) volume(box of the coordinate-wise worst of S). */
static double inclusion_exclusion(const double *points, size_t n, uint32_t m, const double *reference)
{
    double sum = 0;
    for (uint32_t subset = 1; subset < 1u << n; subset++) {
        double volume = 1;
        for (uint32_t o = 0; o < m; o++) {
            double worst = -INFINITY;
            for (size_t i = 0; i < n; i++)
                if (subset >> i & 1) worst = fmax(worst, points[i * m + o]);
            volume *= fmax(0, reference[o] - worst);
        }
        sum += __builtin_popcount(subset) % 2 ? volume : -volume;
    }
    return sum;
}

static void test_hypervolume_by_inclusion_exclusion(void **state)
{
    (void)state;
    fet_rng rng;
    double points[10 * MAX_M], reference[MAX_M];
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    for (int round = 0; round < 400; round++) {
        size_t n = fet_rng_below(&rng, 11);
        uint32_t m = 1 + fet_rng_below(&rng, MAX_M);
        for (size_t i = 0; i < n * m; i++) points[i] = fet_rng_uniform(&rng) * 1.2; /* some are beyond the reference */
        for (uint32_t o = 0; o < m; o++) reference[o] = 1;
        double volume = -1;
        CHECK_OK(fet_pareto_hypervolume(points, n, m, reference, &volume));
        CHECK_NEAR(volume, inclusion_exclusion(points, n, m, reference), 1e-12);
    }
}

static void test_hypervolume_by_cells(void **state)
{
    (void)state;
    enum { LEVELS = 7 };
    fet_rng rng;
    double points[MAX_N * MAX_M], reference[MAX_M] = {LEVELS, LEVELS - 1, LEVELS, LEVELS - 1};
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    for (int round = 0; round < 60; round++) {
        size_t n = 1 + fet_rng_below(&rng, MAX_N);
        uint32_t m = 2 + fet_rng_below(&rng, MAX_M - 1), cells = 0, n_cells = 1;
        draw_points(&rng, n, m, LEVELS, points);
        for (uint32_t o = 0; o < m; o++) n_cells *= LEVELS;
        for (uint32_t cell = 0; cell < n_cells; cell++) {
            uint32_t corner[MAX_M], rest = cell;
            bool inside = true, dominated = false;
            for (uint32_t o = 0; o < m; o++, rest /= LEVELS) {
                corner[o] = rest % LEVELS;
                inside &= corner[o] < reference[o];
            }
            for (size_t i = 0; i < n && inside && !dominated; i++) {
                dominated = true;
                for (uint32_t o = 0; o < m; o++) dominated &= points[i * m + o] <= corner[o];
            }
            cells += dominated;
        }
        double volume = -1;
        CHECK_OK(fet_pareto_hypervolume(points, n, m, reference, &volume));
        assert_true(volume == cells); /* small integers: exact */
    }
}

static void test_hypervolume_of_infinities_and_errors(void **state)
{
    (void)state;
    double points[] = {INFINITY, INFINITY, 0.5, 0.5, 0.2, INFINITY}, reference[] = {1, 1, 1, 1, 1}, volume = -1;
    CHECK_OK(fet_pareto_hypervolume(points, 3, 2, reference, &volume));
    CHECK_NEAR(volume, 0.25, 1e-15);
    CHECK_OK(fet_pareto_hypervolume(points, 0, 3, reference, &volume));
    assert_true(volume == 0);
    CHECK_FAILS(FET_ERROR_ARG, fet_pareto_hypervolume(points, 1, 5, reference, &volume));
    CHECK_FAILS(FET_ERROR_ARG, fet_pareto_hypervolume(points, 1, 0, reference, &volume));
}

static void test_crowding(void **state)
{
    (void)state;
    /* Ends are infinite; an inner point has the sides of the box between its neighbours, each relative to the front's extent. */
    double points[] = {0, 10, /**/ 9, 9, /**/ 2, 6, /**/ 3, 4, /**/ 10, 0}, crowding[4];
    uint32_t front[] = {4, 2, 0, 3};
    CHECK_OK(fet_pareto_crowding(points, front, 4, 2, crowding));
    assert_true(isinf(crowding[0]) && isinf(crowding[2]));
    CHECK_NEAR(crowding[1], 3.0 / 10 + 6.0 / 10, 1e-15);
    CHECK_NEAR(crowding[3], 8.0 / 10 + 6.0 / 10, 1e-15);
    /* All the same, or failed: no distance, no NaN. */
    double same[] = {1, 1, 1, 1, 1, 1, INFINITY, INFINITY, INFINITY, INFINITY};
    uint32_t equal[] = {0, 1, 2}, failed[] = {3, 4}, mixed[] = {0, 3};
    CHECK_OK(fet_pareto_crowding(same, equal, 3, 2, crowding));
    for (int i = 0; i < 3; i++) assert_true(crowding[i] == 0);
    CHECK_OK(fet_pareto_crowding(same, failed, 2, 2, crowding));
    assert_true(crowding[0] == 0 && crowding[1] == 0);
    CHECK_OK(fet_pareto_crowding(same, mixed, 2, 2, crowding));
    assert_false(isnan(crowding[0]) || isnan(crowding[1]));
}

static void test_no_memory(void **state)
{
    (void)state;
    double points[] = {1, 2, 2, 1, 3, 3}, reference[] = {4, 4}, crowding[3], volume = -1;
    uint32_t rank[3], front[] = {0, 1, 2};
    for (uint64_t i = 0; i < 2; i++) {
        fet_alloc_fail_after(i);
        CHECK_FAILS(FET_ERROR_NOMEM, fet_pareto_hypervolume(points, 3, 2, reference, &volume));
    }
    assert_true(volume == -1);
    fet_alloc_fail_after(0);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_pareto_ranks(points, 3, 2, rank));
    fet_alloc_fail_after(0);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_pareto_crowding(points, front, 3, 2, crowding));
    fet_alloc_fail_after(UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_hypervolume_by_inclusion_exclusion),
        cmocka_unit_test(test_hypervolume_by_cells),
        cmocka_unit_test(test_hypervolume_of_infinities_and_errors),
        cmocka_unit_test(test_crowding),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
