// SPDX-License-Identifier: Apache-2.0
/*
 * Resampling of one axis by a triangle: linear between neighbours when there are more positions than before, the mean over what falls
 * together when there are fewer (no aliasing). Two axes, one after the other, resize a picture.
 */
#ifndef FET_DATA_RESAMPLE_H
#define FET_DATA_RESAMPLE_H

#include "base/status.h"

#include <stdint.h>

/* Output position i of one axis reads `count[i]` source positions from `first[i]` on, weighted by taps[i * stride ...], which add up to 1.
 */
typedef struct fet_resample_axis {
    uint32_t n, stride;
    uint32_t *first, *count;
    float *taps;
} fet_resample_axis;

/* `axis` is cleared by the caller, also after a failure. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_resample_axis_init(fet_resample_axis *axis, uint32_t from, uint32_t to);
void fet_resample_axis_clear(fet_resample_axis *axis);

/* One plane of floats, [height of the source][width of the source] -> [y->n][x->n]; lines: room for [height of the source][x->n]. */
void fet_resample_plane(const float *source, uint32_t height, uint32_t width, const fet_resample_axis *y, const fet_resample_axis *x,
                        float *lines, float *out);

#endif
