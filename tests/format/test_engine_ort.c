// SPDX-License-Identifier: Apache-2.0
/*
 * Our engine against ONNX Runtime: networks that others trained, read from their files, must give the same numbers in f32, within 1e-4 of
 * the largest number of an output. Every output is compared.
 */
#include "cases.h"
#include "ort.h"

#include "engine/executor.h"
#include "format/onnx/onnx.h"
#include "op/op.h"

static const double tolerance = 1e-4;

/* ONNX Runtime's sigmoid is 1/2 + p/q, good to 1e-7 but not to 1e-7 of a small result, so smaller outputs are measured as if they reached
 * this. */
static const double smallest_scale = 1e-2;

static const char *const networks[] = {
    "models/mnist-cnn/model.onnx",
    "models/derived-vww-float/model.onnx",
    "models/derived-mnv2-035-96/model.onnx",
    "models/stm-flowers-mobilenetv2-035/model.onnx",
    "models/stm-person-mobilenetv2/model.onnx",
    "models/stm-yamnet-256/model.onnx",
    "models/onnx-light/light_squeezenet.onnx",
    "models/onnx-light/light_shufflenet.onnx",
    "models/stm-ssd-mobilenetv1-025/model.onnx",
    "models/ultraface-rfb-320/model.onnx",
    "models/ultraface-rfb-320-simplified/model.onnx",
    "models/yunet-n-320/model.onnx",
    "models/sinet-portrait/model.onnx",
};

enum { N = sizeof networks / sizeof *networks, MAX_OUTPUTS = 16 };

/* Runs a network in our engine; gives the largest difference over its outputs. */
static double compare(const ort_jobs *jobs, const fet_graph *graph, const char *prefix, const char *path)
{
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = fet_executor_default_options();
    options.precision = FET_DTYPE_F32;
    options.batch = graph->values[graph->inputs[0]].shape.dim[0];
    fet_status status = fet_executor_create(graph, &options, &executor);
    if (status != FET_OK) fail_msg("%s: %s", path, fet_error_message());
    fet_tensor *in = ort_input(graph, 0, 1);
    const float *src[1] = {fet_tensor_f32(in)};
    float *dst[MAX_OUTPUTS];
    double worst = 0;
    assert_true(graph->n_inputs == 1 && graph->n_outputs <= MAX_OUTPUTS);
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        dst[o] = malloc((size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape) * sizeof **dst);
    CHECK_OK(fet_executor_run(executor, src, dst));
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        const fet_value *value = &graph->values[graph->outputs[o]];
        int64_t elements = fet_shape_elements(&value->shape);
        float *want = ort_output(jobs, prefix, o, (size_t)elements * sizeof *want);
        double difference = ort_difference(dst[o], want, smallest_scale, elements);
        if (!(difference <= tolerance)) fail_msg("%s, output %u (%s): off by %.3g of the largest", path, o, value->name, difference);
        if (difference > worst) worst = difference;
        fet_free(want);
        free(dst[o]);
    }
    fet_tensor_release(in);
    return worst;
}

static void networks_of_others(void **state)
{
    (void)state;
    static fet_graph *graphs[N];
    ort_jobs jobs;
    (void)check_shared("models");
    ort_begin(&jobs);
    for (int i = 0; i < N; i++) {
        char prefix[16];
        const char *path = check_shared(networks[i]);
        snprintf(prefix, sizeof prefix, "m%d_", i);
        CHECK_OK(fet_onnx_read(path, NULL, &graphs[i]));
        ort_add(&jobs, path, prefix, graphs[i], 1);
    }
    ort_run(&jobs);
    for (int i = 0; i < N; i++) {
        char prefix[16];
        snprintf(prefix, sizeof prefix, "m%d_", i);
        double difference = compare(&jobs, graphs[i], prefix, networks[i]);
        print_message("%s: within %.2g\n", networks[i], difference);
        fet_graph_destroy(graphs[i]);
    }
    ort_end(&jobs);
}

/* Every operator form in a small graph. */
static void forms(void **state)
{
    (void)state;
    static fet_graph *graphs[N_MODEL_CASES];
    ort_jobs jobs;
    uint32_t ran = 0;
    ort_begin(&jobs);
    for (int i = 0; i < N_MODEL_CASES; i++) {
        model m;
        char prefix[16], file[32], path[256];
        size_t bytes = 0;
        model_begin(&m, model_cases[i].opset_high);
        model_cases[i].build(&m);
        const void *data = model_pack(&m, &bytes);
        snprintf(prefix, sizeof prefix, "f%d_", i);
        snprintf(file, sizeof file, "%s.onnx", prefix);
        ort_path(&jobs, file, path);
        CHECK_OK(fet_file_replace(path, data, bytes));
        CHECK_OK(fet_onnx_read_buffer(data, bytes, model_cases[i].name, NULL, &graphs[i]));
        ort_add(&jobs, path, prefix, graphs[i], 1);
        model_end(&m);
    }
    ort_run(&jobs);
    for (int i = 0; i < N_MODEL_CASES; i++) {
        char prefix[16];
        bool all_f32 = true;
        snprintf(prefix, sizeof prefix, "f%d_", i);
        for (uint32_t o = 0; o < graphs[i]->n_outputs; o++) all_f32 &= graphs[i]->values[graphs[i]->outputs[o]].dtype == FET_DTYPE_F32;
        if (all_f32) ran += compare(&jobs, graphs[i], prefix, model_cases[i].name) >= 0;
        fet_graph_destroy(graphs[i]);
    }
    ort_end(&jobs);
    print_message("%u of %d forms ran\n", ran, N_MODEL_CASES);
    assert_int_equal(ran, N_MODEL_CASES - 1); /* one has an integer output */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(networks_of_others), cmocka_unit_test(forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
