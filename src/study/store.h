// SPDX-License-Identifier: Apache-2.0
/*
 * What a store of studies must do. One const table of functions a kind ("sqlite", later "postgres"), in its own file, listed in
 * study/registry.c; every kind passes tests/study/test_conformance and test_processes. study.c has checked the arguments (nothing NULL, no
 * NaN, names not empty) before a table is called, so a store only stores. What each function promises stands in study/study.h.
 */
#ifndef FET_STUDY_STORE_H
#define FET_STUDY_STORE_H

#include "study/study.h"

/* A trial whose worker dies is tried once more: the second death is taken for the trial's own doing. */
enum { FET_STUDY_MAX_ATTEMPTS = 2 };

/* The outcome of a trial, DONE or FAILED. */
typedef struct fet_store_outcome {
    fet_trial_state state;
    const fet_figure *figures;
    uint32_t n_figures;
    const char *artifact, *reason;
    double cpu_s;
} fet_store_outcome;

typedef struct fet_store_ops {
    const char *name;   /* "sqlite" */
    const char *scheme; /* what a location of this store starts with, "postgresql://"; "": any path (the last of the registry) */
    const char *help;
    fet_status (*open)(const char *location, bool create, void **out_state);
    void (*remove)(const char *location);
    void (*close)(void *state);
    /* Called instead of close in a forked child that inherited the handle: frees nothing that the parent still uses. */
    void (*abandon)(void *state);
    fet_status (*set)(void *state, const char *name, const char *text);
    fet_status (*get)(void *state, const char *name, char **out_text);
    fet_status (*propose)(void *state, const char *series, uint32_t number, const char *fidelity, const char *genome,
                          const char *parameters);
    fet_status (*lease)(void *state, const char *owner, double seconds, fet_trials *out_trial, bool *out_found);
    fet_status (*renew)(void *state, const char *series, uint32_t number, const char *owner, double seconds);
    fet_status (*finish)(void *state, const char *series, uint32_t number, const char *owner, const fet_store_outcome *outcome);
    fet_status (*release)(void *state, const char *owner, bool blame, const char *reason);
    fet_status (*trials)(void *state, const char *series, fet_trials *out_trials);
    fet_status (*counts)(void *state, const char *series, uint32_t out_counts[FET_TRIAL_N_STATES]);
} fet_store_ops;

extern const fet_store_ops fet_store_sqlite;

extern const fet_store_ops *const fet_stores[]; /* NULL-terminated */
const fet_store_ops *fet_store_for(const char *location);

#endif
