// SPDX-License-Identifier: Apache-2.0
/* How a network becomes int8: plain data; zeroed means the defaults. */
#ifndef FET_ENGINE_QUANTISE_OPTIONS_H
#define FET_ENGINE_QUANTISE_OPTIONS_H

#include "engine/quantise/method.h"
#include "tensor/dtype.h"

typedef struct fet_quantise_options {
    const fet_calibration_method *method; /* of ranges; NULL: the default */
    uint32_t batches;                     /* of the train split that calibration sees; 0: the default, 8 */
    bool keep_shift;                      /* leave the means of channels where rounding shifts them; default: biases are corrected */
    fet_dtype first, last;                /* F32 or BF16: the first, the last layers stay in it; FET_DTYPE_NONE: int8 as all */
} fet_quantise_options;

#endif
