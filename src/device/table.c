// SPDX-License-Identifier: Apache-2.0
#include "device/table.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "# fettle kernel table 1"
#define COLUMNS "# kernel, latency ms, spread, samples, implementation; tab-separated"

#define AGAIN "# again\t"
#define PULSE "# pulse\t"

enum { LIMIT_FILE_BYTES = 1 << 28, LINE_BYTES = FET_KERNEL_KEY_TEXT_BYTES + 192, FIELDS = 5, HEADER_LINES = 2 };

typedef struct entry {
    fet_kernel_key key;
    double latency_ms, spread; /* the figure that counts */
    fet_repeat first;          /* the kernel's own line */
    uint32_t n_again;
} entry;

/* A later measurement; few kernels have any. */
typedef struct again {
    uint32_t entry;
    fet_repeat repeat;
} again;

struct fet_kernel_table {
    char *path, *lock_path, *target;
    int lock; /* file descriptor, -1: not held */
    entry *entries;
    size_t n_entries, capacity;
    uint32_t *slots; /* index + 1, 0: free; at most half full */
    size_t n_slots;
    again *agains; /* in the order of the file */
    size_t n_agains, again_capacity;
    size_t read_bytes, read_lines; /* of the file */
};

fet_status fet_kernel_table_open(const char *path, const char *target, fet_kernel_table **out_table)
{
    fet_auto(fet_kernel_table) table = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *table, "a kernel table", &table));
    table->lock = -1;
    FET_TRY(fet_strdup_checked(path, &table->path));
    FET_TRY(fet_strdup_checked(target, &table->target));
    FET_TRY(fet_alloc_zeroed(strlen(path) + 6, 1, "a path", &table->lock_path));
    snprintf(table->lock_path, strlen(path) + 6, "%s.lock", path);
    FET_TRY(fet_kernel_table_refresh(table));
    *out_table = fet_take(table);
    return FET_OK;
}

void fet_kernel_table_destroy(fet_kernel_table *table)
{
    if (!table) return;
    fet_kernel_table_unlock(table);
    fet_free(table->path);
    fet_free(table->lock_path);
    fet_free(table->target);
    fet_free(table->entries);
    fet_free(table->slots);
    fet_free(table->agains);
    fet_free(table);
}

/* The slot that holds the key, or the free one where it belongs. */
static size_t find_slot(const fet_kernel_table *table, const fet_kernel_key *key)
{
    size_t at = fet_kernel_key_hash(key) & (table->n_slots - 1);
    while (table->slots[at] && !fet_kernel_key_equal(&table->entries[table->slots[at] - 1].key, key)) at = (at + 1) & (table->n_slots - 1);
    return at;
}

bool fet_kernel_table_lookup(const fet_kernel_table *table, const fet_kernel_key *key, double *out_latency_ms, double *out_spread)
{
    if (table->n_slots == 0) return false;
    uint32_t slot = table->slots[find_slot(table, key)];
    if (!slot) return false;
    *out_latency_ms = table->entries[slot - 1].latency_ms;
    *out_spread = table->entries[slot - 1].spread;
    return true;
}

const char *fet_kernel_table_path(const fet_kernel_table *table)
{
    return table->path;
}

uint32_t fet_kernel_table_count(const fet_kernel_table *table)
{
    return (uint32_t)table->n_entries;
}

void fet_kernel_table_item(const fet_kernel_table *table, uint32_t i, fet_kernel_key *out_key, double *out_latency_ms, double *out_spread)
{
    *out_key = table->entries[i].key;
    *out_latency_ms = table->entries[i].latency_ms;
    *out_spread = table->entries[i].spread;
}

