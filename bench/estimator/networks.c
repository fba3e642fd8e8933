// SPDX-License-Identifier: Apache-2.0
/*
 * Unseen networks, measured whole against what is predicted for them. Networks are drawn from the spaces of jobs, each measured twice end
 * to end at different times (the two against each other are the noise floor), and every result is appended to a file as it is there, so a
 * killed run goes on where it was.
 *
 *     networks measure FOLDER PRECISION JOB:N...     whole networks, into FOLDER/whole-PRECISION.csv
 *     networks kernels FOLDER PRECISION JOB:N...     every kernel of them that is missing, into the kernel table
 *     networks judge FOLDER PRECISION DEVICE=NAME.estimate JOB:N...    noise, the estimate alone, measured kernels with the estimate for
 * others networks judge FOLDER PRECISION JOB:N...          by a table that has all kernels
 */
#include "base/alloc.h"
#include "base/file.h"
#include "device/between.h"
#include "device/device.h"
#include "device/host/host.h"
#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "op/op.h"
#include "run/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_NETWORKS = 1024, MAX_SETS = 8, CHUNK = 8, PATH_BYTES = 512, ROUNDS = 2, VISITS = 6, LEAST_VISITS = 2 };
#define AGREE 0.03
/* Another stream than what a device is probed with; FETTLE_BENCH_SEED draws other networks. With 20260 the terms of device/between.h were
 * chosen, and with 20261129 that each space has its own. */
#define SEED "20261130"

typedef struct network {
    uint32_t set;
    fet_genome genome;
    double visit_ms[2][VISITS]; /* of each measurement, sorted */
    uint32_t n_visits[2];
    double terms[FET_BETWEEN_TERMS]; /* as what stands between kernels is learned from */
} network;

typedef struct bench {
    const char *folder, *precision_name;
    fet_dtype precision;
    fet_device *device;
    const char *names[MAX_SETS];
    uint32_t n_of[MAX_SETS], n_sets;
    fet_probe_space spaces[MAX_SETS];
    network networks[MAX_NETWORKS];
    uint32_t n;
} bench;

static bool stay(void *context, size_t done, size_t total)
{
    if (done % 200 == 0) fprintf(stderr, "%s: %zu of %zu\n", (const char *)context, done, total);
    return true;
}

static bool is_drawn_already(const bench *b, uint32_t set, const fet_genome *genome)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (b->networks[i].set == set && memcmp(&b->networks[i].genome, genome, sizeof *genome) == 0) return true;
    return false;
}

static uint64_t drawn_with(void)
{
    const char *given = getenv("FETTLE_BENCH_SEED");
    return strtoull(given && given[0] ? given : SEED, NULL, 10);
}

/* The same networks in every run: they depend on the jobs, the seed and the device's parallelism alone. */
static fet_status draw(bench *b)
{
    for (uint32_t s = 0; s < b->n_sets; s++) {
        fet_rng rng;
        fet_rng_init(&rng, drawn_with(), s, FET_RNG_SAMPLE);
        FET_TRY(fet_probe_space_init(&b->spaces[s], b->names[s], b->device, true, stay, (char[]){"staircases"}));
        for (uint32_t n = 0, tries = 0; n < b->n_of[s] && tries < 100 * b->n_of[s]; tries++) {
            network *net = &b->networks[b->n];
            memset(net, 0, sizeof *net);
            net->set = s;
            fet_space_sample(b->spaces[s].space, &rng, &net->genome);
            if (is_drawn_already(b, s, &net->genome)) continue;
            b->n++, n++;
        }
    }
    return FET_OK;
}

static void result_path(const bench *b, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/whole-%s.csv", b->folder, b->precision_name);
}

static void add_visit(network *net, uint32_t measurement, double ms)
{
    double *visits = net->visit_ms[measurement];
    uint32_t at = net->n_visits[measurement];
    if (at == VISITS) return;
    for (net->n_visits[measurement]++; at > 0 && visits[at - 1] > ms; at--) visits[at] = visits[at - 1];
    visits[at] = ms;
}

