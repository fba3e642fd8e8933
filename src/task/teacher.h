// SPDX-License-Identifier: Apache-2.0
/*
 * The network that another one learns from, as training needs it: it answers a batch of images. A Softmax at its end is left out, for a
 * loss on probabilities has its own. Runs at the precision that training has here (bf16 on AMX, else f32); one thread is bit-reproducible.
 * create -> { run -> output } *. Thread-compatible.
 */
#ifndef FET_TASK_TEACHER_H
#define FET_TASK_TEACHER_H

#include "graph/graph.h"

typedef struct fet_teacher fet_teacher;

/* `graph`: one input, every parameter with numbers; borrowed during create only. */
FET_MUST_CHECK fet_status fet_teacher_create(const fet_graph *graph, int64_t batch, fet_teacher **out_teacher);
void fet_teacher_destroy(fet_teacher *teacher);
FET_DEFINE_AUTO(fet_teacher);

FET_MUST_CHECK fet_status fet_teacher_run(fet_teacher *teacher, const float *images); /* [batch, ...] */
const float *fet_teacher_output(const fet_teacher *teacher, uint32_t output);         /* [batch, ...], until the next run */

/* The Softmax that is the graph's only output, or NULL. Training turns it into Identity for a while. */
fet_node *fet_task_softmax_at_end(fet_graph *graph);

#endif
