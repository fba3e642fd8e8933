// SPDX-License-Identifier: Apache-2.0
/*
 * Resizing where oneDNN's resampling does something else (corners aligned, cubic, sizes that are no multiples): a row of the result is a
 * weighted sum of one, two or four rows of the source, and each of its pixels one of as many pixels of that row.
 */
#include "base/clones.h"
#include "engine/infer/build.h"
#include "engine/reference/reference.h"

#include <math.h>
#include <string.h>

typedef struct resize_state {
    fet_extent src, dst;
    fet_dtype dtype;
    int n_x;                 /* taps along a row */
    fet_resize_taps *rows;   /* [dst.h] */
    fet_resize_taps *pixels; /* [dst.w] */
    int32_t *index;          /* [n_x][dst.w * c], few channels only */
    float *weight;           /* the same */
    float *sum, *result;     /* a row of the source's width, of the result's */
    float *wide[2];          /* rows of the source at the result's width, where those are fewer than the result's rows */
    int64_t held[2];         /* which ones; -1: none */
} resize_state;

/* sum (+)= weight * row */
#define FET_ADD_ROW(name, type, convert)                                                                                                   \
    FET_CLONES static void name(const void *from, int64_t count, float weight, bool first, float *sum)                                     \
    {                                                                                                                                      \
        const type *row = from;                                                                                                            \
        if (first)                                                                                                                         \
            for (int64_t i = 0; i < count; i++) sum[i] = weight * convert(row[i]);                                                         \
        else                                                                                                                               \
            for (int64_t i = 0; i < count; i++) sum[i] += weight * convert(row[i]);                                                        \
    }
#define FET_AS_IS(x) (float)(x)
FET_ADD_ROW(add_row_f32, float, FET_AS_IS)
FET_ADD_ROW(add_row_bf16, uint16_t, fet_f32_from_bf16)
FET_ADD_ROW(add_row_s8, int8_t, FET_AS_IS)
FET_ADD_ROW(add_row_u8, uint8_t, FET_AS_IS)

static void add_row(fet_dtype dtype, const void *row, int64_t count, float weight, bool first, float *sum)
{
    switch (dtype) {
    case FET_DTYPE_BF16: add_row_bf16(row, count, weight, first, sum); break;
    case FET_DTYPE_S8: add_row_s8(row, count, weight, first, sum); break;
    case FET_DTYPE_U8: add_row_u8(row, count, weight, first, sum); break;
    default: add_row_f32(row, count, weight, first, sum); break;
    }
}

FET_CLONES static void gather(const float *row, const int32_t *index, const float *weight, int64_t count, bool first, float *result)
{
    if (first)
        for (int64_t i = 0; i < count; i++) result[i] = weight[i] * row[index[i]];
    else
        for (int64_t i = 0; i < count; i++) result[i] += weight[i] * row[index[i]];
}

/* Linear or nearest along a row, many channels: the second pixel has weight 0 for nearest. */
FET_CLONES static void mix_pixels(const float *a, const float *b, float wa, float wb, int64_t channels, float *dst)
{
    for (int64_t c = 0; c < channels; c++) dst[c] = wa * a[c] + wb * b[c];
}

static void sum_pixels(const resize_state *s, float *result)
{
    int64_t c = s->src.c, count = s->dst.w * c;
    if (s->index) {
        for (int k = 0; k < s->n_x; k++) gather(s->sum, s->index + k * count, s->weight + k * count, count, k == 0, result);
        return;
    }
    for (int64_t x = 0; x < s->dst.w; x++) {
        const fet_resize_taps *t = &s->pixels[x];
        int second = t->n > 1 ? 1 : 0;
        mix_pixels(s->sum + t->at[0] * c, s->sum + t->at[second] * c, (float)t->weight[0], second ? (float)t->weight[1] : 0.0f, c,
                   result + x * c);
        for (int k = 2; k < t->n; k++) add_row_f32(s->sum + t->at[k] * c, c, (float)t->weight[k], false, result + x * c);
    }
}

