// SPDX-License-Identifier: Apache-2.0
/*
 * Training and evaluation on a small made-up data set (stripes: upright, lying, or checks, with noise): it is learnt, an interrupted run
 * that is resumed ends in the same bits, a loss that is no number names its batch, and recalibration sets the statistics that the data
 * have.
 */
#include "made_data.h"

#include "engine/engine.h"

#include <math.h>

static void test_learns_and_repeats(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = made_graph(16, MADE_CLASSES);
    fet_auto(fet_graph) again = made_graph(16, MADE_CLASSES);
    fet_accuracy before, after;
    CHECK_OK(fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 0, &before));
    fet_train_options options = made_options();
    fet_train_result result;
    CHECK_OK(fet_classify_train(graph, made_dataset, &options, &result));
    assert_int_equal(result.n_batches, 6 * (540 / 20));
    assert_true(result.loss < 0.5);
    assert_true(result.images_per_s > 0);
    CHECK_OK(fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 0, &after));
    assert_int_equal(after.n, MADE_TEST);
    assert_true(before.share < 0.8 && after.share > 0.97);
    assert_true(after.low < after.share && after.high <= 1.0);
    CHECK_OK(fet_classify_train(again, made_dataset, &options, &result));
    check_same_params(graph, again);

    /* The other precisions agree on an easy task; a limit takes the first samples. */
    for (int s = fet_engine_has_bf16() ? 0 : 1; s < 2; s++) {
        CHECK_OK(fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, s ? FET_DTYPE_S8 : FET_DTYPE_BF16,
                                   &(fet_quantise_options){.batches = 4}, 0, &before));
        assert_true(before.share > 0.95);
    }
    CHECK_OK(fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 70, &after));
    assert_int_equal(after.n, 70);
}

/* Stops after a number of calls; progress is asked for after every batch when a second is always over. */
static bool stop_early(void *context, uint64_t done, uint64_t total, double loss, double images_per_s)
{
    (void)loss, (void)images_per_s;
    uint64_t *state = context;
    assert_true(done <= total);
    state[1]++;
    return done < state[0];
}

static void test_interrupted_and_resumed(void **state)
{
    (void)state;
    fet_auto(fet_graph) whole = made_graph(16, MADE_CLASSES);
    fet_auto(fet_graph) parts = made_graph(16, MADE_CLASSES);
    fet_train_options options = made_options();
    fet_train_result result;
    options.epochs = 60; /* long enough to be asked about twice a second */
    for (int optimizer = 0; optimizer < 2; optimizer++) {
        options.trainer.optimizer = (fet_optimizer_kind)optimizer;
        options.learning_rate = optimizer ? 0.002f : 0.05f;
        options.checkpoint = NULL;
        options.progress = NULL;
        fet_graph_destroy(fet_take(whole));
        fet_graph_destroy(fet_take(parts));
        whole = made_graph(16, MADE_CLASSES);
        parts = made_graph(16, MADE_CLASSES);
        CHECK_OK(fet_classify_train(whole, made_dataset, &options, &result));

        options.checkpoint = path_in(made_folder, "training.checkpoint");
        uint64_t seen[2] = {1, 0};
        options.progress = stop_early;
        options.context = seen;
        uint64_t interruptions = 0;
        fet_status status;
        while ((status = fet_classify_train(parts, made_dataset, &options, &result)) == FET_ERROR_STATE) {
            CHECK_SAYS("interrupted after batch", "training.checkpoint");
            if (++interruptions == 2) seen[0] = UINT64_MAX;
        }
        CHECK_OK(status);
        assert_true(interruptions == 2 || result.seconds < 1.5); /* a machine so fast that there was no time to interrupt */
        if (interruptions) assert_true(result.resumed_batch > 0);
        check_same_params(whole, parts);

        /* A checkpoint of another training, or a damaged one, is passed over. */
        options.seed++;
        options.epochs = 1;
        options.progress = NULL;
        CHECK_OK(fet_classify_train(parts, made_dataset, &options, &result));
        assert_int_equal(result.resumed_batch, 0);
        options.seed--;
        options.epochs = 60;
        remove(options.checkpoint);
    }
}

