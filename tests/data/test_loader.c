// SPDX-License-Identifier: Apache-2.0
/* Batches: every sample once an epoch, the same whenever and in whatever order they are asked for, augmented as drawn. */
#include "samples.h"

#include "base/clock.h"
#include "data/augment.h"
#include "data/loader.h"

#include <math.h>

enum { N = 70, N_TEST = 11, H = 6, W = 5, CLASSES = 7 };

static const char *folder;
static fet_dataset *dataset;

static int setup(void **state)
{
    (void)state;
    folder = make_folder();
    write_idx_folder(folder, N, N_TEST, H, W, CLASSES);
    fet_dataset_options options = {.kind = "idx", .path = folder, .val_share = 0.1, .seed = 3};
    CHECK_OK(fet_dataset_open(&options, &dataset));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fet_alloc_fail_after(UINT64_MAX);
    fet_dataset_close(dataset);
    remove_folder(folder);
    return 0;
}

/* Which training sample these pixels are; the files' samples all differ in their first pixel modulo 256. */
static uint32_t sample_of(const float *image, fet_split split)
{
    float expected[H * W];
    uint32_t label = 0;
    for (uint32_t i = 0; i < fet_dataset_size(dataset, split); i++) {
        CHECK_OK(fet_dataset_read(dataset, split, i, expected, &label));
        if (memcmp(expected, image, sizeof expected) == 0) return i;
    }
    fail_msg("a batch holds an image that is not in the split");
    return 0;
}

static void test_splits(void **state)
{
    (void)state;
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_VAL), CLASSES); /* one of ten of each class */
    assert_int_equal(fet_dataset_size(dataset, FET_SPLIT_TRAIN), N - CLASSES);
    uint32_t count[CLASSES] = {0};
    bool seen[256] = {false};
    for (fet_split split = FET_SPLIT_TRAIN; split <= FET_SPLIT_VAL; split++) {
        for (uint32_t i = 0; i < fet_dataset_size(dataset, split); i++) {
            uint8_t first = fet_dataset_pixels(dataset, split, i)[0];
            assert_false(seen[first]); /* train and val share nothing */
            seen[first] = true;
            if (split == FET_SPLIT_VAL) count[fet_dataset_label(dataset, split, i)]++;
        }
    }
    for (uint32_t c = 0; c < CLASSES; c++) assert_int_equal(count[c], 1);

    fet_dataset_options options = {.kind = "idx", .path = folder, .val_share = 0.1, .seed = 4};
    fet_auto(fet_dataset) other = NULL;
    CHECK_OK(fet_dataset_open(&options, &other));
    uint32_t same = 0;
    for (uint32_t i = 0; i < CLASSES; i++)
        same += fet_dataset_pixels(dataset, FET_SPLIT_VAL, i)[0] == fet_dataset_pixels(other, FET_SPLIT_VAL, i)[0];
    assert_true(same < CLASSES); /* another seed, another cut */
}

static void test_normalisation(void **state)
{
    (void)state;
    double sum = 0, squares = 0;
    float image[H * W];
    uint32_t label = 0, n = fet_dataset_size(dataset, FET_SPLIT_TRAIN);
    for (uint32_t i = 0; i < n; i++) {
        CHECK_OK(fet_dataset_read(dataset, FET_SPLIT_TRAIN, i, image, &label));
        for (int p = 0; p < H * W; p++) sum += image[p], squares += (double)image[p] * image[p];
    }
    CHECK_NEAR(sum / (n * H * W), 0, 1e-6);
    CHECK_NEAR(squares / (n * H * W), 1, 1e-5);
    CHECK_FAILS(FET_ERROR_ARG, fet_dataset_read(dataset, FET_SPLIT_TRAIN, n, image, &label));
}

