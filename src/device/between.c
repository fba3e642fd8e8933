// SPDX-License-Identifier: Apache-2.0
#include "device/between.h"

#include "base/alloc.h"
#include "base/median.h"
#include "op/op.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { N = FET_BETWEEN_TERMS, USUAL_FIRST_BYTES = 32 << 10, USUAL_SECOND_BYTES = 1 << 20 };

fet_between_caches fet_between_caches_here(void)
{
    long first = sysconf(_SC_LEVEL1_DCACHE_SIZE), second = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return (fet_between_caches){.first = first > 0 ? (double)first : USUAL_FIRST_BYTES,
                                .second = second > 0 ? (double)second : USUAL_SECOND_BYTES};
}

static double weight_bytes(const fet_kernel_key *key, double item)
{
    bool dense = key->op == FET_OP_CONV || key->op == FET_OP_CONV_TRANSPOSE || key->op == FET_OP_GEMM;
    double inputs = key->group ? (double)key->ic / key->group : key->ic;
    return dense ? item * inputs * key->oc * (key->kh ? key->kh : 1) * (key->kw ? key->kw : 1) : 0;
}

void fet_between_terms(const fet_graph *graph, const fet_kernels *kernels, fet_dtype precision, const fet_between_caches *caches,
                       double terms[N])
{
    double weights = 0, within = 0, beyond = 0;
    for (uint32_t k = 0; k < kernels->count; k++) {
        const fet_kernel *kernel = &kernels->items[k];
        double item = (double)fet_dtype_bytes(fet_kernel_dtype(&kernel->key, precision));
        weights += weight_bytes(&kernel->key, item);
        if (kernel->dst == FET_NONE) continue;
        double map = item * (double)fet_shape_elements(&graph->values[kernel->dst].shape);
        within += fmin(map, caches->first);
        beyond += fmax(0, map - caches->first);
    }
    terms[FET_BETWEEN_KERNELS] = kernels->count;
    terms[FET_BETWEEN_WEIGHTS] = weights;
    terms[FET_BETWEEN_WEIGHTS_BEYOND] = fmax(0, weights - caches->second);
    terms[FET_BETWEEN_MAPS] = within;
    terms[FET_BETWEEN_MAPS_BEYOND] = beyond;
}

double fet_between_ms(const fet_between *between, const double terms[N])
{
    double ms = 0;
    for (int i = 0; i < N; i++) ms += between->weight_ms[i] * terms[i];
    return ms;
}

/* Gauss with pivots on the terms that `used` says; false where they do not determine it. */
static bool solve(double a[N][N + 1], unsigned used, double x[N])
{
    for (int c = 0; c < N; c++) {
        if (!(used >> c & 1)) continue;
        int pivot = -1;
        for (int r = c; r < N; r++)
            if (used >> r & 1 && (pivot < 0 || fabs(a[r][c]) > fabs(a[pivot][c]))) pivot = r;
        if (pivot < 0 || fabs(a[pivot][c]) < 1e-12) return false;
        for (int k = 0; k <= N; k++) {
            double swap = a[c][k];
            a[c][k] = a[pivot][k], a[pivot][k] = swap;
        }
        for (int r = 0; r < N; r++) {
            if (r == c || !(used >> r & 1)) continue;
            double factor = a[r][c] / a[c][c];
            for (int k = 0; k <= N; k++) a[r][k] -= factor * a[c][k];
        }
    }
    for (int c = 0; c < N; c++) x[c] = used >> c & 1 ? a[c][N] / a[c][c] : 0;
    return true;
}

static double squares(const fet_between_sample *samples, size_t n, size_t without, const double *scale, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == without) continue;
        double left = samples[i].whole_ms - samples[i].sum_ms;
        for (int t = 0; t < N; t++) left -= x[t] * samples[i].terms[t] / scale[t];
        sum += left * left / (samples[i].whole_ms * samples[i].whole_ms);
    }
    return sum;
}

static bool is_negative(const double x[N])
{
    for (int t = 0; t < N; t++)
        if (x[t] < 0) return true;
    return false;
}

/* Non-negative least squares: five terms have 32 subsets, so all are tried. */
static void fit(const fet_between_sample *samples, size_t n, size_t without, double weight_ms[N])
{
    double scale[N] = {0}, normal[N][N + 1] = {{0}}, best[N] = {0};
    for (size_t i = 0; i < n; i++)
        for (int t = 0; t < N; t++) scale[t] = fmax(scale[t], samples[i].terms[t]);
    for (int t = 0; t < N; t++) scale[t] = scale[t] > 0 ? scale[t] : 1;
    for (size_t i = 0; i < n; i++) {
        double w = i == without ? 0 : 1 / (samples[i].whole_ms * samples[i].whole_ms), left = samples[i].whole_ms - samples[i].sum_ms;
        for (int r = 0; r < N; r++) {
            for (int c = 0; c < N; c++) normal[r][c] += w * samples[i].terms[r] / scale[r] * samples[i].terms[c] / scale[c];
            normal[r][N] += w * samples[i].terms[r] / scale[r] * left;
        }
    }
    double least = squares(samples, n, without, scale, best);
    for (unsigned used = 1; used < 1u << N; used++) {
        double a[N][N + 1], x[N];
        memcpy(a, normal, sizeof a);
        if (!solve(a, used, x) || is_negative(x)) continue;
        double sum = squares(samples, n, without, scale, x);
        if (!(sum < least)) continue;
        least = sum;
        memcpy(best, x, sizeof best);
    }
    for (int t = 0; t < N; t++) weight_ms[t] = best[t] / scale[t];
}

static void learn(const fet_between_sample *samples, size_t n, double *before, double *after, fet_between *out)
{
    for (size_t i = 0; i < n; i++) { /* each one left out in turn */
        fet_between without = {.gains = true};
        fit(samples, n, i, without.weight_ms);
        before[i] = fabs(samples[i].sum_ms / samples[i].whole_ms - 1);
        after[i] = fabs((samples[i].sum_ms + fet_between_ms(&without, samples[i].terms)) / samples[i].whole_ms - 1);
    }
    *out = (fet_between){.error_before = fet_median(before, n), .error_after = fet_median(after, n)};
    out->gains = out->error_after < out->error_before;
    if (out->gains) fit(samples, n, n, out->weight_ms);
}

fet_status fet_between_fit(const fet_between_sample *samples, size_t n, const fet_between_caches *caches, fet_between *out_between)
{
    if (n < FET_BETWEEN_MIN) return fet_fail(FET_ERROR_ARG, "%zu networks measured whole: expected at least %d", n, FET_BETWEEN_MIN);
    for (size_t i = 0; i < n; i++)
        if (!(samples[i].whole_ms > 0) || !(samples[i].sum_ms > 0))
            return fet_fail(FET_ERROR_ARG, "network %zu: %g ms whole, %g ms in its kernels: expected more than 0", i, samples[i].whole_ms,
                            samples[i].sum_ms);
    double *room = NULL;
    FET_TRY(fet_alloc_zeroed(2 * n, sizeof *room, "errors", &room));
    learn(samples, n, room, room + n, out_between);
    out_between->caches = *caches;
    fet_free(room);
    return FET_OK;
}
