// SPDX-License-Identifier: Apache-2.0
/* Pareto dominance, non-dominated sorting, crowding distance, hypervolume. Objectives are minimised. Pure functions. */
#ifndef FET_SEARCH_PARETO_H
#define FET_SEARCH_PARETO_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool fet_pareto_dominates(const double *a, const double *b, uint32_t n_objectives);
/* points[n][n_objectives] row-major; rank[i]: 0 for the front, 1 for the next, ... Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_pareto_ranks(const double *points, size_t n, uint32_t n_objectives, uint32_t *rank);
/* Exact, up to 4 objectives; points beyond `reference` count nothing. */
FET_MUST_CHECK fet_status fet_pareto_hypervolume(const double *points, size_t n, uint32_t n_objectives, const double *reference,
                                                 double *out_hypervolume);
/* crowding[i] for the members of one front (indices), infinite at the ends. */
FET_MUST_CHECK fet_status fet_pareto_crowding(const double *points, const uint32_t *front, size_t n_front, uint32_t n_objectives, double *crowding);

#endif
