// SPDX-License-Identifier: Apache-2.0
/*
 * Normalised and augmented samples out of bytes, in one pass. Random numbers come from the stream given, so the same stream gives the same
 * sample. Erasing is random erasing (Zhong et al. 2017): a rectangle of 2-33% of the area, sides in ratio 0.3-3.3, filled with the mean
 * (0).
 */
#ifndef FET_DATA_AUGMENT_H
#define FET_DATA_AUGMENT_H

#include "base/rng.h"
#include "data/loader.h"

/* A drawn augmentation: what is done to one sample. */
typedef struct fet_augmentation {
    bool flip;
    int32_t dx, dy;                    /* the picture moves right and down by this much */
    uint32_t top, left, bottom, right; /* erased; empty when top == bottom */
    float scale;                       /* of the picture about its middle; 0: as it is */
    float gain, offset;                /* of the pixels' contrast, and in halves of their range; 1 and 0: as they are */
} fet_augmentation;

/* Draws the same count of numbers whatever is switched on, so that switching one part on leaves the others as they were. */
void fet_augment_draw(const fet_augment_options *options, uint32_t height, uint32_t width, fet_rng *rng,
                      fet_augmentation *out_augmentation);

/* The levels of one channel under the sample's light; where the middle of the range lies stays, but for the offset. */
void fet_augment_levels(const float levels[256], const fet_augmentation *augmentation, float out[256]);

/*
 * One channel: bytes through `levels` into `out`; flipped, scaled (linear between pixels), then moved; what the picture does not reach, and
 * what is erased, is 0.
 */
void fet_augment_plane(const uint8_t *pixels, const float *levels, uint32_t height, uint32_t width, const fet_augmentation *augmentation,
                       float *out);

#endif
