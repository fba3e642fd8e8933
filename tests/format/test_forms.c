// SPDX-License-Identifier: Apache-2.0
/*
 * Forms that exporters write, against ONNX Runtime without optimisations: our engine on the file, and ONNX Runtime on what we write of it.
 * In bf16 and int8 our engine is held against itself in f32.
 */
#include "check.h"
#include "forms.h"

#include "base/file.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "format/onnx/onnx.h"
#include "format/ort/ort.h"
#include "op/op.h"

#include <math.h>

enum { MAX_OUTPUTS = 16 };

/* Relative to the largest number of an output. */
static const double tolerance_engine = 1e-4, tolerance_written = 1e-5, tolerance_bf16 = 5e-2, tolerance_int8 = 0.15;

typedef struct outputs {
    uint32_t n;
    fet_tensor *of[MAX_OUTPUTS];
} outputs;

static void release(outputs *o)
{
    for (uint32_t i = 0; i < o->n; i++) fet_tensor_release(o->of[i]);
}

static double difference(const fet_tensor *is, const fet_tensor *want)
{
    double worst = 0, largest = 1e-6;
    int64_t n = fet_tensor_elements(want);
    if (!fet_shape_equal(&is->shape, &want->shape) || is->dtype != want->dtype) return INFINITY;
    if (want->dtype != FET_DTYPE_F32) return memcmp(is->data, want->data, want->bytes) == 0 ? 0 : INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double a = (double)fet_tensor_f32(is)[i], b = (double)fet_tensor_f32(want)[i];
        largest = fmax(largest, fabs(b));
        if (!(fabs(a - b) <= worst)) worst = isnan(a - b) ? INFINITY : fabs(a - b);
    }
    return worst / largest;
}

static void check_outputs(const char *name, const char *what, const outputs *is, const outputs *want, double tolerance)
{
    assert_int_equal(is->n, want->n);
    for (uint32_t o = 0; o < is->n; o++) {
        double d = difference(is->of[o], want->of[o]);
        if (!(d <= tolerance)) fail_msg("form \"%s\", %s, output %u: off by %.3g of the largest", name, what, o, d);
    }
}

static void run_ort(fet_ort *ort, const char *path, fet_tensor *in, outputs *out)
{
    fet_auto(fet_ort_session) session = NULL;
    CHECK_OK(fet_ort_session_create(ort, path, false, &session));
    CHECK_OK(fet_ort_set_input(session, 0, in));
    CHECK_OK(fet_ort_run(session));
    out->n = fet_ort_n_outputs(session);
    for (uint32_t o = 0; o < out->n; o++) CHECK_OK(fet_ort_output(session, o, &out->of[o]));
}

static void run_ours(const char *name, const fet_graph *graph, fet_dtype precision, const fet_calibration *calibration, fet_tensor *in,
                     outputs *out)
{
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = {.precision = precision, .batch = in->shape.dim[0], .calibration = calibration};
    fet_status status = fet_executor_create(graph, &options, &executor);
    if (status != FET_OK) fail_msg("form \"%s\" in %s: %s", name, fet_dtype_name(precision), fet_error_message());
    const float *src[1] = {fet_tensor_f32(in)};
    float *dst[MAX_OUTPUTS];
    out->n = graph->n_outputs;
    for (uint32_t o = 0; o < out->n; o++) {
        CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &graph->values[graph->outputs[o]].shape, &out->of[o]));
        dst[o] = fet_tensor_f32(out->of[o]);
    }
    CHECK_OK(fet_executor_run(executor, src, dst));
}

static void check_quantised(const char *name, const fet_graph *graph, fet_tensor *in, const outputs *f32)
{
    fet_auto(fet_calibration) calibration = NULL;
    const float *src[1] = {fet_tensor_f32(in)};
    outputs bf16 = {0}, int8 = {0};
    CHECK_OK(fet_calibration_create(NULL, &calibration));
    CHECK_OK(fet_calibration_observe(calibration, graph, src, in->shape.dim[0]));
    run_ours(name, graph, FET_DTYPE_S8, calibration, in, &int8);
    check_outputs(name, "int8", &int8, f32, tolerance_int8);
    release(&int8);
    if (!fet_engine_has_bf16()) return;
    run_ours(name, graph, FET_DTYPE_BF16, NULL, in, &bf16);
    check_outputs(name, "bf16", &bf16, f32, tolerance_bf16);
    release(&bf16);
}

static void check_form(fet_ort *ort, const model_form *form, const char *folder)
{
    model m;
    fet_auto(fet_graph) graph = NULL;
    fet_tensor *in = NULL;
    outputs theirs = {0}, ours = {0}, written = {0};
    char path[256], again[256];
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/form.onnx", folder), snprintf(again, sizeof again, "%s/again.onnx", folder);
    model_begin(&m, form->opset);
    form->build(&m);
    const void *data = model_pack(&m, &bytes);
    CHECK_OK(fet_file_replace(path, data, bytes));
    fet_status status = fet_onnx_read(path, NULL, &graph);
    if (status != FET_OK) fail_msg("form \"%s\": %s", form->name, fet_error_message());
    fet_rng rng;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &graph->values[graph->inputs[0]].shape, &in));
    for (int64_t i = 0; i < fet_tensor_elements(in); i++) fet_tensor_f32(in)[i] = (float)(fet_rng_uniform(&rng) * 2 - 1);
    run_ort(ort, path, in, &theirs);
    run_ours(form->name, graph, FET_DTYPE_F32, NULL, in, &ours);
    check_outputs(form->name, "our engine", &ours, &theirs, tolerance_engine);
    CHECK_OK(fet_onnx_write(graph, again, FET_ONNX_OPSET_WRITTEN));
    run_ort(ort, again, in, &written);
    check_outputs(form->name, "the file written again", &written, &theirs, tolerance_written);
    if (form->quantise) check_quantised(form->name, graph, in, &ours);
    release(&theirs), release(&ours), release(&written);
    fet_tensor_release(in);
    model_end(&m);
}

static void test_forms(void **state)
{
    (void)state;
    char library[FET_ORT_PATH_BYTES], folder[] = "/tmp/fettle-forms-XXXXXX", command[128];
    fet_auto(fet_ort) ort = NULL;
    if (fet_ort_find(NULL, library) != FET_OK) {
        print_message("skipped: %s\n", fet_error_message());
        skip();
    }
    CHECK_OK(fet_ort_open(library, &ort));
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < N_MODEL_FORMS; i++) check_form(ort, &model_forms[i], folder);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
    print_message("%d forms agree with ONNX Runtime %s\n", N_MODEL_FORMS, fet_ort_version(ort));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
