// SPDX-License-Identifier: Apache-2.0
/* Running models in ONNX Runtime from tests, through tests/format/ort_run.mjs; skips the test when node or onnxruntime-node is missing. */
#ifndef FET_TESTS_FORMAT_ORT_H
#define FET_TESTS_FORMAT_ORT_H

#include "check.h"

#include "base/file.h"
#include "base/rng.h"
#include "graph/graph.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct ort_jobs {
    char folder[64]; /* of everything these jobs write; removed at the end */
    FILE *list;
    uint32_t count;
} ort_jobs;

static inline void ort_begin(ort_jobs *jobs)
{
    char path[128];
    snprintf(jobs->folder, sizeof jobs->folder, "/tmp/fettle-ort-XXXXXX");
    assert_non_null(mkdtemp(jobs->folder));
    snprintf(path, sizeof path, "%s/jobs.txt", jobs->folder);
    jobs->list = fopen(path, "w");
    jobs->count = 0;
    assert_non_null(jobs->list);
}

static inline void ort_path(const ort_jobs *jobs, const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", jobs->folder, name);
}

/* Random numbers for every input of `graph`, the same for the same key; f32 in -1 .. 1. */
static inline fet_tensor *ort_input(const fet_graph *graph, uint32_t i, uint64_t key)
{
    const fet_value *value = &graph->values[graph->inputs[i]];
    fet_tensor *tensor = NULL;
    fet_rng rng;
    fet_rng_init(&rng, key, i, FET_RNG_TEST);
    assert_int_equal(value->dtype, FET_DTYPE_F32);
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &value->shape, &tensor));
    for (int64_t e = 0; e < fet_tensor_elements(tensor); e++) fet_tensor_f32(tensor)[e] = (float)(fet_rng_uniform(&rng) * 2 - 1);
    return tensor;
}

/* One job: `file` on the inputs of `graph`; outputs go to <folder>/<prefix><i>.bin. */
static inline void ort_add(ort_jobs *jobs, const char *file, const char *prefix, const fet_graph *graph, uint64_t key)
{
    fprintf(jobs->list, "%s\t%s/%s", file, jobs->folder, prefix);
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        char path[256], name[128], shape[FET_SHAPE_TEXT_BYTES];
        fet_auto(fet_tensor) tensor = ort_input(graph, i, key);
        snprintf(name, sizeof name, "%sin%u.bin", prefix, i);
        ort_path(jobs, name, path);
        CHECK_OK(fet_file_replace(path, tensor->data, tensor->bytes));
        fprintf(jobs->list, "\t%s\tf32\t%s\t%s", graph->values[graph->inputs[i]].name, fet_shape_print(&tensor->shape, shape, sizeof shape),
                path);
    }
    fprintf(jobs->list, "\n");
    jobs->count++;
}

static inline void ort_end(ort_jobs *jobs)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", jobs->folder);
    if (system(command) != 0) print_message("could not remove %s\n", jobs->folder);
}

static inline void ort_run(ort_jobs *jobs)
{
    char command[256];
    fclose(jobs->list);
    snprintf(command, sizeof command, "node tests/format/ort_run.mjs %s/jobs.txt > %s/log.txt", jobs->folder, jobs->folder);
    int status = system(command);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == 77 || code == 127) {
        ort_end(jobs);
        print_message("skipped: node or onnxruntime-node is not installed\n");
        skip();
    }
    if (code != 0) fail_msg("ONNX Runtime refused a model (exit code %d, see above); files are in %s", code, jobs->folder);
}

/* Output i of a job. */
static inline void *ort_output(const ort_jobs *jobs, const char *prefix, uint32_t i, size_t bytes)
{
    char path[256], name[128];
    void *data = NULL;
    size_t got = 0;
    snprintf(name, sizeof name, "%s%u.bin", prefix, i);
    ort_path(jobs, name, path);
    CHECK_OK(fet_file_read(path, (size_t)1 << 30, &data, &got));
    if (got != bytes) fail_msg("%s: %zu bytes, our shapes say %zu", path, got, bytes);
    return data;
}

/* Largest difference as a share of the largest reference number, or of `scale` if that is larger. NaN in one place only counts as infinite.
 */
static inline double ort_difference(const float *a, const float *reference, double scale, int64_t n)
{
    double worst = 0, largest = scale;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(a[i]) && isnan(reference[i])) continue;
        double d = fabs((double)a[i] - (double)reference[i]);
        if (isinf(a[i]) && a[i] == reference[i]) d = 0;
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
        if (isfinite(reference[i]) && fabs((double)reference[i]) > largest) largest = fabs((double)reference[i]);
    }
    return worst / largest;
}

#endif
