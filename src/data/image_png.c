// SPDX-License-Identifier: Apache-2.0
/* PNG by libspng. Always decoded to RGB and made gray by the usual luma, so that all bit depths and palettes take one path. */
#include "data/image.h"

#include <spng.h>

/* libspng reports its zlib's lack of memory as a damaged stream, and hands its allocators no context: hence a note a thread. */
static _Thread_local bool out_of_memory;

static void *noted(void *pointer)
{
    out_of_memory |= !pointer;
    return pointer;
}

static void *png_malloc(size_t bytes)
{
    return noted(fet_malloc(bytes));
}

static void *png_realloc(void *pointer, size_t bytes)
{
    return noted(fet_realloc(pointer, bytes));
}

static void *png_calloc(size_t count, size_t bytes)
{
    return noted(fet_calloc(count, bytes));
}

static fet_status fail_png(int code, const char *name, const char *doing)
{
    if (code == SPNG_EMEM || out_of_memory) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to decode it", name);
    return fet_fail(FET_ERROR_CORRUPT, "%s: not a whole PNG: cannot read %s: %s", name, doing, spng_strerror(code));
}

static bool is_gray(const struct spng_ihdr *header)
{
    return header->color_type == SPNG_COLOR_TYPE_GRAYSCALE || header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
}

/* ITU-R 601 luma in 16-bit fixed point, the weights of libjpeg and Pillow. In place: a gray pixel is never ahead of its source. */
static void make_gray(fet_image *image)
{
    size_t n = (size_t)image->height * image->width;
    for (size_t p = 0; p < n; p++) {
        const uint8_t *rgb = image->pixels + 3 * p;
        image->pixels[p] = (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
    }
    image->channels = 1;
}

static fet_status decode(spng_ctx *context, const void *data, size_t bytes, uint32_t channels, const char *name, fet_image *image)
{
    /* A checksum that does not fit is damage, also in chunks we do not read. */
    spng_set_crc_action(context, SPNG_CRC_ERROR, SPNG_CRC_ERROR);
    int code = spng_set_png_buffer(context, data, bytes);
    if (code) return fail_png(code, name, "it");
    struct spng_ihdr header;
    code = spng_get_ihdr(context, &header);
    if (code) return fail_png(code, name, "the header");
    FET_TRY(fet_image_alloc(3, header.height, header.width, name, image));
    size_t room = 0;
    code = spng_decoded_image_size(context, SPNG_FMT_RGB8, &room);
    if (code) return fail_png(code, name, "the size");
    if (room != (size_t)3 * header.height * header.width)
        return fet_fail(FET_ERROR_CORRUPT, "%s: %zu bytes of pixels, expected %zu", name, room, (size_t)3 * header.height * header.width);
    code = spng_decode_image(context, image->pixels, room, SPNG_FMT_RGB8, 0);
    if (code) return fail_png(code, name, "the pixels");
    /* What stands behind the pixels, the end mark included: without it the file was cut. */
    code = spng_decode_chunks(context);
    if (code) return fail_png(code, name, "the end");
    if (channels == 1 || (channels == 0 && is_gray(&header))) make_gray(image);
    return FET_OK;
}

fet_status fet_image_decode_png(const void *data, size_t bytes, uint32_t channels, const char *name, fet_image *out_image)
{
    struct spng_alloc allocator = {.malloc_fn = png_malloc, .realloc_fn = png_realloc, .calloc_fn = png_calloc, .free_fn = fet_free};
    out_of_memory = false;
    spng_ctx *context = spng_ctx_new2(&allocator, 0);
    if (!context) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to decode it", name);
    fet_image image = {0};
    fet_status status = decode(context, data, bytes, channels, name, &image);
    spng_ctx_free(context);
    if (status == FET_OK) *out_image = image;
    else fet_image_clear(&image);
    return status;
}
