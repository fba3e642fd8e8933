// SPDX-License-Identifier: Apache-2.0
/* Separable resampling: rows first, into floats, then columns. One table of taps an axis. */
#include "data/image.h"

#include <math.h>
#include <string.h>

/* Output position i of one axis reads `count[i]` source positions from `first[i]` on, weighted by taps[i * stride ...], which add up to 1.
 */
typedef struct axis {
    uint32_t n, stride;
    uint32_t *first, *count;
    float *taps;
} axis;

static void axis_clear(axis *a)
{
    fet_free(a->first);
    fet_free(a->count);
    fet_free(a->taps);
}

static fet_status axis_init(axis *a, uint32_t from, uint32_t to)
{
    double scale = (double)from / to, radius = fmax(scale, 1.0);
    *a = (axis){.n = to, .stride = (uint32_t)ceil(radius) * 2 + 1};
    FET_TRY(fet_alloc_zeroed(to, sizeof *a->first, "resizing", &a->first));
    FET_TRY(fet_alloc_zeroed(to, sizeof *a->count, "resizing", &a->count));
    FET_TRY(fet_alloc_zeroed((size_t)to * a->stride, sizeof *a->taps, "resizing", &a->taps));
    for (uint32_t i = 0; i < to; i++) {
        double centre = (i + 0.5) * scale;
        int64_t low = (int64_t)floor(centre - radius + 0.5), high = (int64_t)floor(centre + radius + 0.5);
        if (low < 0) low = 0;
        if (high > from) high = from;
        double sum = 0.0;
        for (int64_t s = low; s < high; s++) {
            double weight = fmax(0.0, 1.0 - fabs((double)s + 0.5 - centre) / radius);
            a->taps[(size_t)i * a->stride + (size_t)(s - low)] = (float)weight;
            sum += weight;
        }
        a->first[i] = (uint32_t)low;
        a->count[i] = (uint32_t)(high - low);
        for (uint32_t t = 0; t < a->count[i]; t++) a->taps[(size_t)i * a->stride + t] /= (float)sum;
    }
    return FET_OK;
}

/* lines: [height of the source][width of the result], one channel. */
static void resize_rows(const fet_image *image, uint32_t channel, const axis *x, float *lines)
{
    for (uint32_t row = 0; row < image->height; row++) {
        const uint8_t *source = image->pixels + (size_t)row * image->width * image->channels + channel;
        for (uint32_t i = 0; i < x->n; i++) {
            const float *taps = x->taps + (size_t)i * x->stride;
            const uint8_t *s = source + (size_t)x->first[i] * image->channels;
            float sum = 0.0f;
            for (uint32_t t = 0; t < x->count[i]; t++) sum += taps[t] * s[(size_t)t * image->channels];
            lines[(size_t)row * x->n + i] = sum;
        }
    }
}

static void resize_columns(const float *lines, uint32_t width, const axis *y, uint8_t *plane)
{
    for (uint32_t i = 0; i < y->n; i++) {
        const float *taps = y->taps + (size_t)i * y->stride;
        for (uint32_t column = 0; column < width; column++) {
            const float *s = lines + (size_t)y->first[i] * width + column;
            float sum = 0.0f;
            for (uint32_t t = 0; t < y->count[i]; t++) sum += taps[t] * s[(size_t)t * width];
            /* Weights are positive and add up to 1, so only rounding can leave 0..255. */
            plane[(size_t)i * width + column] = (uint8_t)fminf(fmaxf(sum + 0.5f, 0.0f), 255.0f);
        }
    }
}

static void copy_planes(const fet_image *image, uint8_t *planes)
{
    size_t plane = (size_t)image->height * image->width;
    for (uint32_t c = 0; c < image->channels; c++)
        for (size_t p = 0; p < plane; p++) planes[c * plane + p] = image->pixels[p * image->channels + c];
}

fet_status fet_image_resize_planes(const fet_image *image, uint32_t height, uint32_t width, uint8_t *out_planes)
{
    if (image->height == height && image->width == width) {
        copy_planes(image, out_planes);
        return FET_OK;
    }
    axis x = {0}, y = {0};
    float *lines = NULL;
    fet_status status = axis_init(&x, image->width, width);
    if (status == FET_OK) status = axis_init(&y, image->height, height);
    if (status == FET_OK) status = fet_alloc_zeroed((size_t)image->height * width, sizeof *lines, "resizing", &lines);
    for (uint32_t c = 0; status == FET_OK && c < image->channels; c++) {
        resize_rows(image, c, &x, lines);
        resize_columns(lines, width, &y, out_planes + (size_t)c * height * width);
    }
    axis_clear(&x);
    axis_clear(&y);
    fet_free(lines);
    return status;
}
