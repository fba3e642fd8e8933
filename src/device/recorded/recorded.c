// SPDX-License-Identifier: Apache-2.0
/* The device kind "recorded": what is in its table is known, nothing else ever will be. */
#include "device/recorded/recorded.h"

#include "device/described/described.h"
#include "device/ops.h"

#include <stdio.h>
#include <string.h>

typedef struct recorded {
    fet_device_file *file;
    fet_recorded_kernel *kernels;
    uint32_t n, n_slots;
    uint32_t *slots; /* 1 + index, 0: empty; a power of two, half empty */
    char text[256];
} recorded;

static void close(void *state)
{
    recorded *d = state;
    if (!d) return;
    fet_device_file_destroy(d->file);
    fet_free(d->kernels);
    fet_free(d->slots);
    fet_free(d);
}

static uint32_t *slot_of(const recorded *d, const fet_kernel_key *key)
{
    uint32_t s = (uint32_t)fet_kernel_key_hash(key) & (d->n_slots - 1);
    while (d->slots[s] && !fet_kernel_key_equal(&d->kernels[d->slots[s] - 1].key, key)) s = (s + 1) & (d->n_slots - 1);
    return &d->slots[s];
}

static fet_status fill(recorded *d, const fet_device_options *options)
{
    FET_TRY(fet_device_file_load(options->name, &d->file));
    if (d->file->kind != FET_DEVICE_RECORDED) return fet_fail(FET_ERROR_ARG, "%s: it is no recorded device", d->file->path);
    FET_TRY(fet_recorded_read(d->file->table, &d->kernels, &d->n));
    for (d->n_slots = 64; d->n_slots < 2 * d->n; d->n_slots *= 2) {
    }
    FET_TRY(fet_alloc_zeroed(d->n_slots, sizeof *d->slots, "a table of kernels", &d->slots));
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t *slot = slot_of(d, &d->kernels[i].key);
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        if (*slot)
            return fet_fail(FET_ERROR_CORRUPT, "%s:%u: kernel \"%s\" stands in row %u already", d->file->table, d->kernels[i].row,
                            fet_kernel_key_print(&d->kernels[i].key, text, sizeof text), d->kernels[*slot - 1].row);
        *slot = i + 1;
    }
    snprintf(d->text, sizeof d->text, "%s %s (recorded, %u kernels)", d->file->name, fet_dtype_name(options->precision), d->n);
    return FET_OK;
}

static fet_status open(const fet_device_options *options, void **out_state)
{
    recorded *d = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *d, "a device", &d));
    fet_status status = fill(d, options);
    if (status != FET_OK) close(d);
    else *out_state = d;
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

static bool lookup(const void *state, const fet_kernel_key *key, fet_cost *out_cost)
{
    const recorded *d = state;
    uint32_t index = *slot_of(d, key);
    if (index == 0) return false;
    const fet_recorded_kernel *kernel = &d->kernels[index - 1];
    *out_cost = (fet_cost){.latency_ms = kernel->latency_ms, .spread = kernel->spread, .source = FET_COST_RECORDED};
    return true;
}

static bool known(const void *state, uint32_t i, fet_kernel_key *out_key, fet_cost *out_cost)
{
    const recorded *d = state;
    if (i >= d->n) return false;
    *out_key = d->kernels[i].key;
    *out_cost = (fet_cost){.latency_ms = d->kernels[i].latency_ms, .spread = d->kernels[i].spread, .source = FET_COST_RECORDED};
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

static fet_status parallelism(const fet_device_options *options, fet_parallelism *out_parallelism)
{
    fet_auto(fet_device_file) file = NULL;
    FET_TRY(fet_device_file_load(options->name, &file));
    *out_parallelism = file->parallelism;
    return FET_OK;
}

/* What its table has kernels of. */
static fet_status computes(const fet_device_options *options, fet_dtype precision, bool *out_computes)
{
    void *state = NULL;
    FET_TRY(open(options, &state));
    const recorded *d = state;
    *out_computes = false;
    for (uint32_t i = 0; i < d->n && !*out_computes; i++) *out_computes = d->kernels[i].key.precision == precision;
    close(state);
    return FET_OK;
}

const fet_device_ops fet_device_recorded = {
    .name = "recorded",
    .help = "a table of measured kernels, from a CSV file",
    .needs_file = true,
    .source = FET_COST_RECORDED,
    .open = open,
    .close = close,
    .describe = describe,
    .fusion_rules = fusion_rules,
    .lookup = lookup,
    .known = known,
    .measure = measure,
    .parallelism = parallelism,
    .computes = computes,
};
