// SPDX-License-Identifier: Apache-2.0
#include "data/image.h"

#include <string.h>

void fet_image_clear(fet_image *image)
{
    fet_free(image->pixels);
    *image = (fet_image){0};
}

fet_status fet_image_alloc(uint64_t channels, uint64_t height, uint64_t width, const char *name, fet_image *out_image)
{
    if (height == 0 || width == 0 || height > UINT32_MAX || width > UINT32_MAX || height * width > FET_IMAGE_LIMIT_PIXELS)
        return fet_fail(FET_ERROR_LIMIT, "%s: image of %llux%llu pixels, expected 1 to %llu altogether", name, (unsigned long long)width,
                        (unsigned long long)height, (unsigned long long)FET_IMAGE_LIMIT_PIXELS);
    uint8_t *pixels = fet_malloc(channels * height * width);
    if (!pixels)
        return fet_fail(FET_ERROR_NOMEM, "%s: no memory for %llux%llu pixels", name, (unsigned long long)width, (unsigned long long)height);
    *out_image = (fet_image){.channels = (uint32_t)channels, .height = (uint32_t)height, .width = (uint32_t)width, .pixels = pixels};
    return FET_OK;
}

fet_status fet_image_decode(const void *data, size_t bytes, uint32_t channels, const char *name, fet_image *out_image)
{
    static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF}, png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    if (bytes >= sizeof jpeg && memcmp(data, jpeg, sizeof jpeg) == 0) return fet_image_decode_jpeg(data, bytes, channels, name, out_image);
    if (bytes >= sizeof png && memcmp(data, png, sizeof png) == 0) return fet_image_decode_png(data, bytes, channels, name, out_image);
    if (bytes == 0) return fet_fail(FET_ERROR_CORRUPT, "%s: empty file, expected a JPEG or PNG image", name);
    return fet_fail(FET_ERROR_CORRUPT, "%s: byte 0: starts neither as JPEG nor as PNG", name);
}
