// SPDX-License-Identifier: Apache-2.0
/*
 * Which candidates of a search are worth a long training, and which of the trained ones is its answer. Pure functions of results, so that a
 * resumed study makes the same choice.
 */
#ifndef FET_RUN_FINALISTS_H
#define FET_RUN_FINALISTS_H

#include "run/series.h"

/*
 * Up to `k` members of the front (quality against latency) of the feasible trials (of the least infeasible, when none is feasible) that are
 * faster than `latency_limit_ms`, the base (when none is faster, of all). Of the part of the front that a long training may bring to the
 * base's quality, quality >= best - tolerance, they are spread evenly over the accurate end: always the most accurate, the very fastest
 * last of all. Fastest first; of trials with equal figures the first counts. out_index[k]: positions in `trials`. Errors: NOT_FOUND when
 * every trial failed.
 */
FET_MUST_CHECK fet_status fet_finalists_choose(const fet_series_trial *trials, uint32_t n, uint32_t k, double latency_limit_ms,
                                               double tolerance, uint32_t *out_index, uint32_t *out_n);

/* A trained candidate as far as the choice is concerned. */
typedef struct fet_finalist_figures {
    double quality; /* NAN: failed */
    double latency_ms;
} fet_finalist_figures;

/* The fastest whose quality is at least `bar`; when none reaches it, the best in quality. n >= 1; FET_NONE when all failed. */
uint32_t fet_finalists_winner(const fet_finalist_figures *figures, uint32_t n, double bar);

#endif
