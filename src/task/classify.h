// SPDX-License-Identifier: Apache-2.0
/* Classification: softmax cross-entropy with label smoothing, top-1 accuracy with a Wilson interval, training and evaluation loops over
 * engine and data. */
#ifndef FET_TASK_CLASSIFY_H
#define FET_TASK_CLASSIFY_H

#include "data/dataset.h"
#include "data/loader.h"
#include "engine/executor.h"
#include "engine/quantise/options.h"
#include "engine/trainer.h"
#include "task/distil.h"

/* Mean loss over the real samples and its gradient by the logits (zero for the padding samples). Of `samples` labels and mixture alone are
 * looked at. Errors: STATE naming the batch when the loss is no number. */
FET_MUST_CHECK fet_status fet_classify_loss(const float *logits, const fet_batch *samples, uint32_t batch, uint32_t n_classes,
                                            float label_smoothing, float *out_diff, double *out_loss);

typedef struct fet_train_options {
    double epochs;         /* may be a fraction: n_batches = round(epochs * batches per epoch) */
    float learning_rate;   /* peak; default 0.1 for SGD */
    double warmup_share;   /* of all batches; default 0.1; then cosine to zero */
    float label_smoothing; /* default 0.05 */
    uint64_t seed, trial;
    fet_augment_options augment;
    fet_trainer_options trainer;
    fet_distil_options distil; /* default: no teacher; weight 0.5, temperature 4, hints 1 */
    const char *checkpoint;    /* NULL, or a file: saved about once a minute and resumed from when it fits this training */
    /* May be NULL; false stops the training (STATE "interrupted"). Called about twice a second. */
    bool (*progress)(void *context, uint64_t batches_done, uint64_t batches_total, double loss, double images_per_s);
    void *context;
} fet_train_options;

fet_train_options fet_train_default_options(void);

typedef struct fet_train_result {
    double loss;            /* mean over the last tenth of the batches */
    double images_per_s;    /* of this run */
    double seconds;         /* of this run */
    uint64_t n_batches;     /* of the whole training */
    uint64_t resumed_batch; /* where this run began: 0, or what a checkpoint had done */
} fet_train_result;

/* Learning rate of batch b of n: linear up to the peak over the warm-up, then half a cosine down to zero. */
double fet_train_learning_rate(const fet_train_options *options, uint64_t b, uint64_t n);

/*
 * Trains `graph` (parameters initialised) in place on the train split. Bit-reproducible, also across an interruption that a checkpoint
 * bridges. Errors: ARG, SHAPE when graph and data do not fit; STATE "interrupted", or naming the batch whose loss is no number. The graph
 * is then unchanged.
 */
FET_MUST_CHECK fet_status fet_classify_train(fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options,
                                             fet_train_result *out_result);

/* The 95% interval of a share (Wilson 1927), which stays within 0..1 and is right near its ends. n = 0: 0..1. */
void fet_wilson_interval(uint32_t n_correct, uint32_t n, double *out_low, double *out_high);

typedef struct fet_accuracy {
    uint32_t n_correct, n;
    double share;
    double low, high; /* 95% Wilson interval */
} fet_accuracy;

/* Top-1 on a split at F32, BF16 or S8 (quantise: how; NULL: the defaults). limit: first samples only, 0: all. */
FET_MUST_CHECK fet_status fet_classify_eval(const fet_graph *graph, const fet_dataset *dataset, fet_split split, fet_dtype precision,
                                            const fet_quantise_options *quantise, uint32_t limit, fet_accuracy *out_accuracy);

#endif
