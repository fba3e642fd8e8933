// SPDX-License-Identifier: Apache-2.0
#include "advise/extent.h"

#include <math.h>
#include <string.h>

enum { ALL_OPTIONS = 4 }; /* a decision with so many has each of them looked at */

typedef struct finder {
    fet_probe *probe;
    const fet_space *space;
    fet_device_progress progress;
    void *context;
    fet_arena *arena;
    fet_extent *out;
} finder;

static double latency(const finder *f, uint32_t net)
{
    return fet_probe_get(f->probe, net)->cost.metric[FET_METRIC_LATENCY];
}

/* Both ends of a long list and what lies between them. */
static void choose_options(const fet_decision *decision, bool chosen[FET_DECISION_MAX_OPTIONS])
{
    uint32_t allowed[FET_DECISION_MAX_OPTIONS], n = 0;
    memset(chosen, 0, FET_DECISION_MAX_OPTIONS * sizeof *chosen);
    for (uint32_t o = 0; o < decision->n_options; o++)
        if (!decision->options[o].removed) allowed[n++] = o;
    if (n <= ALL_OPTIONS)
        for (uint32_t i = 0; i < n; i++) chosen[allowed[i]] = true;
    else chosen[allowed[0]] = chosen[allowed[n - 1]] = true;
}

/* --- descents --- */

/* The option of decision `d` that is best from `genome`; sign 1: least latency, -1: most. */
static fet_status step(finder *f, uint32_t d, int sign, fet_genome *genome)
{
    const fet_decision *decision = fet_space_decision(f->space, d);
    bool chosen[FET_DECISION_MAX_OPTIONS];
    uint32_t nets[FET_DECISION_MAX_OPTIONS], here = 0;
    choose_options(decision, chosen);
    FET_TRY(fet_probe_add(f->probe, genome, &here));
    for (uint8_t o = 0; o < decision->n_options; o++) {
        fet_genome other = *genome;
        if (!chosen[o]) continue;
        other.option[d] = o;
        fet_space_canonicalise(f->space, &other);
        FET_TRY(fet_probe_add(f->probe, &other, &nets[o]));
    }
    FET_TRY(fet_probe_run(f->probe, f->progress, f->context));
    for (uint8_t o = 0; o < decision->n_options; o++)
        if (chosen[o] && sign * (latency(f, nets[o]) - latency(f, here)) < 0) here = nets[o];
    *genome = fet_probe_get(f->probe, here)->genome;
    return FET_OK;
}

/* What concerns the most comes first: the multiplier, then widths, then the rest. */
static int rank_of(const fet_decision *decision)
{
    if (decision->kind == FET_DECISION_RESOLUTION) return 0;
    return decision->kind == FET_DECISION_MULTIPLIER ? 0 : decision->kind == FET_DECISION_WIDTH ? 1 : 2;
}

static fet_status descend(finder *f, int sign, fet_genome *genome)
{
    fet_space_start_genome(f->space, genome);
    for (int rank = 0; rank < 3; rank++)
        for (uint32_t d = 0; d < fet_space_n_decisions(f->space); d++)
            if (rank_of(fet_space_decision(f->space, d)) == rank) FET_TRY(step(f, d, sign, genome));
    return FET_OK;
}

static void widen(fet_candidate_cost *least, fet_candidate_cost *most, const fet_candidate_cost *cost)
{
    for (int m = 0; m < FET_METRIC_COUNT; m++) {
        least->metric[m] = fmin(least->metric[m], cost->metric[m]);
        most->metric[m] = fmax(most->metric[m], cost->metric[m]);
    }
    if (cost->macs < least->macs) least->macs = cost->macs;
    if (cost->macs > most->macs) most->macs = cost->macs;
}

/* --- sites --- */

/* Nodes on a path from the block's input to its output. */
static fet_status mark_block(const finder *f, const fet_block *block, bool *marked)
{
    const fet_graph *graph = fet_space_base(f->space);
    bool *after = fet_arena_zalloc(f->arena, graph->n_values + 1, sizeof *after),
         *before = fet_arena_zalloc(f->arena, graph->n_values + 1, sizeof *before);
    if (!after || !before) return fet_arena_full();
    after[block->input] = before[block->output] = true;
    for (uint32_t n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        bool reached = false;
        for (uint32_t i = 0; i < node->n_inputs; i++) reached |= node->inputs[i] != FET_NONE && after[node->inputs[i]];
        for (uint32_t o = 0; o < node->n_outputs && reached; o++)
            if (node->outputs[o] != FET_NONE) after[node->outputs[o]] = true;
    }
    for (uint32_t n = graph->n_nodes; n-- > 0;) {
        const fet_node *node = &graph->nodes[n];
        for (uint32_t o = 0; o < node->n_outputs; o++)
            marked[n] |=
                node->outputs[o] != FET_NONE && before[node->outputs[o]] && after[node->outputs[o]] && node->outputs[o] != block->input;
        for (uint32_t i = 0; i < node->n_inputs && marked[n]; i++)
            if (node->inputs[i] != FET_NONE && node->inputs[i] != block->input) before[node->inputs[i]] = true;
    }
    return FET_OK;
}

