// SPDX-License-Identifier: Apache-2.0
/* The loops of kernels.inc for whatever machine the build targets. */
#define TARGET
#define LEVEL 0
#define NAME fet_train_simd_plain
#define NAME_TEXT "plain"
#include "engine/train/kernels.inc"
