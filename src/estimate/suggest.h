// SPDX-License-Identifier: Apache-2.0
/*
 * Which kernels to measure next: neighbours of measured ones, other channels and sizes, where the interval is wide, or of a family that has
 * no model yet. Families share the places by what their uncertainty costs: the sum over measured kernels of latency times interval.
 *
 * Source: Zhang et al., nn-Meter, MobiSys 2021: kernels around those that are estimated badly, channels between 0.5 and 1.2 times theirs.
 */
#ifndef FET_ESTIMATE_SUGGEST_H
#define FET_ESTIMATE_SUGGEST_H

#include "estimate/estimate.h"

/* keys[n_wanted]; *out_n may be less where neighbours run out. None is among the samples; each once; the most uncertain of a family first.
 * Deterministic. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_estimate_suggest(const fet_estimator *estimator, const fet_estimate_sample *samples, size_t n,
                                               uint32_t n_wanted, uint64_t seed, fet_kernel_key *out_keys, uint32_t *out_n);

#endif
