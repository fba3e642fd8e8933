// SPDX-License-Identifier: Apache-2.0
/*
 * int8 networks as files that say what is rounded (engine/quantise/qdq.h): read back, our f32 engine computes what the int8 engine does; so
 * does ONNX Runtime with all its optimisations, on networks of others and on the built-in template. Pairs, types and names by inspection.
 */
#include "check.h"

#include "base/rng.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "engine/init.h"
#include "engine/quantise/method.h"
#include "engine/quantise/qdq.h"
#include "engine/quantise/qdq_weights.h"
#include "format/onnx/onnx.h"
#include "format/ort/ort.h"
#include "op/builder.h"
#include "op/op.h"
#include "rewrite/mark_precision.h"
#include "space/template/template.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES = 4 };

typedef struct subject {
    fet_graph *graph, *whole;
    fet_calibration *calibration;
    float *sample[SAMPLES];
    float **ours; /* [n_outputs] of the int8 engine */
    fet_executor *executor;
    char path[64];
} subject;

/* Smooth patterns with noise, each another: what pictures are to a network, more or less. */
static float *make_sample(const fet_shape *shape, int number)
{
    int64_t n = fet_shape_elements(shape), w = shape->rank == 4 ? shape->dim[3] : 16;
    float *x = malloc((size_t)n * sizeof *x);
    fet_rng rng;
    fet_rng_init(&rng, (uint64_t)number, 0, FET_RNG_TEST);
    double a = 0.03 + 0.05 * number, b = 0.11 - 0.02 * number;
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(sin((double)(i % w) * a) * cos((double)(i / w) * b) + 0.3 * (fet_rng_uniform(&rng) - 0.5));
    return x;
}

/* Takes the graph over. */
static subject make(fet_graph *graph)
{
    subject s = {.graph = graph, .path = "/tmp/fettle-qdq-XXXXXX"};
    const fet_shape *shape = &graph->values[graph->inputs[0]].shape;
    for (int i = 0; i < SAMPLES; i++) s.sample[i] = make_sample(shape, i);
    CHECK_OK(fet_calibration_create(NULL, &s.calibration));
    for (int i = 0; i < SAMPLES; i++) CHECK_OK(fet_calibration_observe(s.calibration, graph, (const float *const *)&s.sample[i], 1));
    CHECK_OK(fet_calibration_correct(s.calibration, graph, (const float *const *)&s.sample[0], 1));
    CHECK_OK(fet_quantise_to_qdq(graph, s.calibration, &s.whole));
    int file = mkstemp(s.path);
    assert_true(file >= 0);
    close(file);
    CHECK_OK(fet_onnx_write(s.whole, s.path, FET_ONNX_OPSET_WRITTEN));
    fet_executor_options options = {.precision = FET_DTYPE_S8, .batch = 1, .calibration = s.calibration};
    CHECK_OK(fet_executor_create(graph, &options, &s.executor));
    s.ours = calloc(graph->n_outputs, sizeof *s.ours);
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        s.ours[o] = calloc((size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape), sizeof(float));
    return s;
}

static void clear(subject *s)
{
    unlink(s->path);
    for (uint32_t o = 0; o < s->graph->n_outputs; o++) free(s->ours[o]);
    free(s->ours);
    for (int i = 0; i < SAMPLES; i++) free(s->sample[i]);
    fet_executor_destroy(s->executor);
    fet_calibration_destroy(s->calibration);
    fet_graph_destroy(s->whole);
    fet_graph_destroy(s->graph);
}

