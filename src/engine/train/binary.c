// SPDX-License-Identifier: Apache-2.0
/*
 * Add, Sub, Mul, Div and PRelu, of values and parameters, with broadcasting. Sums of equal shapes and products with one number a channel
 * (squeeze and excite) are vectorised; the rest goes number by number over maps of positions.
 */
#include "engine/train/boundary.h"
#include "engine/train/kernels.h"
#include "engine/train/operand.h"
#include "engine/train/operators.h"

#include <string.h>

typedef struct binary {
    fet_train_operand in[2];
    bool by_channel;  /* Mul of a feature map (in[0]) by one number a channel (in[1]) of each sample */
    uint32_t large;   /* which input of the node in[0] is */
    uint8_t *padding; /* [items] numbers of the output that only pad; NULL: none */
} binary;

static bool is_channel_scale(const fet_trainer *trainer, const fet_train_step *step, fet_id map, fet_id scale)
{
    const fet_train_value *m = &trainer->values[map], *s = &trainer->values[scale];
    return fet_shape_equal(&m->shape, &trainer->values[step->dst].shape) && m->shape.rank == 4 && s->dtype != FET_DTYPE_NONE &&
           s->shape.rank == 4 && s->shape.dim[1] == m->shape.dim[1] && s->shape.dim[2] == 1 && s->shape.dim[3] == 1 &&
           m->shape.dim[2] * m->shape.dim[3] > 1;
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    binary *b = fet_train_state(trainer, sizeof *b);
    if (!b) return fet_arena_full();
    step->state = b;
    fet_op_kind op = step->node->op;
    const fet_train_value *dst = &trainer->values[step->dst];
    for (uint32_t i = 0; i < 2; i++) {
        b->in[i].value = step->inputs[i];
        b->in[i].param = fet_train_param_of(trainer, step->inputs[i]);
        step->needs[i] = op != FET_OP_ADD && op != FET_OP_SUB;
    }
    if (op == FET_OP_MUL)
        for (uint32_t i = 0; i < 2 && !b->by_channel; i++) {
            b->by_channel = is_channel_scale(trainer, step, step->inputs[i], step->inputs[1 - i]);
            if (b->by_channel) b->large = i;
        }
    if (b->by_channel) return FET_OK;
    uint32_t *position = NULL;
    FET_TRY(fet_train_positions(trainer, step->dst, &position));
    for (uint32_t i = 0; i < 2; i++) FET_TRY(fet_train_operand_map(trainer, step, position, &b->in[i]));
    int64_t plain = fet_shape_elements(&dst->shape) / trainer->batch;
    if (plain == dst->items) return FET_OK;
    b->padding = fet_train_state(trainer, (size_t)dst->items);
    if (!b->padding) return fet_arena_full();
    memset(b->padding, 1, (size_t)dst->items);
    for (int64_t i = 0; i < plain; i++) b->padding[position[i]] = 0;
    return FET_OK;
}

/* Working space: both operands, their gradients and the output's, a sample each, in f32. */
static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    binary *b = step->state;
    int64_t items = trainer->values[step->dst].items;
    for (int i = 0; i < 2; i++) {
        if (b->in[i].param) FET_TRY(fet_train_param_prepare(trainer, b->in[i].param, NULL, NULL));
        items += 2 * fet_train_operand_items(trainer, &b->in[i]);
    }
    return fet_train_room(trainer, (size_t)items * sizeof(float));
}

static inline float apply(fet_op_kind op, float a, float b)
{
    switch (op) {
    case FET_OP_ADD: return a + b;
    case FET_OP_SUB: return a - b;
    case FET_OP_MUL: return a * b;
    case FET_OP_DIV: return a / b;
    default: return a < 0.0f ? a * b : a; /* PRelu */
    }
}

