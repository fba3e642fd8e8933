// SPDX-License-Identifier: Apache-2.0
/* The loops of kernels.inc with AVX2 and FMA. */
#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2,fma")))
#define LEVEL 1
#define NAME fet_train_simd_avx2
#define NAME_TEXT "avx2"
#include "engine/train/kernels.inc"
#else
typedef int fet_train_no_avx2;
#endif
