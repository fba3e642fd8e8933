// SPDX-License-Identifier: Apache-2.0
/* TensorProto to tensors: raw bytes or typed lists, always as many numbers as the dimensions say. */
#include "format/onnx/wire.h"

#include <inttypes.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian, and is copied as it is");

static const struct {
    fet_dtype dtype;
    const char *name;
} types[] = {
    [1] = {FET_DTYPE_F32, "float"},      [2] = {FET_DTYPE_U8, "uint8"},        [3] = {FET_DTYPE_S8, "int8"},
    [4] = {FET_DTYPE_NONE, "uint16"},    [5] = {FET_DTYPE_S16, "int16"},       [6] = {FET_DTYPE_S32, "int32"},
    [7] = {FET_DTYPE_S64, "int64"},      [8] = {FET_DTYPE_NONE, "string"},     [9] = {FET_DTYPE_BOOL, "bool"},
    [10] = {FET_DTYPE_F16, "float16"},   [11] = {FET_DTYPE_F64, "double"},     [12] = {FET_DTYPE_NONE, "uint32"},
    [13] = {FET_DTYPE_NONE, "uint64"},   [14] = {FET_DTYPE_NONE, "complex64"}, [15] = {FET_DTYPE_NONE, "complex128"},
    [16] = {FET_DTYPE_BF16, "bfloat16"},
};

enum { N_TYPES = sizeof types / sizeof *types };

fet_dtype fet_onnx_dtype(int32_t data_type)
{
    return data_type > 0 && data_type < N_TYPES ? types[data_type].dtype : FET_DTYPE_NONE;
}

int32_t fet_onnx_data_type(fet_dtype dtype)
{
    for (int32_t t = 1; t < N_TYPES; t++)
        if (types[t].dtype == dtype && dtype != FET_DTYPE_NONE) return t;
    return 0;
}

const char *fet_onnx_data_type_name(int32_t data_type)
{
    return data_type > 0 && data_type < N_TYPES ? types[data_type].name : "of an unknown type";
}

static fet_status read_shape(const Onnx__TensorProto *proto, fet_dtype dtype, const char *what, fet_shape *out_shape)
{
    fet_shape shape = {0};
    if (proto->n_dims > FET_MAX_RANK) return fet_fail(FET_ERROR_LIMIT, "%s: rank %zu, at most %d", what, proto->n_dims, FET_MAX_RANK);
    for (size_t i = 0; i < proto->n_dims; i++) shape.dim[shape.rank++] = proto->dims[i];
    FET_TRY(fet_shape_check(&shape, fet_dtype_bytes(dtype), FET_TENSOR_LIMIT_BYTES, what));
    *out_shape = shape;
    return FET_OK;
}

/* How many numbers the typed lists hold for this type. */
static size_t typed_count(const Onnx__TensorProto *proto, fet_dtype dtype)
{
    switch (dtype) {
    case FET_DTYPE_F32: return proto->n_float_data;
    case FET_DTYPE_F64: return proto->n_double_data;
    case FET_DTYPE_S64: return proto->n_int64_data;
    default: return proto->n_int32_data; /* all narrow types, and half precision by its bits */
    }
}

static void copy_typed(const Onnx__TensorProto *proto, fet_tensor *tensor)
{
    size_t n = (size_t)fet_tensor_elements(tensor);
    if (n == 0) return;
    switch (tensor->dtype) {
    case FET_DTYPE_F32: memcpy(tensor->data, proto->float_data, tensor->bytes); return;
    case FET_DTYPE_F64: memcpy(tensor->data, proto->double_data, tensor->bytes); return;
    case FET_DTYPE_S64: memcpy(tensor->data, proto->int64_data, tensor->bytes); return;
    case FET_DTYPE_S32: memcpy(tensor->data, proto->int32_data, tensor->bytes); return;
    default: break;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)proto->int32_data[i];
        if (fet_dtype_bytes(tensor->dtype) == 2) ((uint16_t *)tensor->data)[i] = (uint16_t)bits;
        else ((uint8_t *)tensor->data)[i] = (uint8_t)bits;
    }
}

fet_status fet_onnx_tensor(const Onnx__TensorProto *proto, const char *what, fet_tensor **out_tensor)
{
    fet_dtype dtype = fet_onnx_dtype(proto->data_type);
    fet_shape shape;
    if (proto->n_external_data > 0 || (proto->has_data_location && proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)) {
        const char *location = "another file";
        for (size_t i = 0; i < proto->n_external_data; i++)
            if (proto->external_data[i]->key && strcmp(proto->external_data[i]->key, "location") == 0 && proto->external_data[i]->value)
                location = proto->external_data[i]->value;
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s keeps its numbers in %s; save the model again with everything in one file", what,
                        location);
    }
    if (dtype == FET_DTYPE_NONE)
        return fet_fail(FET_ERROR_UNSUPPORTED,
                        "%s is %s; supported are float, double, float16, bfloat16, int8, uint8, int16, int32, int64, bool", what,
                        fet_onnx_data_type_name(proto->data_type));
    if (proto->segment) return fet_fail(FET_ERROR_UNSUPPORTED, "%s is stored in segments", what);
    FET_TRY(read_shape(proto, dtype, what, &shape));
    size_t elements = (size_t)fet_shape_elements(&shape), bytes = elements * fet_dtype_bytes(dtype);
    bool raw = proto->has_raw_data && (proto->raw_data.len > 0 || typed_count(proto, dtype) == 0);
    if (raw ? proto->raw_data.len != bytes : typed_count(proto, dtype) != elements) {
        char text[FET_SHAPE_TEXT_BYTES];
        return fet_fail(FET_ERROR_CORRUPT, "%s is %s %s but holds %zu %s, expected %zu", what, fet_onnx_data_type_name(proto->data_type),
                        fet_shape_print(&shape, text, sizeof text), raw ? proto->raw_data.len : typed_count(proto, dtype),
                        raw ? "bytes" : "numbers", raw ? bytes : elements);
    }
    fet_tensor *tensor = NULL;
    FET_TRY(fet_tensor_create(dtype, &shape, &tensor));
    if (!raw) copy_typed(proto, tensor);
    else if (bytes) memcpy(tensor->data, proto->raw_data.data, bytes);
    *out_tensor = tensor;
    return FET_OK;
}
