// SPDX-License-Identifier: Apache-2.0
#include "run/free_capacity.h"

typedef struct capacity_walk {
    fet_costs *costs;
    const fet_encoding *encoding;
    const fet_job *job;
    const fet_candidate_cost *base;
    fet_genome genome; /* the best so far, and what it costs */
    fet_candidate_cost cost;
} capacity_walk;

/* What says how a block computes, not how wide it is: widths are curated by the array's size already. */
static bool is_about_capacity(const fet_decision *decision)
{
    return decision->kind == FET_DECISION_BLOCK_FORM || decision->kind == FET_DECISION_KERNEL;
}

static bool is_free(const capacity_walk *walk, const fet_candidate_cost *cost)
{
    const fet_job *job = walk->job;
    if (cost->macs <= walk->cost.macs) return false;
    for (uint32_t o = 0; o < job->n_objectives; o++) {
        fet_metric metric = job->objectives[o];
        if (metric != FET_METRIC_QUALITY && !(cost->metric[metric] <= walk->cost.metric[metric])) return false;
    }
    return fet_costs_violation(job, cost, walk->base) <= fet_costs_violation(job, &walk->cost, walk->base);
}

/* Every accepted change raises the MACs, so the walk ends; *out_moved: this decision has another option now. */
static fet_status try_options(capacity_walk *walk, uint32_t d, bool *out_moved)
{
    const fet_decision *decision = &walk->encoding->decisions[d];
    for (uint8_t o = 0; o < decision->n_options; o++) {
        fet_genome changed = walk->genome;
        fet_candidate_cost cost;
        changed.option[d] = o;
        if (decision->options[o].removed) continue;
        fet_encoding_canonicalise(walk->encoding, &changed);
        if (fet_genome_equal(&changed, &walk->genome)) continue;
        FET_TRY(fet_costs_of(walk->costs, &changed, &cost));
        if (!is_free(walk, &cost)) continue;
        walk->genome = changed;
        walk->cost = cost;
        *out_moved = true;
    }
    return FET_OK;
}

fet_status fet_free_capacity_take(fet_costs *costs, const fet_encoding *encoding, const fet_job *job, const fet_candidate_cost *base,
                                  fet_genome *genome)
{
    capacity_walk walk = {.costs = costs, .encoding = encoding, .job = job, .base = base, .genome = *genome};
    FET_TRY(fet_costs_of(costs, genome, &walk.cost));
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t d = 0; d < encoding->n_decisions; d++)
            if (is_about_capacity(&encoding->decisions[d])) FET_TRY(try_options(&walk, d, &moved));
    }
    *genome = walk.genome;
    return FET_OK;
}
