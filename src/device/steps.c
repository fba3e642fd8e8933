// SPDX-License-Identifier: Apache-2.0
#include "device/steps.h"

#include "base/alloc.h"
#include "base/median.h"

#include <math.h>

/* Widths of units that are built; a step counts only where at least three of them lie in the range. */
static const uint32_t widths[] = {2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};
enum { N_WIDTHS = sizeof widths / sizeof *widths, MIN_POINTS = 16, LEAST_STEPS = 3, ROUNDS = 12 };

/* Kernels that compute three or four units at a time rise more at some steps than at others; so a width is no width of its own where its
 * parts are flatter by more than this. */
static const double UNEVEN = 0.1, HALF = 0.5;
static const double SURE = 3; /* standard errors: a dozen widths are looked at, so two would be wrong too often */

typedef struct fit {
    double slope, error; /* ms a channel */
} fit;

typedef struct points {
    const uint32_t *channels;
    const double *ms;
    double *weights, *residuals, *sorted; /* [n] */
    size_t n;
} points;

/* Which step of width p; p 0: all points lie on one. */
static uint32_t step_of(const points *p, size_t i, uint32_t width)
{
    return width ? (p->channels[i] - 1) / width : 0;
}

typedef struct moments {
    double w, c, t;
} moments;

static size_t one_step(const points *p, size_t first, uint32_t width, moments *out_mean)
{
    moments sum = {0, 0, 0};
    size_t i = first;
    for (; i < p->n && step_of(p, i, width) == step_of(p, first, width); i++)
        sum.w += p->weights[i], sum.c += p->weights[i] * p->channels[i], sum.t += p->weights[i] * p->ms[i];
    *out_mean = (moments){sum.w, sum.c / sum.w, sum.t / sum.w};
    return i;
}

/* (1) The common slope within steps: least squares with a level a step. Leaves relative residuals; *out_sum: of squared distances. */
static double slope_within(points *p, uint32_t width, double *out_sum, size_t *out_steps)
{
    double ct = 0, cc = 0;
    moments mean;
    *out_steps = 0;
    for (size_t first = 0, end; first < p->n; first = end, ++*out_steps) {
        end = one_step(p, first, width, &mean);
        for (size_t i = first; i < end; i++) {
            ct += p->weights[i] * (p->channels[i] - mean.c) * (p->ms[i] - mean.t);
            cc += p->weights[i] * (p->channels[i] - mean.c) * (p->channels[i] - mean.c);
        }
    }
    double slope = cc > 0 ? ct / cc : 0;
    for (size_t first = 0, end; first < p->n; first = end) {
        end = one_step(p, first, width, &mean);
        for (size_t i = first; i < end; i++) p->residuals[i] = (p->ms[i] - mean.t - slope * (p->channels[i] - mean.c)) / p->ms[i];
    }
    *out_sum = cc;
    return slope;
}

/* 1.4826 times the median of absolute values: the standard deviation of what is normal. */
static double scale_of(points *p)
{
    for (size_t i = 0; i < p->n; i++) p->sorted[i] = fabs(p->residuals[i]);
    fet_sort_doubles(p->sorted, p->n);
    return 1.4826 * p->sorted[p->n / 2];
}

/* (2) Reweighted until disturbed points count little (Huber, 1.345 deviations). */
static fit robust_fit(points *p, uint32_t width)
{
    double sum = 0, square = 0;
    size_t n_steps = 0;
    for (size_t i = 0; i < p->n; i++) p->weights[i] = 1 / (p->ms[i] * p->ms[i]);
    for (int round = 0; round < ROUNDS; round++) {
        (void)slope_within(p, width, &sum, &n_steps); /* for the residuals that it leaves */
        double scale = scale_of(p);
        for (size_t i = 0; i < p->n; i++) {
            double away = scale > 0 ? fabs(p->residuals[i]) / (1.345 * scale) : 0;
            p->weights[i] = 1 / (p->ms[i] * p->ms[i]) / (away > 1 ? away : 1);
        }
    }
    double slope = slope_within(p, width, &sum, &n_steps);
    for (size_t i = 0; i < p->n; i++) square += p->weights[i] * p->ms[i] * p->ms[i] * p->residuals[i] * p->residuals[i];
    double freedom = (double)p->n - (double)n_steps - 1;
    return (fit){slope, sum > 0 && freedom > 0 ? sqrt(square / freedom / sum) : INFINITY};
}