static void test_epoch_holds_each_sample_once(void **state)
{
    (void)state;
    fet_loader_options options = {.split = FET_SPLIT_TRAIN, .batch = 9, .shuffle = true, .seed = 7};
    fet_auto(fet_loader) loader = NULL;
    CHECK_OK(fet_loader_create(dataset, &options, &loader));
    assert_int_equal(fet_loader_batches_per_epoch(loader), 7); /* 63 / 9 */
    uint32_t order[2][63];
    for (uint32_t epoch = 0; epoch < 2; epoch++) {
        bool seen[63] = {false};
        for (uint32_t b = 0; b < 7; b++) {
            fet_batch batch;
            CHECK_OK(fet_loader_batch(loader, epoch, b, &batch));
            assert_int_equal(batch.count, 9);
            for (uint32_t i = 0; i < 9; i++) {
                uint32_t sample = sample_of(batch.images + i * H * W, FET_SPLIT_TRAIN);
                assert_false(seen[sample]);
                seen[sample] = true;
                order[epoch][b * 9 + i] = sample;
                assert_int_equal(batch.labels[i], fet_dataset_label(dataset, FET_SPLIT_TRAIN, sample));
            }
        }
    }
    assert_memory_not_equal(order[0], order[1], sizeof order[0]);
    fet_batch batch;
    CHECK_FAILS(FET_ERROR_ARG, fet_loader_batch(loader, 0, 7, &batch));
}

static void test_evaluation_pads(void **state)
{
    (void)state;
    fet_loader_options options = {.split = FET_SPLIT_TEST, .batch = 4};
    fet_auto(fet_loader) loader = NULL;
    CHECK_OK(fet_loader_create(dataset, &options, &loader));
    assert_int_equal(fet_loader_batches_per_epoch(loader), 3);
    for (uint32_t b = 0; b < 3; b++) {
        fet_batch batch;
        CHECK_OK(fet_loader_batch(loader, 0, b, &batch));
        assert_int_equal(batch.count, b < 2 ? 4 : 3);
        for (uint32_t i = 0; i < batch.count; i++) assert_int_equal(sample_of(batch.images + i * H * W, FET_SPLIT_TEST), b * 4 + i);
        for (uint32_t p = batch.count * H * W; p < 4 * H * W; p++) assert_true(batch.images[p] == 0.0f);
    }
}

/* Batches of one loader asked in order, of another backwards and across epochs: the same bytes. Another seed or trial: others. */
static void test_random_access(void **state)
{
    (void)state;
    fet_loader_options options = {.split = FET_SPLIT_TRAIN,
                                  .batch = 16,
                                  .shuffle = true,
                                  .seed = 11,
                                  .trial = 2,
                                  .augment = {.flip = true, .shift = 2, .erase = 0.5f}};
    enum { EPOCHS = 3, BATCHES = 3, FLOATS = 16 * H * W };
    static float images[EPOCHS][BATCHES][FLOATS];
    uint32_t labels[EPOCHS][BATCHES][16];
    fet_loader *loader = NULL;
    fet_batch batch;
    CHECK_OK(fet_loader_create(dataset, &options, &loader));
    for (uint32_t e = 0; e < EPOCHS; e++) {
        for (uint32_t b = 0; b < BATCHES; b++) {
            CHECK_OK(fet_loader_batch(loader, e, b, &batch));
            memcpy(images[e][b], batch.images, sizeof images[e][b]);
            memcpy(labels[e][b], batch.labels, sizeof labels[e][b]);
        }
    }
    fet_loader_destroy(loader);
    CHECK_OK(fet_loader_create(dataset, &options, &loader));
    for (uint32_t b = BATCHES; b-- > 0;) {
        for (uint32_t e = EPOCHS; e-- > 0;) {
            CHECK_OK(fet_loader_batch(loader, e, b, &batch));
            assert_memory_equal(images[e][b], batch.images, sizeof images[e][b]);
            assert_memory_equal(labels[e][b], batch.labels, sizeof labels[e][b]);
        }
    }
    fet_loader_destroy(loader);
    for (int change = 0; change < 2; change++) {
        fet_loader_options other = options;
        if (change) other.seed++;
        else other.trial++;
        CHECK_OK(fet_loader_create(dataset, &other, &loader));
        CHECK_OK(fet_loader_batch(loader, 0, 0, &batch));
        assert_memory_not_equal(images[0][0], batch.images, sizeof images[0][0]);
        fet_loader_destroy(loader);
    }
}

