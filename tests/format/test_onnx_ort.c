// SPDX-License-Identifier: Apache-2.0
/*
 * ONNX Runtime as the judge: what we read from any opset and write as opset 13 (and 18) must compute what the original computes, and have
 * the output shapes we inferred. Files of every opset form, and the shared models.
 */
#include "cases.h"
#include "models.h"
#include "ort.h"

#include "format/onnx/onnx.h"
#include "op/op.h"

/* Both run the same kernels, so only reordering by decomposed operators and folded constants shows. */
static const double tolerance = 1e-5;

typedef struct pair {
    char name[64];
    fet_graph *graph;
} pair;

/* Compares jobs "<name>o" (original) and "<name>w<opset>". */
static void compare(const ort_jobs *jobs, const pair *p, int64_t opset)
{
    char original[80], written[80];
    snprintf(original, sizeof original, "%so", p->name);
    snprintf(written, sizeof written, "%sw%d", p->name, (int)opset);
    for (uint32_t o = 0; o < p->graph->n_outputs; o++) {
        const fet_value *value = &p->graph->values[p->graph->outputs[o]];
        size_t bytes = (size_t)fet_shape_elements(&value->shape) * fet_dtype_bytes(value->dtype);
        void *want = ort_output(jobs, original, o, bytes), *is = ort_output(jobs, written, o, bytes);
        if (value->dtype == FET_DTYPE_F32) {
            double difference = ort_difference(is, want, 1e-30, fet_shape_elements(&value->shape));
            if (!(difference <= tolerance))
                fail_msg("%s, output %u (%s), opset %d: off by %.3g", p->name, o, value->name, (int)opset, difference);
        } else {
            assert_memory_equal(is, want, bytes);
        }
        fet_free(want);
        fet_free(is);
    }
}

static void add_written(ort_jobs *jobs, const pair *p, int64_t opset)
{
    char prefix[80], file[96], path[256];
    snprintf(prefix, sizeof prefix, "%sw%d", p->name, (int)opset);
    snprintf(file, sizeof file, "%s.onnx", prefix);
    ort_path(jobs, file, path);
    CHECK_OK(fet_onnx_write(p->graph, path, opset));
    ort_add(jobs, path, prefix, p->graph, 1);
}

static void every_form(void **state)
{
    (void)state;
    static pair pairs[2 * N_MODEL_CASES];
    uint32_t n = 0;
    ort_jobs jobs;
    ort_begin(&jobs);
    for (int i = 0; i < N_MODEL_CASES; i++)
        for (int end = 0; end < 2; end++) {
            const model_case *c = &model_cases[i];
            if (end && c->opset_low == c->opset_high) continue;
            pair *p = &pairs[n++];
            model m;
            size_t bytes = 0;
            char prefix[80], file[96], path[256];
            model_begin(&m, end ? c->opset_high : c->opset_low);
            c->build(&m);
            const void *data = model_pack(&m, &bytes);
            snprintf(p->name, sizeof p->name, "%s_%d_", c->name, (int)m.opset.version);
            CHECK_OK(fet_onnx_read_buffer(data, bytes, p->name, NULL, &p->graph));
            snprintf(prefix, sizeof prefix, "%so", p->name);
            snprintf(file, sizeof file, "%s.onnx", prefix);
            ort_path(&jobs, file, path);
            CHECK_OK(fet_file_replace(path, data, bytes));
            ort_add(&jobs, path, prefix, p->graph, 1);
            add_written(&jobs, p, 13);
            add_written(&jobs, p, 18);
            model_end(&m);
        }
    ort_run(&jobs);
    for (uint32_t i = 0; i < n; i++) {
        compare(&jobs, &pairs[i], 13);
        compare(&jobs, &pairs[i], 18);
        fet_graph_destroy(pairs[i].graph);
    }
    ort_end(&jobs);
}

static void shared_models(void **state)
{
    (void)state;
    static const char *const names[] = {FET_TEST_MODELS, "onnx-light"};
    static pair pairs[16];
    ort_jobs jobs;
    (void)check_shared("models");
    ort_begin(&jobs);
    uint32_t n = sizeof names / sizeof *names;
    for (uint32_t i = 0; i < n; i++) {
        char relative[128], prefix[80];
        snprintf(relative, sizeof relative, strcmp(names[i], "onnx-light") ? "models/%s/model.onnx" : "models/%s/light_shufflenet.onnx",
                 names[i]);
        const char *path = check_shared(relative);
        snprintf(pairs[i].name, sizeof pairs[i].name, "%s_", names[i]);
        CHECK_OK(fet_onnx_read(path, NULL, &pairs[i].graph));
        snprintf(prefix, sizeof prefix, "%so", pairs[i].name);
        ort_add(&jobs, path, prefix, pairs[i].graph, 1);
        add_written(&jobs, &pairs[i], 13);
    }
    ort_run(&jobs);
    for (uint32_t i = 0; i < n; i++) {
        compare(&jobs, &pairs[i], 13);
        fet_graph_destroy(pairs[i].graph);
    }
    ort_end(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_form), cmocka_unit_test(shared_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
