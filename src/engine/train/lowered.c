// SPDX-License-Identifier: Apache-2.0
#include "engine/train/lowered.h"

#include "engine/train/boundary.h"
#include "engine/train/kernels.h"

#include <string.h>

enum { BAND_NUMBERS = 64 << 10 }; /* columns of one band: they stay in the L2 cache */

static int64_t taps(const fet_lowered *l) /* rows of the column matrix of one group */
{
    return l->c / l->window.group * l->window.kernel[0] * l->window.kernel[1];
}

static int64_t large_items(const fet_lowered *l)
{
    return l->c * l->h * l->w;
}

static int64_t small_items(const fet_lowered *l)
{
    return l->oc * l->oh * l->ow;
}

fet_status fet_lowered_prepare(fet_trainer *trainer, const fet_train_step *step, fet_lowered *l)
{
    const fet_shape *large = &trainer->values[l->transposed ? step->dst : step->inputs[0]].shape;
    const fet_shape *small = &trainer->values[l->transposed ? step->inputs[0] : step->dst].shape;
    bool flat = large->rank == 3; /* one spatial dimension: height 1 */
    l->c = large->dim[1], l->h = flat ? 1 : large->dim[2], l->w = large->dim[flat ? 2 : 3];
    l->oc = small->dim[1], l->oh = flat ? 1 : small->dim[2], l->ow = small->dim[flat ? 2 : 3];
    l->band = BAND_NUMBERS / (taps(l) * l->ow);
    if (l->band < 1) l->band = 1;
    if (l->band > l->oh) l->band = l->oh;
    FET_TRY(fet_train_param_prepare(trainer, l->weights, NULL, NULL));
    if (l->bias) FET_TRY(fet_train_param_prepare(trainer, l->bias, NULL, NULL));
    int64_t numbers = large_items(l) + small_items(l) + taps(l) * l->band * l->ow;
    return fet_train_room(trainer, (size_t)numbers * sizeof(float));
}

/* Row `y` of a channel under tap kx: pixels first + x * stride, those outside are left out. */
typedef struct line {
    int64_t first, begin, end; /* output columns begin .. end - 1 are inside */
} line;

static line line_of(const fet_lowered *l, int64_t kx)
{
    int64_t stride = l->window.stride[1], first = kx * l->window.dilation[1] - l->window.pad_begin[1];
    line r = {
        .first = first, .begin = first < 0 ? (-first + stride - 1) / stride : 0, .end = first < l->w ? (l->w - 1 - first) / stride + 1 : 0};
    if (r.end > l->ow) r.end = l->ow;
    if (r.begin > r.end) r.begin = r.end;
    return r;
}

/* Columns of rows y0 .. y0 + rows - 1 of one group out of the large map, or, `back`, added into it. */
static void move_columns(const fet_lowered *l, float *large, int64_t y0, int64_t rows, float *columns, bool back)
{
    const fet_window *w = &l->window;
    for (int64_t c = 0; c < l->c / w->group; c++)
        for (int64_t ky = 0; ky < w->kernel[0]; ky++)
            for (int64_t kx = 0; kx < w->kernel[1]; kx++) {
                line r = line_of(l, kx);
                for (int64_t y = y0; y < y0 + rows; y++, columns += l->ow) {
                    int64_t iy = y * w->stride[0] + ky * w->dilation[0] - w->pad_begin[0];
                    bool inside = iy >= 0 && iy < l->h;
                    float *row = large + (c * l->h + (inside ? iy : 0)) * l->w + r.first;
                    if (back) {
                        for (int64_t x = r.begin; inside && x < r.end; x++) row[x * w->stride[1]] += columns[x];
                        continue;
                    }
                    memset(columns, 0, (size_t)l->ow * sizeof *columns);
                    for (int64_t x = r.begin; inside && x < r.end; x++) columns[x] = row[x * w->stride[1]];
                }
            }
}

typedef enum product { TO_SMALL, TO_LARGE, TO_WEIGHTS } product;

/* small = W columns; large += columns of W' small; diff W += small columns'. `large` of TO_LARGE starts from zero. */
static fet_status multiply(const fet_lowered *l, product which, const float *weights, float *large, float *small, float *diff_weights,
                           float *columns)
{
    int64_t k = taps(l), oc = l->oc / l->window.group, c = l->c / l->window.group, area = l->oh * l->ow;
    for (int64_t g = 0; g < l->window.group; g++)
        for (int64_t y = 0; y < l->oh; y += l->band) {
            int64_t rows = y + l->band < l->oh ? l->band : l->oh - y, n = rows * l->ow;
            float *map = large + g * c * l->h * l->w, *out = small + g * oc * area + y * l->ow;
            const float *w = weights + g * oc * k;
            dnnl_status_t status = dnnl_success;
            if (which != TO_LARGE) move_columns(l, map, y, rows, columns, false);
            if (which == TO_SMALL) status = dnnl_sgemm('N', 'N', oc, n, k, 1.0f, w, k, columns, n, 0.0f, out, area);
            if (which == TO_LARGE) status = dnnl_sgemm('T', 'N', k, n, oc, 1.0f, w, k, out, area, 0.0f, columns, n);
            if (which == TO_WEIGHTS)
                status = dnnl_sgemm('N', 'T', oc, k, n, 1.0f, out, area, columns, n, 1.0f, diff_weights + g * oc * k, k);
            FET_DNNL_TRY(status, "multiply matrices");
            if (which == TO_LARGE) move_columns(l, map, y, rows, columns, true);
        }
    return FET_OK;
}

