// SPDX-License-Identifier: Apache-2.0
/* The weights of a graph that says what is rounded (qdq.c). Private to this folder. */
#ifndef FET_ENGINE_QUANTISE_QDQ_WEIGHTS_H
#define FET_ENGINE_QUANTISE_QDQ_WEIGHTS_H

#include "engine/executor.h"
#include "engine/infer/format.h"

/*
 * Gives the anchor of `kernel` in `out` the int8 kernel's own numbers: weights s8 behind a DequantizeLinear, bias s32 behind another (f32
 * where it is too large for that). `graph` has the numbers, batch norm apart; `src` is what the kernel reads.
 */
FET_MUST_CHECK fet_status fet_qdq_set_weights(fet_graph *out, const fet_graph *graph, const fet_kernel *kernel, const fet_format *src,
                                              const fet_calibration *calibration);

#endif
