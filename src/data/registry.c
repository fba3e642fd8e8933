// SPDX-License-Identifier: Apache-2.0
/* The kinds of data sets. */
#include "data/reader.h"

const fet_reader *const fet_readers[] = {&fet_reader_idx, &fet_reader_image_folder, NULL};

static const fet_reader *reader_at(uint32_t kind)
{
    return kind < sizeof fet_readers / sizeof fet_readers[0] ? fet_readers[kind] : NULL;
}

const char *fet_dataset_kind_name(uint32_t kind)
{
    return reader_at(kind) ? reader_at(kind)->name : NULL;
}

const char *fet_dataset_kind_help(uint32_t kind)
{
    return reader_at(kind) ? reader_at(kind)->help : NULL;
}
