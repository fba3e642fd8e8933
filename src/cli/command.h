// SPDX-License-Identifier: Apache-2.0
/*
 * What a command of the program is: a const table (name, help, options, function), one file cmd_<name>.c each, listed in commands.c.
 * Parsing, --help, suggestions for misspelt names and exit codes follow from the tables; no command parses arguments itself. A new command
 * is one file and one line.
 *
 *     typedef struct values { const char *data; double epochs; int64_t seed; bool json; } values;
 *     static const fet_cli_option OPTIONS[] = {
 *         {.name = "data", .kind = FET_CLI_TEXT, .offset = offsetof(values, data), .value = "KIND:PATH", .help = "...", .required = true},
 *         {.name = "epochs", .kind = FET_CLI_REAL, .offset = offsetof(values, epochs), .value = "N", .low = 0, .high = 1e6, .help = "...
 * (default 6)"}, FET_CLI_JSON(values, json), {0}};
 */
#ifndef FET_CLI_COMMAND_H
#define FET_CLI_COMMAND_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Documented in `fettle --help`. */
typedef enum fet_exit_code {
    FET_EXIT_OK = 0,
    FET_EXIT_FAILED = 1,      /* it was asked for correctly and could not be done: full disk, no memory, a training that diverged */
    FET_EXIT_BAD_INPUT = 2,   /* usage, options, job, data or model: nothing was started */
    FET_EXIT_INTERRUPTED = 3, /* Ctrl-C or SIGTERM; what was finished is kept */
} fet_exit_code;

typedef enum fet_cli_kind {
    FET_CLI_FLAG,   /* bool: --json, no value */
    FET_CLI_TEXT,   /* const char *: borrowed from argv */
    FET_CLI_TEXTS,  /* fet_cli_texts: the option may stand several times */
    FET_CLI_INT,    /* int64_t within low..high */
    FET_CLI_REAL,   /* double within low..high */
    FET_CLI_CHOICE, /* const char *: one of `choices` */
} fet_cli_kind;

enum { FET_CLI_MAX_TEXTS = 8 };
typedef struct fet_cli_texts {
    const char *items[FET_CLI_MAX_TEXTS];
    uint32_t n;
} fet_cli_texts;

typedef struct fet_cli_option {
    const char *name; /* without the dashes; NULL ends a table */
    fet_cli_kind kind;
    size_t offset;              /* in the command's values */
    const char *value;          /* "N", "KIND:PATH": as --help shows it */
    const char *help;           /* says the default */
    double low, high;           /* INT, REAL; both 0: not limited */
    const char *const *choices; /* NULL-terminated */
    bool required;
} fet_cli_option;

#define FET_CLI_JSON(type, field)                                                                                                          \
    {                                                                                                                                      \
        .name = "json", .kind = FET_CLI_FLAG, .offset = offsetof(type, field), .help = "print JSON instead of a table"                     \
    }

typedef struct fet_command fet_command;

/* What a command may use besides its values. */
typedef struct fet_cli {
    const fet_command *command;
    FILE *out, *err; /* results; progress and errors */
    bool out_is_terminal, err_is_terminal;
    bool color;          /* of `out`: a terminal, and NO_COLOR not set */
    bool verbose, quiet; /* --verbose: the place in our sources with an error; --quiet: no progress */
    char **arguments;    /* positional */
    uint32_t n_arguments;
    int exit_code; /* FET_EXIT_OK unless the command says otherwise; looked at when it returns FET_OK */
} fet_cli;

struct fet_command {
    const char *name;
    const char *summary; /* one line in `fettle --help` */
    const char *usage;   /* behind "fettle <name> ": "MODEL.onnx --data KIND:PATH [OPTION]..." */
    const char *details; /* paragraphs below the summary in `fettle <name> --help`; NULL: none */
    const fet_cli_option *options;
    uint32_t min_arguments, max_arguments; /* positional */
    size_t values_bytes;
    void (*defaults)(void *values); /* on zeroed values; NULL: zeros are the defaults */
    fet_status (*run)(fet_cli *cli, const void *values);
};

extern const fet_command *const fet_commands[]; /* NULL behind the last; the order of `fettle --help` */

/* The whole program but for the process: parses, runs, prints the error, gives the exit code. */
int fet_cli_main(const fet_command *const commands[], int argc, char **argv);

/* ARG with a message that names the command; what a command's own checks of its arguments end in. */
FET_MUST_CHECK fet_status fet_cli_parse(const fet_command *command, int argc, char **argv, fet_cli *cli, void *values, bool *out_help);
void fet_cli_print_help(const fet_command *command, FILE *out);
void fet_cli_print_overview(const fet_command *const commands[], FILE *out);
int fet_cli_exit_code(fet_status status);

/* Ctrl-C or SIGTERM came. Progress callbacks return !fet_cli_interrupted(), so that work stops at its next safe point; a second Ctrl-C ends
 * at once. */
bool fet_cli_interrupted(void);
void fet_cli_catch_signals(void);

/* Escape sequences, or "" when `cli` writes no colours. */
typedef enum fet_cli_style {
    FET_STYLE_RESET = 0,
    FET_STYLE_BOLD,
    FET_STYLE_DIM,
    FET_STYLE_RED,
    FET_STYLE_GREEN,
    FET_STYLE_YELLOW
} fet_cli_style;
const char *fet_cli_style_text(const fet_cli *cli, fet_cli_style style);

#endif