static void store_row(fet_dtype dtype, const float *row, int64_t count, void *dst)
{
    for (int64_t i = 0; i < count; i++) {
        if (dtype == FET_DTYPE_BF16) ((uint16_t *)dst)[i] = fet_bf16_from_f32(row[i]);
        else if (dtype == FET_DTYPE_S8) ((int8_t *)dst)[i] = (int8_t)fminf(127.0f, fmaxf(-128.0f, rintf(row[i])));
        else ((uint8_t *)dst)[i] = (uint8_t)fminf(255.0f, fmaxf(0.0f, rintf(row[i])));
    }
}

/* The row of the source at the result's width; it is kept until two others are asked for. `other`: the row that is wanted beside it. */
static const float *widen(resize_state *s, const char *image, int64_t row, int64_t other)
{
    int64_t in = s->src.w * s->src.c;
    for (int k = 0; k < 2; k++)
        if (s->held[k] == row) return s->wide[k];
    int slot = s->held[0] == other ? 1 : 0;
    add_row(s->dtype, image + (size_t)(row * in) * fet_dtype_bytes(s->dtype), in, 1.0f, true, s->sum);
    sum_pixels(s, s->wide[slot]);
    s->held[slot] = row;
    return s->wide[slot];
}

/* More rows than the source has, of few channels: gathering pixels is what takes time, so each row of the source is widened once. */
static void run_widened(const fet_step *step)
{
    resize_state *s = step->state;
    size_t item = fet_dtype_bytes(s->dtype);
    int64_t in = s->src.w * s->src.c, out = s->dst.w * s->dst.c;
    for (int64_t n = 0; n < s->dst.n; n++) {
        const char *image = (const char *)step->data[0] + (size_t)(n * s->src.h * in) * item;
        s->held[0] = s->held[1] = -1;
        for (int64_t y = 0; y < s->dst.h; y++) {
            char *dst = (char *)step->data[1] + (size_t)((n * s->dst.h + y) * out) * item;
            const fet_resize_taps *t = &s->rows[y];
            int second = t->n > 1 ? 1 : 0;
            const float *a = widen(s, image, t->at[0], t->at[second]), *b = widen(s, image, t->at[second], t->at[0]);
            float *result = s->dtype == FET_DTYPE_F32 ? (float *)(void *)dst : s->result;
            mix_pixels(a, b, (float)t->weight[0], second ? (float)t->weight[1] : 0.0f, out, result);
            if (s->dtype != FET_DTYPE_F32) store_row(s->dtype, s->result, out, dst);
        }
    }
}

static void run_taps(const fet_step *step)
{
    const resize_state *s = step->state;
    size_t item = fet_dtype_bytes(s->dtype);
    int64_t in = s->src.w * s->src.c, out = s->dst.w * s->dst.c;
    for (int64_t n = 0; n < s->dst.n; n++)
        for (int64_t y = 0; y < s->dst.h; y++) {
            const char *image = (const char *)step->data[0] + (size_t)(n * s->src.h * in) * item;
            char *dst = (char *)step->data[1] + (size_t)((n * s->dst.h + y) * out) * item;
            const fet_resize_taps *t = &s->rows[y];
            for (int k = 0; k < t->n; k++)
                add_row(s->dtype, image + (size_t)(t->at[k] * in) * item, in, (float)t->weight[k], k == 0, s->sum);
            float *result = s->dtype == FET_DTYPE_F32 ? (float *)(void *)dst : s->result;
            sum_pixels(s, result);
            if (s->dtype != FET_DTYPE_F32) store_row(s->dtype, s->result, out, dst);
        }
}

