// SPDX-License-Identifier: Apache-2.0
#include "run/costs.h"

#include "base/hash.h"
#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "op/op.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double DOES_NOT_FIT = 1e6; /* as a violation: beyond any share of a limit */

struct fet_costs {
    const fet_space *space;
    fet_device *device;
    fet_arena *arena; /* of one candidate at a time */
    fet_between between;
    fet_limit_lesson lesson;
    fet_graph *graph; /* the present one, in the arena; destroyed before the arena is reset, for it shares constants with the base */
};

fet_status fet_costs_create(const fet_space *space, fet_device *device, fet_costs **out_costs)
{
    fet_auto(fet_costs) costs = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *costs, "a cost model", &costs));
    FET_TRY(fet_arena_create(&costs->arena));
    costs->space = space;
    costs->device = device;
    *out_costs = fet_take(costs);
    return FET_OK;
}

void fet_costs_destroy(fet_costs *costs)
{
    if (!costs) return;
    fet_graph_destroy(costs->graph);
    fet_arena_destroy(costs->arena);
    fet_free(costs);
}

void fet_costs_set_between(fet_costs *costs, const fet_between *between)
{
    costs->between = *between;
}

void fet_costs_set_lesson(fet_costs *costs, const fet_limit_lesson *lesson)
{
    costs->lesson = *lesson;
}

/* The kernels of a genome, in the costs' arena (reset first). */
static fet_status split(fet_costs *costs, const fet_genome *genome, fet_kernels *out_kernels)
{
    fet_graph_destroy(costs->graph);
    costs->graph = NULL;
    fet_arena_reset(costs->arena);
    FET_TRY(fet_space_derive(costs->space, genome, costs->arena, &costs->graph));
    return fet_kernels_split(costs->graph, fet_device_fusion_rules(costs->device), fet_device_precision(costs->device), costs->arena,
                             out_kernels);
}

static fet_status measure_missing(fet_costs *costs, const fet_kernels *kernels)
{
    fet_kernel_key *missing = fet_arena_alloc(costs->arena, (kernels->count + 1) * sizeof *missing);
    if (!missing) return fet_arena_full();
    size_t n_missing = 0;
    fet_cost cost;
    for (uint32_t k = 0; k < kernels->count; k++)
        if (!fet_device_lookup(costs->device, &kernels->items[k].key, &cost)) missing[n_missing++] = kernels->items[k].key;
    return n_missing ? fet_device_measure(costs->device, missing, n_missing, NULL, NULL) : FET_OK;
}

/* Kernels that nobody has measured yet are measured; a candidate that does not fit into the device's memory takes for ever. */
static fet_status latency_of(fet_costs *costs, const fet_kernels *kernels, double *out_ms)
{
    fet_status status = fet_device_network_latency(costs->device, costs->graph, kernels, costs->arena, NULL, out_ms);
    if (status == FET_ERROR_NOT_FOUND) {
        FET_TRY(measure_missing(costs, kernels));
        status = fet_device_network_latency(costs->device, costs->graph, kernels, costs->arena, NULL, out_ms);
    }
    if (status != FET_ERROR_LIMIT || fet_device_source(costs->device) != FET_COST_SIMULATED) return status;
    fet_error_clear();
    *out_ms = INFINITY;
    return FET_OK;
}

