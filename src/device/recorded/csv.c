// SPDX-License-Identifier: Apache-2.0
/* The CSV of a recorded device: columns are found by name, each row becomes a key and a latency. */
#include "base/file.h"
#include "base/text.h"
#include "device/recorded/recorded.h"
#include "op/op.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_BYTES = 1 << 28, MAX_COLUMNS = 64 };

typedef enum column {
    KERNEL,
    OP,
    PRECISION,
    BATCH,
    CIN,
    COUT,
    HEIGHT,
    WIDTH,
    KSIZE,
    STRIDE,
    PAD,
    GROUP,
    ACTIVATION,
    BIAS,
    ADD,
    MS,
    US,
    SPREAD,
    N_COLUMNS
} column;
static const char *const names[N_COLUMNS] = {"kernel", "op",    "precision",  "batch", "cin", "cout",       "h",          "w",     "k", "s",
                                             "p",      "group", "activation", "bias",  "add", "latency_ms", "latency_us", "spread"};

typedef struct reader {
    const char *name;
    uint32_t row;
    int32_t at[N_COLUMNS]; /* -1: not there */
    uint32_t n_columns;
    char *cells[MAX_COLUMNS];
} reader;

static fet_status wrong(const reader *r, column c, const char *expected)
{
    const char *cell = r->at[c] >= 0 ? r->cells[r->at[c]] : "";
    return fet_fail(FET_ERROR_CORRUPT, "%s:%u: column \"%s\": \"%.60s\": expected %s", r->name, r->row, names[c], cell, expected);
}

/* Splits at commas, in place; a cell may stand in double quotes (keys have commas). False: an open quote. */
static bool split(reader *r, char *line)
{
    r->n_columns = 0;
    for (char *at = line; at && r->n_columns < MAX_COLUMNS;) {
        while (*at == ' ') at++;
        if (*at == '"') {
            char *end = strchr(at + 1, '"');
            if (!end) return false;
            r->cells[r->n_columns++] = at + 1;
            *end = '\0';
            at = strchr(end + 1, ',');
            if (at) at++;
            continue;
        }
        char *comma = strchr(at, ',');
        r->cells[r->n_columns++] = at;
        if (comma) *comma = '\0';
        for (char *end = at + strlen(at); end > at && (end[-1] == ' ' || end[-1] == '\r');) *--end = '\0';
        at = comma ? comma + 1 : NULL;
    }
    return true;
}

static const char *cell(const reader *r, column c)
{
    return r->at[c] >= 0 ? r->cells[r->at[c]] : "";
}

static fet_status whole(const reader *r, column c, uint32_t otherwise, uint32_t low, uint32_t high, uint32_t *out)
{
    const char *text = cell(r, c);
    char *end = NULL, expected[64];
    *out = otherwise;
    if (!text[0] && otherwise != UINT32_MAX) return FET_OK;
    unsigned long long value = strtoull(text, &end, 10);
    snprintf(expected, sizeof expected, "a whole number, %u to %u", low, high);
    if (text[strspn(text, "0123456789")] || end == text || value < low || value > high) return wrong(r, c, expected);
    *out = (uint32_t)value;
    return FET_OK;
}

static fet_status real(const reader *r, column c, double otherwise, double low, double high, double *out)
{
    const char *text = cell(r, c);
    char *end = NULL, expected[64];
    *out = otherwise;
    if (!text[0] && !isnan(otherwise)) return FET_OK;
    *out = strtod(text, &end);
    snprintf(expected, sizeof expected, "a number, %g to %g", low, high);
    return end == text || *end || !(*out >= low && *out <= high) ? wrong(r, c, expected) : FET_OK;
}