/* Without a node (the runner knows the key only): half-pixel centres, which cost the same. */
static fet_resize_taps sample_taps(const fet_kernel_key *key, int64_t in, int64_t out, int64_t position)
{
    fet_resize_taps taps = {.n = key->extra & 4 ? 4 : key->extra & 1 ? 2 : 1};
    double at = ((double)position + 0.5) * (double)in / (double)out - 0.5;
    for (int k = 0; k < taps.n; k++) {
        int64_t from = (int64_t)floor(at) + k - (taps.n == 4);
        taps.at[k] = from < 0 ? 0 : from >= in ? in - 1 : from;
        taps.weight[k] = 1.0 / taps.n;
    }
    return taps;
}

static fet_resize_taps taps_of(const fet_step_spec *spec, uint32_t axis, int64_t position)
{
    if (!spec->node) {
        const fet_kernel_key *k = spec->key;
        return axis == 2 ? sample_taps(k, k->ih, k->oh, position) : sample_taps(k, k->iw, k->ow, position);
    }
    bool scales = spec->node->n_inputs > 2 && spec->node->inputs[2] != FET_NONE;
    const fet_tensor *tensor = scales ? fet_graph_constant(spec->graph, spec->node->inputs[2]) : NULL;
    const float *src[4] = {NULL, NULL, tensor && tensor->dtype == FET_DTYPE_F32 ? fet_tensor_f32(tensor) : NULL, NULL};
    return fet_reference_resize_taps(&(fet_reference_call){spec->graph, spec->node, src, NULL}, axis, position);
}

static void index_elements(resize_state *s)
{
    int64_t c = s->src.c, count = s->dst.w * c;
    for (int k = 0; k < s->n_x; k++)
        for (int64_t i = 0; i < count; i++) {
            const fet_resize_taps *t = &s->pixels[i / c];
            int tap = k < t->n ? k : 0;
            s->index[k * count + i] = (int32_t)(t->at[tap] * c + i % c);
            s->weight[k * count + i] = k < t->n ? (float)t->weight[k] : 0.0f;
        }
}

/* One piece of memory for the state and everything in it, largest alignment first. */
fet_status fet_step_build_taps(const fet_step_spec *spec, fet_step *step)
{
    fet_extent src = fet_format_extent(&spec->src[0]), dst = fet_format_extent(&spec->dst);
    int64_t in = src.w * src.c, out = dst.w * dst.c;
    /* Summed element by element through indices, so that vectors are full. */
    bool few = src.c < FET_RESIZE_FEW_CHANNELS && in < INT32_MAX;
    size_t taps = (size_t)(dst.h + dst.w), indices = few ? (size_t)(FET_RESIZE_TAPS * out) : 0;
    bool widened = few && dst.h > src.h && taps_of(spec, 2, 0).n <= 2;
    FET_TRY(fet_step_set_own(step, widened ? run_widened : run_taps,
                             sizeof(resize_state) + taps * sizeof(fet_resize_taps) + indices * (sizeof(int32_t) + sizeof(float)) +
                                 (size_t)(in + (widened ? 3 : 1) * out) * sizeof(float)));
    resize_state *s = step->state;
    fet_resize_taps *first = (void *)(s + 1);
    *s = (resize_state){.src = src, .dst = dst, .dtype = spec->src[0].dtype, .rows = first, .pixels = first + dst.h};
    s->sum = (void *)(first + taps);
    s->result = s->sum + in;
    for (int64_t y = 0; y < dst.h; y++) s->rows[y] = taps_of(spec, 2, y);
    for (int64_t x = 0; x < dst.w; x++) s->pixels[x] = taps_of(spec, 3, x), s->n_x = s->pixels[x].n > s->n_x ? s->pixels[x].n : s->n_x;
    if (few) {
        s->weight = s->result + out;
        s->index = (void *)(s->weight + FET_RESIZE_TAPS * out);
        index_elements(s);
    }
    if (widened) {
        s->wide[0] = (void *)(s->index + FET_RESIZE_TAPS * out);
        s->wide[1] = s->wide[0] + out;
    }
    return FET_OK;
}