fet_status fet_costs_of(fet_costs *costs, const fet_genome *genome, fet_candidate_cost *out_cost)
{
    fet_kernels kernels;
    FET_TRY(split(costs, genome, &kernels));
    fet_memory_options memory = fet_memory_default_options(fet_device_precision(costs->device));
    memory.channel_rounding = fet_device_channel_rounding(costs->device);
    fet_memory_plan plan;
    fet_candidate_cost cost = {.hash = fet_graph_hash(costs->graph), .lesson = costs->lesson};
    FET_TRY(latency_of(costs, &kernels, &cost.metric[FET_METRIC_LATENCY]));
    if (costs->between.gains) {
        double terms[FET_BETWEEN_TERMS];
        fet_between_terms(costs->graph, &kernels, fet_device_precision(costs->device), &costs->between.caches, terms);
        cost.between_ms = fet_between_ms(&costs->between, terms);
        cost.metric[FET_METRIC_LATENCY] += cost.between_ms;
    }
    cost.error = costs->between.gains ? costs->between.error_after : costs->between.error_before;
    FET_TRY(fet_memory_plan_make(costs->graph, &kernels, &memory, costs->arena, &plan));
    cost.metric[FET_METRIC_PEAK_MEMORY] = (double)plan.arena_bytes;
    cost.metric[FET_METRIC_PARAMS] = (double)plan.param_bytes;
    for (uint32_t k = 0; k < kernels.count; k++) cost.macs += fet_kernel_macs(costs->graph, &kernels.items[k]);
    *out_cost = cost;
    return FET_OK;
}

fet_status fet_costs_sample(fet_costs *costs, const fet_genome *genome, const char *onnx_path, fet_between_sample *out_sample)
{
    fet_kernels kernels;
    fet_between_sample sample = {.whole_ms = 0};
    FET_TRY(split(costs, genome, &kernels));
    FET_TRY(latency_of(costs, &kernels, &sample.sum_ms));
    fet_between_caches caches = fet_between_caches_here();
    fet_between_terms(costs->graph, &kernels, fet_device_precision(costs->device), &caches, sample.terms);
    /* The base may have no numbers yet, and none are needed to take time: what would be inherited is drawn. */
    for (uint32_t p = 0; p < costs->graph->n_params; p++)
        if (!costs->graph->params[p].tensor) costs->graph->params[p].origin = (fet_origin){.rule = FET_ORIGIN_FRESH};
    FET_TRY(fet_graph_init_params(costs->graph, NULL, 1));
    FET_TRY(fet_onnx_write(costs->graph, onnx_path, FET_ONNX_OPSET_WRITTEN));
    *out_sample = sample;
    return FET_OK;
}

/* A latency in ms as it is expected to be measured, with its error to spare. */
static double expected_ms(const fet_candidate_cost *cost)
{
    double ms = cost->metric[FET_METRIC_LATENCY];
    return cost->lesson.alone > 0 ? ms * cost->lesson.alone * (1 + cost->lesson.error) : ms * (1 + cost->error);
}

/* The same as a share of the base, which is exact for the base itself, and all that is learned at the limit and below it. */
static double expected_share(double share, double limit, const fet_candidate_cost *cost)
{
    const fet_limit_lesson *lesson = &cost->lesson;
    if (!(lesson->alone > 0) || limit >= 1) return share + cost->error * fabs(1 - share);
    double nearness = fmin(fmax(0, 1 - share) / (1 - limit), 1);
    return share + share * (lesson->against_base * (1 + lesson->error) - 1) * nearness;
}

/* How far beyond a limit, as a share of it; negative within it. */
static double excess(const fet_limit *limit, const fet_candidate_cost *cost, const fet_candidate_cost *base)
{
    bool is_latency = limit->metric == FET_METRIC_LATENCY;
    double value = cost->metric[limit->metric], share = value / base->metric[limit->metric];
    if (!limit->relative) return (is_latency ? expected_ms(cost) : value) / limit->value - 1;
    return (is_latency ? expected_share(share, limit->value, cost) : share) / limit->value - 1;
}

double fet_costs_violation(const fet_job *job, const fet_candidate_cost *cost, const fet_candidate_cost *base)
{
    double violation = 0;
    if (isinf(cost->metric[FET_METRIC_LATENCY])) return DOES_NOT_FIT;
    for (uint32_t l = 0; l < job->n_limits; l++) {
        const fet_limit *limit = &job->limits[l];
        if (limit->metric == FET_METRIC_QUALITY) continue;
        violation += fmax(0, excess(limit, cost, base));
    }
    return violation;
}

