// SPDX-License-Identifier: Apache-2.0
/*
 * Distillation: a network learns from what a trained one, its teacher, answers to the same (augmented) images, besides the labels.
 *     loss = (1 - w) * cross-entropy(labels) + w * T^2 * KL(softmax(teacher / T) || softmax(network / T))
 * T^2 keeps the two parts' gradients in proportion whatever the temperature.
 * Source: Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015.
 */
#ifndef FET_TASK_DISTIL_H
#define FET_TASK_DISTIL_H

#include "data/loader.h"
#include "graph/graph.h"

#include <stdbool.h>

typedef struct fet_distil_options {
    const fet_graph *teacher; /* every parameter with numbers; inputs and outputs as the network's, but for the size of the image; borrowed.
                                 NULL: labels alone */
    float weight;             /* w: of the teacher's part; 0 to 1; default 0.5. 0: labels alone */
    float temperature;        /* T: above 0; default 4 */
    float hints;              /* task "imitate" alone: weight of the inner tensors beside the outputs; 0 up; default 1 */
} fet_distil_options;

/* Whether anything is asked of a teacher. */
static inline bool fet_distil_active(const fet_distil_options *options)
{
    return options->teacher && options->weight != 0.0f;
}

/*
 * The loss above and its gradient by `logits`, means over the real samples; zero for the padding samples. Label smoothing belongs
 * to the labels' part. Errors: ARG; STATE when the loss is no number.
 */
FET_MUST_CHECK fet_status fet_distil_loss(const float *logits, const float *teacher_logits, const fet_batch *samples, uint32_t batch,
                                          uint32_t n_classes, float label_smoothing, const fet_distil_options *options, float *out_diff,
                                          double *out_loss);

#endif