static bool is_settled(const network *net, uint32_t measurement)
{
    const double *visits = net->visit_ms[measurement];
    uint32_t n = net->n_visits[measurement];
    return n == VISITS || (n >= LEAST_VISITS && visits[1] <= (1 + AGREE) * visits[0]);
}

static double measured_ms(const network *net, uint32_t measurement)
{
    const double *visits = net->visit_ms[measurement];
    return is_settled(net, measurement) ? 0.5 * (visits[0] + visits[1]) : (double)NAN;
}

static fet_status read_results(bench *b)
{
    char path[PATH_BYTES];
    void *data = NULL;
    size_t bytes = 0;
    result_path(b, path);
    if (!fet_file_exists(path)) return FET_OK;
    FET_TRY(fet_file_read(path, 1 << 24, &data, &bytes));
    for (char *line = data, *next; line; line = next) {
        unsigned measurement = 0, i = 0;
        double ms = 0;
        next = strchr(line, '\n');
        if (!next++) break; /* half a line */
        if (sscanf(line, "%u,%u,%lf", &measurement, &i, &ms) == 3 && measurement < 2 && i < b->n)
            add_visit(&b->networks[i], measurement, ms);
    }
    fet_free(data);
    return FET_OK;
}

static fet_status derive(const bench *b, const network *net, fet_arena *arena, fet_graph **out_graph)
{
    fet_arena_reset(arena);
    return fet_space_derive(b->spaces[net->set].space, &net->genome, arena, out_graph);
}

static fet_status export(const bench *b, const network *net, fet_arena *arena, const char *path)
{
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(derive(b, net, arena, &graph));
    for (uint32_t p = 0; p < graph->n_params; p++)
        if (!graph->params[p].tensor) graph->params[p].origin = (fet_origin){.rule = FET_ORIGIN_FRESH};
    FET_TRY(fet_graph_init_params(graph, NULL, 1));
    return fet_onnx_write(graph, path, FET_ONNX_OPSET_WRITTEN);
}

static fet_status measure_chunk(bench *b, fet_arena *arena, uint32_t measurement, const uint32_t *chunk, uint32_t n)
{
    char paths[CHUNK][PATH_BYTES], path[PATH_BYTES], line[128];
    const char *names[CHUNK];
    double ms[CHUNK], spread[CHUNK];
    result_path(b, path);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(paths[i], PATH_BYTES, "%s/whole-%s-%u.onnx", b->folder, b->precision_name, i);
        names[i] = paths[i];
        FET_TRY(export(b, &b->networks[chunk[i]], arena, paths[i]));
    }
    FET_TRY(fet_device_measure_networks(b->device, names, n, ms, spread));
    for (uint32_t i = 0; i < n; i++) {
        int bytes = snprintf(line, sizeof line, "%u,%u,%.9g,%.4g\n", measurement, chunk[i], ms[i], spread[i]);
        FET_TRY(fet_file_append(path, line, (size_t)bytes));
        add_visit(&b->networks[chunk[i]], measurement, ms[i]);
        unlink(paths[i]);
    }
    return FET_OK;
}

/* One visit more of every network that has not settled, each time in another order, so that no two lie beside each other again. */
static fet_status visit_all(bench *b, fet_arena *arena, uint32_t measurement, uint32_t round, uint32_t *out_visited)
{
    uint32_t order[MAX_NETWORKS], chunk[CHUNK], n = 0;
    fet_rng rng;
    fet_rng_init(&rng, drawn_with(), 100 + measurement * VISITS + round, FET_RNG_SAMPLE);
    *out_visited = 0;
    for (uint32_t i = 0; i < b->n; i++) order[i] = i;
    fet_rng_shuffle(&rng, order, b->n);
    for (uint32_t i = 0; i <= b->n; i++) {
        if (n == CHUNK || (i == b->n && n)) {
            FET_TRY(measure_chunk(b, arena, measurement, chunk, n));
            *out_visited += n, n = 0;
        }
        bool due = i < b->n && b->networks[order[i]].n_visits[measurement] <= round && !is_settled(&b->networks[order[i]], measurement);
        if (due) chunk[n++] = order[i];
    }
    return FET_OK;
}

