// SPDX-License-Identifier: Apache-2.0
/*
 * A sum of regression trees, flat: each tree is stored complete to its depth, so that walking it is the same few steps whatever the row,
 * and several rows are walked at once. A row goes left where its feature is less than the node's threshold, as in XGBoost. Immutable after
 * create; thread-safe.
 */
#ifndef FET_ESTIMATE_TREES_H
#define FET_ESTIMATE_TREES_H

#include "base/alloc.h"

typedef struct fet_trees fet_trees;

enum { FET_TREES_MAX_DEPTH = 10, FET_TREES_MAX = 4000, FET_TREES_MAX_FEATURES = 256 };

/* A model as XGBoost writes it (JSON, booster gbtree, one output). `name` stands in messages. n_features: of each row. Errors: CORRUPT no
 * such model, or trees that are none; LIMIT too deep or too many; NOMEM. */
FET_MUST_CHECK fet_status fet_trees_parse(const char *name, const char *json, size_t bytes, uint32_t n_features, fet_trees **out_trees);
void fet_trees_destroy(fet_trees *trees);
FET_DEFINE_AUTO(fet_trees);

/* Column i of the model is feature to[i] of the rows from now on, which have n_features. */
void fet_trees_rename(fet_trees *trees, const uint32_t *to, uint32_t n_features);

uint32_t fet_trees_count(const fet_trees *trees);
/* rows[n][stride], finite; sums[n]: the leaves and the model's base score. No heap. */
void fet_trees_predict(const fet_trees *trees, const float *rows, size_t n, size_t stride, float *sums);

#endif
