// SPDX-License-Identifier: Apache-2.0
/* Images: decoded as encoded, resized as the filter's definition says, folders of them, and every way they can be wrong. */
#include "samples.h"

#include "data/dataset.h"
#include "data/image.h"

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

/* Smooth, so that JPEG changes it by little. */
static void paint(uint8_t *pixels, uint32_t height, uint32_t width, uint32_t channels, uint32_t seed)
{
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++)
                pixels[(y * width + x) * channels + c] = (uint8_t)(60 + seed + 40 * c + 80 * x / width + 30 * y / height);
}

static void test_png_is_exact(void **state)
{
    (void)state;
    uint8_t pixels[9 * 7 * 4];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37);
    for (uint32_t channels = 1; channels <= 4; channels++) {
        size_t bytes = 0;
        uint8_t *data = encode_png(pixels, 9, 7, channels, &bytes);
        fet_image image = {0};
        CHECK_OK(fet_image_decode(data, bytes, 0, "x.png", &image));
        assert_int_equal(image.channels, channels <= 2 ? 1 : 3);
        for (uint32_t p = 0; p < 9 * 7; p++)
            for (uint32_t c = 0; c < image.channels; c++) assert_int_equal(image.pixels[p * image.channels + c], pixels[p * channels + c]);
        fet_image_clear(&image);
        CHECK_OK(fet_image_decode(data, bytes, 1, "x.png", &image));
        for (uint32_t p = 0; p < 9 * 7; p++) {
            const uint8_t *s = pixels + p * channels;
            double luma = channels <= 2 ? s[0] : 0.299 * s[0] + 0.587 * s[1] + 0.114 * s[2];
            CHECK_NEAR(image.pixels[p], luma, 0.51);
        }
        fet_image_clear(&image);
        /* Cut anywhere before the checksum of the end mark: an error, never a picture, never a crash. */
        for (size_t cut = 0; cut < bytes - 4; cut++) CHECK_FAILS(FET_ERROR_CORRUPT, fet_image_decode(data, cut, 0, "x.png", &image));
        data[bytes / 2] ^= 0x10;
        CHECK_FAILS(FET_ERROR_CORRUPT, fet_image_decode(data, bytes, 0, "x.png", &image));
        free(data);
    }
}

static void test_jpeg(void **state)
{
    (void)state;
    enum { H = 40, W = 52 };
    uint8_t pixels[H * W * 3];
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        paint(pixels, H, W, channels, 0);
        size_t bytes = 0;
        uint8_t *data = encode_jpeg(pixels, H, W, channels, &bytes);
        fet_image image = {0};
        CHECK_OK(fet_image_decode(data, bytes, 0, "x.jpg", &image));
        assert_int_equal(image.channels, channels);
        assert_int_equal(image.height, H);
        assert_int_equal(image.width, W);
        /* Quality 95 on a smooth picture: within 4 of 255. */
        for (uint32_t i = 0; i < H * W * channels; i++) CHECK_NEAR(image.pixels[i], pixels[i], 4);
        fet_image_clear(&image);
        CHECK_OK(fet_image_decode(data, bytes, 4 - channels, "x.jpg", &image));
        assert_int_equal(image.channels, 4 - channels);
        fet_image_clear(&image);
        for (size_t cut = 0; cut < bytes - 2; cut += 7) CHECK_FAILS(FET_ERROR_CORRUPT, fet_image_decode(data, cut, 0, "x.jpg", &image));
        CHECK_FAILS(FET_ERROR_CORRUPT, fet_image_decode(data, bytes - 40, 0, "x.jpg", &image));
        CHECK_SAYS("x.jpg: damaged after line");
        free(data);
    }
    fet_image image = {0};
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_image_decode("GIF89a", 6, 0, "x.gif", &image));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_image_decode("", 0, 0, "x.jpg", &image));
}

