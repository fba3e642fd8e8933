// SPDX-License-Identifier: Apache-2.0
/* Element types of tensors. Names as ONNX has them; the engine computes in F32, BF16 and S8/U8, the rest is for shapes and model files. */
#ifndef FET_TENSOR_DTYPE_H
#define FET_TENSOR_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum fet_dtype {
    FET_DTYPE_NONE = 0,
    FET_DTYPE_F32,
    FET_DTYPE_BF16,
    FET_DTYPE_F16,
    FET_DTYPE_F64,
    FET_DTYPE_S8,
    FET_DTYPE_U8,
    FET_DTYPE_S16,
    FET_DTYPE_S32,
    FET_DTYPE_S64,
    FET_DTYPE_BOOL,
} fet_dtype;

size_t fet_dtype_bytes(fet_dtype dtype);     /* bytes an element; 0 for NONE */
const char *fet_dtype_name(fet_dtype dtype); /* "f32", "bf16", "s8", ... */
fet_dtype fet_dtype_parse(const char *name); /* also "int8" (S8), "float32"; NONE when it is no name */

/* Round-to-nearest-even, NaN kept quiet. In line, and without a jump, so that loops over them become vectors. */
static inline uint16_t fet_bf16_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t near = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16, quiet = bits >> 16 | 0x40u;
    return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : near);
}
static inline float fet_f32_from_bf16(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}
float fet_f32_from_f16(uint16_t value); /* IEEE half precision */

#endif