static fet_status insert(fet_kernel_table *table, const entry *new)
{
    if (2 * (table->n_entries + 1) > table->n_slots) {
        size_t n_slots = table->n_slots ? 2 * table->n_slots : 1024;
        uint32_t *slots = NULL;
        FET_TRY(fet_alloc_zeroed(n_slots, sizeof *slots, "a kernel table", &slots));
        fet_free(table->slots);
        table->slots = slots;
        table->n_slots = n_slots;
        for (size_t i = 0; i < table->n_entries; i++) table->slots[find_slot(table, &table->entries[i].key)] = (uint32_t)i + 1;
    }
    size_t at = find_slot(table, &new->key);
    if (table->slots[at]) return FET_OK; /* the first one counts */
    FET_TRY(fet_grow(&table->entries, &table->capacity, table->n_entries + 1, sizeof *table->entries));
    table->entries[table->n_entries++] = *new;
    table->slots[at] = (uint32_t)table->n_entries;
    return FET_OK;
}

/* --- further measurements --- */

static entry *find_entry(const fet_kernel_table *table, const fet_kernel_key *key)
{
    uint32_t slot = table->n_slots ? table->slots[find_slot(table, key)] : 0;
    return slot ? &table->entries[slot - 1] : NULL;
}

static uint32_t collect(const fet_kernel_table *table, const entry *e, fet_repeat repeats[FET_REPEATS_MAX])
{
    uint32_t n = 0, index = (uint32_t)(e - table->entries);
    repeats[n++] = e->first;
    for (size_t i = 0; i < table->n_agains && n <= e->n_again; i++)
        if (table->agains[i].entry == index) repeats[n++] = table->agains[i].repeat;
    return n;
}

static void judge(const fet_kernel_table *table, entry *e)
{
    fet_repeat repeats[FET_REPEATS_MAX];
    fet_repeat_figure figure = fet_repeats_judge(repeats, collect(table, e, repeats));
    e->latency_ms = figure.latency_ms;
    e->spread = figure.spread;
}

uint32_t fet_kernel_table_repeats(const fet_kernel_table *table, const fet_kernel_key *key, fet_repeat repeats[FET_REPEATS_MAX])
{
    const entry *e = find_entry(table, key);
    return e ? collect(table, e, repeats) : 0;
}

static fet_status add_again(fet_kernel_table *table, const entry *new)
{
    entry *e = find_entry(table, &new->key);
    if (!e || e->n_again + 1 >= FET_REPEATS_MAX) return FET_OK;
    FET_TRY(fet_grow(&table->agains, &table->again_capacity, table->n_agains + 1, sizeof *table->agains));
    table->agains[table->n_agains++] = (again){.entry = (uint32_t)(e - table->entries), .repeat = new->first};
    e->n_again++;
    judge(table, e);
    return FET_OK;
}

/* The file is read from its beginning again: what it says of known kernels is said anew. */
static void forget_agains(fet_kernel_table *table)
{
    if (table->n_agains == 0) return;
    table->n_agains = 0;
    for (size_t i = 0; i < table->n_entries; i++) {
        table->entries[i].n_again = 0;
        judge(table, &table->entries[i]);
    }
}

/* --- lines --- */

/* Cuts at tabs; false where there are more or fewer than `wanted` fields. */
static bool cut(char *line, int wanted, char *field[FIELDS])
{
    int n = 0;
    for (char *at = line; at; n++) {
        char *tab = strchr(at, '\t');
        if (tab) *tab++ = '\0';
        if (n < wanted) field[n] = at;
        at = tab;
    }
    return n == wanted;
}

static bool number(const char *text, double low, double high, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= low && *out < high;
}

/* Latency and spread. */
static bool read_numbers(char *field[FIELDS], fet_repeat *out)
{
    return number(field[1], 0, 1e9, &out->latency_ms) && out->latency_ms > 0 && number(field[2], 0, 1e9, &out->spread);
}

static fet_status read_key(const fet_kernel_table *table, const char *text, fet_kernel_key *out_key)
{
    fet_status status = fet_kernel_key_parse(text, out_key);
    return status == FET_OK ? FET_OK : fet_note(status, "%s:%zu", table->path, table->read_lines + 1);
}

