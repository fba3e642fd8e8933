// SPDX-License-Identifier: Apache-2.0
/* The `host` device: a kernel table, and a measuring process that is started when a kernel is missing. */
#include "device/host/host.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "device/host/child.h"
#include "device/host/rounds.h"
#include "device/host/target.h"
#include "device/ops.h"
#include "device/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a calm minute is waited for before a measurement: where kernels are visited again and again, figures are wanted more than speed.
 * Less than what the child's answer is waited for. */
#define PATIENCE_S 2.0
#define PATIENCE_OF_ROUNDS_S 60.0

enum { DESCRIPTION_BYTES = 512, GROUP = 8 /* kernels between two visits of one; what a kill loses */ };

typedef struct host {
    fet_host_target target;
    char description[DESCRIPTION_BYTES];
    fet_kernel_table *table;
    fet_host_child *child; /* NULL until something is measured */
    uint32_t rounds;       /* visits of a kernel */
    double patience_s;     /* how long a calm minute is waited for */
} host;

static void host_close(void *state)
{
    host *h = state;
    fet_host_child_destroy(h->child);
    fet_kernel_table_destroy(h->table);
}

/* The folder of the tables: the option, $XDG_CACHE_HOME/fettle or ~/.cache/fettle. Heap. */
static fet_status cache_folder(const char *option, char **out_folder)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (option && option[0]) return fet_strdup_checked(option, out_folder);
    if (cache && cache[0] == '/') return fet_path_join(cache, "fettle", out_folder);
    if (home && home[0]) return fet_path_join(home, ".cache/fettle", out_folder);
    return fet_fail(FET_ERROR_NOT_FOUND, "no place for the kernel table: neither XDG_CACHE_HOME nor HOME is set");
}

/* One file a target, with the instruction set and precision to be seen in its name and a hash of all that matters. */
static fet_status open_table(host *h, const char *cache)
{
    char name[128], *folder = NULL, *path = NULL;
    snprintf(name, sizeof name, "host-%s-%s-%08x.kernels", fet_dtype_name(h->target.precision), h->target.isa,
             (unsigned)(fet_hash(h->description, strlen(h->description)) & 0xffffffffu));
    FET_TRY(cache_folder(cache, &folder));
    fet_status status = fet_dir_make(folder);
    if (status == FET_OK) status = fet_path_join(folder, name, &path);
    if (status == FET_OK) status = fet_kernel_table_open(path, h->description, &h->table);
    fet_free(folder);
    fet_free(path);
    return status;
}

/* As the user says in FETTLE_PATIENCE, for machines that are never calm; else by what figures are for. */
static fet_status read_patience(host *h, bool hasty)
{
    const char *given = getenv(FET_HOST_PATIENCE);
    char *end = NULL;
    h->patience_s = hasty ? 0 : h->rounds > 1 ? PATIENCE_OF_ROUNDS_S : PATIENCE_S;
    if (!given || !given[0]) return FET_OK;
    h->patience_s = strtod(given, &end);
    if (end == given || *end || !(h->patience_s >= 0 && h->patience_s <= PATIENCE_OF_ROUNDS_S))
        return fet_fail(FET_ERROR_ARG, FET_HOST_PATIENCE ": \"%.60s\": expected seconds, 0 to %g", given, PATIENCE_OF_ROUNDS_S);
    return FET_OK;
}

static fet_status host_open(const fet_device_options *options, void *state)
{
    host *h = state;
    FET_TRY(fet_host_target_find(options, &h->target));
    fet_host_target_print(&h->target, h->description, sizeof h->description);
    FET_TRY(open_table(h, options->cache));
    h->rounds = options->rounds ? options->rounds : 1;
    return read_patience(h, options->hasty);
}

static const char *host_describe(const void *state)
{
    return ((const host *)state)->description;
}

static const fet_fusion_rules *host_fusion_rules(const void *state)
{
    (void)state;
    return &fet_fusion_rules_host;
}

static const char *host_table_path(const void *state)
{
    return fet_kernel_table_path(((const host *)state)->table);
}

static bool host_lookup(const void *state, const fet_kernel_key *key, fet_cost *out_cost)
{
    out_cost->source = FET_COST_MEASURED;
    return fet_kernel_table_lookup(((const host *)state)->table, key, &out_cost->latency_ms, &out_cost->spread);
}

