// SPDX-License-Identifier: Apache-2.0
/* PRelu with one slope a channel, channels innermost. oneDNN 2.6 has it alone and behind a convolution in slow forms only. */
#include "base/clones.h"
#include "engine/infer/build.h"

#include <string.h>

typedef struct prelu_state {
    int64_t pixels, channels;
    float src_scale, dst_scale;
    fet_dtype src, dst;
    int64_t period; /* whole pixels, so many that loops over them are worth it */
    float slope[];  /* [period], again and again that of each channel */
} prelu_state;

FET_CLONES static void prelu_f32(const float *src, float *dst, int64_t pixels, int64_t channels, const float *slope)
{
    for (int64_t p = 0; p < pixels; p++, src += channels, dst += channels)
        for (int64_t c = 0; c < channels; c++) {
            float x = src[c], above = x > 0.0f ? x : 0.0f, below = x > 0.0f ? 0.0f : x; /* two choices that need no jump */
            dst[c] = above + slope[c] * below;
        }
}

/* Other types go through a block of f32: one loop in, one over the block, one out, each without a jump and of some length. */
enum { BLOCK = 2048 };

FET_CLONES static void prelu_block(float *block, int64_t n, const float *slope)
{
    for (int64_t i = 0; i < n; i++) {
        float x = block[i], above = x > 0.0f ? x : 0.0f, below = x > 0.0f ? 0.0f : x;
        block[i] = above + slope[i] * below;
    }
}

#define LOAD(name, type, number)                                                                                                           \
    FET_CLONES static void name(const type *src, float *block, int64_t n, float factor)                                                    \
    {                                                                                                                                      \
        for (int64_t i = 0; i < n; i++) block[i] = (number)*factor;                                                                        \
    }
LOAD(load_bf16, uint16_t, fet_f32_from_bf16(src[i]))
LOAD(load_s8, int8_t, (float)src[i])
LOAD(load_u8, uint8_t, (float)src[i])
LOAD(load_f32, float, src[i])

/* Within the limits adding and taking away 1.5 * 2^23 rounds to nearest, ties to even, as nearbyintf does. */
static float rounded(float x, float low, float high)
{
    const float magic = 12582912.0f;
    x = x > low ? x : low; /* a NaN too */
    x = x < high ? x : high;
    return (x + magic) - magic;
}

#define STORE(name, type, number)                                                                                                          \
    FET_CLONES static void name(const float *block, type *dst, int64_t n)                                                                  \
    {                                                                                                                                      \
        for (int64_t i = 0; i < n; i++) dst[i] = (number);                                                                                 \
    }
STORE(store_bf16, uint16_t, fet_bf16_from_f32(block[i]))
STORE(store_s8, int8_t, (int8_t)rounded(block[i], -128.0f, 127.0f))
STORE(store_u8, uint8_t, (uint8_t)rounded(block[i], 0.0f, 255.0f))
STORE(store_f32, float, block[i])

static void load(const prelu_state *s, const void *data, int64_t first, int64_t n, float factor, float *block)
{
    switch (s->src) {
    case FET_DTYPE_BF16: load_bf16((const uint16_t *)data + first, block, n, factor); break;
    case FET_DTYPE_S8: load_s8((const int8_t *)data + first, block, n, factor); break;
    case FET_DTYPE_U8: load_u8((const uint8_t *)data + first, block, n, factor); break;
    default: load_f32((const float *)data + first, block, n, factor); break;
    }
}

static void store(const prelu_state *s, const float *block, int64_t first, int64_t n, void *data)
{
    switch (s->dst) {
    case FET_DTYPE_BF16: store_bf16(block, (uint16_t *)data + first, n); break;
    case FET_DTYPE_S8: store_s8(block, (int8_t *)data + first, n); break;
    case FET_DTYPE_U8: store_u8(block, (uint8_t *)data + first, n); break;
    default: store_f32(block, (float *)data + first, n); break;
    }
}

static void run_prelu(const fet_step *step)
{
    const prelu_state *s = step->state;
    if (s->src == FET_DTYPE_F32 && s->dst == FET_DTYPE_F32) {
        prelu_f32(step->data[0], step->data[1], s->pixels, s->channels, s->slope);
        return;
    }
    float block[BLOCK], factor = s->src_scale / s->dst_scale;
    int64_t total = s->pixels * s->channels;
    for (int64_t first = 0, c = 0; first < total;) {
        int64_t left = s->period - c < total - first ? s->period - c : total - first, n = left < BLOCK ? left : BLOCK;
        load(s, step->data[0], first, n, factor, block);
        prelu_block(block, n, s->slope + c);
        store(s, block, first, n, step->data[1]);
        first += n;
        c = c + n == s->period ? 0 : c + n;
    }
}

fet_status fet_step_build_prelu(const fet_step_spec *spec, fet_step *step)
{
    fet_extent e = fet_format_extent(&spec->dst);
    int64_t period = e.c < BLOCK ? BLOCK / e.c * e.c : e.c;
    FET_TRY(fet_step_set_own(step, run_prelu, sizeof(prelu_state) + (size_t)period * sizeof(float)));
    prelu_state *s = step->state;
    *s = (prelu_state){.pixels = e.n * e.h * e.w,
                       .channels = e.c,
                       .src_scale = spec->src[0].scale,
                       .dst_scale = spec->dst.scale,
                       .src = spec->src[0].dtype,
                       .dst = spec->dst.dtype,
                       .period = period};
    for (int64_t i = 0; i < period; i += e.c) memcpy(s->slope + i, spec->weights, (size_t)e.c * sizeof(float));
    return FET_OK;
}