/* "# again" and "# pulse"; any other comment says nothing to us. */
static fet_status parse_comment(fet_kernel_table *table, char *line)
{
    entry new = {0};
    char *field[FIELDS];
    bool pulse = strncmp(line, PULSE, strlen(PULSE)) == 0;
    if (!pulse && strncmp(line, AGAIN, strlen(AGAIN)) != 0) return FET_OK;
    char *rest = line + strlen(pulse ? PULSE : AGAIN);
    bool good = pulse ? cut(rest, 2, field) && number(field[1], 0, 1e6, &new.first.pulse)
                      : cut(rest, 4, field) && read_numbers(field, &new.first) && number(field[3], 0, 1e6, &new.first.pulse);
    if (!good)
        return fet_fail(
            FET_ERROR_CORRUPT, "%s:%zu: no further measurement: expected %s; delete the line", table->path, table->read_lines + 1,
            pulse ? "\"# pulse\", kernel and pulse between tabs" : "\"# again\", kernel, latency in ms, spread and pulse between tabs");
    FET_TRY(read_key(table, field[0], &new.key));
    if (!pulse) return add_again(table, &new);
    entry *e = find_entry(table, &new.key);
    if (e) {
        e->first.pulse = new.first.pulse;
        judge(table, e);
    }
    return FET_OK;
}

/* One line without its newline; the text is taken apart. */
static fet_status parse_line(fet_kernel_table *table, char *line)
{
    entry new = {0};
    char *field[FIELDS];
    size_t row = table->read_lines + 1;
    if (row == 1 && strcmp(line, MAGIC) != 0)
        return fet_fail(FET_ERROR_CORRUPT, "%s:1: \"%.80s\" does not start a kernel table: expected \"" MAGIC "\"", table->path, line);
    if (row == 2 && (strncmp(line, "# ", 2) != 0 || strcmp(line + 2, table->target) != 0))
        return fet_fail(FET_ERROR_STATE, "%s:2: measured on another target (%.200s): expected \"%s\"; move the file away", table->path,
                        line, table->target);
    if (line[0] == '#') return parse_comment(table, line);
    double samples;
    if (!cut(line, FIELDS, field) || !read_numbers(field, &new.first) || !number(field[3], 0, 4294967296.0, &samples))
        return fet_fail(
            FET_ERROR_CORRUPT,
            "%s:%zu: no kernel with its latency: expected kernel, latency in ms, spread, samples and implementation between tabs; "
            "delete the line to measure the kernel again",
            table->path, row);
    FET_TRY(read_key(table, field[0], &new.key));
    new.latency_ms = new.first.latency_ms, new.spread = new.first.spread;
    return insert(table, &new);
}

fet_status fet_kernel_table_refresh(fet_kernel_table *table)
{
    struct stat info;
    if (stat(table->path, &info) != 0 && errno == ENOENT) {
        table->read_bytes = table->read_lines = 0;
        return FET_OK;
    }
    void *data = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(table->path, LIMIT_FILE_BYTES, &data, &bytes));
    if (bytes < table->read_bytes) { /* it was replaced */
        table->read_bytes = table->read_lines = 0;
        forget_agains(table);
    }
    fet_status status = FET_OK;
    for (char *line = (char *)data + table->read_bytes, *end; status == FET_OK; line = end + 1) {
        end = memchr(line, '\n', bytes - table->read_bytes);
        if (!end) break; /* a half line: its writer is writing, or was killed */
        *end = '\0';
        if (memchr(line, '\0', (size_t)(end - line)))
            status = fet_fail(FET_ERROR_CORRUPT, "%s:%zu: a zero byte in a text file; delete the line", table->path, table->read_lines + 1);
        else status = parse_line(table, line);
        if (status != FET_OK) break;
        table->read_bytes += (size_t)(end + 1 - line);
        table->read_lines++;
    }
    fet_free(data);
    return status;
}

