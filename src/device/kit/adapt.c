// SPDX-License-Identifier: Apache-2.0
#include "device/kit/adapt.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/median.h"
#include "device/kit/pool.h"
#include "estimate/leave_out.h"
#include "estimate/score.h"
#include "estimate/suggest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 3, LEAST_JUDGED = 30 };

fet_kit_adapt_options fet_kit_adapt_default_options(void)
{
    return (fet_kit_adapt_options){.rounds = 4, .batch = 50, .seed = 1};
}

const char *fet_kit_adapt_end_name(fet_kit_adapt_end end)
{
    static const char *const names[] = {"done", "reached", "nothing left", "budget", "stopped"};
    return names[end];
}

typedef struct adapter {
    fet_device *device;
    const fet_kit_pool *pool;
    const fet_kit_plan *plan;
    const fet_kit_adapt_options *options;
    fet_kit_adapt_progress progress;
    void *context;
    double until_s;
    uint64_t plan_hash;
    fet_kit_samples samples;
    fet_kit_adapted *a;
    bool fits, stopped;
} adapter;

static bool on_progress(void *context, size_t done, size_t total)
{
    adapter *d = context;
    d->stopped |= d->progress && !d->progress(d->context, d->a->n, d->fits, done, total);
    return !d->stopped;
}

static bool is_late(const adapter *d)
{
    return d->until_s > 0 && fet_clock_monotonic_s() >= d->until_s;
}

/* --- error --- */

/* Of the plan, what networks have. */
static bool is_judged(const fet_kit_item *item)
{
    return item->reason != FET_KIT_SWEEP && item->count > 0;
}

typedef struct judged {
    uint32_t *part, *count; /* of each sample */
    fet_estimate *estimates;
    double *ms, *widths;
} judged;

static void free_judged(judged *j)
{
    fet_free(j->part);
    fet_free(j->estimates);
    fet_free(j->ms);
}

static int by_key(const void *a, const void *b)
{
    return memcmp(&((const fet_kit_item *)a)->key, &((const fet_kit_item *)b)->key, sizeof(fet_kernel_key));
}

/* Which part a kernel is of depends on the kernel alone. */
static fet_status deal(const adapter *d, judged *j)
{
    fet_kit_item *sorted = NULL;
    size_t n = d->samples.n;
    FET_TRY(fet_alloc_zeroed(2 * n, sizeof *j->part, "parts", &j->part));
    FET_TRY(fet_alloc_zeroed(n, sizeof *j->estimates, "estimates", &j->estimates));
    FET_TRY(fet_alloc_zeroed(2 * n, sizeof *j->ms, "latencies", &j->ms));
    FET_TRY(fet_alloc_zeroed((size_t)d->plan->n + 1, sizeof *sorted, "kernels", &sorted));
    j->count = j->part + n, j->widths = j->ms + n;
    memcpy(sorted, d->plan->items, d->plan->n * sizeof *sorted);
    qsort(sorted, d->plan->n, sizeof *sorted, by_key);
    for (size_t i = 0; i < n; i++) {
        const fet_kit_item wanted = {.key = d->samples.items[i].key};
        const fet_kit_item *item = bsearch(&wanted, sorted, d->plan->n, sizeof *sorted, by_key);
        bool is = item && is_judged(item);
        j->part[i] = is ? (uint32_t)(fet_kernel_key_hash(&item->key) % PARTS) : FET_LEAVE_OUT_NEVER;
        j->count[i] = is ? item->count : 0;
    }
    fet_free(sorted);
    return FET_OK;
}

static fet_status score(const adapter *d, judged *j, fet_kit_round *out_round)
{
    double off = 0, all = 0;
    size_t n = 0;
    fet_score score;
    for (size_t i = 0; i < d->samples.n; i++) {
        const fet_estimate e = j->estimates[i];
        double ms = d->samples.items[i].latency_ms;
        if (j->part[i] == FET_LEAVE_OUT_NEVER || isnan(e.latency_ms)) continue;
        off += j->count[i] * fabs(e.latency_ms - ms), all += j->count[i] * ms;
        j->widths[n] = e.high_ms / e.latency_ms - 1;
        j->ms[n] = ms;
        j->estimates[n++] = e;
    }
    if (n < LEAST_JUDGED)
        return fet_fail(FET_ERROR_ARG, "%zu kernels of networks are known, to judge an estimator by: expected at least %d", n,
                        (int)LEAST_JUDGED);
    FET_TRY(fet_score_of(j->estimates, j->ms, n, &score));
    fet_sort_doubles(j->widths, n);
    *out_round = (fet_kit_round){.known = (uint32_t)d->samples.n,
                                 .mape = score.mape,
                                 .weighted = off / all,
                                 .within_10 = score.within_10,
                                 .half_width = j->widths[n / 2]};
    return FET_OK;
}

static fet_estimator_options estimator_options(const adapter *d)
{
    fet_estimator_options o = fet_kit_estimator_options(d->device);
    o.outside = FET_ESTIMATE_WIDEN;
    o.seed = d->options->seed;
    return o;
}

