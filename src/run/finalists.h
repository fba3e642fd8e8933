// SPDX-License-Identifier: Apache-2.0
/*
 * Which candidates of a search are worth a long training, and which of the trained ones is its answer. Pure functions of results, so that a
 * resumed study makes the same choice.
 */
#ifndef FET_RUN_FINALISTS_H
#define FET_RUN_FINALISTS_H

#include "run/series.h"

/* What makes a trial worth looking at. */
typedef struct fet_finalists_wanted {
    double latency_limit_ms; /* the base's */
    double tolerance;        /* how far below the best short quality a long training may still bring to the base's */
    bool prefers_quality;
} fet_finalists_wanted;

/*
 * Up to `k` members of the front (quality against latency) of the feasible trials (of the least infeasible, when none is feasible) that are
 * faster than the base (when none is faster, of all). Of the part of the front that a long training may bring to the base's quality,
 * quality >= best - tolerance, they are spread evenly over the accurate end: always the most accurate, the very fastest last of all. Who
 * prefers quality gets the k most accurate usable trials instead, on the front or not. Fastest first; of trials with equal figures the
 * first counts. out_index[k]: positions in `trials`. Errors: NOT_FOUND when every trial failed.
 */
FET_MUST_CHECK fet_status fet_finalists_choose(const fet_series_trial *trials, uint32_t n, uint32_t k, const fet_finalists_wanted *wanted,
                                               uint32_t *out_index, uint32_t *out_n);

/* What is known of a trial after the finalists' training. */
typedef enum fet_finalist_state { FET_FINALIST_UNTRAINED, FET_FINALIST_MISSED, FET_FINALIST_REACHED } fet_finalist_state;

/*
 * The next trial of the front to train, by bisection: half way between the fastest that reached the base's quality and the next faster one
 * that missed it (else the end of the front). *out_index: FET_NONE when none reached it, or nothing is left between. states[n].
 */
FET_MUST_CHECK fet_status fet_finalists_refine(const fet_series_trial *trials, uint32_t n, const fet_finalist_state *states,
                                               const fet_finalists_wanted *wanted, uint32_t *out_index);

/* A trained candidate as far as the choice is concerned. */
typedef struct fet_finalist_figures {
    double quality; /* NAN: failed */
    double latency_ms;
    double expected; /* its quality as the search expected it before it was trained long; of who prefers quality */
} fet_finalist_figures;

/* The fastest whose quality is at least `bar`; when none reaches it, the best in quality. n >= 1; FET_NONE when all failed. */
uint32_t fet_finalists_winner(const fet_finalist_figures *figures, uint32_t n, double bar);

/*
 * For who prefers quality: of those within `error` of the best in quality, which a few hundred samples cannot tell apart, the one of which
 * most is expected; of equal ones the better. `error`: standard error of a quality, 0 where there is none. FET_NONE when all failed.
 */
uint32_t fet_finalists_best(const fet_finalist_figures *figures, uint32_t n, double error);

#endif
