// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_train, cmd_eval, cmd_inspect and cmd_export as a user runs them, on a small made-up data set: what one writes the next reads; Ctrl-C
 * leaves a checkpoint from which the same command ends in the same file; outputs that cannot be written leave nothing behind.
 */
#include "program.h"

#include "stripes.h"

#include "base/clock.h"
#include "engine/engine.h"

#include <jansson.h>
#include <signal.h>

static const char *folder;
static char data[600];

static int setup(void **state)
{
    (void)state;
    folder = make_folder();
    write_stripes(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 600, 1);
    write_stripes(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 150, 2);
    snprintf(data, sizeof data, "--data idx:%s", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

#define TRAIN "train %s --stem 16s2 --stages 16 --head 32 --flip --output %s --epochs %g --learning-rate %g"

static json_t *json_output(void)
{
    json_error_t error;
    json_t *root = json_loads(output, 0, &error);
    if (!root) fail_msg("no JSON: %s: %s", error.text, output);
    return root;
}

static double number_of(const json_t *root, const char *name)
{
    const json_t *value = json_object_get(root, name);
    if (!json_is_number(value)) fail_msg("no number \"%s\" in %s", name, output);
    return json_number_value(value);
}

static void test_one_after_the_other(void **state)
{
    (void)state;
    const char *model = path_in(folder, "model.onnx");
    check_run(words(TRAIN, data, model, 6.0, 0.1), 0, "val samples right");
    assert_false(fet_file_exists(path_in(folder, "model.onnx.checkpoint")));

    static const char *const precisions[] = {"f32", "bf16", "int8"};
    for (int p = 0; p < 3; p++) {
        if (p == 1 && !fet_engine_has_bf16()) continue;
        check_run(words("eval %s %s --json --precision %s", model, data, precisions[p]), 0, "accuracy_low");
        json_t *root = json_output();
        assert_true(number_of(root, "accuracy") > 0.9);
        assert_true(number_of(root, "samples") == 150);
        json_decref(root);
    }
    check_run(words("eval %s %s --against %s", model, data, model), 0, ": +0.00 points (95% interval -");
    check_run(words("eval %s %s --json --against %s", model, data, model), 0, "only_that");
    check_refused(words("eval %s %s --against %s --layers --precision int8", model, data, model), "expected one of them");
    check_run(words("eval %s %s --limit 30 --split val", model, data), 0, "of 30 val samples right, f32 (95% interval");

    check_run(words("inspect %s --device none", model), 0, "stage1.block0.depthwise.conv");
    assert_non_null(strstr(output, "MMACs"));
    check_run(words("inspect %s --device none --json --precision f32", model), 0, "layers");
    json_t *root = json_output();
    /* Stem 3x3 to 16x6x6, IBN 16 -> 64 -> 16, head 1x1 to 32, classifier: counted by hand. */
    assert_true(number_of(root, "macs") == 36.0 * (9 * 16 + 16 * 64 + 9 * 64 + 64 * 16 + 16 * 32) + 32 * 3);
    assert_true(number_of(root, "peak_memory_bytes") >= number_of(root, "peak_memory_lower_bound_bytes"));
    assert_true(number_of(root, "peak_memory_mcunet_bytes") > 0);
    json_decref(root);

    const char *copy = path_in(folder, "copy.onnx");
    check_run(words("export %s --output %s --batch 4", model, copy), 0, "copy.onnx");
    check_run(words("inspect %s --device none", copy), 0, "4x16x6x6");
    check_refused(words("export %s --output %s", model, copy), "copy.onnx: is there already; --force replaces it");

    /* A trained model trained on, and from new weights. */
    check_run(words("train %s %s --output %s --epochs 1 --learning-rate 0.01 --json", model, data, copy), 0, "val_accuracy");
    root = json_output();
    assert_true(number_of(root, "val_accuracy") > 0.9);
    json_decref(root);
    check_run(words("train %s %s --output %s --epochs 0.1 --fresh --json", model, data, copy), 0, "val_accuracy");
    root = json_output();
    assert_true(number_of(root, "val_accuracy") < 0.9);
    json_decref(root);
}

/* Starts the program, sends SIGINT after a while; the exit code. */
static int run_and_interrupt(const char *arguments, double after_s)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", words("exec %s %s 2>%s", getenv("FETTLE"), arguments, path_in(folder, "stderr")), (char *)NULL);
        _exit(127);
    }
    fet_clock_sleep_s(after_s);
    kill(child, SIGINT);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check_same_file(const char *a, const char *b)
{
    void *data_a = NULL, *data_b = NULL;
    size_t bytes_a = 0, bytes_b = 0;
    CHECK_OK(fet_file_read(a, 1 << 24, &data_a, &bytes_a));
    CHECK_OK(fet_file_read(b, 1 << 24, &data_b, &bytes_b));
    assert_int_equal(bytes_a, bytes_b);
    assert_memory_equal(data_a, data_b, bytes_a);
    fet_free(data_a);
    fet_free(data_b);
}

static void test_interrupted(void **state)
{
    (void)state;
    const char *whole = path_in(folder, "whole.onnx"), *parts = path_in(folder, "parts.onnx");
    check_run(words(TRAIN, data, whole, 50.0, 0.05), 0, "right");
    int code = run_and_interrupt(words(TRAIN, data, parts, 50.0, 0.05), 0.6);
    if (code == 0) {
        print_message("skipped: this machine was done before it could be interrupted\n");
        skip();
    }
    assert_int_equal(code, 3);
    assert_false(fet_file_exists(parts));
    void *text = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(path_in(folder, "stderr"), 1 << 16, &text, &bytes));
    if (!strstr(text, "fettle: interrupted after batch")) fail_msg("printed %s", (char *)text);
    fet_free(text);
    assert_true(fet_file_exists(path_in(folder, "parts.onnx.checkpoint")));
    check_run(words(TRAIN, data, parts, 50.0, 0.05), 0, "right");
    assert_false(fet_file_exists(path_in(folder, "parts.onnx.checkpoint")));
    check_same_file(whole, parts);
}

static void test_failures(void **state)
{
    (void)state;
    const char *model = path_in(folder, "bad.onnx");
    check_run(words(TRAIN " --weight-decay 1", data, model, 6.0, 900.0), 1, "lower the learning rate");
    assert_non_null(strstr(output, "fettle: training: batch "));
    assert_false(fet_file_exists(model));
    check_refused(words("train %s --stages 16q3 --output %s", data, model), "stage \"16q3\"");
    check_refused(words("train %s --stages 16,70000x8 --output %s", data, model), "fettle: ");
    check_refused(words(TRAIN, data, "/nonexistent/x.onnx", 0.1, 0.1), "/nonexistent/x.onnx");
    write_file(model, "no model", 8);
    check_refused(words("eval %s %s", model, data), "bad.onnx");
    check_refused(words("eval %s@base-0 %s", folder, data), "study.sqlite");
    check_refused(words("eval %s %s --against %s", path_in(folder, "model.onnx"), data, model), "bad.onnx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