static fet_status judge(adapter *d, fet_kit_round *out_round)
{
    judged j = {.part = NULL};
    fet_estimator_options o = estimator_options(d);
    fet_kit_samples_clear(&d->samples);
    FET_TRY(fet_kit_samples_read(d->device, &d->samples));
    if (d->samples.n < LEAST_JUDGED)
        return fet_fail(FET_ERROR_ARG, "%zu kernels are known: expected at least %d, to fit an estimator to", d->samples.n,
                        (int)LEAST_JUDGED);
    d->fits = true;
    fet_status status = deal(d, &j);
    if (status == FET_OK)
        status = fet_estimate_leave_out_parts(&o, d->samples.items, d->samples.n, j.part, PARTS, on_progress, d, j.estimates);
    if (status == FET_OK) status = score(d, &j, out_round);
    free_judged(&j);
    return status;
}

/* --- the next kernels --- */

typedef struct candidate {
    const fet_kit_item *item;
    double gain;
    uint64_t kind; /* of its like: family and size of map */
} candidate;

static uint64_t kind_of(const fet_kernel_key *key)
{
    char family[FET_KIT_FAMILY_BYTES];
    fet_kit_family_print(key, family);
    return fet_hash_combine(fet_hash(family, strlen(family)), key->ih);
}

/* What is not known of the pool, with what its uncertainty costs networks. */
static void list_candidates(const adapter *d, const fet_estimator *estimator, candidate *candidates, uint32_t *out_n)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->pool->set.n; i++) {
        const fet_kit_item *item = &d->pool->set.items[i];
        fet_cost cost;
        fet_estimate e;
        if (item->count == 0 || fet_device_lookup(d->device, &item->key, &cost)) continue;
        if (fet_estimator_predict(estimator, &item->key, 1, &e) != FET_OK) { /* no model of its family: then it comes first */
            fet_error_clear();
            e = (fet_estimate){.latency_ms = 1, .low_ms = 1, .high_ms = 1e6};
        }
        candidates[n++] =
            (candidate){.item = item, .gain = item->count * e.latency_ms * log(e.high_ms / e.low_ms), .kind = kind_of(&item->key)};
    }
    *out_n = n;
}

/* The greatest gain first; each choice halves what its like would gain, for it teaches of them too. */
static void choose(candidate *candidates, uint32_t n, uint32_t wanted, fet_kernel_key *out_keys, uint32_t *out_n)
{
    uint32_t found = 0;
    for (; found < wanted; found++) {
        uint32_t best = n;
        for (uint32_t i = 0; i < n; i++)
            if (candidates[i].gain > 0 && (best == n || candidates[i].gain > candidates[best].gain)) best = i;
        if (best == n) break;
        out_keys[found] = candidates[best].item->key;
        candidates[best].gain = 0;
        for (uint32_t i = 0; i < n; i++)
            if (candidates[i].kind == candidates[best].kind) candidates[i].gain *= 0.5;
    }
    *out_n = found;
}

static bool is_among(const fet_kernel_key *key, const fet_kernel_key *keys, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (fet_kernel_key_equal(key, &keys[i])) return true;
    return false;
}

/* Half of them, or what there is, from the pool; the rest neighbours. */
static fet_status name_next(adapter *d, const fet_estimator *estimator, candidate *candidates, fet_kernel_key *neighbours)
{
    fet_kit_adapted *a = d->a;
    uint32_t n_candidates = 0, n_neighbours = 0, batch = d->options->batch;
    list_candidates(d, estimator, candidates, &n_candidates);
    choose(candidates, n_candidates, (batch + 1) / 2, a->asked, &a->n_asked);
    FET_TRY(fet_estimate_suggest(estimator, d->samples.items, d->samples.n, batch, d->options->seed + a->n, neighbours, &n_neighbours));
    for (uint32_t i = 0; i < n_neighbours && a->n_asked < batch; i++)
        if (!is_among(&neighbours[i], a->asked, a->n_asked)) a->asked[a->n_asked++] = neighbours[i];
    return FET_OK;
}

static fet_status ask(adapter *d)
{
    fet_auto(fet_estimator) estimator = NULL;
    fet_estimator_options o = estimator_options(d);
    candidate *candidates = NULL;
    fet_kernel_key *neighbours = NULL;
    if (d->samples.n == 0) FET_TRY(fet_kit_samples_read(d->device, &d->samples)); /* the last run judged, and ended */
    fet_free(d->a->asked);
    d->a->asked = NULL, d->a->n_asked = 0;
    FET_TRY(fet_estimator_fit(&o, d->samples.items, d->samples.n, &estimator));
    FET_TRY(fet_alloc_zeroed(d->options->batch, sizeof *d->a->asked, "kernels", &d->a->asked));
    fet_status status = fet_alloc_zeroed((size_t)d->pool->set.n + 1, sizeof *candidates, "kernels", &candidates);
    if (status == FET_OK) status = fet_alloc_zeroed(d->options->batch, sizeof *neighbours, "kernels", &neighbours);
    if (status == FET_OK) status = name_next(d, estimator, candidates, neighbours);
    fet_free(candidates);
    fet_free(neighbours);
    return status == FET_OK ? fet_kit_adapt_write(d->options->path, d->plan_hash, d->a) : status;
}

