// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024 };

static _Thread_local struct {
    char message[MESSAGE_BYTES];
    const char *file;
    int line;
} record;

/* Messages are one line each whatever a file name or a library put into them. */
static void make_one_line(char *text)
{
    for (char *c = text; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t') *c = ' ';
}

fet_status fet_fail_at(fet_status code, const char *file, int line, const char *format, ...)
{
    /* Format aside first: an argument may point into the record itself. */
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_one_line(text);
    memcpy(record.message, text, sizeof text);
    record.file = file;
    record.line = line;
    return code;
}

fet_status fet_note(fet_status code, const char *format, ...)
{
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0) return code;
    /* Cut on purpose when both are long: the record holds one line of limited length. */
    size_t used = strlen(text);
    const char *parts[] = {": ", record.message};
    for (int i = 0; i < 2; i++)
        for (const char *c = parts[i]; *c && used + 1 < sizeof text; c++) text[used++] = *c;
    text[used] = '\0';
    make_one_line(text);
    memcpy(record.message, text, sizeof text);
    return code;
}

const char *fet_error_message(void)
{
    return record.message;
}

const char *fet_error_place(void)
{
    static _Thread_local char place[256];
    snprintf(place, sizeof place, "%s:%d", record.file ? record.file : "?", record.line);
    return place;
}

void fet_error_clear(void)
{
    record.message[0] = '\0';
    record.file = NULL;
    record.line = 0;
}

const char *fet_status_name(fet_status code)
{
    switch (code) {
    case FET_OK: return "ok";
    case FET_ERROR_ARG: return "bad argument";
    case FET_ERROR_SHAPE: return "shape mismatch";
    case FET_ERROR_UNSUPPORTED: return "unsupported";
    case FET_ERROR_NOT_FOUND: return "not found";
    case FET_ERROR_EXISTS: return "exists already";
    case FET_ERROR_STATE: return "wrong state";
    case FET_ERROR_LIMIT: return "over a limit";
    case FET_ERROR_IO: return "input/output error";
    case FET_ERROR_CORRUPT: return "corrupt file";
    case FET_ERROR_NOMEM: return "out of memory";
    }
    return "unknown status";
}
