// SPDX-License-Identifier: Apache-2.0
#include "engine/factor.h"

#include <math.h>
#include <string.h>

enum { MOST_WINDOW = 256, ITERATIONS = 60 };

static double norm(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

/* out = dense' dense v, without the n x n matrix. */
static void apply_gram(const float *dense, int64_t inputs, int64_t window, const double *v, double *out)
{
    memset(out, 0, (size_t)window * sizeof *out);
    for (int64_t i = 0; i < inputs; i++) {
        const float *row = dense + i * window;
        double product = 0;
        for (int64_t k = 0; k < window; k++) product += (double)row[k] * v[k];
        for (int64_t k = 0; k < window; k++) out[k] += product * (double)row[k];
    }
}

void fet_factor_channel(const float *dense, int64_t inputs, int64_t window, float *expand, float *depthwise)
{
    double v[MOST_WINDOW], next[MOST_WINDOW], sum = 0;
    memset(expand, 0, (size_t)inputs * sizeof *expand);
    memset(depthwise, 0, (size_t)window * sizeof *depthwise);
    if (window > MOST_WINDOW) return; /* larger than any kernel that is read */
    /* The columns' norms, each off by another thousandth: at right angles to an edge detector, (1, 0, -1), they would never find it. */
    for (int64_t k = 0; k < window; k++) {
        v[k] = 0;
        for (int64_t i = 0; i < inputs; i++) v[k] += (double)dense[i * window + k] * (double)dense[i * window + k];
        v[k] = sqrt(v[k]) * (1 + 1e-3 * (double)(k + 1));
    }
    for (int it = 0; it < ITERATIONS; it++) {
        apply_gram(dense, inputs, window, v, next);
        double length = norm(next, window);
        if (!(length > 0)) return;
        for (int64_t k = 0; k < window; k++) v[k] = next[k] / length;
    }
    for (int64_t k = 0; k < window; k++) sum += v[k];
    double sign = sum < 0 ? -1 : 1, square = 0;
    for (int64_t i = 0; i < inputs; i++) {
        double u = 0;
        for (int64_t k = 0; k < window; k++) u += (double)dense[i * window + k] * v[k];
        square += u * u;
    }
    double root = sqrt(sqrt(square)); /* of the singular value */
    if (!(root > 0)) return;
    for (int64_t k = 0; k < window; k++) depthwise[k] = (float)(sign * v[k] * root);
    for (int64_t i = 0; i < inputs; i++) {
        double u = 0;
        for (int64_t k = 0; k < window; k++) u += (double)dense[i * window + k] * v[k];
        expand[i] = (float)(sign * u / root);
    }
}
