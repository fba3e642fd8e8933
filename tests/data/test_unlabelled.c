// SPDX-License-Identifier: Apache-2.0
/* Data without labels: folders of images and of tensors, flat, deep or with splits of their own; what the loader makes of them; every way
 * they can be wrong. */
#include "npy_bytes.h"

#include "data/loader.h"

#include <math.h>

static const char *folder;

static int setup(void **state)
{
    (void)state;
    folder = make_folder();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fet_alloc_fail_after(UINT64_MAX);
    remove_folder(folder);
    return 0;
}

static const char *sub_folder(const char *name)
{
    const char *path = path_in(folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
    return path;
}

/* A gray picture of one level. */
static void write_picture(const char *path, uint8_t level)
{
    uint8_t pixels[6 * 4];
    size_t bytes = 0;
    memset(pixels, level, sizeof pixels);
    uint8_t *data = encode_png(pixels, 6, 4, 1, &bytes);
    write_file(path, data, bytes);
    free(data);
}

/* A batch of n samples of 2 x 3, numbers first, first + 1, ... */
static void write_batch(const char *path, int n, float first)
{
    float numbers[8 * 6];
    char header[96];
    assert_true(n <= 8);
    for (int i = 0; i < n * 6; i++) numbers[i] = first + (float)i;
    if (n == 1) snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
    else snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 2, 3), }", n);
    npy_write(path, header, numbers, (size_t)n * 6 * sizeof *numbers);
}

/* How often each sample's first number (of images: its byte) appears over all splits, and how many samples there are. */
static uint32_t count_levels(const fet_dataset *dataset, uint32_t *seen, uint32_t n)
{
    uint32_t total = 0;
    memset(seen, 0, n * sizeof *seen);
    for (int s = 0; s < FET_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < fet_dataset_size(dataset, (fet_split)s); i++, total++) {
            uint32_t level = fet_dataset_has_images(dataset) ? *fet_dataset_pixels(dataset, (fet_split)s, i)
                                                             : (uint32_t)*fet_dataset_numbers(dataset, (fet_split)s, i);
            assert_true(level < n);
            seen[level]++;
            assert_int_equal(fet_dataset_label(dataset, (fet_split)s, i), 0);
        }
    return total;
}

static void test_images(void **state)
{
    (void)state;
    const char *root = sub_folder("images"), *inner = path_in(root, "inner"), *deeper = path_in(inner, "deeper");
    assert_int_equal(mkdir(inner, 0755), 0);
    assert_int_equal(mkdir(deeper, 0755), 0);
    const char *const places[] = {root, inner, deeper};
    char name[32];
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "%02d.%s", i, i % 2 ? "PNG" : "png");
        write_picture(path_in(places[i % 3], name), (uint8_t)(i + 1));
    }
    write_file(path_in(root, "notes.txt"), "no image", 8);
    write_file(path_in(root, ".hidden.png"), "no image", 8);

    fet_auto(fet_dataset) dataset = NULL;
    fet_auto(fet_dataset) again = NULL;
    fet_dataset_options options = {.kind = "images", .path = root, .val_share = 0.2, .test_share = 0.1, .seed = 3};
    uint32_t seen[32];
    CHECK_OK(fet_dataset_open(&options, &dataset));
    assert_int_equal(fet_dataset_n_classes(dataset), 0);
    assert_true(fet_dataset_has_images(dataset));
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TEST), 3); /* 10% of 30, then 20% of 27 */
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_VAL), 5);
    assert_int_equal(count_levels(dataset, seen, 32), 30);
    for (int i = 1; i <= 30; i++) assert_int_equal(seen[i], 1);
    CHECK_OK(fet_dataset_open(&options, &again)); /* the same seed, the same cut */
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(*fet_dataset_pixels(dataset, FET_SPLIT_VAL, i), *fet_dataset_pixels(again, FET_SPLIT_VAL, i));

    fet_dataset_close(fet_take(dataset));
    options.channels = 3;
    options.height = options.width = 8;
    CHECK_OK(fet_dataset_open(&options, &dataset));
    const fet_shape shape = fet_dataset_sample_shape(dataset), expected = {.rank = 3, .dim = {3, 8, 8}};
    assert_true(fet_shape_equal(&shape, &expected));
    fet_auto(fet_loader) loader = NULL;
    fet_batch batch;
    CHECK_OK(
        fet_loader_create(dataset, &(fet_loader_options){.batch = 4, .shuffle = true, .augment = {.flip = true, .shift = 1}}, &loader));
    CHECK_OK(fet_loader_batch(loader, 0, 0, &batch));
    assert_int_equal(batch.count, 4);
}