/* Each pixel by the definition: result(y, x) = source(y - dy, x - dx), mirrored first when flipped; 0 outside and where erased. */
static void test_augment_plane(void **state)
{
    (void)state;
    uint8_t pixels[H * W];
    float levels[256], out[H * W];
    for (int i = 0; i < H * W; i++) pixels[i] = (uint8_t)(i + 1);
    for (int i = 0; i < 256; i++) levels[i] = (float)i;
    for (int32_t dy = -H - 1; dy <= H + 1; dy++) {
        for (int32_t dx = -W - 1; dx <= W + 1; dx++) {
            for (int flip = 0; flip < 2; flip++) {
                fet_augmentation a = {.flip = flip, .dx = dx, .dy = dy, .top = 1, .bottom = 3, .left = 2, .right = 4};
                fet_augment_plane(pixels, levels, H, W, &a, out);
                for (int32_t y = 0; y < H; y++) {
                    for (int32_t x = 0; x < W; x++) {
                        int32_t sy = y - dy, sx = x - dx;
                        bool inside = sy >= 0 && sy < H && sx >= 0 && sx < W && !(y >= 1 && y < 3 && x >= 2 && x < 4);
                        float expected = inside ? (float)pixels[sy * W + (flip ? W - 1 - sx : sx)] : 0.0f;
                        assert_true(out[y * W + x] == expected);
                    }
                }
            }
        }
    }
}

/* Contrast turns about the middle of the range, brightness moves it by so many halves of it; what lies outside of the image stays 0. */
static void test_augment_light(void **state)
{
    (void)state;
    float levels[256], lit[256];
    for (int i = 0; i < 256; i++) levels[i] = ((float)i - 100) / 50; /* -2 to 3.1, the middle at 0.55, half of the range 2.55 */
    fet_augmentation a = {.gain = 1.5f, .offset = -0.2f};
    fet_augment_levels(levels, &a, lit);
    for (int i = 0; i < 256; i++) CHECK_NEAR(lit[i], 0.55 + 1.5 * (levels[i] - 0.55) - 0.2 * 2.55, 1e-5);
    fet_augment_options options = {.light = 0.3f};
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    double gain = 0, offset = 0, squares = 0;
    enum { DRAWS = 20000 };
    for (int i = 0; i < DRAWS; i++) {
        fet_augment_draw(&options, 28, 28, &rng, &a);
        assert_true(a.gain >= 0.7f && a.gain <= 1.3f && a.offset >= -0.3f && a.offset <= 0.3f);
        gain += (double)a.gain / DRAWS;
        offset += (double)a.offset / DRAWS;
        squares += (double)(a.offset * a.offset) / DRAWS;
    }
    /* Uniform: variance 0.3^2 / 3; five standard deviations of the mean. */
    CHECK_NEAR(gain, 1, 5 * sqrt(0.03 / DRAWS));
    CHECK_NEAR(offset, 0, 5 * sqrt(0.03 / DRAWS));
    CHECK_NEAR(squares, 0.03, 0.002);
    fet_auto(fet_loader) loader = NULL;
    fet_loader_options loaded = {.split = FET_SPLIT_TRAIN, .batch = 8, .augment = {.light = 0.3f, .shift = 1}};
    fet_batch dark, plain;
    CHECK_OK(fet_loader_create(dataset, &loaded, &loader));
    CHECK_OK(fet_loader_batch(loader, 0, 0, &dark));
    float first = dark.images[0];
    fet_loader_destroy(fet_take(loader));
    loaded.augment.light = 0;
    CHECK_OK(fet_loader_create(dataset, &loaded, &loader));
    CHECK_OK(fet_loader_batch(loader, 0, 0, &plain));
    /* Same move: edges are 0 in both or in neither. */
    assert_int_equal(first == 0, plain.images[0] == 0);
}

