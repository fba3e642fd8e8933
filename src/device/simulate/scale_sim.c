// SPDX-License-Identifier: Apache-2.0
#include "device/simulate/scale_sim.h"

static uint64_t folds(uint64_t size, uint64_t room)
{
    return (size + room - 1) / room;
}

uint64_t fet_scale_sim_gemm_cycles(const fet_scale_sim_array *array, fet_sim_dataflow dataflow, uint64_t px, uint64_t k, uint64_t filters)
{
    uint64_t rows = array->rows, columns = array->columns;
    /* Which two dimensions lie on the array; the third runs through it in time. Weights or inputs have to be loaded first: R cycles more.
     */
    switch (dataflow) {
    case FET_SIM_WEIGHT_STATIONARY: return folds(k, rows) * folds(filters, columns) * (px + 2 * rows + columns - 2) - 1;
    case FET_SIM_INPUT_STATIONARY: return folds(k, rows) * folds(px, columns) * (filters + 2 * rows + columns - 2) - 1;
    default: return folds(px, rows) * folds(filters, columns) * (k + rows + columns - 2) - 1;
    }
}

fet_status fet_scale_sim_kernel_cycles(const fet_scale_sim_array *array, fet_sim_dataflow dataflow, const fet_kernel_key *key,
                                       uint64_t *out_cycles)
{
    bool conv = key->op == FET_OP_CONV && key->group <= 1;
    bool gemm = (key->op == FET_OP_GEMM || key->op == FET_OP_MATMUL) && !(key->flags & FET_KERNEL_PLAIN_SRC);
    if ((!conv && !gemm) || array->rows == 0 || array->columns == 0) {
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        return fet_fail(FET_ERROR_UNSUPPORTED, "SCALE-Sim has no form for kernel \"%s\": only for convolutions without groups and for Gemm",
                        fet_kernel_key_print(key, text, sizeof text));
    }
    uint64_t px = (uint64_t)key->n * (conv ? (uint64_t)key->oh * key->ow : (uint64_t)key->ih * key->iw);
    uint64_t k = (uint64_t)key->ic * (conv ? (uint64_t)key->kh * key->kw : 1);
    *out_cycles = fet_scale_sim_gemm_cycles(array, dataflow, px, k, key->oc);
    return FET_OK;
}