static fet_status read_type(const reader *r, fet_kernel_key *key)
{
    const char *op = cell(r, OP), *precision = cell(r, PRECISION), *activation = cell(r, ACTIVATION);
    if (!op[0] || strcmp(op, "conv") == 0 || strcmp(op, "dw") == 0 || strcmp(op, "pw") == 0) key->op = FET_OP_CONV;
    else if (strcmp(op, "gemm") == 0 || strcmp(op, "fc") == 0) key->op = FET_OP_GEMM;
    else return wrong(r, OP, "conv, pw, dw or gemm (others: by their key, in a column \"kernel\")");
    if (!precision[0] || strcmp(precision, "int8") == 0 || strcmp(precision, "s8") == 0) key->precision = FET_DTYPE_S8;
    else if (strcmp(precision, "bf16") == 0) key->precision = FET_DTYPE_BF16;
    else if (strcmp(precision, "fp16") == 0 || strcmp(precision, "f16") == 0) key->precision = FET_DTYPE_F16;
    else if (strcmp(precision, "f32") == 0) key->precision = FET_DTYPE_F32;
    else return wrong(r, PRECISION, "int8, bf16, fp16 or f32");
    for (uint32_t i = 0; activation[0] && i <= FET_ACTIVATION_COUNT; i++) {
        if (i == FET_ACTIVATION_COUNT) return wrong(r, ACTIVATION, "none, relu, clip, sigmoid, ...");
        if (strcmp(activation, fet_activation_name((fet_activation_kind)i)) != 0 && !(i == 0 && strcmp(activation, "none") == 0)) continue;
        key->activation = (uint8_t)i;
        break;
    }
    return FET_OK;
}

static fet_status read_conv(const reader *r, fet_kernel_key *key)
{
    uint32_t k = 1, s = 1, p = 0, bias = 1, add = 0;
    FET_TRY(read_type(r, key));
    FET_TRY(whole(r, BATCH, 1, 1, 4096, &key->n));
    FET_TRY(whole(r, CIN, UINT32_MAX, 1, 1 << 24, &key->ic));
    FET_TRY(whole(r, COUT, key->ic, 1, 1 << 24, &key->oc));
    if (key->op == FET_OP_CONV) {
        FET_TRY(whole(r, HEIGHT, UINT32_MAX, 1, 1 << 20, &key->ih));
        FET_TRY(whole(r, WIDTH, key->ih, 1, 1 << 20, &key->iw));
        FET_TRY(whole(r, KSIZE, 1, 1, 1024, &k));
        FET_TRY(whole(r, STRIDE, 1, 1, 1024, &s));
        FET_TRY(whole(r, PAD, k / 2, 0, 1024, &p));
        FET_TRY(whole(r, GROUP, strcmp(cell(r, OP), "dw") == 0 ? key->ic : 1, 1, 1 << 24, &key->group));
        if (key->ic % key->group || key->oc % key->group) return wrong(r, GROUP, "a divisor of cin and cout");
        if (key->ih + 2 * p < k || key->iw + 2 * p < k) return wrong(r, KSIZE, "a window no larger than the padded input");
        key->oh = (key->ih + 2 * p - k) / s + 1, key->ow = (key->iw + 2 * p - k) / s + 1;
        key->kh = key->kw = (uint16_t)k, key->sh = key->sw = (uint16_t)s, key->dh = key->dw = 1;
        key->pad_top = key->pad_left = (uint16_t)p;
        /* At the end only what the last window reaches, as keys have it. */
        uint32_t reach_h = (key->oh - 1) * s + k, reach_w = (key->ow - 1) * s + k;
        key->pad_bottom = (uint16_t)(p > 0 || reach_h > key->ih + p ? p : 0),
        key->pad_right = (uint16_t)(p > 0 || reach_w > key->iw + p ? p : 0);
    } else {
        key->ih = key->iw = key->oh = key->ow = 1;
    }
    FET_TRY(whole(r, BIAS, 1, 0, 1, &bias));
    FET_TRY(whole(r, ADD, 0, 0, 1, &add));
    key->flags = (bias ? FET_KERNEL_BIAS : 0u) | (add ? FET_KERNEL_ADD : 0u);
    return FET_OK;
}

