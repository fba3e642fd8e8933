// SPDX-License-Identifier: Apache-2.0
/* The product of a 1x1 and a depthwise kernel that is nearest to a dense one. */
#ifndef FET_ENGINE_FACTOR_H
#define FET_ENGINE_FACTOR_H

#include <stdint.h>

/*
 * One output channel: expand[i] * depthwise[k] nearest to dense[i][k] in least squares (the first singular pair, by power iteration in
 * double; Eckart & Young 1936). Both have the same norm; the depthwise sums to at least 0, so that an activation between them lets through
 * what it should. Deterministic.
 */
void fet_factor_channel(const float *dense, int64_t inputs, int64_t window, float *expand, float *depthwise);

#endif