/* The triangle filter by its definition, in two dimensions at once and in double. */
static double resized(const uint8_t *pixels, uint32_t h, uint32_t w, uint32_t to_h, uint32_t to_w, uint32_t y, uint32_t x)
{
    double scale_y = (double)h / to_h, scale_x = (double)w / to_w, ry = fmax(scale_y, 1), rx = fmax(scale_x, 1);
    double cy = (y + 0.5) * scale_y, cx = (x + 0.5) * scale_x, sum = 0, weights = 0;
    for (uint32_t sy = 0; sy < h; sy++) {
        for (uint32_t sx = 0; sx < w; sx++) {
            double weight = fmax(0, 1 - fabs(sy + 0.5 - cy) / ry) * fmax(0, 1 - fabs(sx + 0.5 - cx) / rx);
            sum += weight * pixels[sy * w + sx];
            weights += weight;
        }
    }
    return sum / weights;
}

static void test_resize(void **state)
{
    (void)state;
    static const uint32_t sizes[][4] = {{17, 23, 8, 8}, {8, 8, 17, 23}, {5, 40, 5, 7}, {1, 1, 4, 3}, {31, 3, 2, 9}, {64, 48, 1, 1}};
    uint8_t pixels[64 * 48], out[23 * 23];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 97 % 251);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const uint32_t *z = sizes[s];
        fet_image image = {.channels = 1, .height = z[0], .width = z[1], .pixels = pixels};
        CHECK_OK(fet_image_resize_planes(&image, z[2], z[3], out));
        for (uint32_t y = 0; y < z[2]; y++)
            for (uint32_t x = 0; x < z[3]; x++) CHECK_NEAR(out[y * z[3] + x], resized(pixels, z[0], z[1], z[2], z[3], y, x), 0.5 + 1e-3);
    }
    /* Planes out of interleaved channels; the same size is exact. */
    fet_image image = {.channels = 3, .height = 4, .width = 5, .pixels = pixels};
    CHECK_OK(fet_image_resize_planes(&image, 4, 5, out));
    for (uint32_t p = 0; p < 20; p++)
        for (uint32_t c = 0; c < 3; c++) assert_int_equal(out[c * 20 + p], pixels[p * 3 + c]);
}

/* root/{a,b}/N.{jpg,png}: class a is dark, class b is light. */
static void make_classes(const char *root, uint32_t n)
{
    uint8_t pixels[20 * 24 * 3];
    CHECK_OK(fet_dir_make(root));
    for (uint32_t c = 0; c < 2; c++) {
        const char *class_folder = path_in(root, c ? "b" : "a");
        CHECK_OK(fet_dir_make(class_folder));
        for (uint32_t i = 0; i < n; i++) {
            char name[32];
            snprintf(name, sizeof name, "%02u.%s", i, i % 2 ? "JPG" : "png");
            paint(pixels, 20, 24, 3, c * 60);
            write_image(path_in(class_folder, name), pixels, 20, 24, 3);
        }
    }
}

static void test_folder_cut_by_seed(void **state)
{
    (void)state;
    const char *root = path_in(folder, "flat");
    make_classes(root, 10);
    write_file(path_in(root, "a/notes.txt"), "x", 1);
    write_file(path_in(root, ".hidden"), "x", 1);
    fet_dataset_options options = {.kind = "image_folder", .path = root, .channels = 1, .height = 10, .width = 12, .seed = 5};
    fet_auto(fet_dataset) dataset = NULL;
    CHECK_OK(fet_dataset_open(&options, &dataset));
    assert_int_equal(fet_dataset_n_classes(dataset), 2);
    assert_string_equal(fet_dataset_class_name(dataset, 1), "b");
    /* 20% test of each class of 10, then 10% (rounded) val of the 8 left. */
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TEST), 4);
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_VAL), 2);
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TRAIN), 14);
    for (fet_split split = FET_SPLIT_TRAIN; split < FET_SPLIT_COUNT; split++)
        for (uint32_t i = 0; i < fet_dataset_size(dataset, split); i++)
            assert_int_equal(fet_dataset_pixels(dataset, split, i)[0] > 130, fet_dataset_label(dataset, split, i));
    fet_shape shape = fet_dataset_sample_shape(dataset);
    assert_int_equal(shape.dim[0], 1);
    assert_int_equal(shape.dim[1], 10);
    assert_int_equal(shape.dim[2], 12);
}

