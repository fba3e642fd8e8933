// SPDX-License-Identifier: Apache-2.0
/* --help, from the tables. */
#include "cli/command.h"

#include <string.h>

enum { WIDTH = 100, OPTION_COLUMN = 26 };

/* Words of `text` from column `at` on, new lines indented by `indent`. */
static void wrap(FILE *out, const char *text, size_t indent, size_t at)
{
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (at > indent && at + 1 + length > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)length, text);
        at += length;
        text += length;
        if (*text == '\n') {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        }
        if (*text) text++;
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const char *name, const char *value, const char *help, bool required)
{
    char head[80], text[512];
    snprintf(head, sizeof head, "  --%s%s%s", name, value ? " " : "", value ? value : "");
    snprintf(text, sizeof text, "%s%s", help, required ? " (required)" : "");
    size_t length = strlen(head);
    fputs(head, out);
    if (length + 2 > OPTION_COLUMN) fprintf(out, "\n%*s", OPTION_COLUMN, "");
    else fprintf(out, "%*s", (int)(OPTION_COLUMN - length), "");
    wrap(out, text, OPTION_COLUMN, OPTION_COLUMN);
}

void fet_cli_print_help(const fet_command *command, FILE *out)
{
    fprintf(out, "Usage: fettle %s %s\n\n", command->name, command->usage);
    wrap(out, command->summary, 0, 0);
    if (command->details) {
        fputc('\n', out);
        wrap(out, command->details, 0, 0);
    }
    fprintf(out, "\nOptions:\n");
    for (const fet_cli_option *o = command->options; o && o->name; o++) print_option(out, o->name, o->value, o->help, o->required);
    print_option(out, "quiet", NULL, "no progress", false);
    print_option(out, "verbose", NULL, "with an error, the place in fettle's sources", false);
    print_option(out, "help", NULL, "this text", false);
}

void fet_cli_print_overview(const fet_command *const commands[], FILE *out)
{
    fprintf(out, "Usage: fettle COMMAND [ARGUMENT]... [OPTION]...\n\n");
    wrap(out,
         "fettle fits neural networks to the hardware they run on: given a network, data and a device, it finds networks of the same "
         "quality with much "
         "lower latency, memory or energy, trained and ready to run.",
         0, 0);
    fprintf(out, "\nCommands:\n");
    for (uint32_t c = 0; commands[c]; c++) {
        fprintf(out, "  %-10s ", commands[c]->name);
        wrap(out, commands[c]->summary, 13, 13);
    }
    fprintf(out, "\n`fettle COMMAND --help` explains a command. `fettle --version` prints the version.\n\n"
                 "Exit codes:\n"
                 "  0  done\n"
                 "  1  failed: it was asked for correctly and could not be done (full disk, no memory, a training that diverged)\n"
                 "  2  bad usage or bad input: an option, job, model or data file is wrong; the message says where\n"
                 "  3  interrupted by Ctrl-C or SIGTERM; what was finished is kept\n\n"
                 "Environment: NO_COLOR switches colours off.\n");
}
