// SPDX-License-Identifier: Apache-2.0
/*
 * By how much a point of which one objective is only expected would enlarge the hypervolume of a front: the expected hypervolume
 * improvement (emmerich2006single), exact where the first objective is normal and the others are known. Of one objective it is the expected
 * improvement (jones1998ego). Objectives are minimised.
 */
#ifndef FET_SEARCH_EXPECTED_GAIN_H
#define FET_SEARCH_EXPECTED_GAIN_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/*
 * front[n][n_objectives], ascending in the first objective; point[n_objectives]: the first one's mean, and the others. Points of the front
 * that are not below the reference count for what is. Errors: those of fet_pareto_hypervolume.
 */
FET_MUST_CHECK fet_status fet_expected_gain(const double *front, size_t n, uint32_t n_objectives, const double *reference,
                                            const double *point, double deviation, double *out_gain);

#endif
