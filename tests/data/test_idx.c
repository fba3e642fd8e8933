// SPDX-License-Identifier: Apache-2.0
/* IDX files: what is read is what was written, and every way a file can be wrong gives its own line. */
#include "samples.h"

#include "data/dataset.h"
#include "data/gunzip.h"
#include "data/idx.h"

static const char *folder;

static int setup(void **state)
{
    (void)state;
    folder = make_folder();
    write_idx_folder(folder, 60, 20, 5, 4, 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fet_alloc_fail_after(UINT64_MAX);
    remove_folder(folder);
    return 0;
}

static fet_dataset_options options_of(const char *path)
{
    return (fet_dataset_options){.kind = "idx", .path = path, .val_share = -1.0};
}

static void test_parse(void **state)
{
    (void)state;
    const uint8_t good[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    fet_idx idx;
    CHECK_OK(fet_idx_parse(good, sizeof good, 2, "x", &idx));
    assert_int_equal(idx.count, 6);
    assert_int_equal(idx.dim[1], 3);
    assert_int_equal(idx.elements[5], 6);
    for (size_t bytes = 0; bytes < sizeof good; bytes++) CHECK_FAILS(FET_ERROR_CORRUPT, fet_idx_parse(good, bytes, 2, "x", &idx));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_idx_parse(good, sizeof good, 1, "x", &idx));
    CHECK_SAYS("x: byte 0", "0x00000802", "0x00000801");
    uint8_t floats[sizeof good];
    memcpy(floats, good, sizeof good);
    floats[2] = 0x0D;
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_idx_parse(floats, sizeof floats, 2, "x", &idx));
    const uint8_t huge[] = {0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0};
    CHECK_FAILS(FET_ERROR_LIMIT, fet_idx_parse(huge, sizeof huge, 3, "x", &idx));
    const uint8_t empty[] = {0, 0, 8, 1, 0, 0, 0, 0};
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_idx_parse(empty, sizeof empty, 1, "x", &idx));
    CHECK_SAYS("dimension 0 is 0");
}

static void test_reads_back(void **state)
{
    (void)state;
    fet_auto(fet_dataset) dataset = NULL;
    fet_dataset_options options = options_of(folder);
    CHECK_OK(fet_dataset_open(&options, &dataset));
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TRAIN), 60);
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_VAL), 0);
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TEST), 20);
    assert_int_equal(fet_dataset_n_classes(dataset), 3);
    assert_string_equal(fet_dataset_class_name(dataset, 2), "2");
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(fet_dataset_label(dataset, FET_SPLIT_TEST, i), i % 3);
        for (uint32_t p = 0; p < 20; p++) assert_int_equal(fet_dataset_pixels(dataset, FET_SPLIT_TEST, i)[p], idx_pixel(i, p));
    }
}

/* Puts one broken file in the place of a good one, opens, and puts the good one back. */
static void check_broken(const char *name, const void *data, size_t bytes, fet_status code, const char *says, const char *says_too)
{
    const char *path = path_in(folder, name);
    void *good = NULL;
    size_t good_bytes = 0;
    CHECK_OK(fet_file_read(path, 1 << 20, &good, &good_bytes));
    if (data) write_file(path, data, bytes);
    else assert_int_equal(remove(path), 0);
    fet_dataset *dataset = NULL;
    fet_dataset_options options = options_of(folder);
    CHECK_FAILS(code, fet_dataset_open(&options, &dataset));
    CHECK_SAYS(says, says_too);
    assert_null(dataset);
    write_file(path, good, good_bytes);
    fet_free(good);
}

static void test_broken_files(void **state)
{
    (void)state;
    check_broken("t10k-images-idx3-ubyte", NULL, 0, FET_ERROR_NOT_FOUND, "t10k-images-idx3-ubyte: not there", "expected");
    check_broken("train-images-idx3-ubyte.gz", NULL, 0, FET_ERROR_NOT_FOUND, "train-images-idx3-ubyte: not there", ".gz");
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(path_in(folder, "train-images-idx3-ubyte.gz"), 1 << 20, &data, &bytes));
    check_broken("train-images-idx3-ubyte.gz", data, bytes / 2, FET_ERROR_CORRUPT, "train-images-idx3-ubyte.gz: cut off", "gzip");
    check_broken("train-images-idx3-ubyte.gz", data, bytes - 1, FET_ERROR_CORRUPT, "train-images-idx3-ubyte.gz: cut off", "gzip");
    ((uint8_t *)data)[bytes / 2] ^= 0xFF;
    check_broken("train-images-idx3-ubyte.gz", data, bytes, FET_ERROR_CORRUPT, "train-images-idx3-ubyte.gz", "byte");
    fet_free(data);
    CHECK_OK(fet_file_read(path_in(folder, "t10k-images-idx3-ubyte"), 1 << 20, &data, &bytes));
    check_broken("t10k-images-idx3-ubyte", data, bytes - 7, FET_ERROR_CORRUPT, "t10k-images-idx3-ubyte: 393 bytes behind the header",
                 "expected 400");
    fet_free(data);
}

