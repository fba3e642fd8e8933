// SPDX-License-Identifier: Apache-2.0
/* The tables of the strategies, one file each; registry.c lists them. */
#ifndef FET_SEARCH_STRATEGIES_H
#define FET_SEARCH_STRATEGIES_H

#include "search/searcher.h"

extern const fet_searcher_ops fet_search_random;
extern const fet_searcher_ops fet_search_nsga2;
extern const fet_searcher_ops fet_search_local;
extern const fet_searcher_ops fet_search_bayesian;

#endif
