// SPDX-License-Identifier: Apache-2.0
/* Arguments against a command's table. --name value and --name=value, flags alone, "--" ends the options. */
#include "base/text.h"
#include "cli/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Options that every command has. */
static const char *const COMMON[] = {"help", "verbose", "quiet"};
enum { N_COMMON = sizeof COMMON / sizeof COMMON[0], MAX_NAMES = 64, MAX_WORD = 48 };

static fet_status fail_usage(const fet_command *command, const char *what)
{
    return fet_fail(FET_ERROR_ARG, "%s; see `fettle %s --help`", what, command->name);
}

static fet_status fail_unknown(const fet_command *command, const char *name)
{
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (const fet_cli_option *o = command->options; o && o->name && n < MAX_NAMES - N_COMMON; o++) names[n++] = o->name;
    for (size_t i = 0; i < N_COMMON; i++) names[n++] = COMMON[i];
    const char *nearest = fet_text_nearest(name, names, n);
    if (nearest) return fet_fail(FET_ERROR_ARG, "unknown option --%s, did you mean --%s?", name, nearest);
    return fet_fail(FET_ERROR_ARG, "unknown option --%s; see `fettle %s --help`", name, command->name);
}

static fet_status fail_value(const fet_cli_option *option, const char *text, const char *kind)
{
    if (option->low == 0 && option->high == 0) return fet_fail(FET_ERROR_ARG, "--%s is \"%s\", expected %s", option->name, text, kind);
    return fet_fail(FET_ERROR_ARG, "--%s is \"%s\", expected %s from %g to %g", option->name, text, kind, option->low, option->high);
}

static bool in_range(const fet_cli_option *option, double value)
{
    return (option->low == 0 && option->high == 0) || (value >= option->low && value <= option->high);
}

static fet_status set_choice(const fet_cli_option *option, const char *text, void *target)
{
    char list[256] = "";
    for (const char *const *c = option->choices; *c; c++) {
        if (strcmp(*c, text) == 0) {
            memcpy(target, c, sizeof *c);
            return FET_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", c == option->choices ? "" : c[1] ? ", " : " or ", *c);
    }
    return fet_fail(FET_ERROR_ARG, "--%s is \"%s\", expected %s", option->name, text, list);
}

static fet_status set_value(const fet_cli_option *option, const char *text, void *values)
{
    void *target = (char *)values + option->offset;
    char *end = NULL;
    errno = 0;
    switch (option->kind) {
    case FET_CLI_FLAG: *(bool *)target = true; return FET_OK;
    case FET_CLI_TEXT: memcpy(target, &text, sizeof text); return FET_OK;
    case FET_CLI_TEXTS: {
        fet_cli_texts *texts = target;
        if (texts->n == FET_CLI_MAX_TEXTS)
            return fet_fail(FET_ERROR_ARG, "--%s stands more than %d times", option->name, FET_CLI_MAX_TEXTS);
        texts->items[texts->n++] = text;
        return FET_OK;
    }
    case FET_CLI_CHOICE: return set_choice(option, text, target);
    case FET_CLI_INT: {
        long long value = strtoll(text, &end, 10);
        if (end == text || *end || errno || !in_range(option, (double)value)) return fail_value(option, text, "a whole number");
        *(int64_t *)target = value;
        return FET_OK;
    }
    case FET_CLI_REAL: {
        double value = strtod(text, &end);
        if (end == text || *end || errno || value != value || !in_range(option, value)) return fail_value(option, text, "a number");
        *(double *)target = value;
        return FET_OK;
    }
    }
    return fet_fail(FET_ERROR_ARG, "--%s is of no known kind", option->name);
}

typedef struct parser {
    const fet_command *command;
    fet_cli *cli;
    void *values;
    bool help;
    uint64_t given; /* bit i: option i */
} parser;

static bool set_common(parser *p, const char *name)
{
    if (strcmp(name, "help") == 0) p->help = true;
    else if (strcmp(name, "verbose") == 0) p->cli->verbose = true;
    else if (strcmp(name, "quiet") == 0) p->cli->quiet = true;
    else return false;
    return true;
}

/* One "--name", "--name=value" or "--name" "value"; *i moves on when the next argument is the value. */
static fet_status parse_option(parser *p, int argc, char **argv, int *i)
{
    char name[MAX_WORD + 1];
    const char *word = argv[*i] + 2, *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    if (length > MAX_WORD) return fet_fail(FET_ERROR_ARG, "unknown option %.60s...; see `fettle %s --help`", argv[*i], p->command->name);
    memcpy(name, word, length);
    name[length] = '\0';
    if (!equals && set_common(p, name)) return FET_OK;
    for (uint32_t o = 0; p->command->options && p->command->options[o].name; o++) {
        const fet_cli_option *option = &p->command->options[o];
        if (strcmp(option->name, name) != 0) continue;
        p->given |= (uint64_t)1 << (o & 63);
        const char *value = equals ? equals + 1 : NULL;
        if (option->kind == FET_CLI_FLAG && equals) return fet_fail(FET_ERROR_ARG, "--%s takes no value, but got \"%s\"", name, value);
        if (option->kind != FET_CLI_FLAG && !equals) {
            if (*i + 1 >= argc) return fet_fail(FET_ERROR_ARG, "--%s needs a value: --%s %s", name, name, option->value);
            value = argv[++*i];
        }
        return set_value(option, value, p->values);
    }
    return fail_unknown(p->command, name);
}

static fet_status check_complete(const parser *p)
{
    const fet_command *command = p->command;
    for (uint32_t o = 0; command->options && command->options[o].name; o++) {
        const fet_cli_option *option = &command->options[o];
        if (option->required && !(p->given >> (o & 63) & 1))
            return fet_fail(FET_ERROR_ARG, "--%s %s is missing; see `fettle %s --help`", option->name, option->value, command->name);
    }
    if (p->cli->n_arguments < command->min_arguments)
        return fail_usage(command, command->min_arguments == 1 ? "an argument is missing" : "arguments are missing");
    if (p->cli->n_arguments > command->max_arguments)
        return fet_fail(FET_ERROR_ARG, "unexpected argument \"%s\"; see `fettle %s --help`", p->cli->arguments[command->max_arguments],
                        command->name);
    return FET_OK;
}

fet_status fet_cli_parse(const fet_command *command, int argc, char **argv, fet_cli *cli, void *values, bool *out_help)
{
    parser p = {.command = command, .cli = cli, .values = values};
    bool options_ended = false;
    /* Positional arguments are gathered at the front of argv, in order. */
    cli->arguments = argv;
    cli->n_arguments = 0;
    if (command->defaults) command->defaults(values);
    for (int i = 0; i < argc; i++) {
        if (options_ended || argv[i][0] != '-' || argv[i][1] == '\0') argv[cli->n_arguments++] = argv[i];
        else if (strcmp(argv[i], "--") == 0) options_ended = true;
        else if (strcmp(argv[i], "-h") == 0) p.help = true;
        else if (argv[i][1] != '-') return fet_fail(FET_ERROR_ARG, "unknown option %.60s: options begin with two dashes", argv[i]);
        else FET_TRY(parse_option(&p, argc, argv, &i));
    }
    if (!p.help) FET_TRY(check_complete(&p));
    *out_help = p.help;
    return FET_OK;
}
