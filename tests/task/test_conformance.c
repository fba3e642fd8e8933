// SPDX-License-Identifier: Apache-2.0
/* What every kind of task must do: learn the made-up data, repeat, go on from a checkpoint, judge, name its figures, and say what it needs.
 */
#include "made_data.h"

#include "engine/engine.h"
#include "task/task.h"

#include <math.h>

static fet_graph *original;

static int setup(void **state)
{
    made_data_setup(state);
    fet_train_options options = made_options();
    fet_train_result result;
    original = made_graph(16, MADE_CLASSES);
    CHECK_OK(fet_classify_train(original, made_dataset, &options, &result));
    return 0;
}

static int teardown(void **state)
{
    fet_graph_destroy(original);
    return made_data_teardown(state);
}

static fet_train_options options_of(const fet_task_ops *task)
{
    fet_train_options options = made_options();
    if (task->needs_original) options.distil.teacher = original;
    return options;
}

static fet_task_quality judge(const fet_task_ops *task, const fet_graph *graph, fet_dtype precision, uint32_t limit)
{
    const fet_task_sight sight = {.split = FET_SPLIT_TEST, .precision = precision, .limit = limit, .original = original};
    fet_task_quality quality;
    CHECK_OK(task->evaluate(graph, made_dataset, &sight, &quality));
    return quality;
}

static void check_training(const fet_task_ops *task)
{
    static const fet_dtype precisions[] = {FET_DTYPE_F32, FET_DTYPE_BF16, FET_DTYPE_S8};
    fet_auto(fet_graph) graph = made_graph(12, MADE_CLASSES);
    fet_auto(fet_graph) again = made_graph(12, MADE_CLASSES);
    fet_train_options options = options_of(task);
    fet_train_result result;
    fet_task_quality before = judge(task, graph, FET_DTYPE_F32, 0);
    CHECK_OK(task->train(graph, made_dataset, &options, &result));
    assert_true(isfinite(result.loss) && result.n_batches == 6 * (540 / 20) && result.resumed_batch == 0);
    for (int p = 0; p < 3; p++) {
        if (precisions[p] == FET_DTYPE_BF16 && !fet_engine_has_bf16()) continue;
        fet_task_quality after = judge(task, graph, precisions[p], 0);
        assert_true(after.share > before.share && after.share > 0.9 && after.share <= 1.0);
        assert_int_equal(after.n, MADE_TEST);
        if (!isnan(after.low)) assert_true(after.low <= after.share && after.share <= after.high);
        assert_true(task->needs_original ? after.n_errors == 1 : after.n_errors == 0);
    }
    assert_int_equal(judge(task, graph, FET_DTYPE_F32, 10).n, 10);
    CHECK_OK(task->train(again, made_dataset, &options, &result));
    check_same_params(graph, again);
}

static bool stop(void *context, uint64_t done, uint64_t total, double loss, double images_per_s)
{
    (void)done, (void)total, (void)loss, (void)images_per_s;
    return *(const bool *)context;
}

static void check_resuming(const fet_task_ops *task)
{
    fet_auto(fet_graph) whole = made_graph(12, MADE_CLASSES);
    fet_auto(fet_graph) parts = made_graph(12, MADE_CLASSES);
    fet_train_options options = options_of(task);
    fet_train_result result;
    bool go_on = false;
    options.epochs = 200; /* long enough to be asked once: after half a second */
    CHECK_OK(task->train(whole, made_dataset, &options, &result));
    options.checkpoint = path_in(made_folder, "task.checkpoint");
    options.progress = stop;
    options.context = &go_on;
    fet_status status = task->train(parts, made_dataset, &options, &result);
    if (status != FET_OK) { /* not so fast that there was no time to interrupt */
        CHECK_SAYS("interrupted after batch");
        go_on = true;
        CHECK_OK(task->train(parts, made_dataset, &options, &result));
        assert_true(result.resumed_batch > 0);
    }
    check_same_params(whole, parts);
    remove(options.checkpoint);
}

static void check_names(const fet_task_ops *task)
{
    assert_ptr_equal(fet_task_find(task->name), task);
    assert_true(task->name[0] && task->help[0] && task->measure[0] && task->loss_unit[0]);
    for (int a = 0; a < FET_FIGURE_COUNT; a++) {
        const fet_task_figure_names *names = &task->figures[a];
        assert_true(strlen(names->low) > strlen(names->value) && strlen(names->high) > strlen(names->value));
        for (int e = 0; e < FET_TASK_MAX_ERRORS; e++) assert_non_null(names->error[e]);
        for (int b = 0; b < a; b++) assert_string_not_equal(names->value, task->figures[b].value);
    }
}

static void check_refusals(const fet_task_ops *task)
{
    fet_auto(fet_graph) graph = made_graph(12, MADE_CLASSES);
    fet_auto(fet_graph) fresh = made_graph(12, MADE_CLASSES);
    fet_train_options options = options_of(task);
    fet_train_result result;
    fet_task_quality quality;
    options.epochs = -1.0;
    CHECK_FAILS(FET_ERROR_ARG, task->train(graph, made_dataset, &options, &result));
    options.epochs = 1.0;
    options.learning_rate = 1e5f;
    options.trainer.weight_decay = 1.0f;
    CHECK_FAILS(FET_ERROR_STATE, task->train(graph, made_dataset, &options, &result));
    CHECK_SAYS("training: batch ", "lower the learning rate");
    check_same_params(graph, fresh); /* untouched */
    graph->values[graph->inputs[0]].shape.dim[1] = 3;
    CHECK_FAILS(FET_ERROR_SHAPE, task->train(graph, made_dataset, &options, &result));
    if (!task->needs_original) return;
    const fet_task_sight sight = {.split = FET_SPLIT_TEST, .precision = FET_DTYPE_F32};
    options.distil.teacher = NULL;
    CHECK_FAILS(FET_ERROR_ARG, task->train(fresh, made_dataset, &options, &result));
    CHECK_FAILS(FET_ERROR_ARG, task->evaluate(fresh, made_dataset, &sight, &quality));
}

static void test_every_kind(void **state)
{
    (void)state;
    static void (*const checks[])(const fet_task_ops *) = {check_names, check_training, check_resuming, check_refusals};
    uint32_t n = 0;
    for (; fet_tasks[n]; n++) {
        print_message("# %s\n", fet_tasks[n]->name);
        for (size_t c = 0; c < sizeof checks / sizeof *checks; c++) checks[c](fet_tasks[n]);
        for (uint32_t m = 0; m < n; m++) assert_string_not_equal(fet_tasks[m]->name, fet_tasks[n]->name);
    }
    assert_true(n >= 2);
    assert_null(fet_task_find("nothing"));
    assert_null(fet_task_find(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_kind)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
