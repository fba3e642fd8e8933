// SPDX-License-Identifier: Apache-2.0
/*
 * The main job, end to end: train the base, measure kernels, run the job's searches side by side, train the finalists, measure the best
 * whole, evaluate the final table's rows once on the test split, write networks, table and report. Everything decided is in the study
 * first, so the process may die at any point and be resumed.
 */
#ifndef FET_RUN_SEARCH_H
#define FET_RUN_SEARCH_H

#include "run/workspace.h"

typedef enum fet_search_end { FET_SEARCH_FINISHED = 0, FET_SEARCH_INTERRUPTED } fet_search_end;

/* What happens, for whoever shows it. */
typedef struct fet_search_event {
    const char *phase; /* "base", "measure", "search", "finalists", "networks", "test", "report" */
    const char *text;  /* one line: what just happened or is happening */
    bool is_news;      /* worth a line of its own; else a state of progress that replaces the last one */
    double share;      /* of the whole job done, 0..1 */
} fet_search_event;

typedef struct fet_search_options {
    bool resume;      /* the folder holds a study to go on with */
    uint32_t workers; /* 0: as the job says */
    bool (*stopped)(void *context);
    void (*on_event)(void *context, const fet_search_event *event);
    void *context;
} fet_search_options;

/* Runs the job into job->output. Errors: EXISTS names the folder when it holds a study and resume is false. */
FET_MUST_CHECK fet_status fet_search_run(const fet_job *job, const fet_search_options *options, fet_search_end *out_end);

#endif
