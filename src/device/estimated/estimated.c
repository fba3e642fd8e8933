// SPDX-License-Identifier: Apache-2.0
/*
 * The device kind "estimated": the file of an estimator (NAME.estimate) given where a device is. A kernel's latency is predicted and kept
 * by its key; those of a network that are not kept yet are predicted together.
 */
#include "device/estimated/estimated.h"

#include "base/file.h"
#include "base/hash.h"
#include "device/between.h"
#include "device/kernel_cache.h"
#include "device/ops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert((int)FET_ESTIMATE_BETWEEN_BYTES >= (int)FET_BETWEEN_TEXT_BYTES, "an estimator keeps it as text");

enum { CACHE_BITS = 13, AT_ONCE = 64, LIMIT_FILE_BYTES = 1 << 28 };

typedef struct estimated {
    fet_estimator *estimator;
    fet_between between, of_base[FET_ESTIMATE_BASES_MAX]; /* those of bases in the estimator's order */
    bool has_between;
    char text[256];
    fet_kernel_cache *cache;
} estimated;

bool fet_device_is_estimate(const char *name)
{
    static const char ending[] = ".estimate";
    size_t n = strlen(name), e = sizeof ending - 1;
    return n > e && strcmp(name + n - e, ending) == 0;
}

static void close(void *state)
{
    estimated *d = state;
    fet_estimator_destroy(d->estimator);
    fet_kernel_cache_destroy(d->cache);
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* With a hash of its text, so that a study notices another one. */
static fet_status read_file(const char *path, fet_estimator **out_estimator, uint64_t *out_hash)
{
    void *text = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, LIMIT_FILE_BYTES, &text, &bytes));
    *out_hash = fet_hash(text, bytes);
    fet_status status = fet_estimator_parse(path, text, bytes, out_estimator);
    fet_free(text);
    return status;
}

static fet_status open(const fet_device_options *options, void *state)
{
    estimated *d = state;
    uint64_t hash = 0;
    FET_TRY(read_file(options->name, &d->estimator, &hash));
    fet_dtype precision = fet_estimator_precision(d->estimator);
    if (precision != options->precision)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: it was fitted to kernels in %s: expected precision %s, not %s", options->name,
                        fet_dtype_name(precision), fet_dtype_name(precision), fet_dtype_name(options->precision));
    const char *between = fet_estimator_between(d->estimator);
    if (between[0]) FET_TRY(fet_between_parse(options->name, between, &d->between));
    d->has_between = between[0] && d->between.gains;
    for (uint32_t i = 0, base = 0; i < fet_estimator_bases(d->estimator); i++)
        FET_TRY(fet_between_parse(options->name, fet_estimator_base(d->estimator, i, &base), &d->of_base[i]));
    snprintf(d->text, sizeof d->text, "%s %s (estimated from %u kernels of %s; file %08x)", file_name(options->name),
             fet_dtype_name(precision), fet_estimator_count(d->estimator), fet_estimator_device(d->estimator),
             (unsigned)(hash & 0xffffffffu));
    return fet_kernel_cache_create(CACHE_BITS, &d->cache);
}

static const char *describe(const void *state)
{
    return ((const estimated *)state)->text;
}

static const fet_fusion_rules *fusion_rules(const void *state)
{
    return fet_estimator_rules(((const estimated *)state)->estimator);
}

static void keep(const estimated *d, const fet_kernel_key *key, const fet_estimate *estimate)
{
    fet_kernel_cache_keep(d->cache, key, estimate->latency_ms, 0.5 * (estimate->high_ms - estimate->low_ms) / estimate->latency_ms);
}

/* Its models know kernels of one precision: of another they would say what those of their own take. */
static fet_status check_precision(const estimated *d, const fet_kernel_key *key)
{
    fet_dtype precision = fet_estimator_precision(d->estimator);
    bool plain = key->flags & FET_KERNEL_PLAIN_SRC && key->op != FET_OP_CAST;
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    if (plain || key->precision == precision) return FET_OK;
    return fet_fail(FET_ERROR_UNSUPPORTED, "%s: it was fitted to kernels in %s, which say nothing of kernel \"%s\"", d->text,
                    fet_dtype_name(precision), fet_kernel_key_print(key, text, sizeof text));
}