/* What the options say instead of the images' own figures: one number for all channels, or one each. */
static void test_given_normalisation(void **state)
{
    (void)state;
    const char *root = path_in(folder, "given");
    make_classes(root, 4);
    fet_dataset_options options = {.kind = "image_folder",
                                   .path = root,
                                   .channels = 3,
                                   .height = 5,
                                   .width = 4,
                                   .n_mean = 1,
                                   .n_std = 3,
                                   .mean = {127.5},
                                   .std = {127.5, 2, 64}};
    fet_auto(fet_dataset) dataset = NULL;
    CHECK_OK(fet_dataset_open(&options, &dataset));
    float chw[3 * 20];
    uint32_t label = 0;
    CHECK_OK(fet_dataset_read(dataset, FET_SPLIT_TRAIN, 1, chw, &label));
    const uint8_t *pixels = fet_dataset_pixels(dataset, FET_SPLIT_TRAIN, 1);
    for (uint32_t i = 0; i < 60; i++) CHECK_NEAR(chw[i], (pixels[i] - 127.5) / options.std[i / 20], 1e-5);
    double mean = 0, deviation = 0;
    fet_dataset_normalisation(dataset, 1, &mean, &deviation);
    CHECK_NEAR(mean, 127.5, 0);
    CHECK_NEAR(deviation, 2, 0);

    fet_dataset *none = NULL;
    options.n_mean = 2;
    CHECK_FAILS(FET_ERROR_ARG, fet_dataset_open(&options, &none));
    CHECK_SAYS("2 numbers are given as mean, but the images have 3 channels");
    options.n_mean = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_dataset_open(&options, &none));
    options.n_mean = 1;
    options.std[1] = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_dataset_open(&options, &none));
    CHECK_SAYS("std is 0, expected above 0");
}

static void check_kept(const char *root, int64_t height, int64_t width, int64_t has_height, int64_t has_width)
{
    fet_dataset_options options = {
        .kind = "image_folder", .path = root, .channels = 3, .height = height, .width = width, .keep_smaller = true};
    fet_auto(fet_dataset) dataset = NULL;
    CHECK_OK(fet_dataset_open(&options, &dataset));
    fet_shape shape = fet_dataset_sample_shape(dataset);
    assert_int_equal(shape.dim[1], has_height);
    assert_int_equal(shape.dim[2], has_width);
}

/* Larger than all files: they stay as they are, for whoever resizes them once; else: resized as always, whichever file comes first. */
static void test_smaller_images_are_kept(void **state)
{
    (void)state;
    uint8_t pixels[40 * 30 * 3];
    const char *root = path_in(folder, "small");
    make_classes(root, 4); /* 20 x 24 */
    check_kept(root, 40, 48, 20, 24);
    check_kept(root, 10, 12, 10, 12);
    check_kept(root, 10, 48, 10, 48);
    check_kept(root, 20, 24, 20, 24);
    paint(pixels, 40, 30, 3, 7);
    write_image(path_in(root, "b/99.png"), pixels, 40, 30, 3); /* one that is larger, the last of all */
    check_kept(root, 64, 48, 40, 30);
    check_kept(root, 40, 48, 40, 48);
    check_kept(root, 32, 32, 32, 32);
}