/* Each pixel by the definition, in double: the source's position, linear between the four pixels about it, 0 outside of the picture. */
static void test_augment_zoom(void **state)
{
    (void)state;
    static const float scales[] = {0.6f, 0.9f, 1.0f, 1.3f, 2.0f};
    uint8_t pixels[H * W];
    float levels[256], out[H * W];
    for (int i = 0; i < H * W; i++) pixels[i] = (uint8_t)(7 * i + 3);
    for (int i = 0; i < 256; i++) levels[i] = (float)i - 20;
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        for (int kind = 0; kind < 8; kind++) {
            fet_augmentation a = {.scale = scales[s], .flip = kind & 1, .dx = kind & 2 ? 1 : 0, .dy = kind & 4 ? -2 : 0};
            fet_augment_plane(pixels, levels, H, W, &a, out);
            for (int y = 0; y < H; y++) {
                for (int x = 0; x < W; x++) {
                    double v = (y + 0.5 - a.dy - H / 2.0) / (double)a.scale + H / 2.0,
                           u = (x + 0.5 - a.dx - W / 2.0) / (double)a.scale + W / 2.0, expected = 0;
                    if (fabs(v) < 1e-4 || fabs(v - H) < 1e-4 || fabs(u) < 1e-4 || fabs(u - W) < 1e-4) continue; /* either side is right */
                    bool inside = v > 0 && v < H && u > 0 && u < W;
                    if (a.flip) u = W - u;
                    for (int sy = 0; sy < H && inside; sy++) {
                        for (int sx = 0; sx < W; sx++) {
                            double cv = fmin(fmax(v, 0.5), H - 0.5), cu = fmin(fmax(u, 0.5), W - 0.5);
                            double wy = fmax(0, 1 - fabs(cv - sy - 0.5)), wx = fmax(0, 1 - fabs(cu - sx - 0.5));
                            expected += wy * wx * (double)levels[pixels[sy * W + sx]];
                        }
                    }
                    CHECK_NEAR(out[y * W + x], expected, 1e-3);
                }
            }
        }
    }
    fet_augment_options options = {.zoom = 0.5f}, with_flip = {.zoom = 0.5f, .flip = true, .shift = 2, .erase = 0.5f};
    enum { DRAWS = 20000 };
    double mean = 0, together = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        fet_augmentation a, b;
        fet_rng one, other;
        fet_rng_init(&one, i, 0, FET_RNG_TEST);
        fet_rng_init(&other, i, 0, FET_RNG_TEST);
        fet_augment_draw(&options, 28, 28, &one, &a);
        fet_augment_draw(&with_flip, 28, 28, &other, &b);
        assert_true(a.scale == b.scale && a.scale >= 1 / 1.5001f && a.scale <= 1.5001f);
        mean += log((double)a.scale) / DRAWS;
        together += log((double)a.scale) * (b.flip ? 1 : -1) / DRAWS;
    }
    double deviation = log(1.5) / sqrt(3.0 * DRAWS);
    CHECK_NEAR(mean, 0, 5 * deviation);
    CHECK_NEAR(together, 0, 5 * deviation); /* size and mirroring are independent */
}

static void test_augment_draws(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    fet_augment_options options = {.flip = true, .shift = 2, .erase = 0.25f};
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    uint32_t flips = 0, erased = 0, dx[5] = {0}, dy[5] = {0};
    for (int i = 0; i < DRAWS; i++) {
        fet_augmentation a;
        fet_augment_draw(&options, 28, 28, &rng, &a);
        flips += a.flip;
        dx[a.dx + 2]++;
        dy[a.dy + 2]++;
        if (a.top == a.bottom) continue;
        erased++;
        assert_true(a.bottom <= 28 && a.right <= 28 && a.top < a.bottom && a.left < a.right);
        double area = (double)(a.bottom - a.top) * (a.right - a.left) / (28 * 28);
        assert_true(area <= 0.33 + 1e-9);
    }
    /* Five standard deviations of the binomial. */
    CHECK_NEAR(flips, DRAWS * 0.5, 5 * sqrt(DRAWS * 0.25));
    CHECK_NEAR(erased, DRAWS * 0.25, 5 * sqrt(DRAWS * 0.1875));
    for (int s = 0; s < 5; s++) {
        CHECK_NEAR(dx[s], DRAWS * 0.2, 5 * sqrt(DRAWS * 0.16));
        CHECK_NEAR(dy[s], DRAWS * 0.2, 5 * sqrt(DRAWS * 0.16));
    }
}