/* A Softmax at the end changes nothing in training, and is there again afterwards. */
static void test_softmax_at_the_end(void **state)
{
    (void)state;
    fet_auto(fet_graph) plain = made_graph(16, MADE_CLASSES);
    fet_auto(fet_graph) graph = made_graph(16, MADE_CLASSES);
    fet_id v;
    CHECK_OK(fet_build_unary(graph, FET_OP_SOFTMAX, "softmax", graph->outputs[0], &v));
    graph->outputs[0] = v;
    fet_train_options options = made_options();
    fet_train_result result;
    options.epochs = 1;
    CHECK_OK(fet_classify_train(plain, made_dataset, &options, &result));
    CHECK_OK(fet_classify_train(graph, made_dataset, &options, &result));
    check_same_params(plain, graph);
    assert_int_equal(graph->nodes[graph->n_nodes - 1].op, FET_OP_SOFTMAX);
    fet_accuracy a, b;
    CHECK_OK(fet_classify_eval(plain, made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 0, &a));
    CHECK_OK(fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 0, &b));
    assert_int_equal(a.n_correct, b.n_correct);
}

static void test_damaged_checkpoint(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = made_graph(16, MADE_CLASSES);
    fet_train_options options = made_options();
    fet_train_result result;
    options.epochs = 1;
    options.checkpoint = path_in(made_folder, "damaged.checkpoint");
    write_file(options.checkpoint, "FFETCKT1 and so on", 18);
    CHECK_OK(fet_classify_train(graph, made_dataset, &options, &result));
    assert_int_equal(result.resumed_batch, 0);
}

/* Each allocation in turn fails, with a stride that keeps this short: no crash, no leak, and NOMEM or an unharmed success. */
static void test_no_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = made_graph(16, MADE_CLASSES);
    fet_train_options options = made_options();
    options.epochs = 0.04;
    options.checkpoint = path_in(made_folder, "memory.checkpoint");
    for (int kind = 0; kind < 3; kind++) {
        for (uint64_t n = 0;; n += 3) {
            fet_train_result result;
            fet_accuracy accuracy;
            fet_alloc_fail_after(n);
            fet_error_clear();
            fet_status status = kind == 0   ? fet_classify_train(graph, made_dataset, &options, &result)
                                : kind == 1 ? fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, FET_DTYPE_S8,
                                                                &(fet_quantise_options){.batches = 1}, 0, &accuracy)
                                            : fet_task_recalibrate(graph, made_dataset, 1, 1);
            if (fet_alloc_fail_after(UINT64_MAX) <= n) {
                CHECK_OK(status);
                break;
            }
            if (status != FET_OK && status != FET_ERROR_NOMEM) fail_msg("allocation %llu: %s", (unsigned long long)n, fet_error_message());
        }
    }
}

static void test_diverging(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = made_graph(16, MADE_CLASSES);
    fet_auto(fet_graph) fresh = made_graph(16, MADE_CLASSES);
    fet_train_options options = made_options();
    fet_train_result result;
    options.learning_rate = 1e5f;
    options.trainer.weight_decay = 1.0f;
    CHECK_FAILS(FET_ERROR_STATE, fet_classify_train(graph, made_dataset, &options, &result));
    CHECK_SAYS("training: batch ", " of 162", "lower the learning rate");
    check_same_params(graph, fresh); /* untouched */
    options.learning_rate = 0.0f;
    CHECK_FAILS(FET_ERROR_ARG, fet_classify_train(graph, made_dataset, &options, &result));
    options.learning_rate = 0.1f;
    options.epochs = -1.0;
    CHECK_FAILS(FET_ERROR_ARG, fet_classify_train(graph, made_dataset, &options, &result));
}

