// SPDX-License-Identifier: Apache-2.0
#include "search/gaussian_process.h"

#include "base/alloc.h"
#include "base/cholesky.h"
#include "base/median.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fet_gp {
    const fet_encoding *encoding;
    uint32_t n_features, n;
    uint32_t n_open; /* decisions with more than one option */
    fet_gp_kernel kernel;
    double feature_mean[FET_SEARCH_MAX_FEATURES], feature_scale[FET_SEARCH_MAX_FEATURES];
    double value_mean, value_scale;
    double signal;        /* variance of the signal, of scaled values */
    fet_gp_point *points; /* [n], features scaled */
    double *values;       /* [n], scaled */
    double *apart;        /* [n, n]: sum over decisions of how unlike they are */
    double *factor;       /* [n, n]: U, upper */
    double *weights;      /* [n]: K^-1 values */
};

void fet_gp_destroy(fet_gp *gp)
{
    if (!gp) return;
    fet_free(gp->points);
    fet_free(gp->values);
    fet_free(gp->apart);
    fet_free(gp->factor);
    fet_free(gp->weights);
    fet_free(gp);
}

/* Options are in an order (widths, sizes) or few, so that half of what sets two apart is how far apart they are listed. */
static double decisions_apart(const fet_gp *gp, const fet_genome *a, const fet_genome *b)
{
    double sum = 0;
    for (uint32_t d = 0; d < gp->encoding->n_decisions; d++) {
        int far = (int)a->option[d] - (int)b->option[d];
        if (far) sum += 0.5 + 0.5 * abs(far) / (gp->encoding->decisions[d].n_options - 1.0);
    }
    return sum;
}

static double covariance(const fet_gp *gp, const fet_gp_kernel *kernel, const fet_gp_point *a, const fet_gp_point *b, double apart)
{
    double features = 0, n_open = gp->n_open ? gp->n_open : 1;
    for (uint32_t f = 0; f < gp->n_features; f++) features += a->feature[f] * b->feature[f];
    if (gp->n_features) features /= gp->n_features;
    return kernel->features * features + kernel->single * (1 - apart / n_open) + kernel->joint * exp(-apart / kernel->length);
}

/* Mean 0 and deviation 1 over what was seen. */
static void scale_features(fet_gp *gp)
{
    for (uint32_t f = 0; f < gp->n_features; f++) {
        double sum = 0, squares = 0;
        for (uint32_t i = 0; i < gp->n; i++) sum += gp->points[i].feature[f];
        gp->feature_mean[f] = sum / gp->n;
        for (uint32_t i = 0; i < gp->n; i++) {
            double d = gp->points[i].feature[f] - gp->feature_mean[f];
            squares += d * d;
        }
        gp->feature_scale[f] = squares > 0 ? 1 / sqrt(squares / gp->n) : 0;
    }
}

static void scale_point(const fet_gp *gp, fet_gp_point *point)
{
    for (uint32_t f = 0; f < gp->n_features; f++) point->feature[f] = (point->feature[f] - gp->feature_mean[f]) * gp->feature_scale[f];
}

/* Drawn in to one and a half times the distance between the quartiles beyond them (Tukey's fences), then mean 0 and deviation 1. */
static void scale_values(fet_gp *gp, double *sorted)
{
    const double far = 1.5;
    memcpy(sorted, gp->values, gp->n * sizeof *sorted);
    fet_sort_doubles(sorted, gp->n);
    double low = sorted[gp->n / 4], high = sorted[gp->n - 1 - gp->n / 4], reach = far * (high - low), sum = 0, squares = 0;
    for (uint32_t i = 0; i < gp->n && reach > 0; i++) gp->values[i] = fmin(fmax(gp->values[i], low - reach), high + reach);
    for (uint32_t i = 0; i < gp->n; i++) sum += gp->values[i];
    gp->value_mean = sum / gp->n;
    for (uint32_t i = 0; i < gp->n; i++) squares += (gp->values[i] - gp->value_mean) * (gp->values[i] - gp->value_mean);
    gp->value_scale = squares > 0 ? sqrt(squares / gp->n) : 1;
    for (uint32_t i = 0; i < gp->n; i++) gp->values[i] = (gp->values[i] - gp->value_mean) / gp->value_scale;
}

/*
 * Factors and weights under a kernel. Gives the logarithm of how likely the values are, the signal's variance integrated out under a prior
 * that is worth PRIOR values of variance 1 (a Student process: shah2014student).
 */
static double fit(fet_gp *gp, const fet_gp_kernel *kernel)
{
    const double prior = 2;
    uint32_t n = gp->n;
    double quadratic = 0, log_determinant = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = i; j < n; j++) {
            double k = covariance(gp, kernel, &gp->points[i], &gp->points[j], gp->apart[(size_t)i * n + j]);
            gp->factor[(size_t)i * n + j] = i == j ? k + kernel->noise : k;
        }
    fet_cholesky_factorise(gp->factor, n, 1e-9);
    memcpy(gp->weights, gp->values, n * sizeof *gp->weights);
    fet_cholesky_forward(gp->factor, n, 1, gp->weights);
    for (uint32_t i = 0; i < n; i++) {
        double pivot = gp->factor[(size_t)i * n + i];
        quadratic += gp->weights[i] * gp->weights[i];
        log_determinant += isfinite(pivot) ? 2 * log(pivot) : 0;
    }
    fet_cholesky_backward(gp->factor, n, 1, gp->weights);
    gp->signal = (quadratic + prior) / (n + prior);
    gp->kernel = *kernel;
    return -0.5 * (n + prior) * log(quadratic + prior) - 0.5 * log_determinant;
}

