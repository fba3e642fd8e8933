// SPDX-License-Identifier: Apache-2.0
/*
 * Pooling by oneDNN, global pooling by our own loops: oneDNN's average of int8 keeps the source's scale, which loses the small means of a
 * last feature map; ours sums exactly and requantises to the result's own scale.
 */
#include "base/clones.h"
#include "engine/infer/build.h"

#include <math.h>
#include <string.h>

enum { CHANNELS_AT_ONCE = 64 }; /* of a sum kept in registers */

typedef struct global_state {
    int64_t n, pixels, channels; /* images, pixels of one, channels of a pixel */
    float factor;                /* of the sum or maximum, to the result's units */
    fet_dtype src, dst;
    bool maximum;
} global_state;

/* Sums or maxima of up to CHANNELS_AT_ONCE neighbouring channels over an image; `step` elements from pixel to pixel. */
#define FET_REDUCE(name, type, sum_type, convert)                                                                                          \
    FET_CLONES static void name(const void *from, int64_t pixels, int64_t step, int count, bool maximum, float *out)                       \
    {                                                                                                                                      \
        const type *src = from;                                                                                                            \
        sum_type sum[CHANNELS_AT_ONCE];                                                                                                    \
        for (int c = 0; c < CHANNELS_AT_ONCE; c++) sum[c] = c < count && maximum ? (sum_type)convert(src[c]) : 0;                          \
        for (int64_t p = 0; p < pixels; p++, src += step)                                                                                  \
            if (count == CHANNELS_AT_ONCE && !maximum) {                                                                                   \
                for (int c = 0; c < CHANNELS_AT_ONCE; c++) sum[c] += (sum_type)convert(src[c]);                                            \
            } else if (!maximum) {                                                                                                         \
                for (int c = 0; c < count; c++) sum[c] += (sum_type)convert(src[c]);                                                       \
            } else {                                                                                                                       \
                for (int c = 0; c < count; c++) sum[c] = (sum_type)convert(src[c]) > sum[c] ? (sum_type)convert(src[c]) : sum[c];          \
            }                                                                                                                              \
        for (int c = 0; c < count; c++) out[c] = (float)sum[c];                                                                            \
    }

static inline float widen(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}
#define AS_IS(x) (x)

FET_REDUCE(reduce_f32, float, float, AS_IS)
FET_REDUCE(reduce_bf16, uint16_t, float, widen)
FET_REDUCE(reduce_s8, int8_t, int32_t, AS_IS)
FET_REDUCE(reduce_u8, uint8_t, int32_t, AS_IS)

static void reduce(fet_dtype dtype, const void *from, int64_t pixels, int64_t step, int count, bool maximum, float *values)
{
    if (dtype == FET_DTYPE_F32) reduce_f32(from, pixels, step, count, maximum, values);
    else if (dtype == FET_DTYPE_BF16) reduce_bf16(from, pixels, step, count, maximum, values);
    else if (dtype == FET_DTYPE_S8) reduce_s8(from, pixels, step, count, maximum, values);
    else reduce_u8(from, pixels, step, count, maximum, values);
}

/* Rounded to nearest even and saturated; s8 as the same bits. */
FET_CLONES static void store_int8(uint8_t *to, const float *values, int count, float factor, float low, float high)
{
    for (int c = 0; c < count; c++) {
        float x = rintf(values[c] * factor);
        x = x < low ? low : x > high ? high : x;
        to[c] = (uint8_t)(int)x;
    }
}

static void store(fet_dtype dtype, void *to, int64_t at, const float *values, int count, float factor)
{
    if (dtype == FET_DTYPE_S8) store_int8((uint8_t *)to + at, values, count, factor, -128.0f, 127.0f);
    else if (dtype == FET_DTYPE_U8) store_int8((uint8_t *)to + at, values, count, factor, 0.0f, 255.0f);
    else if (dtype == FET_DTYPE_BF16)
        for (int c = 0; c < count; c++) ((uint16_t *)to)[at + c] = fet_bf16_from_f32(values[c] * factor);
    else
        for (int c = 0; c < count; c++) ((float *)to)[at + c] = values[c] * factor;
}

static void run_global(const fet_step *step)
{
    const global_state *s = step->state;
    const char *src = step->data[0];
    size_t item = fet_dtype_bytes(s->src);
    float values[CHANNELS_AT_ONCE];
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t c = 0; c < s->channels; c += CHANNELS_AT_ONCE) {
            int count = (int)(s->channels - c < CHANNELS_AT_ONCE ? s->channels - c : CHANNELS_AT_ONCE);
            const void *from = src + (size_t)(n * s->pixels * s->channels + c) * item;
            reduce(s->src, from, s->pixels, s->channels, count, s->maximum, values);
            store(s->dst, step->data[1], n * s->channels + c, values, count, s->factor);
        }
}

fet_status fet_step_build_global(const fet_step_spec *spec, fet_step *step)
{
    fet_extent src = fet_format_extent(&spec->src[0]);
    FET_TRY(fet_step_set_own(step, run_global, sizeof(global_state)));
    global_state *s = step->state;
    s->n = src.n;
    s->channels = src.c;
    s->pixels = src.h * src.w;
    s->src = spec->src[0].dtype;
    s->dst = spec->dst.dtype;
    s->maximum = spec->key->op == FET_OP_GLOBAL_MAX_POOL || spec->key->op == FET_OP_MAX_POOL;
    s->factor = spec->src[0].scale / spec->dst.scale * (s->maximum ? 1.0f : 1.0f / (float)s->pixels);
    return FET_OK;
}

