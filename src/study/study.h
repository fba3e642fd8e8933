// SPDX-License-Identifier: Apache-2.0
/*
 * The record of a search, and its queue: trials with genome, fidelity, state, figures, reason. Workers are processes; they lease trials from the store and
 * report; a dead worker's lease expires and the trial is tried once more, then failed with its reason. Nothing finished is ever lost.
 * One const table of functions a store, listed in study/registry.c ("sqlite"; later "postgres"). One handle a process.
 */
#ifndef FET_STUDY_STUDY_H
#define FET_STUDY_STUDY_H

#include "space/space.h"

typedef enum fet_trial_state { FET_TRIAL_PROPOSED = 0, FET_TRIAL_LEASED, FET_TRIAL_DONE, FET_TRIAL_FAILED } fet_trial_state;

/* A named figure with its unit and where it came from. */
typedef struct fet_figure {
    const char *name;   /* "val_accuracy", "latency", "peak_memory", "params" */
    double value;
    const char *unit;   /* "share", "ms", "bytes" */
    const char *source; /* "trained", "measured", "estimated", "planned" */
    double spread;      /* relative; 0 when exact */
} fet_figure;

typedef struct fet_trial {
    const char *series;   /* "base", "V1", "V2", "V3", ...: one search of the study */
    uint32_t number;      /* from 0 within the series */
    const char *fidelity; /* "short", "full", "int8", "measured", ... */
    const char *genome;   /* printed; "" for none */
    const char *parameters; /* JSON for the worker */
    fet_trial_state state;
    uint32_t attempts;
    const char *owner;    /* of the lease: "host:pid:start" */
    double lease_until_s, proposed_s, started_s, finished_s; /* wall clock */
    double cpu_s;         /* processor seconds spent */
    const char *reason;   /* FAILED: why; else "" */
    const char *artifact; /* path of weights relative to the study's folder, or "" */
    fet_figure *figures;
    uint32_t n_figures;
} fet_trial;

typedef struct fet_trials { /* strings and figures live in `arena` */
    fet_arena *arena;
    fet_trial *items;
    size_t count;
} fet_trials;
void fet_trials_clear(fet_trials *trials);

typedef struct fet_study fet_study;

/* Creates or opens. Errors: NOT_FOUND, CORRUPT (names what is wrong), IO. `create`: EXISTS when it holds a study already. */
FET_MUST_CHECK fet_status fet_study_open(const char *path, bool create, fet_study **out_study);
void fet_study_close(fet_study *study);
static inline void fet_study_destroy(fet_study *study)
{
    fet_study_close(study);
}
FET_DEFINE_AUTO(fet_study);

/* Small named texts: the job as it was, seed, versions, machine. NOT_FOUND when not set. get: heap. */
FET_MUST_CHECK fet_status fet_study_set(fet_study *study, const char *name, const char *text);
FET_MUST_CHECK fet_status fet_study_get(fet_study *study, const char *name, char **out_text);

/* Appends a trial (PROPOSED). EXISTS when (series, number) is there already: resuming is proposing again. */
FET_MUST_CHECK fet_status fet_study_propose(fet_study *study, const char *series, uint32_t number, const char *fidelity, const char *genome,
                                            const char *parameters);
/* The oldest proposed (or expired) trial becomes `owner`'s for `seconds`; *out_found false when there is none. trials holds it. Atomic across processes. */
FET_MUST_CHECK fet_status fet_study_lease(fet_study *study, const char *owner, double seconds, fet_trials *out_trial, bool *out_found);
/* Extends a lease; STATE when it was lost. */
FET_MUST_CHECK fet_status fet_study_renew(fet_study *study, const char *series, uint32_t number, const char *owner, double seconds);
/* Reports the outcome. STATE when the lease was lost (then nothing changes): a trial is finished exactly once. */
FET_MUST_CHECK fet_status fet_study_finish(fet_study *study, const char *series, uint32_t number, const char *owner, const fet_figure *figures,
                                           uint32_t n_figures, const char *artifact, double cpu_s);
FET_MUST_CHECK fet_status fet_study_fail(fet_study *study, const char *series, uint32_t number, const char *owner, const char *reason, double cpu_s);
/*
 * Gives back every lease of `owner` (it is known to be dead or it stops). blame: the trial killed it (a crash), which counts as an attempt: the second one
 * fails the trial with `reason`. Without blame (kill -9 from outside, Ctrl-C, a dead coordinator) the trial is simply proposed again.
 * Leases that expire by time count as blamed.
 */
FET_MUST_CHECK fet_status fet_study_release(fet_study *study, const char *owner, bool blame, const char *reason);

/* All trials of a series (NULL: of all), by series and number. */
FET_MUST_CHECK fet_status fet_study_trials(fet_study *study, const char *series, fet_trials *out_trials);
double fet_trial_figure(const fet_trial *trial, const char *name, double otherwise);
const char *fet_trial_state_name(fet_trial_state state);

#endif
