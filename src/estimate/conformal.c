// SPDX-License-Identifier: Apache-2.0
#include "estimate/conformal.h"

#include "base/median.h"
#include "estimate/boost.h"

#include <math.h>
#include <string.h>

enum { ENOUGH = 120 };                   /* kernels from which difficulty can be learned */
static const double LEAST_ERROR = 0.003; /* smaller ones are noise: their logarithm would rule the fit */

double fet_conformal_quantile(double *scores, size_t n, double coverage)
{
    fet_sort_doubles(scores, n);
    size_t rank = (size_t)ceil(((double)n + 1) * coverage - 1e-9);
    return rank <= n ? scores[rank ? rank - 1 : 0] : 2 * scores[n - 1];
}

static const fet_boost_options small = {
    .trees = 20, .depth = 3, .learning_rate = 0.18, .subsample = 0.8, .column_share = 0.6, .min_child = 5, .lambda = 2};

typedef struct room {
    float *rows, *targets, *guess;
    double *scores;
} room;

/* Learns from all but one fold (fold n_folds: from all). */
static fet_status learn(const float *rows, const double *errors, const uint32_t *folds, uint32_t without, size_t n, uint64_t seed,
                        const room *r, fet_model_trees *out_trees)
{
    fet_boost_options options = small;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (folds[i] == without) continue;
        memcpy(r->rows + used * FET_FEATURE_COUNT, rows + i * FET_FEATURE_COUNT, FET_FEATURE_COUNT * sizeof *rows);
        r->targets[used++] = (float)log(fmax(fabs(errors[i]), LEAST_ERROR));
    }
    options.seed = seed;
    FET_TRY(fet_boost_fit(&options, r->rows, used, FET_FEATURE_COUNT, r->targets, NULL, &out_trees->json, &out_trees->json_bytes));
    return fet_trees_parse("difficulty", out_trees->json, out_trees->json_bytes, FET_FEATURE_COUNT, &out_trees->flat);
}

static fet_status score(const float *rows, const double *errors, const uint32_t *folds, uint32_t n_folds, size_t n, uint64_t seed,
                        const room *r, fet_model *model)
{
    for (size_t i = 0; i < n; i++) r->scores[i] = fabs(errors[i]);
    if (n < ENOUGH) return FET_OK;
    for (uint32_t f = 0; f < n_folds; f++) {
        fet_model part = {.n = 0};
        fet_status status = learn(rows, errors, folds, f, n, seed, r, &part.difficulty);
        if (status == FET_OK) fet_trees_predict(part.difficulty.flat, rows, n, FET_FEATURE_COUNT, r->guess);
        fet_model_deinit(&part);
        FET_TRY(status);
        for (size_t i = 0; i < n; i++)
            if (folds[i] == f) r->scores[i] /= exp(r->guess[i]);
    }
    return learn(rows, errors, folds, n_folds, n, seed, r, &model->difficulty);
}

fet_status fet_conformal_fit(const float *rows, const double *errors, const uint32_t *folds, uint32_t n_folds, size_t n, uint64_t seed,
                             fet_model *model)
{
    room r = {.rows = NULL};
    fet_status status = fet_alloc_zeroed(n * FET_FEATURE_COUNT, sizeof *r.rows, "rows", &r.rows);
    if (status == FET_OK) status = fet_alloc_zeroed(2 * n, sizeof *r.targets, "targets", &r.targets);
    if (status == FET_OK) status = fet_alloc_zeroed(n, sizeof *r.scores, "scores", &r.scores);
    r.guess = r.targets ? r.targets + n : NULL;
    if (status == FET_OK) status = score(rows, errors, folds, n_folds, n, seed, &r, model);
    for (int l = 0; l < FET_MODEL_LEVELS && status == FET_OK; l++)
        model->quantiles[l] = fet_conformal_quantile(r.scores, n, fet_model_levels[l]);
    fet_free(r.rows);
    fet_free(r.targets);
    fet_free(r.scores);
    return status;
}
