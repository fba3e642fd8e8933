// SPDX-License-Identifier: Apache-2.0
#include "search/expected_gain.h"

#include "base/alloc.h"
#include "search/pareto.h"

#include <math.h>
#include <string.h>

/* E[max(0, t - x)] of x normal. */
static double expected_below(double t, double mean, double deviation)
{
    if (!(deviation > 0)) return fmax(0, t - mean);
    double z = (t - mean) / deviation;
    return (t - mean) * 0.5 * erfc(-z * M_SQRT1_2) + deviation * exp(-0.5 * z * z) / sqrt(2 * M_PI);
}

/* The volume, of the known objectives, between `point` and the reference that the first n of the front leave free. clipped: [n][m]. */
static fet_status free_volume(const double *front, size_t n, uint32_t n_objectives, const double *reference, const double *point,
                              double *clipped, double *out_volume)
{
    uint32_t m = n_objectives - 1;
    double whole = 1, taken = 0, nearest = reference[m];
    for (uint32_t o = 1; o <= m; o++) whole *= reference[o] - point[o];
    if (m == 0) taken = n > 0;
    for (size_t i = 0; i < n; i++) {
        nearest = fmin(nearest, front[i * n_objectives + m]);
        for (uint32_t o = 1; o <= m; o++) clipped[i * m + o - 1] = fmax(front[i * n_objectives + o], point[o]);
    }
    if (m == 1) taken = reference[1] - fmax(nearest, point[1]);
    if (m > 1) FET_TRY(fet_pareto_hypervolume(clipped, n, m, reference + 1, &taken));
    *out_volume = fmax(0, whole - taken);
    return FET_OK;
}

fet_status fet_expected_gain(const double *front, size_t n, uint32_t n_objectives, const double *reference, const double *point,
                             double deviation, double *out_gain)
{
    double *clipped = NULL, before = 0;
    *out_gain = 0;
    for (uint32_t o = 1; o < n_objectives; o++)
        if (!(point[o] < reference[o])) return FET_OK;
    FET_TRY(fet_alloc_zeroed(n * n_objectives + 1, sizeof *clipped, "a front", &clipped));
    fet_status status = FET_OK;
    /* Between two members' first objectives, what the point adds is what those better than it leave free. */
    for (size_t i = 0; i <= n && status == FET_OK; i++) {
        double end = i < n ? fmin(front[i * n_objectives], reference[0]) : reference[0], volume = 0;
        status = free_volume(front, i, n_objectives, reference, point, clipped, &volume);
        if (volume <= 0) break;
        double below = expected_below(end, point[0], deviation);
        *out_gain += volume * (below - before);
        before = below;
    }
    fet_free(clipped);
    return status;
}
