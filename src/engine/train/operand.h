// SPDX-License-Identifier: Apache-2.0
/* An input of an elementwise operator: an activation or a parameter, perhaps broadcast to the output. */
#ifndef FET_ENGINE_TRAIN_OPERAND_H
#define FET_ENGINE_TRAIN_OPERAND_H

#include "engine/train/train.h"

typedef struct fet_train_operand {
    fet_train_param *param; /* NULL: an activation */
    fet_id value;
    uint32_t *map; /* [items of the output] where a number of the output reads; NULL: at the same place */
} fet_train_operand;

/* Fills `map`; `position` are those of the output (fet_train_positions). Errors: UNSUPPORTED when it broadcasts over the batch. */
FET_MUST_CHECK fet_status fet_train_operand_map(fet_trainer *trainer, const fet_train_step *step, const uint32_t *position,
                                                fet_train_operand *operand);
/* Numbers of a sample, or of the parameter. */
int64_t fet_train_operand_items(const fet_trainer *trainer, const fet_train_operand *operand);
/* Sample n of the range as f32: in `room` or where it lies. */
const float *fet_train_operand_widen(const fet_trainer *trainer, const fet_train_operand *operand, const fet_train_range *range, int64_t n,
                                     float *room);

#endif