static void test_broken_contents(void **state)
{
    (void)state;
    uint8_t labels[60], pixels[20 * 20] = {0};
    for (uint32_t i = 0; i < 60; i++) labels[i] = (uint8_t)(i % 3);
    const char *spare = path_in(folder, "spare");
    void *data = NULL;
    size_t bytes = 0;

    write_idx_labels(spare, 59, labels);
    CHECK_OK(fet_file_read(spare, 1 << 20, &data, &bytes));
    check_broken("train-labels-idx1-ubyte", data, bytes, FET_ERROR_CORRUPT, "train-labels-idx1-ubyte: 59 labels, expected 60",
                 "train-images");
    fet_free(data);

    labels[17] = 200;
    write_idx_labels(spare, 60, labels);
    CHECK_OK(fet_file_read(spare, 1 << 20, &data, &bytes));
    check_broken("train-labels-idx1-ubyte", data, bytes, FET_ERROR_CORRUPT, "label 200 of sample 17 is out of range", "expected 0..2");
    fet_free(data);

    /* A plain file stands in for the zipped one: contents decide, not names. */
    for (uint32_t i = 0; i < 20; i++) labels[i] = (uint8_t)(i % 3);
    labels[4] = 3;
    write_idx_labels(spare, 20, labels);
    CHECK_OK(fet_file_read(spare, 1 << 20, &data, &bytes));
    check_broken("t10k-labels-idx1-ubyte.gz", data, bytes, FET_ERROR_CORRUPT, "label 3 of sample 4 is out of range", "expected 0..2");
    fet_free(data);

    write_idx_images(spare, 20, 4, 5, pixels);
    CHECK_OK(fet_file_read(spare, 1 << 20, &data, &bytes));
    check_broken("t10k-images-idx3-ubyte", data, bytes, FET_ERROR_CORRUPT, "images are 4x5", "expected 5x4");
    fet_free(data);
}

static void test_bad_options(void **state)
{
    (void)state;
    fet_dataset *dataset = NULL;
    fet_dataset_options options = options_of(folder);
    options.kind = "iddx";
    CHECK_FAILS(FET_ERROR_ARG, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("iddx", "image_folder");
    options = options_of("");
    CHECK_FAILS(FET_ERROR_ARG, fet_dataset_open(&options, &dataset));
    options = options_of(folder);
    options.height = 28;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_dataset_open(&options, &dataset));
    options = options_of(folder);
    options.val_share = 1.5;
    CHECK_FAILS(FET_ERROR_ARG, fet_dataset_open(&options, &dataset));
    options.val_share = 0.999;
    CHECK_FAILS(FET_ERROR_ARG, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("no sample is left for training");
    options = options_of(path_in(folder, "t10k-images-idx3-ubyte")); /* a file where a folder is due */
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_dataset_open(&options, &dataset));
}

static void test_gunzip(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    void *zipped = NULL;
    size_t bytes = 0, made = 0;
    CHECK_OK(fet_file_read(path_in(folder, "train-images-idx3-ubyte.gz"), 1 << 20, &zipped, &bytes));
    CHECK_FAILS(FET_ERROR_LIMIT, fet_gunzip(zipped, bytes, 1215, "x", &data, &made));
    CHECK_OK(fet_gunzip(zipped, bytes, 1216, "x", &data, &made));
    assert_int_equal(made, 16 + 60 * 20);
    fet_free(data);
    /* Two members, as cat makes them, are one file; other bytes behind the end are not. */
    uint8_t *twice = malloc(2 * bytes);
    assert_non_null(twice);
    memcpy(twice, zipped, bytes);
    memcpy(twice + bytes, zipped, bytes);
    CHECK_OK(fet_gunzip(twice, 2 * bytes, 1 << 20, "x", &data, &made));
    assert_int_equal(made, 2 * 1216);
    fet_free(data);
    twice[bytes] = 'x';
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_gunzip(twice, bytes + 1, 1 << 20, "x", &data, &made));
    free(twice);
    fet_free(zipped);
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_dataset_options options = options_of(folder);
    options.val_share = 0.1;
    for (uint64_t n = 0;; n++) {
        fet_dataset *dataset = NULL;
        fet_alloc_fail_after(n);
        fet_error_clear();
        fet_status status = fet_dataset_open(&options, &dataset);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        fet_dataset_close(dataset);
        if (calls <= n) break;          /* fewer calls than that: none failed */
        if (status == FET_OK) continue; /* the refused request was not needed: giving memory back */
        assert_int_equal(status, FET_ERROR_NOMEM);
        assert_true(fet_error_message()[0] != '\0');
    }
}

/* The real thing, where Debian's package is installed. */
static void test_fashion_mnist(void **state)
{
    (void)state;
    const char *path = "/usr/share/datasets/fashion-mnist";
    if (!fet_file_exists(path)) {
        print_message("skipped: %s is not on this machine (Debian: dataset-fashion-mnist)\n", path);
        skip();
    }
    fet_auto(fet_dataset) dataset = NULL;
    fet_dataset_options options = {.kind = "idx", .path = path, .val_share = 0.1, .seed = 1};
    CHECK_OK(fet_dataset_open(&options, &dataset));
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TRAIN), 54000);
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_VAL), 6000);
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TEST), 10000);
    static const uint32_t expected[] = {5400, 600, 1000};
    for (fet_split split = FET_SPLIT_TRAIN; split < FET_SPLIT_COUNT; split++) {
        uint32_t count[10] = {0};
        for (uint32_t i = 0; i < fet_dataset_size(dataset, split); i++) count[fet_dataset_label(dataset, split, i)]++;
        for (uint32_t c = 0; c < 10; c++) assert_int_equal(count[c], expected[split]);
    }
    /* Published for the whole training set: mean 0.2860, deviation 0.3530 (of 0..1); 90% of it differs in the third digit. */
    double mean = 0.0, deviation = 0.0;
    fet_dataset_normalisation(dataset, 0, &mean, &deviation);
    CHECK_NEAR(mean / 255.0, 0.2860, 0.002);
    CHECK_NEAR(deviation / 255.0, 0.3530, 0.002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),           cmocka_unit_test(test_reads_back),    cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_broken_contents), cmocka_unit_test(test_bad_options),   cmocka_unit_test(test_gunzip),
        cmocka_unit_test(test_no_memory),       cmocka_unit_test(test_fashion_mnist),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
