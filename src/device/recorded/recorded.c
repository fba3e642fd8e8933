// SPDX-License-Identifier: Apache-2.0
/* The device kind "recorded": what is in its table is known, nothing else ever will be. */
#include "device/recorded/recorded.h"

#include "device/described/described.h"
#include "device/ops.h"
#include "estimate/known.h"

#include <stdio.h>
#include <string.h>

typedef struct recorded {
    fet_device_file *file;
    fet_known kernels; /* in the order of the table */
    char text[256];
} recorded;

static void close(void *state)
{
    recorded *d = state;
    fet_device_file_destroy(d->file);
    fet_known_clear(&d->kernels);
}

static fet_status add_all(recorded *d, const fet_recorded_kernel *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        const fet_estimate_sample sample = {.key = rows[i].key, .latency_ms = rows[i].latency_ms, .spread = rows[i].spread};
        const fet_estimate_sample *there = fet_known_find(&d->kernels, &rows[i].key);
        if (there)
            return fet_fail(FET_ERROR_CORRUPT, "%s:%u: kernel \"%s\" stands in row %u already", d->file->table, rows[i].row,
                            fet_kernel_key_print(&rows[i].key, text, sizeof text), rows[there - d->kernels.items].row);
        FET_TRY(fet_known_add(&d->kernels, &sample));
    }
    return FET_OK;
}

static fet_status open(const fet_device_options *options, void *state)
{
    recorded *d = state;
    fet_recorded_kernel *rows = NULL;
    uint32_t n = 0;
    FET_TRY(fet_device_file_load(options->name, &d->file));
    if (d->file->kind != FET_DEVICE_RECORDED) return fet_fail(FET_ERROR_ARG, "%s: it is no recorded device", d->file->path);
    FET_TRY(fet_recorded_read(d->file->table, &rows, &n));
    fet_status status = add_all(d, rows, n);
    fet_free(rows);
    snprintf(d->text, sizeof d->text, "%s %s (recorded, %u kernels)", d->file->name, fet_dtype_name(options->precision), n);
    return status;
}

static const char *describe(const void *state)
{
    return ((const recorded *)state)->text;
}

static const fet_fusion_rules *fusion_rules(const void *state)
{
    return &((const recorded *)state)->file->fusion;
}

static fet_cost cost_of(const fet_estimate_sample *kernel)
{
    return (fet_cost){.latency_ms = kernel->latency_ms, .spread = kernel->spread, .source = FET_COST_RECORDED};
}

static bool lookup(const void *state, const fet_kernel_key *key, fet_cost *out_cost)
{
    const fet_estimate_sample *kernel = fet_known_find(&((const recorded *)state)->kernels, key);
    if (kernel) *out_cost = cost_of(kernel);
    return kernel != NULL;
}

static bool known(const void *state, uint32_t i, fet_kernel_key *out_key, fet_cost *out_cost)
{
    const fet_known *kernels = &((const recorded *)state)->kernels;
    if (i >= kernels->n) return false;
    *out_key = kernels->items[i].key;
    *out_cost = cost_of(&kernels->items[i]);
    return true;
}

static fet_status measure(void *state, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context)
{
    const recorded *d = state;
    fet_cost cost;
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    (void)progress, (void)context;
    for (size_t k = 0; k < n_keys; k++)
        if (!lookup(state, &keys[k], &cost))
            return fet_fail(FET_ERROR_NOT_FOUND, "%s: kernel \"%s\" is not in the table, and a recorded device cannot measure it",
                            d->file->table, fet_kernel_key_print(&keys[k], text, sizeof text));
    return FET_OK;
}

/* What its table has kernels of. */
static fet_status computes(const fet_device_options *options, fet_dtype precision, bool *out_computes)
{
    recorded d = {.file = NULL};
    fet_status status = open(options, &d);
    bool any = false;
    for (size_t i = 0; i < d.kernels.n && !any; i++) any = d.kernels.items[i].key.precision == precision;
    close(&d);
    FET_TRY(status);
    *out_computes = any;
    return FET_OK;
}

const fet_device_ops fet_device_recorded = {
    .name = "recorded",
    .help = "a table of measured kernels, from a CSV file",
    .needs_file = true,
    .source = FET_COST_RECORDED,
    .state_bytes = sizeof(recorded),
    .open = open,
    .close = close,
    .describe = describe,
    .fusion_rules = fusion_rules,
    .lookup = lookup,
    .known = known,
    .measure = measure,
    .parallelism = fet_device_file_parallelism,
    .computes = computes,
};
