// SPDX-License-Identifier: Apache-2.0
/*
 * What bench/estimator/recorded.py runs: estimators fitted to kernels that were recorded, by splits that are given; few kernels with
 * another device as prior; and how fast estimates are. Kernels come from a CSV (device/recorded) or from the host's kernel table, as
 * "host:int8".
 *
 *     recorded split KERNELS.csv SPLIT         SPLIT: a line a kernel, 0 fitted, 1 estimated; prints shares and errors
 *     recorded fewshot KERNELS PRIOR DRAWS     prints, for 10, 30, 100 and 300 kernels, errors without and with the prior
 *     recorded speed                           exit code 1 where a bar is missed
 */
#include "device/recorded/recorded.h"
#include "base/clock.h"
#include "base/median.h"
#include "base/rng.h"
#include "device/device.h"
#include "device/host/host.h"
#include "estimate/score.h"
#include "space/space.h"
#include "space/template/template.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIPPED = 77 };

typedef struct kernels {
    fet_estimate_sample *items;
    size_t n, capacity;
    fet_dtype precision;
} kernels;

static fet_status add(kernels *k, const fet_kernel_key *key, double ms, double spread)
{
    FET_TRY(fet_grow(&k->items, &k->capacity, k->n + 1, sizeof *k->items));
    k->items[k->n++] = (fet_estimate_sample){.key = *key, .latency_ms = ms, .spread = spread};
    k->precision = (fet_dtype)key->precision;
    return FET_OK;
}

static fet_status read_csv(const char *path, kernels *k)
{
    fet_recorded_kernel *rows = NULL;
    uint32_t n = 0;
    FET_TRY(fet_recorded_read(path, &rows, &n));
    fet_status status = FET_OK;
    for (uint32_t i = 0; i < n && status == FET_OK; i++) status = add(k, &rows[i].key, rows[i].latency_ms, rows[i].spread);
    fet_free(rows);
    return status;
}

/* Convolutions alone: of the rest a table of a few networks has too few to leave some out. */
static fet_status read_host(const char *precision, kernels *k)
{
    fet_device_options options = {.name = "host", .precision = fet_dtype_parse(precision), .isa = "auto"};
    fet_auto(fet_device) device = NULL;
    fet_kernel_key key;
    fet_cost cost;
    FET_TRY(fet_device_open(&options, &device));
    fprintf(stderr, "%s\n", fet_device_describe(device));
    for (uint32_t i = 0; fet_device_known(device, i, &key, &cost); i++)
        if (fet_family_of(&key) <= FET_FAMILY_DEPTHWISE) FET_TRY(add(k, &key, cost.latency_ms, cost.spread));
    return FET_OK;
}

static fet_status read_kernels(const char *source, kernels *k)
{
    return strncmp(source, "host:", 5) == 0 ? read_host(source + 5, k) : read_csv(source, k);
}

/* --- a given split --- */

static fet_status estimate_all(const fet_estimator *estimator, const fet_estimate_sample *samples, size_t n, fet_score *out_score)
{
    fet_estimate *estimates = NULL;
    double *ms = NULL;
    FET_TRY(fet_alloc_zeroed(n, sizeof *estimates, "estimates", &estimates));
    fet_status status = fet_alloc_zeroed(n, sizeof *ms, "latencies", &ms);
    for (size_t i = 0; i < n && status == FET_OK; i++) {
        ms[i] = samples[i].latency_ms;
        /* No model: as wrong as can be. */
        if (fet_estimator_predict(estimator, &samples[i].key, 1, &estimates[i]) != FET_OK) estimates[i] = (fet_estimate){.latency_ms = 0};
    }
    if (status == FET_OK) status = fet_score_of(estimates, ms, n, out_score);
    fet_free(estimates);
    fet_free(ms);
    return status;
}

