// SPDX-License-Identifier: Apache-2.0
/* Statistics for the neutral batch norms of a given network (rewrite/unfold_batchnorm.h), from data, with the function kept. */
#ifndef FET_RUN_RENORMALISE_H
#define FET_RUN_RENORMALISE_H

#include "data/dataset.h"
#include "graph/graph.h"

/* In place; nothing to do without such norms. `seed`: which training samples are looked at. */
FET_MUST_CHECK fet_status fet_renormalise(fet_graph *graph, const fet_dataset *dataset, uint64_t seed);

#endif
