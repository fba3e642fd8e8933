// SPDX-License-Identifier: Apache-2.0
/* What the files that read a job's sections share: job.c, job_base.c (the base network), job_evaluate.c (an evaluator of
 * somebody else's), job_quantise.c (int8, and what stays out of it), job_space.c (decisions, locks, variants). */
#ifndef FET_RUN_JOB_READER_H
#define FET_RUN_JOB_READER_H

#include "run/job_raw.h"
#include "run/job_value.h"

typedef struct fet_job_reader {
    fet_job_yaml yaml;
    fet_job *job;
    fet_arena *arena;
    const char *folder; /* of the job file, absolute */
    bool from_file;     /* a user's file: what it names is looked at; false: a study's text, which holds what was found then */
} fet_job_reader;

/* A path of the file, relative to it; absolute in the job, so that it means the same wherever the job's text is read again. */
FET_MUST_CHECK fet_status fet_job_keep_path(fet_job_reader *r, const char *text, const char **out_path);

FET_MUST_CHECK fet_status fet_job_read_evaluate(fet_job_reader *r);
FET_MUST_CHECK fet_status fet_job_read_base(fet_job_reader *r);
FET_MUST_CHECK fet_status fet_job_read_quantise(fet_job_reader *r);
/* What {precision: blocks} allows: `field` asks for it, `options` is the path of its list or NULL. Errors: a device that does not have
 * both, too. */
FET_MUST_CHECK fet_status fet_job_read_precisions(fet_job_reader *r, const char *field, const char *options);
FET_MUST_CHECK fet_status fet_job_read_space(fet_job_reader *r);
FET_MUST_CHECK fet_status fet_job_read_variants(fet_job_reader *r);

#endif