static bool host_known(const void *state, uint32_t i, fet_kernel_key *out_key, fet_cost *out_cost)
{
    const fet_kernel_table *table = ((const host *)state)->table;
    if (i >= fet_kernel_table_count(table)) return false;
    out_cost->source = FET_COST_MEASURED;
    fet_kernel_table_item(table, i, out_key, &out_cost->latency_ms, &out_cost->spread);
    return true;
}

static fet_status need_child(host *h)
{
    if (h->child && !fet_host_child_is_dead(h->child)) return FET_OK;
    fet_host_child_destroy(h->child);
    h->child = NULL;
    char *calm = NULL;
    const char *table = fet_kernel_table_path(h->table);
    FET_TRY(fet_alloc_zeroed(strlen(table) + 8, 1, "a path", &calm));
    snprintf(calm, strlen(table) + 8, "%s.pulse", table);
    fet_status status = fet_host_child_start(h->target.isa, h->patience_s, calm, &h->child);
    fet_free(calm);
    return status;
}

/* A death of the measuring process is forgiven once a kernel: it may have been killed for memory. */
static fet_status visit(host *h, const fet_kernel_key *key, fet_rounds *rounds)
{
    FET_TRY(need_child(h));
    fet_kernel_time *time = &rounds->times[rounds->n];
    fet_status status = fet_host_child_kernel(h->child, key, time);
    if (status != FET_OK && fet_host_child_is_dead(h->child)) {
        FET_TRY(need_child(h));
        status = fet_host_child_kernel(h->child, key, time);
        if (status != FET_OK && fet_host_child_is_dead(h->child)) return fet_note(status, "given up after a second try");
    }
    FET_TRY(status);
    rounds->n++;
    return FET_OK;
}

static bool is_known(const host *h, const fet_kernel_key *key)
{
    double latency_ms, spread;
    return fet_kernel_table_lookup(h->table, key, &latency_ms, &spread);
}

static fet_status go_on(fet_device_progress progress, void *context, size_t done, size_t total)
{
    if (!progress || progress(context, done, total)) return FET_OK;
    return fet_fail(FET_ERROR_STATE, "measuring was stopped after %zu of %zu kernels", done, total);
}

static size_t count_missing(const host *h, const fet_kernel_key *keys, size_t n_keys)
{
    size_t n = 0;
    for (size_t i = 0; i < n_keys; i++) n += !is_known(h, &keys[i]);
    return n;
}

/* A few kernels in turns, until each has settled. */
static fet_status visit_in_turns(host *h, const fet_kernel_key *const *keys, size_t n, fet_rounds *rounds)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < n; i++) {
            if (fet_rounds_are_settled(&rounds[i], h->rounds)) continue;
            FET_TRY(visit(h, keys[i], &rounds[i]));
            again |= !fet_rounds_are_settled(&rounds[i], h->rounds);
        }
    }
    return FET_OK;
}

static fet_status measure_group(host *h, const fet_kernel_key *const *keys, size_t n)
{
    fet_rounds rounds[GROUP] = {0};
    FET_TRY(visit_in_turns(h, keys, n, rounds));
    for (size_t i = 0; i < n; i++) {
        fet_kernel_time time = fet_rounds_summarise(&rounds[i]);
        FET_TRY(fet_kernel_table_append(h->table, keys[i], &time));
    }
    return FET_OK;
}

static bool is_among(const fet_kernel_key *key, const fet_kernel_key *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fet_kernel_key_equal(keys[i], key)) return true;
    return false;
}

static fet_status measure_missing(host *h, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context)
{
    size_t total = count_missing(h, keys, n_keys), done = 0, n = 0, room = h->rounds > 1 ? GROUP : 1;
    const fet_kernel_key *group[GROUP];
    for (size_t i = 0; i <= n_keys; i++) {
        if (n == room || (i == n_keys && n)) {
            FET_TRY(measure_group(h, group, n));
            done += n, n = 0;
        }
        if (i == n_keys || is_known(h, &keys[i]) || is_among(&keys[i], group, n)) continue;
        FET_TRY(go_on(progress, context, done + n, total));
        group[n++] = &keys[i];
    }
    return go_on(progress, context, total, total);
}

/* Two processes that measure at once disturb each other: only the one with the table's lock does; the other waits and learns from it.
 * keys: what is wanted, so that waiting ends when another process has made it; n_keys 0: the lock itself. */
static fet_status lock_table(host *h, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context)
{
    for (;;) {
        bool locked = false;
        FET_TRY(fet_kernel_table_try_lock(h->table, &locked));
        if (locked) return FET_OK;
        FET_TRY(fet_kernel_table_refresh(h->table));
        size_t missing = count_missing(h, keys, n_keys);
        if (missing == 0 && n_keys > 0) return FET_OK;
        FET_TRY(go_on(progress, context, 0, missing));
        fet_clock_sleep_s(0.05);
    }
}

