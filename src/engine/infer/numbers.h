// SPDX-License-Identifier: Apache-2.0
/* The numbers of a kernel as steps want them: plain f32, batch norm folded in; and constant subgraphs. */
#ifndef FET_ENGINE_INFER_NUMBERS_H
#define FET_ENGINE_INFER_NUMBERS_H

#include "kernel/kernel.h"

typedef struct fet_numbers {
    float *weights; /* heap; as fet_step_spec.weights */
    float *bias;    /* heap or NULL */
} fet_numbers;

/* For anchors with weights: Conv, ConvTranspose, Gemm, MatMul, batch norm, elementwise with a constant. Errors: STATE a parameter without
 * numbers. */
FET_MUST_CHECK fet_status fet_numbers_fold(const fet_graph *graph, const fet_kernel *kernel, fet_numbers *out_numbers);
void fet_numbers_free(fet_numbers *numbers);

/* A parameter, or a value computed from parameters and shapes alone, as f32 in `arena`. */
FET_MUST_CHECK fet_status fet_numbers_constant(const fet_graph *graph, fet_id value, fet_arena *arena, const float **out_numbers);

#endif
