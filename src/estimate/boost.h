// SPDX-License-Identifier: Apache-2.0
/* Trains regression trees through XGBoost's C API: one thread, one seed, so the same rows give the same model. */
#ifndef FET_ESTIMATE_BOOST_H
#define FET_ESTIMATE_BOOST_H

#include "estimate/trees.h"

typedef struct fet_boost_options {
    uint32_t trees, depth;
    double learning_rate, subsample, column_share, min_child, lambda;
    uint64_t seed;
} fet_boost_options;

/*
 * rows[n][n_features] of finite numbers, targets[n], weights[n] (NULL: 1 each). *out_json: the model as XGBoost writes it, heap,
 * `out_bytes` without the zero behind it. Errors: STATE with XGBoost's message; NOMEM.
 */
FET_MUST_CHECK fet_status fet_boost_fit(const fet_boost_options *options, const float *rows, size_t n, uint32_t n_features,
                                        const float *targets, const float *weights, char **out_json, size_t *out_bytes);
/* XGBoost's own predictions of such a model; what the flat trees are tested against. */
FET_MUST_CHECK fet_status fet_boost_predict(const char *json, size_t bytes, const float *rows, size_t n, uint32_t n_features, float *out);

#endif
