// SPDX-License-Identifier: Apache-2.0
/*
 * One search of a study: a strategy, its space, and its trials in the store. What trial n is depends only on the results of trials up to n
 * - lookahead: exactly those are told before n is asked, however early later results arrive, so the number and speed of workers change
 * nothing. A resumed series replays its asks against what the store holds and refuses a store that disagrees.
 */
#ifndef FET_RUN_SERIES_H
#define FET_RUN_SERIES_H

#include "run/costs.h"
#include "run/workspace.h"
#include "search/searcher.h"

typedef struct fet_series fet_series;

/* Why a series ended. */
typedef enum fet_series_end { FET_SERIES_RUNNING = 0, FET_SERIES_TRIALS, FET_SERIES_EXHAUSTED, FET_SERIES_BUDGET } fet_series_end;

/* All borrowed. `base_cost`: the base's, for relative limits. */
FET_MUST_CHECK fet_status fet_series_create(fet_workspace *workspace, const fet_variant *variant, const fet_space *space, fet_costs *costs,
                                            const fet_candidate_cost *base_cost, fet_series **out_series);
void fet_series_destroy(fet_series *series);
FET_DEFINE_AUTO(fet_series);

/* Tells what is due and proposes what may be proposed, given the store's present state. */
FET_MUST_CHECK fet_status fet_series_advance(fet_series *series);
/* Up to n genomes that the search would begin with, without proposing any; the series is of no other use afterwards. */
FET_MUST_CHECK fet_status fet_series_preview(fet_series *series, uint32_t n, fet_genome *out_genomes, uint32_t *out_n);
/* No further proposals: the time budget is spent. What is proposed is still finished. */
FET_MUST_CHECK fet_status fet_series_close(fet_series *series);

bool fet_series_is_done(const fet_series *series); /* every trial asked is finished */
fet_series_end fet_series_ended(const fet_series *series);
uint32_t fet_series_n_finished(const fet_series *series);

/* One finished trial as the search saw it. */
typedef struct fet_series_trial {
    fet_genome genome;
    fet_candidate_cost cost;
    fet_result result;
    double quality; /* NAN: the trial failed */
    double finished_s;
} fet_series_trial;
/* [n_finished up to the first unfinished], in order; borrowed. */
const fet_series_trial *fet_series_trials(const fet_series *series, uint32_t *out_n);

#endif
