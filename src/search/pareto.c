// SPDX-License-Identifier: Apache-2.0
#include "search/pareto.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool fet_pareto_dominates(const double *a, const double *b, uint32_t n_objectives)
{
    bool better = false;
    for (uint32_t o = 0; o < n_objectives; o++) {
        if (a[o] > b[o]) return false;
        better |= a[o] < b[o];
    }
    return better;
}

typedef struct point_order {
    const double *points, *violation;
    uint32_t n_objectives;
    uint32_t key; /* crowding: the objective to sort by */
} point_order;

static double violation_of(const point_order *order, uint32_t i)
{
    return order->violation && order->violation[i] > 0 ? order->violation[i] : 0;
}

/* By violation, then by the objectives in turn, then by index: who dominates stands before whom it dominates, and the order is one and the
 * same on every machine. */
static int compare_points(const void *left, const void *right, void *context)
{
    const point_order *order = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    double va = violation_of(order, a), vb = violation_of(order, b);
    if (va != vb) return va < vb ? -1 : 1;
    const double *pa = order->points + (size_t)a * order->n_objectives, *pb = order->points + (size_t)b * order->n_objectives;
    for (uint32_t o = 0; o < order->n_objectives; o++)
        if (pa[o] != pb[o]) return pa[o] < pb[o] ? -1 : 1;
    return a < b ? -1 : a > b;
}

static int compare_one_objective(const void *left, const void *right, void *context)
{
    const point_order *order = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    double va = order->points[(size_t)a * order->n_objectives + order->key],
           vb = order->points[(size_t)b * order->n_objectives + order->key];
    if (va != vb) return va < vb ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* The fronts found so far, each a list through `next` with the last member first: the most similar ones, which dominate most often. */
typedef struct front_lists {
    uint32_t *last; /* [front] */
    uint32_t *next; /* [point] */
    uint32_t n_fronts;
} front_lists;

static const uint32_t NO_POINT = UINT32_MAX;

static bool dominated_by_front(const point_order *order, const front_lists *fronts, uint32_t front, uint32_t point)
{
    const double *p = order->points + (size_t)point * order->n_objectives;
    for (uint32_t member = fronts->last[front]; member != NO_POINT; member = fronts->next[member])
        if (fet_pareto_dominates(order->points + (size_t)member * order->n_objectives, p, order->n_objectives)) return true;
    return false;
}

/* Ranks the sorted feasible points sorted[0..n). */
static void rank_feasible(const point_order *order, const uint32_t *sorted, size_t n, front_lists *fronts, uint32_t *rank)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t point = sorted[i], front = 0;
        while (front < fronts->n_fronts && dominated_by_front(order, fronts, front, point)) front++;
        if (front == fronts->n_fronts) fronts->last[fronts->n_fronts++] = NO_POINT;
        fronts->next[point] = fronts->last[front];
        fronts->last[front] = point;
        rank[point] = front;
    }
}

fet_status fet_pareto_ranks_constrained(const double *points, const double *violation, size_t n, uint32_t n_objectives, uint32_t *rank)
{
    if (n == 0) return FET_OK;
    uint32_t *memory = NULL;
    FET_TRY(fet_alloc_zeroed(3 * n, sizeof *memory, "the ranks of a population", &memory));
    uint32_t *sorted = memory;
    front_lists fronts = {.last = memory + n, .next = memory + 2 * n};
    point_order order = {.points = points, .violation = violation, .n_objectives = n_objectives};
    for (size_t i = 0; i < n; i++) sorted[i] = (uint32_t)i;
    qsort_r(sorted, n, sizeof *sorted, compare_points, &order);
    size_t n_feasible = 0;
    while (n_feasible < n && violation_of(&order, sorted[n_feasible]) == 0) n_feasible++;
    rank_feasible(&order, sorted, n_feasible, &fronts, rank);
    uint32_t next_rank = fronts.n_fronts;
    for (size_t i = n_feasible; i < n; i++) {
        if (i > n_feasible && violation_of(&order, sorted[i]) > violation_of(&order, sorted[i - 1])) next_rank++;
        rank[sorted[i]] = next_rank;
    }
    fet_free(memory);
    return FET_OK;
}

fet_status fet_pareto_ranks(const double *points, size_t n, uint32_t n_objectives, uint32_t *rank)
{
    return fet_pareto_ranks_constrained(points, NULL, n, n_objectives, rank);
}

fet_status fet_pareto_crowding(const double *points, const uint32_t *front, size_t n_front, uint32_t n_objectives, double *crowding)
{
    if (n_front == 0) return FET_OK;
    /* The distances are gathered per point of the front; `place` finds a point's place in `front` again after sorting. */
    typedef struct member {
        uint32_t point, place;
    } member;
    member *sorted = NULL;
    FET_TRY(fet_alloc_zeroed(n_front, sizeof *sorted, "the crowding of a front", &sorted));
    for (size_t i = 0; i < n_front; i++) {
        sorted[i] = (member){front[i], (uint32_t)i};
        crowding[i] = 0;
    }
    point_order order = {.points = points, .n_objectives = n_objectives};
    for (order.key = 0; order.key < n_objectives; order.key++) {
        qsort_r(sorted, n_front, sizeof *sorted, compare_one_objective, &order);
        double low = points[(size_t)sorted[0].point * n_objectives + order.key];
        double high = points[(size_t)sorted[n_front - 1].point * n_objectives + order.key];
        if (!(high > low) || !isfinite(high - low)) continue;
        crowding[sorted[0].place] = crowding[sorted[n_front - 1].place] = INFINITY;
        for (size_t i = 1; i + 1 < n_front; i++) {
            double below = points[(size_t)sorted[i - 1].point * n_objectives + order.key];
            double above = points[(size_t)sorted[i + 1].point * n_objectives + order.key];
            crowding[sorted[i].place] += (above - below) / (high - low);
        }
    }
    fet_free(sorted);
    return FET_OK;
}
