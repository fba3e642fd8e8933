// SPDX-License-Identifier: Apache-2.0
/* Which layers of a network lose most in int8. */
#ifndef FET_TASK_LAYERS_H
#define FET_TASK_LAYERS_H

#include "task/task.h"

typedef struct fet_layer_loss {
    fet_id node;
    double error;     /* the mean over the network's outputs of |int8 - f32| / |f32| (2-norms), this layer alone in int8 */
    double agreement; /* share of samples with the largest number at the same place; NAN where the network does not classify */
} fet_layer_loss;

/*
 * One entry a layer (a node with weights), the worst first: the layer's source, weights and result in int8, everything else in f32, its
 * bias corrected or not as the sight says. sight: split, limit and how to quantise; `graph` without marks. *out_losses from the arena.
 * progress may be NULL; false ends it (STATE "interrupted"). Cost: a calibration, then two runs a layer over the samples, and two more to
 * correct.
 */
typedef bool (*fet_layers_progress)(void *context, uint32_t done, uint32_t total);
FET_MUST_CHECK fet_status fet_task_layer_losses(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight,
                                                fet_arena *arena, fet_layers_progress progress, void *context, fet_layer_loss **out_losses,
                                                uint32_t *out_n);

#endif
