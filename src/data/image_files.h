// SPDX-License-Identifier: Apache-2.0
/* Image files on disk as samples: what the readers of labelled and of unlabelled folders share. */
#ifndef FET_DATA_IMAGE_FILES_H
#define FET_DATA_IMAGE_FILES_H

#include "data/folder.h"
#include "data/reader.h"

bool fet_image_files_wants(const char *name); /* .jpg, .jpeg, .png */

/* The sample shape: what was asked for, the rest as the first image of the first list has it; see also `keep_smaller` of the options. */
FET_MUST_CHECK fet_status fet_image_files_shape(const fet_dataset_options *options, const fet_names *const lists[], uint32_t n_lists,
                                                fet_image_sets *sets);
/* LIMIT when n images of the sets' shape are too much. */
FET_MUST_CHECK fet_status fet_image_files_check(const char *root, const fet_image_sets *sets, size_t n);
/* Decodes and resizes all files. `labels`: [paths->count], heap, taken over; NULL: zeros. */
FET_MUST_CHECK fet_status fet_image_files_decode(const fet_names *paths, uint32_t *labels, const fet_image_sets *sets,
                                                 fet_image_set *out_set);

#endif