static fet_status split(const char *csv, const char *split_path)
{
    kernels all = {.n = 0}, fitted = {.n = 0}, left = {.n = 0};
    fet_auto(fet_estimator) estimator = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    fet_score score;
    FET_TRY(read_csv(csv, &all));
    FILE *file = fopen(split_path, "r");
    int one;
    for (size_t i = 0; file && i < all.n && fscanf(file, "%d", &one) == 1; i++)
        FET_TRY(add(one ? &left : &fitted, &all.items[i].key, all.items[i].latency_ms, 0));
    if (file) fclose(file);
    if (fitted.n + left.n != all.n) return fet_fail(FET_ERROR_CORRUPT, "%s: expected %zu lines of 0 or 1", split_path, all.n);
    options.intervals = false;
    options.outside = FET_ESTIMATE_WIDEN;
    options.precision = all.precision;
    double start = fet_clock_cpu_s();
    FET_TRY(fet_estimator_fit(&options, fitted.items, fitted.n, &estimator));
    FET_TRY(estimate_all(estimator, left.items, left.n, &score));
    printf("%zu %zu %.6f %.6f %.6f %.6f %.1f\n", fitted.n, left.n, score.within_5, score.within_10, score.mape, score.spearman,
           fet_clock_cpu_s() - start);
    fet_free(all.items);
    fet_free(fitted.items);
    fet_free(left.items);
    return FET_OK;
}

/* --- few kernels --- */

static fet_status fit_some(const kernels *k, size_t n, const fet_estimator *prior, const fet_estimate_sample *left, size_t n_left,
                           fet_score *out_score)
{
    fet_auto(fet_estimator) estimator = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    options.intervals = false;
    options.outside = FET_ESTIMATE_WIDEN;
    options.precision = k->precision;
    options.prior = prior;
    FET_TRY(fet_estimator_fit(&options, k->items, n, &estimator));
    return estimate_all(estimator, left, n_left, out_score);
}

static void shuffle(kernels *k, uint64_t seed)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_SPLIT);
    for (size_t i = k->n; i > 1; i--) {
        size_t j = fet_rng_below(&rng, (uint32_t)i);
        fet_estimate_sample swap = k->items[i - 1];
        k->items[i - 1] = k->items[j], k->items[j] = swap;
    }
}

static fet_status fewshot(const char *source, const char *prior_source, uint64_t draws)
{
    static const size_t counts[] = {10, 30, 100, 300};
    kernels new = {.n = 0}, old = {.n = 0};
    fet_auto(fet_estimator) prior = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    FET_TRY(read_kernels(source, &new));
    FET_TRY(read_kernels(prior_source, &old));
    if (new.n < 400 || old.n < 400)
        return fet_fail(FET_ERROR_NOT_FOUND, "%s has %zu convolutions, %s %zu: expected at least 400 (`fettle device probe` measures more)",
                        source, new.n, prior_source, old.n);
    options.outside = FET_ESTIMATE_WIDEN;
    options.precision = old.precision;
    options.intervals = false;
    FET_TRY(fet_estimator_fit(&options, old.items, old.n, &prior));
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        double mape[2] = {0}, within[2] = {0};
        for (uint64_t d = 0; d < draws; d++) {
            shuffle(&new, d + 1);
            for (int with = 0; with < 2; with++) {
                fet_score score;
                FET_TRY(fit_some(&new, counts[c], with ? prior : NULL, new.items + 300, new.n - 300, &score));
                mape[with] += score.mape / (double)draws, within[with] += score.within_10 / (double)draws;
            }
        }
        printf("%zu %.6f %.6f %.6f %.6f %zu %zu\n", counts[c], mape[0], mape[1], within[0], within[1], new.n, old.n);
        fflush(stdout);
    }
    fet_free(new.items);
    fet_free(old.items);
    return FET_OK;
}

/* --- speed --- */

enum { GENOMES = 256, NETWORK = 60, MOST_KERNELS = 1500, ROUNDS = 41 };

typedef struct speed {
    fet_graph *base;
    fet_space *space;
    fet_arena *arena;
    fet_genome genomes[GENOMES];
    kernels kernels;
    char path[64];
} speed;

