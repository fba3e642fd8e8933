// SPDX-License-Identifier: Apache-2.0
/* The dimensions of a tensor: static, row-major, NCHW for feature maps as in ONNX. A plain value. */
#ifndef FET_TENSOR_SHAPE_H
#define FET_TENSOR_SHAPE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FET_MAX_RANK = 8 };

typedef struct fet_shape {
    uint32_t rank; /* 0: a scalar */
    int64_t dim[FET_MAX_RANK];
} fet_shape;

fet_shape fet_shape_make(uint32_t rank, const int64_t *dim);
static inline fet_shape fet_shape_1d(int64_t a)
{
    return (fet_shape){.rank = 1, .dim = {a}};
}
static inline fet_shape fet_shape_2d(int64_t a, int64_t b)
{
    return (fet_shape){.rank = 2, .dim = {a, b}};
}
static inline fet_shape fet_shape_4d(int64_t n, int64_t c, int64_t h, int64_t w)
{
    return (fet_shape){.rank = 4, .dim = {n, c, h, w}};
}

bool fet_shape_equal(const fet_shape *a, const fet_shape *b);
int64_t fet_shape_elements(const fet_shape *shape); /* product; 1 for a scalar; shapes in a verified graph never overflow */

/* LIMIT when a dimension is negative or the product of dimensions times `item_bytes` does not fit into `limit_bytes`; names `what`. */
FET_MUST_CHECK fet_status fet_shape_check(const fet_shape *shape, size_t item_bytes, size_t limit_bytes, const char *what);

/* "1x32x28x28"; "scalar" for rank 0. Writes at most `bytes`, returns `text`. */
enum { FET_SHAPE_TEXT_BYTES = 168 };
const char *fet_shape_print(const fet_shape *shape, char *text, size_t bytes);
FET_MUST_CHECK fet_status fet_shape_parse(const char *text, fet_shape *out_shape);

#endif
