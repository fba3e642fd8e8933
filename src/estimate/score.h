// SPDX-License-Identifier: Apache-2.0
/* How good estimates are: of a list of them, and of an estimator by splits of its data, kernels that it had not seen. */
#ifndef FET_ESTIMATE_SCORE_H
#define FET_ESTIMATE_SCORE_H

#include "estimate/estimate.h"
#include "estimate/family.h"

typedef struct fet_score {
    double within_5, within_10; /* shares of kernels that are estimated to within 5 and 10 % */
    double mape, rmspe;         /* mean absolute, root mean square relative error */
    double spearman;            /* rank correlation; NAN for fewer than 3 kernels, or where all are alike */
    double covered;             /* share inside of the interval */
} fet_score;

/* n >= 1. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_score_of(const fet_estimate *estimates, const double *measured_ms, size_t n, fet_score *out_score);

typedef struct fet_score_splits {
    fet_score mean, sd; /* over the splits that had kernels of the family; sd NAN with one */
    uint32_t n;         /* kernels */
    uint32_t splits;    /* that had any */
    uint32_t without;   /* estimates that no model could give, over all splits */
} fet_score_splits;

/* One kernel that was left out in the first split; what a picture shows. */
typedef struct fet_score_point {
    fet_family family;
    double measured_ms;
    fet_estimate estimate;
} fet_score_point;

typedef struct fet_scores {
    fet_score_splits family[FET_FAMILY_COUNT], all;
    fet_score_point *points; /* heap */
    size_t n_points;
} fet_scores;

void fet_scores_clear(fet_scores *scores);

/*
 * `splits` times: four fifths of the samples, drawn anew, fit an estimator with these options, and the rest is estimated (what lies outside
 * of the range too). progress may be NULL; false stops (STATE). Errors: those of fet_estimator_fit. Cost: a fit a split.
 */
typedef bool (*fet_score_progress)(void *context, size_t done, size_t total);
FET_MUST_CHECK fet_status fet_score_by_splits(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n,
                                              uint32_t splits, fet_score_progress progress, void *context, fet_scores *out_scores);

#endif