static fet_status measure(bench *b)
{
    fet_auto(fet_arena) arena = NULL;
    FET_TRY(fet_arena_create(&arena));
    for (uint32_t measurement = 0; measurement < 2; measurement++)
        for (uint32_t round = 0; round < VISITS; round++) {
            uint32_t visited = 0;
            FET_TRY(visit_all(b, arena, measurement, round, &visited));
            if (visited) fprintf(stderr, "measurement %u: visit %u of %u networks\n", measurement + 1, round + 1, visited);
        }
    return FET_OK;
}

static fet_status measure_kernels(bench *b)
{
    fet_auto(fet_arena) arena = NULL;
    FET_TRY(fet_arena_create(&arena));
    for (uint32_t i = 0; i < b->n; i++) {
        fet_auto(fet_graph) graph = NULL;
        fet_kernels kernels;
        FET_TRY(derive(b, &b->networks[i], arena, &graph));
        FET_TRY(fet_kernels_split(graph, fet_device_fusion_rules(b->device), b->precision, arena, &kernels));
        fet_kernel_key *keys = fet_arena_alloc(arena, (kernels.count + 1) * sizeof *keys);
        if (!keys) return fet_arena_full();
        for (uint32_t k = 0; k < kernels.count; k++) keys[k] = kernels.items[k].key;
        FET_TRY(fet_device_measure(b->device, keys, kernels.count, NULL, NULL));
        if (i % 20 == 0) fprintf(stderr, "kernels of network %u of %u\n", i, b->n);
    }
    return FET_OK;
}

/* --- judging --- */

typedef struct score {
    uint32_t n, within5, within10;
    double sum_error, sum_square, worst;
} score;

static void count(score *s, double predicted, double truth)
{
    double error = fabs(predicted / truth - 1);
    s->n++, s->within5 += error <= 0.05, s->within10 += error <= 0.10;
    s->sum_error += error, s->sum_square += error * error;
    s->worst = fmax(s->worst, error);
}

/* Ranks with ties shared; the correlation of the ranks. */
static double spearman(const double *a, const double *b, uint32_t n)
{
    double sab = 0, saa = 0, sbb = 0, mean = 0.5 * (n - 1.0);
    for (uint32_t i = 0; i < n; i++) {
        double ra = 0, rb = 0;
        for (uint32_t j = 0; j < n; j++) {
            if (j == i) continue;
            ra += a[j] < a[i] ? 1 : a[j] == a[i] ? 0.5 : 0;
            rb += b[j] < b[i] ? 1 : b[j] == b[i] ? 0.5 : 0;
        }
        sab += (ra - mean) * (rb - mean), saa += (ra - mean) * (ra - mean), sbb += (rb - mean) * (rb - mean);
    }
    return n > 1 && saa > 0 && sbb > 0 ? sab / sqrt(saa * sbb) : NAN;
}

/* The two quickest of all visits of both measurements. */
static double truth_of(const network *net)
{
    double first = INFINITY, second = INFINITY;
    for (uint32_t m = 0; m < 2; m++)
        for (uint32_t v = 0; v < net->n_visits[m]; v++) {
            double ms = net->visit_ms[m][v];
            second = ms < first ? first : fmin(second, ms);
            first = fmin(first, ms);
        }
    return isinf(second) ? (double)NAN : 0.5 * (first + second);
}

/* One line for all networks, one for each set. predicted[n]: NAN where there is none. */
static void report(const bench *b, const char *what, const double *predicted, bool against_first)
{
    for (uint32_t s = 0; s <= b->n_sets; s++) {
        score all = {0};
        double x[MAX_NETWORKS], y[MAX_NETWORKS];
        for (uint32_t i = 0; i < b->n; i++) {
            const network *net = &b->networks[i];
            double truth = against_first ? measured_ms(net, 0) : truth_of(net);
            if ((s > 0 && net->set != s - 1) || isnan(truth) || isnan(predicted[i])) continue;
            x[all.n] = predicted[i], y[all.n] = truth;
            count(&all, x[all.n], y[all.n]);
        }
        if (all.n == 0) continue;
        const char *name = s ? strrchr(b->names[s - 1], '/') : NULL;
        printf("%-31s %-22.22s %4u networks: within 5%% %5.1f%%, within 10%% %5.1f%%, MAPE %5.2f%%, RMSPE %5.2f%%, worst %5.1f%%, Spearman "
               "%.4f\n",
               what,
               s == 0 ? "all"
               : name ? name + 1
                      : b->names[s - 1],
               all.n, 100.0 * all.within5 / all.n, 100.0 * all.within10 / all.n, 100 * all.sum_error / all.n,
               100 * sqrt(all.sum_square / all.n), 100 * all.worst, spearman(x, y, all.n));
    }
}

