// SPDX-License-Identifier: Apache-2.0
#include "cli/wrap.h"

#include "cli/table.h"

#include <stdarg.h>
#include <string.h>

enum { DEFAULT_WIDTH = 100, TEXT_BYTES = 2048 };

static void put_words(FILE *out, const char *text, size_t indent, size_t width)
{
    size_t at = 0;
    while (*text) {
        size_t length = strcspn(text, " ");
        if (at > 0 && at + 1 + length > width) {
            at = 0;
            fputc('\n', out);
        }
        if (at == 0) at = (size_t)fprintf(out, "%*s%.*s", (int)indent, "", (int)length, text);
        else at += (size_t)fprintf(out, " %.*s", (int)length, text);
        text += length + (text[length] == ' ');
    }
    fputc('\n', out);
}

void fet_cli_wrap(const fet_cli *cli, size_t indent, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    uint32_t width = fet_cli_width(cli);
    put_words(cli->out, text, indent, width ? width : DEFAULT_WIDTH);
}
