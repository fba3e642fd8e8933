// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    if (isnan(c->number)) return "-";
    snprintf(buffer, CELL_BYTES, "%.*f", column->decimals, c->number);
    return buffer;
}

static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
    size_t missing = width - width_of(text);
    if (right) fprintf(out, "%*s%s", (int)missing, "", text);
    else fprintf(out, "%s%*s", text, last ? 0 : (int)missing, "");
    fputs(last ? "\n" : "  ", out);
}

fet_status fet_table_print(const fet_table *table, const fet_cli *cli)
{
    FET_TRY(table->status);
    uint32_t n = table->n_columns;
    if (n == 0) return FET_OK;
    size_t *widths = NULL;
    char buffer[CELL_BYTES];
    FET_TRY(fet_alloc_zeroed(n, sizeof *widths, "a table", &widths));
    for (uint32_t c = 0; c < n; c++) widths[c] = width_of(table->columns[c].title);
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t width = width_of(cell_text(&table->cells[i], &table->columns[i % n], buffer));
        if (width > widths[i % n]) widths[i % n] = width;
    }
    fputs(fet_cli_style_text(cli, FET_STYLE_BOLD), cli->out);
    for (uint32_t c = 0; c < n; c++) print_cell(cli->out, table->columns[c].title, widths[c], table->columns[c].right, c == n - 1);
    fputs(fet_cli_style_text(cli, FET_STYLE_RESET), cli->out);
    for (size_t i = 0; i < table->n_cells; i++)
        print_cell(cli->out, cell_text(&table->cells[i], &table->columns[i % n], buffer), widths[i % n], table->columns[i % n].right,
                   i % n == n - 1);
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
