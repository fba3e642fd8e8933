// SPDX-License-Identifier: Apache-2.0
/* Families of kernels: what one regression covers. Plain functions. */
#ifndef FET_ESTIMATE_FAMILY_H
#define FET_ESTIMATE_FAMILY_H

#include "kernel/kernel.h"

typedef enum fet_family {
    FET_FAMILY_CONV = 0, /* dense, a window larger than 1 x 1 */
    FET_FAMILY_POINTWISE,
    FET_FAMILY_DEPTHWISE,
    FET_FAMILY_GROUPED,
    FET_FAMILY_TRANSPOSED,
    FET_FAMILY_MATMUL,
    FET_FAMILY_POOL,
    FET_FAMILY_ELEMENTWISE,
    FET_FAMILY_MOVE,  /* casts, concatenations, padding, slices, shuffles, resizes */
    FET_FAMILY_PLAIN, /* the long tail, in plain f32 */
    FET_FAMILY_COUNT
} fet_family;

fet_family fet_family_of(const fet_kernel_key *key);
const char *fet_family_name(fet_family family); /* "conv", "pointwise", ... */
/* FET_FAMILY_COUNT: no such name. */
fet_family fet_family_parse(const char *name);

#endif
