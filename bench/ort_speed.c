// SPDX-License-Identifier: Apache-2.0
/*
 * Our engine against ONNX Runtime with all of its optimisations, f32, one thread each, on every float ONNX file of a folder. The two take
 * turns in one process: each turn is one run to warm up and some that are timed; runs during which the thread left the processor do not
 * count (where hardly one was undisturbed, the processor time of the others does, and the line says so). Prints the median of each, their
 * ratio, and the geometric mean of the ratios.
 *
 *     ort_speed [FOLDER [MS [NAME]]]     default: $FETTLE_SHARED/models or ../shared/models, 300 ms a model and side, every model
 *     Exit code 77 (skipped) when ONNX Runtime or the folder is missing; 1 when a network that both run gives other numbers.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/median.h"
#include "base/rng.h"
#include "device/host/sampler.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "format/onnx/onnx.h"
#include "format/ort/ort.h"

#include <dirent.h>
#include <dnnl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_MODELS = 64, PATH_BYTES = 512, MAX_VALUES = 16, MAX_SAMPLES = 4000, MIN_SAMPLES = 7, SKIPPED = 77 };
static const double turn_ms = 5; /* of timed runs, at least one */

typedef struct pair {
    fet_graph *graph;
    fet_executor *ours;
    fet_ort_session *theirs;
    const float *src[MAX_VALUES];
    fet_tensor *in[MAX_VALUES], *out[MAX_VALUES];
    float *dst[MAX_VALUES];
} pair;

static fet_status make_inputs(pair *p)
{
    for (uint32_t i = 0; i < p->graph->n_inputs; i++) {
        const fet_value *value = &p->graph->values[p->graph->inputs[i]];
        fet_rng rng;
        fet_rng_init(&rng, 1, i, FET_RNG_TEST);
        FET_TRY(fet_tensor_create(FET_DTYPE_F32, &value->shape, &p->in[i]));
        p->src[i] = fet_tensor_f32(p->in[i]);
        for (int64_t e = 0; e < fet_tensor_elements(p->in[i]); e++) fet_tensor_f32(p->in[i])[e] = (float)(fet_rng_uniform(&rng) * 2 - 1);
        for (uint32_t k = 0; k < fet_ort_n_inputs(p->theirs); k++)
            if (strcmp(fet_ort_input_name(p->theirs, k), value->name) == 0) FET_TRY(fet_ort_set_input(p->theirs, k, p->in[i]));
    }
    for (uint32_t o = 0; o < p->graph->n_outputs; o++) {
        FET_TRY(fet_tensor_create(FET_DTYPE_F32, &p->graph->values[p->graph->outputs[o]].shape, &p->out[o]));
        p->dst[o] = fet_tensor_f32(p->out[o]);
    }
    return FET_OK;
}

static fet_status load(fet_ort *ort, const char *path, pair *p)
{
    FET_TRY(fet_onnx_read(path, NULL, &p->graph));
    if (p->graph->n_inputs > MAX_VALUES || p->graph->n_outputs > MAX_VALUES)
        return fet_fail(FET_ERROR_LIMIT, "%s: more than %d inputs or outputs", path, MAX_VALUES);
    fet_executor_options options = fet_executor_default_options();
    options.batch = p->graph->values[p->graph->inputs[0]].shape.dim[0];
    FET_TRY(fet_executor_create(p->graph, &options, &p->ours));
    FET_TRY(fet_ort_session_create(ort, path, true, &p->theirs));
    return make_inputs(p);
}

static void unload(pair *p)
{
    fet_executor_destroy(p->ours);
    fet_ort_session_destroy(p->theirs);
    for (int i = 0; i < MAX_VALUES; i++) fet_tensor_release(p->in[i]), fet_tensor_release(p->out[i]);
    fet_graph_destroy(p->graph);
}

/* Largest difference of the two results, relative to the largest number of an output. */
static fet_status difference(const pair *p, double *out_worst)
{
    *out_worst = 0;
    for (uint32_t o = 0; o < p->graph->n_outputs; o++) {
        fet_auto(fet_tensor) theirs = NULL;
        FET_TRY(fet_ort_output(p->theirs, o, &theirs));
        double largest = 1e-2, worst = 0;
        for (int64_t i = 0; i < fet_tensor_elements(theirs); i++) {
            largest = fmax(largest, fabs((double)fet_tensor_f32(theirs)[i]));
            worst = fmax(worst, fabs((double)fet_tensor_f32(theirs)[i] - (double)p->dst[o][i]));
        }
        *out_worst = fmax(*out_worst, worst / largest);
    }
    return FET_OK;
}

typedef struct times {
    double ms[MAX_SAMPLES], disturbed_ms[MAX_SAMPLES];
    uint32_t n, n_dropped;
    double spent_ms;
} times;

static uint64_t thread_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static fet_status run(pair *p, bool ours)
{
    return ours ? fet_executor_run(p->ours, p->src, p->dst) : fet_ort_run(p->theirs);
}

/* One turn of a side. */
static fet_status take_turn(pair *p, bool ours, times *t)
{
    FET_TRY(run(p, ours));
    for (double spent = 0; spent < turn_ms && t->n < MAX_SAMPLES;) {
        int64_t switches = fet_sampler_switches();
        uint64_t thread = thread_ns(), start = fet_clock_ns();
        FET_TRY(run(p, ours));
        double ms = (double)(fet_clock_ns() - start) * 1e-6, thread_ms = (double)(thread_ns() - thread) * 1e-6;
        spent += thread_ms;
        if (fet_sampler_switches() == switches) t->ms[t->n++] = ms;
        else t->disturbed_ms[t->n_dropped++ % MAX_SAMPLES] = thread_ms;
    }
    t->spent_ms += turn_ms;
    return FET_OK;
}

