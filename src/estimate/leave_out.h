// SPDX-License-Identifier: Apache-2.0
/*
 * What each measured kernel would have been estimated at by a model that never saw it: the rest of the kernels, in five parts. Kernels that
 * were measured one after the other are left out together (FET_LEAVE_OUT_BLOCK in a row), for a slow minute of the machine meets them all,
 * and a model that knew half of them would believe the other half.
 */
#ifndef FET_ESTIMATE_LEAVE_OUT_H
#define FET_ESTIMATE_LEAVE_OUT_H

#include "estimate/estimate.h"

enum { FET_LEAVE_OUT_PARTS = 5, FET_LEAVE_OUT_BLOCK = 16 };

/* Called before each part; false stops (STATE). */
typedef bool (*fet_leave_out_progress)(void *context, size_t done, size_t total);

/*
 * samples[n] in the order of measuring; out_estimates[n], latency_ms NAN where the rest had no model for a kernel. Ranges are widened,
 * whatever the options say. Errors: those of fet_estimator_fit; ARG fewer than two blocks; STATE stopped. Cost: five fits. Deterministic.
 */
FET_MUST_CHECK fet_status fet_estimate_leave_out(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n,
                                                 fet_leave_out_progress progress, void *context, fet_estimate *out_estimates);

/* The same by other parts: part[n] below n_parts, or FET_LEAVE_OUT_NEVER for what is always fitted to and never estimated. */
#define FET_LEAVE_OUT_NEVER UINT32_MAX
FET_MUST_CHECK fet_status fet_estimate_leave_out_parts(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n,
                                                       const uint32_t *part, uint32_t n_parts, fet_leave_out_progress progress,
                                                       void *context, fet_estimate *out_estimates);

#endif