/* Partial derivatives by a and b. */
static inline void derive(fet_op_kind op, float a, float b, float *by_a, float *by_b)
{
    switch (op) {
    case FET_OP_ADD: *by_a = 1.0f, *by_b = 1.0f; break;
    case FET_OP_SUB: *by_a = 1.0f, *by_b = -1.0f; break;
    case FET_OP_MUL: *by_a = b, *by_b = a; break;
    case FET_OP_DIV: *by_a = 1.0f / b, *by_b = -a / (b * b); break;
    default: *by_a = a > 0.0f ? 1.0f : b, *by_b = a < 0.0f ? a : 0.0f; break;
    }
}

static int64_t row_width(const fet_trainer *trainer, const fet_train_value *v)
{
    return v->layout == FET_TRAIN_BLOCKED ? trainer->block : v->shape.dim[1];
}

static void forward_by_channel(const fet_trainer *trainer, const fet_train_step *step, const fet_train_range *range)
{
    const binary *b = step->state;
    const fet_train_value *v = &trainer->values[step->dst];
    const char *src = fet_train_data(trainer, step->inputs[b->large], range),
               *scale = fet_train_data(trainer, step->inputs[1 - b->large], range);
    char *dst = fet_train_data(trainer, step->dst, range);
    int64_t spatial = v->shape.dim[2] * v->shape.dim[3], width = row_width(trainer, v);
    size_t row = (size_t)width * fet_dtype_bytes(v->dtype);
    for (int64_t panels = range->count * v->items / (spatial * width); panels > 0; panels--) {
        fet_train_simd_get()->scale_rows(v->dtype, spatial, width, src, scale, dst);
        src += (size_t)spatial * row, dst += (size_t)spatial * row, scale += row;
    }
}

static void backward_by_channel(const fet_trainer *trainer, const fet_train_step *step, const fet_train_range *range)
{
    const binary *b = step->state;
    const fet_train_simd *simd = fet_train_simd_get();
    const fet_train_value *v = &trainer->values[step->dst];
    int64_t spatial = v->shape.dim[2] * v->shape.dim[3], width = row_width(trainer, v);
    size_t row = (size_t)width * fet_dtype_bytes(v->dtype), map = (size_t)spatial * row;
    for (uint32_t i = 2; i-- > 0;) {
        if (!step->wants[i]) continue;
        const char *src = fet_train_data(trainer, step->inputs[b->large], range),
                   *scale = fet_train_data(trainer, step->inputs[1 - b->large], range);
        const char *dy = fet_train_diff(trainer, step->dst, range);
        char *diff = fet_train_diff_begin(trainer, step, i, range);
        for (int64_t panels = range->count * v->items / (spatial * width); panels > 0; panels--, dy += map, src += map, scale += row) {
            if (i == b->large) simd->scale_rows(v->dtype, spatial, width, dy, scale, diff), diff += map;
            else simd->dot_rows(v->dtype, spatial, width, dy, src, diff), diff += row;
        }
        fet_train_diff_end(trainer, step, i, range);
    }
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const binary *b = step->state;
    const fet_train_value *v = &trainer->values[step->dst];
    const fet_train_simd *simd = fet_train_simd_get();
    fet_op_kind op = step->node->op;
    char *dst = fet_train_data(trainer, step->dst, range);
    if (b->by_channel) {
        forward_by_channel(trainer, step, range);
        return FET_OK;
    }
    if (op == FET_OP_ADD && !b->in[0].map && !b->in[1].map) {
        simd->add(v->dtype, range->count * v->items, fet_train_data(trainer, step->inputs[0], range),
                  fet_train_data(trainer, step->inputs[1], range), dst);
        return FET_OK;
    }
    float *room[3] = {trainer->room, trainer->room + fet_train_operand_items(trainer, &b->in[0])};
    room[2] = room[1] + fet_train_operand_items(trainer, &b->in[1]);
    for (int64_t n = 0; n < range->count; n++, dst += v->image_bytes) {
        const float *x = fet_train_operand_widen(trainer, &b->in[0], range, n, room[0]),
                    *y = fet_train_operand_widen(trainer, &b->in[1], range, n, room[1]);
        for (int64_t i = 0; i < v->items; i++)
            room[2][i] = apply(op, x[b->in[0].map ? b->in[0].map[i] : i], y[b->in[1].map ? b->in[1].map[i] : i]);
        for (int64_t i = 0; b->padding && i < v->items; i++)
            if (b->padding[i]) room[2][i] = 0.0f;
        simd->from_f32(v->dtype, v->items, room[2], dst);
    }
    return FET_OK;
}