/* --- rounds --- */

/* *out_over: no time, or stopped. */
static fet_status measure_asked(adapter *d, bool *out_over)
{
    fet_kit_plan plan = {.n = d->a->n_asked};
    fet_kit_result result = {.outcome = FET_KIT_DONE};
    double left_s = d->until_s > 0 ? d->until_s - fet_clock_monotonic_s() : 0;
    *out_over = d->until_s > 0 && left_s <= 0;
    if (*out_over) {
        d->a->end = FET_KIT_ADAPT_BUDGET;
        return FET_OK;
    }
    FET_TRY(fet_alloc_zeroed((size_t)plan.n + 1, sizeof *plan.items, "kernels", &plan.items));
    for (uint32_t i = 0; i < plan.n; i++) plan.items[i].key = d->a->asked[i];
    d->fits = false;
    fet_status status = fet_kit_measure(d->device, &plan, left_s, on_progress, d, &result);
    fet_free(plan.items);
    FET_TRY(status);
    d->a->measured += result.measured, d->a->failed += result.failed;
    *out_over = result.outcome != FET_KIT_DONE;
    if (*out_over) d->a->end = result.outcome == FET_KIT_STOPPED ? FET_KIT_ADAPT_STOPPED : FET_KIT_ADAPT_BUDGET;
    return FET_OK;
}

static bool is_over(adapter *d)
{
    fet_kit_adapted *a = d->a;
    if (a->n == 0) return false;
    if (d->options->until > 0 && a->rounds[a->n - 1].mape <= d->options->until) a->end = FET_KIT_ADAPT_REACHED;
    else if (a->n > d->options->rounds) a->end = FET_KIT_ADAPT_DONE;
    else if (is_late(d)) a->end = FET_KIT_ADAPT_BUDGET;
    else return false;
    return true;
}

static fet_status go_rounds(adapter *d)
{
    fet_kit_adapted *a = d->a;
    while (!is_over(d)) {
        bool over = false;
        if (a->n > 0 && a->n_asked == 0) FET_TRY(ask(d));
        if (a->n > 0 && a->n_asked == 0) {
            a->end = FET_KIT_ADAPT_DRY;
            return FET_OK;
        }
        if (a->n > 0) FET_TRY(measure_asked(d, &over));
        if (over) return FET_OK;
        FET_TRY(judge(d, &a->rounds[a->n]));
        a->n++, a->n_asked = 0;
        FET_TRY(fet_kit_adapt_write(d->options->path, d->plan_hash, a));
    }
    return FET_OK;
}

static uint64_t hash_of(const fet_kit_plan *plan, const fet_kit_adapt_options *options)
{
    uint64_t hash = fet_hash_combine(options->seed, options->batch);
    for (uint32_t i = 0; i < plan->n; i++) hash = fet_hash_combine(hash, fet_kernel_key_hash(&plan->items[i].key));
    return hash;
}

fet_status fet_kit_adapt(fet_device *device, const fet_kit_pool *pool, const fet_kit_plan *plan, const fet_kit_adapt_options *options,
                         fet_kit_adapt_progress progress, void *context, fet_kit_adapted *out_adapted)
{
    fet_kit_adapt_options usual = fet_kit_adapt_default_options();
    fet_kit_adapted adapted = {.n = 0};
    double start_s = fet_clock_monotonic_s();
    adapter d = {.device = device,
                 .pool = pool,
                 .plan = plan,
                 .options = options ? options : &usual,
                 .progress = progress,
                 .context = context,
                 .a = &adapted};
    if (d.options->rounds < 1 || d.options->rounds > FET_KIT_ROUNDS_MAX || d.options->batch < 1 || d.options->batch > FET_KIT_BATCH_MAX)
        return fet_fail(FET_ERROR_ARG, "%u rounds of %u kernels: expected 1 to %d of 1 to %d", d.options->rounds, d.options->batch,
                        (int)FET_KIT_ROUNDS_MAX, (int)FET_KIT_BATCH_MAX);
    d.until_s = d.options->budget_s > 0 ? start_s + d.options->budget_s : 0;
    d.plan_hash = hash_of(plan, d.options);
    fet_status status = fet_kit_adapt_read(d.options->path, d.plan_hash, &adapted);
    if (status == FET_OK) status = go_rounds(&d);
    if (status == FET_ERROR_STATE && d.stopped) {
        adapted.end = FET_KIT_ADAPT_STOPPED;
        fet_error_clear();
        status = FET_OK;
    }
    fet_kit_samples_clear(&d.samples);
    adapted.seconds = fet_clock_monotonic_s() - start_s;
    if (status == FET_OK) *out_adapted = adapted;
    else fet_kit_adapted_clear(&adapted);
    return status;
}