static fet_status read_row(const reader *r, fet_recorded_kernel *kernel)
{
    memset(kernel, 0, sizeof *kernel);
    kernel->row = r->row;
    if (r->at[KERNEL] >= 0 && cell(r, KERNEL)[0]) {
        if (fet_kernel_key_parse(cell(r, KERNEL), &kernel->key) != FET_OK)
            return wrong(r, KERNEL, "a kernel such as \"conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias\"");
    } else {
        FET_TRY(read_conv(r, &kernel->key));
    }
    double value = 0;
    bool us = r->at[MS] < 0;
    FET_TRY(real(r, us ? US : MS, (double)NAN, 1e-9, 1e9, &value));
    kernel->latency_ms = us ? value * 1e-3 : value;
    return real(r, SPREAD, 0, 0, 1e3, &kernel->spread);
}

static fet_status read_header(reader *r, char *line)
{
    if (!split(r, line)) return fet_fail(FET_ERROR_CORRUPT, "%s:%u: a quote that does not end", r->name, r->row);
    for (uint32_t c = 0; c < N_COLUMNS; c++) r->at[c] = -1;
    for (uint32_t i = 0; i < r->n_columns; i++)
        for (uint32_t c = 0; c < N_COLUMNS; c++)
            if (strcmp(names[c], r->cells[i]) == 0) r->at[c] = (int32_t)i;
    if (r->at[MS] < 0 && r->at[US] < 0)
        return fet_fail(FET_ERROR_CORRUPT, "%s:%u: the first line names no column \"latency_ms\" or \"latency_us\"", r->name, r->row);
    if (r->at[KERNEL] < 0 && r->at[CIN] < 0)
        return fet_fail(FET_ERROR_CORRUPT, "%s:%u: the first line names neither a column \"kernel\" nor \"cin\"", r->name, r->row);
    return FET_OK;
}

static fet_status read_rows(reader *r, char *text, fet_recorded_kernel **kernels, uint32_t *n)
{
    size_t capacity = 0;
    uint32_t header_columns = 0;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        r->row++;
        if (line[0] == '#' || line[strspn(line, " \r")] == '\0') continue;
        if (header_columns == 0) {
            FET_TRY(read_header(r, line));
            header_columns = r->n_columns;
            continue;
        }
        if (!split(r, line)) return fet_fail(FET_ERROR_CORRUPT, "%s:%u: a quote that does not end", r->name, r->row);
        if (r->n_columns != header_columns)
            return fet_fail(FET_ERROR_CORRUPT, "%s:%u: %u columns: expected %u, as the first line has (a kernel's text stands in quotes)",
                            r->name, r->row, r->n_columns, header_columns);
        FET_TRY(fet_grow(kernels, &capacity, (size_t)*n + 1, sizeof **kernels));
        FET_TRY(read_row(r, &(*kernels)[*n]));
        (*n)++;
    }
    return header_columns ? FET_OK
                          : fet_fail(FET_ERROR_CORRUPT, "%s:1: the file is empty: expected a line that names its columns", r->name);
}

fet_status fet_recorded_parse(const char *name, char *text, fet_recorded_kernel **out_kernels, uint32_t *out_n)
{
    reader r = {.name = name};
    fet_recorded_kernel *kernels = NULL;
    uint32_t n = 0;
    fet_status status = read_rows(&r, text, &kernels, &n);
    if (status != FET_OK) {
        fet_free(kernels);
        return status;
    }
    *out_kernels = kernels;
    *out_n = n;
    return FET_OK;
}

fet_status fet_recorded_read(const char *path, fet_recorded_kernel **out_kernels, uint32_t *out_n)
{
    void *text = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, LIMIT_BYTES, &text, &bytes));
    fet_status status = strlen(text) == bytes ? fet_recorded_parse(path, text, out_kernels, out_n)
                                              : fet_fail(FET_ERROR_CORRUPT, "%s: a zero byte in a text", path);
    fet_free(text);
    return status;
}
