// SPDX-License-Identifier: Apache-2.0
#include "estimate/roofline.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>

enum { SEEN = 4096, CONSTANTS = 3 };

double fet_roofline_ms(const fet_roofline *r, const fet_workload *w, double *out_compute_share)
{
    double compute = fet_workload_rounded(w, r->out, r->in) * r->ms_per_work, move = w->bytes * r->ms_per_byte;
    double ms = r->overhead_ms + fmax(compute, move);
    if (out_compute_share) *out_compute_share = compute / (r->overhead_ms + compute + move);
    return ms;
}

/* What the search looks at: numbers alone. */
typedef struct view {
    double *work, *bytes, *log_ms, *sorted;
    size_t n;
} view;

static double error_of(const view *v, const double x[CONSTANTS])
{
    double overhead = exp(x[0]), per_work = exp(x[1]), per_byte = exp(x[2]), sum = 0;
    for (size_t i = 0; i < v->n; i++) sum += fabs(v->log_ms[i] - log(overhead + fmax(v->work[i] * per_work, v->bytes[i] * per_byte)));
    return sum / (double)v->n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double low_quantile(const view *v, const double *per)
{
    for (size_t i = 0; i < v->n; i++) v->sorted[i] = per ? v->log_ms[i] - log(per[i]) : v->log_ms[i];
    qsort(v->sorted, v->n, sizeof *v->sorted, by_value);
    return v->sorted[v->n / 10];
}

static double search(const view *v, double x[CONSTANTS])
{
    x[0] = low_quantile(v, NULL) - 0.7; /* half the time of the quick ones */
    x[1] = low_quantile(v, v->work);
    x[2] = low_quantile(v, v->bytes);
    double best = error_of(v, x);
    for (double step = 0.8; step > 0.01;) {
        bool better = false;
        for (int i = 0; i < CONSTANTS; i++)
            for (int sign = -1; sign <= 1; sign += 2) {
                double kept = x[i];
                x[i] += sign * step;
                double error = error_of(v, x);
                if (error < best) best = error, better = true;
                else x[i] = kept;
            }
        if (!better) step *= 0.5;
    }
    return best;
}

static void look(const fet_workload *workloads, const double *latency_ms, size_t n, uint32_t out, uint32_t in, view *v)
{
    v->n = n < SEEN ? n : SEEN;
    for (size_t i = 0; i < v->n; i++) {
        size_t at = n < SEEN ? i : (size_t)((double)i * (double)n / SEEN);
        v->work[i] = fet_workload_rounded(&workloads[at], out, in);
        v->bytes[i] = workloads[at].bytes;
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
    FET_TRY(fet_alloc_zeroed(4 * v.n, sizeof *room, "kernels", &room));
    v.work = room, v.bytes = room + v.n, v.log_ms = room + 2 * v.n, v.sorted = room + 3 * v.n;
    for (int o = 0; o < (out ? 1 : WIDTHS); o++)
        for (int i = 0; i < (in ? 1 : WIDTHS); i++) {
            double x[CONSTANTS];
            uint32_t try_out = out ? out : widths[o], try_in = in ? in : widths[i];
            look(workloads, latency_ms, n, try_out, try_in, &v);
            double error = search(&v, x);
            /* A wider unit has to explain something that a narrower one does not. */
            if (!(error < 0.999 * best)) continue;
            best = error;
            *out_roofline = (fet_roofline){try_out, try_in, exp(x[0]), exp(x[1]), exp(x[2])};
        }
    fet_free(room);
    return FET_OK;
}
