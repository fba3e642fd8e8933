// SPDX-License-Identifier: Apache-2.0
/*
 * A study's folder, opened: its job, its base network (with numbers once the base is trained), one search space a variant, the data.
 * Coordinator and workers open the same folder and see the same things; nothing here depends on which of them it is.
 *
 *   DIR/study.sqlite     trials, and the job as text
 *   DIR/job.yaml         the completed job, to read, edit and run again
 *   DIR/base.onnx        the network that the job names, as it was when the study began; not for a template
 *   DIR/trials/SERIES-NUMBER.safetensors, .checkpoint, base-0.importance (run/importance.h)
 *   DIR/front/NAME.onnx, front.csv, report.html     written at the end
 */
#ifndef FET_RUN_WORKSPACE_H
#define FET_RUN_WORKSPACE_H

#include "engine/refit.h"
#include "run/job.h"
#include "study/study.h"

#define FET_SERIES_BASE "base"         /* the base network's own training: one trial */
#define FET_SERIES_BASELINE "baseline" /* the base's genome at the fidelities of the candidates, for a fair comparison */
#define FET_SERIES_FINALISTS "finalists"
#define FET_SERIES_TEST "test" /* the final table's rows, evaluated once on the test split */

typedef struct fet_workspace {
    char *dir;
    fet_study *study;
    fet_job *job;
    fet_graph *base; /* a template has numbers only when base_trained */
    bool base_trained;
    fet_space *spaces[FET_JOB_MAX_VARIANTS]; /* by index of job->variants; made by fet_workspace_spaces */
    fet_space *whole_space; /* every kind of decision: what the baseline's genome and the kernels to measure are drawn from */
    fet_refit *fit;         /* what the base computes on the images of a linear fit; NULL until a candidate asks for it */
    fet_dataset *dataset;   /* NULL until fet_workspace_data */
} fet_workspace;

/* Opens DIR's study. Errors: NOT_FOUND, CORRUPT. */
FET_MUST_CHECK fet_status fet_workspace_open(const char *dir, fet_workspace **out_workspace);
/* Makes DIR and a new study in it holding `job_text`. EXISTS when there is one. */
FET_MUST_CHECK fet_status fet_workspace_create(const char *dir, const fet_job *job);
void fet_workspace_destroy(fet_workspace *workspace);
FET_DEFINE_AUTO(fet_workspace);

FET_MUST_CHECK fet_status fet_workspace_data(fet_workspace *workspace);
/* Whether the job's data can be read and fit its base network, before anything is made. */
FET_MUST_CHECK fet_status fet_workspace_check(const fet_job *job);
/* Reads the trained base's numbers if its trial is done and they are not read yet; makes the spaces anew from it. */
FET_MUST_CHECK fet_status fet_workspace_base(fet_workspace *workspace);
/* Makes the spaces from the base as it stands, for the parallelism of the job's device (curation). */
FET_MUST_CHECK fet_status fet_workspace_spaces(fet_workspace *workspace);

/* The space of a job's decisions over its base (borrowed): whether block forms and whether widths are searched says the variant. */
FET_MUST_CHECK fet_status fet_job_space(const fet_job *job, const fet_graph *base, const fet_parallelism *parallelism, bool block_form,
                                        bool width, fet_space **out_space);
/* What its variants search, taken together. */
void fet_job_searches(const fet_job *job, bool *out_block_form, bool *out_width);

/* The space of a variant by name; the whole space for "baseline". NOT_FOUND otherwise. */
FET_MUST_CHECK fet_status fet_workspace_space(fet_workspace *workspace, const char *variant, const fet_space **out_space);

/* "DIR/<format...>" on the heap. */
FET_MUST_CHECK fet_status fet_workspace_path(const fet_workspace *workspace, char **out_path, const char *format, ...) FET_PRINTF(3, 4);

#endif
