// SPDX-License-Identifier: Apache-2.0
/*
 * A trial whose quality somebody else's program says (job field `evaluate`): the candidate is written as ONNX beside a request in JSON, the
 * program runs (run/external.h), and the end of its stderr stays in the study. Files of a trial that failed stay too, so that it can be
 * tried by hand.
 *
 * An evaluator that trains may write the trained weights over those in the file, names and shapes as they are; where they are kept (base
 * and full), they are taken back, so that candidates inherit them and the front is written with them.
 *
 *   DIR/trials/SERIES-NUMBER-FIDELITY.onnx, .json, .stderr
 */
#ifndef FET_RUN_EVALUATE_EXTERNAL_H
#define FET_RUN_EVALUATE_EXTERNAL_H

#include "run/evaluate.h"
#include "run/external.h"

/* The kind of task that such a job has: it trains nothing, and its figures are called "quality". */
extern const fet_task_ops fet_task_external;

typedef struct fet_external_candidate {
    fet_graph *graph;       /* with numbers; takes the file's when the evaluator has trained them, see `take_back` */
    const fet_space *space; /* NULL: it is the base itself */
    const fet_genome *genome;
    double epochs;     /* the budget that the job has for this fidelity */
    const char *split; /* "val" or "test": what the quality is wanted on */
    bool take_back;    /* what the evaluator wrote over the model's weights is kept */
} fet_external_candidate;

/* Errors: those of fet_external_run. */
FET_MUST_CHECK fet_status fet_evaluate_external(const fet_workspace *workspace, const fet_trial *trial,
                                                const fet_external_candidate *candidate, fet_evaluate_progress progress, void *context,
                                                fet_external_result *out_result);

#endif