static fet_gp_kernel choose_kernel(fet_gp *gp)
{
    static const struct {
        double features, single, joint;
    } shares[] = {{1, 1, 0.3}, {1, 0.3, 1}, {0.2, 1, 0.3}, {0.2, 0.3, 1}, {4, 1, 0.3}, {4, 0.3, 1}};
    static const double lengths[] = {0.125, 0.35}, noises[] = {0.02, 0.1, 0.4, 1.5};
    fet_gp_kernel best = {0};
    double best_likelihood = -INFINITY;
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
            for (size_t e = 0; e < sizeof noises / sizeof *noises; e++) {
                fet_gp_kernel kernel = {shares[s].features, shares[s].single, shares[s].joint, lengths[l] * (gp->n_open ? gp->n_open : 1),
                                        noises[e]};
                double likelihood = fit(gp, &kernel);
                if (likelihood > best_likelihood) best_likelihood = likelihood, best = kernel;
            }
    return best;
}

static fet_status init(fet_gp *gp, const fet_gp_point *points, const double *values)
{
    size_t n = gp->n;
    FET_TRY(fet_alloc_zeroed(n, sizeof *gp->points, "a Gaussian process", &gp->points));
    FET_TRY(fet_alloc_zeroed(n, sizeof *gp->values, "a Gaussian process", &gp->values));
    FET_TRY(fet_alloc_zeroed(n, sizeof *gp->weights, "a Gaussian process", &gp->weights));
    FET_TRY(fet_alloc_zeroed(n * n, sizeof *gp->apart, "a Gaussian process", &gp->apart));
    FET_TRY(fet_alloc_zeroed(n * n, sizeof *gp->factor, "a Gaussian process", &gp->factor));
    memcpy(gp->points, points, n * sizeof *points);
    memcpy(gp->values, values, n * sizeof *values);
    for (uint32_t d = 0; d < gp->encoding->n_decisions; d++) gp->n_open += gp->encoding->decisions[d].n_options > 1;
    scale_features(gp);
    for (uint32_t i = 0; i < gp->n; i++) scale_point(gp, &gp->points[i]);
    scale_values(gp, gp->weights);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++) gp->apart[i * n + j] = decisions_apart(gp, &gp->points[i].genome, &gp->points[j].genome);
    return FET_OK;
}

fet_status fet_gp_create(const fet_encoding *encoding, uint32_t n_features, const fet_gp_point *points, const double *values, uint32_t n,
                         fet_gp_kernel *kernel, fet_gp **out_gp)
{
    if (n < 2 || n_features > FET_SEARCH_MAX_FEATURES)
        return fet_fail(FET_ERROR_ARG, "a Gaussian process of %u values and %u features; expected at least 2 and at most %d", n, n_features,
                        FET_SEARCH_MAX_FEATURES);
    fet_auto(fet_gp) gp = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *gp, "a Gaussian process", &gp));
    *gp = (fet_gp){.encoding = encoding, .n_features = n_features, .n = n};
    FET_TRY(init(gp, points, values));
    if (kernel->length == 0) *kernel = choose_kernel(gp);
    (void)fit(gp, kernel);
    *out_gp = fet_take(gp);
    return FET_OK;
}

fet_status fet_gp_predict(const fet_gp *gp, const fet_gp_point *points, uint32_t n_points, double *mean, double *deviation)
{
    double *k = NULL; /* [n, n_points] */
    FET_TRY(fet_alloc_zeroed((size_t)gp->n * n_points, sizeof *k, "a Gaussian process", &k));
    for (uint32_t p = 0; p < n_points; p++) {
        fet_gp_point point = points[p];
        scale_point(gp, &point);
        double sum = 0;
        for (uint32_t i = 0; i < gp->n; i++) {
            double here = covariance(gp, &gp->kernel, &gp->points[i], &point, decisions_apart(gp, &gp->points[i].genome, &point.genome));
            k[(size_t)i * n_points + p] = here;
            sum += here * gp->weights[i];
        }
        mean[p] = gp->value_mean + gp->value_scale * sum;
        deviation[p] = covariance(gp, &gp->kernel, &point, &point, 0);
    }
    fet_cholesky_forward(gp->factor, gp->n, n_points, k);
    for (uint32_t i = 0; i < gp->n; i++)
        for (uint32_t p = 0; p < n_points; p++) deviation[p] -= k[(size_t)i * n_points + p] * k[(size_t)i * n_points + p];
    for (uint32_t p = 0; p < n_points; p++) deviation[p] = gp->value_scale * sqrt(gp->signal * fmax(deviation[p], 0));
    fet_free(k);
    return FET_OK;
}

fet_status fet_gp_smooth(const fet_encoding *encoding, uint32_t n_features, const fet_gp_point *points, const double *values, uint32_t n,
                         double *means)
{
    fet_auto(fet_gp) gp = NULL;
    fet_gp_kernel kernel = {0};
    double *deviations = NULL;
    FET_TRY(fet_gp_create(encoding, n_features, points, values, n, &kernel, &gp));
    FET_TRY(fet_alloc_zeroed(n, sizeof *deviations, "a Gaussian process", &deviations));
    fet_status status = fet_gp_predict(gp, points, n, means, deviations);
    fet_free(deviations);
    return status;
}
