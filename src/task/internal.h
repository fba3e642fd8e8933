// SPDX-License-Identifier: Apache-2.0
/* What the files of this module share. */
#ifndef FET_TASK_INTERNAL_H
#define FET_TASK_INTERNAL_H

#include "task/classify.h"

/* The batch of evaluation, calibration and recalibration: large enough for full speed, small enough to stay in the cache. */
enum { FET_TASK_BATCH = 64 };
int64_t fet_task_batch(const fet_dataset *dataset, fet_split split); /* no larger than the split */

/* SHAPE unless `graph` takes one image of as many channels as the data has, of any size, and gives one output of a number a class. */
FET_MUST_CHECK fet_status fet_task_check_graph(const fet_graph *graph, const fet_dataset *dataset);

/* Loading for a graph that fet_task_check_graph accepts: samples come in the size of its input. */
fet_loader_options fet_task_loading(const fet_graph *graph, fet_split split, int64_t batch);

/* Where a training stands besides the trainer's own state. */
typedef struct fet_task_progress {
    uint64_t batches_done;
    double loss_sum; /* of the last tenth of the batches */
    uint64_t loss_count;
} fet_task_progress;

/* A hash of all that a training's course depends on; a checkpoint of another value is not resumed from. */
FET_MUST_CHECK fet_status fet_task_fingerprint(const fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options,
                                               uint64_t n_batches, uint64_t *out_fingerprint);
FET_MUST_CHECK fet_status fet_task_checkpoint_write(const char *path, uint64_t fingerprint, const fet_trainer *trainer,
                                                    const fet_task_progress *progress);
/* *out_found false: no file, or one of another training or damaged; then nothing is changed. */
FET_MUST_CHECK fet_status fet_task_checkpoint_read(const char *path, uint64_t fingerprint, fet_trainer *trainer,
                                                   fet_task_progress *out_progress, bool *out_found);

#endif