static void test_images_with_splits(void **state)
{
    (void)state;
    const char *root = sub_folder("split-images"), *const names[] = {"train", "val", "test"};
    for (int s = 0; s < 3; s++) {
        assert_int_equal(mkdir(path_in(root, names[s]), 0755), 0);
        for (int i = 0; i <= s; i++) {
            char name[32];
            snprintf(name, sizeof name, "%s/%d.png", names[s], i);
            write_picture(path_in(root, name), (uint8_t)(10 * s + i));
        }
    }
    fet_auto(fet_dataset) dataset = NULL;
    CHECK_OK(fet_dataset_open(&(fet_dataset_options){.kind = "images", .path = root}, &dataset));
    for (uint32_t s = 0; s < 3; s++) {
        assert_int_equal(fet_dataset_size(dataset, (fet_split)s), s + 1);
        for (uint32_t i = 0; i <= s; i++) assert_int_equal(*fet_dataset_pixels(dataset, (fet_split)s, i), 10 * s + i);
    }
}

static void test_bad_images(void **state)
{
    (void)state;
    const char *root = sub_folder("bad-images");
    fet_auto(fet_dataset) dataset = NULL;
    fet_dataset_options options = {.kind = "images", .path = root};
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("bad-images", "no image in this folder");
    write_picture(path_in(root, "a.png"), 1);
    write_file(path_in(root, "b.png"), "\x89PNG\r\n\x1a\n", 8);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("b.png");
    const char *loop = sub_folder("loop");
    write_picture(path_in(loop, "a.png"), 1);
    assert_int_equal(symlink(".", path_in(loop, "self")), 0);
    options.path = loop;
    CHECK_FAILS(FET_ERROR_LIMIT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("linked into itself");
    options.path = path_in(folder, "nowhere");
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_dataset_open(&options, &dataset));
}

static void test_tensors(void **state)
{
    (void)state;
    const char *root = sub_folder("tensors");
    write_batch(path_in(root, "a.npy"), 1, 0);
    write_batch(path_in(root, "b.npy"), 3, 6);
    write_batch(path_in(root, "c.npy"), 8, 24);
    const uint8_t bytes[6] = {72, 255, 0, 1, 2, 3};
    npy_write(path_in(root, "d.npy"), "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }", bytes, sizeof bytes);

    fet_auto(fet_dataset) dataset = NULL;
    fet_dataset_options options = {.kind = "tensors", .path = root, .val_share = 0.25, .test_share = 0.25, .seed = 1};
    uint32_t seen[80];
    CHECK_OK(fet_dataset_open(&options, &dataset)); /* the first file says what a sample is */
    assert_false(fet_dataset_has_images(dataset));
    assert_int_equal(fet_dataset_n_classes(dataset), 0);
    const fet_shape shape = fet_dataset_sample_shape(dataset), expected = fet_shape_2d(2, 3);
    assert_true(fet_shape_equal(&shape, &expected));
    assert_int_equal(count_levels(dataset, seen, 80), 13);
    for (uint32_t i = 0; i < 80; i++) assert_int_equal(seen[i], i % 6 == 0 && i <= 72);

    /* The loader gives them as they are, whatever the augmentation; sizes are not its business. */
    fet_auto(fet_loader) loader = NULL;
    fet_batch batch;
    fet_loader_options loading = {.split = FET_SPLIT_TRAIN, .batch = 3, .shuffle = true, .augment = {.flip = true, .shift = 2, .erase = 1}};
    CHECK_OK(fet_loader_create(dataset, &loading, &loader));
    for (uint32_t b = 0; b < fet_loader_batches_per_epoch(loader); b++) {
        CHECK_OK(fet_loader_batch(loader, 0, b, &batch));
        for (uint32_t i = 0; i < batch.count; i++) {
            const float *sample = batch.images + i * 6;
            for (int k = 1; k < 6 && sample[0] < 72; k++) assert_true(sample[k] == sample[0] + (float)k);
        }
    }
    loading.height = loading.width = 2;
    fet_loader *none = NULL;
    CHECK_FAILS(FET_ERROR_ARG, fet_loader_create(dataset, &loading, &none));
    float read[6];
    uint32_t label = 9;
    CHECK_OK(fet_dataset_read(dataset, FET_SPLIT_VAL, 0, read, &label));
    assert_true(label == 0 && (uint32_t)read[0] % 6 == 0);

    /* The shape that the network wants: here each file of 1 x 2 x 3 is one sample, and those of 2 x 3 do not fit. */
    options.sample = (fet_shape){.rank = 3, .dim = {1, 2, 3}};
    fet_dataset *other = NULL;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_dataset_open(&options, &other));
    CHECK_SAYS("a.npy", "it is 2x3, expected a sample of 1x2x3");
}

static void test_bad_tensors(void **state)
{
    (void)state;
    const char *root = sub_folder("bad-tensors");
    fet_auto(fet_dataset) dataset = NULL;
    fet_dataset_options options = {.kind = "tensors", .path = root};
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("bad-tensors", "expected .npy, .wav or .flac files");
    write_batch(path_in(root, "a.npy"), 1, 0);
    const float infinite[6] = {0, 1, 2, 3, 1.0f / 0.0f, 5};
    npy_write(path_in(root, "b.npy"), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", infinite, sizeof infinite);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("b.npy", "number 4 is inf");
    npy_write(path_in(root, "b.npy"), "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", infinite, sizeof infinite);
    CHECK_FAILS(FET_ERROR_SHAPE, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("b.npy", "3x2", "2x3");
    write_file(path_in(root, "b.npy"), "PK", 2);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("b.npy", "no .npy file");
    remove(path_in(root, "b.npy"));
    CHECK_OK(fet_dataset_open(&options, &dataset));
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TRAIN), 1);
}

