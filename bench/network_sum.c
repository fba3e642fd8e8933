// SPDX-License-Identifier: Apache-2.0
/*
 * Does the sum of measured kernels predict a network measured whole? Draws networks from the space of inverted bottlenecks (block forms and
 * widths), exports them, measures the kernels that are missing and all networks end to end, twice; prints the ratio of sum to whole, their
 * rank correlation, the noise floor (the two measurements against each other), and the error on networks left out without and with what
 * is learned to stand between the kernels, for several targets of this machine.
 *
 *     network_sum [NETWORKS [all]]       default: 12; all: a line for each network
 */
#include "base/clock.h"
#include "base/median.h"
#include "device/between.h"
#include "device/device.h"
#include "device/host/host.h"
#include "device/memory.h"
#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "space/space.h"
#include "space/template/template.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_NETWORKS = 64, PATH_BYTES = 96 };

typedef struct networks {
    char folder[64];
    char paths[MAX_NETWORKS][PATH_BYTES];
    const char *names[MAX_NETWORKS];
    int n;
    bool print_all;
} networks;

static fet_status export(networks *set, int n)
{
    fet_auto(fet_graph) base = NULL;
    fet_auto(fet_space) space = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_template_options options = {.channels = 1,
                                    .height = 28,
                                    .width = 28,
                                    .n_classes = 10,
                                    .stem_channels = 24,
                                    .stem_kernel = 3,
                                    .stem_stride = 1,
                                    .n_stages = 3,
                                    .head_channels = 160};
    options.stages[0] = (fet_template_stage){.blocks = 2, .channels = 24, .expansion = 4, .stride = 1, .kernel = 3};
    options.stages[1] = (fet_template_stage){.blocks = 3, .channels = 40, .expansion = 4, .stride = 2, .kernel = 3};
    options.stages[2] = (fet_template_stage){.blocks = 3, .channels = 80, .expansion = 4, .stride = 2, .kernel = 3};
    fet_space_options wanted = fet_space_default_options();
    wanted.search_block_form = wanted.search_width = wanted.curate = true;
    wanted.parallelism = (fet_parallelism){.out_channels = 16, .in_channels = 4};
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_SAMPLE);
    char folder[] = "/tmp/fettle-bench-XXXXXX";
    if (!mkdtemp(folder)) return fet_fail(FET_ERROR_IO, "cannot make a folder in /tmp");
    memcpy(set->folder, folder, sizeof folder);
    FET_TRY(fet_template_build("ibn_classifier", &options, &base));
    FET_TRY(fet_graph_init_params(base, NULL, 1));
    FET_TRY(fet_space_create(base, &wanted, &space));
    FET_TRY(fet_arena_create(&arena));
    for (set->n = 0; set->n < n; set->n++) {
        fet_auto(fet_graph) graph = NULL;
        fet_genome genome;
        if (set->n == 0) fet_space_base_genome(space, &genome);
        else fet_space_sample(space, &rng, &genome);
        fet_arena_reset(arena);
        FET_TRY(fet_space_derive(space, &genome, arena, &graph));
        FET_TRY(fet_graph_init_params(graph, base, 1));
        snprintf(set->paths[set->n], PATH_BYTES, "%s/%d.onnx", folder, set->n);
        set->names[set->n] = set->paths[set->n];
        FET_TRY(fet_onnx_write(graph, set->paths[set->n], FET_ONNX_OPSET_WRITTEN));
    }
    return FET_OK;
}

static fet_status sum_of_kernels(fet_device *device, const networks *set, fet_between_sample *samples, double *weight_bytes,
                                 size_t *out_kernels, double *out_seconds)
{
    fet_between_caches caches = fet_between_caches_here();
    fet_auto(fet_arena) arena = NULL;
    FET_TRY(fet_arena_create(&arena));
    for (int i = 0; i < set->n; i++) {
        fet_auto(fet_graph) graph = NULL;
        fet_kernels kernels;
        fet_cost cost;
        fet_arena_reset(arena);
        FET_TRY(fet_onnx_read(set->paths[i], NULL, &graph));
        FET_TRY(fet_kernels_split(graph, fet_device_fusion_rules(device), fet_device_precision(device), arena, &kernels));
        double start = fet_clock_monotonic_s();
        for (uint32_t k = 0; k < kernels.count; k++) {
            if (fet_device_lookup(device, &kernels.items[k].key, &cost)) continue;
            FET_TRY(fet_device_measure(device, &kernels.items[k].key, 1, NULL, NULL));
            ++*out_kernels;
        }
        *out_seconds += fet_clock_monotonic_s() - start;
        FET_TRY(fet_device_graph_latency(device, graph, arena, &samples[i].sum_ms));
        fet_between_terms(graph, &kernels, fet_device_precision(device), &caches, samples[i].terms);
        fet_memory_options memory = fet_memory_default_options(fet_device_precision(device));
        fet_memory_plan plan;
        FET_TRY(fet_memory_plan_make(graph, &kernels, &memory, arena, &plan));
        weight_bytes[i] = (double)plan.param_bytes;
    }
    return FET_OK;
}

