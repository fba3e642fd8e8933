// SPDX-License-Identifier: Apache-2.0
/*
 * Batches of a split, in an order and with an augmentation that are pure functions of (seed, trial, epoch, position): shuffled for
 * training, as stored for evaluation. The last, smaller batch of an epoch is dropped in training and padded (count says how many are real)
 * in evaluation.
 */
#ifndef FET_DATA_LOADER_H
#define FET_DATA_LOADER_H

#include "data/dataset.h"

typedef struct fet_augment_options {
    bool flip;      /* horizontal, half of the samples */
    uint32_t shift; /* random translation by up to this many pixels, edges filled with the padding value 0 after normalisation */
    float erase;    /* probability of a random erased rectangle */
    float zoom;     /* random size: from 1 / (1 + zoom) to 1 + zoom times as large, the logarithm evenly spread; edges as with shift */
    float light;    /* random contrast by up to this share, and brightness by up to this share of half of the pixels' range */
    float mix;      /* probability that an image is mixed with the next one of its batch, pixel by pixel, its share even between 0 and 1
                       (mixup, Zhang et al. 2018; what a teacher answers to such images: Beyer et al. 2022) */
} fet_augment_options;

typedef struct fet_loader_options {
    fet_split split;
    int64_t batch;
    bool shuffle;
    uint64_t seed, trial;
    fet_augment_options augment; /* of images as the data has them, before they are resized; tensors stay as they are */
    int64_t height, width;       /* what samples are resized to (data/resample.h); 0: as the data has them */
} fet_loader_options;

typedef struct fet_loader fet_loader;

typedef struct fet_batch {
    const float *images;    /* [batch, C, H, W], H and W as asked for */
    const uint32_t *labels; /* [batch] */
    const uint32_t *others; /* [batch] labels of what each image is mixed with; NULL where nothing is mixed */
    const float *shares;    /* [batch] of the image itself in the mixture, 1: unmixed; NULL as above */
    uint32_t count;         /* real samples, the first ones */
} fet_batch;

FET_MUST_CHECK fet_status fet_loader_create(const fet_dataset *dataset, const fet_loader_options *options, fet_loader **out_loader);
void fet_loader_destroy(fet_loader *loader);
FET_DEFINE_AUTO(fet_loader);
uint32_t fet_loader_batches_per_epoch(const fet_loader *loader);
/* Batch b of epoch e; buffers stay valid until the next call. Random access, so a resumed training reads the same. */
FET_MUST_CHECK fet_status fet_loader_batch(fet_loader *loader, uint32_t epoch, uint32_t b, fet_batch *out_batch);

#endif
