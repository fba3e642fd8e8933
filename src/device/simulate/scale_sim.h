// SPDX-License-Identifier: Apache-2.0
/*
 * SCALE-Sim's closed forms: cycles of a matrix product on an R x C systolic array without memory stalls. A mode for regression against that
 * tool's published figures, exact to the cycle, its trailing -1 included; it is no claim of fidelity (every fold pays full fill and drain,
 * depthwise has no form of its own). Source: Samajdar et al., A systematic methodology for characterizing scalability of DNN accelerators
 * using SCALE-Sim, ISPASS 2020; v3 as released.
 */
#ifndef FET_DEVICE_SIMULATE_SCALE_SIM_H
#define FET_DEVICE_SIMULATE_SCALE_SIM_H

#include "device/simulate/simulate.h"

typedef struct fet_scale_sim_array {
    uint32_t rows, columns;
} fet_scale_sim_array;

/* px = OH * OW output pixels, k = KH * KW * IC, filters = OC; all >= 1. */
uint64_t fet_scale_sim_gemm_cycles(const fet_scale_sim_array *array, fet_sim_dataflow dataflow, uint64_t px, uint64_t k, uint64_t filters);

/* A convolution (ungrouped) or Gemm. Errors: UNSUPPORTED naming the kernel, for everything SCALE-Sim has no form for. */
FET_MUST_CHECK fet_status fet_scale_sim_kernel_cycles(const fet_scale_sim_array *array, fet_sim_dataflow dataflow,
                                                      const fet_kernel_key *key, uint64_t *out_cycles);

#endif
