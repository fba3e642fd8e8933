// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_space, cmd_advise, cmd_inspect on described devices as a user runs them: "space" saves what "space --space" reads, what "advise"
 * --apply writes costs what it said, tables fit the terminal, bad input is one line.
 */
#include "program.h"

#include "space/networks.h"
#include "stripes.h"

#include "cli/names.h"
#include "format/onnx/onnx.h"
#include "op/builder.h"

#include <jansson.h>

static const char *folder;
static char model[600];

static int setup(void **state)
{
    (void)state;
    folder = make_folder();
    snprintf(model, sizeof model, "%s/model.onnx", folder);
    fet_graph *graph = small_network();
    give_numbers(graph, 3);
    fet_status status = fet_onnx_write(graph, model, FET_ONNX_OPSET_WRITTEN);
    fet_graph_destroy(graph);
    return status == FET_OK ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static json_t *run_json(const char *arguments)
{
    json_error_t error;
    check_run(arguments, 0, "{");
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

static const char *text_of(const json_t *root, const char *name)
{
    const char *text = json_string_value(json_object_get(root, name));
    if (!text) fail_msg("no text \"%s\" in %s", name, output);
    return text;
}

/* Columns of the longest line of `output`. */
static size_t longest_line(void)
{
    size_t longest = 0, width = 0;
    for (const char *c = output; *c; c++) {
        width = *c == '\n' ? 0 : width + ((*c & 0xC0) != 0x80);
        if (width > longest) longest = width;
    }
    return longest;
}

static void test_space(void **state)
{
    (void)state;
    const char *saved = path_in(folder, "space.yaml");
    json_t *root = run_json(words("space %s --device npu-16 --json --target latency=-1%%,params=1B --save %s", model, saved));
    json_t *decisions = json_object_get(root, "decisions"), *targets = json_object_get(root, "targets");
    size_t n = json_array_size(decisions);
    double size = number_of(root, "log10_size");
    assert_true(n > 10 && size > 3);
    assert_string_equal(text_of(json_array_get(decisions, 0), "decision"), "stage1.block0.form");
    assert_true(json_is_true(json_object_get(json_array_get(targets, 0), "reachable")));
    assert_true(json_is_false(json_object_get(json_array_get(targets, 1), "reachable")));
    json_decref(root);
    check_refused(words("space %s --device npu-16 --save %s", model, saved), "is there already; --force replaces it");

    root = run_json(words("space %s --device npu-16 --json --space %s", model, saved));
    CHECK_NEAR(number_of(root, "log10_size"), size, 1e-6);
    json_decref(root);
    FILE *file = fopen(saved, "w");
    assert_non_null(file);
    fputs("locks:\n  - multiplier=x1\n", file);
    fclose(file);
    root = run_json(words("space %s --device npu-16 --json --space %s", model, saved));
    CHECK_NEAR(number_of(root, "log10_size"), size - 0.60206, 1e-4); /* four multipliers less */
    json_decref(root);
    file = fopen(saved, "w");
    assert_non_null(file);
    fputs("locks:\n  - multiplier=x7\n", file);
    fclose(file);
    check_refused(words("space %s --device npu-16 --space %s", model, saved), "there is no option of multiplier \"x7\"");
    check_refused(words("space %s --device npu-16 --target speed=1", model), "expected latency, peak_memory or params");
    check_refused(words("space %s --device npu-17", model), "npu-17");
}

static void test_advise(void **state)
{
    (void)state;
    const char *out = path_in(folder, "out.onnx");
    json_t *root = run_json(words("advise %s --device npu-16 --json", model));
    json_t *changes = json_object_get(root, "changes");
    double base_ms = number_of(root, "latency_ms");
    assert_true(json_array_size(changes) > 3);
    const json_t *first = json_array_get(changes, 0);
    CHECK_NEAR(number_of(first, "latency_ms"), base_ms * (1 - number_of(first, "gain")), 1e-6 * base_ms);
    double promised_ms = number_of(first, "latency_ms");
    json_t *applied = run_json(words("advise %s %s --device npu-16 --apply 1 --json", model, out));
    CHECK_NEAR(number_of(applied, "latency_ms"), promised_ms, 1e-6 * base_ms);
    json_decref(applied);
    json_decref(root);
    /* The file is what was promised, read anew. */
    root = run_json(words("inspect %s --device npu-16 --json", out));
    CHECK_NEAR(number_of(root, "latency_ms"), promised_ms, 0.01 * base_ms);
    json_decref(root);
    check_refused(words("advise %s %s --device npu-16 --apply 1", model, out), "is there already; --force replaces it");
    check_run(words("advise %s %s --device npu-16 --apply 1 --force", model, out), 0, "Untrained, its outputs differ");
    const char *none = path_in(folder, "none.onnx");
    check_refused(words("advise %s %s --device npu-16 --apply 1,999", model, none), "there is no change number 999");
    check_refused(words("advise %s %s --device npu-16 --apply 1,x", model, none), "--apply is \"1,x\", expected numbers");
    check_refused(words("advise %s --device npu-16 --apply 1", model), "fettle advise MODEL OUT.onnx --apply 1");
    check_refused(words("advise %s %s --device npu-16", model, none), "--apply does not say");
    check_refused(words("advise %s --device npu-16 --data idx:/x", model), "--data serves --apply alone");
    assert_int_not_equal(access(none, F_OK), 0);
}

/* The best change that leaves the input's size, which IDX images cannot follow. */
static int other_than_input(const char *network)
{
    json_t *root = run_json(words("advise %s --device npu-16 --json", network)), *change;
    size_t i;
    int number = 0;
    json_array_foreach(json_object_get(root, "changes"), i, change) if (!number && strncmp(text_of(change, "change"), "input", 5) != 0)
        number = (int)i + 1;
    json_decref(root);
    assert_true(number > 0);
    return number;
}

/* With data the statistics of the batch norms are others, and nothing else is. */
static void test_data(void **state)
{
    (void)state;
    const char *gray = path_in(folder, "gray.onnx"), *with = path_in(folder, "with.onnx"), *without = path_in(folder, "without.onnx");
    fet_template_options options = small_options();
    fet_graph *graphs[2] = {NULL, NULL};
    uint32_t others = 0;
    options.channels = 1, options.height = options.width = SIDE, options.n_classes = CLASSES;
    CHECK_OK(fet_template_build("ibn_classifier", &options, &graphs[0]));
    give_numbers(graphs[0], 3);
    CHECK_OK(fet_onnx_write(graphs[0], gray, FET_ONNX_OPSET_WRITTEN));
    fet_graph_destroy(graphs[0]);
    write_stripes(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 300, 1);
    write_stripes(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 30, 2);
    int change = other_than_input(gray);
    check_run(words("advise %s %s --device npu-16 --apply %d --data idx:%s", gray, with, change, folder), 0, "batch norms set anew");
    check_run(words("advise %s %s --device npu-16 --apply %d", gray, without, change), 0, "Untrained, its outputs differ");
    assert_null(strstr(output, "set anew"));
    CHECK_OK(fet_onnx_read(with, NULL, &graphs[0]));
    CHECK_OK(fet_onnx_read(without, NULL, &graphs[1]));
    assert_int_equal(graphs[0]->n_nodes, graphs[1]->n_nodes);
    for (fet_id n = 0; n < graphs[0]->n_nodes; n++)
        for (uint32_t i = 0; i < graphs[0]->nodes[n].n_inputs; i++) {
            const fet_tensor *x = fet_graph_constant(graphs[0], graphs[0]->nodes[n].inputs[i]);
            const fet_tensor *y = fet_graph_constant(graphs[1], graphs[1]->nodes[n].inputs[i]);
            if (!x || !y || memcmp(x->data, y->data, x->bytes) == 0) continue;
            if (graphs[0]->nodes[n].op != FET_OP_BATCH_NORMALIZATION || i < 3)
                fail_msg("input %u of %s is another one", i, graphs[0]->nodes[n].name);
            others++;
        }
    assert_true(others > 0);
    for (int g = 0; g < 2; g++) fet_graph_destroy(graphs[g]);
    const char *none = path_in(folder, "no_data.onnx");
    check_refused(words("advise %s %s --device npu-16 --apply 1 --data idx:%s/nowhere", gray, none, folder), "nowhere");
    check_refused(words("advise %s %s --device npu-16 --apply 1 --data stripes", gray, none), "--data is \"stripes\"");
    assert_int_not_equal(access(none, F_OK), 0);
}

static void test_inspect(void **state)
{
    (void)state;
    json_t *root = run_json(words("inspect %s --device npu-16 --json", model)), *layer;
    double sum_us = 0, alive = 0;
    size_t i;
    json_array_foreach(json_object_get(root, "layers"), i, layer) sum_us += number_of(layer, "latency_us");
    CHECK_NEAR(sum_us, 1e3 * number_of(root, "latency_ms"), 1e-6 * sum_us);
    json_array_foreach(json_object_get(root, "alive_at_peak"), i, layer) alive += number_of(layer, "bytes");
    CHECK_NEAR(alive, number_of(root, "peak_memory_lower_bound_bytes"), 0);
    CHECK_NEAR(number_of(root, "peak_macs_per_s"), 256 * 800e6, 1);
    json_decref(root);
}

/* What no sentence breaks: a word longer than the line. The device's description and the file's path stand in words of their own. */
static void test_terminals(void **state)
{
    (void)state;
    static const char *const commands[] = {"inspect", "space", "advise"};
    for (int width = 80; width <= 140; width += 60)
        for (size_t c = 0; c < 3; c++) {
            char value[16];
            snprintf(value, sizeof value, "%d", width);
            setenv("COLUMNS", value, 1);
            check_run(words("%s %s --device npu-16", commands[c], model), 0, "npu-16");
            if (longest_line() > (size_t)width)
                fail_msg("%s at %d columns prints a line of %zu:\n%s", commands[c], width, longest_line(), output);
        }
    unsetenv("COLUMNS");
}

/* A described device without a model of an operator: inspect leaves it out and says so. */
static void test_no_model(void **state)
{
    (void)state;
    const char *device = path_in(folder, "bare.yaml");
    FILE *file = fopen(device, "w");
    assert_non_null(file);
    fputs("clock: 800 MHz\narray: {dataflow: output-stationary, int8: {out: 16, in: 16}}\nsram: {size: 512 KiB, bytes_per_cycle: 32}\n"
          "external: {bytes_per_cycle: 8}\n",
          file);
    fclose(file);
    fet_graph *graph = NULL;
    fet_id value = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 4, 8, 8);
    const char *soft = path_in(folder, "soft.onnx");
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &value));
    fet_conv_options conv = {.out_channels = 8, .kernel = 3, .stride = 1, .group = 1, .bias = true};
    CHECK_OK(fet_build_conv(graph, "conv", value, &conv, &value));
    CHECK_OK(fet_build_unary(graph, FET_OP_SOFTMAX, "soft", value, &value));
    CHECK_OK(fet_graph_add_output(graph, value));
    CHECK_OK(fet_graph_infer(graph));
    give_numbers(graph, 1);
    CHECK_OK(fet_onnx_write(graph, soft, FET_ONNX_OPSET_WRITTEN));
    fet_graph_destroy(graph);
    check_run(words("inspect %s --device %s", soft, device), 0, "for which the device has no figure (Softmax)");
}

static void test_names(void **state)
{
    (void)state;
    const char *const names[] = {"in:0", "net/a/x", "net/a/y", "net/a/z", "net/a/w", "net/b/x"};
    fet_names_prefix prefix = fet_names_find_prefix(names, 6);
    assert_int_equal(prefix.length, 4); /* five of six; "net/a/" only four */
    assert_string_equal(fet_names_strip(&prefix, "net/a/x"), "a/x");
    assert_string_equal(fet_names_strip(&prefix, "in:0"), "in:0");
    assert_string_equal(fet_names_strip(&prefix, "net/"), "net/");
    prefix = fet_names_find_prefix(names + 1, 4);
    assert_int_equal(prefix.length, 6);
    prefix = fet_names_find_prefix(names, 1);
    assert_int_equal(prefix.length, 0);
    prefix = fet_names_find_prefix(NULL, 0);
    assert_int_equal(prefix.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_space),   cmocka_unit_test(test_advise),    cmocka_unit_test(test_data),
                                       cmocka_unit_test(test_inspect), cmocka_unit_test(test_terminals), cmocka_unit_test(test_no_model),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
