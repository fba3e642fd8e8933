// SPDX-License-Identifier: Apache-2.0
#include "cli/device_draw.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

void fet_device_draw_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<') fputs("&lt;", out);
        else if (*text == '&') fputs("&amp;", out);
        else fputc(*text, out);
    }
}

fet_status fet_device_draw(const char *path, const char *title, int width, int height, void (*draw)(FILE *out, const void *context),
                           const void *context)
{
    char *text = NULL;
    size_t bytes = 0, end = strlen(path);
    FILE *out = open_memstream(&text, &bytes);
    if (!out) return fet_fail(FET_ERROR_NOMEM, "no memory for a plot");
    if (end < 4 || strcmp(path + end - 4, ".svg") != 0)
        fprintf(out, "<!doctype html>\n<meta charset='utf-8'>\n<title>fettle device</title>\n");
    fprintf(out,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-family='sans-serif' font-size='12'>\n<rect width='100%%' "
            "height='100%%' fill='white'/>\n<text x='20' y='22' font-size='15'>",
            width, height);
    fet_device_draw_text(out, title);
    fprintf(out, "</text>\n");
    draw(out, context);
    fprintf(out, "</svg>\n");
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    fet_status status = failed ? fet_fail(FET_ERROR_NOMEM, "no memory for a plot") : fet_file_replace(path, text, bytes);
    free(text);
    return status;
}