/* One entry of a resized plane by the definition: a triangle as wide as the step, in both directions at once. */
static double resized(const float *plane, int h, int w, double y, double x, double step_y, double step_x)
{
    double sum = 0, weights = 0, ry = fmax(step_y, 1), rx = fmax(step_x, 1);
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++) {
            double weight = fmax(0, 1 - fabs(i + 0.5 - y) / ry) * fmax(0, 1 - fabs(j + 0.5 - x) / rx);
            sum += weight * plane[i * w + j];
            weights += weight;
        }
    return sum / weights;
}

static void test_resizing(void **state)
{
    (void)state;
    enum { BATCH = 7 };
    const int sizes[][2] = {{3, 10}, {12, 5}, {1, 1}, {4, 4}, {6, 5}};
    fet_loader_options options = {
        .split = FET_SPLIT_TRAIN, .batch = BATCH, .shuffle = true, .seed = 1, .augment = {.flip = true, .shift = 1}};
    fet_auto(fet_loader) plain = NULL;
    CHECK_OK(fet_loader_create(dataset, &options, &plain));
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        fet_batch from, to;
        fet_auto(fet_loader) loader = NULL;
        int h = sizes[s][0], w = sizes[s][1];
        options.height = h, options.width = w;
        CHECK_OK(fet_loader_create(dataset, &options, &loader));
        CHECK_OK(fet_loader_batch(plain, 2, 3, &from));
        CHECK_OK(fet_loader_batch(loader, 2, 3, &to));
        if (h == H && w == W) assert_memory_equal(from.images, to.images, sizeof(float) * BATCH * H * W);
        for (int i = 0; i < BATCH; i++) {
            assert_int_equal(from.labels[i], to.labels[i]);
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    double step_y = (double)H / h, step_x = (double)W / w;
                    CHECK_NEAR(to.images[(i * h + y) * w + x],
                               resized(from.images + i * H * W, H, W, (y + 0.5) * step_y, (x + 0.5) * step_x, step_y, step_x), 1e-5);
                }
        }
    }
    options.width = 0;
    fet_loader *none = NULL;
    CHECK_FAILS(FET_ERROR_ARG, fet_loader_create(dataset, &options, &none));
    CHECK_SAYS("6x0", "expected sides of 1 to");
    options.width = 9;
    for (uint64_t n = 0; n < 11; n++) {
        fet_alloc_fail_after(n);
        CHECK_FAILS(FET_ERROR_NOMEM, fet_loader_create(dataset, &options, &none));
    }
    fet_alloc_fail_after(UINT64_MAX);
}

