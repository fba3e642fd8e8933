// SPDX-License-Identifier: Apache-2.0
/*
 * What a kind of data set is: a function that brings everything at `path` into memory as bytes. Splits, normalisation and access are
 * dataset.c's. A new kind is one file with such a table and one line in registry.c; tests/data/test_dataset.c runs over the registry.
 */
#ifndef FET_DATA_READER_H
#define FET_DATA_READER_H

#include "data/dataset.h"

typedef struct fet_image_set {
    uint8_t *pixels;  /* [count, C, H, W]; points into `memory` */
    float *numbers;   /* instead of pixels, of readers of tensors: [count, sample] */
    void *memory;     /* heap */
    uint32_t *labels; /* [count], heap */
    uint32_t count;
} fet_image_set;

typedef struct fet_image_sets {
    fet_image_set train, val, test; /* count == 0: there is none, it is to be cut from train */
    uint32_t n_classes;             /* 0: without labels; they are all 0 */
    char **class_names;             /* [n_classes], heap */
    int64_t channels, height, width;
    fet_shape sample; /* of readers of tensors, instead of these */
    size_t bytes;     /* of tensors read so far */
} fet_image_sets;

typedef struct fet_reader {
    const char *name; /* in jobs and on the command line */
    const char *help;
    bool unlabelled; /* there are no labels in data of this kind */
    bool tensors;    /* samples are numbers of any shape, given as they are: not resized, normalised or augmented */
    /* Fills `out_sets`, zeroed by the caller, who also frees it when the reader fails. Every label is < n_classes, or 0. */
    fet_status (*read)(const fet_dataset_options *options, fet_image_sets *out_sets);
} fet_reader;

extern const fet_reader fet_reader_idx;
extern const fet_reader fet_reader_image_folder;
extern const fet_reader fet_reader_images;
extern const fet_reader fet_reader_tensors;

extern const fet_reader *const fet_readers[]; /* NULL behind the last */
void fet_image_sets_clear(fet_image_sets *sets);

#endif
