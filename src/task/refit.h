// SPDX-License-Identifier: Apache-2.0
/* The start of a candidate by linear fit to its base (engine/refit.h), on images of the train split. */
#ifndef FET_TASK_REFIT_H
#define FET_TASK_REFIT_H

#include "data/dataset.h"
#include "engine/refit.h"

typedef struct fet_task_refit_options {
    uint32_t images; /* default 128, at most the split */
    uint64_t seed;   /* of the images and the places */
    fet_refit_options fit;
} fet_task_refit_options;

fet_task_refit_options fet_task_refit_default_options(void);

/*
 * Fits `graph` (derived from `base`, with numbers) to `base`. Each sees the same images, in the size of its input. *kept (NULL at first)
 * holds what the base computed, for the next candidates of the same base, data and options; the caller destroys it. out_result may be
 * NULL. Errors: SHAPE when a network does not fit the data; NOMEM.
 */
FET_MUST_CHECK fet_status fet_task_refit(fet_graph *graph, const fet_graph *base, const fet_dataset *dataset,
                                         const fet_task_refit_options *options, fet_refit **kept, fet_refit_result *out_result);

#endif
