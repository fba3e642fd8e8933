// SPDX-License-Identifier: Apache-2.0
/*
 * fettle fit as a user runs it, end to end: on a network that is trained here on made-up images, with its job rerun, resumed and refused;
 * and on a published network with real images where both are on this machine. The device is a described one, so nothing is measured.
 */
#include "program.h"

#include "../data/samples.h"
#include "../format/model.h"
#include "stripes.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *folder;
static char given[600], out[600];

static int setup(void **state)
{
    (void)state;
    folder = make_folder();
    write_stripes(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 600, 1);
    write_stripes(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 150, 2);
    snprintf(given, sizeof given, "%s/model.onnx", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    setenv("XDG_CACHE_HOME", folder, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static char *read_text(const char *name)
{
    void *text = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(path_in(folder, name), 1 << 20, &text, &bytes));
    return text;
}

#define NORMAL "--mean 120 --std 60"
#define FIT                                                                                                                                \
    "fit %s --data %s --target latency=-5%% --device npu-64 --epochs 1 --full-epochs 1 --trials 3 --finalists 1 --workers 1 --output %s"

static void test_fit(void **state)
{
    (void)state;
    check_run(words("train --data idx:%s --stem 16s2 --stages 2x16,32s2 --head 32 --epochs 3 --output %s " NORMAL, folder, given), 0,
              "right");
    check_run(words(FIT " " NORMAL, given, folder, out), 0, "original");
    assert_non_null(strstr(output, "mean 120, std 60"));
    assert_non_null(strstr(output, "front/"));
    assert_true(fet_file_exists(path_in(folder, "out/front/baseline.onnx")));
    assert_true(fet_file_exists(path_in(folder, "out/report.html")));
    check_run(words("eval %s/front/baseline.onnx --data idx:%s " NORMAL, out, folder), 0, "test samples right");

    /* The job that it made is a job: it goes on with the same study, and the study is the same. */
    char *job = read_text("out/job.yaml");
    assert_non_null(strstr(job, "variants: [fit]"));
    fet_free(job);
    check_refused(words("search %s/job.yaml", out), "add --resume");
    check_run(words("search %s/job.yaml --resume", out), 0, "fit");
    check_run(words(FIT " " NORMAL " --resume --json", given, folder, out), 0, "\"chosen\"");

    /* Another content of the file is another study. */
    check_run(words("train %s --data idx:%s --epochs 0.1 --output %s " NORMAL, given, folder, given), 0, "right");
    check_run(words(FIT " " NORMAL " --resume", given, folder, out), 1, "holds a study of another network");
}

static void test_mistakes(void **state)
{
    (void)state;
    char empty[600], nowhere[600];
    snprintf(empty, sizeof empty, "%s/empty", folder);
    snprintf(nowhere, sizeof nowhere, "%s/nowhere", folder);
    assert_int_equal(mkdir(empty, 0777), 0);
    check_refused(words(FIT, "nothere.onnx", folder, nowhere), "nothere.onnx: No such file");
    check_refused(words(FIT, given, "nothere", nowhere), "--data: nothere: No such file");
    check_refused(words(FIT, given, empty, nowhere), "nothing to learn from in it");
    check_refused(words(FIT " --target speed=2", given, folder, nowhere), "target \"speed\": expected latency, peak_memory or params");
    check_refused(words(FIT " --target params=many", given, folder, nowhere), "target \"params=many\": expected -40%");
    check_refused(words(FIT " --target params=-150%%", given, folder, nowhere), "target \"params=-150%\": expected -40%");
    check_refused(words(FIT " --mean 1", given, folder, nowhere), "--mean stands alone, expected --mean and --std together");
    check_refused(words(FIT " --mean 1,x --std 1", given, folder, nowhere), "--mean is \"1,x\"");
    check_refused(words(FIT " --input 3x4", given, folder, nowhere), "is no input: expected 1 x channels x height x width");
    check_refused(words(FIT " --mean 1,2,3 --std 1", given, folder, nowhere),
                  "3 numbers are given as mean, but the images have 1 channels");
    check_refused(words(FIT " --precision int9", given, folder, nowhere), "--precision is \"int9\"");
    check_refused(words(FIT " --decisions fuse,skp", given, folder, nowhere), "--decisions has \"skp\"");
    check_refused(words("fit %s --data %s", given, folder), "--target METRIC=LIMIT is missing");
    assert_false(fet_file_exists(nowhere));
}

/* Links to a few images of each class, so that the test is short. */
static uint32_t link_some(const char *from, const char *to, uint32_t most)
{
    uint32_t n = 0;
    DIR *dir = opendir(from);
    if (!dir) return 0;
    assert_int_equal(mkdir(to, 0777), 0);
    for (const struct dirent *entry = readdir(dir); entry && n < most; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') continue;
        char source[1536], target[1536];
        snprintf(source, sizeof source, "%.600s/%.255s", from, entry->d_name);
        snprintf(target, sizeof target, "%.600s/%.255s", to, entry->d_name);
        assert_int_equal(symlink(source, target), 0);
        n++;
    }
    closedir(dir);
    return n;
}

static uint32_t link_images(const char *from, const char *to)
{
    static const char *const splits[] = {"train", "val", "test"}, *const classes[] = {"no_person", "person"};
    uint32_t n = 0;
    assert_int_equal(mkdir(to, 0777), 0);
    for (int s = 0; s < 3; s++) {
        assert_int_equal(mkdir(words("%s/%s", to, splits[s]), 0777), 0);
        for (int c = 0; c < 2; c++)
            n += link_some(words("%s/%s/%s", from, splits[s], classes[c]), words("%s/%s/%s", to, splits[s], classes[c]), 64);
    }
    return n;
}

/* A published network as it came, on images of another camera: everything is done once, and little of it. */
static void test_a_real_network(void **state)
{
    (void)state;
    const char *root = getenv("FETTLE_SHARED");
    char network[1024], images[1024], some[600];
    snprintf(network, sizeof network, "%s/models/stm-person-mobilenetv2/model.onnx", root ? root : "../shared");
    snprintf(images, sizeof images, "%s/data/presence-indoor", root ? root : "../shared");
    if (!fet_file_exists(network) || !fet_file_exists(images)) {
        print_message("# skipped: no stm-person-mobilenetv2 and presence-indoor in ../shared of this checkout\n");
        return;
    }
    snprintf(some, sizeof some, "%s/some", folder);
    char whole[PATH_MAX];
    assert_non_null(realpath(images, whole));
    assert_int_equal(link_images(whole, some), 6 * 64);
    check_run(words("fit %s --data %s --target latency=-20%% --epochs 0 --full-epochs 0.02 --trials 1 --finalists 1 --workers 1 "
                    "--device npu-64 --decisions skip --output %s/real",
                    network, some, folder),
              0, "original");
    check_run(words("inspect %s/real/front/baseline.onnx --device none", folder), 0, "MMACs");
}

/* Images without labels: the network is imitated, and the table calls quality what it then is. */
static void test_without_labels(void **state)
{
    (void)state;
    uint8_t pixels[SIDE * SIDE];
    char photos[600], imitated[600];
    snprintf(photos, sizeof photos, "%s/photos", folder);
    snprintf(imitated, sizeof imitated, "%s/imitated", folder);
    assert_int_equal(mkdir(photos, 0777), 0);
    for (unsigned i = 0; i < 90; i++) {
        for (unsigned p = 0; p < SIDE * SIDE; p++) pixels[p] = (uint8_t)(i % 2 ? p % SIDE * 20 + i : p / SIDE * 20 + i);
        write_image(words("%s/%02u.png", photos, i), pixels, SIDE, SIDE, 1);
    }
    check_run(
        words(
            "fit %s --data %s --target 'latency=-5%%,params<= 150%%' --device npu-64 --full-epochs 1 --trials 2 --finalists 1 --workers 1 "
            "--decisions width --output %s " NORMAL,
            given, photos, imitated),
        0, "agreement");
    char *job = read_text("imitated/job.yaml");
    assert_non_null(strstr(job, "kind: imitate"));
    assert_non_null(strstr(job, "latency: \"<= 95%\""));
    assert_non_null(strstr(job, "params: \"<= 150%\""));
    fet_free(job);
}

/* Two convolutions and the smallest number of each map, of which nothing is a block, and whose end cannot be trained. */
static const char *write_untrainable(void)
{
    const char *path = path_in(folder, "untrainable.onnx");
    size_t bytes = 0;
    model m;
    model_begin(&m, 13);
    model_input(&m, "image", MODEL_DIMS(1, 1, SIDE, SIDE));
    model_weights(&m, "w", false, MODEL_DIMS(32, 1, 3, 3));
    model_weights(&m, "v", false, MODEL_DIMS(16, 32, 3, 3));
    model_node(&m, "Conv", "image,w", "first");
    model_node(&m, "Relu", "first", "active");
    model_node(&m, "Conv", "active,v", "second");
    Onnx__NodeProto *least = model_node(&m, "ReduceMin", "second", "least");
    attr_ints(&m, least, "axes", MODEL_DIMS(2, 3));
    attr_int(&m, least, "keepdims", 0);
    model_output(&m, "least", 1);
    const void *packed = model_pack(&m, &bytes);
    write_file(path, packed, bytes);
    model_end(&m);
    return path;
}

/* Where nothing can come of it, the one line says why, and before anything is trained where that is known. */
static void test_nothing_to_gain(void **state)
{
    (void)state;
    uint8_t pixels[SIDE * SIDE];
    char some[600], none[600], untrained[600];
    const char *network = write_untrainable();
    snprintf(some, sizeof some, "%s/some_photos", folder);
    snprintf(none, sizeof none, "%s/none", folder);
    snprintf(untrained, sizeof untrained, "%s/untrained", folder);
    assert_int_equal(mkdir(some, 0777), 0);
    for (unsigned i = 0; i < 30; i++) {
        for (unsigned p = 0; p < SIDE * SIDE; p++) pixels[p] = (uint8_t)(p * i);
        write_image(words("%s/%02u.png", some, i), pixels, SIDE, SIDE, 1);
    }
    check_run(words(FIT " --epochs 0 --decisions fuse", network, some, none), 2,
              "untrainable.onnx: none of the decisions asked for is found in it");
    check_refused(words(FIT, network, some, none), "base.epochs\": it is 1, expected 0: what is imitated stays as it is");
    check_run(words(FIT " --epochs 0 --decisions groups", network, some, untrained), 1, "operator ReduceMin cannot be trained");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),      cmocka_unit_test(test_without_labels), cmocka_unit_test(test_nothing_to_gain),
        cmocka_unit_test(test_mistakes), cmocka_unit_test(test_a_real_network),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
