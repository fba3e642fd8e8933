// SPDX-License-Identifier: Apache-2.0
/* PRelu with one slope a channel, channels innermost. oneDNN 2.6 has it alone and behind a convolution in slow forms only. */
#include "engine/infer/build.h"
#include "engine/infer/clones.h"

#include <math.h>
#include <string.h>

typedef struct prelu_state {
    int64_t pixels, channels;
    float src_scale, dst_scale;
    fet_dtype src, dst;
    float slope[]; /* [channels] */
} prelu_state;

FET_CLONES static void prelu_f32(const float *src, float *dst, int64_t pixels, int64_t channels, const float *slope)
{
    for (int64_t p = 0; p < pixels; p++, src += channels, dst += channels)
        for (int64_t c = 0; c < channels; c++) {
            float x = src[c], above = x > 0.0f ? x : 0.0f, below = x > 0.0f ? 0.0f : x; /* two choices that need no jump */
            dst[c] = above + slope[c] * below;
        }
}

static float load(fet_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case FET_DTYPE_BF16: return fet_f32_from_bf16(((const uint16_t *)data)[i]);
    case FET_DTYPE_S8: return ((const int8_t *)data)[i];
    case FET_DTYPE_U8: return ((const uint8_t *)data)[i];
    default: return ((const float *)data)[i];
    }
}

static void store(fet_dtype dtype, void *data, int64_t i, float x)
{
    switch (dtype) {
    case FET_DTYPE_BF16: ((uint16_t *)data)[i] = fet_bf16_from_f32(x); break;
    case FET_DTYPE_S8: ((int8_t *)data)[i] = (int8_t)fminf(127.0f, fmaxf(-128.0f, nearbyintf(x))); break;
    case FET_DTYPE_U8: ((uint8_t *)data)[i] = (uint8_t)fminf(255.0f, fmaxf(0.0f, nearbyintf(x))); break;
    default: ((float *)data)[i] = x; break;
    }
}

static void run_prelu(const fet_step *step)
{
    const prelu_state *s = step->state;
    if (s->src == FET_DTYPE_F32 && s->dst == FET_DTYPE_F32) {
        prelu_f32(step->data[0], step->data[1], s->pixels, s->channels, s->slope);
        return;
    }
    float factor = s->src_scale / s->dst_scale;
    for (int64_t i = 0; i < s->pixels * s->channels; i++) {
        float x = load(s->src, step->data[0], i) * factor;
        store(s->dst, step->data[1], i, x > 0.0f ? x : x * s->slope[i % s->channels]);
    }
}

fet_status fet_step_build_prelu(const fet_step_spec *spec, fet_step *step)
{
    fet_extent e = fet_format_extent(&spec->dst);
    FET_TRY(fet_step_set_own(step, run_prelu, sizeof(prelu_state) + (size_t)e.c * sizeof(float)));
    prelu_state *s = step->state;
    *s = (prelu_state){.pixels = e.n * e.h * e.w,
                       .channels = e.c,
                       .src_scale = spec->src[0].scale,
                       .dst_scale = spec->dst.scale,
                       .src = spec->src[0].dtype,
                       .dst = spec->dst.dtype};
    memcpy(s->slope, spec->weights, (size_t)e.c * sizeof(float));
    return FET_OK;
}
