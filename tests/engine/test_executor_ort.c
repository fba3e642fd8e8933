// SPDX-License-Identifier: Apache-2.0
/*
 * ONNX Runtime as the judge of the executor: files of every operator and opset form, and the shared models, read and run by us in f32, then the shared
 * models in bf16 and int8 against f32.
 */
#include "../format/cases.h"
#include "../format/ort.h"

#include "engine/engine.h"
#include "engine/executor.h"
#include "format/onnx/onnx.h"
#include "op/op.h"

/* Of the largest output: other orders of summation, through up to a hundred layers. A sigmoid's 1e-5 has fewer digits in ONNX Runtime than in ours. */
static const double tolerance = 1e-4, floor_of_largest = 0.01;

/* Largest difference as a share of the largest reference number. */
static double difference_of(const float *is, const float *want, int64_t n)
{
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, isfinite(want[i]) ? fabs((double)want[i]) : 0.0);
    return ort_difference(is, want, n) * fmax(largest, 1e-30) / fmax(largest, floor_of_largest);
}

typedef struct pair {
    char name[64];
    fet_graph *graph;
} pair;

static int64_t batch_of(const fet_graph *graph)
{
    const fet_shape *shape = &graph->values[graph->inputs[0]].shape;
    return shape->rank ? shape->dim[0] : 1;
}

/* The network's outputs at this precision, on the inputs that ONNX Runtime gets; malloc'd. */
static float **run_ours(const pair *p, fet_dtype precision, const fet_calibration *calibration)
{
    const fet_graph *g = p->graph;
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = {.precision = precision, .batch = batch_of(g), .calibration = calibration};
    fet_status status = fet_executor_create(g, &options, &executor);
    if (status != FET_OK) fail_msg("%s %s: %s", p->name, fet_dtype_name(precision), fet_error_message());
    const float *src[8];
    fet_tensor *inputs[8];
    for (uint32_t i = 0; i < g->n_inputs; i++) inputs[i] = ort_input(g, i, 1), src[i] = fet_tensor_f32(inputs[i]);
    float **dst = calloc(g->n_outputs, sizeof *dst);
    for (uint32_t o = 0; o < g->n_outputs; o++) dst[o] = calloc((size_t)fet_shape_elements(&g->values[g->outputs[o]].shape) + 1, sizeof(float));
    CHECK_OK(fet_executor_run(executor, src, dst));
    for (uint32_t i = 0; i < g->n_inputs; i++) fet_tensor_release(inputs[i]);
    return dst;
}

static void free_outputs(const fet_graph *g, float **dst)
{
    for (uint32_t o = 0; o < g->n_outputs; o++) free(dst[o]);
    free(dst);
}

/* Numbers of any type as f32. */
static float *as_f32(const void *data, fet_dtype dtype, int64_t count)
{
    float *numbers = malloc((size_t)(count + 1) * sizeof *numbers);
    for (int64_t i = 0; i < count; i++)
        numbers[i] = dtype == FET_DTYPE_F32   ? ((const float *)data)[i]
                     : dtype == FET_DTYPE_S64 ? (float)((const int64_t *)data)[i]
                     : dtype == FET_DTYPE_S32 ? (float)((const int32_t *)data)[i]
                                              : (float)((const uint8_t *)data)[i];
    return numbers;
}

static void compare(const ort_jobs *jobs, const pair *p)
{
    float **dst = run_ours(p, FET_DTYPE_F32, NULL);
    for (uint32_t o = 0; o < p->graph->n_outputs; o++) {
        const fet_value *value = &p->graph->values[p->graph->outputs[o]];
        int64_t count = fet_shape_elements(&value->shape);
        void *data = ort_output(jobs, p->name, o, (size_t)count * fet_dtype_bytes(value->dtype));
        float *want = as_f32(data, value->dtype, count);
        double difference = difference_of(dst[o], want, count);
        if (!(difference <= tolerance)) fail_msg("%s, output %u (%s): off by %.3g", p->name, o, value->name, difference);
        free(want);
        fet_free(data);
    }
    free_outputs(p->graph, dst);
}

