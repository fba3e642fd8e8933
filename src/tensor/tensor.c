// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"

#include <string.h>

fet_status fet_tensor_create(fet_dtype dtype, const fet_shape *shape, fet_tensor **out_tensor)
{
    FET_TRY(fet_shape_check(shape, fet_dtype_bytes(dtype), FET_TENSOR_LIMIT_BYTES, "a tensor"));
    size_t bytes = (size_t)fet_shape_elements(shape) * fet_dtype_bytes(dtype);
    fet_tensor *tensor = fet_malloc(sizeof *tensor);
    void *data = tensor ? fet_large_malloc(bytes) : NULL;
    if (!data) {
        fet_free(tensor);
        return fet_fail(FET_ERROR_NOMEM, "no memory for a tensor of %zu bytes", bytes);
    }
    memset(data, 0, bytes);
    *tensor = (fet_tensor){.dtype = dtype, .shape = *shape, .data = data, .bytes = bytes, .references = 1};
    *out_tensor = tensor;
    return FET_OK;
}

fet_status fet_tensor_copy(const fet_tensor *source, fet_tensor **out_tensor)
{
    fet_tensor *copy = NULL;
    FET_TRY(fet_tensor_create(source->dtype, &source->shape, &copy));
    memcpy(copy->data, source->data, source->bytes);
    *out_tensor = copy;
    return FET_OK;
}

fet_tensor *fet_tensor_retain(fet_tensor *tensor)
{
    if (tensor) __atomic_fetch_add(&tensor->references, 1, __ATOMIC_RELAXED);
    return tensor;
}

void fet_tensor_release(fet_tensor *tensor)
{
    if (!tensor || __atomic_sub_fetch(&tensor->references, 1, __ATOMIC_ACQ_REL) > 0) return;
    fet_free(tensor->data);
    fet_free(tensor);
}
