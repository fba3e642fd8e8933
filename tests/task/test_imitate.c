// SPDX-License-Identifier: Apache-2.0
/*
 * A network learns from its original alone: classes, or outputs that are numbers and maps; block ends inside are matched where both have
 * them; whatever is changed while training is put back; agreement is what it says, counted here by hand.
 */
#include "made_data.h"

#include "task/task.h"

#include <math.h>

enum { WIDTH = 16 };

/*
 * Two inverted bottlenecks with a residual, then two outputs: a map of distributions (Softmax over channels) and a map of numbers. `hidden`
 * is the width inside of the blocks: block ends stay as they are.
 */
static fet_graph *two_headed(int64_t hidden, uint64_t seed)
{
    fet_graph *graph = NULL;
    fet_id v, block;
    const fet_shape shape = fet_shape_4d(1, 1, MADE_SIDE, MADE_SIDE);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_build_conv(graph, "stem", v, &(fet_conv_options){.out_channels = WIDTH, .kernel = 3, .stride = 2}, &v));
    CHECK_OK(fet_build_batch_norm(graph, "stem.bn", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "stem.act", v, &v));
    for (int b = 0; b < 2; b++) {
        const char *names[2][9] = {{"a.e", "a.e.bn", "a.e.act", "a.d", "a.d.bn", "a.d.act", "a.p", "a.p.bn", "a.add"},
                                   {"b.e", "b.e.bn", "b.e.act", "b.d", "b.d.bn", "b.d.act", "b.p", "b.p.bn", "b.add"}};
        const char *const *n = names[b];
        block = v;
        CHECK_OK(fet_build_conv(graph, n[0], v, &(fet_conv_options){.out_channels = hidden, .kernel = 1, .stride = 1}, &v));
        CHECK_OK(fet_build_batch_norm(graph, n[1], v, &v));
        CHECK_OK(fet_build_unary(graph, FET_OP_RELU, n[2], v, &v));
        CHECK_OK(
            fet_build_conv(graph, n[3], v, &(fet_conv_options){.out_channels = hidden, .kernel = 3, .stride = 1, .group = hidden}, &v));
        CHECK_OK(fet_build_batch_norm(graph, n[4], v, &v));
        CHECK_OK(fet_build_unary(graph, FET_OP_RELU, n[5], v, &v));
        CHECK_OK(fet_build_conv(graph, n[6], v, &(fet_conv_options){.out_channels = WIDTH, .kernel = 1, .stride = 1}, &v));
        CHECK_OK(fet_build_batch_norm(graph, n[7], v, &v));
        CHECK_OK(fet_build_binary(graph, FET_OP_ADD, n[8], v, block, &v));
    }
    fet_id classes, where;
    CHECK_OK(fet_build_conv(graph, "classes", v, &(fet_conv_options){.out_channels = 3, .kernel = 1, .stride = 1}, &classes));
    CHECK_OK(fet_build_unary(graph, FET_OP_SOFTMAX, "softmax", classes, &classes));
    CHECK_OK(fet_graph_set_int(graph, graph->values[classes].node, FET_ATTR_AXIS, 1));
    CHECK_OK(fet_build_conv(graph, "where", v, &(fet_conv_options){.out_channels = 2, .kernel = 3, .stride = 1}, &where));
    CHECK_OK(fet_graph_add_output(graph, classes));
    CHECK_OK(fet_graph_add_output(graph, where));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, seed));
    return graph;
}

static fet_train_options imitation_of(const fet_graph *original)
{
    fet_train_options options = made_options();
    options.learning_rate = 0.05f;
    options.distil = (fet_distil_options){.teacher = original, .temperature = 1.0f, .hints = 1.0f};
    return options;
}

static fet_task_quality agreement(const fet_graph *graph, const fet_graph *original, fet_dtype precision)
{
    const fet_task_sight sight = {.split = FET_SPLIT_TEST, .precision = precision, .original = original};
    fet_task_quality quality;
    CHECK_OK(fet_task_imitate.evaluate(graph, made_dataset, &sight, &quality));
    return quality;
}

