// SPDX-License-Identifier: Apache-2.0
#include "data/npy.h"

#include <stdlib.h>
#include <string.h>

/* The header, read from left to right. */
typedef struct cursor {
    const char *at, *end;
    const char *name; /* of the file */
} cursor;

static void skip_space(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t')) c->at++;
}

static bool take(cursor *c, char what)
{
    skip_space(c);
    if (c->at == c->end || *c->at != what) return false;
    c->at++;
    return true;
}

static fet_status bad(const cursor *c, const char *expected)
{
    size_t left = (size_t)(c->end - c->at);
    char text[24] = "";
    for (size_t i = 0; i < left && i < sizeof text - 1; i++) text[i] = c->at[i] >= ' ' && c->at[i] <= '~' ? c->at[i] : '?';
    return fet_fail(FET_ERROR_CORRUPT, "%s: its .npy header has \"%s\", expected %s", c->name, text, expected);
}

/* 'text' or "text", without escapes. */
static fet_status take_text(cursor *c, char *out, size_t bytes)
{
    skip_space(c);
    char quote = c->at < c->end ? *c->at : '\0';
    if (quote != '\'' && quote != '"') return bad(c, "a quoted text");
    const char *first = ++c->at;
    while (c->at < c->end && *c->at != quote) c->at++;
    if (c->at == c->end || (size_t)(c->at - first) >= bytes) return bad(c, "a short quoted text");
    memcpy(out, first, (size_t)(c->at - first));
    out[c->at - first] = '\0';
    c->at++;
    return FET_OK;
}

static fet_status take_descr(cursor *c, fet_dtype *out_dtype)
{
    char text[32];
    FET_TRY(take_text(c, text, sizeof text));
    if (strcmp(text, "<f4") == 0) *out_dtype = FET_DTYPE_F32;
    else if (strcmp(text, "|u1") == 0 || strcmp(text, "<u1") == 0) *out_dtype = FET_DTYPE_U8;
    else return fet_fail(FET_ERROR_UNSUPPORTED, "%s: its numbers are \"%s\", expected float32 ('<f4') or uint8 ('|u1')", c->name, text);
    return FET_OK;
}

static fet_status take_order(cursor *c)
{
    skip_space(c);
    size_t left = (size_t)(c->end - c->at);
    if (left >= 4 && memcmp(c->at, "True", 4) == 0)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: its numbers lie column by column, expected row by row (fortran_order: False)", c->name);
    if (left < 5 || memcmp(c->at, "False", 5) != 0) return bad(c, "True or False as fortran_order");
    c->at += 5;
    return FET_OK;
}

static fet_status take_number(cursor *c, int64_t *out_value)
{
    skip_space(c);
    int64_t value = 0;
    const char *first = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (value > INT64_MAX / 10 - 1) return bad(c, "a smaller dimension");
        value = value * 10 + (*c->at - '0');
    }
    if (c->at == first) return bad(c, "a dimension");
    *out_value = value;
    return FET_OK;
}

/* (), (3,) or (3, 4). */
static fet_status take_shape(cursor *c, fet_shape *out_shape)
{
    fet_shape shape = {0};
    if (!take(c, '(')) return bad(c, "a shape in parentheses");
    while (!take(c, ')')) {
        if (shape.rank == FET_MAX_RANK) return fet_fail(FET_ERROR_LIMIT, "%s: more than %d dimensions", c->name, FET_MAX_RANK);
        FET_TRY(take_number(c, &shape.dim[shape.rank++]));
        if (take(c, ',')) continue;
        if (!take(c, ')')) return bad(c, "\",\" or \")\" behind a dimension");
        break;
    }
    *out_shape = shape;
    return FET_OK;
}

static fet_status parse_header(cursor *c, fet_npy *npy)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
    unsigned seen = 0;
    if (!take(c, '{')) return bad(c, "a dictionary");
    while (!take(c, '}')) {
        char key[32];
        FET_TRY(take_text(c, key, sizeof key));
        unsigned which = strcmp(key, "descr") == 0           ? DESCR
                         : strcmp(key, "fortran_order") == 0 ? ORDER
                         : strcmp(key, "shape") == 0         ? SHAPE
                                                             : 0;
        if (!which || seen & which)
            return fet_fail(FET_ERROR_CORRUPT, "%s: its .npy header has \"%s\", expected descr, fortran_order and shape, each once",
                            c->name, key);
        seen |= which;
        if (!take(c, ':')) return bad(c, "\":\" behind a key");
        FET_TRY(which == DESCR ? take_descr(c, &npy->dtype) : which == ORDER ? take_order(c) : take_shape(c, &npy->shape));
        if (!take(c, ',')) {
            if (!take(c, '}')) return bad(c, "\",\" or \"}\" behind a value");
            break;
        }
    }
    if (seen == (DESCR | ORDER | SHAPE)) return FET_OK;
    return fet_fail(FET_ERROR_CORRUPT, "%s: its .npy header lacks a part, expected descr, fortran_order and shape", c->name);
}

/* Where the header stands, by the version's size of its length. */
static fet_status find_header(const uint8_t *data, size_t bytes, const char *name, size_t *out_first, size_t *out_length)
{
    static const uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    if (bytes < 12 || memcmp(data, magic, sizeof magic) != 0)
        return fet_fail(FET_ERROR_CORRUPT, "%s: this is no .npy file, expected one that begins with \\x93NUMPY", name);
    uint8_t version = data[6];
    if (version < 1 || version > 3) return fet_fail(FET_ERROR_UNSUPPORTED, "%s: .npy version %u, expected 1 to 3", name, version);
    *out_first = version == 1 ? 10 : 12;
    *out_length = (size_t)data[8] | (size_t)data[9] << 8;
    if (version > 1) *out_length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (*out_length > FET_NPY_LIMIT_HEADER || *out_length > bytes - *out_first)
        return fet_fail(FET_ERROR_CORRUPT, "%s: a .npy header of %zu bytes, expected at most %d and within the file's %zu bytes", name,
                        *out_length, FET_NPY_LIMIT_HEADER, bytes);
    return FET_OK;
}

fet_status fet_npy_parse(const void *data, size_t bytes, const char *name, fet_npy *out_npy)
{
    const uint8_t *file = data;
    size_t first = 0, length = 0;
    FET_TRY(find_header(file, bytes, name, &first, &length));
    fet_npy npy = {0};
    const char *header = (const char *)file + first;
    cursor c = {.at = header, .end = header + length, .name = name};
    FET_TRY(parse_header(&c, &npy));
    size_t item = fet_dtype_bytes(npy.dtype), left = bytes - first - length;
    char text[FET_SHAPE_TEXT_BYTES];
    FET_TRY(fet_shape_check(&npy.shape, item, FET_NPY_LIMIT_BYTES, name));
    npy.count = (size_t)fet_shape_elements(&npy.shape);
    if (npy.count * item != left)
        return fet_fail(FET_ERROR_CORRUPT, "%s: %zu bytes of numbers, expected %zu for %s of %s", name, left, npy.count * item,
                        fet_shape_print(&npy.shape, text, sizeof text), fet_dtype_name(npy.dtype));
    npy.bytes = file + first + length;
    *out_npy = npy;
    return FET_OK;
}

void fet_npy_read(const fet_npy *npy, size_t first, size_t n, float *out)
{
    if (npy->dtype == FET_DTYPE_F32) memcpy(out, npy->bytes + first * sizeof *out, n * sizeof *out);
    for (size_t i = 0; npy->dtype == FET_DTYPE_U8 && i < n; i++) out[i] = npy->bytes[first + i];
}
