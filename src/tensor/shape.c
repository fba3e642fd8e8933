// SPDX-License-Identifier: Apache-2.0
#include "tensor/shape.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

fet_shape fet_shape_make(uint32_t rank, const int64_t *dim)
{
    fet_shape shape = {.rank = rank};
    memcpy(shape.dim, dim, rank * sizeof *dim);
    return shape;
}

bool fet_shape_equal(const fet_shape *a, const fet_shape *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, a->rank * sizeof *a->dim) == 0;
}

int64_t fet_shape_elements(const fet_shape *shape)
{
    int64_t elements = 1;
    for (uint32_t i = 0; i < shape->rank; i++) elements *= shape->dim[i];
    return elements;
}

fet_status fet_shape_check(const fet_shape *shape, size_t item_bytes, size_t limit_bytes, const char *what)
{
    size_t bytes = item_bytes;
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0)
            return fet_fail(FET_ERROR_LIMIT, "%s: dimension %u is %" PRId64 ", expected 0 or more", what, i, shape->dim[i]);
        if (!fet_multiply_checked(bytes, (size_t)shape->dim[i], &bytes) || bytes > limit_bytes)
            return fet_fail(FET_ERROR_LIMIT, "%s: more than %zu bytes, the limit for a tensor", what, limit_bytes);
    }
    return FET_OK;
}

const char *fet_shape_print(const fet_shape *shape, char *text, size_t bytes)
{
    size_t used = 0;
    if (shape->rank == 0) snprintf(text, bytes, "scalar");
    for (uint32_t i = 0; i < shape->rank && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%" PRId64, i ? "x" : "", shape->dim[i]);
    return text;
}

fet_status fet_shape_parse(const char *text, fet_shape *out_shape)
{
    fet_shape shape = {0};
    const char *at = text;
    for (;;) {
        char *end = NULL;
        long long value = *at >= '0' && *at <= '9' ? strtoll(at, &end, 10) : -1;
        if (value < 1 || value > INT32_MAX || shape.rank == FET_MAX_RANK)
            return fet_fail(FET_ERROR_ARG, "\"%s\" is no shape: expected up to %d positive sizes joined by x, such as 1x3x224x224", text,
                            FET_MAX_RANK);
        shape.dim[shape.rank++] = value;
        if (*end == '\0') break;
        at = *end == 'x' ? end + 1 : "";
    }
    *out_shape = shape;
    return FET_OK;
}
