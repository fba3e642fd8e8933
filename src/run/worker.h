// SPDX-License-Identifier: Apache-2.0
/*
 * A worker: leases a trial from the study, evaluates it, reports, until the study is finished or it is told to stop. Any number may run, on
 * any machine that sees the folder; what a trial yields does not depend on who runs it.
 */
#ifndef FET_RUN_WORKER_H
#define FET_RUN_WORKER_H

#include "run/workspace.h"

typedef enum fet_worker_end { FET_WORKER_FINISHED = 0, FET_WORKER_INTERRUPTED } fet_worker_end;

typedef struct fet_worker_options {
    bool stay;      /* wait for work of a study that is not finished; false: end when there is none */
    double lease_s; /* default 600 */
    /* Asked often; true: give the trial back and end. */
    bool (*stopped)(void *context);
    /* Lines for whoever watches (may be NULL): "progress base 0 120 4000 0.51 2100", "done V1 3", "failed V1 3 reason". */
    void (*say)(void *context, const char *line);
    void *context;
} fet_worker_options;

fet_worker_options fet_worker_default_options(void);
FET_MUST_CHECK fet_status fet_worker_run(const char *dir, const fet_worker_options *options, fet_worker_end *out_end);

/* "host:pid:start": a name no other process ever has. Writes at most `bytes`. */
void fet_worker_owner_name(char *owner, size_t bytes);
/* True when `owner` is of this host and its process is gone. */
bool fet_worker_owner_is_dead(const char *owner);

#endif
