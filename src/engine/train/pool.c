// SPDX-License-Identifier: Apache-2.0
/* MaxPool, AveragePool and GlobalMaxPool by our own loops. */
#include "engine/train/kernels.h"
#include "engine/train/operators.h"
#include "op/conv.h"

typedef struct pool {
    fet_dw_pass pass; /* all but the pointers */
    bool most, count_padding;
} pool;

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    pool *s = fet_train_state(trainer, sizeof *s);
    if (!s) return fet_arena_full();
    step->state = s;
    const fet_train_value *src = &trainer->values[step->inputs[0]], *dst = &trainer->values[step->dst];
    if (src->shape.rank != 4)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s of other than 4 dimensions cannot be trained", step->name,
                        fet_op_onnx_name(step->node->op));
    fet_window w = {.kernel = {src->shape.dim[2], src->shape.dim[3]}, .stride = {1, 1}, .dilation = {1, 1}};
    if (step->node->op != FET_OP_GLOBAL_MAX_POOL) FET_TRY(fet_op_window(trainer->graph, step->node, &w));
    s->most = step->node->op != FET_OP_AVERAGE_POOL;
    s->count_padding = w.count_include_pad;
    if (s->count_padding && w.ceil_mode)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": AveragePool with ceil_mode and count_include_pad cannot be trained",
                        step->name);
    s->pass = (fet_dw_pass){.dtype = src->dtype,
                            .blocked = src->layout == FET_TRAIN_BLOCKED,
                            .channels = fet_train_channels(trainer, step->inputs[0]),
                            .block = trainer->block,
                            .h = src->shape.dim[2],
                            .w = src->shape.dim[3],
                            .oh = dst->shape.dim[2],
                            .ow = dst->shape.dim[3],
                            .kh = w.kernel[0],
                            .kw = w.kernel[1],
                            .sh = w.stride[0],
                            .sw = w.stride[1],
                            .dh = w.dilation[0],
                            .dw = w.dilation[1],
                            .top = w.pad_begin[0],
                            .left = w.pad_begin[1]};
    step->needs[0] = s->most;
    step->needs_dst = s->most;
    return FET_OK;
}

static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    const pool *s = step->state;
    return fet_train_room(trainer, (size_t)(s->pass.h * s->pass.w * FET_TRAIN_LANES) * sizeof(float));
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const pool *s = step->state;
    fet_dw_pass pass = s->pass;
    pass.images = range->count;
    pass.src = fet_train_data(trainer, step->inputs[0], range);
    pass.dst = fet_train_data(trainer, step->dst, range);
    fet_train_simd_get()->pool_forward(&pass, s->most, s->count_padding);
    return FET_OK;
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const pool *s = step->state;
    fet_dw_pass pass = s->pass;
    pass.images = range->count;
    if (s->most) pass.src = fet_train_data(trainer, step->inputs[0], range), pass.dst = fet_train_data(trainer, step->dst, range);
    pass.diff_dst = fet_train_diff(trainer, step->dst, range);
    pass.diff_src = fet_train_diff_begin(trainer, step, 0, range);
    pass.room = trainer->room;
    fet_train_simd_get()->pool_backward(&pass, s->most, s->count_padding);
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

const fet_train_op fet_train_pool = {.plan = plan, .prepare = prepare, .forward = forward, .backward = backward};
