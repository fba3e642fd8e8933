// SPDX-License-Identifier: Apache-2.0
/*
 * Adaptive rounds: an estimator is fitted to what is known, names the kernels that would teach it most, they are measured, and it is fitted
 * again, until the rounds are made, the error is small enough or the time is up. Half of a round are kernels that networks have, those
 * whose uncertainty costs the networks most (how often they are met, times latency, times the interval); half are neighbours of measured
 * ones (estimate/suggest.h). The error is that of the plan's kernels that networks have, a third of them left out at a time, with all
 * others known: the same kernels in every round.
 *
 * What was asked and found stands in a file, so a killed run goes on in the midst of its round, and a finished one is shown.
 */
#ifndef FET_DEVICE_KIT_ADAPT_H
#define FET_DEVICE_KIT_ADAPT_H

#include "device/kit/measure.h"
#include "device/kit/samples.h"

enum { FET_KIT_ROUNDS_MAX = 50, FET_KIT_BATCH_MAX = 2000 };

typedef struct fet_kit_round {
    uint32_t known;                   /* kernels that were fitted to, but for those left out */
    double mape, weighted, within_10; /* weighted: by how often networks have a kernel, and its latency */
    double half_width;                /* the median interval's, relative */
} fet_kit_round;

typedef enum fet_kit_adapt_end {
    FET_KIT_ADAPT_DONE = 0, /* all rounds were made */
    FET_KIT_ADAPT_REACHED,  /* the error is small enough */
    FET_KIT_ADAPT_DRY,      /* nothing is left to ask for */
    FET_KIT_ADAPT_BUDGET,
    FET_KIT_ADAPT_STOPPED
} fet_kit_adapt_end;
const char *fet_kit_adapt_end_name(fet_kit_adapt_end end); /* "done", "reached", "nothing left", "budget", "stopped" */

typedef struct fet_kit_adapted {
    fet_kit_round rounds[FET_KIT_ROUNDS_MAX + 1]; /* 0: before the first one */
    uint32_t n;
    fet_kernel_key *asked; /* of round n, which is being measured; heap */
    uint32_t n_asked;
    uint32_t measured, failed; /* in this run */
    double seconds;            /* likewise */
    fet_kit_adapt_end end;
} fet_kit_adapted;
void fet_kit_adapted_clear(fet_kit_adapted *adapted);

typedef struct fet_kit_adapt_options {
    uint32_t rounds;  /* 1 to FET_KIT_ROUNDS_MAX; default 4 */
    uint32_t batch;   /* kernels a round, 1 to FET_KIT_BATCH_MAX; default 50 */
    double until;     /* mean error at which it ends; default 0: never */
    double budget_s;  /* default 0: none */
    uint64_t seed;    /* default 1 */
    const char *path; /* of the file; borrowed; NULL: nothing is kept */
} fet_kit_adapt_options;
fet_kit_adapt_options fet_kit_adapt_default_options(void);

/* Called before each kernel and each fit; false stops. done and total count kernels, or fits, of this round. */
typedef bool (*fet_kit_adapt_progress)(void *context, uint32_t round, bool fits, size_t done, size_t total);

/*
 * plan: measured as far as possible; pool: what networks have. progress may be NULL. Errors: ARG an option out of range, fewer than 30 of
 * the plan's kernels known; the device's; the file's (CORRUPT names the line).
 */
FET_MUST_CHECK fet_status fet_kit_adapt(fet_device *device, const fet_kit_pool *pool, const fet_kit_plan *plan,
                                        const fet_kit_adapt_options *options, fet_kit_adapt_progress progress, void *context,
                                        fet_kit_adapted *out_adapted);

/* The file. Reading one of another plan, or none, gives no rounds. `name` stands in messages. */
FET_MUST_CHECK fet_status fet_kit_adapt_read(const char *path, uint64_t plan, fet_kit_adapted *out_adapted);
FET_MUST_CHECK fet_status fet_kit_adapt_parse(const char *name, const char *text, uint64_t plan, fet_kit_adapted *out_adapted);
FET_MUST_CHECK fet_status fet_kit_adapt_write(const char *path, uint64_t plan, const fet_kit_adapted *adapted);

#endif
