// SPDX-License-Identifier: Apache-2.0
/*
 * Samples, whatever they are stored as: labelled images, images without labels, tensors. A data set answers "sample i of split s" as f32
 * (CHW for images) and a label (0 where there are none); splits: train, val (cut from train by seed, stratified by class), test. One const
 * table of functions a kind ("idx", "images"), listed in data/registry.c. Everything is decoded once and kept in memory
 * (FET_DATA_LIMIT_BYTES), images as bytes. Immutable after open: many threads may read.
 */
#ifndef FET_DATA_DATASET_H
#define FET_DATA_DATASET_H

#include "tensor/tensor.h"

typedef enum fet_split { FET_SPLIT_TRAIN = 0, FET_SPLIT_VAL, FET_SPLIT_TEST, FET_SPLIT_COUNT } fet_split;

/* Decoded pixels of all splits together; more is refused with the figure, before anything is decoded. */
#define FET_DATA_LIMIT_BYTES ((size_t)2 << 30)
enum {
    FET_DATA_LIMIT_SAMPLES = 1 << 28, /* each has its own range of random numbers, see loader.c */
    FET_DATA_LIMIT_SIDE = 1 << 14,    /* height and width of an image, in pixels */
    FET_DATA_LIMIT_CLASSES = 1 << 16,
    FET_DATA_MAX_CHANNELS = 3,
};

typedef struct fet_dataset fet_dataset;

typedef struct fet_dataset_options {
    const char *kind; /* "idx", "image_folder", "images", "tensors" */
    const char *path;
    double val_share; /* of train, for a source without a val split of its own; 0: the default, 0.1; negative: none */
    double
        test_share; /* of all, for a source without a test split of its own (image_folder without train/ and test/); 0: the default, 0.2 */
    uint64_t seed;  /* of the splits */
    int64_t channels, height,
        width;         /* image_folder: what samples are resized and converted to; 0: as the first image (idx: must match if given) */
    fet_shape sample;  /* tensors: shape of a sample; rank 0: channels, height and width, or as the first file has it */
    bool keep_smaller; /* image files: where all are smaller than that both ways, the largest height and width instead; the loader enlarges
                        */
    /* What 0..255 is normalised with: (pixel - mean) / std, one for all channels or one each; n 0: the training split's own figures. */
    uint32_t n_mean, n_std;
    double mean[FET_DATA_MAX_CHANNELS], std[FET_DATA_MAX_CHANNELS];
} fet_dataset_options;

FET_MUST_CHECK fet_status fet_dataset_open(const fet_dataset_options *options, fet_dataset **out_dataset);
void fet_dataset_close(fet_dataset *dataset);
static inline void fet_dataset_destroy(fet_dataset *dataset)
{
    fet_dataset_close(dataset);
}
FET_DEFINE_AUTO(fet_dataset);

uint32_t fet_dataset_size(const fet_dataset *dataset, fet_split split);
uint32_t fet_dataset_n_classes(const fet_dataset *dataset); /* 0: without labels */
const char *fet_dataset_class_name(const fet_dataset *dataset, uint32_t c);
fet_shape fet_dataset_sample_shape(const fet_dataset *dataset); /* C,H,W; any rank for tensors */
/* Pixels as floats (0..255 minus mean over standard deviation, per channel: the training split's, or what the options say). ARG when `i` is
 * out of range. */
FET_MUST_CHECK fet_status fet_dataset_read(const fet_dataset *dataset, fet_split split, uint32_t i, float *out_chw, uint32_t *out_label);

bool fet_dataset_has_images(const fet_dataset *dataset); /* false: samples are tensors of any rank, given as they are */
/* The same, without copies or checks, for the loader: bytes of sample i (C,H,W), its label, and what each byte of channel c becomes. */
const float *fet_dataset_numbers(const fet_dataset *dataset, fet_split split, uint32_t i); /* of tensors; these have no bytes or levels */
const uint8_t *fet_dataset_pixels(const fet_dataset *dataset, fet_split split, uint32_t i);
uint32_t fet_dataset_label(const fet_dataset *dataset, fet_split split, uint32_t i);
const float *fet_dataset_levels(const fet_dataset *dataset, uint32_t c); /* [256] */
/* Mean and standard deviation (of 0..255) that channel c is normalised with; an exported model's card states them. */
void fet_dataset_normalisation(const fet_dataset *dataset, uint32_t c, double *out_mean, double *out_deviation);

const char *fet_split_name(fet_split split); /* "train", "val", "test" */
bool fet_split_parse(const char *name, fet_split *out_split);
/* The kinds there are: name and one line of help; NULL behind the last. */
const char *fet_dataset_kind_name(uint32_t kind);
const char *fet_dataset_kind_help(uint32_t kind);
bool fet_dataset_kind_is_tensors(const char *kind);
bool fet_dataset_kind_has_labels(const char *kind);

#endif
