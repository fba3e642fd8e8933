// SPDX-License-Identifier: Apache-2.0
#include "run/whole.h"

#include <math.h>

enum { LEAST_VISITS = 2, MOST_VISITS = 5 };
#define AGREE 0.03

/* Visits of a network, the two quickest of them. */
typedef struct visits {
    double first_ms, second_ms, spread;
    uint32_t n;
} visits;

static void add_visit(visits *v, double ms, double spread)
{
    if (v->n == 0 || ms < v->first_ms) {
        v->second_ms = v->first_ms;
        v->first_ms = ms, v->spread = spread;
    } else if (v->n == 1 || ms < v->second_ms) {
        v->second_ms = ms;
    }
    v->n++;
}

static bool is_settled(const visits *v)
{
    return v->n >= LEAST_VISITS && v->second_ms <= (1 + AGREE) * v->first_ms;
}

/* All that have not settled, or all as long as one has not; *out_n: how many were visited. */
static fet_status visit(fet_device *device, const char *const *onnx_paths, visits *all, uint32_t n, fet_whole_order order, uint32_t *out_n)
{
    const char *due[FET_WHOLE_MAX];
    uint32_t index[FET_WHOLE_MAX], count = 0;
    double ms[FET_WHOLE_MAX], spread[FET_WHOLE_MAX];
    bool settled = true;
    for (uint32_t i = 0; i < n; i++) settled &= is_settled(&all[i]);
    for (uint32_t i = 0; i < n && !settled; i++)
        if (order == FET_WHOLE_TOGETHER || !is_settled(&all[i])) index[count] = i, due[count++] = onnx_paths[i];
    *out_n = count;
    if (count) FET_TRY(fet_device_measure_networks(device, due, count, ms, spread));
    for (uint32_t i = 0; i < count; i++) add_visit(&all[index[i]], ms[i], spread[i]);
    return FET_OK;
}

fet_status fet_whole_measure(fet_device *device, const char *const *onnx_paths, uint32_t n, fet_whole_order order, double *out_ms,
                             double *out_spread)
{
    visits all[FET_WHOLE_MAX] = {0};
    uint32_t due = n;
    if (n > FET_WHOLE_MAX) return fet_fail(FET_ERROR_ARG, "%u networks measured whole: expected at most %d", n, (int)FET_WHOLE_MAX);
    for (int round = 0; round < MOST_VISITS && due; round++) FET_TRY(visit(device, onnx_paths, all, n, order, &due));
    for (uint32_t i = 0; i < n; i++) {
        out_ms[i] = 0.5 * (all[i].first_ms + all[i].second_ms);
        out_spread[i] = fmax((all[i].second_ms - all[i].first_ms) / all[i].first_ms, all[i].spread);
    }
    return FET_OK;
}
