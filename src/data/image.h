// SPDX-License-Identifier: Apache-2.0
/*
 * One decoded image: 8-bit gray or RGB, rows top down, channels interleaved. Decoded from bytes in memory (JPEG or PNG, told by its first
 * bytes, not by its name). A damaged file is CORRUPT even where the decoder could show part of it: a half-gray picture must not become a
 * training sample.
 */
#ifndef FET_DATA_IMAGE_H
#define FET_DATA_IMAGE_H

#include "base/alloc.h"

#define FET_IMAGE_LIMIT_PIXELS ((uint64_t)1 << 26) /* 64 megapixels: what one decode may ask of memory */
#define FET_IMAGE_LIMIT_FILE_BYTES ((size_t)1 << 28)

typedef struct fet_image {
    uint32_t channels, height, width;
    uint8_t *pixels; /* [height, width, channels], heap */
} fet_image;

/* channels: 1 or 3 converts, 0 keeps the file's own (transparency is dropped). `name` is the file, for messages. Errors: CORRUPT,
 * UNSUPPORTED, LIMIT, NOMEM. */
FET_MUST_CHECK fet_status fet_image_decode(const void *data, size_t bytes, uint32_t channels, const char *name, fet_image *out_image);
FET_MUST_CHECK fet_status fet_image_decode_jpeg(const void *data, size_t bytes, uint32_t channels, const char *name, fet_image *out_image);
FET_MUST_CHECK fet_status fet_image_decode_png(const void *data, size_t bytes, uint32_t channels, const char *name, fet_image *out_image);
void fet_image_clear(fet_image *image);

/* Room for pixels of this size, or LIMIT. */
FET_MUST_CHECK fet_status fet_image_alloc(uint64_t channels, uint64_t height, uint64_t width, const char *name, fet_image *out_image);

/*
 * Resizes to height x width and writes planes (C,H,W), as the data sets keep them. Bilinear with antialiasing: a triangle filter, widened
 * by the scale when the picture shrinks, so every source pixel counts (the same as Pillow's BILINEAR). The same size is copied exactly.
 */
FET_MUST_CHECK fet_status fet_image_resize_planes(const fet_image *image, uint32_t height, uint32_t width, uint8_t *out_planes);

#endif
