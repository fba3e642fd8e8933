// SPDX-License-Identifier: Apache-2.0
/* The loops of kernels.inc with AVX-512 and its bf16 conversions. */
#if defined(__x86_64__)
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")))
#define LEVEL 2
#define NAME fet_train_simd_avx512
#define NAME_TEXT "avx512_bf16"
#include "engine/train/kernels.inc"
#else
typedef int fet_train_no_avx512;
#endif
