// SPDX-License-Identifier: Apache-2.0
/*
 * Ridge regression by its normal equations: products in f32 over chunks of rows (oneDNN's sgemm), summed in double; then Cholesky's
 * factors and two substitutions, in double.
 */
#include "base/cholesky.h"
#include "engine/engine.h"
#include "engine/refit/internal.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 512 }; /* rows summed in f32 before they go to double */

static void centre(float *x, uint32_t n, uint32_t k, double *mean)
{
    memset(mean, 0, k * sizeof *mean);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < k; j++) mean[j] += (double)x[(size_t)i * k + j];
    for (uint32_t j = 0; j < k; j++) mean[j] /= n;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < k; j++) x[(size_t)i * k + j] = (float)((double)x[(size_t)i * k + j] - mean[j]);
}

/* sum[k, m] = x[n, k]' y[n, m] */
static fet_status product(const float *x, const float *y, uint32_t n, uint32_t k, uint32_t m, float *part, double *sum)
{
    memset(sum, 0, (size_t)k * m * sizeof *sum);
    for (uint32_t at = 0; at < n; at += CHUNK) {
        uint32_t rows = n - at < CHUNK ? n - at : CHUNK;
        FET_DNNL_TRY(dnnl_sgemm('T', 'N', k, m, rows, 1.0f, x + (size_t)at * k, k, y + (size_t)at * m, m, 0.0f, part, m),
                     "multiply two matrices");
        for (size_t i = 0; i < (size_t)k * m; i++) sum[i] += (double)part[i];
    }
    return FET_OK;
}

static fet_status solve(float *x, float *r, uint32_t n, uint32_t k, uint32_t m, double ridge, double *a, float *part, double *d)
{
    double trace = 0;
    FET_TRY(product(x, x, n, k, k, part, a));
    FET_TRY(product(x, r, n, k, m, part, d));
    for (uint32_t i = 0; i < k; i++) trace += a[(size_t)i * k + i];
    if (!(trace > 0) || !isfinite(trace)) {
        memset(d, 0, (size_t)k * m * sizeof *d);
        return FET_OK;
    }
    for (uint32_t i = 0; i < k; i++) a[(size_t)i * k + i] += ridge * trace / k;
    fet_cholesky_factorise(a, k, 1e-12 * trace / k);
    fet_cholesky_forward(a, k, m, d);
    fet_cholesky_backward(a, k, m, d);
    return FET_OK;
}

fet_status fit_ridge(float *x, float *r, uint32_t n, uint32_t k, uint32_t m, double ridge, bool centred, double *d, double *constant)
{
    double *a = NULL, *mean_x = NULL;
    float *part = NULL;
    fet_status status = fet_alloc_zeroed((size_t)k * k, sizeof *a, "a regression", &a);
    if (status == FET_OK) status = fet_alloc_zeroed((size_t)k * (k > m ? k : m), sizeof *part, "a regression", &part);
    if (status == FET_OK) status = fet_alloc_zeroed(k, sizeof *mean_x, "a regression", &mean_x);
    memset(constant, 0, m * sizeof *constant);
    if (status == FET_OK && centred) {
        centre(x, n, k, mean_x);
        centre(r, n, m, constant);
    }
    if (status == FET_OK) status = solve(x, r, n, k, m, ridge, a, part, d);
    for (uint32_t i = 0; i < k && status == FET_OK && centred; i++)
        for (uint32_t j = 0; j < m; j++) constant[j] -= d[(size_t)i * m + j] * mean_x[i];
    fet_free(a);
    fet_free(part);
    fet_free(mean_x);
    return status;
}
