// SPDX-License-Identifier: Apache-2.0
#include "data/resample.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

void fet_resample_axis_clear(fet_resample_axis *a)
{
    fet_free(a->first);
    fet_free(a->count);
    fet_free(a->taps);
    *a = (fet_resample_axis){0};
}

fet_status fet_resample_axis_init(fet_resample_axis *a, uint32_t from, uint32_t to)
{
    double scale = (double)from / to, radius = fmax(scale, 1.0);
    *a = (fet_resample_axis){.n = to, .stride = (uint32_t)ceil(radius) * 2 + 1};
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

void fet_resample_plane(const float *source, uint32_t height, uint32_t width, const fet_resample_axis *y, const fet_resample_axis *x,
                        float *lines, float *out)
{
    for (uint32_t row = 0; row < height; row++)
        for (uint32_t i = 0; i < x->n; i++) {
            const float *taps = x->taps + (size_t)i * x->stride, *s = source + (size_t)row * width + x->first[i];
            float sum = 0.0f;
            for (uint32_t t = 0; t < x->count[i]; t++) sum += taps[t] * s[t];
            lines[(size_t)row * x->n + i] = sum;
        }
    memset(out, 0, (size_t)y->n * x->n * sizeof *out);
    for (uint32_t i = 0; i < y->n; i++)
        for (uint32_t t = 0; t < y->count[i]; t++) {
            const float *s = lines + ((size_t)y->first[i] + t) * x->n;
            float tap = y->taps[(size_t)i * y->stride + t], *line = out + (size_t)i * x->n;
            for (uint32_t column = 0; column < x->n; column++) line[column] += tap * s[column];
        }
}
