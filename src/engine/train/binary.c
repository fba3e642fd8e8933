// SPDX-License-Identifier: Apache-2.0
/* Add of two values of one shape. */
#include "engine/train/kernels.h"
#include "engine/train/operators.h"

#include <string.h>

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    for (uint32_t i = 0; i < 2; i++) {
        const fet_train_value *v = &trainer->values[step->inputs[i]];
        if (v->dtype == FET_DTYPE_NONE || !fet_shape_equal(&v->shape, &trainer->values[step->dst].shape))
            return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": Add of unequal shapes cannot be trained", step->name);
    }
    return FET_OK;
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const fet_train_value *v = &trainer->values[step->dst];
    fet_train_simd_get()->add(v->dtype, range->count * v->items, fet_train_data(trainer, step->inputs[0], range),
                              fet_train_data(trainer, step->inputs[1], range), fet_train_data(trainer, step->dst, range));
    return FET_OK;
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const fet_train_value *v = &trainer->values[step->dst];
    const void *dy = fet_train_diff(trainer, step->dst, range);
    for (uint32_t i = 2; i-- > 0;) {
        if (!step->wants[i]) continue;
        void *diff = fet_train_diff(trainer, step->inputs[i], range);
        if (step->accumulate[i]) fet_train_simd_get()->add(v->dtype, range->count * v->items, diff, dy, diff);
        else memcpy(diff, dy, (size_t)range->count * v->image_bytes);
    }
    return FET_OK;
}

const fet_train_op fet_train_add = {.kind = FET_OP_ADD, .plan = plan, .forward = forward, .backward = backward};
