// SPDX-License-Identifier: Apache-2.0
/* Separable resampling: rows first, into floats, then columns. */
#include "data/image.h"
#include "data/resample.h"

#include <math.h>

/* lines: [height of the source][width of the result], one channel. */
static void resize_rows(const fet_image *image, uint32_t channel, const fet_resample_axis *x, float *lines)
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

static void resize_columns(const float *lines, uint32_t width, const fet_resample_axis *y, uint8_t *plane)
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
    fet_resample_axis x = {0}, y = {0};
    float *lines = NULL;
    fet_status status = fet_resample_axis_init(&x, image->width, width);
    if (status == FET_OK) status = fet_resample_axis_init(&y, image->height, height);
    if (status == FET_OK) status = fet_alloc_zeroed((size_t)image->height * width, sizeof *lines, "resizing", &lines);
    for (uint32_t c = 0; status == FET_OK && c < image->channels; c++) {
        resize_rows(image, c, &x, lines);
        resize_columns(lines, width, &y, out_planes + (size_t)c * height * width);
    }
    fet_resample_axis_clear(&x);
    fet_resample_axis_clear(&y);
    fet_free(lines);
    return status;
}
