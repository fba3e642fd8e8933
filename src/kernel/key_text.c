// SPDX-License-Identifier: Apache-2.0
/*
 * Keys as text, the form in which they travel between processes and stand in tables and reports:
 *   conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias
 * operator, precision, N x C x H x W of the source > C x H x W of the result, then only what is not zero: k window, s stride, d dilation
 * (left out when there is a window and it is 1x1), p padding top, left, bottom, right, g groups, activation and flags, x extra. Parsing is
 * the exact inverse.
 */
#include "kernel/kernel.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const op_texts[FET_OP_COUNT] = {
    [FET_OP_NONE] = "none",
#define FET_OP(id, info, onnx_name, min_inputs, max_inputs) [FET_OP_##id] = #info,
#include "graph/ops.def"
#undef FET_OP
};

static const struct {
    uint32_t flag;
    const char *text;
} flag_texts[] = {
    {FET_KERNEL_BIAS, "bias"},           {FET_KERNEL_ADD, "add"},
    {FET_KERNEL_ADD_AFTER, "add_after"}, {FET_KERNEL_F32_DST, "f32_dst"},
    {FET_KERNEL_SIGNED_SRC, "signed"},   {FET_KERNEL_PLAIN_SRC, "plain"},
    {FET_KERNEL_CONST, "const"},         {FET_KERNEL_BROADCAST, "broadcast"},
};
enum { N_FLAGS = sizeof flag_texts / sizeof *flag_texts };

typedef struct writer {
    char *text;
    size_t bytes, used;
} writer;

static void put(writer *w, const char *format, ...) FET_PRINTF(2, 3);
static void put(writer *w, const char *format, ...)
{
    if (w->used >= w->bytes) return;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(w->text + w->used, w->bytes - w->used, format, arguments);
    va_end(arguments);
    if (n > 0) w->used += (size_t)n;
}

const char *fet_kernel_key_print(const fet_kernel_key *key, char *text, size_t bytes)
{
    writer w = {text, bytes, 0};
    put(&w, "%s %s %ux%ux%ux%u>%ux%ux%u", op_texts[key->op], fet_dtype_name((fet_dtype)key->precision), key->n, key->ic, key->ih, key->iw,
        key->oc, key->oh, key->ow);
    bool window = key->kh || key->kw;
    if (window) put(&w, " k%ux%u", key->kh, key->kw);
    if (key->sh || key->sw) put(&w, " s%ux%u", key->sh, key->sw);
    if (window ? key->dh != 1 || key->dw != 1 : key->dh || key->dw) put(&w, " d%ux%u", key->dh, key->dw);
    if (key->pad_top || key->pad_left || key->pad_bottom || key->pad_right)
        put(&w, " p%u,%u,%u,%u", key->pad_top, key->pad_left, key->pad_bottom, key->pad_right);
    if (key->group) put(&w, " g%u", key->group);
    if (key->activation || key->flags) put(&w, " ");
    const char *joint = "";
    if (key->activation) put(&w, "%s", fet_activation_name((fet_activation_kind)key->activation)), joint = "+";
    for (int i = 0; i < N_FLAGS; i++)
        if (key->flags & flag_texts[i].flag) put(&w, "%s%s", joint, flag_texts[i].text), joint = "+";
    if (key->extra) put(&w, " x%08x", key->extra);
    return text;
}

/* Reads a number of at most `limit`; NULL when there is none. */
static const char *number(const char *at, uint32_t limit, uint32_t *out)
{
    if (!at || !isdigit((unsigned char)*at)) return NULL;
    char *end = NULL;
    unsigned long long value = strtoull(at, &end, 10);
    if (value > limit) return NULL;
    *out = (uint32_t)value;
    return end;
}

static const char *literal(const char *at, char c)
{
    return at && *at == c ? at + 1 : NULL;
}

/* "3x3" or "1,1,1,1" into 16-bit fields; the whole text must be used. */
static bool numbers16(const char *at, char separator, int count, uint16_t *const out[])
{
    for (int i = 0; i < count; i++) {
        uint32_t value = 0;
        at = number(i ? literal(at, separator) : at, UINT16_MAX, &value);
        if (!at) return false;
        *out[i] = (uint16_t)value;
    }
    return *at == '\0';
}