/* 60 nodes that run, as bench/derive has. */
static fet_status make_space(speed *s)
{
    fet_template_options options = {.channels = 3,
                                    .height = 96,
                                    .width = 96,
                                    .n_classes = 10,
                                    .stem_channels = 16,
                                    .stem_kernel = 3,
                                    .stem_stride = 2,
                                    .n_stages = 4,
                                    .head_channels = 256};
    options.stages[0] = (fet_template_stage){.blocks = 3, .channels = 24, .expansion = 4, .stride = 1, .kernel = 3};
    options.stages[1] = (fet_template_stage){.blocks = 5, .channels = 40, .expansion = 6, .stride = 2, .kernel = 3};
    options.stages[2] = (fet_template_stage){.blocks = 6, .channels = 80, .expansion = 6, .stride = 2, .kernel = 3};
    options.stages[3] = (fet_template_stage){.blocks = 5, .channels = 128, .expansion = 6, .stride = 2, .kernel = 3};
    fet_space_options wanted = fet_space_default_options();
    wanted.search_block_form = wanted.search_width = true;
    wanted.parallelism = (fet_parallelism){16, 4};
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_SAMPLE);
    FET_TRY(fet_arena_create(&s->arena));
    FET_TRY(fet_template_build("ibn_classifier", &options, &s->base));
    FET_TRY(fet_space_create(s->base, &wanted, &s->space));
    for (int g = 0; g < GENOMES; g++) fet_space_sample(s->space, &rng, &s->genomes[g]);
    return FET_OK;
}

static fet_status derive(speed *s, int g, fet_graph **out_graph, fet_kernels *out_kernels)
{
    fet_arena_reset(s->arena);
    FET_TRY(fet_space_derive(s->space, &s->genomes[g], s->arena, out_graph));
    return fet_kernels_split(*out_graph, &fet_fusion_rules_host, FET_DTYPE_S8, s->arena, out_kernels);
}

static bool is_known(const kernels *k, const fet_kernel_key *key)
{
    for (size_t i = 0; i < k->n; i++)
        if (fet_kernel_key_equal(&k->items[i].key, key)) return true;
    return false;
}

/* A family of which all networks have the same kernel or two is made large enough for a model, by other channel counts. */
static fet_status add_kernel(kernels *k, const fet_device *device, const fet_kernel_key *key)
{
    enum { MORE = 6 };
    bool rare = fet_family_of(key) > FET_FAMILY_DEPTHWISE;
    for (uint32_t more = 0; more < (rare ? MORE : 1) && k->n < MOST_KERNELS; more++) {
        fet_kernel_key other = *key;
        fet_cost cost;
        other.ic += 8 * more;
        if (key->ic == key->oc) other.oc += 8 * more;
        if (!is_known(k, &other) && fet_device_lookup(device, &other, &cost)) FET_TRY(add(k, &other, cost.latency_ms, 0));
    }
    return FET_OK;
}

/* What the candidates contain, at what a description says of it: speed asks for kernels, not for the truth. */
static fet_status collect(speed *s)
{
    fet_device_options options = {.name = "npu-64", .precision = FET_DTYPE_S8};
    fet_auto(fet_device) device = NULL;
    FET_TRY(fet_device_open(&options, &device));
    for (int g = 0; g < GENOMES && s->kernels.n < MOST_KERNELS; g++) {
        fet_auto(fet_graph) graph = NULL;
        fet_kernels found;
        FET_TRY(derive(s, g, &graph, &found));
        for (uint32_t k = 0; k < found.count; k++) FET_TRY(add_kernel(&s->kernels, device, &found.items[k].key));
    }
    return FET_OK;
}

/* Networks of 60 different kernels each: the worst case, for in a real one many are alike. */
static fet_status time_estimates(speed *s, const fet_estimator *estimator, double *out_us)
{
    double us[ROUNDS];
    fet_kernel_key keys[NETWORK];
    fet_estimate estimates[NETWORK];
    shuffle(&s->kernels, 1);
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t spent = 0, networks = 0;
        for (size_t at = 0; at + NETWORK <= s->kernels.n; at += NETWORK, networks++) {
            for (size_t i = 0; i < NETWORK; i++) keys[i] = s->kernels.items[at + i].key;
            uint64_t start = fet_clock_ns();
            FET_TRY(fet_estimator_predict(estimator, keys, NETWORK, estimates));
            spent += fet_clock_ns() - start;
        }
        us[r] = (double)spent * 1e-3 / (double)networks;
    }
    fet_sort_doubles(us, ROUNDS);
    *out_us = us[ROUNDS / 2];
    return FET_OK;
}

