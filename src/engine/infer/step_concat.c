// SPDX-License-Identifier: Apache-2.0
/*
 * Concatenation of channels. oneDNN's concat cannot bring int8 parts to one scale; these loops copy runs of channels, and requantise only
 * where the scales differ.
 */
#include "base/clones.h"
#include "engine/infer/build.h"

#include <math.h>
#include <string.h>

typedef struct concat_part {
    int64_t first, channels; /* where they go, how many */
    float factor;            /* int8: to the result's units; 1: copied */
    bool is_signed;
} concat_part;

typedef struct concat_state {
    fet_extent dst;
    size_t item;
    bool dst_signed;
    uint32_t n;
    concat_part part[]; /* [n] */
} concat_state;

FET_CLONES static void requantise(const void *from, int64_t count, const concat_part *part, bool dst_signed, uint8_t *dst)
{
    const uint8_t *u = from;
    const int8_t *s = from;
    float low = dst_signed ? -128.0f : 0.0f, high = dst_signed ? 127.0f : 255.0f;
    for (int64_t i = 0; i < count; i++) {
        float x = rintf((part->is_signed ? (float)s[i] : (float)u[i]) * part->factor);
        x = x < low ? low : x > high ? high : x;
        dst[i] = (uint8_t)(int)x;
    }
}

static void run_part(const concat_state *s, const concat_part *part, const uint8_t *src, uint8_t *dst)
{
    int64_t pixels = s->dst.n * s->dst.h * s->dst.w;
    size_t from = (size_t)part->channels * s->item, to = (size_t)s->dst.c * s->item;
    dst += (size_t)part->first * s->item;
    for (int64_t p = 0; p < pixels; p++, src += from, dst += to) {
        if (part->factor == 1.0f) memcpy(dst, src, from);
        else requantise(src, part->channels, part, s->dst_signed, dst);
    }
}

static void run_concat(const fet_step *step)
{
    const concat_state *s = step->state;
    for (uint32_t i = 0; i < s->n; i++) run_part(s, &s->part[i], step->data[i], step->data[s->n]);
}

fet_status fet_step_build_concat(const fet_step_spec *spec, fet_step *step)
{
    FET_TRY(fet_step_set_own(step, run_concat, sizeof(concat_state) + spec->n_src * sizeof(concat_part)));
    concat_state *s = step->state;
    s->dst = fet_format_extent(&spec->dst);
    s->item = fet_dtype_bytes(spec->dst.dtype);
    s->dst_signed = spec->dst.dtype == FET_DTYPE_S8;
    s->n = spec->n_src;
    int64_t at = 0;
    for (uint32_t i = 0; i < spec->n_src; i++) {
        int64_t channels = fet_format_extent(&spec->src[i]).c;
        bool same = spec->src[i].dtype == spec->dst.dtype && spec->src[i].scale == spec->dst.scale;
        s->part[i] = (concat_part){.first = at,
                                   .channels = channels,
                                   .factor = same ? 1.0f : spec->src[i].scale / spec->dst.scale,
                                   .is_signed = spec->src[i].dtype == FET_DTYPE_S8};
        /* Differing types of equal scale still need the saturation. */
        if (!same && s->part[i].factor == 1.0f) s->part[i].factor = 1.0f + 0x1p-23f;
        at += channels;
    }
    return FET_OK;
}
