// SPDX-License-Identifier: Apache-2.0
/*
 * What a value of genomes is likely to be, learned from a few: regression by a Gaussian process (rasmussen2006gaussian, chapter 2).
 * Two genomes are alike as far as their decisions agree (one at a time, and all together), and as what is known of them agrees (features:
 * logarithms of MACs, of parameters). How much each of these says, and how noisy the values are, is what makes the values seen likeliest.
 * Thread-compatible; deterministic.
 */
#ifndef FET_SEARCH_GAUSSIAN_PROCESS_H
#define FET_SEARCH_GAUSSIAN_PROCESS_H

#include "search/searcher.h"

typedef struct fet_gp_point {
    fet_genome genome;
    double feature[FET_SEARCH_MAX_FEATURES];
} fet_gp_point;

/* Shares of the variance, a length in decisions, and the noise's variance as a share of the signal's. All zero: not chosen yet. */
typedef struct fet_gp_kernel {
    double features, single, joint, length, noise;
} fet_gp_kernel;

typedef struct fet_gp fet_gp; /* borrows the encoding */

/*
 * values[n] of points[n], n >= 2; values far below or above most (a training that failed) are drawn in. *kernel is chosen anew where it is
 * all zero, and used as it is otherwise. Cost: n^3 / 3, some dozens of times when the kernel is chosen. Errors: ARG, NOMEM.
 */
FET_MUST_CHECK fet_status fet_gp_create(const fet_encoding *encoding, uint32_t n_features, const fet_gp_point *points, const double *values,
                                        uint32_t n, fet_gp_kernel *kernel, fet_gp **out_gp);
void fet_gp_destroy(fet_gp *gp);
FET_DEFINE_AUTO(fet_gp);

/* Of each point, the value expected (without noise) and its standard deviation. Cost: n^2 a point. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_gp_predict(const fet_gp *gp, const fet_gp_point *points, uint32_t n_points, double *mean, double *deviation);

/* means[n]: what is expected at the very points whose values were seen: the values without the noise of each. n >= 2. Errors: ARG, NOMEM.
 */
FET_MUST_CHECK fet_status fet_gp_smooth(const fet_encoding *encoding, uint32_t n_features, const fet_gp_point *points, const double *values,
                                        uint32_t n, double *means);

#endif
