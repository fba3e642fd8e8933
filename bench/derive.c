// SPDX-License-Identifier: Apache-2.0
/*
 * How many candidates a second one core can cost without running them: derive (shapes included), split into kernels, look each up, plan the
 * memory. Also prints what a fresh shape inference of the same graphs would take. Rounds are timed apart and the median round is reported,
 * for the machine may be busy.
 *
 * usage: bench_derive [rounds]        exit code 1 when the 60-node network stays below the bar of 20,000 a second
 */
#include "base/clock.h"
#include "base/median.h"
#include "device/memory.h"
#include "device/table.h"
#include "op/op.h"
#include "space/space.h"
#include "space/template/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N_GENOMES = 256, MOST_ROUNDS = 99, BAR = 20000 };

enum { DERIVE, SPLIT, LOOKUP, PLAN, INFER, N_PARTS };
static const char *const part_names[N_PARTS] = {"derive", "split", "lookup", "plan", "(infer)"};

typedef struct bench {
    fet_graph *base;
    fet_space *space;
    fet_arena *arena;
    fet_kernel_table *table;
    char table_path[64];
    fet_genome genomes[N_GENOMES];
    double us[N_PARTS][MOST_ROUNDS]; /* a candidate */
    uint64_t nodes, kernels;
} bench;

static fet_status open_table(bench *b)
{
    snprintf(b->table_path, sizeof b->table_path, "/tmp/fettle-bench-%ld.kernels", (long)getpid());
    bool locked = false;
    FET_TRY(fet_kernel_table_open(b->table_path, "bench of derive", &b->table));
    FET_TRY(fet_kernel_table_try_lock(b->table, &locked));
    return locked ? FET_OK : fet_fail(FET_ERROR_STATE, "%s is locked", b->table_path);
}

/* Latencies do not matter here; that each kernel is there does. */
static fet_status learn(bench *b, const fet_kernels *kernels)
{
    const fet_kernel_time time = {.latency_ms = 0.01, .spread = 0.01, .n_samples = 9, .implementation = "none"};
    double ms, spread;
    for (uint32_t k = 0; k < kernels->count; k++)
        if (!fet_kernel_table_lookup(b->table, &kernels->items[k].key, &ms, &spread))
            FET_TRY(fet_kernel_table_append(b->table, &kernels->items[k].key, &time));
    return FET_OK;
}

static fet_status candidate(bench *b, const fet_genome *genome, bool teach, uint64_t ns[N_PARTS])
{
    fet_auto(fet_graph) graph = NULL;
    fet_kernels kernels;
    fet_memory_plan plan;
    fet_memory_options memory = fet_memory_default_options(FET_DTYPE_S8);
    double sum_ms = 0, ms = 0, spread = 0;
    uint64_t t[N_PARTS + 1];
    t[0] = fet_clock_ns();
    FET_TRY(fet_space_derive(b->space, genome, b->arena, &graph));
    t[1] = fet_clock_ns();
    FET_TRY(fet_kernels_split(graph, &fet_fusion_rules_host, FET_DTYPE_S8, b->arena, &kernels));
    if (teach) FET_TRY(learn(b, &kernels));
    t[2] = fet_clock_ns();
    for (uint32_t k = 0; k < kernels.count; k++) {
        if (!fet_kernel_table_lookup(b->table, &kernels.items[k].key, &ms, &spread))
            return fet_fail(FET_ERROR_NOT_FOUND, "a kernel is not in the table");
        sum_ms += ms;
    }
    t[3] = fet_clock_ns();
    FET_TRY(fet_memory_plan_make(graph, &kernels, &memory, b->arena, &plan));
    t[4] = fet_clock_ns();
    FET_TRY(fet_graph_infer(graph));
    t[5] = fet_clock_ns();
    for (int part = 0; part < N_PARTS; part++) ns[part] += t[part + 1] - t[part];
    b->nodes += graph->n_nodes;
    b->kernels += kernels.count;
    if (!(sum_ms > 0) || plan.arena_bytes < plan.lower_bound_bytes) return fet_fail(FET_ERROR_STATE, "a candidate without cost");
    return FET_OK;
}

