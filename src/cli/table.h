// SPDX-License-Identifier: Apache-2.0
/*
 * A table of results: typed cells by column, printed for people (aligned, the heading bold on a terminal) or as JSON (a list of objects
 * keyed by column). Lines are fitted to the terminal by cutting texts and leaving out columns, as far as the columns allow. Order: create
 * -> { text | number in each column, left to right } * -> print. Errors of the cells are kept and come out of print.
 */
#ifndef FET_CLI_TABLE_H
#define FET_CLI_TABLE_H

#include "cli/command.h"

#include <jansson.h>

typedef struct fet_column {
    const char *key;   /* in JSON */
    const char *title; /* heading, with the unit: "latency, us" */
    bool right;        /* numbers */
    int decimals;      /* of numbers, in text; JSON has them whole */
    double scale;      /* of numbers, in text: 1e-6 for millions; 0: 1 */
    bool no_zero;      /* 0 is "-" in text: there is none */
    int cut;           /* where the lines are too long, texts may lose their middle down to this width; 0: never */
    int drop;          /* where that is not enough, columns are left out, the highest number first; 0: never */
    bool json_only;    /* not for people */
} fet_column;

typedef struct fet_table fet_table;

FET_MUST_CHECK fet_status fet_table_create(const fet_column *columns, uint32_t n_columns, fet_table **out_table);
void fet_table_destroy(fet_table *table);
FET_DEFINE_AUTO(fet_table);
void fet_table_text(fet_table *table, const char *text); /* NULL: "-", null in JSON */
void fet_table_number(fet_table *table, double value);   /* NAN: "-", null in JSON */
FET_MUST_CHECK fet_status fet_table_print(const fet_table *table, const fet_cli *cli);
/* Columns of the terminal that `cli` prints on, or $COLUMNS; 0: no limit (a file, a pipe). */
uint32_t fet_cli_width(const fet_cli *cli);
/* A list of objects; a new reference. */
FET_MUST_CHECK fet_status fet_table_json(const fet_table *table, json_t **out_list);
/* Prints a JSON value (taken over) as the command's whole output. */
FET_MUST_CHECK fet_status fet_cli_print_json(const fet_cli *cli, json_t *value);

#endif
