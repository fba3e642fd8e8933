// SPDX-License-Identifier: Apache-2.0
/* What the files of this module share. */
#ifndef FET_TASK_INTERNAL_H
#define FET_TASK_INTERNAL_H

#include "engine/engine.h"
#include "task/task.h"

/* The batch of evaluation, calibration and recalibration: large enough for full speed, small enough to stay in the cache. */
enum { FET_TASK_BATCH = 64 };
int64_t fet_task_batch(const fet_dataset *dataset, fet_split split); /* no larger than the split */
/* The same, and so small that a batch of what `graph` computes stays within a gigabyte. */
int64_t fet_task_batch_of(const fet_graph *graph, const fet_dataset *dataset, fet_split split);

/* SHAPE unless `graph` takes one input of the data's sample shape; images may have any height and width. */
FET_MUST_CHECK fet_status fet_task_check_input(const fet_graph *graph, const fet_dataset *dataset);
/* The same, and it gives one output of a number a class. */
FET_MUST_CHECK fet_status fet_task_check_graph(const fet_graph *graph, const fet_dataset *dataset);

/* Loading for a graph that fet_task_check_input accepts: images come in the size of its input. */
fet_loader_options fet_task_loading(const fet_graph *graph, const fet_dataset *dataset, fet_split split, int64_t batch);

/* Equal but for the batch. */
bool fet_task_same_sample(const fet_shape *a, const fet_shape *b);
/* SHAPE unless the network gives what its original gives; LIMIT beyond FET_TASK_MAX_OUTPUTS. */
enum { FET_TASK_MAX_OUTPUTS = 64 };
FET_MUST_CHECK fet_status fet_task_check_outputs(const fet_graph *graph, const fet_graph *original);
FET_MUST_CHECK fet_status fet_agreement_eval(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight,
                                             fet_task_quality *out_quality);

/* What a training minimises: the loss of a lesson (batch b of the epoch), and into diffs[o] its gradient by output o of the trained graph,
 * [batch, ...]. */
typedef struct fet_lesson {
    fet_batch batch;
    uint32_t epoch, b;
} fet_lesson;
typedef struct fet_objective {
    void *context;
    fet_status (*loss)(void *context, const fet_lesson *lesson, const fet_trainer *trainer, float *const diffs[], double *out_loss);
} fet_objective;

FET_MUST_CHECK fet_status fet_task_check_training(const fet_train_options *options);
/* The loop: fet_classify_train's contract, for any loss. */
FET_MUST_CHECK fet_status fet_task_train(fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options,
                                         const fet_objective *objective, fet_train_result *out_result);
/* The batches that the loop trains on, for a graph with the input of `graph`. */
fet_loader_options fet_task_lessons(const fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options);
size_t fet_task_output_items(const fet_graph *graph, uint32_t output); /* numbers a sample */

/* Biases corrected on the first batch that calibration sees. */
FET_MUST_CHECK fet_status fet_task_correct(const fet_graph *graph, const fet_dataset *dataset, fet_calibration *calibration);
/* For evaluation at the sight's precision; in int8 calibrated as it says, unless it brings a calibration. */
FET_MUST_CHECK fet_status fet_task_executor_create(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight,
                                                   int64_t batch, fet_executor **out_executor);
/* Which samples of the split (or the sight's first ones) a classifier gets right: right[n] of 0 and 1, on the heap. */
FET_MUST_CHECK fet_status fet_task_right(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight,
                                         uint8_t **out_right, uint32_t *out_n);
/* Place of the first of the largest; one that is no number never wins. */
uint32_t fet_task_largest(const float *numbers, uint32_t n);

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