static fet_status round_of(bench *b, bool teach, int round)
{
    uint64_t ns[N_PARTS] = {0};
    b->nodes = b->kernels = 0;
    for (int i = 0; i < N_GENOMES; i++) {
        FET_TRY(candidate(b, &b->genomes[i], teach, ns));
        uint64_t before = fet_clock_ns();
        fet_arena_reset(b->arena);
        ns[DERIVE] += fet_clock_ns() - before;
    }
    for (int part = 0; part < N_PARTS && round >= 0; part++) b->us[part][round] = (double)ns[part] / 1e3 / N_GENOMES;
    return FET_OK;
}

static fet_status run(bench *b, const fet_template_options *network, int rounds, double *out_a_second)
{
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){16, 64};
    FET_TRY(fet_template_build("ibn_classifier", network, &b->base));
    FET_TRY(fet_space_create(b->base, &options, &b->space));
    FET_TRY(fet_arena_create(&b->arena));
    FET_TRY(open_table(b));
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_SAMPLE);
    for (int i = 0; i < N_GENOMES; i++) fet_space_sample(b->space, &rng, &b->genomes[i]);
    FET_TRY(round_of(b, true, -1));
    for (int round = 0; round < rounds; round++) FET_TRY(round_of(b, false, round));
    double sum = 0, median[N_PARTS];
    for (int part = 0; part < N_PARTS; part++) {
        fet_sort_doubles(b->us[part], (size_t)rounds);
        median[part] = b->us[part][rounds / 2];
        sum += part == INFER ? 0 : median[part];
    }
    printf("%u nodes in the base, %.1f nodes and %.1f kernels a candidate, 10^%.1f genomes\n", b->base->n_nodes,
           (double)b->nodes / N_GENOMES, (double)b->kernels / N_GENOMES, fet_space_log10_size(b->space));
    for (int part = 0; part < N_PARTS; part++)
        printf("  %-8s %7.2f us  (best round %.2f)\n", part_names[part], median[part], b->us[part][0]);
    printf("  together %7.2f us: %.0f candidates a second\n", sum, 1e6 / sum);
    *out_a_second = 1e6 / sum;
    return FET_OK;
}

static void close_bench(bench *b)
{
    fet_kernel_table_destroy(b->table);
    char lock[80];
    snprintf(lock, sizeof lock, "%s.lock", b->table_path);
    remove(b->table_path);
    remove(lock);
    fet_space_destroy(b->space);
    fet_graph_destroy(b->base);
    fet_arena_destroy(b->arena);
    *b = (bench){0};
}

int main(int argc, char **argv)
{
    static bench b;
    const fet_template_options networks[] = {
        /* about 60 nodes a candidate: a stem, 8 blocks, a head */
        {.channels = 1,
         .height = 28,
         .width = 28,
         .n_classes = 10,
         .stem_channels = 16,
         .stem_kernel = 3,
         .stem_stride = 1,
         .stages = {{1, 16, 1, 1, 3}, {3, 32, 4, 2, 3}, {4, 48, 4, 2, 3}},
         .n_stages = 3,
         .head_channels = 128,
         .relu6 = true},
        /* 12 blocks */
        {.channels = 3,
         .height = 96,
         .width = 96,
         .n_classes = 10,
         .stem_channels = 32,
         .stem_kernel = 3,
         .stem_stride = 2,
         .stages = {{1, 16, 1, 1, 3}, {2, 32, 6, 2, 3}, {3, 48, 6, 2, 3}, {3, 64, 6, 2, 3}, {3, 96, 6, 1, 3}},
         .n_stages = 5,
         .head_channels = 640,
         .relu6 = true},
    };
    int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 21;
    if (rounds < 1 || rounds > MOST_ROUNDS) rounds = MOST_ROUNDS;
    bool reached = true;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        double a_second = 0;
        if (run(&b, &networks[i], rounds, &a_second) != FET_OK) {
            fprintf(stderr, "bench_derive: %s\n", fet_error_message());
            close_bench(&b);
            return 1;
        }
        if (i == 0 && a_second < BAR) reached = false;
        close_bench(&b);
    }
    printf("bar: %d a second for the first: %s\n", BAR, reached ? "reached" : "missed");
    return reached ? 0 : 1;
}