/* A WAV file of two channels, 16 bits a number: left i, right -i. */
static void write_wav(const char *path, uint32_t frames)
{
    enum { HEADER = 44, CHANNELS = 2, BYTES = 2, RATE = 16000 };
    uint32_t data = frames * CHANNELS * BYTES;
    uint8_t *bytes = calloc(HEADER + data, 1);
    const uint32_t words[] = {HEADER - 8 + data, 16, RATE, RATE * CHANNELS * BYTES, data};
    const size_t places[] = {4, 16, 24, 28, 40};
    memcpy(bytes, "RIFF", 4), memcpy(bytes + 8, "WAVEfmt ", 8), memcpy(bytes + 36, "data", 4);
    for (int i = 0; i < 5; i++)
        for (int b = 0; b < 4; b++) bytes[places[i] + (size_t)b] = (uint8_t)(words[i] >> 8 * b);
    bytes[20] = 1, bytes[22] = CHANNELS, bytes[32] = CHANNELS * BYTES, bytes[34] = 8 * BYTES;
    for (uint32_t i = 0; i < frames; i++) {
        uint16_t left = (uint16_t)i, right = (uint16_t) - (int)i;
        uint8_t *frame = bytes + HEADER + i * CHANNELS * BYTES;
        frame[0] = (uint8_t)left, frame[1] = (uint8_t)(left >> 8), frame[2] = (uint8_t)right, frame[3] = (uint8_t)(right >> 8);
    }
    write_file(path, bytes, HEADER + data);
    free(bytes);
}

static void test_sounds(void **state)
{
    (void)state;
    enum { LENGTH = 100 };
    const char *root = sub_folder("sounds");
    write_wav(path_in(root, "a.wav"), 3 * LENGTH + 7); /* three stretches and a rest */
    write_wav(path_in(root, "b.wav"), LENGTH);
    fet_auto(fet_dataset) dataset = NULL;
    fet_dataset_options options = {.kind = "tensors", .path = root, .val_share = 0, .test_share = 0, .seed = 1};
    options.sample = fet_shape_2d(2, LENGTH);
    CHECK_OK(fet_dataset_open(&options, &dataset));
    uint32_t starts[3 * LENGTH + 1] = {0}, label = 0, n_read = 0;
    float read[2 * LENGTH];
    for (uint32_t i = 0; i < 3 * 4; i++) {
        fet_split split = (fet_split)(i / 4);
        if (i % 4 >= fet_dataset_size(dataset, split)) continue;
        CHECK_OK(fet_dataset_read(dataset, split, i % 4, read, &label));
        n_read++;
        uint32_t first = (uint32_t)lrintf(read[0] * 32768);
        assert_true(first % LENGTH == 0 && first <= 2 * LENGTH);
        starts[first]++;
        for (uint32_t t = 0; t < LENGTH; t++) {
            CHECK_NEAR(read[t], (first + t) / 32768.0, 1e-9);
            CHECK_NEAR(read[LENGTH + t], -(double)(first + t) / 32768.0, 1e-9);
        }
    }
    assert_int_equal(n_read, 4);
    assert_true(starts[0] == 2 && starts[LENGTH] == 1 && starts[2 * LENGTH] == 1);
    fet_dataset *none = NULL;
    options.sample = fet_shape_2d(1, LENGTH);
    CHECK_FAILS(FET_ERROR_SHAPE, fet_dataset_open(&options, &none));
    CHECK_SAYS("a.wav", "2 channels of 307 samples", "1x100");
    options.sample = fet_shape_2d(2, 5 * LENGTH);
    CHECK_FAILS(FET_ERROR_SHAPE, fet_dataset_open(&options, &none));
    write_file(path_in(root, "b.wav"), "RIFF", 4);
    options.sample = fet_shape_2d(2, LENGTH);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &none));
    CHECK_SAYS("b.wav", "cannot be read as a sound");
}

static void test_no_memory(void **state)
{
    (void)state;
    const char *images = sub_folder("memory-images"), *tensors = sub_folder("memory-tensors");
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.png", i);
        write_picture(path_in(images, name), (uint8_t)i);
        snprintf(name, sizeof name, "%d.npy", i);
        write_batch(path_in(tensors, name), i + 1, 0);
    }
    for (int kind = 0; kind < 2; kind++)
        for (uint64_t n = 0;; n++) {
            fet_dataset *dataset = NULL;
            const fet_dataset_options options = {.kind = kind ? "tensors" : "images", .path = kind ? tensors : images};
            fet_alloc_fail_after(n);
            fet_error_clear();
            fet_status status = fet_dataset_open(&options, &dataset);
            bool over = fet_alloc_fail_after(UINT64_MAX) <= n;
            if (status == FET_OK) fet_dataset_close(dataset);
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
        cmocka_unit_test(test_images),     cmocka_unit_test(test_images_with_splits),
        cmocka_unit_test(test_bad_images), cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_sounds),     cmocka_unit_test(test_bad_tensors),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
