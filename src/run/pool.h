// SPDX-License-Identifier: Apache-2.0
/*
 * The coordinator's own workers: child processes of this program (`fettle worker DIR --child`), one OpenMP thread each, started again when
 * they die. A worker killed from outside (SIGKILL, SIGTERM, SIGINT, SIGHUP) is nobody's fault; one that crashes blames its trial.
 */
#ifndef FET_RUN_POOL_H
#define FET_RUN_POOL_H

#include "study/study.h"

typedef struct fet_pool fet_pool;

/* `say` gets each line a worker prints (see worker.h). dir and study are borrowed. */
FET_MUST_CHECK fet_status fet_pool_start(const char *dir, fet_study *study, uint32_t n_workers,
                                         void (*say)(void *context, const char *line), void *context, fet_pool **out_pool);
/* Waits up to timeout_s for something to happen; passes lines on; buries and replaces the dead; every other second gives back what
 * other workers of this host had when they died. Errors: STATE when workers keep dying, with the last one's words. */
FET_MUST_CHECK fet_status fet_pool_pump(fet_pool *pool, double timeout_s);
/* Asks every worker to stop (SIGTERM), waits up to `grace_s`, kills the rest, gives their trials back. NULL is fine. */
void fet_pool_stop(fet_pool *pool, double grace_s);
uint32_t fet_pool_n_workers(const fet_pool *pool);

/* Gives back the leases of every dead process of this host; for a coordinator that starts on an old study. */
FET_MUST_CHECK fet_status fet_pool_release_dead(fet_study *study);

#endif
