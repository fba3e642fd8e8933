// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

#include "device/described/described.h"
#include "device/estimated/estimated.h"
#include "device/ops.h"
#include "format/onnx/onnx.h"
#include "op/op.h"

#include <stdio.h>
#include <string.h>

const char *fet_cost_source_name(fet_cost_source source)
{
    static const char *const names[] = {[FET_COST_MEASURED] = "measured",
                                        [FET_COST_SIMULATED] = "simulated",
                                        [FET_COST_ESTIMATED] = "estimated",
                                        [FET_COST_RECORDED] = "recorded"};
    return names[source];
}

struct fet_device {
    const fet_device_ops *ops;
    void *state;
    fet_dtype precision;
    fet_parallelism parallelism;
};

/* A kind by its own name ("host"), or the kind that the device's file says. */
static fet_status find_ops(const fet_device_options *options, const fet_device_ops **out_ops)
{
    static const fet_device_ops *const of_file[] = {[FET_DEVICE_DESCRIBED] = &fet_device_described,
                                                    [FET_DEVICE_RECORDED] = &fet_device_recorded,
                                                    [FET_DEVICE_MEASURED] = &fet_device_host};
    for (size_t i = 0; fet_device_kinds[i]; i++)
        if (strcmp(fet_device_kinds[i]->name, options->name) == 0) {
            *out_ops = fet_device_kinds[i];
            return FET_OK;
        }
    if (fet_device_is_estimate(options->name)) {
        *out_ops = &fet_device_estimated;
        return FET_OK;
    }
    fet_auto(fet_device_file) file = NULL;
    FET_TRY(fet_device_file_load(options->name, &file));
    *out_ops = of_file[file->kind];
    return FET_OK;
}

bool fet_device_is_built_in(const char *name)
{
    for (size_t i = 0; fet_device_kinds[i]; i++)
        if (!fet_device_kinds[i]->needs_file && strcmp(fet_device_kinds[i]->name, name) == 0) return true;
    return false;
}

fet_status fet_device_open(const fet_device_options *options, fet_device **out_device)
{
    const fet_device_ops *ops = NULL;
    FET_TRY(find_ops(options, &ops));
    fet_auto(fet_device) device = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *device, "a device", &device));
    device->ops = ops;
    device->precision = options->precision;
    FET_TRY(ops->parallelism(options, &device->parallelism));
    FET_TRY(fet_alloc_zeroed(1, ops->state_bytes, "a device", &device->state));
    FET_TRY(ops->open(options, device->state));
    *out_device = fet_take(device);
    return FET_OK;
}

void fet_device_close(fet_device *device)
{
    if (!device) return;
    if (device->state) device->ops->close(device->state);
    fet_free(device->state);
    fet_free(device);
}

const char *fet_device_describe(const fet_device *device)
{
    return device->ops->describe(device->state);
}

const fet_fusion_rules *fet_device_fusion_rules(const fet_device *device)
{
    return device->ops->fusion_rules(device->state);
}

fet_dtype fet_device_precision(const fet_device *device)
{
    return device->precision;
}

fet_cost_source fet_device_source(const fet_device *device)
{
    return device->ops->source;
}

uint32_t fet_device_channel_rounding(const fet_device *device)
{
    return device->ops->channel_rounding ? device->ops->channel_rounding(device->state) : 1;
}

fet_parallelism fet_device_parallelism(const fet_device *device)
{
    return device->parallelism;
}

bool fet_device_between(const fet_device *device, uint64_t base, fet_between *out_between)
{
    const fet_between *between = device->ops->between ? device->ops->between(device->state, (uint32_t)base) : NULL;
    if (between) *out_between = *between;
    return between != NULL;
}

double fet_device_between_ms(const fet_device *device, const fet_graph *graph, const fet_kernels *kernels)
{
    fet_between between;
    double terms[FET_BETWEEN_TERMS];
    if (!fet_device_between(device, fet_graph_hash(graph), &between)) return 0;
    fet_between_terms(graph, kernels, device->precision, &between.caches, terms);
    return fet_between_ms(&between, terms);
}

fet_status fet_device_parallelism_of(const fet_device_options *options, fet_parallelism *out_parallelism)
{
    const fet_device_ops *ops = NULL;
    FET_TRY(find_ops(options, &ops));
    return ops->parallelism(options, out_parallelism);
}

fet_status fet_device_computes(const fet_device_options *options, fet_dtype precision, bool *out_computes)
{
    const fet_device_ops *ops = NULL;
    FET_TRY(find_ops(options, &ops));
    return ops->computes(options, precision, out_computes);
}

