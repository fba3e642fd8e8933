// SPDX-License-Identifier: Apache-2.0
/*
 * Measured kernels that somebody brings as CSV. The first line names the columns, in any order; others are ignored:
 *   kernel        the canonical text of a key ("conv s8 1x64x28x28>128x28x28 k3x3 ..."), or instead of it the columns of a convolution:
 *   op, precision, batch, cin, cout, h, w, k, s, p, group, activation, bias, add      (conv; int8; 1; -; cin; -; h; 1; 1; k/2; 1; none; 1;
 * 0) latency_ms or latency_us, spread                                                   (spread 0) Errors name file, row and column. A
 * kernel twice: the later row is wrong.
 */
#ifndef FET_DEVICE_RECORDED_RECORDED_H
#define FET_DEVICE_RECORDED_RECORDED_H

#include "kernel/kernel.h"

typedef struct fet_recorded_kernel {
    fet_kernel_key key;
    double latency_ms, spread;
    uint32_t row; /* of the file, from 1 */
} fet_recorded_kernel;

/* Heap array. Errors: CORRUPT `FILE:ROW: column "cin": ...`; NOT_FOUND, LIMIT, NOMEM. */
FET_MUST_CHECK fet_status fet_recorded_read(const char *path, fet_recorded_kernel **out_kernels, uint32_t *out_n);
FET_MUST_CHECK fet_status fet_recorded_parse(const char *name, char *text, fet_recorded_kernel **out_kernels,
                                             uint32_t *out_n); /* changes text */

#endif
