// SPDX-License-Identifier: Apache-2.0
/* The device kind "described": every kernel's cost comes out of the simulator, so nothing has to be made known first. */
#include "device/ops.h"

#include "device/described/described.h"
#include "device/kernel_cache.h"

#include <stdio.h>
#include <string.h>

enum { CACHE_BITS = 12 };

typedef struct described {
    fet_device_file *file;
    fet_dtype precision;
    char text[256];
    fet_kernel_cache *cache;
} described;

static void close(void *state)
{
    described *d = state;
    fet_device_file_destroy(d->file);
    fet_kernel_cache_destroy(d->cache);
}

static fet_status open(const fet_device_options *options, void *state)
{
    described *d = state;
    FET_TRY(fet_device_file_load(options->name, &d->file));
    const fet_sim_machine *m = &d->file->machine;
    if (d->file->kind != FET_DEVICE_DESCRIBED) return fet_fail(FET_ERROR_ARG, "%s: it is no described device", d->file->path);
    fet_sim_precision precision = fet_sim_precision_of(m, options->precision);
    if (precision == FET_SIM_N_PRECISIONS)
        return fet_fail(FET_ERROR_UNSUPPORTED, "device %s does not have precision %s: see \"array\" in %s", m->name,
                        fet_dtype_name(options->precision), d->file->path);
    d->precision = options->precision;
    snprintf(d->text, sizeof d->text, "%s %s (simulated, %.0f MACs a cycle at %.0f MHz, %llu KiB SRAM; file %08x)", m->name,
             fet_sim_precision_name(precision), fet_sim_peak(m, precision), m->clock_hz / 1e6, (unsigned long long)(m->sram_bytes / 1024),
             (unsigned)(d->file->hash & 0xffffffffu));
    return fet_kernel_cache_create(CACHE_BITS, &d->cache);
}

static const char *describe(const void *state)
{
    return ((const described *)state)->text;
}

static const fet_fusion_rules *fusion_rules(const void *state)
{
    return &((const described *)state)->file->fusion;
}

static fet_status cost(const described *d, const fet_kernel_key *key, double *out_ms)
{
    fet_sim_result result;
    double spread;
    if (fet_kernel_cache_find(d->cache, key, out_ms, &spread)) return FET_OK;
    FET_TRY(fet_sim_kernel(&d->file->machine, key, &result));
    *out_ms = result.cycles / d->file->machine.clock_hz * 1e3;
    fet_kernel_cache_keep(d->cache, key, *out_ms, 0);
    return FET_OK;
}

static bool lookup(const void *state, const fet_kernel_key *key, fet_cost *out_cost)
{
    double ms = 0;
    if (cost(state, key, &ms) != FET_OK) return false;
    *out_cost = (fet_cost){.latency_ms = ms, .spread = 0, .source = FET_COST_SIMULATED};
    return true;
}

/* Nothing to measure: but a kernel without a model is said so. */
static fet_status measure(void *state, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context)
{
    double ms;
    (void)progress, (void)context;
    for (size_t k = 0; k < n_keys; k++) FET_TRY(cost(state, &keys[k], &ms));
    return FET_OK;
}

/* The whole network, with what overlaps from kernel to kernel. A kernel's part is by how much it made the network longer. */
static fet_status network_latency(const void *state, const fet_graph *graph, const fet_kernels *kernels, fet_arena *scratch,
                                  double *kernel_ms, double *out_ms)
{
    const fet_sim_machine *machine = &((const described *)state)->file->machine;
    fet_sim_network network;
    FET_TRY(fet_sim_network_run(machine, graph, kernels, scratch, &network));
    for (uint32_t k = 0; k < kernels->count && kernel_ms; k++) kernel_ms[k] = network.kernels[k].cycles / machine->clock_hz * 1e3;
    *out_ms = network.latency_ms;
    return FET_OK;
}

static uint32_t channel_rounding(const void *state)
{
    uint32_t rounding = ((const described *)state)->file->machine.channel_rounding;
    return rounding ? rounding : 1;
}

static fet_status computes(const fet_device_options *options, fet_dtype precision, bool *out_computes)
{
    fet_auto(fet_device_file) file = NULL;
    FET_TRY(fet_device_file_load(options->name, &file));
    *out_computes = fet_sim_precision_of(&file->machine, precision) != FET_SIM_N_PRECISIONS;
    return FET_OK;
}

const fet_device_ops fet_device_described = {
    .name = "described",
    .help = "an accelerator from its description in a YAML file, simulated",
    .needs_file = true,
    .source = FET_COST_SIMULATED,
    .state_bytes = sizeof(described),
    .open = open,
    .close = close,
    .describe = describe,
    .fusion_rules = fusion_rules,
    .lookup = lookup,
    .measure = measure,
    .network_latency = network_latency,
    .channel_rounding = channel_rounding,
    .parallelism = fet_device_file_parallelism,
    .computes = computes,
};
