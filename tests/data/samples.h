// SPDX-License-Identifier: Apache-2.0
/* Files that the tests of data make for themselves: IDX, JPEG and PNG images in a folder under $TMPDIR that is removed at the end. */
#ifndef FET_TESTS_DATA_SAMPLES_H
#define FET_TESTS_DATA_SAMPLES_H

#include "check.h"

#include "base/file.h"

#include <ftw.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>
#include <spng.h>
#include <zlib.h>

/* The path stays valid for the next few hundred calls. */
static inline const char *path_in(const char *folder, const char *name)
{
    static char paths[512][512];
    static unsigned next;
    char *path = paths[next++ % 512];
    size_t used = strlen(folder), more = strlen(name);
    assert_true(used + more + 2 <= sizeof paths[0]);
    memcpy(path, folder, used);
    path[used] = '/';
    memcpy(path + used + 1, name, more + 1);
    return path;
}

static inline const char *make_folder(void)
{
    static char folder[512];
    const char *root = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/fettle-test-XXXXXX", root ? root : "/tmp");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static inline int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static inline void remove_folder(const char *folder)
{
    assert_int_equal(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void write_file(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* Writes all but `cut` bytes of an IDX file (magic number, dimensions, elements), zipped when the name ends in .gz. */
static inline void write_idx_raw(const char *path, uint32_t magic, const uint32_t *dim, uint32_t rank, const uint8_t *elements,
                                 size_t count, size_t cut)
{
    uint8_t *data = malloc(16 + count);
    assert_non_null(data);
    uint8_t *end = data;
    for (uint32_t i = 0; i <= rank; i++) {
        uint32_t word = i == 0 ? magic : dim[i - 1];
        for (int shift = 24; shift >= 0; shift -= 8) *end++ = (uint8_t)(word >> shift);
    }
    memcpy(end, elements, count);
    size_t bytes = (size_t)(end - data) + count - cut;
    size_t length = strlen(path);
    if (length > 3 && strcmp(path + length - 3, ".gz") == 0) {
        gzFile file = gzopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(gzwrite(file, data, (unsigned)bytes), bytes);
        assert_int_equal(gzclose(file), Z_OK);
    } else {
        write_file(path, data, bytes);
    }
    free(data);
}

static inline void write_idx_images(const char *path, uint32_t n, uint32_t height, uint32_t width, const uint8_t *pixels)
{
    write_idx_raw(path, 0x803, (const uint32_t[]){n, height, width}, 3, pixels, (size_t)n * height * width, 0);
}

static inline void write_idx_labels(const char *path, uint32_t n, const uint8_t *labels)
{
    write_idx_raw(path, 0x801, (const uint32_t[]){n}, 1, labels, n, 0);
}

/* A whole folder: n_train and n_test images of height x width with labels i % n_classes; pixel p of sample i is (31 i + 7 p) % 256. */
static inline uint8_t idx_pixel(uint32_t i, uint32_t p)
{
    return (uint8_t)(31 * i + 7 * p);
}

static inline void write_idx_set(const char *folder, const char *images, const char *labels, uint32_t n, uint32_t height, uint32_t width,
                                 uint32_t n_classes)
{
    uint8_t *pixels = malloc((size_t)n * height * width), *classes = malloc(n);
    assert_non_null(pixels);
    assert_non_null(classes);
    for (uint32_t i = 0; i < n; i++) {
        classes[i] = (uint8_t)(i % n_classes);
        for (uint32_t p = 0; p < height * width; p++) pixels[(size_t)i * height * width + p] = idx_pixel(i, p);
    }
    write_idx_images(path_in(folder, images), n, height, width, pixels);
    write_idx_labels(path_in(folder, labels), n, classes);
    free(pixels);
    free(classes);
}

static inline void write_idx_folder(const char *folder, uint32_t n_train, uint32_t n_test, uint32_t height, uint32_t width,
                                    uint32_t n_classes)
{
    write_idx_set(folder, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", n_train, height, width, n_classes);
    write_idx_set(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz", n_test, height, width, n_classes);
}

/* Encoded images; `pixels` is [height, width, channels]. Heap of malloc. */
static inline uint8_t *encode_jpeg(const uint8_t *pixels, uint32_t height, uint32_t width, uint32_t channels, size_t *out_bytes)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long bytes = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &bytes);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = (int)channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + (size_t)jpeg.next_scanline * width * channels);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    *out_bytes = bytes;
    return data;
}

static inline uint8_t *encode_png(const uint8_t *pixels, uint32_t height, uint32_t width, uint32_t channels, size_t *out_bytes)
{
    spng_ctx *context = spng_ctx_new(SPNG_CTX_ENCODER);
    assert_non_null(context);
    static const uint8_t colors[] = {0, SPNG_COLOR_TYPE_GRAYSCALE, SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, SPNG_COLOR_TYPE_TRUECOLOR,
                                     SPNG_COLOR_TYPE_TRUECOLOR_ALPHA};
    struct spng_ihdr header = {.width = width, .height = height, .bit_depth = 8, .color_type = colors[channels]};
    spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
    assert_int_equal(spng_set_ihdr(context, &header), 0);
    assert_int_equal(spng_encode_image(context, pixels, (size_t)height * width * channels, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
    int error = 0;
    uint8_t *data = spng_get_png_buffer(context, out_bytes, &error);
    assert_non_null(data);
    spng_ctx_free(context);
    return data;
}

static inline void write_image(const char *path, const uint8_t *pixels, uint32_t height, uint32_t width, uint32_t channels)
{
    size_t bytes = 0, length = strlen(path);
    bool png = strcasecmp(path + length - 4, ".png") == 0;
    uint8_t *data = png ? encode_png(pixels, height, width, channels, &bytes) : encode_jpeg(pixels, height, width, channels, &bytes);
    write_file(path, data, bytes);
    free(data);
}

/* The message of the last error holds each of these words. */
#define CHECK_SAYS(...)                                                                                                                    \
    do {                                                                                                                                   \
        const char *says_[] = {__VA_ARGS__};                                                                                               \
        for (size_t says_i_ = 0; says_i_ < sizeof says_ / sizeof says_[0]; says_i_++)                                                      \
            if (!strstr(fet_error_message(), says_[says_i_])) fail_msg("\"%s\" does not say \"%s\"", fet_error_message(), says_[says_i_]); \
    } while (0)

#endif
