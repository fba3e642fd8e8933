// SPDX-License-Identifier: Apache-2.0
/* A made-up data set that a small network learns at once, stripes across, along and crossed; and arguments put together for the program. */
#ifndef FET_TESTS_CLI_STRIPES_H
#define FET_TESTS_CLI_STRIPES_H

#include "../data/samples.h"

#include "base/rng.h"

enum { SIDE = 12, CLASSES = 3 };

/* Upright, lying or chequered, with noise. */
static inline void draw_stripes(fet_rng *rng, uint32_t class, uint8_t *pixels)
{
    for (uint32_t p = 0; p < SIDE * SIDE; p++) {
        uint32_t x = p % SIDE / 2, y = p / SIDE / 2, on = class == 0 ? x % 2 : class == 1 ? y % 2 : (x + y) % 2;
        pixels[p] = (uint8_t)(60u + 100u * on + fet_rng_below(rng, 60));
    }
}

static inline void write_stripes(const char *folder, const char *images, const char *labels, uint32_t n, uint64_t seed)
{
    uint8_t *pixels = malloc((size_t)n * SIDE * SIDE), *classes = malloc(n);
    assert_non_null(pixels);
    assert_non_null(classes);
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    for (uint32_t i = 0; i < n; i++) {
        classes[i] = (uint8_t)(i % CLASSES);
        draw_stripes(&rng, classes[i], pixels + (size_t)i * SIDE * SIDE);
    }
    write_idx_images(path_in(folder, images), n, SIDE, SIDE, pixels);
    write_idx_labels(path_in(folder, labels), n, classes);
    free(pixels);
    free(classes);
}

/* Arguments put together; a few at a time stay valid. */
static inline const char *words(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *words(const char *format, ...)
{
    static char texts[8][1536];
    static unsigned next;
    char *text = texts[next++ % 8];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof texts[0], format, arguments);
    va_end(arguments);
    return text;
}

#endif