fet_status fet_kernel_table_try_lock(fet_kernel_table *table, bool *out_locked)
{
    if (table->lock < 0) {
        int file = open(table->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (file < 0) return fet_fail(FET_ERROR_IO, "%s: cannot open: %s", table->lock_path, strerror(errno));
        if (flock(file, LOCK_EX | LOCK_NB) != 0) {
            int code = errno;
            close(file);
            if (code != EWOULDBLOCK && code != EINTR)
                return fet_fail(FET_ERROR_IO, "%s: cannot lock: %s", table->lock_path, strerror(code));
            *out_locked = false;
            return FET_OK;
        }
        table->lock = file;
    }
    FET_TRY(fet_kernel_table_refresh(table));
    *out_locked = true;
    return FET_OK;
}

void fet_kernel_table_unlock(fet_kernel_table *table)
{
    if (table->lock >= 0) close(table->lock);
    table->lock = -1;
}

/* With the lock, so nobody is writing: a half line at the end is a dead writer's and goes; a file without its first two lines gets its
 * header. */
static fet_status prepare(fet_kernel_table *table)
{
    char header[1024];
    if (table->read_lines >= HEADER_LINES) {
        if (truncate(table->path, (off_t)table->read_bytes) == 0) return FET_OK;
        return fet_fail(FET_ERROR_IO, "%s: cannot cut off a half line: %s", table->path, strerror(errno));
    }
    int n = snprintf(header, sizeof header, MAGIC "\n# %s\n" COLUMNS "\n", table->target);
    if (n < 0 || (size_t)n >= sizeof header) return fet_fail(FET_ERROR_LIMIT, "%s: the name of the target is too long", table->path);
    table->read_bytes = table->read_lines = 0;
    return fet_file_replace(table->path, header, (size_t)n);
}

/* Lines in one write, with the lock. */
static fet_status append(fet_kernel_table *table, const char *lines, int n, size_t room, const char *kernel)
{
    struct stat info;
    if (table->lock < 0) return fet_fail(FET_ERROR_STATE, "%s: a kernel is added without the lock", table->path);
    if (n < 0 || (size_t)n >= room) return fet_fail(FET_ERROR_LIMIT, "%s: a line for kernel \"%s\" is too long", table->path, kernel);
    bool whole = table->read_lines >= HEADER_LINES && stat(table->path, &info) == 0 && (size_t)info.st_size == table->read_bytes;
    if (!whole) FET_TRY(prepare(table));
    FET_TRY(fet_file_append(table->path, lines, (size_t)n));
    return fet_kernel_table_refresh(table);
}

fet_status fet_kernel_table_append(fet_kernel_table *table, const fet_kernel_key *key, const fet_kernel_time *time)
{
    char lines[2 * LINE_BYTES], text[FET_KERNEL_KEY_TEXT_BYTES], pulse[LINE_BYTES] = "";
    const fet_repeat repeat = {.pulse = time->pulse};
    fet_kernel_key_print(key, text, sizeof text);
    if (fet_repeat_is_disturbed(&repeat)) snprintf(pulse, sizeof pulse, PULSE "%s\t%.4g\n", text, time->pulse);
    int n = snprintf(lines, sizeof lines, "%s\t%.6g\t%.3g\t%u\t%s\n%s", text, time->latency_ms, time->spread, time->n_samples,
                     time->implementation, pulse);
    return append(table, lines, n, sizeof lines, text);
}

fet_status fet_kernel_table_append_again(fet_kernel_table *table, const fet_kernel_key *key, const fet_repeat *repeat)
{
    char line[LINE_BYTES], text[FET_KERNEL_KEY_TEXT_BYTES];
    const entry *e = find_entry(table, key);
    fet_kernel_key_print(key, text, sizeof text);
    if (!e) return fet_fail(FET_ERROR_NOT_FOUND, "%s: kernel \"%s\" is not there, to be measured again", table->path, text);
    if (e->n_again + 1 >= FET_REPEATS_MAX)
        return fet_fail(FET_ERROR_LIMIT, "%s: kernel \"%s\" was measured %d times already", table->path, text, (int)FET_REPEATS_MAX);
    int n = snprintf(line, sizeof line, AGAIN "%s\t%.6g\t%.3g\t%.4g\n", text, repeat->latency_ms, repeat->spread, repeat->pulse);
    return append(table, line, n, sizeof line, text);
}
