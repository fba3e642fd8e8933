// SPDX-License-Identifier: Apache-2.0
/* From argv to an exit code: finds the command, parses, runs, prints what went wrong in one line. */
#include "cli/command.h"

#include "base/alloc.h"
#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_COMMANDS = 32 };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool fet_cli_interrupted(void)
{
    return interrupted != 0;
}

void fet_cli_catch_signals(void)
{
    /* Once: a second Ctrl-C finds the default action and ends the program at once. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int fet_cli_exit_code(fet_status status)
{
    switch (status) {
    case FET_OK: return FET_EXIT_OK;
    case FET_ERROR_ARG:
    case FET_ERROR_SHAPE:
    case FET_ERROR_UNSUPPORTED:
    case FET_ERROR_NOT_FOUND:
    case FET_ERROR_EXISTS:
    case FET_ERROR_LIMIT:
    case FET_ERROR_CORRUPT: return FET_EXIT_BAD_INPUT;
    case FET_ERROR_STATE:
    case FET_ERROR_IO:
    case FET_ERROR_NOMEM: return FET_EXIT_FAILED;
    }
    return FET_EXIT_FAILED;
}

const char *fet_cli_style_text(const fet_cli *cli, fet_cli_style style)
{
    static const char *const codes[] = {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"};
    return cli->color ? codes[style] : "";
}

static bool wants_color(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fileno(stream)) && !(no_color && *no_color) && !(terminal && strcmp(terminal, "dumb") == 0);
}

static void print_error(const fet_cli *cli)
{
    bool color = wants_color(cli->err);
    fprintf(cli->err, "%sfettle:%s %s", color ? "\x1b[31m" : "", color ? "\x1b[0m" : "", fet_error_message());
    if (cli->verbose) fprintf(cli->err, " [%s]", fet_error_place());
    fputc('\n', cli->err);
}

static fet_status find_command(const fet_command *const commands[], const char *name, const fet_command **out_command)
{
    const char *names[MAX_COMMANDS];
    size_t n = 0;
    for (; commands[n] && n < MAX_COMMANDS; n++) {
        names[n] = commands[n]->name;
        if (strcmp(commands[n]->name, name) == 0) {
            *out_command = commands[n];
            return FET_OK;
        }
    }
    const char *nearest = fet_text_nearest(name, names, n);
    if (nearest) return fet_fail(FET_ERROR_ARG, "unknown command \"%s\", did you mean \"%s\"?", name, nearest);
    return fet_fail(FET_ERROR_ARG, "unknown command \"%s\"; `fettle --help` lists them", name);
}

static fet_status run_command(fet_cli *cli, int argc, char **argv)
{
    const fet_command *command = cli->command;
    void *values = NULL;
    bool help = false;
    FET_TRY(fet_alloc_zeroed(1, command->values_bytes, "options", &values));
    fet_status status = fet_cli_parse(command, argc, argv, cli, values, &help);
    if (status == FET_OK && help) fet_cli_print_help(command, cli->out);
    else if (status == FET_OK) status = command->run(cli, values);
    fet_free(values);
    return status;
}

/* What was printed has arrived: a full disk behind `fettle ... > file` is a failure, not half a file. */
static fet_status flush(const fet_cli *cli)
{
    errno = 0;
    if (fflush(cli->out) == 0 && !ferror(cli->out)) return FET_OK;
    return fet_fail(FET_ERROR_IO, "cannot write the output: %s", errno ? strerror(errno) : "an earlier write failed");
}

static int finish(fet_cli *cli, fet_status status)
{
    if (status == FET_OK) status = flush(cli);
    else (void)fflush(cli->out);
    if (status == FET_OK) return cli->exit_code;
    print_error(cli);
    return interrupted ? FET_EXIT_INTERRUPTED : fet_cli_exit_code(status);
}

int fet_cli_main(const fet_command *const commands[], int argc, char **argv)
{
    fet_cli cli = {.out = stdout, .err = stderr, .out_is_terminal = isatty(STDOUT_FILENO), .err_is_terminal = isatty(STDERR_FILENO)};
    cli.color = wants_color(stdout);
    const char *name = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        fet_cli_print_overview(commands, stderr);
        return FET_EXIT_BAD_INPUT;
    }
    bool wants_help = strcmp(name, "help") == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (wants_help && argc == 2)) {
        fet_cli_print_overview(commands, stdout);
        return finish(&cli, FET_OK);
    }
    if (strcmp(name, "--version") == 0) {
        fprintf(stdout, "fettle %s\n", FET_VERSION);
        return finish(&cli, FET_OK);
    }
    fet_status status = find_command(commands, wants_help ? argv[2] : name, &cli.command);
    if (status == FET_OK && wants_help) fet_cli_print_help(cli.command, stdout);
    else if (status == FET_OK) status = run_command(&cli, argc - 2, argv + 2);
    return finish(&cli, status);
}