static void test_two_outputs(void **state)
{
    (void)state;
    fet_auto(fet_graph) original = two_headed(48, 1);
    CHECK_OK(fet_task_recalibrate(original, made_dataset, 4, 1)); /* statistics that fit the data, so that its answers are no noise */
    fet_task_quality itself = agreement(original, original, FET_DTYPE_F32);
    assert_true(itself.share == 1.0 && itself.n_errors == 2 && itself.n == MADE_TEST && isnan(itself.low));
    assert_true(agreement(original, original, FET_DTYPE_S8).share > 0.9);

    double share[2], loss[2];
    for (int hints = 0; hints < 2; hints++) {
        fet_auto(fet_graph) graph = two_headed(24, 2);
        fet_auto(fet_graph) again = two_headed(24, 2);
        fet_train_options options = imitation_of(original);
        fet_train_result result;
        fet_task_quality before = agreement(graph, original, FET_DTYPE_F32);
        options.distil.hints = (float)hints;
        options.epochs = 20;
        CHECK_OK(fet_task_imitate.train(graph, made_dataset, &options, &result));
        share[hints] = agreement(graph, original, FET_DTYPE_F32).share;
        loss[hints] = result.loss;
        assert_true(share[hints] > before.share + 0.1);
        assert_true(result.loss < 0.6 + 0.6 * hints); /* well below what ignoring the image would cost, 1 + hints */
        /* As it was, but for the numbers. */
        assert_int_equal(graph->n_outputs, 2);
        assert_int_equal(graph->nodes[graph->values[graph->outputs[0]].node].op, FET_OP_SOFTMAX);
        CHECK_OK(fet_task_imitate.train(again, made_dataset, &options, &result));
        check_same_params(graph, again);
    }
    assert_true(loss[1] != loss[0]); /* the block ends were part of it */
}

/* |a - b| / |b| of each output over the whole split, and the share made of their mean: by hand, sample by sample. */
static void test_error_by_definition(void **state)
{
    (void)state;
    fet_auto(fet_graph) original = two_headed(48, 1);
    fet_auto(fet_graph) other = two_headed(24, 2);
    fet_executor *executors[2] = {0};
    float *answers[2][2];
    double difference[2] = {0}, size[2] = {0};
    const size_t items[] = {3 * 36, 2 * 36};
    const fet_graph *graphs[] = {other, original};
    for (int g = 0; g < 2; g++) {
        CHECK_OK(fet_executor_create(graphs[g], NULL, &executors[g]));
        for (int o = 0; o < 2; o++) assert_non_null(answers[g][o] = malloc(items[o] * sizeof(float)));
    }
    for (uint32_t i = 0; i < 70; i++) {
        float image[MADE_SIDE * MADE_SIDE];
        const float *src = image;
        uint32_t label;
        CHECK_OK(fet_dataset_read(made_dataset, FET_SPLIT_TEST, i, image, &label));
        for (int g = 0; g < 2; g++) CHECK_OK(fet_executor_run(executors[g], &src, answers[g]));
        for (int o = 0; o < 2; o++)
            for (size_t k = 0; k < items[o]; k++) {
                double d = (double)answers[0][o][k] - answers[1][o][k];
                difference[o] += d * d;
                size[o] += (double)answers[1][o][k] * answers[1][o][k];
            }
    }
    const fet_task_sight sight = {.split = FET_SPLIT_TEST, .precision = FET_DTYPE_F32, .limit = 70, .original = original};
    fet_task_quality quality;
    CHECK_OK(fet_task_imitate.evaluate(other, made_dataset, &sight, &quality));
    double mean = 0.0;
    for (int o = 0; o < 2; o++) {
        CHECK_NEAR(quality.error[o], sqrt(difference[o] / size[o]), 1e-5);
        mean += quality.error[o] / 2;
    }
    CHECK_NEAR(quality.share, mean <= 0.5 ? 1.0 - mean : 0.25 / mean, 1e-12);
    assert_int_equal(quality.n, 70);
    for (int g = 0; g < 2; g++) {
        fet_executor_destroy(executors[g]);
        for (int o = 0; o < 2; o++) free(answers[g][o]);
    }
}

/* Networks that are all wrong are still told apart: the original against itself with ever larger weights. */
static void test_all_wrong(void **state)
{
    (void)state;
    fet_auto(fet_graph) original = two_headed(24, 1);
    const fet_task_sight sight = {.split = FET_SPLIT_TEST, .precision = FET_DTYPE_F32, .limit = 70, .original = original};
    double before = 1.0;
    for (float factor = 1.2f; factor < 40.0f; factor *= 3.0f) {
        fet_auto(fet_graph) graph = NULL;
        fet_task_quality quality;
        CHECK_OK(fet_graph_copy(original, NULL, 0, &graph));
        for (fet_id p = 0; p < graph->n_params; p++) {
            fet_auto(fet_tensor) tensor = NULL;
            if (!graph->params[p].trainable) continue;
            CHECK_OK(fet_tensor_copy(graph->params[p].tensor, &tensor));
            for (int64_t k = 0; k < fet_tensor_elements(tensor); k++) fet_tensor_f32(tensor)[k] *= factor;
            fet_graph_set_tensor(graph, p, tensor);
        }
        CHECK_OK(fet_task_imitate.evaluate(graph, made_dataset, &sight, &quality));
        assert_true(quality.share > 0.0 && quality.share < before);
        before = quality.share;
    }
    assert_true(before < 0.1);
}