/* Sums of gradients of one operand over what it was broadcast to, for sample n. */
static void backward_operand(const fet_trainer *trainer, const fet_train_step *step, const fet_train_range *range, uint32_t which,
                             int64_t n, float *room, float *sums)
{
    const binary *b = step->state;
    const fet_train_value *v = &trainer->values[step->dst];
    float *second = room + fet_train_operand_items(trainer, &b->in[0]), *dy = second + fet_train_operand_items(trainer, &b->in[1]);
    const float *x = room, *y = second;
    if (step->needs[0] || b->in[0].param) x = fet_train_operand_widen(trainer, &b->in[0], range, n, room);
    if (step->needs[1] || b->in[1].param) y = fet_train_operand_widen(trainer, &b->in[1], range, n, second);
    const char *diff_dst = fet_train_diff(trainer, step->dst, range);
    fet_train_simd_get()->to_f32(v->dtype, v->items, diff_dst + (size_t)n * v->image_bytes, dy);
    for (int64_t i = 0; i < v->items; i++) {
        if (b->padding && b->padding[i]) continue;
        int64_t at[2] = {b->in[0].map ? b->in[0].map[i] : i, b->in[1].map ? b->in[1].map[i] : i};
        float by[2];
        derive(step->node->op, x[at[0]], y[at[1]], &by[0], &by[1]);
        sums[at[which]] += dy[i] * by[which];
    }
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const binary *b = step->state;
    const fet_train_value *v = &trainer->values[step->dst];
    const fet_train_simd *simd = fet_train_simd_get();
    const void *dy = fet_train_diff(trainer, step->dst, range);
    if (b->by_channel) {
        backward_by_channel(trainer, step, range);
        return FET_OK;
    }
    int64_t used = v->items + fet_train_operand_items(trainer, &b->in[0]) + fet_train_operand_items(trainer, &b->in[1]);
    for (uint32_t i = 2; i-- > 0;) {
        if (!step->wants[i]) continue;
        const fet_train_operand *o = &b->in[i];
        if (step->node->op == FET_OP_ADD && !o->param && !o->map) { /* the gradient itself */
            void *diff = fet_train_diff(trainer, step->inputs[i], range);
            if (step->accumulate[i]) simd->add(v->dtype, range->count * v->items, diff, dy, diff);
            else memcpy(diff, dy, (size_t)range->count * v->image_bytes);
            continue;
        }
        int64_t items = fet_train_operand_items(trainer, o);
        char *diff = o->param ? NULL : fet_train_diff_begin(trainer, step, i, range);
        float *sums = o->param ? o->param->gradient : trainer->room + used;
        if (o->param && !fet_train_gradient_adds(o->param, range)) memset(sums, 0, (size_t)items * sizeof(float));
        for (int64_t n = 0; n < range->count; n++) {
            if (!o->param) memset(sums, 0, (size_t)items * sizeof(float));
            backward_operand(trainer, step, range, i, n, trainer->room, sums);
            if (!o->param) simd->from_f32(v->dtype, items, sums, diff + (size_t)n * trainer->values[o->value].image_bytes);
        }
        if (!o->param) fet_train_diff_end(trainer, step, i, range);
    }
    return FET_OK;
}

const fet_train_op fet_train_binary = {.plan = plan, .prepare = prepare, .forward = forward, .backward = backward};