static fet_status host_measure(void *state, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context)
{
    host *h = state;
    if (count_missing(h, keys, n_keys) == 0) return FET_OK;
    FET_TRY(lock_table(h, keys, n_keys, progress, context));
    fet_status status = measure_missing(h, keys, n_keys, progress, context);
    fet_kernel_table_unlock(h->table);
    return status;
}

static fet_status host_repeat(void *state, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context,
                              fet_repeat *out_repeats)
{
    host *h = state;
    const fet_kernel_key *order[FET_DEVICE_REPEAT_MAX];
    fet_rounds rounds[FET_DEVICE_REPEAT_MAX] = {0};
    for (size_t i = 0; i < n_keys; i++) order[i] = &keys[i];
    FET_TRY(lock_table(h, NULL, 0, progress, context));
    fet_status status = visit_in_turns(h, order, n_keys, rounds);
    fet_kernel_table_unlock(h->table);
    FET_TRY(status);
    for (size_t i = 0; i < n_keys; i++) {
        fet_kernel_time time = fet_rounds_summarise(&rounds[i]);
        out_repeats[i] = (fet_repeat){.latency_ms = time.latency_ms, .spread = time.spread, .pulse = time.pulse};
    }
    return FET_OK;
}

static fet_status host_keep_repeat(void *state, const fet_kernel_key *key, const fet_repeat *repeat)
{
    host *h = state;
    FET_TRY(lock_table(h, NULL, 0, NULL, NULL));
    fet_status status = fet_kernel_table_append_again(h->table, key, repeat);
    fet_kernel_table_unlock(h->table);
    return status;
}

static uint32_t host_repeats(const void *state, const fet_kernel_key *key, fet_repeat repeats[FET_REPEATS_MAX])
{
    return fet_kernel_table_repeats(((const host *)state)->table, key, repeats);
}

static fet_status host_measure_networks(void *state, const char *const *onnx_paths, size_t n, double *out_ms, double *out_spread)
{
    host *h = state;
    double *ms = NULL;
    for (size_t i = 0; i < n; i++)
        if (strpbrk(onnx_paths[i], "\n\r"))
            return fet_fail(FET_ERROR_ARG, "%s: a path with a line break cannot be measured", onnx_paths[i]);
    FET_TRY(need_child(h));
    FET_TRY(fet_alloc_zeroed(2 * n + 1, sizeof *ms, "latencies", &ms));
    fet_status status = fet_host_child_networks(h->child, h->target.precision, onnx_paths, n, ms, ms + n);
    if (status != FET_OK && fet_host_child_is_dead(h->child)) {
        status = need_child(h);
        if (status == FET_OK) status = fet_host_child_networks(h->child, h->target.precision, onnx_paths, n, ms, ms + n);
    }
    if (status == FET_OK && n) {
        memcpy(out_ms, ms, n * sizeof *ms);
        memcpy(out_spread, ms + n, n * sizeof *ms);
    }
    fet_free(ms);
    return status;
}

static fet_status host_parallelism(const fet_device_options *options, fet_parallelism *out_parallelism)
{
    fet_host_target target;
    FET_TRY(fet_host_target_find(options, &target));
    *out_parallelism = target.parallelism;
    return FET_OK;
}

static fet_status host_computes(const fet_device_options *options, fet_dtype precision, bool *out_computes)
{
    fet_device_options other = *options;
    fet_host_target target;
    other.precision = precision;
    fet_status status = fet_host_target_find(&other, &target);
    *out_computes = status == FET_OK;
    if (status == FET_ERROR_UNSUPPORTED) status = FET_OK, fet_error_clear();
    return status;
}

const fet_device_ops fet_device_host = {
    .name = "host",
    .help = "this CPU through oneDNN, measured",
    .source = FET_COST_MEASURED,
    .state_bytes = sizeof(host),
    .open = host_open,
    .close = host_close,
    .describe = host_describe,
    .fusion_rules = host_fusion_rules,
    .lookup = host_lookup,
    .known = host_known,
    .measure = host_measure,
    .repeat = host_repeat,
    .keep_repeat = host_keep_repeat,
    .repeats = host_repeats,
    .measure_networks = host_measure_networks,
    .parallelism = host_parallelism,
    .computes = host_computes,
    .table_path = host_table_path,
};
