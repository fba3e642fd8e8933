// SPDX-License-Identifier: Apache-2.0
/*
 * Norms put into a network whose own were folded get the mean and variance that its maps have on the training images, checked against a
 * plain loop over those images; the network's answers stay; and, what it is for, other weights and statistics set anew bring the answers
 * back.
 */
#include "../task/made_data.h"

#include "check.h"

#include "engine/executor.h"
#include "rewrite/fold_batchnorm.h"
#include "rewrite/unfold_batchnorm.h"
#include "run/renormalise.h"

#include <math.h>

static double accuracy_of(const fet_graph *graph)
{
    fet_accuracy accuracy;
    CHECK_OK(fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 0, &accuracy));
    return accuracy.share;
}

static fet_graph *trained_and_folded(void)
{
    fet_graph *graph = made_graph(8, MADE_CLASSES);
    fet_train_options options = made_options();
    fet_train_result result;
    CHECK_OK(fet_classify_train(graph, made_dataset, &options, &result));
    CHECK_OK(fet_fold_batchnorm(graph, NULL));
    CHECK_OK(fet_graph_infer(graph));
    return graph;
}

/* Mean and variance of channel c of a convolution's map over the first `n` images that the loader gives. */
static void plain_moments(const fet_graph *graph, const char *map, int64_t c, uint32_t n, double *out_mean, double *out_variance)
{
    fet_graph *copy = NULL;
    fet_executor *executor = NULL;
    fet_loader *loader = NULL;
    fet_loader_options loading = {.split = FET_SPLIT_TRAIN, .batch = 1, .shuffle = true, .seed = 4};
    fet_executor_options options = fet_executor_default_options();
    CHECK_OK(fet_graph_copy(graph, NULL, 0, &copy));
    fet_id value = fet_graph_find_value(copy, map);
    assert_int_not_equal(value, FET_NONE);
    copy->outputs[0] = value;
    const fet_shape *shape = &copy->values[value].shape;
    int64_t plane = shape->dim[2] * shape->dim[3];
    float *data = calloc((size_t)fet_shape_elements(shape), sizeof *data);
    CHECK_OK(fet_executor_create(copy, &options, &executor));
    CHECK_OK(fet_loader_create(made_dataset, &loading, &loader));
    double sum = 0, square = 0, count = (double)n * (double)plane;
    for (uint32_t i = 0; i < n; i++) {
        fet_batch batch;
        CHECK_OK(fet_loader_batch(loader, 0, i, &batch));
        CHECK_OK(fet_executor_run(executor, &batch.images, &data));
        for (int64_t p = 0; p < plane; p++) sum += (double)data[c * plane + p], square += pow((double)data[c * plane + p], 2);
    }
    *out_mean = sum / count;
    *out_variance = square / count - *out_mean * *out_mean;
    free(data);
    fet_loader_destroy(loader);
    fet_executor_destroy(executor);
    fet_graph_destroy(copy);
}

static void gives_the_statistics(void **state)
{
    (void)state;
    fet_graph *folded = trained_and_folded(), *graph = NULL;
    uint32_t count = 0;
    CHECK_OK(fet_graph_copy(folded, NULL, 0, &graph));
    CHECK_OK(fet_unfold_batchnorm(graph, &count));
    assert_int_equal(count, 2);
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_renormalise(graph, made_dataset, 4));
    CHECK_NEAR(accuracy_of(graph), accuracy_of(folded), 0);
    fet_id norm = fet_graph_find_node(graph, "dw.norm");
    assert_int_not_equal(norm, FET_NONE);
    const float *mean = fet_tensor_f32(fet_graph_constant(graph, graph->nodes[norm].inputs[3]));
    const float *variance = fet_tensor_f32(fet_graph_constant(graph, graph->nodes[norm].inputs[4]));
    for (int64_t c = 0; c < 8; c += 3) {
        double m = 0, v = 0;
        plain_moments(graph, graph->values[graph->nodes[norm].inputs[0]].name, c, 256, &m, &v);
        CHECK_NEAR(mean[c], m, 1e-4 * (fabs(m) + 1));
        CHECK_NEAR(variance[c], v, 1e-4 * (v + 1));
    }
    fet_graph_destroy(graph);
    fet_graph_destroy(folded);
}

/* Weights of the depthwise convolution made three times as large: with norms, recalibration undoes it. */
static void lets_statistics_be_set_anew(void **state)
{
    (void)state;
    fet_graph *graph = trained_and_folded();
    double before = accuracy_of(graph);
    CHECK_OK(fet_unfold_batchnorm(graph, NULL));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_renormalise(graph, made_dataset, 4));
    fet_id conv = fet_graph_find_node(graph, "dw");
    assert_int_not_equal(conv, FET_NONE);
    fet_tensor *weights = NULL;
    fet_id param = graph->values[graph->nodes[conv].inputs[1]].param;
    CHECK_OK(fet_tensor_copy(graph->params[param].tensor, &weights));
    for (int64_t i = 0; i < fet_tensor_elements(weights); i++) fet_tensor_f32(weights)[i] *= 20;
    fet_graph_set_tensor(graph, param, weights);
    fet_tensor_release(weights);
    double broken = accuracy_of(graph);
    CHECK_OK(fet_task_recalibrate(graph, made_dataset, 8, 1));
    if (!(before > 0.9 && broken < before - 0.1 && accuracy_of(graph) > before - 0.05))
        fail_msg("right %.3f, %.3f with other weights, %.3f recalibrated", before, broken, accuracy_of(graph));
    fet_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_statistics),
        cmocka_unit_test(lets_statistics_be_set_anew),
    };
    return cmocka_run_group_tests_name("renormalise", tests, made_data_setup, made_data_teardown);
}
