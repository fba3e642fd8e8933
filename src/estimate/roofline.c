// SPDX-License-Identifier: Apache-2.0
#include "estimate/roofline.h"

#include "base/alloc.h"
#include "base/median.h"

#include <math.h>
#include <string.h>

enum { SEEN = 4096, CONSTANTS = 4 };

#define WORTH 0.97 /* of the error before, where another constant is worth having */

double fet_roofline_ms(const fet_roofline *r, const fet_workload *w, double *out_compute_share)
{
    double compute = fet_workload_rounded(w, r->out, r->in) * r->ms_per_work, move = w->bytes * r->ms_per_byte;
    double fixed = r->overhead_ms + w->pixels * r->ms_per_pixel;
    if (out_compute_share) *out_compute_share = compute / (fixed + compute + move);
    return fixed + fmax(compute, move);
}

/* What the search looks at: numbers alone. */
typedef struct view {
    double *work, *bytes, *pixels, *log_ms, *sorted;
    size_t n;
} view;

static double error_of(const view *v, const double x[CONSTANTS])
{
    double overhead = exp(x[0]), per_work = exp(x[1]), per_byte = exp(x[2]), per_pixel = exp(x[3]), sum = 0;
    for (size_t i = 0; i < v->n; i++)
        sum += fabs(v->log_ms[i] - log(overhead + v->pixels[i] * per_pixel + fmax(v->work[i] * per_work, v->bytes[i] * per_byte)));
    return sum / (double)v->n;
}

static double low_quantile(const view *v, const double *per)
{
    for (size_t i = 0; i < v->n; i++) v->sorted[i] = per ? v->log_ms[i] - log(per[i]) : v->log_ms[i];
    fet_sort_doubles(v->sorted, v->n);
    return v->sorted[v->n / 10];
}

/* One step of one constant, and with it of another the other way: what one part of the time loses another may gain. */
static bool move(const view *v, int n_free, double step, double x[CONSTANTS], double *best)
{
    bool better = false;
    for (int i = 0; i < n_free; i++)
        for (int j = 0; j < n_free; j++)
            for (int sign = -1; sign <= 1; sign += 2) {
                double tried[CONSTANTS];
                memcpy(tried, x, sizeof tried);
                tried[i] += sign * step;
                if (j != i) tried[j] -= sign * step;
                double error = error_of(v, tried);
                if (!(error < *best)) continue;
                *best = error, better = true;
                memcpy(x, tried, sizeof tried);
            }
    return better;
}

/* From x on; the constants before `n_free` alone vary. */
static double descend(const view *v, int n_free, double x[CONSTANTS])
{
    double best = error_of(v, x);
    for (double step = 0.8; step > 0.01;)
        if (!move(v, n_free, step, x, &best)) step *= 0.5;
    return best;
}

/* Without a time a place. */
static double search(const view *v, double x[CONSTANTS])
{
    x[0] = low_quantile(v, NULL) - 0.7; /* half the time of the quick ones */
    x[1] = low_quantile(v, v->work);
    x[2] = low_quantile(v, v->bytes);
    x[3] = -INFINITY;
    return descend(v, CONSTANTS - 1, x);
}

/* With it, where it explains something that the others do not: where all maps are alike it cannot be told from the overhead, and would be
 * wrong for others. */
static double search_places(const view *v, double error, double x[CONSTANTS])
{
    double with[CONSTANTS] = {x[0], x[1], x[2], low_quantile(v, v->pixels) - 2};
    double better = descend(v, CONSTANTS, with);
    if (!(better < WORTH * error)) return error;
    memcpy(x, with, sizeof with);
    return better;
}

static void look(const fet_workload *workloads, const double *latency_ms, size_t n, uint32_t out, uint32_t in, view *v)
{
    v->n = n < SEEN ? n : SEEN;
    for (size_t i = 0; i < v->n; i++) {
        size_t at = n < SEEN ? i : (size_t)((double)i * (double)n / SEEN);
        v->work[i] = fet_workload_rounded(&workloads[at], out, in);
        v->bytes[i] = workloads[at].bytes;
        v->pixels[i] = fmax(1, workloads[at].pixels);
        v->log_ms[i] = log(latency_ms[at]);
    }
}

fet_status fet_roofline_fit(const fet_workload *workloads, const double *latency_ms, size_t n, uint32_t out, uint32_t in,
                            fet_roofline *out_roofline)
{
    static const uint32_t widths[] = {1, 4, 8, 16, 32, 64};
    enum { WIDTHS = sizeof widths / sizeof *widths };
    view v = {.n = n < SEEN ? n : SEEN};
    double *room = NULL, best = INFINITY;
    FET_TRY(fet_alloc_zeroed(5 * v.n, sizeof *room, "kernels", &room));
    v.work = room, v.bytes = room + v.n, v.log_ms = room + 2 * v.n, v.sorted = room + 3 * v.n, v.pixels = room + 4 * v.n;
    double x[CONSTANTS], best_x[CONSTANTS] = {0};
    for (int o = 0; o < (out ? 1 : WIDTHS); o++)
        for (int i = 0; i < (in ? 1 : WIDTHS); i++) {
            uint32_t try_out = out ? out : widths[o], try_in = in ? in : widths[i];
            look(workloads, latency_ms, n, try_out, try_in, &v);
            double error = search_places(&v, search(&v, x), x);
            /* A wider unit has to explain something that a narrower one does not. */
            if (!(error < 0.999 * best)) continue;
            best = error;
            memcpy(best_x, x, sizeof x);
            out_roofline->out = try_out, out_roofline->in = try_in;
        }
    *out_roofline = (fet_roofline){.out = out_roofline->out,
                                   .in = out_roofline->in,
                                   .overhead_ms = exp(best_x[0]),
                                   .ms_per_work = exp(best_x[1]),
                                   .ms_per_byte = exp(best_x[2]),
                                   .ms_per_pixel = exp(best_x[3])};
    fet_free(room);
    return FET_OK;
}