/* Every candidate derived, split and estimated through the device, whose cache knows most kernels after the first round. */
static fet_status time_candidates(speed *s, const fet_device *device, double *out_a_second, double *out_with_derive, double *out_kernels)
{
    double estimated[ROUNDS], whole[ROUNDS];
    uint64_t count = 0;
    for (int r = -1; r < ROUNDS; r++) {
        uint64_t spent = 0, begin = fet_clock_ns();
        for (int g = 0; g < GENOMES; g++) {
            fet_auto(fet_graph) graph = NULL;
            fet_kernels found;
            double ms = 0;
            FET_TRY(derive(s, g, &graph, &found));
            uint64_t start = fet_clock_ns();
            FET_TRY(fet_device_network_latency(device, graph, &found, s->arena, NULL, &ms));
            spent += fet_clock_ns() - start;
            if (r < 0) count += found.count;
        }
        if (r < 0) continue;
        estimated[r] = GENOMES / ((double)spent * 1e-9);
        whole[r] = GENOMES / ((double)(fet_clock_ns() - begin) * 1e-9);
    }
    fet_sort_doubles(estimated, ROUNDS);
    fet_sort_doubles(whole, ROUNDS);
    *out_a_second = estimated[ROUNDS / 2], *out_with_derive = whole[ROUNDS / 2];
    *out_kernels = (double)count / GENOMES;
    return FET_OK;
}

static fet_status run_speed(speed *s, bool *out_good)
{
    fet_auto(fet_estimator) estimator = NULL;
    fet_auto(fet_device) device = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    double us = 0, a_second = 0, with_derive = 0, each = 0;
    FET_TRY(make_space(s));
    FET_TRY(collect(s));
    options.outside = FET_ESTIMATE_WIDEN;
    options.keep_kernels = false; /* each is estimated, as one that nobody measured */
    options.parallelism = (fet_parallelism){16, 4};
    FET_TRY(fet_estimator_fit(&options, s->kernels.items, s->kernels.n, &estimator));
    FET_TRY(fet_estimator_write(estimator, s->path));
    FET_TRY(fet_device_open(&(fet_device_options){.name = s->path, .precision = FET_DTYPE_S8}, &device));
    FET_TRY(time_estimates(s, estimator, &us));
    FET_TRY(time_candidates(s, device, &a_second, &with_derive, &each));
    *out_good = us <= 50 && a_second >= 20000;
    printf("%d different kernels, features and intervals included: %.1f us (bar 50); fitted to %zu kernels\n", NETWORK, us, s->kernels.n);
    printf("candidates of %.0f kernels with the device's cache: %.0f a second (bar 20000), derived and split as well: %.0f\n", each,
           a_second, with_derive);
    return FET_OK;
}

static fet_status speed_all(bool *out_good)
{
    static speed s;
    snprintf(s.path, sizeof s.path, "/tmp/fettle-bench-%ld.estimate", (long)getpid());
    fet_status status = run_speed(&s, out_good);
    unlink(s.path);
    fet_free(s.kernels.items);
    fet_space_destroy(s.space);
    fet_graph_destroy(s.base);
    fet_arena_destroy(s.arena);
    return status;
}

int main(int argc, char **argv)
{
    if (fet_host_is_measure_command(argc, argv)) return fet_host_measure_main();
    bool good = true;
    fet_status status = FET_ERROR_ARG;
    const char *mode = argc > 1 ? argv[1] : "speed";
    if (strcmp(mode, "speed") == 0) status = speed_all(&good);
    else if (strcmp(mode, "split") == 0 && argc == 4) status = split(argv[2], argv[3]);
    else if (strcmp(mode, "fewshot") == 0 && argc == 5) status = fewshot(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    else return fprintf(stderr, "usage: recorded speed | split KERNELS.csv SPLIT | fewshot KERNELS PRIOR DRAWS\n"), 2;
    if (status == FET_OK) return good ? 0 : 1;
    fprintf(stderr, "%s\n", fet_error_message());
    return status == FET_ERROR_NOT_FOUND ? SKIPPED : 1;
}