static void take_layer(fet_extent_site *site, const fet_probe_layer *layer)
{
    if (site->n_layers++ == 0) site->first = layer->name;
    site->last = layer->name;
    site->latency_ms += layer->latency_ms;
    site->macs += layer->macs;
}

static fet_status block_site(const finder *f, const fet_probe_net *base, const fet_block *block, fet_extent_site *site)
{
    bool *marked = fet_arena_zalloc(f->arena, fet_space_base(f->space)->n_nodes + 1, sizeof *marked);
    if (!marked) return fet_arena_full();
    FET_TRY(mark_block(f, block, marked));
    for (uint32_t l = 0; l < base->n_layers; l++) {
        fet_id node = base->layers[l].node;
        if (node != FET_NONE && marked[node]) take_layer(site, &base->layers[l]);
    }
    return FET_OK;
}

/* The base's layers that any option of the decision changes: those that were costed from the base. */
static fet_status changed_site(const finder *f, const fet_probe_net *base, uint32_t d, fet_extent_site *site)
{
    const fet_decision *decision = fet_space_decision(f->space, d);
    bool *changed = fet_arena_zalloc(f->arena, base->n_layers + 1, sizeof *changed);
    if (!changed) return fet_arena_full();
    for (uint8_t o = 0; o < decision->n_options; o++) {
        fet_genome genome = base->genome;
        uint32_t net = 0, n = fet_probe_count(f->probe);
        genome.option[d] = o;
        fet_space_canonicalise(f->space, &genome);
        while (net < n && !fet_genome_equal(&fet_probe_get(f->probe, net)->genome, &genome)) net++;
        if (net == n) continue;
        fet_change change;
        FET_TRY(fet_change_find(base, fet_probe_get(f->probe, net), f->arena, &change));
        for (uint32_t i = 0; i < change.gone.n; i++) changed[change.gone.layers[i] - base->layers] = true;
    }
    for (uint32_t l = 0; l < base->n_layers; l++)
        if (changed[l]) take_layer(site, &base->layers[l]);
    return FET_OK;
}

/* One option of each decision away from the base, so that every decision's layers are known. */
static fet_status look_around(finder *f, const fet_genome *base)
{
    uint32_t net = 0;
    FET_TRY(fet_probe_add(f->probe, base, &net));
    for (uint32_t d = 0; d < fet_space_n_decisions(f->space); d++) {
        const fet_decision *decision = fet_space_decision(f->space, d);
        for (uint8_t o = 0; o < decision->n_options; o++) {
            fet_genome genome = *base;
            if (o == base->option[d] || decision->options[o].removed) continue;
            genome.option[d] = o;
            fet_space_canonicalise(f->space, &genome);
            FET_TRY(fet_probe_add(f->probe, &genome, &net));
            break;
        }
    }
    return fet_probe_run(f->probe, f->progress, f->context);
}

static fet_status find_sites(finder *f, uint32_t base_net)
{
    uint32_t n = fet_space_n_decisions(f->space);
    f->out->sites = fet_arena_zalloc(f->arena, n + 1, sizeof *f->out->sites);
    if (!f->out->sites) return fet_arena_full();
    for (uint32_t d = 0; d < n; d++) {
        const fet_probe_net *base = fet_probe_get(f->probe, base_net);
        fet_extent_site *site = &f->out->sites[d];
        const fet_block *block = fet_space_block(f->space, d);
        site->first = site->last = "";
        FET_TRY(block ? block_site(f, base, block, site) : changed_site(f, base, d, site));
    }
    return FET_OK;
}

fet_status fet_extent_find(fet_probe *probe, fet_device_progress progress, void *context, fet_arena *arena, fet_extent *out_extent)
{
    fet_extent extent = {0};
    finder f = {.probe = probe, .space = fet_probe_space(probe), .progress = progress, .context = context, .arena = arena, .out = &extent};
    fet_genome base, slowest;
    uint32_t base_net = 0, fastest = 0;
    fet_space_base_genome(f.space, &base);
    FET_TRY(look_around(&f, &base));
    FET_TRY(descend(&f, 1, &extent.fastest));
    FET_TRY(descend(&f, -1, &slowest));
    FET_TRY(fet_probe_add(probe, &base, &base_net));
    FET_TRY(fet_probe_add(probe, &extent.fastest, &fastest));
    extent.base = extent.least = extent.most = fet_probe_get(probe, base_net)->cost;
    extent.n_networks = fet_probe_count(probe);
    for (uint32_t i = 0; i < extent.n_networks; i++) widen(&extent.least, &extent.most, &fet_probe_get(probe, i)->cost);
    extent.fastest_cost = fet_probe_get(probe, fastest)->cost;
    FET_TRY(find_sites(&f, base_net));
    *out_extent = extent;
    return FET_OK;
}
