// SPDX-License-Identifier: Apache-2.0
/*
 * How far a space reaches before anything is trained: what each decision is about (its block's layers, or those that its options change)
 * and the least and most of latency, memory and parameters that coordinate descent over the decisions finds.
 */
#ifndef FET_ADVISE_EXTENT_H
#define FET_ADVISE_EXTENT_H

#include "advise/change.h"

/* One decision of the space. */
typedef struct fet_extent_site {
    int64_t macs;      /* of the base's layers that it is about */
    double latency_ms; /* theirs; 0 where nothing was costed */
    uint32_t n_layers;
    const char *first, *last; /* layers' names; "" when there is none */
} fet_extent_site;

typedef struct fet_extent {
    fet_candidate_cost base;
    fet_candidate_cost least, most;  /* of each figure by itself, over all networks looked at */
    fet_genome fastest;              /* the least latency's */
    fet_candidate_cost fastest_cost; /* and what else it costs */
    uint32_t n_networks;             /* looked at */
    fet_extent_site *sites;          /* [decisions]; from the arena */
} fet_extent;

/*
 * Costs every option of a decision (of a long list its ends and the middle) from where the descent stands, decision after decision, once
 * down and once up. Errors: those of costing; STATE when progress stops it.
 */
FET_MUST_CHECK fet_status fet_extent_find(fet_probe *probe, fet_device_progress progress, void *context, fet_arena *arena,
                                          fet_extent *out_extent);

#endif
