// SPDX-License-Identifier: Apache-2.0
/*
 * The network that another one learns from, as training needs it: it answers a batch of images. Where an output is made by Softmax, the
 * logits before it are given, for a loss on probabilities has its own. Chosen inner values are further outputs. One thread is
 * bit-reproducible. A teacher whose input has another size is shown the same images in its own.
 * create -> { answer -> output } *. Thread-compatible.
 */
#ifndef FET_TASK_TEACHER_H
#define FET_TASK_TEACHER_H

#include "task/internal.h"

typedef struct fet_teacher fet_teacher;

typedef struct fet_teacher_options {
    fet_dtype precision; /* F32 or BF16 */
    const fet_id *inner; /* [n_inner] values of `graph` that become outputs after the graph's own */
    uint32_t n_inner;
} fet_teacher_options;

/* What is fastest here: BF16 where the processor multiplies it, else F32. Enough where answers are softened anyway. */
fet_dtype fet_teacher_quick_precision(void);

/* Answers what `network` is trained on. `graph`: fits the data, every parameter with numbers. Both graphs are borrowed during create only,
 * the data until destroy. */
FET_MUST_CHECK fet_status fet_teacher_create(const fet_graph *graph, const fet_graph *network, const fet_dataset *dataset,
                                             const fet_train_options *training, const fet_teacher_options *options,
                                             fet_teacher **out_teacher);
void fet_teacher_destroy(fet_teacher *teacher);
FET_DEFINE_AUTO(fet_teacher);

FET_MUST_CHECK fet_status fet_teacher_answer(fet_teacher *teacher, const fet_lesson *lesson);
const float *fet_teacher_output(const fet_teacher *teacher, uint32_t output); /* [batch, ...], until the next answer */

/* The Softmax that makes an output and that nobody else reads, or NULL. Training turns it into Identity for a while. */
fet_node *fet_task_softmax_of(fet_graph *graph, uint32_t output);

#endif