static fet_status predict(const estimated *d, const fet_kernel_key *keys, size_t n, double *out_ms)
{
    fet_kernel_key missing[AT_ONCE];
    fet_estimate estimates[AT_ONCE];
    size_t at[AT_ONCE], n_missing = 0;
    for (size_t i = 0; i < n; i++) {
        double spread;
        FET_TRY(check_precision(d, &keys[i]));
        if (!fet_kernel_cache_find(d->cache, &keys[i], &out_ms[i], &spread)) missing[n_missing] = keys[i], at[n_missing++] = i;
        if (n_missing < AT_ONCE && (i + 1 < n || n_missing == 0)) continue;
        FET_TRY(fet_estimator_predict(d->estimator, missing, n_missing, estimates));
        for (size_t m = 0; m < n_missing; m++) {
            out_ms[at[m]] = estimates[m].latency_ms;
            keep(d, &missing[m], &estimates[m]);
        }
        n_missing = 0;
    }
    return FET_OK;
}

static bool lookup(const void *state, const fet_kernel_key *key, fet_cost *out_cost)
{
    const estimated *d = state;
    fet_cost cost = {.source = FET_COST_ESTIMATED};
    if (!fet_kernel_cache_find(d->cache, key, &cost.latency_ms, &cost.spread)) {
        fet_estimate estimate;
        if (check_precision(d, key) != FET_OK) return false;
        if (fet_estimator_predict(d->estimator, key, 1, &estimate) != FET_OK) return false;
        keep(d, key, &estimate);
        if (!fet_kernel_cache_find(d->cache, key, &cost.latency_ms, &cost.spread)) return false;
    }
    *out_cost = cost;
    return true;
}

/* Nothing to measure: but a kernel without a model, or outside of its range, is said so. */
static fet_status measure(void *state, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context)
{
    double ms;
    (void)progress, (void)context;
    for (size_t k = 0; k < n_keys; k++) FET_TRY(predict(state, &keys[k], 1, &ms));
    return FET_OK;
}

static fet_status network_latency(const void *state, const fet_graph *graph, const fet_kernels *kernels, fet_arena *scratch,
                                  double *kernel_ms, double *out_ms)
{
    fet_kernel_key *keys = fet_arena_alloc(scratch, (kernels->count + 1) * sizeof *keys);
    double *ms = kernel_ms ? kernel_ms : fet_arena_alloc(scratch, (kernels->count + 1) * sizeof *ms), sum_ms = 0;
    (void)graph;
    if (!keys || !ms) return fet_arena_full();
    for (uint32_t k = 0; k < kernels->count; k++) keys[k] = kernels->items[k].key;
    FET_TRY(predict(state, keys, kernels->count, ms));
    for (uint32_t k = 0; k < kernels->count; k++) sum_ms += ms[k];
    *out_ms = sum_ms;
    return FET_OK;
}

static const fet_between *between(const void *state, uint32_t base)
{
    const estimated *d = state;
    for (uint32_t i = 0, other = 0; i < fet_estimator_bases(d->estimator); i++) {
        (void)fet_estimator_base(d->estimator, i, &other);
        if (other == base) return d->of_base[i].gains ? &d->of_base[i] : NULL;
    }
    return d->has_between ? &d->between : NULL;
}

static uint32_t channel_rounding(const void *state)
{
    return fet_estimator_channel_rounding(((const estimated *)state)->estimator);
}

static fet_status parallelism(const fet_device_options *options, fet_parallelism *out_parallelism)
{
    fet_auto(fet_estimator) estimator = NULL;
    FET_TRY(fet_estimator_read(options->name, &estimator));
    *out_parallelism = fet_estimator_parallelism(estimator);
    return FET_OK;
}

static fet_status computes(const fet_device_options *options, fet_dtype precision, bool *out_computes)
{
    fet_auto(fet_estimator) estimator = NULL;
    FET_TRY(fet_estimator_read(options->name, &estimator));
    *out_computes = fet_estimator_precision(estimator) == precision;
    return FET_OK;
}

const fet_device_ops fet_device_estimated = {
    .name = "estimated",
    .help = "an estimator fitted to measured kernels (`fettle device fit`), from its file NAME.estimate",
    .needs_file = true,
    .source = FET_COST_ESTIMATED,
    .state_bytes = sizeof(estimated),
    .open = open,
    .close = close,
    .describe = describe,
    .fusion_rules = fusion_rules,
    .lookup = lookup,
    .measure = measure,
    .network_latency = network_latency,
    .between = between,
    .channel_rounding = channel_rounding,
    .parallelism = parallelism,
    .computes = computes,
};