static int64_t largest(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* The largest difference of output o in quantisation steps. */
static double steps_apart(const subject *s, uint32_t o, const float *theirs)
{
    const fet_value *value = &s->graph->values[s->graph->outputs[o]];
    float step = 0.0f;
    double worst = 0.0;
    CHECK_OK(fet_calibration_step(s->calibration, value->name, &step));
    for (int64_t i = 0; i < fet_shape_elements(&value->shape); i++)
        worst = fmax(worst, fabs((double)s->ours[o][i] - (double)theirs[i]) / (double)step);
    return worst;
}

static void check_form(const subject *s)
{
    const fet_graph *g = s->whole;
    int pairs = 0;
    for (uint32_t i = 0; i < g->n_inputs; i++)
        assert_string_equal(g->values[g->inputs[i]].name, s->graph->values[s->graph->inputs[i]].name);
    for (uint32_t o = 0; o < g->n_outputs; o++) {
        assert_string_equal(g->values[g->outputs[o]].name, s->graph->values[s->graph->outputs[o]].name);
        assert_int_equal(g->values[g->outputs[o]].dtype, FET_DTYPE_F32);
    }
    for (fet_id n = 0; n < g->n_nodes; n++) {
        const fet_node *node = &g->nodes[n];
        pairs += node->op == FET_OP_QUANTIZE_LINEAR;
        if (node->op != FET_OP_CONV) continue;
        const fet_node *weights = &g->nodes[g->values[node->inputs[1]].node];
        assert_int_equal(weights->op, FET_OP_DEQUANTIZE_LINEAR);
        const fet_tensor *steps = fet_graph_constant(g, weights->inputs[0]), *scales = fet_graph_constant(g, weights->inputs[1]);
        assert_int_equal(steps->dtype, FET_DTYPE_S8);
        assert_int_equal(fet_tensor_elements(scales), steps->shape.dim[0]); /* one an output channel */
    }
    assert_true(pairs > 1);
}

static void check_ours(const subject *s, double limit, const char *name)
{
    fet_auto(fet_graph) back = NULL;
    fet_auto(fet_executor) executor = NULL;
    CHECK_OK(fet_onnx_read(s->path, NULL, &back));
    CHECK_OK(fet_executor_create(back, NULL, &executor));
    float **dst = calloc(back->n_outputs, sizeof *dst);
    for (uint32_t o = 0; o < back->n_outputs; o++)
        dst[o] = calloc((size_t)fet_shape_elements(&back->values[back->outputs[o]].shape), sizeof(float));
    for (int i = 0; i < SAMPLES; i++) {
        CHECK_OK(fet_executor_run(s->executor, (const float *const *)&s->sample[i], s->ours));
        CHECK_OK(fet_executor_run(executor, (const float *const *)&s->sample[i], dst));
        for (uint32_t o = 0; o < back->n_outputs; o++) {
            double steps = steps_apart(s, o, dst[o]);
            if (!(steps <= limit)) fail_msg("%s, output %u: read back it is %.2f steps away, at most %.2f", name, o, steps, limit);
        }
    }
    for (uint32_t o = 0; o < back->n_outputs; o++) free(dst[o]);
    free(dst);
}

/* False: ONNX Runtime is not here. */
static bool check_theirs(const subject *s, double limit, const char *name)
{
    char library[FET_ORT_PATH_BYTES];
    fet_auto(fet_ort) ort = NULL;
    fet_auto(fet_ort_session) session = NULL;
    fet_auto(fet_tensor) input = NULL;
    if (fet_ort_find(NULL, library) != FET_OK) return false;
    CHECK_OK(fet_ort_open(library, &ort));
    CHECK_OK(fet_ort_session_create(ort, s->path, true, &session));
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &s->graph->values[s->graph->inputs[0]].shape, &input));
    CHECK_OK(fet_ort_set_input(session, 0, input));
    double worst = 0.0;
    for (int i = 0; i < SAMPLES; i++) {
        memcpy(input->data, s->sample[i], input->bytes);
        CHECK_OK(fet_executor_run(s->executor, (const float *const *)&s->sample[i], s->ours));
        CHECK_OK(fet_ort_run(session));
        for (uint32_t o = 0; o < s->graph->n_outputs; o++) {
            fet_auto(fet_tensor) theirs = NULL;
            CHECK_OK(fet_ort_output(session, o, &theirs));
            double steps = steps_apart(s, o, fet_tensor_f32(theirs));
            worst = fmax(worst, steps);
            if (!(steps <= limit)) fail_msg("%s, output %u: ONNX Runtime is %.2f steps away, at most %.2f", name, o, steps, limit);
            if (s->graph->n_outputs == 1)
                assert_int_equal(largest(s->ours[o], fet_tensor_elements(theirs)),
                                 largest(fet_tensor_f32(theirs), fet_tensor_elements(theirs)));
        }
    }
    print_message("# %s: at most %.2f steps apart in ONNX Runtime\n", name, worst);
    return true;
}

