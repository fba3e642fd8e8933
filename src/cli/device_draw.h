// SPDX-License-Identifier: Apache-2.0
/* The frame of the pictures of `fettle device`. */
#ifndef FET_CLI_DEVICE_DRAW_H
#define FET_CLI_DEVICE_DRAW_H

#include "base/status.h"

#include <stdio.h>

/* A page or an SVG around what `draw` puts: SVG when the path ends in .svg, else HTML. */
FET_MUST_CHECK fet_status fet_device_draw(const char *path, const char *title, int width, int height,
                                          void (*draw)(FILE *out, const void *context), const void *context);
/* A text of somebody else inside of it. */
void fet_device_draw_text(FILE *out, const char *text);

#endif
