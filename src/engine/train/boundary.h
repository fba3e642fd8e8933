// SPDX-License-Identifier: Apache-2.0
/* The way in and out of the trained part: plain f32 of the caller to and from the trainer's own layouts. */
#ifndef FET_ENGINE_TRAIN_BOUNDARY_H
#define FET_ENGINE_TRAIN_BOUNDARY_H

#include "engine/train/train.h"

extern const fet_train_op fet_train_import, fet_train_export;

/* Which input or output of the graph the step stands for. */
FET_MUST_CHECK fet_status fet_train_boundary_set_index(fet_trainer *trainer, fet_train_step *step, uint32_t index);

/* `count` samples of plain f32 into the layout of `value` and back. */
void fet_train_pack(const fet_trainer *trainer, fet_id value, int64_t count, const float *plain, void *packed);
void fet_train_unpack(const fet_trainer *trainer, fet_id value, int64_t count, const void *packed, float *plain);
/* Where number i of a sample in plain order lies in the layout of `value`; from the trainer's arena. */
FET_MUST_CHECK fet_status fet_train_positions(fet_trainer *trainer, fet_id value, uint32_t **out_positions);
/* Plain order and the layout of `value` are the same. */
bool fet_train_is_plain(const fet_trainer *trainer, fet_id value);

#endif
