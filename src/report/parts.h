// SPDX-License-Identifier: Apache-2.0
/* The steps of fet_report_collect, each adding its part to a document that holds facts and trials. */
#ifndef FET_REPORT_PARTS_H
#define FET_REPORT_PARTS_H

#include "report/json.h"

#include <stdint.h>

enum { FET_REPORT_MAX_OBJECTIVES = 4 };

/* An objective of the document: how to read a trial's figure as something to be minimised. */
typedef struct fet_report_objective {
    const char *figure;
    double sign; /* -1: the figure is maximised */
} fet_report_objective;

/* `searches`, when it is missing: every series with trials of fidelity "short", in their order. */
FET_MUST_CHECK fet_status fet_report_add_searches(json_t *document);

/* Up to FET_REPORT_MAX_OBJECTIVES of `objectives`; 0 when there are none. */
uint32_t fet_report_objectives(const json_t *document, fet_report_objective objectives[FET_REPORT_MAX_OBJECTIVES]);

/* `front` of each trial and `hypervolume`. Nothing without objectives. */
FET_MUST_CHECK fet_status fet_report_add_front(json_t *document);

/* `fidelities`, when missing: short against full training of the same candidates. */
FET_MUST_CHECK fet_status fet_report_add_fidelities(json_t *document);

/* `spent`: totals over the trials, by series and fidelity. */
FET_MUST_CHECK fet_status fet_report_add_spent(json_t *document);

/* Rank correlations of n pairs; ties are taken into account (tau-b; mean ranks). 0 when one side is constant. */
void fet_report_rank_correlation(const double *a, const double *b, size_t n, double *out_kendall, double *out_spearman);

#endif