static void test_wrong_network(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = made_graph(16, MADE_CLASSES + 1);
    fet_train_options options = made_options();
    fet_train_result result;
    fet_accuracy accuracy;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_classify_train(graph, made_dataset, &options, &result));
    CHECK_SAYS("1x4", "expected 3 numbers a sample");
    CHECK_FAILS(FET_ERROR_SHAPE, fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 0, &accuracy));
    graph->values[graph->inputs[0]].shape = fet_shape_4d(1, 3, 11, 12);
    CHECK_FAILS(FET_ERROR_SHAPE, fet_classify_train(graph, made_dataset, &options, &result));
    CHECK_SAYS("1x3x11x12", "expected 1x1x11x12");
}

/* An input of another size than the data's: batches are resized in training, statistics and evaluation alike, and a teacher sees the same
 * images in its own size. */
static void test_another_size(void **state)
{
    (void)state;
    fet_auto(fet_graph) teacher = made_graph(16, MADE_CLASSES);
    fet_train_options options = made_options();
    fet_train_result result;
    fet_accuracy accuracy;
    CHECK_OK(fet_classify_train(teacher, made_dataset, &options, &result));
    for (int distil = 0; distil < 2; distil++) {
        fet_auto(fet_graph) graph = made_graph_of(MADE_SIDE * 2, 16, MADE_CLASSES);
        CHECK_OK(fet_task_recalibrate(graph, made_dataset, 2, 1));
        options.distil = (fet_distil_options){.teacher = distil ? teacher : NULL, .weight = 1, .temperature = 2};
        CHECK_OK(fet_classify_train(graph, made_dataset, &options, &result));
        CHECK_OK(fet_classify_eval(graph, made_dataset, FET_SPLIT_TEST, FET_DTYPE_S8, NULL, 0, &accuracy));
        assert_true(accuracy.share > 0.9);
    }
}

/* A network without a layer before its batch norm: the statistics are the data's own, mean 0 and variance 1 after normalisation. */
static void test_recalibration(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = NULL;
    fet_id v;
    const fet_shape shape = fet_shape_4d(1, 1, MADE_SIDE, MADE_SIDE);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_build_conv(graph, "copy", v, &(fet_conv_options){.out_channels = 16, .kernel = 1, .stride = 1}, &v));
    CHECK_OK(fet_build_batch_norm(graph, "bn", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_FLATTEN, "flatten", v, &v));
    CHECK_OK(fet_build_gemm(graph, "classifier", v, MADE_CLASSES, &v));
    CHECK_OK(fet_graph_add_output(graph, v));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, 3));
    float *weights = fet_tensor_f32(graph->params[graph->values[fet_graph_find_value(graph, "copy.weight")].param].tensor);
    for (int c = 0; c < 16; c++) weights[c] = (float)(c - 7) * 0.5f;
    CHECK_FAILS(FET_ERROR_ARG, fet_task_recalibrate(graph, made_dataset, 0, 1));
    CHECK_OK(fet_task_recalibrate(graph, made_dataset, 8, 1)); /* 8 batches of 64 are nearly the whole split */
    const float *mean = fet_tensor_f32(graph->params[graph->values[fet_graph_find_value(graph, "bn.mean")].param].tensor);
    const float *variance = fet_tensor_f32(graph->params[graph->values[fet_graph_find_value(graph, "bn.variance")].param].tensor);
    for (int c = 0; c < 16; c++) {
        double scale = (c - 7) * 0.5;
        CHECK_NEAR(mean[c], 0.0, 0.02 * fabs(scale) + 1e-6);
        CHECK_NEAR(variance[c], scale * scale, 0.03 * scale * scale + 1e-6);
        weights = fet_tensor_f32(graph->params[graph->values[fet_graph_find_value(graph, "copy.weight")].param].tensor);
        assert_true(weights[c] == (float)(c - 7) * 0.5f); /* untouched */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_and_repeats), cmocka_unit_test(test_interrupted_and_resumed),
        cmocka_unit_test(test_damaged_checkpoint), cmocka_unit_test(test_softmax_at_the_end),
        cmocka_unit_test(test_no_memory),          cmocka_unit_test(test_diverging),
        cmocka_unit_test(test_another_size),       cmocka_unit_test(test_wrong_network),
        cmocka_unit_test(test_recalibration),
    };
    return cmocka_run_group_tests(tests, made_data_setup, made_data_teardown);
}
