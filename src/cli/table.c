// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct cell {
    char *text; /* heap; NULL with a NAN number: an empty cell */
    double number;
} cell;

struct fet_table {
    const fet_column *columns; /* borrowed */
    uint32_t n_columns;
    cell *cells;
    size_t n_cells, capacity;
    fet_status status; /* of the first cell that found no memory */
};

fet_status fet_table_create(const fet_column *columns, uint32_t n_columns, fet_table **out_table)
{
    fet_table *table = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *table, "a table", &table));
    table->columns = columns;
    table->n_columns = n_columns;
    *out_table = table;
    return FET_OK;
}

void fet_table_destroy(fet_table *table)
{
    if (!table) return;
    for (size_t i = 0; i < table->n_cells; i++) fet_free(table->cells[i].text);
    fet_free(table->cells);
    fet_free(table);
}

static void add(fet_table *table, const char *text, double number)
{
    cell c = {.number = number};
    if (table->status == FET_OK && text) table->status = fet_strdup_checked(text, &c.text);
    if (table->status == FET_OK) table->status = fet_grow(&table->cells, &table->capacity, table->n_cells + 1, sizeof *table->cells);
    if (table->status == FET_OK) table->cells[table->n_cells++] = c;
    else fet_free(c.text);
}

void fet_table_text(fet_table *table, const char *text)
{
    add(table, text, (double)NAN);
}

void fet_table_number(fet_table *table, double value)
{
    add(table, NULL, value);
}

/* Columns on a terminal, not bytes: names may hold UTF-8. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++) width += (*text & 0xC0) != 0x80;
    return width;
}

enum { CELL_BYTES = 64 };

static const char *cell_text(const cell *c, const fet_column *column, char *buffer)
{
    if (c->text) return c->text;
    if (isnan(c->number) || (column->no_zero && c->number == 0)) return "-";
    snprintf(buffer, CELL_BYTES, "%.*f", column->decimals, c->number * (column->scale != 0 ? column->scale : 1));
    return buffer;
}

/* A text of `width` columns at most: the middle makes room, for names differ at their ends. */
static void print_cut(FILE *out, const char *text, size_t width)
{
    size_t have = width_of(text), head = width / 3, skip = have > width ? have - width + 1 : 0, at = 0;
    bool marked = skip == 0;
    for (; *text; text++) {
        if ((*text & 0xC0) != 0x80) at++;
        bool cut = skip && at > head && at <= head + skip;
        if (cut && !marked) fputs("…", out), marked = true;
        if (!cut) fputc(*text, out);
    }
}

static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
    size_t have = width_of(text), missing = have < width ? width - have : 0;
    if (right) fprintf(out, "%*s", (int)missing, "");
    print_cut(out, text, width);
    if (!right && !last) fprintf(out, "%*s", (int)missing, "");
    fputs(last ? "\n" : "  ", out);
}

uint32_t fet_cli_width(const fet_cli *cli)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
    if (width >= 20 && width < 10000) return (uint32_t)width;
    return cli->out_is_terminal && ioctl(fileno(cli->out), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* Of the columns that are shown, with `least` as if every text that may be cut were. */
static size_t line_width(const fet_table *table, const size_t *widths, bool least)
{
    size_t sum = 0;
    for (uint32_t c = 0; c < table->n_columns; c++) {
        size_t cut = table->columns[c].cut > 0 ? (size_t)table->columns[c].cut : widths[c];
        if (widths[c]) sum += 2 + (least && cut < widths[c] ? cut : widths[c]);
    }
    return sum > 2 ? sum - 2 : 0;
}

/* Width 0: left out. */
static void fit(const fet_table *table, size_t limit, size_t *widths)
{
    for (;;) { /* columns that go */
        uint32_t worst = table->n_columns;
        for (uint32_t c = 0; c < table->n_columns; c++)
            if (widths[c] && table->columns[c].drop > 0 &&
                (worst == table->n_columns || table->columns[c].drop > table->columns[worst].drop))
                worst = c;
        if (worst == table->n_columns || line_width(table, widths, true) <= limit) break;
        widths[worst] = 0;
    }
    while (line_width(table, widths, false) > limit) { /* texts that shrink, the longest first */
        uint32_t longest = table->n_columns;
        for (uint32_t c = 0; c < table->n_columns; c++)
            if (table->columns[c].cut > 0 && widths[c] > (size_t)table->columns[c].cut &&
                (longest == table->n_columns || widths[c] > widths[longest]))
                longest = c;
        if (longest == table->n_columns) return;
        widths[longest]--;
    }
}

static void find_widths(const fet_table *table, size_t limit, size_t *widths)
{
    char buffer[CELL_BYTES];
    uint32_t n = table->n_columns;
    for (uint32_t c = 0; c < n; c++) widths[c] = width_of(table->columns[c].title);
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t width = width_of(cell_text(&table->cells[i], &table->columns[i % n], buffer));
        if (width > widths[i % n]) widths[i % n] = width;
    }
    for (uint32_t c = 0; c < n; c++)
        if (table->columns[c].json_only) widths[c] = 0;
    if (limit) fit(table, limit, widths);
}

static uint32_t last_shown(const size_t *widths, uint32_t n)
{
    while (n > 1 && widths[n - 1] == 0) n--;
    return n - 1;
}

fet_status fet_table_print(const fet_table *table, const fet_cli *cli)
{
    FET_TRY(table->status);
    uint32_t n = table->n_columns;
    if (n == 0) return FET_OK;
    size_t *widths = NULL;
    char buffer[CELL_BYTES];
    FET_TRY(fet_alloc_zeroed(n, sizeof *widths, "a table", &widths));
    find_widths(table, fet_cli_width(cli), widths);
    uint32_t last = last_shown(widths, n);
    fputs(fet_cli_style_text(cli, FET_STYLE_BOLD), cli->out);
    for (uint32_t c = 0; c < n; c++)
        if (widths[c]) print_cell(cli->out, table->columns[c].title, widths[c], table->columns[c].right, c == last);
    fputs(fet_cli_style_text(cli, FET_STYLE_RESET), cli->out);
    for (size_t i = 0; i < table->n_cells; i++)
        if (widths[i % n])
            print_cell(cli->out, cell_text(&table->cells[i], &table->columns[i % n], buffer), widths[i % n], table->columns[i % n].right,
                       i % n == last);
    fet_free(widths);
    return FET_OK;
}

static json_t *cell_json(const cell *c)
{
    if (c->text) return json_string(c->text);
    if (isnan(c->number)) return json_null();
    if (c->number == floor(c->number) && fabs(c->number) < 0x1p53) return json_integer((json_int_t)c->number);
    return json_real(c->number);
}

fet_status fet_table_json(const fet_table *table, json_t **out_list)
{
    FET_TRY(table->status);
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i + table->n_columns <= table->n_cells; i += table->n_columns) {
        json_t *row = json_object();
        ok = json_array_append_new(list, row) == 0;
        for (uint32_t c = 0; ok && c < table->n_columns; c++)
            ok = json_object_set_new(row, table->columns[c].key, cell_json(&table->cells[i + c])) == 0;
    }
    if (!ok) {
        json_decref(list);
        return fet_fail(FET_ERROR_NOMEM, "no memory for a table of %zu cells", table->n_cells);
    }
    *out_list = list;
    return FET_OK;
}

fet_status fet_cli_print_json(const fet_cli *cli, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    if (!text) return fet_fail(FET_ERROR_NOMEM, "no memory to print JSON");
    fprintf(cli->out, "%s\n", text);
    free(text); /* jansson's */
    return FET_OK;
}
