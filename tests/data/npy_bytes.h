// SPDX-License-Identifier: Apache-2.0
/* Makes .npy files byte by byte, as NumPy writes them. */
#ifndef FET_TESTS_DATA_NPY_BYTES_H
#define FET_TESTS_DATA_NPY_BYTES_H

#include "samples.h"

enum { NPY_ROOM = 1 << 16 };

/* A file of this version with this header text (padded as NumPy does, unless `raw`) and these numbers. Gives its length. */
static inline size_t npy_make(uint8_t *out, uint8_t version, const char *header, bool raw, const void *numbers, size_t bytes)
{
    size_t first = version == 1 ? 10 : 12, length = strlen(header);
    memcpy(out, "\x93NUMPY", 6);
    out[6] = version;
    out[7] = 0;
    memcpy(out + first, header, length);
    if (!raw) {
        /* Spaces and a newline up to a multiple of 64. */
        while ((first + length + 1) % 64) out[first + length++] = ' ';
        out[first + length++] = '\n';
    }
    out[8] = (uint8_t)(length & 0xff);
    out[9] = (uint8_t)(length >> 8);
    if (version > 1) out[10] = out[11] = 0;
    assert_true(first + length + bytes <= NPY_ROOM);
    memcpy(out + first + length, numbers, bytes);
    return first + length + bytes;
}

static inline void npy_write(const char *path, const char *header, const void *numbers, size_t bytes)
{
    static uint8_t file[NPY_ROOM];
    write_file(path, file, npy_make(file, 1, header, false, numbers, bytes));
}

#endif
