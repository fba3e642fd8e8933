// SPDX-License-Identifier: Apache-2.0
/* Which channels the data say are needed: the first-order scores of rewrite/importance.h on batches of the train split. */
#ifndef FET_TASK_TAYLOR_H
#define FET_TASK_TAYLOR_H

#include "data/dataset.h"
#include "rewrite/importance.h"

typedef struct fet_taylor_options {
    uint32_t batches, batch; /* default 64 of 8: many small ones, for it is each batch's sum that is squared */
    /*
     * true: what the cross-entropy of the labels would change. false: what the outputs would, squared: a random sign for each output number
     * stands in for the loss (Hutchinson's estimator), each output by its own size. A network that others imitate has no loss of its own.
     */
    bool labels;
    uint64_t seed; /* of the samples and the signs */
} fet_taylor_options;

fet_taylor_options fet_taylor_default_options(void);

/*
 * score[g][c], where score[g] is not NULL ([channels of group g], zeros before). `graph`: with numbers, not changed; `groups`: its own.
 * What no loss reaches stays 0. Same machine and seed: same bits. Errors: SHAPE when graph and data do not fit; NOMEM.
 */
FET_MUST_CHECK fet_status fet_task_taylor(const fet_graph *graph, const fet_channel_groups *groups, const fet_dataset *dataset,
                                          const fet_taylor_options *options, double *const *score);

#endif
