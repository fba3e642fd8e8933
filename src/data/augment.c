// SPDX-License-Identifier: Apache-2.0
#include "data/augment.h"

#include <math.h>
#include <string.h>

static const double ERASE_AREA_LOW = 0.02, ERASE_AREA_HIGH = 0.33, ERASE_RATIO = 3.3;

static uint32_t clamp_side(double side, uint32_t limit)
{
    return side < 1.0 ? 1 : side > limit ? limit : (uint32_t)side;
}

void fet_augment_draw(const fet_augment_options *options, uint32_t height, uint32_t width, fet_rng *rng, fet_augmentation *out_augmentation)
{
    /* One bit of the first number mirrors, the others zoom: what images were drawn before there was a zoom stays. */
    uint32_t bits = fet_rng_u32(rng), span = 2 * options->shift + 1;
    /* A 32-bit number times a small span: the bias is below 2^-24, and the count of numbers drawn stays fixed (rejection would change it).
     */
    uint32_t x = (uint32_t)((uint64_t)fet_rng_u32(rng) * span >> 32), y = (uint32_t)((uint64_t)fet_rng_u32(rng) * span >> 32);
    double erase = fet_rng_u32(rng) * 0x1.0p-32;
    float contrast = (float)fet_rng_u32(rng) * 0x1.0p-31f - 1.0f, brightness = (float)fet_rng_u32(rng) * 0x1.0p-31f - 1.0f;
    *out_augmentation = (fet_augmentation){
        .flip = options->flip && (bits & 1u),
        .scale = options->zoom > 0 ? expf(log1pf(options->zoom) * ((float)(bits >> 1) * 0x1.0p-30f - 1.0f)) : 0.0f,
        .dx = (int32_t)x - (int32_t)options->shift,
        .dy = (int32_t)y - (int32_t)options->shift,
        .gain = 1.0f + options->light * contrast,
        .offset = options->light * brightness,
    };
    if (!(erase < (double)options->erase)) return;
    double area = (ERASE_AREA_LOW + (ERASE_AREA_HIGH - ERASE_AREA_LOW) * fet_rng_uniform(rng)) * height * width;
    double ratio = exp((2.0 * fet_rng_uniform(rng) - 1.0) * log(ERASE_RATIO));
    uint32_t h = clamp_side(sqrt(area * ratio), height), w = clamp_side(sqrt(area / ratio), width);
    out_augmentation->top = (uint32_t)(fet_rng_uniform(rng) * (height - h + 1));
    out_augmentation->left = (uint32_t)(fet_rng_uniform(rng) * (width - w + 1));
    out_augmentation->bottom = out_augmentation->top + h;
    out_augmentation->right = out_augmentation->left + w;
}

void fet_augment_levels(const float levels[256], const fet_augmentation *augmentation, float out[256])
{
    float middle = (levels[0] + levels[255]) / 2, half = (levels[255] - levels[0]) / 2;
    float offset = middle + augmentation->offset * half;
    for (int i = 0; i < 256; i++) out[i] = (levels[i] - middle) * augmentation->gain + offset;
}

static void row_through_levels(const uint8_t *restrict source, const float *restrict levels, int64_t step, int64_t n, float *restrict out)
{
    if (step > 0)
        for (int64_t i = 0; i < n; i++) out[i] = levels[source[i]];
    else
        for (int64_t i = 0; i < n; i++) out[i] = levels[source[-i]];
}

static void move_plane(const uint8_t *pixels, const float *levels, int64_t h, int64_t w, const fet_augmentation *a, float *out)
{
    int64_t dx = a->dx, dy = a->dy;
    int64_t from = dx > 0 ? (dx < w ? dx : w) : 0,
            to = dx < 0 ? (w + dx > 0 ? w + dx : 0) : w; /* columns of the result that have a source */
    for (int64_t row = 0; row < h; row++) {
        float *line = out + row * w;
        int64_t source_row = row - dy;
        if (source_row < 0 || source_row >= h) {
            memset(line, 0, (size_t)w * sizeof *line);
            continue;
        }
        const uint8_t *source = pixels + source_row * w;
        memset(line, 0, (size_t)from * sizeof *line);
        if (from < to)
            row_through_levels(a->flip ? source + (w - 1 - (from - dx)) : source + (from - dx), levels, a->flip ? -1 : 1, to - from,
                               line + from);
        memset(line + to, 0, (size_t)(w - to) * sizeof *line);
    }
}

/* Where along one axis of `n` pixels the position `i` of the result comes from: between `low` and `high`, `share` of the second. */
typedef struct tap {
    int64_t low, high;
    float share;
} tap;

/* False: from outside of the picture. */
static bool find_tap(int64_t i, int64_t n, int32_t move, float scale, tap *out_tap)
{
    float half = (float)n / 2, at = ((float)i + 0.5f - (float)move - half) / scale + half;
    if (!(at >= 0.0f && at < (float)n)) return false;
    at = fminf(fmaxf(at - 0.5f, 0.0f), (float)(n - 1));
    out_tap->low = (int64_t)at;
    out_tap->high = out_tap->low + 1 < n ? out_tap->low + 1 : out_tap->low;
    out_tap->share = at - (float)out_tap->low;
    return true;
}

static void zoom_plane(const uint8_t *pixels, const float *levels, int64_t h, int64_t w, const fet_augmentation *a, float *out)
{
    for (int64_t row = 0; row < h; row++) {
        tap y = {0}, x;
        bool has_row = find_tap(row, h, a->dy, a->scale, &y);
        for (int64_t column = 0; column < w; column++) {
            float *to = out + row * w + column;
            *to = 0.0f;
            if (!has_row || !find_tap(column, w, a->dx, a->scale, &x)) continue;
            int64_t left = a->flip ? w - 1 - x.low : x.low, right = a->flip ? w - 1 - x.high : x.high;
            const uint8_t *upper = pixels + y.low * w, *lower = pixels + y.high * w;
            float above = levels[upper[left]] + x.share * (levels[upper[right]] - levels[upper[left]]);
            float below = levels[lower[left]] + x.share * (levels[lower[right]] - levels[lower[left]]);
            *to = above + y.share * (below - above);
        }
    }
}

void fet_augment_plane(const uint8_t *pixels, const float *levels, uint32_t height, uint32_t width, const fet_augmentation *augmentation,
                       float *out)
{
    const fet_augmentation *a = augmentation;
    (a->scale > 0 ? zoom_plane : move_plane)(pixels, levels, height, width, a, out);
    for (uint32_t row = a->top; row < a->bottom; row++)
        memset(out + (size_t)row * width + a->left, 0, (size_t)(a->right - a->left) * sizeof *out);
}
