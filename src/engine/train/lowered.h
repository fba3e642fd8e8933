// SPDX-License-Identifier: Apache-2.0
/*
 * Convolution and transposed convolution of any shape as matrix products: the pixels under each window become columns of a matrix (im2col),
 * a band of output rows at a time. In f32 and plain order, sample by sample. For what oneDNN has no quick form of: it serves every window,
 * group and number of channels on every machine.
 */
#ifndef FET_ENGINE_TRAIN_LOWERED_H
#define FET_ENGINE_TRAIN_LOWERED_H

#include "engine/train/train.h"
#include "op/conv.h"

typedef struct fet_lowered {
    bool transposed;
    fet_window window;
    fet_train_param *weights, *bias; /* bias: NULL for none */
    int64_t c, h, w, oc, oh, ow;     /* of the convolution that maps a large map to a small one; a transposed one runs it backwards */
    int64_t band;                    /* rows of the small map at once */
} fet_lowered;

/* After `transposed`, `window`, `weights` and `bias` are set; while preparing. Values of rank 3 or 4. */
FET_MUST_CHECK fet_status fet_lowered_prepare(fet_trainer *trainer, const fet_train_step *step, fet_lowered *lowered);
FET_MUST_CHECK fet_status fet_lowered_forward(fet_trainer *trainer, fet_train_step *step, const fet_lowered *lowered,
                                              const fet_train_range *range);
FET_MUST_CHECK fet_status fet_lowered_backward(fet_trainer *trainer, fet_train_step *step, const fet_lowered *lowered,
                                               const fet_train_range *range);

#endif