/* Each network as the sum of its kernels, and with what is learned to stand between them; NAN where a kernel is not known. */
static fet_status predict(bench *b, const fet_device *device, const fet_between *betweens, double *kernels_ms, double *with_between_ms)
{
    fet_auto(fet_arena) arena = NULL;
    FET_TRY(fet_arena_create(&arena));
    uint32_t without = 0;
    char first[FET_KERNEL_KEY_TEXT_BYTES] = "";
    for (uint32_t i = 0; i < b->n; i++) {
        fet_auto(fet_graph) graph = NULL;
        fet_kernels kernels;
        double *terms = b->networks[i].terms;
        const fet_between *between = &betweens[b->networks[i].set];
        bool all = true;
        FET_TRY(derive(b, &b->networks[i], arena, &graph));
        FET_TRY(fet_kernels_split(graph, fet_device_fusion_rules(b->device), b->precision, arena, &kernels));
        kernels_ms[i] = 0;
        for (uint32_t k = 0; k < kernels.count && all; k++) {
            fet_cost cost;
            all = fet_device_lookup(device, &kernels.items[k].key, &cost);
            if (all) kernels_ms[i] += cost.latency_ms;
            if (!all && without++ == 0) fet_kernel_key_print(&kernels.items[k].key, first, sizeof first);
        }
        fet_between_terms(graph, &kernels, b->precision, &between->caches, terms);
        if (!all) kernels_ms[i] = (double)NAN;
        with_between_ms[i] = kernels_ms[i] + fet_between_ms(between, terms);
    }
    if (without) printf("%u networks have a kernel that nothing is known of, such as \"%s\"\n", without, first);
    return FET_OK;
}

/* Each network in a line: FOLDER/judged-PRECISION-WHAT.csv. */
static fet_status write_judged(const bench *b, const char *what, const double *kernels_ms, const double *whole_ms)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/judged-%s-%.3s.csv", b->folder, b->precision_name, what);
    FILE *file = fopen(path, "we");
    if (!file) return fet_fail(FET_ERROR_IO, "%s: cannot write", path);
    fprintf(file, "network,job,first_ms,second_ms,truth_ms,kernels_ms,with_between_ms,kernels,weights,weights_beyond,maps,maps_beyond\n");
    for (uint32_t i = 0; i < b->n; i++)
        fprintf(file, "%u,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%.0f,%.0f,%.0f,%.0f,%.0f\n", i, b->names[b->networks[i].set],
                measured_ms(&b->networks[i], 0), measured_ms(&b->networks[i], 1), truth_of(&b->networks[i]), kernels_ms[i], whole_ms[i],
                b->networks[i].terms[0], b->networks[i].terms[1], b->networks[i].terms[2], b->networks[i].terms[3],
                b->networks[i].terms[4]);
    return fclose(file) == 0 ? FET_OK : fet_fail(FET_ERROR_IO, "%s: cannot write", path);
}

static fet_status judge_by(bench *b, const char *what, const fet_device *device, const fet_between *betweens)
{
    double kernels_ms[MAX_NETWORKS], whole_ms[MAX_NETWORKS];
    char name[64];
    FET_TRY(predict(b, device, betweens, kernels_ms, whole_ms));
    snprintf(name, sizeof name, "%.40s, sum", what);
    report(b, name, kernels_ms, false);
    snprintf(name, sizeof name, "%.40s + between", what);
    report(b, name, whole_ms, false);
    return write_judged(b, what, kernels_ms, whole_ms);
}

