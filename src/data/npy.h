// SPDX-License-Identifier: Apache-2.0
/*
 * NumPy's .npy: "\x93NUMPY", a version, the length of a header, the header (a Python dictionary with descr, fortran_order and shape), the
 * numbers. Read: versions 1 to 3, little-endian float32 ('<f4') and uint8 ('|u1'), row-major.
 * Source: NEP 1, A simple file format for NumPy arrays.
 */
#ifndef FET_DATA_NPY_H
#define FET_DATA_NPY_H

#include "tensor/tensor.h"

#define FET_NPY_LIMIT_BYTES ((size_t)2 << 30)
enum { FET_NPY_LIMIT_HEADER = 1 << 16 }; /* as NumPy wrote it before version 2 */

typedef struct fet_npy {
    fet_dtype dtype;      /* F32 or U8 */
    fet_shape shape;      /* rank 0: one number */
    const uint8_t *bytes; /* of the numbers, in the caller's data; not aligned */
    size_t count;         /* numbers */
} fet_npy;

/* `name` is the file, for messages. Errors: CORRUPT, UNSUPPORTED, LIMIT. */
FET_MUST_CHECK fet_status fet_npy_parse(const void *data, size_t bytes, const char *name, fet_npy *out_npy);
/* Numbers first .. first + n - 1 as floats. */
void fet_npy_read(const fet_npy *npy, size_t first, size_t n, float *out);

#endif
