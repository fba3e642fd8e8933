// SPDX-License-Identifier: Apache-2.0
/*
 * Exact hypervolume by slicing: the points are taken in the order of the last objective; between two of them the volume grows by the width
 * of the slab times the hypervolume, one objective less, of the points taken so far. In two objectives that is a staircase which only ever
 * gains area. Plain and cubic at worst, but a front of 200 points in 4 objectives takes milliseconds, and it is evident.
 */
#include "search/pareto.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_OBJECTIVES = 4 };

typedef struct hv_point {
    double x[MAX_OBJECTIVES];
} hv_point;

typedef struct step {
    double x, y;
} step;

/* The points that nothing dominates in (x, y), x ascending and y descending. */
typedef struct staircase {
    step *steps; /* [number of points + 1] */
    size_t n;
    double area;
} staircase;

static void staircase_insert(staircase *stairs, double x, double y, const double *reference)
{
    size_t at = 0, end;
    while (at < stairs->n && stairs->steps[at].x < x) at++;
    if (at > 0 && stairs->steps[at - 1].y <= y) return;
    if (at < stairs->n && stairs->steps[at].x == x && stairs->steps[at].y <= y) return;
    /* Gained: the strip from y up to the old staircase, piece by piece over the steps that the new one covers. */
    double left = x, top = at > 0 ? stairs->steps[at - 1].y : reference[1];
    for (end = at; end < stairs->n && stairs->steps[end].y >= y; end++) {
        stairs->area += (stairs->steps[end].x - left) * (top - y);
        left = stairs->steps[end].x;
        top = stairs->steps[end].y;
    }
    double right = end < stairs->n ? stairs->steps[end].x : reference[0];
    stairs->area += (right - left) * (top - y);
    memmove(stairs->steps + at + 1, stairs->steps + end, (stairs->n - end) * sizeof *stairs->steps);
    stairs->n += 1 - (end - at);
    stairs->steps[at] = (step){x, y};
}

/* points[n] sorted by their third objective (2 objectives: any order, `n_objectives` says so). */
static double volume_2_or_3(const hv_point *points, size_t n, uint32_t n_objectives, const double *reference, step *memory)
{
    staircase stairs = {.steps = memory};
    double volume = 0;
    for (size_t i = 0; i < n; i++) {
        staircase_insert(&stairs, points[i].x[0], points[i].x[1], reference);
        if (n_objectives == 3) volume += stairs.area * ((i + 1 < n ? points[i + 1].x[2] : reference[2]) - points[i].x[2]);
    }
    return n_objectives == 3 ? volume : stairs.area;
}

/* points[n] sorted by the fourth objective; `taken` keeps those before the slab sorted by the third. */
static double volume_4(const hv_point *points, size_t n, const double *reference, hv_point *taken, step *memory)
{
    double volume = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && taken[at - 1].x[2] > points[i].x[2]; at--) taken[at] = taken[at - 1];
        taken[at] = points[i];
        double width = (i + 1 < n ? points[i + 1].x[3] : reference[3]) - points[i].x[3];
        if (width > 0) volume += width * volume_2_or_3(taken, i + 1, 3, reference, memory);
    }
    return volume;
}

static int compare_last(const void *left, const void *right, void *context)
{
    uint32_t last = *(const uint32_t *)context;
    double a = ((const hv_point *)left)->x[last], b = ((const hv_point *)right)->x[last];
    return a < b ? -1 : a > b;
}

fet_status fet_pareto_hypervolume(const double *points, size_t n, uint32_t n_objectives, const double *reference, double *out_hypervolume)
{
    if (n_objectives < 1 || n_objectives > MAX_OBJECTIVES)
        return fet_fail(FET_ERROR_ARG, "hypervolume of %u objectives; expected 1 to %d", n_objectives, MAX_OBJECTIVES);
    hv_point *inside = NULL;
    step *memory = NULL;
    FET_TRY(fet_alloc_zeroed(2 * n, sizeof *inside, "a hypervolume", &inside));
    fet_status status = fet_alloc_zeroed(n + 1, sizeof *memory, "a hypervolume", &memory);
    if (status != FET_OK) {
        fet_free(inside);
        return status;
    }
    size_t n_inside = 0;
    double best = reference[0];
    for (size_t i = 0; i < n; i++) {
        bool counts = true;
        for (uint32_t o = 0; o < n_objectives; o++) {
            inside[n_inside].x[o] = points[i * n_objectives + o];
            counts &= inside[n_inside].x[o] < reference[o];
        }
        if (!counts) continue;
        if (inside[n_inside].x[0] < best) best = inside[n_inside].x[0];
        n_inside++;
    }
    uint32_t last = n_objectives - 1;
    qsort_r(inside, n_inside, sizeof *inside, compare_last, &last);
    double volume = reference[0] - best;
    if (n_objectives == 4) volume = volume_4(inside, n_inside, reference, inside + n, memory);
    else if (n_objectives > 1) volume = volume_2_or_3(inside, n_inside, n_objectives, reference, memory);
    fet_free(memory);
    fet_free(inside);
    *out_hypervolume = volume;
    return FET_OK;
}
