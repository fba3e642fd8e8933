// SPDX-License-Identifier: Apache-2.0
/* Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout (as at inference): the same numbers in plain order under another shape. */
#include "engine/train/boundary.h"
#include "engine/train/operators.h"

#include <string.h>

typedef struct view {
    float *plain; /* one chunk in plain order, when the layouts differ */
} view;

/* Both lie in memory in the same order. */
static bool is_copy(const fet_trainer *trainer, const fet_train_step *step)
{
    const fet_train_value *a = &trainer->values[step->inputs[0]], *b = &trainer->values[step->dst];
    if (fet_shape_equal(&a->shape, &b->shape)) return true;
    return fet_train_is_plain(trainer, step->inputs[0]) && fet_train_is_plain(trainer, step->dst);
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    view *s = fet_train_state(trainer, sizeof *s);
    if (!s) return fet_arena_full();
    step->state = s;
    return FET_OK;
}

static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    view *s = step->state;
    if (is_copy(trainer, step)) return FET_OK;
    int64_t chunk = step->chunk[0] > step->chunk[1] ? step->chunk[0] : step->chunk[1];
    const fet_shape *shape = &trainer->values[step->dst].shape;
    return fet_train_alloc(trainer, (size_t)(fet_shape_elements(shape) / trainer->batch * chunk) * sizeof(float), "a view", &s->plain);
}

static void move(const fet_trainer *trainer, const fet_train_step *step, int64_t count, fet_id from, const void *src, fet_id to, void *dst)
{
    const view *s = step->state;
    if (is_copy(trainer, step)) {
        memcpy(dst, src, (size_t)count * trainer->values[from].image_bytes);
        return;
    }
    fet_train_unpack(trainer, from, count, src, s->plain);
    fet_train_pack(trainer, to, count, s->plain, dst);
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    move(trainer, step, range->count, step->inputs[0], fet_train_data(trainer, step->inputs[0], range), step->dst,
         fet_train_data(trainer, step->dst, range));
    return FET_OK;
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    void *diff = fet_train_diff_begin(trainer, step, 0, range);
    move(trainer, step, range->count, step->dst, fet_train_diff(trainer, step->dst, range), step->inputs[0], diff);
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

const fet_train_op fet_train_reshape = {.plan = plan, .prepare = prepare, .forward = forward, .backward = backward};
