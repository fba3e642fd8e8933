// SPDX-License-Identifier: Apache-2.0
/* eval, train, space and advise on a network whose file leaves the size of its input open: refused without --input NAME=SHAPE, and the same
 * however the size is given. */
#include "program.h"

#include "../format/model.h"
#include "stripes.h"

#include <jansson.h>

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

/* How much of the test split `fettle eval` finds right. */
static double accuracy(const char *arguments)
{
    json_error_t error;
    check_run(arguments, 0, "accuracy_low");
    json_t *root = json_loads(output, 0, &error);
    if (!root) fail_msg("no JSON: %s: %s", error.text, output);
    assert_int_equal(json_integer_value(json_object_get(root, "samples")), 150);
    double share = json_number_value(json_object_get(root, "accuracy"));
    json_decref(root);
    return share;
}

/* A classifier of images whose file leaves the size of its input open. */
static const char *write_open(void)
{
    const char *path = path_in(folder, "open.onnx");
    size_t bytes = 0;
    model m;
    model_begin(&m, 13);
    model_input(&m, "image", MODEL_DIMS(-1, 1, -2, -2));
    model_weights(&m, "w", false, MODEL_DIMS(8, 1, 3, 3));
    model_weights(&m, "v", false, MODEL_DIMS(3, 8));
    model_node(&m, "Conv", "image,w", "features");
    model_node(&m, "Relu", "features", "active");
    model_node(&m, "GlobalAveragePool", "active", "mean");
    model_node(&m, "Flatten", "mean", "flat");
    attr_int(&m, model_node(&m, "Gemm", "flat,v", "classes"), "transB", 1);
    model_output(&m, "classes", 1);
    const void *packed = model_pack(&m, &bytes);
    write_file(path, packed, bytes);
    model_end(&m);
    return path;
}

static void test_open_input(void **state)
{
    (void)state;
    const char *open = write_open(), *closed = path_in(folder, "closed.onnx");
    static const char *const bindings[] = {"image=1x1x12x12", "height=12"};
    double right[2];
    check_refused(words("eval %s %s", open, data), "--input");
    check_refused(words("train %s %s --output %s", open, data, closed), "--input");
    check_refused(words("eval %s %s --input image=1x1x12x12 --input picture=1x1x12x12", open, data), "--input names \"picture\"");
    check_refused(words("train %s %s --input image=1xx --output %s", open, data, closed), "expected NAME=SHAPE");
    assert_false(fet_file_exists(closed));
    for (int i = 0; i < 2; i++) right[i] = accuracy(words("eval %s %s --json --input %s", open, data, bindings[i]));
    assert_true(right[0] == right[1]);
    /* What is trained with the size has it: nothing is open any more. */
    check_run(words("train %s %s --input image=1x1x12x12 --epochs 2 --output %s", open, data, closed), 0, "val samples right");
    assert_true(accuracy(words("eval %s %s --json", closed, data)) > right[0]);
}

static void test_open_input_of_a_survey(void **state)
{
    (void)state;
    static const char *const commands[] = {"space", "advise"};
    const char *open = write_open();
    for (int i = 0; i < 2; i++) {
        check_refused(words("%s %s --device npu-16", commands[i], open), "--input");
        check_refused(words("%s %s --device npu-16 --input 1x12x12", commands[i], open), "expected NAME=SHAPE");
        check_run(words("%s %s --device npu-16 --json --input image=1x1x12x12", commands[i], open), 0, "latency");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open_input), cmocka_unit_test(test_open_input_of_a_survey)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
