// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an IDX file, plain or gzip: read or refused, never more. */
#include "data/gunzip.h"
#include "data/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { LIMIT_BYTES = 1 << 20 };

static void parse(const uint8_t *data, size_t bytes)
{
    for (uint32_t rank = 1; rank <= FET_IDX_MAX_RANK; rank++) {
        fet_idx idx;
        if (fet_idx_parse(data, bytes, rank, "x", &idx) != FET_OK) continue;
        /* Every element can be read. */
        volatile uint8_t last = idx.elements[idx.count - 1];
        (void)last;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    parse(data, bytes);
    uint8_t *inflated = NULL;
    size_t made = 0;
    if (fet_gunzip(data, bytes, LIMIT_BYTES, "x", &inflated, &made) == FET_OK) {
        parse(inflated, made);
        fet_free(inflated);
    }
    return 0;
}
