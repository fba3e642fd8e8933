// SPDX-License-Identifier: Apache-2.0
/*
 * The analytic time of a kernel: an overhead a call and one a place of the result, and the longer of computing and moving,
 *
 *     t = overhead + places * ms_per_pixel + max(rounded work * ms_per_work, bytes * ms_per_byte),
 *
 * work rounded up to whole units of the device's parallelism. Four constants a family, found from measured kernels.
 */
#ifndef FET_ESTIMATE_ROOFLINE_H
#define FET_ESTIMATE_ROOFLINE_H

#include "estimate/kernel_features.h"

typedef struct fet_roofline {
    uint32_t out, in; /* parallelism */
    double overhead_ms, ms_per_work, ms_per_byte, ms_per_pixel;
} fet_roofline;

/* *out_compute_share: of the time that is work; NULL: not wanted. */
double fet_roofline_ms(const fet_roofline *roofline, const fet_workload *workload, double *out_compute_share);

/*
 * Least mean absolute error of the logarithm, by a pattern search over the constants' logarithms from the best kernels' rates; out and in
 * as given, or with 0 the best of the usual widths. At most 4096 kernels, evenly taken, are looked at. Deterministic. n >= 1. Errors:
 * NOMEM.
 */
FET_MUST_CHECK fet_status fet_roofline_fit(const fet_workload *workloads, const double *latency_ms, size_t n, uint32_t out, uint32_t in,
                                           fet_roofline *out_roofline);

#endif
