// SPDX-License-Identifier: Apache-2.0
/*
 * The part of NSGA-II that does not know what a genome is: standing of each member (rank, crowding), the binary tournament, the order in
 * which members survive. The strategy `nsga2` and the continuous reference of bench/search_moo share it. Thread-safe. Source: Deb, Pratap,
 * Agarwal, Meyarivan, IEEE TEC 6(2), 2002.
 */
#ifndef FET_SEARCH_NSGA2_CORE_H
#define FET_SEARCH_NSGA2_CORE_H

#include "base/rng.h"
#include "search/pareto.h"

typedef struct fet_nsga2_standing {
    uint32_t rank;
    double crowding; /* within its rank; larger is better */
} fet_nsga2_standing;

/* Of each of n members; violation NULL when all are feasible. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_nsga2_standings(const double *points, const double *violation, size_t n, uint32_t n_objectives,
                                              fet_nsga2_standing *standings);
/* All members, best first (rank, then crowding, then index): the first mu of them survive. order: [n]. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_nsga2_order(const double *points, const double *violation, size_t n, uint32_t n_objectives, uint32_t *order);
/* The better of two members drawn at random; a coin when neither is. */
uint32_t fet_nsga2_tournament(const fet_nsga2_standing *standings, size_t n, fet_rng *rng);

#endif
