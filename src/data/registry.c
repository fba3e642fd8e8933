// SPDX-License-Identifier: Apache-2.0
/* The kinds of data sets. */
#include "data/reader.h"

#include <string.h>

const fet_reader *const fet_readers[] = {&fet_reader_idx, &fet_reader_image_folder, &fet_reader_images, &fet_reader_tensors, NULL};

static const fet_reader *reader_at(uint32_t kind)
{
    return kind < sizeof fet_readers / sizeof fet_readers[0] ? fet_readers[kind] : NULL;
}

const char *fet_dataset_kind_name(uint32_t kind)
{
    return reader_at(kind) ? reader_at(kind)->name : NULL;
}

static const fet_reader *reader_of(const char *kind)
{
    for (uint32_t k = 0; kind && fet_readers[k]; k++)
        if (strcmp(kind, fet_readers[k]->name) == 0) return fet_readers[k];
    return NULL;
}

bool fet_dataset_kind_is_tensors(const char *kind)
{
    return reader_of(kind) && reader_of(kind)->tensors;
}

bool fet_dataset_kind_has_labels(const char *kind)
{
    return reader_of(kind) && !reader_of(kind)->unlabelled;
}

const char *fet_dataset_kind_help(uint32_t kind)
{
    return reader_at(kind) ? reader_at(kind)->help : NULL;
}
