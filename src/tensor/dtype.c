// SPDX-License-Identifier: Apache-2.0
#include "tensor/dtype.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    const char *alias;
    size_t bytes;
} dtypes[] = {
    [FET_DTYPE_NONE] = {"none", "none", 0},  [FET_DTYPE_F32] = {"f32", "float32", 4},   [FET_DTYPE_BF16] = {"bf16", "bfloat16", 2},
    [FET_DTYPE_F16] = {"f16", "float16", 2}, [FET_DTYPE_F64] = {"f64", "float64", 8},   [FET_DTYPE_S8] = {"s8", "int8", 1},
    [FET_DTYPE_U8] = {"u8", "uint8", 1},     [FET_DTYPE_S16] = {"s16", "int16", 2},     [FET_DTYPE_S32] = {"s32", "int32", 4},
    [FET_DTYPE_S64] = {"s64", "int64", 8},   [FET_DTYPE_BOOL] = {"bool", "boolean", 1},
};

size_t fet_dtype_bytes(fet_dtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *fet_dtype_name(fet_dtype dtype)
{
    return dtypes[dtype].name;
}

fet_dtype fet_dtype_parse(const char *name)
{
    for (int d = FET_DTYPE_F32; d <= FET_DTYPE_BOOL; d++)
        if (strcmp(name, dtypes[d].name) == 0 || strcmp(name, dtypes[d].alias) == 0) return (fet_dtype)d;
    return FET_DTYPE_NONE;
}

float fet_f32_from_f16(uint16_t value)
{
    int exponent = value >> 10 & 31, fraction = value & 1023;
    float size = exponent == 31  ? (fraction ? NAN : INFINITY)
                 : exponent == 0 ? ldexpf((float)fraction, -24)
                                 : ldexpf((float)(fraction + 1024), exponent - 25);
    return value >> 15 ? -size : size;
}
