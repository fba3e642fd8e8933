// SPDX-License-Identifier: Apache-2.0
/* Staircases around a kernel that a network has. */
#include "device/kit/plan.h"

enum { LIMIT_CHANNELS = 4096, LIMIT_SIDE = 1024 };
#define LIMIT_MACS 4e9 /* a kernel of half a second teaches little */

typedef enum dimension { OUTPUTS, INPUTS, CHANNELS, SIZE } dimension;

static bool is_depthwise(const fet_kernel_key *key)
{
    return key->op == FET_OP_CONV && key->group > 1 && key->group == key->ic && key->ic == key->oc;
}

/* What may vary of a kernel and leave it a kernel. */
typedef enum form {
    FIXED, /* nothing: of the long tail, or with more that has to fit together */
    DENSE,
    DEPTHWISE,
    MATRIX,
    WINDOW, /* pooling: as many channels out as in */
    GLOBAL, /* pooling of whole maps */
    SAME,   /* elementwise, casts: what goes in comes out */
    SCALED  /* resizing: by a whole factor */
} form;

static form form_of(const fet_kernel_key *key)
{
    bool plain = key->flags & FET_KERNEL_PLAIN_SRC, alike = key->ic == key->oc;
    if (plain && key->op != FET_OP_CAST) return FIXED;
    switch ((fet_op_kind)key->op) {
    case FET_OP_CONV: return key->group == 1 ? DENSE : is_depthwise(key) ? DEPTHWISE : FIXED;
    case FET_OP_GEMM: return key->ih == 1 && key->iw == 1 ? MATRIX : FIXED;
    case FET_OP_AVERAGE_POOL:
    case FET_OP_MAX_POOL: return alike ? WINDOW : FIXED;
    case FET_OP_GLOBAL_AVERAGE_POOL:
    case FET_OP_GLOBAL_MAX_POOL: return alike ? GLOBAL : FIXED;
    case FET_OP_ADD:
    case FET_OP_SUB:
    case FET_OP_MUL:
    case FET_OP_CAST: return alike && key->ih == key->oh && key->iw == key->ow ? SAME : FIXED;
    case FET_OP_RESIZE: return alike && key->ih && key->iw && key->oh % key->ih == 0 && key->ow % key->iw == 0 ? SCALED : FIXED;
    default: return FIXED;
    }
}

static bool set_side(uint32_t side, uint32_t pads, uint16_t window, uint16_t dilation, uint16_t stride, uint32_t *in, uint32_t *out)
{
    uint32_t reach = (uint32_t)(window - 1) * dilation + 1;
    if (side < 1 || side > LIMIT_SIDE || side + pads < reach) return false;
    *in = side;
    *out = (side + pads - reach) / stride + 1;
    return true;
}

/* What a window hangs over at the end belongs to one size; another one has what the convolution says, the same as before it. */
static bool set_size(fet_kernel_key *key, form kind, uint32_t height, uint32_t width)
{
    uint32_t up = kind == SCALED ? key->oh / key->ih : 1, across = kind == SCALED ? key->ow / key->iw : 1;
    if (height < 1 || width < 1 || up * height > LIMIT_SIDE || across * width > LIMIT_SIDE) return false;
    switch (kind) {
    case DENSE:
    case DEPTHWISE:
    case WINDOW:
        if (!key->sh || !key->sw) return false;
        return set_side(height, (uint32_t)key->pad_top + key->pad_bottom, key->kh, key->dh, key->sh, &key->ih, &key->oh) &&
               set_side(width, (uint32_t)key->pad_left + key->pad_right, key->kw, key->dw, key->sw, &key->iw, &key->ow);
    case GLOBAL: key->ih = height, key->iw = width; return true;
    case SAME:
    case SCALED:
        key->ih = height, key->iw = width;
        key->oh = up * height, key->ow = across * width;
        return true;
    default: return false;
    }
}

static bool set_channels(fet_kernel_key *key, dimension d, uint32_t channels)
{
    if (channels < 1 || channels > LIMIT_CHANNELS) return false;
    if (d != INPUTS) key->oc = channels;
    if (d != OUTPUTS) key->ic = channels;
    if (d == CHANNELS && key->group > 1) key->group = channels;
    return true;
}

static dimension choose(const fet_kernel_key *key, form kind, fet_rng *rng)
{
    uint32_t one_of = fet_rng_below(rng, 3);
    if (kind == MATRIX) return one_of == 0 ? INPUTS : OUTPUTS;
    if (kind == DENSE) return one_of == 0 ? SIZE : one_of == 1 ? INPUTS : OUTPUTS;
    bool can_grow = key->ih >= 4 && key->iw >= 4, mostly_size = kind == SCALED || kind == GLOBAL;
    return can_grow && one_of <= (mostly_size ? 1U : 0U) ? SIZE : CHANNELS;
}

/* Below, at and above three multiples of the factor p around c, and the middle between two. */
static uint32_t channel_points(uint32_t c, uint32_t p, uint32_t points[FET_KIT_SWEEP_POINTS])
{
    uint32_t below = c / p > 1 ? c / p * p : p, n = 0;
    points[n++] = below - 1;
    points[n++] = below;
    points[n++] = below + 1;
    points[n++] = below + p / 2;
    points[n++] = below + p - 1;
    points[n++] = below + p;
    points[n++] = below + p + 1;
    points[n++] = below + 2 * p;
    return n;
}

static uint32_t size_points(uint32_t side, uint32_t points[FET_KIT_SWEEP_POINTS])
{
    uint32_t n = 0;
    points[n++] = side / 2;
    points[n++] = side * 3 / 4;
    points[n++] = side - 1;
    points[n++] = side + 1;
    points[n++] = side * 5 / 4;
    points[n++] = side * 3 / 2;
    return n;
}

uint32_t fet_kit_sweep(const fet_kernel_key *key, uint32_t n_out, uint32_t n_in, fet_rng *rng, fet_kernel_key keys[FET_KIT_SWEEP_POINTS])
{
    uint32_t points[FET_KIT_SWEEP_POINTS], n = 0, n_points = 0;
    form kind = form_of(key);
    if (kind == FIXED) return 0;
    dimension d = choose(key, kind, rng);
    uint32_t factor = d == INPUTS ? n_in : n_out, usual = factor < 4 ? 8 : factor;
    n_points = d == SIZE ? size_points(key->ih, points) : channel_points(d == INPUTS ? key->ic : key->oc, usual, points);
    for (uint32_t i = 0; i < n_points; i++) {
        fet_kernel_key one = *key;
        uint32_t width = (uint32_t)((uint64_t)points[i] * key->iw / key->ih);
        bool valid = d == SIZE ? set_size(&one, kind, points[i], width) : set_channels(&one, d, points[i]);
        if (valid && !fet_kernel_key_equal(&one, key) && (double)fet_kernel_key_macs(&one) <= LIMIT_MACS) keys[n++] = one;
    }
    return n;
}
