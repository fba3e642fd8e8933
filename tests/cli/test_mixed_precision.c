// SPDX-License-Identifier: Apache-2.0
/*
 * Mixed precision as a user meets it, on a network one of whose blocks int8 ruins: the space names the choice, a search that may buy wider
 * numbers buys them there, files carry it, and what is exported in int8 leaves it out. The device is a described one, so nothing is
 * measured.
 */
#include "program.h"
#include "stripes.h"

#include "engine/engine.h"
#include "format/onnx/onnx.h"
#include "format/onnx/wire.h"
#include "format/ort/ort.h"
#include "op/op.h"
#include "rewrite/blocks.h"
#include "rewrite/fold_batchnorm.h"
#include "rewrite/mark_precision.h"

#include <stdlib.h>
#include <sys/stat.h>

static const char *folder;
static char model[600], ruined[600], out[600];
static char ruined_layer[128]; /* the block's middle convolution */

static float *numbers_of(const fet_graph *graph, fet_id value)
{
    assert_int_equal(graph->values[value].kind, FET_VALUE_PARAM);
    return fet_tensor_f32(graph->params[graph->values[value].param].tensor);
}

/*
 * One channel between expand and depthwise becomes a thousand times larger, and its depthwise kernel as much smaller: the same function.
 * One range for all channels then leaves the others nothing but zeros in 8 bits.
 */
static void ruin_a_block(void)
{
    enum { TIMES = 1000 };
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_blocks blocks;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_onnx_read(model, NULL, &graph));
    CHECK_OK(fet_fold_batchnorm(graph, NULL));
    CHECK_OK(fet_blocks_find(graph, arena, &blocks));
    uint32_t b = 0;
    while (b < blocks.count && (blocks.items[b].kind != FET_BLOCK_IBN || blocks.items[b].add != FET_NONE)) b++;
    assert_true(b < blocks.count); /* one that nothing goes around */
    const fet_node *expand = &graph->nodes[blocks.items[b].expand.conv], *depthwise = &graph->nodes[blocks.items[b].depthwise.conv];
    const int64_t *e = graph->values[expand->inputs[1]].shape.dim, *d = graph->values[depthwise->inputs[1]].shape.dim;
    float *widest = numbers_of(graph, expand->inputs[1]), *narrowed = numbers_of(graph, depthwise->inputs[1]);
    for (int64_t i = 0; i < e[1]; i++) widest[i] *= TIMES;
    numbers_of(graph, expand->inputs[2])[0] = (numbers_of(graph, expand->inputs[2])[0] + 0.1f) * TIMES; /* it shall say something */
    for (int64_t i = 0; i < d[2] * d[3]; i++) narrowed[i] /= TIMES;
    snprintf(ruined_layer, sizeof ruined_layer, "%s", depthwise->name);
    CHECK_OK(fet_onnx_write(graph, ruined, FET_ONNX_OPSET_WRITTEN));
}

#define NORMAL "--mean 120 --std 60"

static int setup(void **state)
{
    (void)state;
    folder = make_folder();
    write_stripes(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 600, 1);
    write_stripes(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 150, 2);
    snprintf(model, sizeof model, "%s/model.onnx", folder);
    snprintf(ruined, sizeof ruined, "%s/ruined.onnx", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    setenv("XDG_CACHE_HOME", folder, 1);
    check_run(words("train --data idx:%s --stem 16s2 --stages 2x16,32s2 --head 32 --epochs 3 --output %s " NORMAL, folder, model), 0,
              "right");
    ruin_a_block();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

/* The share of samples that are right, in percent, of a network on the test split. */
static double accuracy(const char *network, const char *precision)
{
    check_run(words("eval %s --data idx:%s --precision %s --json " NORMAL, network, folder, precision), 0, "\"accuracy\"");
    const char *at = strstr(output, "\"accuracy\"");
    double share = -1;
    if (sscanf(at + strlen("\"accuracy\""), ": %lf", &share) != 1) fail_msg("%s", output);
    return 100 * share;
}

static uint32_t count_marks(const char *path, bool *out_ruined_layer)
{
    fet_auto(fet_graph) graph = NULL;
    uint32_t n = 0;
    CHECK_OK(fet_onnx_read(path, NULL, &graph));
    *out_ruined_layer = false;
    for (fet_id i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].precision == FET_DTYPE_NONE) continue;
        assert_int_equal(graph->nodes[i].precision, FET_DTYPE_BF16);
        n++;
        *out_ruined_layer = *out_ruined_layer || strcmp(graph->nodes[i].name, ruined_layer) == 0;
    }
    return n;
}

static void test_space(void **state)
{
    (void)state;
    const char *list = words("%s/space.yaml", folder);
    check_run(words("space %s --device npu-32-bf16 --save %s", ruined, list), 0, "int8* bf16");
    void *text = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(list, 1 << 20, &text, &bytes));
    assert_non_null(strstr(text, "stage1.block0.precision=int8,bf16"));
    assert_non_null(strstr(text, "layer1.precision=int8,bf16"));
    fet_free(text);
    check_run(words("space %s --device npu-32-bf16 --space %s", ruined, list), 0, "int8* bf16");
    check_run(words("advise %s --device npu-32-bf16 --space %s --json", ruined, list), 0, "\"change\"");
    /* A device of one precision has no such choice, and refuses a list that names it. */
    check_run(words("space %s --device npu-64", ruined), 0, "multiplier");
    assert_null(strstr(output, "bf16"));
}

