// SPDX-License-Identifier: Apache-2.0
/* The job that `fettle fit` runs, made from its options: a text that the user finds in the output folder, edits and runs again. */
#ifndef FET_CLI_FIT_JOB_H
#define FET_CLI_FIT_JOB_H

#include "cli/command.h"
#include "run/job.h"

typedef struct fet_fit_options {
    const char *model, *data, *output, *input, *mean, *std; /* output, input, mean, std: NULL when not given */
    const char *device, *precision, *budget;                /* budget: NULL when not given */
    const char *decisions;                                  /* "fuse,skip,width"; NULL: the job's default */
    fet_cli_texts targets;                                  /* "latency=-40%" */
    int64_t trials, finalists, seed, workers;               /* workers: 0, one a core */
    double epochs, full_epochs, margin;                     /* margin in points of accuracy */
} fet_fit_options;

/* Errors: ARG names option and value; NOT_FOUND model or data; what the job says of itself. */
FET_MUST_CHECK fet_status fet_fit_make_job(const fet_fit_options *options, fet_job **out_job);

#endif
