// SPDX-License-Identifier: Apache-2.0
/*
 * Depthwise convolution by our own loops: oneDNN reaches a third of their speed, and a fortieth for the gradient of kernels above 3.
 * Channels lie across a vector; the rows of one vector of channels are widened to f32 with their padding once, and every tap reads them
 * from the L1 cache.
 */
#ifndef FET_ENGINE_TRAIN_DEPTHWISE_H
#define FET_ENGINE_TRAIN_DEPTHWISE_H

#include "tensor/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the feature maps lie: images of panels; a panel is `pixel` numbers apart from pixel to pixel. */
typedef struct fet_dw_pass {
    fet_dtype dtype;
    bool blocked;
    int64_t images, channels, block; /* channels: in memory */
    int64_t h, w, oh, ow, kh, kw, sh, sw, dh, dw, top, left;
    int64_t lanes;        /* channels between taps in weights: channels rounded up to 16 */
    const float *weights; /* [kh * kw][lanes] */
    const float *bias;    /* [lanes] or NULL */
    const void *src;
    void *dst;
    const void *diff_dst;
    void *diff_src;      /* NULL: not wanted */
    float *diff_weights; /* [kh * kw][lanes], added to; NULL: not wanted */
    float *diff_bias;    /* [lanes], added to; NULL */
    float *room;         /* as many numbers of working space as dw_room says */
} fet_dw_pass;

#endif