/* Accuracy is that of this machine's engine. */
static void skip_without_bf16(void)
{
    if (!fet_engine_has_bf16()) skip();
}

/* Of candidates that may take a little longer the search finds the one whose ruined block is in bf16. */
static void test_search(void **state)
{
    (void)state;
    skip_without_bf16();
    bool marked = false;
    char job[1600], best[700];
    snprintf(job, sizeof job,
             "task: {kind: classify, data: {kind: idx, path: %s, mean: 120, std: 60}}\n"
             "base: {onnx: %s, epochs: 0}\n"
             "device: {name: npu-32-bf16, calibrate: min-max}\n"
             "space: {decisions: [{precision: blocks}]}\n"
             "goal: {subject_to: {latency: \"<= 130%%\"}, prefer: quality}\n"
             "search: {trials: 24, finalists: 1, workers: 1}\n"
             "train: {short_epochs: 0, full_epochs: 0}\n"
             "output: %s\n",
             folder, ruined, out);
    write_file(path_in(folder, "job.yaml"), job, strlen(job));
    check_run(words("search %s/job.yaml", folder), 0, "fit");
    snprintf(best, sizeof best, "%s/front/fit-1.onnx", out);
    uint32_t n = count_marks(best, &marked);
    if (!marked) fail_msg("%u layers are in bf16, the ruined one is not:\n%s", n, output);
    assert_true(n < 12); /* not simply everything */
    assert_int_equal(count_marks(words("%s/front/baseline.onnx", out), &marked), 0);
    double f32 = accuracy(ruined, "f32"), before = accuracy(words("%s/front/baseline.onnx", out), "int8"), after = accuracy(best, "int8");
    print_message("# f32 %.1f %%, int8 %.1f %%, with what the search left in bf16 %.1f %%\n", f32, before, after);
    assert_true(f32 > 95 && before < f32 - 20 && after > f32 - 3);
    /* A candidate by its number, layer by layer. */
    check_run(words("inspect %s@finalists-1 --device npu-32-bf16", out), 0, " bf16 ");
    check_run(words("inspect %s@finalists-1 --device npu-32-bf16 --json", out), 0, "conv bf16 ");
    assert_non_null(strstr(output, "conv s8 "));
}

/* The study's int8 form of its winner: with the study's data and settings, marked layers left out and still marked. */
static void test_export_of_a_study(void **state)
{
    (void)state;
    skip_without_bf16();
    bool marked = false;
    char file[700];
    snprintf(file, sizeof file, "%s/winner.int8.onnx", folder);
    check_run(words("export %s@finalists-1 --precision int8 --output %s", out, file), 0, "winner.int8.onnx");
    assert_true(count_marks(file, &marked) > 0 && marked);
    /* Weights of 8 bits are those of the layers without a mark. */
    Onnx__ModelProto *proto = NULL;
    void *data = NULL;
    size_t bytes = 0;
    uint32_t n_int8 = 0, n_float = 0, n_marked = count_marks(file, &marked);
    CHECK_OK(fet_file_read(file, 1 << 24, &data, &bytes));
    CHECK_OK(fet_onnx_unpack(data, bytes, file, &proto));
    for (size_t i = 0; i < proto->graph->n_initializer; i++) {
        const Onnx__TensorProto *tensor = proto->graph->initializer[i];
        if (tensor->n_dims < 2) continue;
        n_int8 += tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT8;
        n_float += tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    }
    fet_onnx_free(proto);
    fet_free(data);
    assert_int_equal(n_float, n_marked);
    assert_true(n_int8 > 2);
    double whole = accuracy(words("%s@finalists-1", out), "int8"), in_file = accuracy(file, "f32");
    print_message("# int8 %.1f %%, its file %.1f %%\n", whole, in_file);
    assert_true(in_file > whole - 2 && in_file < whole + 2);
}