static void every_operator(void **state)
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
            char file[96], path[256];
            model_begin(&m, end ? c->opset_high : c->opset_low);
            c->build(&m);
            const void *data = model_pack(&m, &bytes);
            snprintf(p->name, sizeof p->name, "%s_%d_%d_", c->name, i, (int)m.opset.version);
            CHECK_OK(fet_onnx_read_buffer(data, bytes, p->name, NULL, &p->graph));
            snprintf(file, sizeof file, "%s.onnx", p->name);
            ort_path(&jobs, file, path);
            CHECK_OK(fet_file_replace(path, data, bytes));
            ort_add(&jobs, path, p->name, p->graph, 1);
            model_end(&m);
        }
    ort_run(&jobs);
    for (uint32_t i = 0; i < n; i++) {
        compare(&jobs, &pairs[i]);
        fet_graph_destroy(pairs[i].graph);
    }
    ort_end(&jobs);
}

/* Random weights and inputs are hard on quantisation; what is shown is that every kernel runs, in its world, and nothing is far off. */
static void lower_precision(const pair *p, fet_dtype precision, double limit)
{
    const fet_graph *g = p->graph;
    const float *src[8];
    fet_tensor *inputs[8];
    for (uint32_t i = 0; i < g->n_inputs; i++) inputs[i] = ort_input(g, i, 1), src[i] = fet_tensor_f32(inputs[i]);
    fet_auto(fet_calibration) calibration = NULL;
    CHECK_OK(fet_calibration_create(&calibration));
    if (precision == FET_DTYPE_S8) CHECK_OK(fet_calibration_observe(calibration, g, src, batch_of(g)));
    float **want = run_ours(p, FET_DTYPE_F32, NULL), **is = run_ours(p, precision, calibration);
    double worst = 0.0;
    for (uint32_t o = 0; o < g->n_outputs; o++) {
        double d = difference_of(is[o], want[o], fet_shape_elements(&g->values[g->outputs[o]].shape));
        worst = d > worst ? d : worst;
    }
    print_message("%s %s: off by %.3g\n", p->name, fet_dtype_name(precision), worst);
    if (!(worst <= limit)) fail_msg("%s in %s is off by %.3g of the largest output, at most %.3g", p->name, fet_dtype_name(precision), worst, limit);
    for (uint32_t i = 0; i < g->n_inputs; i++) fet_tensor_release(inputs[i]);
    free_outputs(g, want);
    free_outputs(g, is);
}

static void shared_models(void **state)
{
    (void)state;
    static const char *const names[] = {"derived-mnv2-035-96", "derived-vww-float", "mnist-cnn", "sinet-portrait", "stm-flowers-mobilenetv2-035",
                                        "stm-person-mobilenetv2", "stm-ssd-mobilenetv1-025", "stm-yamnet-256", "ultraface-rfb-320",
                                        "ultraface-rfb-320-simplified", "yunet-n-320", "onnx-light"};
    static pair pairs[16];
    ort_jobs jobs;
    (void)check_shared("models");
    ort_begin(&jobs);
    uint32_t n = sizeof names / sizeof *names;
    for (uint32_t i = 0; i < n; i++) {
        char relative[128];
        snprintf(relative, sizeof relative, strcmp(names[i], "onnx-light") ? "models/%s/model.onnx" : "models/%s/light_shufflenet.onnx", names[i]);
        const char *path = check_shared(relative);
        snprintf(pairs[i].name, sizeof pairs[i].name, "%s_", names[i]);
        CHECK_OK(fet_onnx_read(path, NULL, &pairs[i].graph));
        ort_add(&jobs, path, pairs[i].name, pairs[i].graph, 1);
    }
    ort_run(&jobs);
    for (uint32_t i = 0; i < n; i++) {
        compare(&jobs, &pairs[i]);
        if (fet_engine_channel_block() == 16) lower_precision(&pairs[i], FET_DTYPE_BF16, 0.1);
        lower_precision(&pairs[i], FET_DTYPE_S8, 1.0); /* sinet-portrait loses half: its 7e7 come from noise */
        fet_graph_destroy(pairs[i].graph);
    }
    ort_end(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_operator), cmocka_unit_test(shared_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
