// SPDX-License-Identifier: Apache-2.0
/*
 * What a trial's fidelity means: from a genome to figures and, for the dear ones, trained weights. One row a fidelity, in evaluate.c's
 * table. A trial's result is a pure function of (job, base weights, series, number, genome): it does not matter which worker runs it, nor
 * when.
 */
#ifndef FET_RUN_EVALUATE_H
#define FET_RUN_EVALUATE_H

#include "run/workspace.h"

enum { FET_EVALUATE_MAX_FIGURES = 32 };

/* Figures of a test: samples that it and the base were both tried on, those that it alone gets right, and those that the base alone does.
 */
#define FET_FIGURE_COMPARED "test_device_compared"
#define FET_FIGURE_ONLY_IT "test_device_only_it"
#define FET_FIGURE_ONLY_BASE "test_device_only_base"

typedef struct fet_evaluation {
    fet_figure figures[FET_EVALUATE_MAX_FIGURES];
    uint32_t n_figures;
    char *artifact; /* relative to the study's folder, heap, or NULL */
    void *names;    /* of figures that an evaluator named; heap, or NULL */
} fet_evaluation;
void fet_evaluation_clear(fet_evaluation *evaluation);

/* Training progress; false stops it: then the status is STATE and a checkpoint stays behind for the fidelities that keep one. */
typedef bool (*fet_evaluate_progress)(void *context, uint64_t done, uint64_t total, double loss, double images_per_s);

#define FET_FIDELITY_BASE "base"   /* fresh weights, base_epochs */
#define FET_FIDELITY_SHORT "short" /* inherited weights, short_epochs; no weights kept */
#define FET_FIDELITY_FULL "full"   /* inherited weights, full_epochs; weights kept */
#define FET_FIDELITY_TEST "test"   /* evaluates kept weights on the test split */

/* trial->parameters: {"variant": "V1"}; for "test" also "weights", and for "full" perhaps "teacher", numbers of the base that labels are
 * joined by: "trials/...". Errors are the trial's reason, except IO and NOMEM. */
FET_MUST_CHECK fet_status fet_evaluate(fet_workspace *workspace, const fet_trial *trial, fet_evaluate_progress progress, void *context,
                                       fet_evaluation *out_evaluation);

/* The candidate of a trial with the numbers of kept weights, e.g. for export. `arena` holds the graph; the caller destroys the graph, then
 * the arena. */
FET_MUST_CHECK fet_status fet_evaluate_load(fet_workspace *workspace, const char *variant, const char *genome, const char *weights,
                                            fet_arena *arena, fet_graph **out_graph);

#endif
