// SPDX-License-Identifier: Apache-2.0
/*
 * The record of a search, and its queue: trials with genome, fidelity, state, figures, reason. Workers are processes; they lease trials
 * from the store and report; a dead worker's lease expires and the trial is tried once more, then failed with its reason. Nothing finished
 * is ever lost. One const table of functions a store (study/store.h), listed in study/registry.c ("sqlite"; later "postgres"). One handle a
 * process: a handle that crossed a fork refuses every call (STATE) and may only be closed. Thread-compatible. All strings are UTF-8.
 */
#ifndef FET_STUDY_STUDY_H
#define FET_STUDY_STUDY_H

#include "base/arena.h"

typedef enum fet_trial_state {
    FET_TRIAL_PROPOSED = 0,
    FET_TRIAL_LEASED,
    FET_TRIAL_DONE,
    FET_TRIAL_FAILED,
    FET_TRIAL_N_STATES
} fet_trial_state;

/* A named figure with its unit and where it came from. */
typedef struct fet_figure {
    const char *name; /* "val_accuracy", "latency", "peak_memory", "params" */
    double value;
    const char *unit;   /* "share", "ms", "bytes" */
    const char *source; /* "trained", "measured", "estimated", "planned" */
    double spread;      /* relative; 0 when exact */
} fet_figure;

typedef struct fet_trial {
    const char *series;     /* "base", "V1", "V2", "V3", ...: one search of the study */
    uint32_t number;        /* from 0 within the series */
    const char *fidelity;   /* "short", "full", "int8", "measured", ... */
    const char *genome;     /* printed; "" for none */
    const char *parameters; /* JSON for the worker */
    fet_trial_state state;
    uint32_t attempts;
    const char *owner;                                       /* of the lease: "host:pid:start" */
    double lease_until_s, proposed_s, started_s, finished_s; /* wall clock */
    double cpu_s;                                            /* processor seconds spent */
    const char *reason;                                      /* FAILED: why; else "" */
    const char *artifact;                                    /* path of weights relative to the study's folder, or "" */
    fet_figure *figures;
    uint32_t n_figures;
} fet_trial;

typedef struct fet_trials { /* strings and figures live in `arena` */
    fet_arena *arena;
    fet_trial *items;
    size_t count;
} fet_trials;
void fet_trials_clear(fet_trials *trials); /* frees all of it and leaves it empty; an empty one is fine */
/* `fet_auto_trials trials = {0};` is cleared on every return. The functions below overwrite it on success: clear it before the next call.
 */
#define fet_auto_trials __attribute__((cleanup(fet_trials_clear))) fet_trials

typedef struct fet_study fet_study;

/*
 * Creates or opens. Errors: NOT_FOUND, CORRUPT (names what is wrong), UNSUPPORTED (written by a newer fettle), IO. `create`: EXISTS when it
 * holds a study already; a failed create leaves no file behind.
 */
FET_MUST_CHECK fet_status fet_study_open(const char *path, bool create, fet_study **out_study);
/* Removes a study that nobody has open, whole or left half-made by a process that died; nothing happens where there is none. */
void fet_study_remove(const char *path);
void fet_study_close(fet_study *study);
static inline void fet_study_destroy(fet_study *study)
{
    fet_study_close(study);
}
FET_DEFINE_AUTO(fet_study);

/* Small named texts: the job as it was, seed, versions, machine. NOT_FOUND when not set. get: heap. */
FET_MUST_CHECK fet_status fet_study_set(fet_study *study, const char *name, const char *text);
FET_MUST_CHECK fet_status fet_study_get(fet_study *study, const char *name, char **out_text);

/*
 * Appends a trial (PROPOSED). EXISTS when (series, number) is there already with this fidelity and genome: resuming is proposing again.
 * STATE when it is there with another fidelity or genome: the job or the program has changed since.
 */
FET_MUST_CHECK fet_status fet_study_propose(fet_study *study, const char *series, uint32_t number, const char *fidelity, const char *genome,
                                            const char *parameters);
/*
 * The oldest proposed (or expired) trial becomes `owner`'s for `seconds`; *out_found false when there is none (then *out_trial is not
 * written). Atomic across processes. A lease counts an attempt; a trial whose second lease expires is failed, with the reason.
 */
FET_MUST_CHECK fet_status fet_study_lease(fet_study *study, const char *owner, double seconds, fet_trials *out_trial, bool *out_found);
/* Extends a lease; STATE when it was lost. */
FET_MUST_CHECK fet_status fet_study_renew(fet_study *study, const char *series, uint32_t number, const char *owner, double seconds);
/*
 * Reports the outcome. STATE when the lease was lost (then nothing changes): a trial is finished exactly once. A report that comes late,
 * but before anybody else got the trial, is welcome. ARG for a figure that is not a number.
 */
FET_MUST_CHECK fet_status fet_study_finish(fet_study *study, const char *series, uint32_t number, const char *owner,
                                           const fet_figure *figures, uint32_t n_figures, const char *artifact, double cpu_s);
FET_MUST_CHECK fet_status fet_study_fail(fet_study *study, const char *series, uint32_t number, const char *owner, const char *reason,
                                         double cpu_s);
/*
 * Gives back every lease of `owner` (it is known to be dead or it stops), and those of anybody that have expired. blame: the trial killed
 * it (a crash), which counts as an attempt: the second one fails the trial with `reason`. Without blame (kill -9 from outside, Ctrl-C, a
 * dead coordinator) the trial is simply proposed again and the attempt taken back. Leases that expire by time count as blamed.
 */
FET_MUST_CHECK fet_status fet_study_release(fet_study *study, const char *owner, bool blame, const char *reason);

/* All trials of a series (NULL: of all), by series and number. */
FET_MUST_CHECK fet_status fet_study_trials(fet_study *study, const char *series, fet_trials *out_trials);
/* How many trials of a series (NULL: of all) are in each state; cheap, for polling. */
FET_MUST_CHECK fet_status fet_study_counts(fet_study *study, const char *series, uint32_t out_counts[FET_TRIAL_N_STATES]);
double fet_trial_figure(const fet_trial *trial, const char *name, double otherwise); /* `otherwise`: when it has no such figure */
const char *fet_trial_state_name(fet_trial_state state);

#endif
