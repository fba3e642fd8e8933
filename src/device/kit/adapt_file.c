// SPDX-License-Identifier: Apache-2.0
/*
 * The rounds of a device, as far as they were made:
 *
 *   # fettle rounds 1
 *   plan 1a2b3c4d5e6f7081                         of what was asked before them
 *   round 930 0.0412 0.0307 0.902 0.083           kernels, errors (mean, weighted), share within 10%, half-width; one a round, from round 0
 *   ask conv s8 1x64x28x28>...                    what the next round measures
 */
#include "device/kit/adapt.h"

#include "base/alloc.h"
#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "# fettle rounds 1"

enum { LIMIT_BYTES = 1 << 22, LINE_BYTES = FET_KERNEL_KEY_TEXT_BYTES + 64 };

void fet_kit_adapted_clear(fet_kit_adapted *adapted)
{
    fet_free(adapted->asked);
    *adapted = (fet_kit_adapted){.n = 0};
}

static bool share(const char **text, double high, double *out)
{
    char *end = NULL;
    *out = strtod(*text, &end);
    bool good = end != *text && *out >= 0 && *out <= high;
    *text = end;
    return good;
}

static bool read_round(const char *text, fet_kit_round *round)
{
    char *end = NULL;
    unsigned long long known = strtoull(text, &end, 10);
    const char *at = end;
    bool good = end != text && text[0] != '-' && known <= UINT32_MAX && share(&at, 1e6, &round->mape) &&
                share(&at, 1e6, &round->weighted) && share(&at, 1, &round->within_10) && share(&at, 1e6, &round->half_width) && *at == '\0';
    round->known = (uint32_t)known;
    return good;
}

static fet_status read_ask(const char *text, fet_kit_adapted *adapted, size_t *capacity)
{
    fet_kernel_key key;
    if (adapted->n_asked == FET_KIT_BATCH_MAX) return fet_fail(FET_ERROR_LIMIT, "more than %d kernels asked for", (int)FET_KIT_BATCH_MAX);
    FET_TRY(fet_kernel_key_parse(text, &key));
    FET_TRY(fet_grow(&adapted->asked, capacity, (size_t)adapted->n_asked + 1, sizeof key));
    adapted->asked[adapted->n_asked++] = key;
    return FET_OK;
}

typedef struct reader {
    const char *name;
    uint64_t plan;
    size_t row, capacity;
    bool other; /* the file is of another plan */
} reader;

static fet_status wrong(const reader *r, const char *line, const char *expected)
{
    return fet_fail(FET_ERROR_CORRUPT, "%s:%zu: \"%.80s\": expected %s; delete the file to begin the rounds anew", r->name, r->row, line,
                    expected);
}

static fet_status read_line(reader *r, const char *line, fet_kit_adapted *adapted)
{
    uint64_t plan = 0;
    int end = 0;
    if (r->row == 1) return strcmp(line, MAGIC) == 0 ? FET_OK : wrong(r, line, "\"" MAGIC "\"");
    if (r->row == 2) {
        if (sscanf(line, "plan %16" SCNx64 "%n", &plan, &end) != 1 || line[end]) return wrong(r, line, "\"plan\" and a number");
        r->other = plan != r->plan;
        return FET_OK;
    }
    if (strncmp(line, "round ", 6) == 0) {
        if (adapted->n > FET_KIT_ROUNDS_MAX) return wrong(r, line, "no more rounds");
        if (adapted->n_asked) return wrong(r, line, "kernels asked for behind the last round");
        return read_round(line + 6, &adapted->rounds[adapted->n++]) ? FET_OK : wrong(r, line, "a whole number and four figures");
    }
    if (strncmp(line, "ask ", 4) != 0 || adapted->n == 0)
        return wrong(r, line, "\"round\" and its figures, or behind one \"ask\" and a kernel");
    fet_status status = read_ask(line + 4, adapted, &r->capacity);
    return status == FET_OK ? FET_OK : fet_note(status, "%s:%zu", r->name, r->row);
}

static fet_status parse(reader *r, const char *text, fet_kit_adapted *adapted)
{
    char line[LINE_BYTES];
    for (const char *at = text, *next; *at && !r->other; at = next) {
        size_t bytes = strcspn(at, "\n");
        next = at + bytes + (at[bytes] == '\n');
        r->row++;
        snprintf(line, sizeof line, "%.*s", (int)(bytes < sizeof line ? bytes : sizeof line - 1), at);
        if (bytes >= sizeof line) return wrong(r, line, "a shorter line");
        FET_TRY(read_line(r, line, adapted));
    }
    if (r->row < 2) return wrong(r, "", "two lines at least");
    return FET_OK;
}

fet_status fet_kit_adapt_parse(const char *name, const char *text, uint64_t plan, fet_kit_adapted *out_adapted)
{
    fet_kit_adapted adapted = {.n = 0};
    reader r = {.name = name, .plan = plan};
    fet_status status = parse(&r, text, &adapted);
    if (status == FET_OK && !r.other) *out_adapted = adapted;
    else fet_kit_adapted_clear(&adapted);
    if (status == FET_OK && r.other) *out_adapted = adapted;
    return status;
}

fet_status fet_kit_adapt_read(const char *path, uint64_t plan, fet_kit_adapted *out_adapted)
{
    void *text = NULL;
    size_t bytes = 0;
    *out_adapted = (fet_kit_adapted){.n = 0};
    if (!path || !fet_file_exists(path)) return FET_OK;
    FET_TRY(fet_file_read(path, LIMIT_BYTES, &text, &bytes));
    fet_status status = fet_kit_adapt_parse(path, text, plan, out_adapted);
    fet_free(text);
    return status;
}

fet_status fet_kit_adapt_write(const char *path, uint64_t plan, const fet_kit_adapted *adapted)
{
    char *text = NULL, key[FET_KERNEL_KEY_TEXT_BYTES];
    size_t room = 128 + (size_t)LINE_BYTES * (adapted->n + adapted->n_asked), used = 0;
    if (!path) return FET_OK;
    FET_TRY(fet_alloc_zeroed(room, 1, "rounds", &text));
    used += (size_t)snprintf(text, room, MAGIC "\nplan %016" PRIx64 "\n", plan);
    for (uint32_t i = 0; i < adapted->n; i++) {
        const fet_kit_round *r = &adapted->rounds[i];
        used += (size_t)snprintf(text + used, room - used, "round %u %.17g %.17g %.17g %.17g\n", r->known, r->mape, r->weighted,
                                 r->within_10, r->half_width);
    }
    for (uint32_t i = 0; i < adapted->n_asked; i++)
        used += (size_t)snprintf(text + used, room - used, "ask %s\n", fet_kernel_key_print(&adapted->asked[i], key, sizeof key));
    fet_status status = fet_file_replace(path, text, used);
    fet_free(text);
    return status;
}
