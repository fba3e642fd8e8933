// SPDX-License-Identifier: Apache-2.0
/*
 * A dense array of numbers in plain row-major order, 64-byte aligned, reference-counted.
 * Data is written by whoever created it before it is shared; afterwards it is read only. The count itself is thread-safe.
 */
#ifndef FET_TENSOR_TENSOR_H
#define FET_TENSOR_TENSOR_H

#include "base/alloc.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

/* No single tensor of ours is larger; a file that asks for more is refused. */
#define FET_TENSOR_LIMIT_BYTES ((size_t)4 << 30)

typedef struct fet_tensor {
    fet_dtype dtype;
    fet_shape shape;
    void *data;
    size_t bytes;
    uint32_t references; /* atomic; only retain and release touch it */
} fet_tensor;

/* Zero-filled, one reference. Errors: LIMIT, NOMEM. */
FET_MUST_CHECK fet_status fet_tensor_create(fet_dtype dtype, const fet_shape *shape, fet_tensor **out_tensor);
FET_MUST_CHECK fet_status fet_tensor_copy(const fet_tensor *source, fet_tensor **out_tensor);
fet_tensor *fet_tensor_retain(fet_tensor *tensor);
void fet_tensor_release(fet_tensor *tensor); /* NULL is fine */
static inline void fet_tensor_destroy(fet_tensor *tensor)
{
    fet_tensor_release(tensor);
}
FET_DEFINE_AUTO(fet_tensor);

static inline float *fet_tensor_f32(const fet_tensor *tensor)
{
    return tensor->data;
}
static inline int64_t *fet_tensor_s64(const fet_tensor *tensor)
{
    return tensor->data;
}
static inline int64_t fet_tensor_elements(const fet_tensor *tensor)
{
    return fet_shape_elements(&tensor->shape);
}

#endif
