// SPDX-License-Identifier: Apache-2.0
/*
 * `export --check`: a file that computes what the graph does passes; one that does not is told apart (the check can fail); without ONNX
 * Runtime the command says so, keeps the file and ends with exit code 1.
 */
#include "program.h"

#include "../data/samples.h"

#include "../format/model.h"
#include "base/file.h"
#include "cli/export_check.h"
#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "format/ort/ort.h"
#include "op/builder.h"
#include "op/op.h"

static const char *folder;

/* A convolution with random numbers of this seed, in front of an argmax (an integer output). */
static fet_graph *network(uint64_t seed)
{
    fet_graph *g = NULL;
    fet_id x = FET_NONE, y = FET_NONE, node = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 3, 8, 9);
    CHECK_OK(fet_graph_create(NULL, &g));
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &shape, &x));
    CHECK_OK(fet_build_conv(g, "conv", x, &(fet_conv_options){.out_channels = 5, .kernel = 3, .stride = 1, .group = 1}, &y));
    CHECK_OK(fet_graph_add_output(g, y));
    CHECK_OK(fet_graph_add_node(g, FET_OP_ARG_MAX, "best", &y, 1, 1, &node));
    CHECK_OK(fet_graph_set_int(g, node, FET_ATTR_AXIS, 1));
    CHECK_OK(fet_graph_add_output(g, g->nodes[node].outputs[0]));
    CHECK_OK(fet_graph_infer(g));
    CHECK_OK(fet_graph_init_params(g, NULL, seed));
    return g;
}

static void test_check(void **state)
{
    (void)state;
    char library[FET_ORT_PATH_BYTES];
    if (fet_ort_find(NULL, library) != FET_OK) {
        print_message("skipped: %s\n", fet_error_message());
        skip();
    }
    fet_auto(fet_graph) g = network(1);
    fet_auto(fet_graph) other = network(2);
    const char *path = path_in(folder, "net.onnx");
    char *text = NULL;
    size_t bytes = 0;
    fet_cli cli = {.out = open_memstream(&text, &bytes)};
    double worst = 1;
    CHECK_OK(fet_onnx_write(g, path, FET_ONNX_OPSET_WRITTEN));
    CHECK_OK(fet_export_check(&cli, g, path, NULL, &worst));
    assert_true(worst <= 1e-5);
    CHECK_OK(fet_export_check(&cli, other, path, library, &worst));
    assert_true(worst > 0.1);
    fclose(cli.out);
    assert_non_null(strstr(text, "output \"conv\" 1x5x8x9: largest difference "));
    assert_non_null(strstr(text, "output \"best\" 1x1x8x9: largest difference 0.00e+00"));
    free(text);
    char line[1600];
    snprintf(line, sizeof line, "export %s --output %s/checked.onnx --check", path, folder);
    check_run(line, 0, "checked against ONNX Runtime");
}

static void test_errors(void **state)
{
    (void)state;
    fet_auto(fet_graph) g = network(1);
    const char *path = path_in(folder, "net.onnx");
    fet_cli cli = {.out = stderr, .quiet = true};
    double worst = 7;
    CHECK_OK(fet_onnx_write(g, path, FET_ONNX_OPSET_WRITTEN));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_export_check(&cli, g, path, "/nowhere/libonnxruntime.so", &worst));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_export_check(&cli, g, path, path, &worst)); /* no shared library at all */
    assert_true(worst > 6);                                                          /* untouched */
    char line[1600];
    snprintf(line, sizeof line, "export %s --output %s/out.onnx --check --onnxruntime /nowhere", path, folder);
    check_run(line, 1, "not checked: /nowhere: no such file");
    assert_true(fet_file_exists(path_in(folder, "out.onnx")));
}

/* A file whose height and width are open: refused by name, read with --input, on every command that reads a network. */
static void test_open_sizes(void **state)
{
    (void)state;
    model m;
    size_t bytes = 0;
    char line[1600];
    const char *path = path_in(folder, "open.onnx");
    model_begin(&m, 13);
    model_input(&m, "image", (const int64_t[]){-1, 3, -2, -2}, 4);
    model_weights(&m, "w", false, (const int64_t[]){4, 3, 3, 3}, 4);
    model_node(&m, "Conv", "image,w", "c");
    model_node(&m, "GlobalAveragePool", "c", "y");
    model_output(&m, "y", 1);
    const void *data = model_pack(&m, &bytes);
    CHECK_OK(fet_file_replace(path, data, bytes));
    model_end(&m);
    snprintf(line, sizeof line, "inspect %s --device none", path);
    check_refused(line, "input \"image\": dimension 2 (\"height\") is open; give --input height=SIZE or --input image=SHAPE");
    snprintf(line, sizeof line, "inspect %s --device none --input image=1x3x32x20", path);
    check_run(line, 0, "30x18");
    snprintf(line, sizeof line, "inspect %s --device none --input height=16", path);
    check_run(line, 0, "14x14");
    snprintf(line, sizeof line, "inspect %s --device none --input photo=1x3x32x20 --input height=16", path);
    check_refused(line, "--input names \"photo\", but the network's inputs are \"image\"");
    snprintf(line, sizeof line, "inspect %s --device none --input image=1x3xQ", path);
    check_refused(line, "--input is \"image=1x3xQ\", expected NAME=SHAPE");
    snprintf(line, sizeof line, "inspect %s --device none --input 3x32x32", path);
    check_refused(line, "--input is \"3x32x32\", expected NAME=SHAPE");
    snprintf(line, sizeof line, "export %s --output %s/bound.onnx --input image=2x3x16x16", path, folder);
    check_run(line, 0, "bound.onnx");
    snprintf(line, sizeof line, "inspect %s/bound.onnx --device none", folder);
    check_run(line, 0, "14x14");
}

static int setup(void **state)
{
    (void)state;
    folder = make_folder();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_check), cmocka_unit_test(test_errors), cmocka_unit_test(test_open_sizes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
