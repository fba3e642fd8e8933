// SPDX-License-Identifier: Apache-2.0
/*
 * Resize of feature maps that computes (linear, cubic): an output pixel is a weighted sum of up to 16 input pixels, the same for all
 * channels, and backward gives every input pixel its share. Nearest, which only moves numbers, is in move.c.
 */
#include "engine/reference/reference.h"
#include "engine/train/kernels.h"
#include "engine/train/operators.h"

#include <string.h>

typedef struct tap {
    uint32_t pixel; /* of the input */
    float weight;
} tap;

typedef struct resize {
    tap *taps;
    uint32_t *first; /* [output pixels + 1] into taps */
} resize;

bool fet_train_computing_resize(const fet_node *node)
{
    return node->op == FET_OP_RESIZE && fet_node_string(node, FET_ATTR_MODE, "nearest")[0] != 'n';
}

static int64_t pixels_of(const fet_train_value *v)
{
    return v->shape.dim[2] * v->shape.dim[3];
}

static fet_status check(const fet_trainer *trainer, const fet_train_step *step)
{
    const fet_train_value *src = &trainer->values[step->inputs[0]], *dst = &trainer->values[step->dst];
    if (src->shape.rank != 4 || src->shape.dim[1] != dst->shape.dim[1])
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": Resize of other than height and width of 4 dimensions cannot be trained",
                        step->name);
    return FET_OK;
}

/* The reference knows which pixels; it may look at the constants behind the first input. */
static fet_status plan_taps(fet_trainer *trainer, const fet_train_step *step, resize *r)
{
    const int64_t *dim = trainer->values[step->dst].shape.dim, w = trainer->values[step->inputs[0]].shape.dim[3];
    const float *src[8] = {NULL};
    for (uint32_t i = 1; i < step->n_inputs && i < 8; i++) {
        const fet_tensor *constant = step->inputs[i] == FET_NONE ? NULL : fet_graph_constant(trainer->graph, step->inputs[i]);
        if (constant && constant->dtype == FET_DTYPE_F32) src[i] = fet_tensor_f32(constant);
    }
    fet_reference_call call = {.graph = trainer->graph, .node = step->node, .src = src};
    uint32_t n = 0;
    for (int64_t y = 0; y < dim[2]; y++) {
        fet_resize_taps down = fet_reference_resize_taps(&call, 2, y);
        for (int64_t x = 0; x < dim[3]; x++) {
            fet_resize_taps right = fet_reference_resize_taps(&call, 3, x);
            r->first[y * dim[3] + x] = n;
            for (int i = 0; i < down.n; i++)
                for (int k = 0; k < right.n; k++) {
                    double weight = down.weight[i] * right.weight[k];
                    if (weight != 0.0) r->taps[n++] = (tap){(uint32_t)(down.at[i] * w + right.at[k]), (float)weight};
                }
        }
    }
    r->first[dim[2] * dim[3]] = n;
    return FET_OK;
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    resize *r = fet_train_state(trainer, sizeof *r);
    if (!r) return fet_arena_full();
    step->state = r;
    FET_TRY(check(trainer, step));
    size_t pixels = (size_t)pixels_of(&trainer->values[step->dst]);
    r->first = fet_train_state(trainer, (pixels + 1) * sizeof *r->first);
    r->taps = fet_train_state(trainer, (pixels * FET_RESIZE_TAPS * FET_RESIZE_TAPS + 1) * sizeof *r->taps);
    if (!r->first || !r->taps) return fet_arena_full();
    return plan_taps(trainer, step, r);
}

/* One sample of input and output in f32. */
static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    int64_t items = trainer->values[step->inputs[0]].items + trainer->values[step->dst].items;
    return fet_train_room(trainer, (size_t)items * sizeof(float));
}

/* Every output pixel against the pixels it is made of, over all channels: small += weight large, or the reverse. */
static void walk(const fet_trainer *trainer, const fet_train_step *step, float *src, float *dst, bool backward)
{
    const resize *r = step->state;
    const fet_train_value *v = &trainer->values[step->dst];
    int64_t in = pixels_of(&trainer->values[step->inputs[0]]), out = pixels_of(v);
    int64_t width = v->layout == FET_TRAIN_BLOCKED ? trainer->block : v->shape.dim[1];
    void (*add_scaled)(int64_t n, float factor, const float *from, float *to) = fet_train_simd_get()->add_scaled;
    for (int64_t panels = v->items / (out * width); panels > 0; panels--, src += in * width, dst += out * width)
        for (int64_t o = 0; o < out; o++)
            for (uint32_t t = r->first[o]; t < r->first[o + 1]; t++) {
                float *pixel = src + r->taps[t].pixel * width;
                if (backward) add_scaled(width, r->taps[t].weight, dst + o * width, pixel);
                else add_scaled(width, r->taps[t].weight, pixel, dst + o * width);
            }
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const fet_train_value *s = &trainer->values[step->inputs[0]], *d = &trainer->values[step->dst];
    const fet_train_simd *simd = fet_train_simd_get();
    const char *src = fet_train_data(trainer, step->inputs[0], range);
    char *dst = fet_train_data(trainer, step->dst, range);
    float *x = trainer->room, *y = x + s->items;
    for (int64_t n = 0; n < range->count; n++, src += s->image_bytes, dst += d->image_bytes) {
        simd->to_f32(s->dtype, s->items, src, x);
        memset(y, 0, (size_t)d->items * sizeof *y);
        walk(trainer, step, x, y, false);
        simd->from_f32(d->dtype, d->items, y, dst);
    }
    return FET_OK;
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const fet_train_value *s = &trainer->values[step->inputs[0]], *d = &trainer->values[step->dst];
    const fet_train_simd *simd = fet_train_simd_get();
    const char *diff_dst = fet_train_diff(trainer, step->dst, range);
    char *diff_src = fet_train_diff_begin(trainer, step, 0, range);
    float *dx = trainer->room, *dy = dx + s->items;
    for (int64_t n = 0; n < range->count; n++, diff_src += s->image_bytes, diff_dst += d->image_bytes) {
        simd->to_f32(d->dtype, d->items, diff_dst, dy);
        memset(dx, 0, (size_t)s->items * sizeof *dx);
        walk(trainer, step, dx, dy, true);
        simd->from_f32(s->dtype, s->items, dx, diff_src);
    }
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

const fet_train_op fet_train_resize = {.kind = FET_OP_RESIZE, .plan = plan, .prepare = prepare, .forward = forward, .backward = backward};
