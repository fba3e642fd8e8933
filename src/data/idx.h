// SPDX-License-Identifier: Apache-2.0
/*
 * IDX files (LeCun's MNIST format): two zero bytes, element type, number of dimensions, each dimension as a big-endian 32-bit number, then
 * the elements. Here: unsigned bytes only. Parsed in memory, so that a fuzzer can reach everything.
 */
#ifndef FET_DATA_IDX_H
#define FET_DATA_IDX_H

#include "base/alloc.h"

enum { FET_IDX_MAX_RANK = 3 };

typedef struct fet_idx {
    uint32_t rank;
    uint32_t dim[FET_IDX_MAX_RANK];
    const uint8_t *elements; /* into the bytes given */
    size_t count;            /* product of dim */
} fet_idx;

/* Demands `rank` dimensions, none of them 0, and exactly as many bytes as they say. `name` is the file, for messages. Errors: CORRUPT,
 * UNSUPPORTED, LIMIT. */
FET_MUST_CHECK fet_status fet_idx_parse(const void *data, size_t bytes, uint32_t rank, const char *name, fet_idx *out_idx);

#endif
