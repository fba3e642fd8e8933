// SPDX-License-Identifier: Apache-2.0
/* The element types we exchange, as safetensors names them. */
#ifndef FET_FORMAT_SAFETENSORS_DTYPE_H
#define FET_FORMAT_SAFETENSORS_DTYPE_H

#include "tensor/dtype.h"

/* NULL: not one of them. */
static inline const char *fet_safetensors_dtype_name(fet_dtype dtype)
{
    return dtype == FET_DTYPE_F32 ? "F32" : dtype == FET_DTYPE_S64 ? "I64" : 0;
}

#endif