static void test_template(void **state)
{
    (void)state;
    for (int marked = 0; marked < 2; marked++) {
        fet_graph *graph = NULL;
        const fet_template_options options = {.channels = 1,
                                              .height = 28,
                                              .width = 28,
                                              .n_classes = 10,
                                              .stem_channels = 16,
                                              .stem_kernel = 3,
                                              .stem_stride = 1,
                                              .stages = {{1, 24, 4, 2, 3}, {2, 32, 4, 2, 3}},
                                              .n_stages = 2,
                                              .head_channels = 64};
        CHECK_OK(fet_template_build("ibn_classifier", &options, &graph));
        CHECK_OK(fet_graph_init_params(graph, NULL, 3));
        if (marked) CHECK_OK(fet_mark_precision_ends(graph, FET_DTYPE_F32, FET_DTYPE_F32));
        subject s = make(graph);
        if (!marked) check_form(&s);
        check_ours(&s, 2.0, "template");
        if (!check_theirs(&s, 2.0, "template")) print_message("# ONNX Runtime is not here\n");
        clear(&s);
    }
}

/* Sums of a network's last layers may turn on one rounding that falls on a half: derived-mnv2-035-96 is not held to two steps. */
static void test_models(void **state)
{
    (void)state;
    static const char *const models[] = {"derived-vww-float", "mnist-cnn", "stm-flowers-mobilenetv2-035", "stm-person-mobilenetv2",
                                         "ultraface-rfb-320"};
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        char relative[128];
        fet_graph *graph = NULL;
        snprintf(relative, sizeof relative, "models/%s/model.onnx", models[m]);
        CHECK_OK(fet_onnx_read(check_shared(relative), NULL, &graph));
        subject s = make(graph);
        check_ours(&s, 255.0, models[m]); /* that it is read and runs at all: f32 sums fall on other sides of halves */
        bool there = check_theirs(&s, 2.0, models[m]);
        clear(&s);
        if (there) continue;
        print_message("# skipped: ONNX Runtime is not here\n");
        skip();
    }
}

/* Products of rank 2 and 3, with a bias and without, a transposed convolution in groups and a channel whose weights vanish. */
static void test_layers(void **state)
{
    (void)state;
    fet_graph *graph = NULL;
    fet_id x = FET_NONE, node = FET_NONE, w = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 4, 6, 6), up = fet_shape_4d(8, 2, 2, 2), flat = fet_shape_2d(12, 5);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &x));
    CHECK_OK(fet_build_conv(graph, "a", x, &(fet_conv_options){.out_channels = 8, .kernel = 3, .bias = true}, &x));
    CHECK_OK(fet_build_batch_norm(graph, "norm", x, &x));
    CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "relu", x, &x));
    CHECK_OK(fet_graph_add_param(graph, "up.weight", FET_DTYPE_F32, &up, NULL, true, &w));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONV_TRANSPOSE, "up", (const fet_id[]){x, w}, 2, 1, &node));
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_GROUP, 2));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_STRIDES, (const int64_t[]){2, 2}, 2));
    CHECK_OK(fet_graph_infer_node(graph, node));
    x = graph->nodes[node].outputs[0];
    CHECK_OK(fet_build_conv(graph, "b", x, &(fet_conv_options){.out_channels = 4, .kernel = 1, .bias = true}, &x));
    CHECK_OK(fet_graph_add_param(graph, "product.weight", FET_DTYPE_F32, &flat, NULL, true, &w));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_MATMUL, "product", (const fet_id[]){x, w}, 2, 1, &node));
    CHECK_OK(fet_graph_infer_node(graph, node));
    CHECK_OK(fet_build_unary(graph, FET_OP_FLATTEN, "flat", graph->nodes[node].outputs[0], &x));
    CHECK_OK(fet_build_gemm(graph, "fc", x, 6, &x));
    CHECK_OK(fet_graph_add_output(graph, x));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, 3));
    for (fet_id p = 0; p < graph->n_params; p++) {
        float *numbers = fet_tensor_f32(graph->params[p].tensor);
        if (strcmp(graph->values[graph->params[p].value].name, "b.weight") == 0)
            for (int i = 0; i < 4; i++) numbers[i] = 1e-30f;
        if (strcmp(graph->values[graph->params[p].value].name, "b.bias") == 0) numbers[0] = 0.5f;
    }
    subject s = make(graph);
    check_ours(&s, 2.0, "layers");
    check_theirs(&s, 2.0, "layers");
    for (uint64_t n = 0;; n += 1 + n / 16) {
        fet_auto(fet_graph) again = NULL;
        fet_alloc_fail_after(n);
        fet_status status = fet_quantise_to_qdq(s.graph, s.calibration, &again);
        bool done = fet_alloc_fail_after(UINT64_MAX) <= n;
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        if (!done) continue;
        CHECK_OK(status);
        break;
    }
    clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_template), cmocka_unit_test(test_layers), cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
