// SPDX-License-Identifier: Apache-2.0
#include "run/whole_known.h"

#include "base/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "# fettle networks measured whole 1"
enum { LINE_BYTES = 96, MOST_ENTRIES = 4096, HEAD_BYTES = 1024 };

const fet_whole_entry *fet_whole_known_find(const fet_whole_known *known, uint64_t base, uint64_t network)
{
    for (size_t i = 0; i < known->count; i++)
        if (known->items[i].base == base && known->items[i].network == network) return &known->items[i];
    return NULL;
}

fet_status fet_whole_known_add(fet_whole_known *known, const fet_whole_entry *entry)
{
    if (fet_whole_known_find(known, entry->base, entry->network)) return FET_OK;
    FET_TRY(fet_grow(&known->items, &known->capacity, known->count + 1, sizeof *known->items));
    known->items[known->count++] = *entry;
    return FET_OK;
}

static fet_status print_into(const fet_whole_known *known, uint64_t base, const char *head, char **out_text)
{
    size_t first = known->count > MOST_ENTRIES ? known->count - MOST_ENTRIES : 0, at = strlen(head);
    size_t bytes = at + (known->count - first) * LINE_BYTES + 1;
    char *text = NULL;
    FET_TRY(fet_alloc_zeroed(bytes, 1, "networks measured whole", &text));
    memcpy(text, head, at);
    for (size_t i = first; i < known->count; i++) {
        const fet_whole_entry *e = &known->items[i];
        if (base && e->base != base) continue;
        at += (size_t)snprintf(text + at, bytes - at, "%016" PRIx64 " %016" PRIx64 " %.9g %.9g\n", e->base, e->network, e->base_ms,
                               e->network_ms);
    }
    *out_text = text;
    return FET_OK;
}

fet_status fet_whole_known_print(const fet_whole_known *known, uint64_t base, char **out_text)
{
    return print_into(known, base, "", out_text);
}

/* Lines of `text`, the first of which is number `line`. */
static fet_status parse_from(const char *name, const char *text, uint32_t line, fet_whole_known *known)
{
    for (; *text; line++) {
        const char *end = strchr(text, '\n');
        fet_whole_entry e;
        int used = 0, n = sscanf(text, "%16" SCNx64 " %16" SCNx64 " %lf %lf%n", &e.base, &e.network, &e.base_ms, &e.network_ms, &used);
        bool good = n == 4 && end == text + used && isfinite(e.base_ms) && isfinite(e.network_ms) && e.base_ms > 0 && e.network_ms > 0;
        if (!good)
            return fet_fail(FET_ERROR_CORRUPT,
                            "%s:%u: \"%.*s\": expected two hashes and two latencies above 0: remove the file, it is measured anew", name,
                            line, end && end - text < 60 ? (int)(end - text) : 60, text);
        FET_TRY(fet_whole_known_add(known, &e));
        text = end + 1;
    }
    return FET_OK;
}

fet_status fet_whole_known_parse(const char *name, const char *text, fet_whole_known *known)
{
    return parse_from(name, text, 1, known);
}

static fet_status make_head(const char *path, const char *device, char head[HEAD_BYTES])
{
    int n = snprintf(head, HEAD_BYTES, MAGIC "\n# %s\n", device);
    return n > 0 && n < HEAD_BYTES ? FET_OK : fet_fail(FET_ERROR_LIMIT, "%s: the device's name is too long", path);
}

fet_status fet_whole_known_read(const char *path, const char *device, fet_whole_known *known)
{
    void *data = NULL;
    size_t bytes = 0;
    char head[HEAD_BYTES];
    if (!fet_file_exists(path)) return FET_OK;
    FET_TRY(make_head(path, device, head));
    FET_TRY(fet_file_read(path, HEAD_BYTES + (size_t)MOST_ENTRIES * LINE_BYTES, &data, &bytes));
    const char *text = data;
    fet_status status = strncmp(text, head, strlen(head)) == 0
                            ? parse_from(path, text + strlen(head), 3, known)
                            : fet_fail(FET_ERROR_CORRUPT,
                                       "%s:1: it does not hold networks measured on %s: remove it, they are measured anew", path, device);
    fet_free(data);
    return status;
}

fet_status fet_whole_known_write(const char *path, const char *device, const fet_whole_known *known)
{
    char head[HEAD_BYTES], *text = NULL;
    FET_TRY(make_head(path, device, head));
    FET_TRY(print_into(known, 0, head, &text));
    fet_status status = fet_file_replace(path, text, strlen(text));
    fet_free(text);
    return status;
}