/* Both sides alike: of what was undisturbed, or of everything. */
static double median(times *t, bool all)
{
    for (uint32_t i = 0; all && i < t->n_dropped && i < MAX_SAMPLES && t->n < MAX_SAMPLES; i++) t->ms[t->n++] = t->disturbed_ms[i];
    fet_sort_doubles(t->ms, t->n);
    return t->n ? t->ms[t->n / 2] : (double)NAN;
}

static fet_status compare(fet_ort *ort, const char *path, double budget_ms, pair *p, double *out_ratio)
{
    static times ours, theirs;
    double worst = 0;
    memset(&ours, 0, sizeof ours);
    memset(&theirs, 0, sizeof theirs);
    FET_TRY(load(ort, path, p));
    for (bool first = true; ours.spent_ms < budget_ms || ours.n < MIN_SAMPLES || theirs.n < MIN_SAMPLES; first = !first) {
        FET_TRY(take_turn(p, first, first ? &ours : &theirs));
        FET_TRY(take_turn(p, !first, first ? &theirs : &ours));
        if (ours.spent_ms > 2 * budget_ms && ours.n + ours.n_dropped >= MIN_SAMPLES) break; /* hardly a run undisturbed */
    }
    FET_TRY(difference(p, &worst));
    bool all = ours.n < MIN_SAMPLES || theirs.n < MIN_SAMPLES;
    double a = median(&ours, all), b = median(&theirs, all);
    *out_ratio = b / a;
    printf("  fettle %8.3f ms  ONNX Runtime %8.3f ms  ratio %5.2f  (%u and %u runs, %u disturbed%s; outputs within %.1e)\n", a, b, b / a,
           ours.n, theirs.n, ours.n_dropped + theirs.n_dropped, all ? ", processor time" : "", worst);
    return worst <= 1e-4 ? FET_OK : fet_fail(FET_ERROR_STATE, "%s: outputs are %.2e apart, expected 1e-4", path, worst);
}

/* Folders with a model.onnx, and files of onnx-light. */
static int find_models(const char *root, const char *only, char paths[][PATH_BYTES])
{
    int n = 0;
    static const char *const folders[] = {"", "onnx-light/"};
    for (int f = 0; f < 2; f++) {
        char folder[PATH_BYTES + 16], path[PATH_BYTES * 2];
        snprintf(folder, sizeof folder, "%s/%s", root, folders[f]);
        struct dirent **entries = NULL;
        int count = scandir(folder, &entries, NULL, alphasort);
        for (int i = 0; i < count; i++) {
            const char *name = entries[i]->d_name;
            snprintf(path, sizeof path, f == 0 ? "%s%s/model.onnx" : "%s%s", folder, name);
            bool wanted = name[0] != '.' && (f == 0 || strstr(name, ".onnx")) && fet_file_exists(path) && strlen(path) < PATH_BYTES;
            if (wanted && (!only || strstr(path, only)) && n < MAX_MODELS) memcpy(paths[n++], path, strlen(path) + 1);
            free(entries[i]);
        }
        free(entries);
    }
    return n;
}

static void cpu_name(char *name, size_t bytes)
{
    char line[512];
    snprintf(name, bytes, "unknown processor");
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        snprintf(name, bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file) fclose(file);
}

static fet_status compare_all(fet_ort *ort, char paths[][PATH_BYTES], int n, double budget_ms)
{
    double sum = 0, light_sum = 0;
    int count = 0, light_count = 0;
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    printf("%s, oneDNN %d.%d.%d on %s against ONNX Runtime %s, f32, one thread each, alternated in one process\n", cpu,
           dnnl_version()->major, dnnl_version()->minor, dnnl_version()->patch, fet_engine_isa_name(), fet_ort_version(ort));
    for (int i = 0; i < n; i++) {
        pair p = {0};
        double ratio = 0;
        bool light = strstr(paths[i], "onnx-light") != NULL;
        printf("%s\n", paths[i]);
        fflush(stdout);
        fet_status status = compare(ort, paths[i], budget_ms, &p, &ratio);
        unload(&p);
        FET_TRY(status);
        if (light) light_sum += log(ratio), light_count++;
        else sum += log(ratio), count++;
    }
    if (count) printf("geometric mean of %d networks: %.3f of ONNX Runtime's speed\n", count, exp(sum / count));
    if (light_count) printf("of %d of onnx-light besides: %.3f\n", light_count, exp(light_sum / light_count));
    return FET_OK;
}

int main(int argc, char **argv)
{
    static char paths[MAX_MODELS][PATH_BYTES];
    char library[FET_ORT_PATH_BYTES], root[PATH_BYTES];
    const char *shared = getenv("FETTLE_SHARED");
    if (argc > 1 && argv[1][0]) snprintf(root, sizeof root, "%s", argv[1]);
    else snprintf(root, sizeof root, "%s/models", shared ? shared : "../shared");
    int n = find_models(root, argc > 3 ? argv[3] : NULL, paths);
    if (n == 0) return fprintf(stderr, "skipped: no ONNX file in %s\n", root), SKIPPED;
    fet_auto(fet_ort) ort = NULL;
    if (fet_ort_find(NULL, library) != FET_OK) return fprintf(stderr, "skipped: %s\n", fet_error_message()), SKIPPED;
    fet_status status = fet_ort_open(library, &ort);
    if (status == FET_OK) status = compare_all(ort, paths, n, argc > 2 ? strtod(argv[2], NULL) : 300);
    if (status != FET_OK) fprintf(stderr, "%s\n", fet_error_message());
    return status != FET_OK;
}
