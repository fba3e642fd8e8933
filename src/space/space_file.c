// SPDX-License-Identifier: Apache-2.0
#include "space/space_file.h"

#include "base/file.h"
#include "base/yaml_file.h"
#include "base/yaml_schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FILE_LIMIT_BYTES = 1 << 20, MAX_LOCKS = 4 * FET_SPACE_MAX_DECISIONS };

typedef struct raw_space {
    char **locks;
    uint32_t n_locks;
} raw_space;

static const cyaml_schema_value_t lock_entry = {
    .type = CYAML_STRING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(char), .string = {.min = 0, .max = FET_YAML_LIMIT_TEXT}};
static const cyaml_schema_field_t fields[] = {FET_YAML_LIST(raw_space, locks, lock_entry, MAX_LOCKS), FET_YAML_END};
static const cyaml_schema_value_t schema = {
    .type = CYAML_MAPPING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(raw_space), .mapping = {.fields = fields}};
static const fet_yaml_kind kind = {.noun = "space", .example = "a file that `fettle space MODEL --save FILE` wrote", .schema = &schema};

static fet_status copy_locks(const raw_space *raw, fet_arena *arena, const char *const **out_locks, uint32_t *out_n)
{
    const char **locks = fet_arena_zalloc(arena, raw->n_locks + 1, sizeof *locks);
    if (!locks) return fet_arena_full();
    for (uint32_t i = 0; i < raw->n_locks; i++) {
        locks[i] = fet_arena_strdup(arena, raw->locks[i]);
        if (!locks[i]) return fet_arena_full();
    }
    *out_locks = locks;
    *out_n = raw->n_locks;
    return FET_OK;
}

uint32_t fet_space_file_kinds(const char *const *locks, uint32_t n)
{
    static const char suffix[] = ".precision";
    for (uint32_t i = 0; i < n; i++) {
        size_t length = strcspn(locks[i], "!="), bytes = sizeof suffix - 1;
        if (length > bytes && strncmp(locks[i] + length - bytes, suffix, bytes) == 0) return FET_SPACE_PRECISION;
    }
    return 0;
}

fet_status fet_space_file_read(const char *path, fet_arena *arena, const char *const **out_locks, uint32_t *out_n)
{
    void *text = NULL;
    size_t bytes = 0;
    fet_yaml yaml;
    FET_TRY(fet_file_read(path, FILE_LIMIT_BYTES, &text, &bytes));
    fet_status status = fet_yaml_init(&yaml, &kind, path, text, bytes);
    if (status == FET_OK) status = copy_locks(yaml.raw, arena, out_locks, out_n);
    fet_yaml_deinit(&yaml);
    fet_free(text);
    return status;
}

/* --- writing --- */

typedef struct writer {
    char *text;
    size_t used, capacity;
    fet_status status;
} writer;

static void put(writer *w, const char *text)
{
    size_t n = strlen(text);
    if (w->status == FET_OK) w->status = fet_grow(&w->text, &w->capacity, w->used + n + 1, 1);
    if (w->status != FET_OK) return;
    memcpy(w->text + w->used, text, n + 1);
    w->used += n;
}

static void put_heading(writer *w, const char *heading)
{
    for (const char *line = heading; *line;) {
        size_t n = strcspn(line, "\n");
        char *cut = fet_strdup(line);
        if (!cut) w->status = fet_fail(FET_ERROR_NOMEM, "no memory to write a space");
        if (!cut) return;
        cut[n] = '\0';
        put(w, "# "), put(w, cut), put(w, "\n");
        fet_free(cut);
        line += n + (line[n] == '\n');
    }
}

fet_status fet_space_file_write(const char *path, const fet_space *space, const char *heading, fet_space_file_note note, void *context)
{
    writer w = {0};
    put_heading(&w, heading);
    put(&w, fet_space_n_decisions(space) ? "locks:\n" : "# no decisions\nlocks:\n");
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++) {
        const fet_decision *decision = fet_space_decision(space, d);
        const char *behind = note ? note(context, d) : "", *separator = "=";
        put(&w, "  - "), put(&w, decision->name);
        for (uint32_t o = 0; o < decision->n_options; o++) {
            if (decision->options[o].removed) continue;
            put(&w, separator), put(&w, decision->options[o].label);
            separator = ",";
        }
        if (behind[0]) put(&w, "   # "), put(&w, behind);
        put(&w, "\n");
    }
    if (w.status == FET_OK) w.status = fet_file_replace(path, w.text, w.used);
    fet_free(w.text);
    return w.status;
}
