// SPDX-License-Identifier: Apache-2.0
/* GlobalAveragePool: oneDNN's backward falls into a slow path, ours is one pass. */
#include "engine/train/kernels.h"
#include "engine/train/operators.h"

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    if (trainer->values[step->inputs[0]].shape.rank != 4)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": GlobalAveragePool of other than 4 dimensions cannot be trained", step->name);
    return FET_OK;
}

/* Rows of neighbouring channels whose mean is one row of the output: a sample's block, or a whole NHWC sample. */
static int64_t row_width(const fet_trainer *trainer, const fet_train_value *v)
{
    return v->layout == FET_TRAIN_BLOCKED ? trainer->block : v->shape.dim[1];
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const fet_train_value *v = &trainer->values[step->inputs[0]];
    const char *src = fet_train_data(trainer, step->inputs[0], range);
    char *dst = fet_train_data(trainer, step->dst, range);
    int64_t spatial = v->shape.dim[2] * v->shape.dim[3], width = row_width(trainer, v);
    size_t item = fet_dtype_bytes(v->dtype), row = (size_t)width * item;
    for (int64_t panels = range->count * v->items / (spatial * width); panels > 0; panels--, src += (size_t)spatial * row, dst += row)
        fet_train_simd_get()->sum_rows(v->dtype, spatial, width, 1.0f / (float)spatial, src, dst);
    return FET_OK;
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const fet_train_value *v = &trainer->values[step->inputs[0]];
    const char *diff_dst = fet_train_diff(trainer, step->dst, range);
    char *diff_src = fet_train_diff_begin(trainer, step, 0, range);
    int64_t spatial = v->shape.dim[2] * v->shape.dim[3], width = row_width(trainer, v);
    size_t item = fet_dtype_bytes(v->dtype), row = (size_t)width * item;
    for (int64_t panels = range->count * v->items / (spatial * width); panels > 0;
         panels--, diff_src += (size_t)spatial * row, diff_dst += row)
        fet_train_simd_get()->fill_rows(v->dtype, spatial, width, 1.0f / (float)spatial, diff_dst, diff_src);
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

const fet_train_op fet_train_global_average_pool = {
    .kind = FET_OP_GLOBAL_AVERAGE_POOL, .plan = plan, .forward = forward, .backward = backward};