static double rank_correlation(const double *a, const double *b, int n)
{
    double square = 0;
    for (int i = 0; i < n; i++) {
        int rank_a = 0, rank_b = 0;
        for (int j = 0; j < n; j++) rank_a += a[j] < a[i], rank_b += b[j] < b[i];
        square += (double)(rank_a - rank_b) * (rank_a - rank_b);
    }
    return 1 - 6 * square / ((double)n * ((double)n * n - 1));
}

static fet_status compare(const networks *set, const char *isa, fet_dtype precision)
{
    fet_auto(fet_device) device = NULL;
    fet_device_options options = {.name = "host", .precision = precision, .isa = isa, .cache = set->folder};
    double sum_ms[MAX_NETWORKS], whole_ms[MAX_NETWORKS], again_ms[MAX_NETWORKS], spread[MAX_NETWORKS], ratio[MAX_NETWORKS],
        noise[MAX_NETWORKS], weight_bytes[MAX_NETWORKS];
    fet_between_sample samples[MAX_NETWORKS];
    fet_between between;
    size_t n_kernels = 0;
    double seconds = 0;
    int n = set->n;
    FET_TRY(fet_device_open(&options, &device));
    fet_status status = sum_of_kernels(device, set, samples, weight_bytes, &n_kernels, &seconds);
    if (status == FET_ERROR_UNSUPPORTED) {
        printf("%-12s %-5s not here: %s\n", isa, fet_dtype_name(precision), fet_error_message());
        return FET_OK;
    }
    FET_TRY(status);
    FET_TRY(fet_device_measure_networks(device, set->names, (size_t)n, whole_ms, spread));
    FET_TRY(fet_device_measure_networks(device, set->names, (size_t)n, again_ms, spread));
    for (int i = 0; i < n; i++) {
        samples[i].whole_ms = whole_ms[i];
        sum_ms[i] = samples[i].sum_ms;
        ratio[i] = sum_ms[i] / whole_ms[i];
        noise[i] = fabs(again_ms[i] / whole_ms[i] - 1);
        if (set->print_all)
            printf("%2d  whole %8.2f us  summed %8.2f us  %.3f  weights %7.1f KB\n", i, 1e3 * whole_ms[i], 1e3 * sum_ms[i], ratio[i],
                   1e-3 * weight_bytes[i]);
    }
    printf("%-12s %-5s base %8.2f us whole, %8.2f us summed; rank correlation %.3f; ", isa, fet_dtype_name(precision), 1e3 * whole_ms[0],
           1e3 * sum_ms[0], rank_correlation(sum_ms, whole_ms, n));
    fet_sort_doubles(ratio, (size_t)n);
    fet_sort_doubles(noise, (size_t)n);
    printf("sum/whole %.3f (%.3f to %.3f); noise of whole %.2f%% (worst %.2f%%); %zu kernels in %.1f s\n", ratio[n / 2], ratio[0],
           ratio[n - 1], 100 * noise[n / 2], 100 * noise[n - 1], n_kernels, seconds);
    fet_between_caches caches = fet_between_caches_here();
    FET_TRY(fet_between_fit(samples, (size_t)n, &caches, &between));
    const double *w = between.weight_ms;
    printf("%-12s %-5s error on networks left out: %.2f%% by the sum, %.2f%% with what stands between (%s): %.0f ns a kernel; a KB: "
           "weights %.2f ns, beyond L2 %.2f more, maps %.2f, beyond L1 %.2f\n",
           isa, fet_dtype_name(precision), 100 * between.error_before, 100 * between.error_after, between.gains ? "kept" : "dropped",
           1e6 * w[FET_BETWEEN_KERNELS], 1.024e9 * w[FET_BETWEEN_WEIGHTS], 1.024e9 * w[FET_BETWEEN_WEIGHTS_BEYOND],
           1.024e9 * w[FET_BETWEEN_MAPS], 1.024e9 * w[FET_BETWEEN_MAPS_BEYOND]);
    return FET_OK;
}

static fet_status run(networks *set, int n)
{
    FET_TRY(export(set, n));
    FET_TRY(compare(set, "amx", FET_DTYPE_S8));
    FET_TRY(compare(set, "avx512_vnni", FET_DTYPE_S8));
    FET_TRY(compare(set, "amx", FET_DTYPE_BF16));
    return compare(set, "avx512", FET_DTYPE_F32);
}

static void clean(const networks *set)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", set->folder);
    if (set->folder[0] && system(command) != 0) fprintf(stderr, "%s stays behind\n", set->folder);
}

int main(int argc, char **argv)
{
    static networks set;
    if (fet_host_is_measure_command(argc, argv)) return fet_host_measure_main();
    int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 12;
    if (n < FET_BETWEEN_MIN || n > MAX_NETWORKS) return fprintf(stderr, "expected 6 to %d networks\n", MAX_NETWORKS), 2;
    set.print_all = argc > 2 && strcmp(argv[2], "all") == 0;
    fet_status status = run(&set, n);
    clean(&set);
    if (status != FET_OK) fprintf(stderr, "%s\n", fet_error_message());
    return status != FET_OK;
}