/* What stands between kernels, as probing learned it of the set's own base, which is what a search there would use. */
static fet_status read_between(const bench *b, uint32_t set, fet_between *out_between)
{
    char *path = NULL, kind[FET_BETWEEN_KIND_BYTES];
    *out_between = (fet_between){.caches = fet_between_caches_here()};
    FET_TRY(fet_device_side_file(b->device, fet_between_kind(fet_graph_hash(b->spaces[set].base), kind), &path));
    fet_status status =
        path && fet_file_exists(path) ? fet_between_read(path, fet_device_describe(b->device), out_between) : FET_ERROR_NOT_FOUND;
    if (status == FET_ERROR_NOT_FOUND) status = fet_fail(status, "%s: not probed with whole networks", b->names[set]);
    fet_free(path);
    return status;
}

static fet_status judge(bench *b, const char *device_name)
{
    double again[MAX_NETWORKS];
    fet_between betweens[MAX_SETS];
    if (!device_name) {
        for (uint32_t s = 0; s < b->n_sets; s++) FET_TRY(read_between(b, s, &betweens[s]));
        return judge_by(b, "all kernels measured", b->device, betweens);
    }
    fet_auto(fet_device) device = NULL;
    fet_device_options options = {.name = device_name, .precision = b->precision, .isa = "auto"};
    FET_TRY(fet_device_open(&options, &device));
    printf("%s; networks drawn with seed %llu; truth: the two quickest of all visits\n", fet_device_describe(b->device),
           (unsigned long long)drawn_with());
    for (uint32_t i = 0; i < b->n; i++) again[i] = measured_ms(&b->networks[i], 1);
    report(b, "noise (2nd against 1st)", again, true);
    for (uint32_t s = 0; s < b->n_sets; s++) /* as the estimator's file has it */
        if (!fet_device_between(device, fet_graph_hash(b->spaces[s].base), &betweens[s]))
            betweens[s] = (fet_between){.caches = fet_between_caches_here()};
    return judge_by(b, "estimated", device, betweens);
}

static fet_status run(bench *b, const char *command, const char *device_name)
{
    fet_device_options options = {.name = "host", .precision = b->precision, .isa = "auto", .rounds = ROUNDS};
    FET_TRY(fet_device_open(&options, &b->device));
    FET_TRY(draw(b));
    FET_TRY(read_results(b));
    if (strcmp(command, "measure") == 0) return measure(b);
    if (strcmp(command, "kernels") == 0) return measure_kernels(b);
    return judge(b, device_name);
}

static bool read_arguments(bench *b, int argc, char **argv, const char **device_name)
{
    if (argc < 5) return false;
    b->folder = argv[2], b->precision_name = argv[3];
    b->precision = strcmp(argv[3], "int8") == 0 ? FET_DTYPE_S8 : fet_dtype_parse(argv[3]);
    uint32_t n = 0;
    for (int i = 4; i < argc; i++) {
        if (strncmp(argv[i], "DEVICE=", 7) == 0) {
            *device_name = argv[i] + 7;
            continue;
        }
        char *colon = strrchr(argv[i], ':');
        if (!colon || b->n_sets == MAX_SETS) return false;
        *colon = '\0';
        b->names[b->n_sets] = argv[i];
        b->n_of[b->n_sets] = (uint32_t)strtoul(colon + 1, NULL, 10);
        n += b->n_of[b->n_sets++];
    }
    return b->precision != FET_DTYPE_NONE && n > 0 && n <= MAX_NETWORKS;
}

int main(int argc, char **argv)
{
    static bench b;
    const char *device_name = NULL;
    if (fet_host_is_measure_command(argc, argv)) return fet_host_measure_main();
    if (!read_arguments(&b, argc, argv, &device_name))
        return fprintf(stderr, "usage: networks measure|kernels|judge FOLDER int8|bf16|f32 [DEVICE=NAME] JOB:N...\n"), 2;
    fet_status status = run(&b, argv[1], device_name);
    if (status != FET_OK) fprintf(stderr, "%s\n", fet_error_message());
    for (uint32_t s = 0; s < MAX_SETS; s++) fet_probe_space_deinit(&b.spaces[s]);
    fet_device_close(b.device);
    return status != FET_OK;
}