/* A mixture by its definition, out of the images that a loader without it gives; on batches of one epoch, in any size, again the same. */
static void test_mixing(void **state)
{
    (void)state;
    enum { BATCH = 6, BATCHES = 10, AREA = H * W };
    fet_loader_options options = {
        .split = FET_SPLIT_TRAIN, .batch = BATCH, .shuffle = true, .seed = 3, .augment = {.flip = true, .shift = 1, .erase = 0.5f}};
    fet_auto(fet_loader) plain = NULL;
    fet_auto(fet_loader) mixing = NULL;
    fet_auto(fet_loader) small = NULL;
    CHECK_OK(fet_loader_create(dataset, &options, &plain));
    options.augment.mix = 0.5f;
    CHECK_OK(fet_loader_create(dataset, &options, &mixing));
    options.height = 3, options.width = 2;
    CHECK_OK(fet_loader_create(dataset, &options, &small));
    double sum = 0;
    uint32_t mixed = 0;
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        for (uint32_t b = BATCHES; b-- > 0;) {
            fet_batch from, to, other_size;
            CHECK_OK(fet_loader_batch(plain, epoch, b, &from));
            CHECK_OK(fet_loader_batch(mixing, epoch, b, &to));
            CHECK_OK(fet_loader_batch(small, epoch, b, &other_size));
            assert_true(!from.shares && !from.others);
            assert_memory_equal(from.labels, to.labels, sizeof *from.labels * BATCH);
            assert_memory_equal(other_size.shares, to.shares, sizeof *to.shares * BATCH); /* a teacher of another size sees the same */
            for (int i = 0; i < BATCH; i++) {
                int next = (i + 1) % BATCH;
                double share = to.shares[i];
                assert_int_equal(to.others[i], from.labels[next]);
                assert_true(share >= 0 && share <= 1);
                for (int p = 0; p < AREA; p++)
                    CHECK_NEAR(to.images[i * AREA + p], share * from.images[i * AREA + p] + (1 - share) * from.images[next * AREA + p],
                               1e-6);
                if (share < 1) sum += share, mixed++;
            }
        }
    }
    double n = 20 * BATCHES * BATCH;
    CHECK_NEAR(mixed, 0.5 * n, 5 * sqrt(0.25 * n));
    CHECK_NEAR(sum / mixed, 0.5, 5 * sqrt(1.0 / 12 / mixed)); /* even between 0 and 1 */
    fet_loader *none = NULL;
    for (uint64_t k = 0; k < 8; k++) {
        fet_alloc_fail_after(k);
        CHECK_FAILS(FET_ERROR_NOMEM, fet_loader_create(dataset, &options, &none));
    }
    fet_alloc_fail_after(UINT64_MAX);
    options.augment.mix = 1.5f;
    CHECK_FAILS(FET_ERROR_ARG, fet_loader_create(dataset, &options, &none));
    CHECK_SAYS("mix is 1.5", "from 0 to 1");
}

static void test_bad_options(void **state)
{
    (void)state;
    fet_loader *loader = NULL;
    fet_loader_options options = {.split = FET_SPLIT_TRAIN, .batch = 0};
    CHECK_FAILS(FET_ERROR_ARG, fet_loader_create(dataset, &options, &loader));
    options.batch = 64;
    options.shuffle = true; /* one more than there are */
    CHECK_FAILS(FET_ERROR_ARG, fet_loader_create(dataset, &options, &loader));
    CHECK_SAYS("batch is 64", "at most 63");
    options.batch = 8;
    options.augment.erase = NAN;
    CHECK_FAILS(FET_ERROR_ARG, fet_loader_create(dataset, &options, &loader));
    options.augment.erase = 0;
    options.augment.light = 1.5f;
    CHECK_FAILS(FET_ERROR_ARG, fet_loader_create(dataset, &options, &loader));
    options.augment.light = 0;
    options.augment.zoom = -0.5f;
    CHECK_FAILS(FET_ERROR_ARG, fet_loader_create(dataset, &options, &loader));
    options.augment.zoom = 0;
    for (uint64_t n = 0; n < 4; n++) {
        fet_alloc_fail_after(n);
        CHECK_FAILS(FET_ERROR_NOMEM, fet_loader_create(dataset, &options, &loader));
    }
    fet_alloc_fail_after(UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),          cmocka_unit_test(test_normalisation), cmocka_unit_test(test_epoch_holds_each_sample_once),
        cmocka_unit_test(test_evaluation_pads), cmocka_unit_test(test_random_access), cmocka_unit_test(test_augment_plane),
        cmocka_unit_test(test_augment_zoom),    cmocka_unit_test(test_augment_draws), cmocka_unit_test(test_augment_light),
        cmocka_unit_test(test_resizing),        cmocka_unit_test(test_mixing),        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