static void add_bias(const float *bias, int64_t channels, int64_t area, float *map)
{
    for (int64_t c = 0; bias && c < channels; c++)
        for (int64_t i = 0; i < area; i++) map[c * area + i] += bias[c];
}

static void sum_bias(const float *map, int64_t channels, int64_t area, float *diff)
{
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0.0;
        for (int64_t i = 0; i < area; i++) sum += (double)map[c * area + i];
        diff[c] += (float)sum;
    }
}

static char *image(const fet_trainer *trainer, fet_id value, void *data, int64_t n)
{
    return (char *)data + (size_t)n * trainer->values[value].image_bytes;
}

fet_status fet_lowered_forward(fet_trainer *trainer, fet_train_step *step, const fet_lowered *l, const fet_train_range *range)
{
    float *large = trainer->room, *small = large + large_items(l), *columns = small + small_items(l);
    float *src = l->transposed ? small : large, *dst = l->transposed ? large : small;
    void *from = fet_train_data(trainer, step->inputs[0], range), *to = fet_train_data(trainer, step->dst, range);
    const float *bias = l->bias ? l->bias->master : NULL;
    for (int64_t n = 0; n < range->count; n++) {
        fet_train_unpack(trainer, step->inputs[0], 1, image(trainer, step->inputs[0], from, n), src);
        if (l->transposed) memset(large, 0, (size_t)large_items(l) * sizeof *large);
        FET_TRY(multiply(l, l->transposed ? TO_LARGE : TO_SMALL, l->weights->master, large, small, NULL, columns));
        if (l->transposed) add_bias(bias, l->c, l->h * l->w, dst);
        else add_bias(bias, l->oc, l->oh * l->ow, dst);
        fet_train_pack(trainer, step->dst, 1, dst, image(trainer, step->dst, to, n));
    }
    return FET_OK;
}

/* The products add: the first chunk starts from zero, unless somebody shares the parameter. */
static float *gradient_of(const fet_train_param *param, const fet_train_range *range)
{
    if (!param || !param->gradient) return NULL;
    if (!fet_train_gradient_adds(param, range)) memset(param->gradient, 0, (size_t)param->items * sizeof(float));
    return param->gradient;
}

/* One sample: `dy` is the output's gradient, `x` room for the input and then for its gradient. */
static fet_status backward_sample(fet_trainer *trainer, const fet_train_step *step, const fet_lowered *l, const void *src, void *diff_src,
                                  float *dy, float *x, float *diff_weights, float *columns)
{
    float *large = l->transposed ? dy : x, *small = l->transposed ? x : dy;
    if (diff_weights) {
        fet_train_unpack(trainer, step->inputs[0], 1, src, x);
        FET_TRY(multiply(l, TO_WEIGHTS, l->weights->master, large, small, diff_weights, columns));
    }
    if (!diff_src) return FET_OK;
    if (!l->transposed) memset(large, 0, (size_t)large_items(l) * sizeof *large);
    FET_TRY(multiply(l, l->transposed ? TO_SMALL : TO_LARGE, l->weights->master, large, small, NULL, columns));
    fet_train_pack(trainer, step->inputs[0], 1, x, diff_src);
    return FET_OK;
}

fet_status fet_lowered_backward(fet_trainer *trainer, fet_train_step *step, const fet_lowered *l, const fet_train_range *range)
{
    float *large = trainer->room, *small = large + large_items(l), *columns = small + small_items(l);
    float *x = l->transposed ? small : large, *dy = l->transposed ? large : small;
    float *diff_weights = gradient_of(l->weights, range), *diff_bias = gradient_of(l->bias, range);
    fet_id src = step->inputs[0];
    void *from = diff_weights ? fet_train_data(trainer, src, range) : NULL, *diff_dst = fet_train_diff(trainer, step->dst, range);
    void *to = step->wants[0] ? fet_train_diff_begin(trainer, step, 0, range) : NULL;
    for (int64_t n = 0; n < range->count; n++) {
        fet_train_unpack(trainer, step->dst, 1, image(trainer, step->dst, diff_dst, n), dy);
        if (diff_bias && l->transposed) sum_bias(dy, l->c, l->h * l->w, diff_bias);
        if (diff_bias && !l->transposed) sum_bias(dy, l->oc, l->oh * l->ow, diff_bias);
        FET_TRY(backward_sample(trainer, step, l, from ? image(trainer, src, from, n) : NULL, to ? image(trainer, src, to, n) : NULL, dy, x,
                                diff_weights, columns));
    }
    if (to) fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}