/* Without a study: data are asked for, the ends of the network may stay, and ONNX Runtime agrees where it is there. */
static void test_export(void **state)
{
    (void)state;
    skip_without_bf16();
    bool marked = false;
    char file[700], library[FET_ORT_PATH_BYTES];
    snprintf(file, sizeof file, "%s/model.int8.onnx", folder);
    check_refused(words("export %s --precision int8 --output %s", model, file), "--precision int8 without --data");
    check_refused(words("export %s --data idx:%s --output %s", model, folder, file), "--data with --precision f32");
    check_refused(words("export %s --precision int8 --data idx:%s --first int9 --output %s", model, folder, file), "--first is \"int9\"");
    check_refused(words("export %s --precision int8 --data idx:%s --calibrate best --output %s", model, folder, file),
                  "--calibrate \"best\"");
    assert_false(fet_file_exists(file));
    check_run(words("export %s --precision int8 --data idx:%s --output %s " NORMAL, model, folder, file), 0, "model.int8.onnx");
    assert_int_equal(count_marks(file, &marked), 0);
    double in_int8 = accuracy(model, "int8"), in_file = accuracy(file, "f32");
    print_message("# int8 %.1f %%, its file %.1f %%\n", in_int8, in_file);
    assert_true(in_int8 > 95 && in_file > in_int8 - 2 && in_file < in_int8 + 2);
    check_refused(words("export %s --precision int8 --data idx:%s --output %s", model, folder, file), "is there already");
    check_run(words("export %s --precision int8 --data idx:%s --first bf16 --last bf16 --calibrate min-max --calibration 2 "
                    "--no-bias-correction --force --output %s " NORMAL,
                    model, folder, file),
              0, "model.int8.onnx");
    assert_int_equal(count_marks(file, &marked), 2);
    fet_status found = fet_ort_find(NULL, library);
    if (found != FET_OK) fet_error_clear();
    int code = run(words("export %s --precision int8 --data idx:%s --first bf16 --check --force --output %s " NORMAL, model, folder, file));
    if (found == FET_OK) assert_non_null(strstr(output, "checked against ONNX Runtime"));
    else assert_non_null(strstr(output, "not checked"));
    assert_int_equal(code, found == FET_OK ? 0 : 1);
}

/* Without labels the network is imitated. Other precisions are the same network, so nothing of it is learned anew: not even from photos
 * half of which are nothing like what it was trained on. */
static void test_without_labels(void **state)
{
    (void)state;
    skip_without_bf16();
    enum { PHOTOS = 90 };
    uint8_t pixels[SIDE * SIDE];
    fet_rng rng;
    fet_rng_init(&rng, 5, 0, FET_RNG_TEST);
    assert_int_equal(mkdir(words("%s/photos", folder), 0777), 0);
    for (unsigned i = 0; i < PHOTOS; i++) {
        /* Half are what the network knows, or the ruined block would do no harm. */
        if (i % 2) draw_stripes(&rng, i / 2 % CLASSES, pixels);
        else
            for (unsigned p = 0; p < SIDE * SIDE; p++) pixels[p] = (uint8_t)(fet_rng_below(&rng, 40) + (i % 3 == 0 ? 9 * (p % SIDE) : 0));
        write_image(words("%s/photos/%02u.png", folder, i), pixels, SIDE, SIDE, 1);
    }
    check_run(words("fit %s --data %s/photos --target latency=150%% --device npu-32-bf16 --decisions precision --epochs 0 --trials 16 "
                    "--finalists 4 --workers 1 --output %s/imitated " NORMAL,
                    ruined, folder, folder),
              0, "agreement");
    fet_auto(fet_graph) base = NULL;
    CHECK_OK(fet_onnx_read(words("%s/imitated/front/baseline.onnx", folder), NULL, &base));
    uint32_t n_marked = 0;
    for (unsigned f = 1; f <= 4 && fet_file_exists(words("%s/imitated/front/fit-%u.onnx", folder, f)); f++) {
        fet_auto(fet_graph) best = NULL;
        CHECK_OK(fet_onnx_read(words("%s/imitated/front/fit-%u.onnx", folder, f), NULL, &best));
        assert_int_equal(base->n_params, best->n_params);
        for (fet_id p = 0; p < base->n_params; p++) {
            assert_int_equal(base->params[p].tensor->bytes, best->params[p].tensor->bytes);
            assert_memory_equal(base->params[p].tensor->data, best->params[p].tensor->data, base->params[p].tensor->bytes);
        }
        n_marked += fet_graph_hash(base) != fet_graph_hash(best); /* but for the marks */
    }
    assert_true(n_marked > 0);
}

/* What a device cannot do is said on one line, wherever it is asked for. */
static void test_mistakes(void **state)
{
    (void)state;
    skip_without_bf16();
    check_refused(
        words("fit %s --data idx:%s --target latency=130%% --device npu-64 --decisions precision --output %s/none", ruined, folder, folder),
        "npu-64 does not compute in bf16: expected a device that has it beside int8");
    check_run(words("fit %s --data idx:%s --target latency=150%% --device npu-32-bf16 --decisions precision --epochs 0 --full-epochs 0 "
                    "--trials 2 --finalists 1 --workers 1 --output %s/fit " NORMAL,
                    ruined, folder, folder),
              0, "original");
    void *text = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(path_in(folder, "fit/job.yaml"), 1 << 20, &text, &bytes));
    assert_non_null(strstr(text, "{precision: blocks, options: [int8, bf16]}"));
    fet_free(text);
    /* A network with marks, on a device that has one precision only. */
    check_refused(words("inspect %s/front/fit-1.onnx --device npu-64", out), "is to be computed in bf16, which npu-64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_space),  cmocka_unit_test(test_search),         cmocka_unit_test(test_export_of_a_study),
        cmocka_unit_test(test_export), cmocka_unit_test(test_without_labels), cmocka_unit_test(test_mistakes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
