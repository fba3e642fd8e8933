// SPDX-License-Identifier: Apache-2.0
#include "advise/probe.h"

#include <string.h>

struct fet_probe {
    const fet_space *space;
    fet_device *device;
    fet_costs *costs;
    fet_arena *arena, *scratch; /* of the layers; of one network at a time */
    fet_probe_net *nets;
    size_t n_nets, capacity;
    size_t n_costed;
};

fet_status fet_probe_create(const fet_space *space, fet_device *device, fet_probe **out_probe)
{
    fet_auto(fet_probe) probe = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *probe, "a probe of networks", &probe));
    FET_TRY(fet_arena_create(&probe->arena));
    FET_TRY(fet_arena_create(&probe->scratch));
    FET_TRY(fet_costs_create(space, device, &probe->costs));
    probe->space = space;
    probe->device = device;
    *out_probe = fet_take(probe);
    return FET_OK;
}

void fet_probe_destroy(fet_probe *probe)
{
    if (!probe) return;
    fet_costs_destroy(probe->costs);
    fet_arena_destroy(probe->arena);
    fet_arena_destroy(probe->scratch);
    fet_free(probe->nets);
    fet_free(probe);
}

fet_status fet_probe_add(fet_probe *probe, const fet_genome *genome, uint32_t *out_index)
{
    size_t i = 0;
    while (i < probe->n_nets && !fet_genome_equal(&probe->nets[i].genome, genome)) i++;
    if (i == probe->n_nets) {
        FET_TRY(fet_grow(&probe->nets, &probe->capacity, i + 1, sizeof *probe->nets));
        probe->nets[probe->n_nets++] = (fet_probe_net){.genome = *genome};
    }
    *out_index = (uint32_t)i;
    return FET_OK;
}

static const char *layer_name(const fet_graph *graph, const fet_kernel *kernel)
{
    if (kernel->anchor != FET_NONE) return graph->nodes[kernel->anchor].name;
    return graph->values[kernel->dst != FET_NONE ? kernel->dst : kernel->src].name;
}

/* By how much each kernel makes the simulated network longer; alone, where the network does not fit or a kernel has no model. */
static fet_status simulate_parts(fet_probe *probe, const fet_graph *graph, const fet_kernels *kernels, fet_probe_layer *layers)
{
    double total_ms, *part_ms = fet_arena_zalloc(probe->scratch, kernels->count + 1, sizeof *part_ms);
    if (!part_ms) return fet_arena_full();
    fet_status status = fet_device_network_latency(probe->device, graph, kernels, probe->scratch, part_ms, &total_ms);
    for (uint32_t k = 0; k < kernels->count && status == FET_OK; k++) {
        layers[k].latency_ms = part_ms[k];
        layers[k].is_part = true;
    }
    if (status == FET_ERROR_NOMEM) return status;
    if (status != FET_OK) fet_error_clear(); /* told again when the kernels are costed */
    return FET_OK;
}

static fet_status keep_layers(fet_probe *probe, const fet_graph *graph, fet_probe_net *net)
{
    fet_kernels kernels;
    FET_TRY(
        fet_kernels_split(graph, fet_device_fusion_rules(probe->device), fet_device_precision(probe->device), probe->scratch, &kernels));
    fet_probe_layer *layers = fet_arena_zalloc(probe->arena, kernels.count + 1, sizeof *layers);
    if (!layers) return fet_arena_full();
    for (uint32_t k = 0; k < kernels.count; k++) {
        const fet_kernel *kernel = &kernels.items[k];
        layers[k] = (fet_probe_layer){.name = fet_arena_strdup(probe->arena, layer_name(graph, kernel)),
                                      .node = kernel->anchor,
                                      .key = kernel->key,
                                      .macs = fet_kernel_macs(graph, kernel)};
        if (!layers[k].name) return fet_arena_full();
    }
    net->layers = layers;
    net->n_layers = kernels.count;
    return fet_device_source(probe->device) == FET_COST_SIMULATED ? simulate_parts(probe, graph, &kernels, layers) : FET_OK;
}

static fet_status split(fet_probe *probe, fet_probe_net *net)
{
    fet_auto(fet_graph) graph = NULL;
    fet_arena_reset(probe->scratch);
    FET_TRY(fet_space_derive(probe->space, &net->genome, probe->scratch, &graph));
    return keep_layers(probe, graph, net);
}

static bool is_listed(const fet_kernel_key *keys, size_t n, const fet_kernel_key *key)
{
    while (n-- > 0)
        if (fet_kernel_key_equal(&keys[n], key)) return true;
    return false;
}

/* All kernels of the new networks that the device does not know, in one call. */
static fet_status measure(fet_probe *probe, fet_device_progress progress, void *context)
{
    fet_kernel_key *keys = NULL;
    size_t n = 0, capacity = 0;
    fet_cost cost;
    fet_status status = FET_OK;
    for (size_t i = probe->n_costed; i < probe->n_nets; i++)
        for (uint32_t l = 0; l < probe->nets[i].n_layers && status == FET_OK; l++) {
            const fet_kernel_key *key = &probe->nets[i].layers[l].key;
            if (fet_device_lookup(probe->device, key, &cost) || is_listed(keys, n, key)) continue;
            status = fet_grow(&keys, &capacity, n + 1, sizeof *keys);
            if (status == FET_OK) keys[n++] = *key;
        }
    if (status == FET_OK && n > 0) status = fet_device_measure(probe->device, keys, n, progress, context);
    fet_free(keys);
    return status;
}

fet_status fet_probe_run(fet_probe *probe, fet_device_progress progress, void *context)
{
    for (size_t i = probe->n_costed; i < probe->n_nets; i++) FET_TRY(split(probe, &probe->nets[i]));
    FET_TRY(measure(probe, progress, context));
    for (; probe->n_costed < probe->n_nets; probe->n_costed++) {
        fet_probe_net *net = &probe->nets[probe->n_costed];
        FET_TRY(fet_costs_of(probe->costs, &net->genome, &net->cost));
        for (uint32_t l = 0; l < net->n_layers; l++) {
            fet_cost cost;
            if (net->layers[l].is_part || !fet_device_lookup(probe->device, &net->layers[l].key, &cost)) continue;
            net->layers[l].latency_ms = cost.latency_ms;
            net->layers[l].spread = cost.spread;
        }
    }
    return FET_OK;
}

uint32_t fet_probe_count(const fet_probe *probe)
{
    return (uint32_t)probe->n_costed;
}

const fet_probe_net *fet_probe_get(const fet_probe *probe, uint32_t index)
{
    return &probe->nets[index];
}

const fet_space *fet_probe_space(const fet_probe *probe)
{
    return probe->space;
}

fet_device *fet_probe_device(const fet_probe *probe)
{
    return probe->device;
}
