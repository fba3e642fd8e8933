// SPDX-License-Identifier: Apache-2.0
/* Pareto dominance, non-dominated sorting, crowding distance, hypervolume. Objectives are minimised; points are [n][n_objectives],
 * row-major. Pure functions of numbers without NaN; infinities are fine (a failed trial is +inf everywhere). Thread-safe. */
#ifndef FET_SEARCH_PARETO_H
#define FET_SEARCH_PARETO_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool fet_pareto_dominates(const double *a, const double *b, uint32_t n_objectives);
/* rank[i]: 0 for the front, 1 for the front of the rest, ... Errors: NOMEM. Cost: O(M n sqrt n) typically, O(M n^2) at worst; O(n) memory.
 * Source: the definition is Deb 2002, the method ENS (Zhang et al. 2015). */
FET_MUST_CHECK fet_status fet_pareto_ranks(const double *points, size_t n, uint32_t n_objectives, uint32_t *rank);
/* The same under constraint domination (Deb 2002, section VI): feasible points (violation <= 0) by their objectives, behind them the others
 * by their violation alone. violation: NULL when all are feasible. */
FET_MUST_CHECK fet_status fet_pareto_ranks_constrained(const double *points, const double *violation, size_t n, uint32_t n_objectives,
                                                       uint32_t *rank);
/* Volume dominated within the box below `reference`. Exact, up to 4 objectives; a point that is not below it in every objective counts
 * nothing. Errors: ARG, NOMEM. Cost: O(n log n) for 2, O(n^2) for 3, O(n^3) for 4 objectives. */
FET_MUST_CHECK fet_status fet_pareto_hypervolume(const double *points, size_t n, uint32_t n_objectives, const double *reference,
                                                 double *out_hypervolume);
/* crowding[i] for the members of one front (indices), infinite at the ends. An objective that is the same for all, or infinite somewhere,
 * adds nothing. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_pareto_crowding(const double *points, const uint32_t *front, size_t n_front, uint32_t n_objectives,
                                              double *crowding);

#endif