static fet_status build_primitive(const fet_step_spec *spec, fet_step *step)
{
    const fet_kernel_key *key = spec->key;
    dnnl_memory_desc_t src, dst;
    FET_TRY(fet_format_desc(&spec->src[0], &src));
    FET_TRY(fet_format_desc(&spec->dst, &dst));
    dnnl_dims_t stride = {key->sh, key->sw}, kernel = {key->kh, key->kw}, dilation = {key->dh - 1, key->dw - 1};
    dnnl_dims_t begin = {key->pad_top, key->pad_left}, end = {key->pad_bottom, key->pad_right};
    dnnl_alg_kind_t algorithm = key->op == FET_OP_MAX_POOL ? dnnl_pooling_max
                                : key->extra & 1           ? dnnl_pooling_avg_include_padding
                                                           : dnnl_pooling_avg_exclude_padding;
    dnnl_pooling_v2_desc_t operation;
    FET_DNNL_TRY(
        dnnl_pooling_v2_forward_desc_init(&operation, dnnl_forward_inference, algorithm, &src, &dst, stride, kernel, dilation, begin, end),
        "describe a pooling");
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t descriptor = NULL;
    FET_TRY(fet_step_attr_create(spec, NULL, 0, 0, &attr));
    fet_status status = fet_step_describe(spec, &operation, attr, &descriptor);
    dnnl_primitive_attr_destroy(attr);
    FET_TRY(status);
    status = fet_step_set_primitive(step, spec, descriptor, false);
    if (status == FET_OK) status = fet_step_add_operand(step, 0, DNNL_ARG_SRC, &src);
    if (status == FET_OK) status = fet_step_add_operand(step, step->n_src, DNNL_ARG_DST, &dst);
    dnnl_primitive_desc_destroy(descriptor);
    return status;
}

/* Where oneDNN has no fast form (AVX2: a few channels in int8): the part of the image that each window covers is pooled like a whole one.
 */
typedef struct window_state {
    fet_kernel_key key;
    fet_dtype dtype;
} window_state;

/* The window's reach inside an axis: first position and how many. */
static int64_t inside(int64_t at, int64_t kernel, int64_t size, int64_t *first)
{
    int64_t last = at + kernel < size ? at + kernel : size;
    *first = at > 0 ? at : 0;
    return last > *first ? last - *first : 0;
}

static void pool_window(const window_state *s, const char *image, int64_t y, int64_t x, int64_t c, int count, float *values)
{
    const fet_kernel_key *k = &s->key;
    bool maximum = k->op == FET_OP_MAX_POOL;
    int64_t y0 = 0, x0 = 0, rows = inside(y * k->sh - k->pad_top, k->kh, k->ih, &y0),
            columns = inside(x * k->sw - k->pad_left, k->kw, k->iw, &x0);
    memset(values, 0, (size_t)count * sizeof *values); /* of a window that lies in the padding alone */
    if (rows == 0 || columns == 0) return;
    for (int64_t r = 0; r < rows; r++) {
        float row[CHANNELS_AT_ONCE];
        reduce(s->dtype, image + (size_t)(((y0 + r) * k->iw + x0) * k->ic + c) * fet_dtype_bytes(s->dtype), columns, k->ic, count, maximum,
               row);
        for (int i = 0; i < count; i++) values[i] = r == 0 ? row[i] : maximum ? fmaxf(values[i], row[i]) : values[i] + row[i];
    }
    int64_t pixels = k->extra & 1 ? (int64_t)k->kh * k->kw : rows * columns;
    for (int i = 0; i < count && !maximum; i++) values[i] /= (float)pixels;
}

static void run_pool(const fet_step *step)
{
    const window_state *s = step->state;
    const fet_kernel_key *k = &s->key;
    float values[CHANNELS_AT_ONCE];
    for (int64_t n = 0; n < k->n; n++) {
        const char *image = (const char *)step->data[0] + (size_t)(n * k->ih * k->iw * k->ic) * fet_dtype_bytes(s->dtype);
        for (int64_t p = 0; p < (int64_t)k->oh * k->ow; p++)
            for (int64_t c = 0; c < k->oc; c += CHANNELS_AT_ONCE) {
                int count = (int)(k->oc - c < CHANNELS_AT_ONCE ? k->oc - c : CHANNELS_AT_ONCE);
                pool_window(s, image, p / k->ow, p % k->ow, c, count, values);
                store(s->dtype, step->data[1], (n * k->oh * k->ow + p) * k->oc + c, values, count, 1.0f);
            }
    }
}

fet_status fet_step_build_pool(const fet_step_spec *spec, fet_step *step)
{
    const fet_kernel_key *key = spec->key;
    bool whole = key->kh == key->ih && key->kw == key->iw && key->oh == 1 && key->ow == 1 && !key->pad_top && !key->pad_left;
    if (whole) return fet_step_build_global(spec, step);
    fet_status status = build_primitive(spec, step);
    if (status != FET_ERROR_STATE || step->primitive) return status;
    FET_TRY(fet_step_set_own(step, run_pool, sizeof(window_state)));
    *(window_state *)step->state = (window_state){.key = *key, .dtype = spec->src[0].dtype};
    return FET_OK;
}
