// SPDX-License-Identifier: Apache-2.0
/* What the phases of a search share. Only src/run/search*.c and results.c include it. */
#ifndef FET_RUN_SEARCH_INTERNAL_H
#define FET_RUN_SEARCH_INTERNAL_H

#include "run/costs.h"
#include "run/pool.h"
#include "run/search.h"
#include "run/series.h"
#include "run/whole_known.h"

/* The final table's rows: the baseline and each variant's answer. */
enum { FET_MAX_ROWS = FET_JOB_MAX_VARIANTS + 1, FET_MAX_FINALISTS = 64 };

typedef struct fet_finalist {
    char variant[32]; /* "baseline", "V1", ... */
    char genome[FET_GENOME_TEXT_BYTES];
    char weights[256]; /* relative to the folder; "" when the training failed */
    char file[256];    /* front/NAME.onnx, "" until it is written */
    fet_candidate_cost cost;
    double val, val_device;              /* NAN: failed */
    double val_error;                    /* standard error of val_device; 0: not known */
    double expected;                     /* val_device as the search expects it of a short training; NAN: the baseline's */
    double measured_ms, measured_spread; /* whole network, of the device's source; NAN: not measured */
    double test, test_device, test_device_low, test_device_high, test_low, test_high; /* NAN: not a row of the table */
    double compared, only_it, only_base; /* samples of test: tried on both, right by it or by the base alone; NAN: no row */
    bool on_front;                       /* of val_device against latency among all finalists */
} fet_finalist;

typedef struct fet_search {
    const fet_job *job; /* the workspace's */
    const fet_search_options *options;
    fet_workspace *workspace;
    fet_device *device;
    fet_pool *pool;
    fet_costs *whole_costs;
    fet_costs *costs[FET_JOB_MAX_VARIANTS];
    fet_series *series[FET_JOB_MAX_VARIANTS];
    fet_series_trial *candidates[FET_JOB_MAX_VARIANTS]; /* the series' trials; limits as measured, where they were measured whole */
    uint32_t n_candidates[FET_JOB_MAX_VARIANTS];
    fet_candidate_cost base_cost;
    fet_between between;                       /* set before anything is costed */
    fet_finalist finalists[FET_MAX_FINALISTS]; /* [0] is the baseline */
    uint32_t n_finalists;
    char teacher[256];           /* weights of the base that finalists learn from, relative to the folder; "": labels alone */
    uint32_t rows[FET_MAX_ROWS]; /* finalists of the table: baseline, then one a variant */
    uint32_t n_rows;
    uint32_t chosen; /* a finalist: the network to take */
    double started_s;
    /* Progress: units of work are epochs of training. */
    double units_total, units_done;
    double in_flight[64]; /* per worker line: share of its trial */
    char in_flight_trial[64][64];
    const char *phase;
    bool stopped;
} fet_search;

bool fet_search_is_stopped(fet_search *search);
void fet_search_news(fet_search *search, const char *format, ...) FET_PRINTF(2, 3);
void fet_search_progress(fet_search *search, const char *format, ...) FET_PRINTF(2, 3);

/* Counts what is finished, for the progress; *out_open: trials of `series` (may be NULL) not finished. */
FET_MUST_CHECK fet_status fet_search_look(fet_search *search, const char *series, uint32_t *out_open);
/* Waits until every trial of `series` is finished or the search is stopped. */
FET_MUST_CHECK fet_status fet_search_wait(fet_search *search, const char *series);
/* Proposes unless it is there already. */
FET_MUST_CHECK fet_status fet_search_propose(fet_search *search, const char *series, uint32_t number, const char *fidelity,
                                             const char *genome, const char *parameters);

/* Which multiples of channels the space offers; before any space is made. OK when the search is stopped meanwhile. */
FET_MUST_CHECK fet_status fet_search_curate(fet_search *search); /* search_curate.c */

/* What stands between kernels on a measured device, learned or read; once the kernels are known. OK when stopped meanwhile. */
FET_MUST_CHECK fet_status fet_search_between(fet_search *search); /* search_between.c */

/* Whether a limit is on a latency that can be measured. */
bool fet_search_measures_limits(const fet_search *search); /* search_measure.c */
/* A network to measure. */
typedef struct fet_search_network {
    fet_costs *costs; /* of its space */
    fet_genome genome;
    uint64_t hash; /* of its costs */
} fet_search_network;
/* Those not known yet, in turns with the base; *known (to clear) has them all, and is kept. OK when stopped meanwhile, without some. */
FET_MUST_CHECK fet_status fet_search_measure_whole(fet_search *search, const fet_search_network *networks, uint32_t n,
                                                   fet_whole_known *known);
/* How networks near a limit come out by what is predicted of them, for the costs of all variants; before a series is made. OK when stopped
 * meanwhile. */
FET_MUST_CHECK fet_status fet_search_limits(fet_search *search); /* search_limits.c */

/* The series' trials as candidates for a long training, those that may become finalists measured whole; quick when a resumed study has
 * them. OK when stopped meanwhile. */
FET_MUST_CHECK fet_status fet_search_candidates(fet_search *search); /* search_whole.c */

/* What the base reached after a long training, less half the margin. */
double fet_search_quality_bar(const fet_search *search); /* search_finalists.c */

/* Phases; each returns at once with OK when the search is stopped. */
FET_MUST_CHECK fet_status fet_search_phase_base(fet_search *search);
FET_MUST_CHECK fet_status fet_search_phase_series(fet_search *search);
FET_MUST_CHECK fet_status fet_search_phase_finalists(fet_search *search); /* search_finalists.c */
FET_MUST_CHECK fet_status fet_search_phase_networks(fet_search *search);  /* search_final.c: export, measure whole */
FET_MUST_CHECK fet_status fet_search_phase_test(fet_search *search);
FET_MUST_CHECK fet_status fet_search_phase_report(fet_search *search); /* results.c */

#endif