static void test_folder_with_splits(void **state)
{
    (void)state;
    const char *root = path_in(folder, "splits");
    make_classes(path_in(root, "train"), 3);
    make_classes(path_in(root, "test"), 2);
    fet_dataset_options options = {.kind = "image_folder", .path = root, .val_share = -1};
    fet_dataset *dataset = NULL;
    CHECK_OK(fet_dataset_open(&options, &dataset));
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TRAIN), 6);
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TEST), 4);
    fet_shape shape = fet_dataset_sample_shape(dataset); /* as the first image */
    assert_int_equal(shape.dim[0], 3);
    assert_int_equal(shape.dim[1], 20);
    assert_int_equal(shape.dim[2], 24);
    fet_dataset_close(dataset);

    /* A val folder is the val split, whole, and nothing is cut from train. */
    make_classes(path_in(root, "val"), 4);
    options.val_share = 0.5;
    CHECK_OK(fet_dataset_open(&options, &dataset));
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TRAIN), 6);
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_VAL), 8);
    for (uint32_t i = 0; i < 8; i++) assert_int_equal(fet_dataset_label(dataset, FET_SPLIT_VAL, i), i / 4);
    fet_dataset_close(dataset);
    remove_folder(path_in(root, "val"));

    /* A JPEG cut in half. */
    const char *victim = path_in(root, "train/b/01.JPG");
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(victim, 1 << 20, &data, &bytes));
    write_file(victim, data, bytes - 60);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("train/b/01.JPG: damaged after line", "of 20");
    write_file(victim, data, bytes);
    fet_free(data);

    /* An empty class, a class that only one split has, a split that is missing, a path that is no folder. */
    CHECK_OK(fet_dir_make(path_in(root, "train/c")));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("train/c: no image", "expected");
    write_file(path_in(root, "train/c/1.png"), "x", 1);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("no folder for class \"c\"");
    remove_folder(path_in(root, "train/c"));
    options.path = path_in(folder, "nowhere");
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("nowhere: cannot open this folder");
    options.path = path_in(root, "train/a/00.png");
    CHECK_FAILS(FET_ERROR_IO, fet_dataset_open(&options, &dataset));
    options.path = root;
    remove_folder(path_in(root, "test"));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("test: not there");
}

static void test_folder_limits(void **state)
{
    (void)state;
    const char *root = path_in(folder, "limits");
    make_classes(root, 4);
    fet_dataset *dataset = NULL;
    fet_dataset_options options = {.kind = "image_folder", .path = root, .channels = 3, .height = 16384, .width = 16384};
    CHECK_FAILS(FET_ERROR_LIMIT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("8 images of 3x16384x16384", "2048 MiB");
    options.channels = 2;
    CHECK_FAILS(FET_ERROR_ARG, fet_dataset_open(&options, &dataset));
    remove_folder(path_in(root, "b"));
    options.channels = 3;
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_dataset_open(&options, &dataset));
    CHECK_SAYS("1 class folders, expected 2");
    if (geteuid() != 0) { /* root reads everything */
        assert_int_equal(chmod(root, 0), 0);
        CHECK_FAILS(FET_ERROR_IO, fet_dataset_open(&options, &dataset));
        assert_int_equal(chmod(root, 0755), 0);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    const char *root = path_in(folder, "memory");
    make_classes(root, 2);
    fet_dataset_options options = {.kind = "image_folder", .path = root, .height = 7, .width = 9, .val_share = -1};
    uint64_t n = 0;
    for (;; n++) {
        fet_dataset *dataset = NULL;
        fet_alloc_fail_after(n);
        fet_error_clear();
        fet_status status = fet_dataset_open(&options, &dataset);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        fet_dataset_close(dataset);
        if (calls <= n) {
            assert_int_equal(status, FET_OK);
            break;
        }
        if (status != FET_ERROR_NOMEM)
            fail_msg("allocation %llu: %s: %s", (unsigned long long)n, fet_status_name(status), fet_error_message());
        assert_true(fet_error_message()[0] != '\0');
    }
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_is_exact),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_folder_cut_by_seed),
        cmocka_unit_test(test_given_normalisation),
        cmocka_unit_test(test_smaller_images_are_kept),
        cmocka_unit_test(test_folder_with_splits),
        cmocka_unit_test(test_folder_limits),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
