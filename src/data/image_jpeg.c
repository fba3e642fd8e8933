// SPDX-License-Identifier: Apache-2.0
/*
 * JPEG by libjpeg. Its errors come by longjmp and become statuses here; its warnings about damaged data, which it would paper over with
 * gray, are errors too. Everything that lives across the jump is in `decoder`, so no local variable can be lost to it.
 */
#include "data/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    const char *name;
    fet_status status;
    fet_image image;
} decoder;

static void fail_decode(j_common_ptr common)
{
    decoder *d = common->client_data;
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    if (d->image.pixels)
        d->status =
            fet_fail(FET_ERROR_CORRUPT, "%s: damaged after line %u of %u: %s", d->name, d->jpeg.output_scanline, d->image.height, text);
    else if (common->err->msg_code == JERR_OUT_OF_MEMORY) d->status = fet_fail(FET_ERROR_NOMEM, "%s: no memory to decode it", d->name);
    else d->status = fet_fail(FET_ERROR_CORRUPT, "%s: not a whole JPEG: %s", d->name, text);
    longjmp(d->escape, 1);
}

static void on_message(j_common_ptr common, int level)
{
    /* Level -1: the data are damaged. These two are not: padding between segments, and a colour hint of an unknown version. */
    int code = common->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM) fail_decode(common);
}

static void no_output(j_common_ptr common)
{
    (void)common;
}

static void decode(decoder *d, const void *data, size_t bytes, uint32_t channels)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg_mem_src(jpeg, data, (unsigned long)bytes);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->num_components == 4) {
        d->status = fet_fail(FET_ERROR_UNSUPPORTED, "%s: CMYK colours, expected gray or RGB", d->name);
        return;
    }
    if (channels == 0) channels = jpeg->num_components == 1 ? 1 : 3;
    jpeg->out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    /* Before anything is allocated by the library: a header can claim any size. */
    d->status = fet_image_alloc(channels, jpeg->image_height, jpeg->image_width, d->name, &d->image);
    if (d->status != FET_OK) return;
    jpeg_start_decompress(jpeg);
    if (jpeg->output_width != d->image.width || jpeg->output_height != d->image.height || jpeg->output_components != (int)channels) {
        d->status = fet_fail(FET_ERROR_UNSUPPORTED, "%s: %d colour components, expected gray or RGB", d->name, jpeg->num_components);
        return;
    }
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = d->image.pixels + (size_t)jpeg->output_scanline * d->image.width * channels;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

fet_status fet_image_decode_jpeg(const void *data, size_t bytes, uint32_t channels, const char *name, fet_image *out_image)
{
    decoder *d = fet_calloc(1, sizeof *d);
    if (!d) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to decode it", name);
    d->name = name;
    d->jpeg.err = jpeg_std_error(&d->errors);
    d->jpeg.client_data = d;
    d->errors.error_exit = fail_decode;
    d->errors.emit_message = on_message;
    d->errors.output_message = no_output;
    if (setjmp(d->escape) == 0) decode(d, data, bytes, channels);
    jpeg_destroy_decompress(&d->jpeg);
    fet_status status = d->status;
    if (status == FET_OK) *out_image = d->image;
    else fet_image_clear(&d->image);
    fet_free(d);
    return status;
}