/* A kernel with how many of the drawn candidates contain it. */
typedef struct drawn {
    fet_kernel_key key;
    uint32_t count;
} drawn;

typedef struct draws {
    drawn *items; /* open addressing, count 0: free */
    size_t capacity, used;
} draws;

static fet_status count_key(draws *set, const fet_kernel_key *key)
{
    if (set->used * 2 >= set->capacity) {
        draws larger = {.capacity = set->capacity ? set->capacity * 2 : 1024, .used = set->used};
        FET_TRY(fet_alloc_zeroed(larger.capacity, sizeof *larger.items, "a set of kernels", &larger.items));
        for (size_t i = 0; i < set->capacity; i++) {
            if (!set->items[i].count) continue;
            size_t at = fet_hash(&set->items[i].key, sizeof *key) & (larger.capacity - 1);
            while (larger.items[at].count) at = (at + 1) & (larger.capacity - 1);
            larger.items[at] = set->items[i];
        }
        fet_free(set->items);
        *set = larger;
    }
    size_t at = fet_hash(key, sizeof *key) & (set->capacity - 1);
    while (set->items[at].count && memcmp(&set->items[at].key, key, sizeof *key) != 0) at = (at + 1) & (set->capacity - 1);
    if (!set->items[at].count) set->items[at].key = *key, set->used++;
    set->items[at].count++;
    return FET_OK;
}

static int more_frequent(const void *a, const void *b)
{
    const drawn *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return memcmp(&x->key, &y->key, sizeof x->key); /* a total order: the same list on every machine */
}

static fet_status draw(fet_costs *costs, uint32_t n_draws, uint64_t seed, draws *set)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_SAMPLE);
    for (uint32_t d = 0; d <= n_draws; d++) {
        fet_genome genome;
        fet_kernels kernels;
        if (d == 0) fet_space_base_genome(costs->space, &genome);
        else fet_space_sample(costs->space, &rng, &genome);
        FET_TRY(split(costs, &genome, &kernels));
        for (uint32_t k = 0; k < kernels.count; k++) FET_TRY(count_key(set, &kernels.items[k].key));
    }
    return FET_OK;
}

/* The keys that are not in the table yet, the most frequent first. */
static fet_status missing_keys(const fet_costs *costs, draws *set, fet_kernel_key **out_keys, size_t *out_n)
{
    size_t n = 0;
    fet_cost cost;
    for (size_t i = 0; i < set->capacity; i++)
        if (set->items[i].count && !fet_device_lookup(costs->device, &set->items[i].key, &cost)) set->items[n++] = set->items[i];
    if (n) qsort(set->items, n, sizeof *set->items, more_frequent);
    FET_TRY(fet_alloc_zeroed(n, sizeof **out_keys, "a list of kernels", out_keys));
    for (size_t i = 0; i < n; i++) (*out_keys)[i] = set->items[i].key;
    *out_n = n;
    return FET_OK;
}

fet_status fet_costs_measure_ahead(fet_costs *costs, uint32_t n_draws, uint64_t seed,
                                   bool (*progress)(void *context, size_t done, size_t total), void *context, size_t *out_missing)
{
    draws set = {0};
    fet_kernel_key *keys = NULL;
    *out_missing = 0;
    if (fet_device_source(costs->device) == FET_COST_SIMULATED) return FET_OK; /* networks are simulated whole: nothing is looked up */
    size_t n = 0, still = 0;
    fet_status status = draw(costs, n_draws, seed, &set);
    if (status == FET_OK) status = missing_keys(costs, &set, &keys, &n);
    if (status == FET_OK && n) status = fet_device_measure(costs->device, keys, n, progress, context);
    fet_cost cost;
    for (size_t i = 0; i < n; i++) still += !fet_device_lookup(costs->device, &keys[i], &cost);
    fet_free(keys);
    fet_free(set.items);
    if (status == FET_ERROR_STATE && still) status = FET_OK; /* stopped by the caller */
    *out_missing = still;
    return status;
}