static bool parse_shapes(const char *at, fet_kernel_key *key)
{
    at = number(at, UINT32_MAX, &key->n);
    at = number(literal(at, 'x'), UINT32_MAX, &key->ic);
    at = number(literal(at, 'x'), UINT32_MAX, &key->ih);
    at = number(literal(at, 'x'), UINT32_MAX, &key->iw);
    at = number(literal(at, '>'), UINT32_MAX, &key->oc);
    at = number(literal(at, 'x'), UINT32_MAX, &key->oh);
    at = number(literal(at, 'x'), UINT32_MAX, &key->ow);
    return at && *at == '\0';
}

/* "relu+bias+add" */
static bool parse_features(char *text, fet_kernel_key *key)
{
    char *rest = NULL;
    for (char *word = strtok_r(text, "+", &rest); word; word = strtok_r(NULL, "+", &rest)) {
        bool found = false;
        for (int i = 0; i < N_FLAGS && !found; i++)
            if (strcmp(word, flag_texts[i].text) == 0 && !(key->flags & flag_texts[i].flag)) key->flags |= flag_texts[i].flag, found = true;
        for (int a = 1; a < FET_ACTIVATION_COUNT && !found && !key->activation && !key->flags; a++)
            if (strcmp(word, fet_activation_name((fet_activation_kind)a)) == 0) key->activation = (uint8_t)a, found = true;
        if (!found) return false;
    }
    return true;
}

static bool parse_extra(const char *at, fet_kernel_key *key)
{
    char *end = NULL;
    if (strlen(at) != 8) return false;
    key->extra = (uint32_t)strtoul(at, &end, 16);
    return *end == '\0' && key->extra != 0;
}

static bool parse_word(char *word, fet_kernel_key *key, bool *dilated)
{
    bool digit = isdigit((unsigned char)word[1]);
    uint32_t value = 0;
    switch (digit || word[0] == 'x' ? word[0] : 0) {
    case 'k': return numbers16(word + 1, 'x', 2, (uint16_t *const[]){&key->kh, &key->kw});
    case 's': return numbers16(word + 1, 'x', 2, (uint16_t *const[]){&key->sh, &key->sw});
    case 'd': *dilated = true; return numbers16(word + 1, 'x', 2, (uint16_t *const[]){&key->dh, &key->dw});
    case 'p': return numbers16(word + 1, ',', 4, (uint16_t *const[]){&key->pad_top, &key->pad_left, &key->pad_bottom, &key->pad_right});
    case 'g': {
        const char *end = number(word + 1, UINT32_MAX, &value);
        key->group = value;
        return end && *end == '\0';
    }
    case 'x': return parse_extra(word + 1, key);
    default: return parse_features(word, key);
    }
}

static uint16_t find_op(const char *text)
{
    for (int op = FET_OP_NONE + 1; op < FET_OP_COUNT; op++)
        if (strcmp(op_texts[op], text) == 0) return (uint16_t)op;
    return FET_OP_NONE;
}

static bool parse(char *text, fet_kernel_key *key)
{
    char *rest = NULL;
    char *op = strtok_r(text, " ", &rest), *precision = strtok_r(NULL, " ", &rest), *shapes = strtok_r(NULL, " ", &rest);
    if (!op || !precision || !shapes) return false;
    key->op = find_op(op);
    key->precision = (uint8_t)fet_dtype_parse(precision);
    if (key->op == FET_OP_NONE || key->precision == FET_DTYPE_NONE || !parse_shapes(shapes, key)) return false;
    bool dilated = false;
    for (char *word = strtok_r(NULL, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (!parse_word(word, key, &dilated)) return false;
    if ((key->kh || key->kw) && !dilated) key->dh = key->dw = 1;
    return true;
}

fet_status fet_kernel_key_parse(const char *text, fet_kernel_key *out_key)
{
    char copy[FET_KERNEL_KEY_TEXT_BYTES], again[FET_KERNEL_KEY_TEXT_BYTES];
    fet_kernel_key key;
    memset(&key, 0, sizeof key);
    bool fits = strlen(text) < sizeof copy;
    if (fits) memcpy(copy, text, strlen(text) + 1);
    /* Only the canonical text is taken, so that a table never holds one kernel under two names. */
    if (!fits || !parse(copy, &key) || strcmp(fet_kernel_key_print(&key, again, sizeof again), text) != 0)
        return fet_fail(FET_ERROR_CORRUPT,
                        "\"%.200s\" is no kernel key: expected such as \"conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias\"",
                        text);
    *out_key = key;
    return FET_OK;
}
