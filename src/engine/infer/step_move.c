// SPDX-License-Identifier: Apache-2.0
/* Kernels that only move numbers in the fast layout: borders around maps, shuffled channels, a run of channels. */
#include "engine/infer/build.h"

#include <math.h>
#include <string.h>

typedef struct pad_state {
    fet_extent src, dst;
    int64_t top, left;
    size_t pixel;           /* bytes */
    unsigned char filler[]; /* a row of the result */
} pad_state;

static void run_pad(const fet_step *step)
{
    const pad_state *s = step->state;
    const unsigned char *src = step->data[0];
    unsigned char *dst = step->data[1];
    size_t row = (size_t)s->dst.w * s->pixel, inner = (size_t)s->src.w * s->pixel, left = (size_t)s->left * s->pixel;
    for (int64_t n = 0; n < s->dst.n; n++)
        for (int64_t y = 0; y < s->dst.h; y++, dst += row) {
            bool inside = y >= s->top && y < s->top + s->src.h;
            memcpy(dst, s->filler, inside ? left : row);
            if (!inside) continue;
            memcpy(dst + left, src, inner);
            memcpy(dst + left + inner, s->filler, row - left - inner);
            src += inner;
        }
}

/* The constant around the map, in the form of its elements. */
static void fill(const fet_format *format, float value, unsigned char *row, int64_t count)
{
    float steps = nearbyintf(value / format->scale);
    for (int64_t i = 0; i < count; i++) {
        if (format->dtype == FET_DTYPE_F32) ((float *)(void *)row)[i] = value;
        else if (format->dtype == FET_DTYPE_BF16) ((uint16_t *)(void *)row)[i] = fet_bf16_from_f32(value);
        else if (format->dtype == FET_DTYPE_S8) row[i] = (uint8_t)(int8_t)fminf(127.0f, fmaxf(-128.0f, steps));
        else row[i] = (uint8_t)fminf(255.0f, fmaxf(0.0f, steps));
    }
}

fet_status fet_step_build_pad(const fet_step_spec *spec, fet_step *step)
{
    fet_extent src = fet_format_extent(&spec->src[0]), dst = fet_format_extent(&spec->dst);
    size_t item = fet_dtype_bytes(spec->dst.dtype);
    FET_TRY(fet_step_set_own(step, run_pad, sizeof(pad_state) + (size_t)(dst.w * dst.c) * item));
    pad_state *s = step->state;
    *s = (pad_state){.src = src, .dst = dst, .top = spec->key->pad_top, .left = spec->key->pad_left, .pixel = (size_t)dst.c * item};
    bool given = spec->node && spec->node->n_inputs > 2 && spec->node->inputs[2] != FET_NONE;
    const fet_tensor *value = given ? fet_graph_constant(spec->graph, spec->node->inputs[2]) : NULL;
    fill(&spec->dst, value ? fet_tensor_f32(value)[0] : 0.0f, s->filler, dst.w * dst.c);
    return FET_OK;
}

/* Result channel c of every pixel is the source's channel from[c]. */
typedef struct channels_state {
    int64_t pixels, src_channels, channels;
    size_t item;
    bool run; /* neighbours stay neighbours */
    uint32_t from[];
} channels_state;

static void run_channels(const fet_step *step)
{
    const channels_state *s = step->state;
    const unsigned char *src = step->data[0];
    unsigned char *dst = step->data[1];
    for (int64_t p = 0; p < s->pixels; p++, src += (size_t)s->src_channels * s->item, dst += (size_t)s->channels * s->item) {
        if (s->run) memcpy(dst, src + s->from[0] * s->item, (size_t)s->channels * s->item);
        else if (s->item == 4)
            for (int64_t c = 0; c < s->channels; c++) memcpy(dst + 4 * c, src + 4 * (size_t)s->from[c], 4);
        else if (s->item == 2)
            for (int64_t c = 0; c < s->channels; c++) memcpy(dst + 2 * c, src + 2 * (size_t)s->from[c], 2);
        else
            for (int64_t c = 0; c < s->channels; c++) dst[c] = src[s->from[c]];
    }
}

fet_status fet_step_build_channels(const fet_step_spec *spec, fet_step *step)
{
    fet_extent src = fet_format_extent(&spec->src[0]), dst = fet_format_extent(&spec->dst);
    const fet_kernel_key *key = spec->key;
    uint32_t groups = key->extra, channels = key->oc;
    bool run = key->op == FET_OP_SLICE;
    if (run ? key->extra + channels > key->ic : groups == 0 || channels != key->ic || channels % groups)
        return fet_fail(FET_ERROR_ARG, "node \"%s\": %u channels of %u, %u", spec->name, channels, key->ic, key->extra);
    FET_TRY(fet_step_set_own(step, run_channels, sizeof(channels_state) + channels * sizeof(uint32_t)));
    channels_state *s = step->state;
    *s = (channels_state){
        .pixels = dst.n * dst.h * dst.w, .src_channels = src.c, .channels = channels, .item = fet_dtype_bytes(spec->dst.dtype), .run = run};
    for (uint32_t c = 0; c < channels; c++) s->from[c] = run ? key->extra + c : c % groups * (channels / groups) + c / groups;
    return FET_OK;
}