static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    return sum / (double)n;
}

typedef struct candidate {
    double flatness, error;
    bool in_range;
} candidate;

/* What the best of a width's parts reaches, 0 without one that holds: dips at full units make flatness more than 1, which counts as 1. */
static double best_part(const candidate *all, size_t k)
{
    double best = 0;
    for (size_t j = 0; j < k; j++)
        if (all[j].in_range && widths[k] % widths[j] == 0 && all[j].flatness - SURE * all[j].error > HALF)
            best = fmax(best, fmin(1, all[j].flatness));
    return best;
}

/* (3) From the widest down: the first that holds, unless an open one came before. */
static void decide(points *p, fit whole, fet_steps *out)
{
    candidate all[N_WIDTHS] = {0};
    uint32_t range = p->channels[p->n - 1] - p->channels[0] + 1;
    double mean = mean_of(p->ms, p->n);
    bool open = false;
    for (size_t k = 0; k < N_WIDTHS; k++) {
        if (range < LEAST_STEPS * widths[k]) continue;
        fit within = robust_fit(p, widths[k]);
        all[k] = (candidate){1 - within.slope / whole.slope, within.error / whole.slope, true};
    }
    for (size_t k = N_WIDTHS; k-- > 0;) {
        double low = all[k].flatness - SURE * all[k].error, high = all[k].flatness + SURE * all[k].error;
        bool falls = high < HALF || high < best_part(all, k) - UNEVEN, holds = !falls && low > HALF;
        if (!all[k].in_range || falls || (open && !holds)) continue;
        *out = (fet_steps){
            .flatness = all[k].flatness, .error = all[k].error, .rise = whole.slope * widths[k] / mean, .verdict = FET_STEPS_OPEN};
        if (holds && !open) out->verdict = FET_STEPS_FOUND, out->width = widths[k];
        if (holds || open) return;
        open = true;
    }
    if (!open) *out = (fet_steps){.verdict = FET_STEPS_FOUND, .width = 1, .rise = whole.slope / mean};
}

static void find(points *p, fet_steps *out)
{
    fit whole = robust_fit(p, 0);
    double range = p->channels[p->n - 1] - (double)p->channels[0];
    /* Less than a tenth over the whole range, or not clearly more than nothing. */
    if (whole.slope * range < 0.1 * mean_of(p->ms, p->n) || whole.slope < 4 * whole.error) *out = (fet_steps){.verdict = FET_STEPS_LEVEL};
    else decide(p, whole, out);
}

fet_status fet_steps_find(const uint32_t *channels, const double *latency_ms, size_t n, fet_steps *out_steps)
{
    if (n < MIN_POINTS) return fet_fail(FET_ERROR_ARG, "a staircase of %zu points: expected at least %d", n, MIN_POINTS);
    for (size_t i = 0; i < n; i++)
        if (!(latency_ms[i] > 0) || channels[i] == 0 || (i && channels[i] <= channels[i - 1]))
            return fet_fail(FET_ERROR_ARG, "a staircase: point %zu: expected rising channels and latencies above 0", i);
    double *room = NULL;
    FET_TRY(fet_alloc_zeroed(3 * n, sizeof *room, "a staircase", &room));
    points p = {.channels = channels, .ms = latency_ms, .weights = room, .residuals = room + n, .sorted = room + 2 * n, .n = n};
    find(&p, out_steps);
    fet_free(room);
    return FET_OK;
}