fet_status fet_device_side_file(const fet_device *device, const char *kind, char **out_path)
{
    const char *table = device->ops->table_path ? device->ops->table_path(device->state) : NULL;
    char *path = NULL;
    if (table) {
        const char *dot = strrchr(table, '.');
        size_t stem = dot ? (size_t)(dot - table) : strlen(table), bytes = stem + strlen(kind) + 2;
        FET_TRY(fet_alloc_zeroed(bytes, 1, "a path", &path));
        snprintf(path, bytes, "%.*s.%s", (int)stem, table, kind);
    }
    *out_path = path;
    return FET_OK;
}

bool fet_device_lookup(const fet_device *device, const fet_kernel_key *key, fet_cost *out_cost)
{
    return device->ops->lookup(device->state, key, out_cost);
}

bool fet_device_known(const fet_device *device, uint32_t i, fet_kernel_key *out_key, fet_cost *out_cost)
{
    return device->ops->known && device->ops->known(device->state, i, out_key, out_cost);
}

fet_status fet_device_measure(fet_device *device, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context)
{
    return device->ops->measure(device->state, keys, n_keys, progress, context);
}

static fet_status cannot_repeat(const fet_device *device)
{
    return fet_fail(FET_ERROR_UNSUPPORTED, "%s is %s: nothing here can measure its kernels again", fet_device_describe(device),
                    fet_cost_source_name(fet_device_source(device)));
}

fet_status fet_device_repeat(fet_device *device, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context,
                             fet_repeat *out_repeats)
{
    if (!device->ops->repeat) return cannot_repeat(device);
    if (n_keys > FET_DEVICE_REPEAT_MAX)
        return fet_fail(FET_ERROR_ARG, "%zu kernels measured again in turns: expected at most %d", n_keys, (int)FET_DEVICE_REPEAT_MAX);
    return device->ops->repeat(device->state, keys, n_keys, progress, context, out_repeats);
}

fet_status fet_device_keep_repeat(fet_device *device, const fet_kernel_key *key, const fet_repeat *repeat)
{
    return device->ops->keep_repeat ? device->ops->keep_repeat(device->state, key, repeat) : cannot_repeat(device);
}

uint32_t fet_device_repeats(const fet_device *device, const fet_kernel_key *key, fet_repeat repeats[FET_REPEATS_MAX])
{
    return device->ops->repeats ? device->ops->repeats(device->state, key, repeats) : 0;
}

fet_status fet_device_network_latency(const fet_device *device, const fet_graph *graph, const fet_kernels *kernels, fet_arena *scratch,
                                      double *kernel_ms, double *out_ms)
{
    double sum_ms = 0;
    if (device->ops->network_latency) return device->ops->network_latency(device->state, graph, kernels, scratch, kernel_ms, out_ms);
    for (uint32_t k = 0; k < kernels->count; k++) {
        fet_cost cost;
        if (!fet_device_lookup(device, &kernels->items[k].key, &cost)) {
            char text[FET_KERNEL_KEY_TEXT_BYTES];
            return fet_fail(FET_ERROR_NOT_FOUND, "%s has no latency for kernel \"%s\" yet: measure it first", fet_device_describe(device),
                            fet_kernel_key_print(&kernels->items[k].key, text, sizeof text));
        }
        if (kernel_ms) kernel_ms[k] = cost.latency_ms;
        sum_ms += cost.latency_ms;
    }
    *out_ms = sum_ms;
    return FET_OK;
}

fet_status fet_device_graph_latency(const fet_device *device, const fet_graph *graph, fet_arena *scratch, double *out_ms)
{
    fet_kernels kernels;
    FET_TRY(fet_kernels_split(graph, fet_device_fusion_rules(device), device->precision, scratch, &kernels));
    return fet_device_network_latency(device, graph, &kernels, scratch, NULL, out_ms);
}

static fet_status known_latency(const fet_device *device, const char *onnx_path, double *out_ms)
{
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_arena) arena = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_onnx_read(onnx_path, NULL, &graph));
    fet_kernels kernels;
    fet_status status = fet_kernels_split(graph, fet_device_fusion_rules(device), device->precision, arena, &kernels);
    if (status == FET_OK) status = fet_device_network_latency(device, graph, &kernels, arena, NULL, out_ms);
    if (status == FET_OK) *out_ms += fet_device_between_ms(device, graph, &kernels);
    return status == FET_OK ? FET_OK : fet_note(status, "%s", onnx_path);
}

fet_status fet_device_measure_networks(fet_device *device, const char *const *onnx_paths, size_t n, double *out_ms, double *out_spread)
{
    if (device->ops->measure_networks) return device->ops->measure_networks(device->state, onnx_paths, n, out_ms, out_spread);
    for (size_t i = 0; i < n; i++) {
        FET_TRY(known_latency(device, onnx_paths[i], &out_ms[i]));
        out_spread[i] = 0;
    }
    return FET_OK;
}
