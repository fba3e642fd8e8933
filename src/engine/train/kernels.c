// SPDX-License-Identifier: Apache-2.0
#include "engine/train/kernels.h"

#include "engine/engine.h"

#include <dnnl.h>

const fet_train_simd *fet_train_simd_get(void)
{
#if defined(__x86_64__)
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    /* oneDNN's numbers are sets of bits: avx512_core_bf16 contains avx512_core, which contains avx2. */
    if ((isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16 && __builtin_cpu_supports("avx512bf16"))
        return &fet_train_simd_avx512;
    if ((isa & dnnl_cpu_isa_avx2) == dnnl_cpu_isa_avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &fet_train_simd_avx2;
#endif
    return &fet_train_simd_plain;
}
