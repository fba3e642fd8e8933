// SPDX-License-Identifier: Apache-2.0
/*
 * Labelled images, whatever they are stored as. A data set answers "sample i of split s" as f32 CHW and a label; splits: train, val (cut from train by seed,
 * stratified by class), test. One const table of functions a kind ("idx", "image_folder"), listed in data/registry.c. Thread-compatible.
 */
#ifndef FET_DATA_DATASET_H
#define FET_DATA_DATASET_H

#include "tensor/tensor.h"

typedef enum fet_split { FET_SPLIT_TRAIN = 0, FET_SPLIT_VAL, FET_SPLIT_TEST, FET_SPLIT_COUNT } fet_split;

typedef struct fet_dataset fet_dataset;

typedef struct fet_dataset_options {
    const char *kind;      /* "idx", "image_folder" */
    const char *path;
    double val_share;      /* of train; default 0.1 */
    uint64_t seed;         /* of the split */
    int64_t channels, height, width; /* image_folder: what samples are resized and converted to; 0: as the first image (idx: must match if given) */
} fet_dataset_options;

FET_MUST_CHECK fet_status fet_dataset_open(const fet_dataset_options *options, fet_dataset **out_dataset);
void fet_dataset_close(fet_dataset *dataset);
static inline void fet_dataset_destroy(fet_dataset *dataset)
{
    fet_dataset_close(dataset);
}
FET_DEFINE_AUTO(fet_dataset);

uint32_t fet_dataset_size(const fet_dataset *dataset, fet_split split);
uint32_t fet_dataset_n_classes(const fet_dataset *dataset);
const char *fet_dataset_class_name(const fet_dataset *dataset, uint32_t c);
fet_shape fet_dataset_sample_shape(const fet_dataset *dataset); /* C,H,W */
/* Pixels as floats (0..255 minus mean over standard deviation of the training split, per channel). */
FET_MUST_CHECK fet_status fet_dataset_read(const fet_dataset *dataset, fet_split split, uint32_t i, float *out_chw, uint32_t *out_label);

#endif