/* A classifier: the share of samples with the same class, with its interval. No label is read on the way. */
static void test_classifier(void **state)
{
    (void)state;
    fet_auto(fet_graph) original = made_graph(WIDTH, MADE_CLASSES);
    fet_auto(fet_graph) graph = made_graph(8, MADE_CLASSES);
    fet_train_options options = made_options();
    fet_train_result result;
    fet_accuracy accuracy;
    CHECK_OK(fet_classify_train(original, made_dataset, &options, &result));
    fet_task_quality before = agreement(graph, original, FET_DTYPE_F32);
    options = imitation_of(original);
    CHECK_OK(fet_task_imitate.train(graph, made_dataset, &options, &result));
    fet_task_quality after = agreement(graph, original, FET_DTYPE_F32);
    assert_true(before.share < 0.8 && after.share > 0.95);
    assert_true(after.low < after.share && after.share <= after.high && after.n_errors == 1);
    CHECK_OK(fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 0, &accuracy));
    assert_true(accuracy.share > 0.95);
}

static void test_mistakes(void **state)
{
    (void)state;
    fet_auto(fet_graph) original = two_headed(48, 1);
    fet_auto(fet_graph) graph = made_graph(8, MADE_CLASSES);
    fet_auto(fet_graph) other = made_graph(8, MADE_CLASSES + 1);
    fet_train_options options = imitation_of(NULL);
    fet_train_result result;
    fet_task_quality quality;
    fet_task_sight sight = {.split = FET_SPLIT_TEST, .precision = FET_DTYPE_F32};
    CHECK_FAILS(FET_ERROR_ARG, fet_task_imitate.train(graph, made_dataset, &options, &result));
    CHECK_SAYS("no original network");
    CHECK_FAILS(FET_ERROR_ARG, fet_task_imitate.evaluate(graph, made_dataset, &sight, &quality));
    options.distil.teacher = original;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_task_imitate.train(graph, made_dataset, &options, &result));
    CHECK_SAYS("1 outputs, expected 2");
    options.distil.teacher = other;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_task_imitate.train(graph, made_dataset, &options, &result));
    CHECK_SAYS("1x3, expected 1x4");
    options.distil.teacher = graph;
    options.distil.hints = -1.0f;
    CHECK_FAILS(FET_ERROR_ARG, fet_task_imitate.train(graph, made_dataset, &options, &result));
    options.distil.hints = 1.0f;
    options.distil.temperature = 0.0f;
    CHECK_FAILS(FET_ERROR_ARG, fet_task_imitate.train(graph, made_dataset, &options, &result));
    assert_int_equal(graph->n_outputs, 1);
}

/* Each allocation in turn fails, with a stride that keeps this short; the network's outputs are the same afterwards. */
static void test_no_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) original = two_headed(8, 1);
    fet_auto(fet_graph) graph = two_headed(8, 2);
    fet_train_options options = imitation_of(original);
    options.epochs = 0.04;
    const fet_task_sight sight = {.split = FET_SPLIT_TEST, .precision = FET_DTYPE_S8, .quantise.batches = 1, .original = original};
    for (int kind = 0; kind < 2; kind++)
        for (uint64_t n = 0;; n += 7) {
            fet_train_result result;
            fet_task_quality quality;
            fet_alloc_fail_after(n);
            fet_error_clear();
            fet_status status = kind ? fet_task_imitate.evaluate(graph, made_dataset, &sight, &quality)
                                     : fet_task_imitate.train(graph, made_dataset, &options, &result);
            bool over = fet_alloc_fail_after(UINT64_MAX) <= n;
            assert_int_equal(graph->n_outputs, 2);
            assert_int_equal(graph->nodes[graph->values[graph->outputs[0]].node].op, FET_OP_SOFTMAX);
            if (over) {
                CHECK_OK(status);
                break;
            }
            if (status != FET_OK && status != FET_ERROR_NOMEM) fail_msg("allocation %llu: %s", (unsigned long long)n, fet_error_message());
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_outputs), cmocka_unit_test(test_error_by_definition),
        cmocka_unit_test(test_all_wrong),   cmocka_unit_test(test_classifier),
        cmocka_unit_test(test_mistakes),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, made_data_setup, made_data_teardown);
}
