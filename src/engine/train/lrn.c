// SPDX-License-Identifier: Apache-2.0
/*
 * LRN, the normalisation of old networks over neighbouring channels: y = x s^-beta with s = bias + alpha / size * sum of x^2 over a window
 * of channels. In plain order, sample by sample. Source: Krizhevsky et al. 2012.
 */
#include "engine/train/boundary.h"
#include "engine/train/operators.h"

#include <math.h>

typedef struct lrn {
    int64_t channels, area, below, above; /* the window: below channels before and above behind */
    float alpha, beta, bias;              /* alpha over the size */
} lrn;

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    lrn *l = fet_train_state(trainer, sizeof *l);
    if (!l) return fet_arena_full();
    step->state = l;
    const fet_shape *s = &trainer->values[step->dst].shape;
    int64_t size = fet_node_int(step->node, FET_ATTR_SIZE, 1);
    l->channels = s->dim[1];
    l->area = fet_shape_elements(s) / trainer->batch / l->channels;
    l->below = (size - 1) / 2, l->above = size / 2;
    l->alpha = fet_node_float(step->node, FET_ATTR_ALPHA, 1e-4f) / (float)size;
    l->beta = fet_node_float(step->node, FET_ATTR_BETA, 0.75f);
    l->bias = fet_node_float(step->node, FET_ATTR_BIAS, 1.0f);
    step->needs[0] = true;
    return FET_OK;
}

/* Five maps of a sample; see backward. */
static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    const lrn *l = step->state;
    return fet_train_room(trainer, (size_t)(5 * l->channels * l->area) * sizeof(float));
}

/* dst[c] = sum over channels c - below .. c + above of a * b. */
static void sum_window(const lrn *l, int64_t below, int64_t above, const float *a, const float *b, float *dst)
{
    for (int64_t c = 0; c < l->channels; c++) {
        int64_t first = c - below < 0 ? 0 : c - below, last = c + above >= l->channels ? l->channels - 1 : c + above;
        float *sum = dst + c * l->area;
        for (int64_t i = 0; i < l->area; i++) sum[i] = 0.0f;
        for (int64_t k = first; k <= last; k++)
            for (int64_t i = 0; i < l->area; i++) sum[i] += a[k * l->area + i] * b[k * l->area + i];
    }
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const lrn *l = step->state;
    int64_t items = l->channels * l->area;
    const char *src = fet_train_data(trainer, step->inputs[0], range);
    char *dst = fet_train_data(trainer, step->dst, range);
    float *x = trainer->room, *s = x + items;
    for (int64_t n = 0; n < range->count; n++) {
        fet_train_unpack(trainer, step->inputs[0], 1, src + (size_t)n * trainer->values[step->inputs[0]].image_bytes, x);
        sum_window(l, l->below, l->above, x, x, s);
        for (int64_t i = 0; i < items; i++) s[i] = x[i] * powf(l->bias + l->alpha * s[i], -l->beta);
        fet_train_pack(trainer, step->dst, 1, s, dst + (size_t)n * trainer->values[step->dst].image_bytes);
    }
    return FET_OK;
}

/* dx_k = dy_k s_k^-beta - 2 alpha beta x_k * sum over the windows that hold k of dy x s^(-beta - 1). */
static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const lrn *l = step->state;
    int64_t items = l->channels * l->area;
    size_t bytes = trainer->values[step->inputs[0]].image_bytes;
    const char *src = fet_train_data(trainer, step->inputs[0], range), *diff_dst = fet_train_diff(trainer, step->dst, range);
    char *diff_src = fet_train_diff_begin(trainer, step, 0, range);
    float *x = trainer->room, *dy = x + items, *s = dy + items, *power = s + items, *shared = power + items;
    for (int64_t n = 0; n < range->count; n++) {
        fet_train_unpack(trainer, step->inputs[0], 1, src + (size_t)n * bytes, x);
        fet_train_unpack(trainer, step->dst, 1, diff_dst + (size_t)n * trainer->values[step->dst].image_bytes, dy);
        sum_window(l, l->below, l->above, x, x, s);
        for (int64_t i = 0; i < items; i++) {
            float base = l->bias + l->alpha * s[i];
            power[i] = powf(base, -l->beta);
            s[i] = x[i] * power[i] / base;
        }
        sum_window(l, l->above, l->below, dy, s, shared);
        for (int64_t i = 0; i < items; i++) dy[i] = dy[i] * power[i] - 2.0f * l->alpha * l->beta * x[i] * shared[i];
        fet_train_pack(trainer, step->inputs[0], 1, dy, diff_src + (size_t)n * bytes);
    }
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

const fet_train_op fet_train_lrn = {.plan = plan, .prepare = prepare, .forward = forward, .backward = backward};
