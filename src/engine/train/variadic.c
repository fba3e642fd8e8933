// SPDX-License-Identifier: Apache-2.0
/* Sum, Mean, Max and Min of any number of values and parameters, with broadcasting. Sums of equal shapes are vectorised. */
#include "engine/train/boundary.h"
#include "engine/train/kernels.h"
#include "engine/train/operand.h"
#include "engine/train/operators.h"

#include <string.h>

typedef struct variadic {
    fet_train_operand *in; /* [n_inputs] */
    uint8_t *padding;      /* [items] numbers of the output that only pad; NULL: none */
    bool sums;             /* Sum, Mean: linear */
    bool simple;           /* Sum of activations that all have the output's shape */
    float factor;
    int64_t largest; /* numbers of an operand */
} variadic;

static fet_status plan_padding(fet_trainer *trainer, const fet_train_step *step, const uint32_t *position, variadic *v)
{
    const fet_train_value *dst = &trainer->values[step->dst];
    int64_t plain = fet_shape_elements(&dst->shape) / trainer->batch;
    if (plain == dst->items) return FET_OK;
    v->padding = fet_train_state(trainer, (size_t)dst->items);
    if (!v->padding) return fet_arena_full();
    memset(v->padding, 1, (size_t)dst->items);
    for (int64_t i = 0; i < plain; i++) v->padding[position[i]] = 0;
    return FET_OK;
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    variadic *v = fet_train_state(trainer, sizeof *v);
    if (!v) return fet_arena_full();
    step->state = v;
    v->in = fet_train_state(trainer, step->n_inputs * sizeof *v->in);
    if (!v->in) return fet_arena_full();
    fet_op_kind op = step->node->op;
    v->sums = op == FET_OP_SUM || op == FET_OP_MEAN;
    v->simple = op == FET_OP_SUM;
    v->factor = op == FET_OP_MEAN ? 1.0f / (float)step->n_inputs : 1.0f;
    uint32_t *position = NULL;
    FET_TRY(fet_train_positions(trainer, step->dst, &position));
    for (uint32_t i = 0; i < step->n_inputs; i++) {
        v->in[i] = (fet_train_operand){.value = step->inputs[i], .param = fet_train_param_of(trainer, step->inputs[i])};
        step->needs[i] = !v->sums;
        FET_TRY(fet_train_operand_map(trainer, step, position, &v->in[i]));
        v->simple = v->simple && !v->in[i].param && !v->in[i].map;
    }
    return plan_padding(trainer, step, position, v);
}

/* Output, its gradient and the winners of a sample, then the largest operand and its gradient. */
static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    variadic *v = step->state;
    for (uint32_t i = 0; i < step->n_inputs; i++) {
        int64_t items = fet_train_operand_items(trainer, &v->in[i]);
        if (v->in[i].param) FET_TRY(fet_train_param_prepare(trainer, v->in[i].param, NULL, NULL));
        if (items > v->largest) v->largest = items;
    }
    return fet_train_room(trainer, (size_t)(3 * trainer->values[step->dst].items + 2 * v->largest) * sizeof(float));
}

/* Sample n of the output into y; of Max and Min, also which input each number came from. `room` takes the operands one by one. */
static void combine(const fet_trainer *trainer, const fet_train_step *step, const fet_train_range *range, int64_t n, float *room, float *y,
                    uint32_t *winner)
{
    const variadic *v = step->state;
    int64_t items = trainer->values[step->dst].items;
    for (uint32_t k = 0; k < step->n_inputs; k++) {
        const float *x = fet_train_operand_widen(trainer, &v->in[k], range, n, room);
        const uint32_t *map = v->in[k].map;
        for (int64_t i = 0; i < items; i++) {
            float number = x[map ? map[i] : i];
            bool wins = k == 0 || (step->node->op == FET_OP_MAX ? number > y[i] : number < y[i]);
            if (v->sums) y[i] = (k ? y[i] : 0.0f) + v->factor * number;
            else if (wins) y[i] = number, winner[i] = k;
        }
    }
    for (int64_t i = 0; v->padding && i < items; i++)
        if (v->padding[i]) y[i] = 0.0f;
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const variadic *v = step->state;
    const fet_train_value *d = &trainer->values[step->dst];
    const fet_train_simd *simd = fet_train_simd_get();
    char *dst = fet_train_data(trainer, step->dst, range);
    if (v->simple && step->n_inputs > 1) {
        const void *sum = fet_train_data(trainer, step->inputs[0], range);
        for (uint32_t k = 1; k < step->n_inputs; k++, sum = dst)
            simd->add(d->dtype, range->count * d->items, sum, fet_train_data(trainer, step->inputs[k], range), dst);
        return FET_OK;
    }
    float *y = trainer->room, *room = y + 2 * d->items;
    uint32_t *winner = (uint32_t *)(void *)(y + d->items);
    for (int64_t n = 0; n < range->count; n++, dst += d->image_bytes) {
        combine(trainer, step, range, n, room, y, winner);
        simd->from_f32(d->dtype, d->items, y, dst);
    }
    return FET_OK;
}

/* Adds the gradient of one operand of sample n to `sums`. */
static void backward_sample(const fet_trainer *trainer, const fet_train_step *step, const fet_train_range *range, int64_t n, uint32_t which,
                            float *sums)
{
    const variadic *v = step->state;
    const fet_train_value *d = &trainer->values[step->dst];
    float *dy = trainer->room, *y = dy + d->items, *room = y + 2 * d->items;
    uint32_t *winner = (uint32_t *)(void *)(y + d->items);
    if (!v->sums) combine(trainer, step, range, n, room, y, winner);
    const char *diff_dst = fet_train_diff(trainer, step->dst, range);
    fet_train_simd_get()->to_f32(d->dtype, d->items, diff_dst + (size_t)n * d->image_bytes, dy);
    const uint32_t *map = v->in[which].map;
    for (int64_t i = 0; i < d->items; i++) {
        if ((v->padding && v->padding[i]) || (!v->sums && winner[i] != which)) continue;
        sums[map ? map[i] : i] += v->factor * dy[i];
    }
}

static void backward_operand(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range, uint32_t i)
{
    const variadic *v = step->state;
    const fet_train_operand *o = &v->in[i];
    const fet_train_value *d = &trainer->values[step->dst];
    int64_t items = fet_train_operand_items(trainer, o);
    if (o->param) {
        if (!fet_train_gradient_adds(o->param, range)) memset(o->param->gradient, 0, (size_t)items * sizeof(float));
        for (int64_t n = 0; n < range->count; n++) backward_sample(trainer, step, range, n, i, o->param->gradient);
        return;
    }
    float *sums = trainer->room + 3 * d->items + v->largest;
    char *diff = fet_train_diff_begin(trainer, step, i, range);
    for (int64_t n = 0; n < range->count; n++, diff += trainer->values[o->value].image_bytes) {
        memset(sums, 0, (size_t)items * sizeof(float));
        backward_sample(trainer, step, range, n, i, sums);
        fet_train_simd_get()->from_f32(d->dtype, items, sums, diff);
    }
    fet_train_diff_end(trainer, step, i, range);
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    for (uint32_t i = step->n_inputs; i-- > 0;)
        if (step->wants[i]) backward_operand(trainer, step, range, i);
    return FET_OK;
}

const fet_train_op fet_train_variadic = {.plan = plan, .prepare = prepare, .forward = forward, .backward = backward};
