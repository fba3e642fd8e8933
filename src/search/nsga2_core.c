// SPDX-License-Identifier: Apache-2.0
#include "search/nsga2_core.h"

#include "base/alloc.h"

#include <stdlib.h>

/* < 0 when a is better: the lower rank, then the less crowded. */
static int compare(const fet_nsga2_standing *a, const fet_nsga2_standing *b)
{
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    if (a->crowding != b->crowding) return a->crowding > b->crowding ? -1 : 1;
    return 0;
}

static int compare_members(const void *left, const void *right, void *context)
{
    const fet_nsga2_standing *standings = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int order = compare(&standings[a], &standings[b]);
    return order ? order : a < b ? -1 : a > b;
}

/* Members by rank in `sorted`, so that each front is a run; memory is the caller's. */
static void sort_by_rank(const uint32_t *rank, size_t n, uint32_t *starts, uint32_t *sorted)
{
    for (size_t i = 0; i < n; i++) starts[rank[i] + 1]++;
    for (size_t r = 1; r <= n; r++) starts[r] += starts[r - 1];
    for (size_t i = 0; i < n; i++) sorted[starts[rank[i]]++] = (uint32_t)i;
}

static fet_status standings_with(const double *points, const double *violation, size_t n, uint32_t n_objectives,
                                 fet_nsga2_standing *standings, uint32_t *memory, double *crowding)
{
    uint32_t *rank = memory, *sorted = memory + n, *starts = memory + 2 * n;
    FET_TRY(fet_pareto_ranks_constrained(points, violation, n, n_objectives, rank));
    sort_by_rank(rank, n, starts, sorted);
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin; end < n && rank[sorted[end]] == rank[sorted[begin]]; end++)
            ;
        FET_TRY(fet_pareto_crowding(points, sorted + begin, end - begin, n_objectives, crowding));
        for (size_t i = begin; i < end; i++) standings[sorted[i]] = (fet_nsga2_standing){rank[sorted[i]], crowding[i - begin]};
    }
    return FET_OK;
}

fet_status fet_nsga2_standings(const double *points, const double *violation, size_t n, uint32_t n_objectives,
                               fet_nsga2_standing *standings)
{
    uint32_t *memory = NULL;
    double *crowding = NULL;
    fet_status status = fet_alloc_zeroed(3 * n + 1, sizeof *memory, "the standings of a population", &memory);
    if (status == FET_OK) status = fet_alloc_zeroed(n, sizeof *crowding, "the standings of a population", &crowding);
    if (status == FET_OK) status = standings_with(points, violation, n, n_objectives, standings, memory, crowding);
    fet_free(memory);
    fet_free(crowding);
    return status;
}

fet_status fet_nsga2_order(const double *points, const double *violation, size_t n, uint32_t n_objectives, uint32_t *order)
{
    fet_nsga2_standing *standings = NULL;
    FET_TRY(fet_alloc_zeroed(n, sizeof *standings, "the standings of a population", &standings));
    fet_status status = fet_nsga2_standings(points, violation, n, n_objectives, standings);
    if (status == FET_OK) {
        for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
        qsort_r(order, n, sizeof *order, compare_members, standings);
    }
    fet_free(standings);
    return status;
}

uint32_t fet_nsga2_tournament(const fet_nsga2_standing *standings, size_t n, fet_rng *rng)
{
    uint32_t a = fet_rng_below(rng, (uint32_t)n), b = fet_rng_below(rng, (uint32_t)n);
    int order = compare(&standings[a], &standings[b]);
    if (order == 0) return fet_rng_below(rng, 2) ? a : b;
    return order < 0 ? a : b;
}
