// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a JPEG or PNG: the first byte chooses channels and size, the rest is the file. What decodes is resized. */
#include "data/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { LIMIT_PIXELS = 1 << 20, SIDE = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 1) return 0;
    static const uint32_t channels[] = {0, 1, 3};
    fet_image image = {0};
    if (fet_image_decode(data + 1, bytes - 1, channels[data[0] % 3], "x", &image) != FET_OK) return 0;
    uint8_t planes[3 * SIDE * SIDE];
    /* Large pictures are valid, but slow to resize a million times. */
    if ((uint64_t)image.height * image.width <= LIMIT_PIXELS &&
        fet_image_resize_planes(&image, 1 + data[0] % SIDE, 1 + data[0] / 3 % SIDE, planes) != FET_OK)
        __builtin_trap();
    fet_image_clear(&image);
    return 0;
}
