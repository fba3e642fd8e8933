// SPDX-License-Identifier: Apache-2.0
/*
 * Intervals that hold the truth as often as they say, from the errors of predictions made by models that had not seen the kernel
 * (cross-conformal). Scores are |error| / difficulty, where a small model says how difficult a kernel is, if there are enough to learn it.
 */
#ifndef FET_ESTIMATE_CONFORMAL_H
#define FET_ESTIMATE_CONFORMAL_H

#include "estimate/model.h"

/* The ceil((n + 1) coverage)-th smallest of n scores, which are sorted; where there is no such one, twice the largest. n >= 1. */
double fet_conformal_quantile(double *scores, size_t n, double coverage);

/*
 * rows[n][FET_FEATURE_COUNT], errors[n] (logarithms, of unseen kernels), folds[n]: which of n_folds left a kernel out. Fills difficulty and
 * quantiles of `model`. Errors: those of fet_boost_fit.
 */
FET_MUST_CHECK fet_status fet_conformal_fit(const float *rows, const double *errors, const uint32_t *folds, uint32_t n_folds, size_t n,
                                            uint64_t seed, fet_model *model);

#endif
