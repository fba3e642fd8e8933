// SPDX-License-Identifier: Apache-2.0
/*
 * Networks that others trained, on every instruction set: f32 against our own loops node by node (those are held against ONNX Runtime in
 * tests/format), bf16 and int8 against f32. Real layers have shapes that nobody would think of.
 */
#include "check.h"
#include "models.h"

#include "base/rng.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "engine/infer/numbers.h"
#include "engine/reference/reference.h"
#include "format/onnx/onnx.h"
#include "op/op.h"
#include "slow.h"

#include <math.h>
#include <string.h>

/* Our loops are slow: beyond this many multiplications f32 is not compared with them. */
static const int64_t reference_limit_macs = 40 * 1000 * 1000;

/* Of the largest output; of smaller ones than this, of this. */
static const double smallest_scale = 1e-2;

static float *input_of(const fet_graph *graph)
{
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    return slow_uniform(&rng, fet_shape_elements(&graph->values[graph->inputs[0]].shape));
}

static float *room_for(const fet_graph *graph, fet_id value)
{
    return calloc((size_t)fet_shape_elements(&graph->values[value].shape) + 1, sizeof(float));
}

/* Every node by its loop; outputs in dst. */
static void run_loops(const fet_graph *graph, const float *image, float **dst)
{
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    const float **values = calloc(graph->n_values, sizeof *values);
    float **owned = calloc(graph->n_values, sizeof *owned);
    values[graph->inputs[0]] = image;
    for (fet_id p = 0; p < graph->n_params; p++)
        CHECK_OK(fet_numbers_constant(graph, graph->params[p].value, arena, &values[graph->params[p].value]));
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        const float *src[256] = {0};
        float *results[16] = {0};
        for (uint32_t i = 0; i < node->n_inputs; i++) src[i] = node->inputs[i] == FET_NONE ? NULL : values[node->inputs[i]];
        if (fet_kernel_is_view(node->op)) {
            values[node->outputs[0]] = src[0];
            continue;
        }
        for (uint32_t o = 0; o < node->n_outputs; o++)
            if (node->outputs[o] != FET_NONE)
                values[node->outputs[o]] = owned[node->outputs[o]] = results[o] = room_for(graph, node->outputs[o]);
        fet_reference_find(node->op)(&(fet_reference_call){graph, node, src, results});
    }
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        memcpy(dst[o], values[graph->outputs[o]], (size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape) * sizeof(float));
    for (uint32_t v = 0; v < graph->n_values; v++) free(owned[v]);
    free(owned);
    free(values);
}

static void run_executor(const char *name, const fet_graph *graph, const float *image, fet_dtype precision, float **dst)
{
    fet_auto(fet_calibration) calibration = NULL;
    fet_auto(fet_executor) executor = NULL;
    int64_t batch = graph->values[graph->inputs[0]].shape.dim[0];
    CHECK_OK(fet_calibration_create(NULL, &calibration));
    if (precision == FET_DTYPE_S8) CHECK_OK(fet_calibration_observe(calibration, graph, &image, batch));
    fet_executor_options options = {.precision = precision, .batch = batch, .calibration = calibration};
    fet_status status = fet_executor_create(graph, &options, &executor);
    if (status != FET_OK) fail_msg("%s in %s: %s", name, fet_dtype_name(precision), fet_error_message());
    CHECK_OK(fet_executor_run(executor, &image, dst));
}

static double compare(const char *name, const fet_graph *graph, float **want, float **is, double limit, const char *what)
{
    double worst = 0.0;
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        int64_t count = fet_shape_elements(&graph->values[graph->outputs[o]].shape);
        double largest = 1e-30;
        for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)want[o][i]));
        double error = slow_error(want[o], is[o], count) * largest / fmax(largest, smallest_scale);
        if (!(error <= limit)) fail_msg("%s, output %u in %s: off by %.3g of the largest, at most %.3g", name, o, what, error, limit);
        worst = fmax(worst, error);
    }
    return worst;
}

static void test_models(void **state)
{
    (void)state;
    static const char *const names[] = {FET_TEST_MODELS};
    (void)check_shared("models");
    for (size_t m = 0; m < sizeof names / sizeof *names; m++) {
        char relative[128];
        snprintf(relative, sizeof relative, "models/%s/model.onnx", names[m]);
        fet_auto(fet_graph) graph = NULL;
        CHECK_OK(fet_onnx_read(check_shared(relative), NULL, &graph));
        assert_int_equal(graph->n_inputs, 1);
        float *image = input_of(graph), *want[16], *is[16];
        assert_true(graph->n_outputs <= 16);
        for (uint32_t o = 0; o < graph->n_outputs; o++)
            want[o] = room_for(graph, graph->outputs[o]), is[o] = room_for(graph, graph->outputs[o]);
        fet_op_work work;
        fet_graph_work(graph, &work);
        double f32 = 0.0, bf16 = 0.0;
        run_executor(names[m], graph, image, FET_DTYPE_F32, want);
        if (work.macs <= reference_limit_macs) {
            run_loops(graph, image, is);
            f32 = compare(names[m], graph, is, want, 1e-4, "f32");
        }
        if (fet_engine_has_bf16()) {
            run_executor(names[m], graph, image, FET_DTYPE_BF16, is);
            bf16 = compare(names[m], graph, want, is, 0.1, "bf16");
        }
        run_executor(names[m], graph, image, FET_DTYPE_S8, is);
        /* Noise is no image: sinet-portrait answers it with numbers of 1e7 and loses half of them in int8. */
        double s8 = compare(names[m], graph, want, is, 1.0, "int8");
        print_message("# %s: f32 %.2g, bf16 %.2g, int8 %.2g\n", names[m], f32, bf16, s8);
        for (uint32_t o = 0; o < graph->n_outputs; o++) free(want[o]), free(is[o]);
        free(image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
