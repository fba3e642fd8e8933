// SPDX-License-Identifier: Apache-2.0
/* fettle worker DIR: one more pair of hands for a running search. The search starts its own; further ones may run on any machine that sees
 * the folder. */
#include "cli/command.h"
#include "run/worker.h"

#include <stddef.h>
#include <string.h>

typedef struct values {
    bool child; /* started by a search: owner and progress as lines for it, and it stays while the search lasts */
    bool stay;
    double lease_s;
} values;

static const fet_cli_option OPTIONS[] = {
    {.name = "stay", .kind = FET_CLI_FLAG, .offset = offsetof(values, stay), .help = "wait for more work until the study is finished"},
    {.name = "lease",
     .kind = FET_CLI_REAL,
     .offset = offsetof(values, lease_s),
     .value = "SECONDS",
     .low = 1,
     .high = 86400,
     .help = "after so long without a sign of life another worker may take a trial over (default 60)"},
    {.name = "child", .kind = FET_CLI_FLAG, .offset = offsetof(values, child), .help = "speak to the search that started this worker"},
    {0},
};

static void defaults(void *v)
{
    ((values *)v)->lease_s = fet_worker_default_options().lease_s;
}

static bool stopped(void *context)
{
    (void)context;
    return fet_cli_interrupted();
}

static void say_line(void *context, const char *line)
{
    const fet_cli *cli = context;
    fprintf(cli->out, "%s\n", line);
    fflush(cli->out);
}

/* A person wants to see what is finished, not every state on the way. */
static void say_news(void *context, const char *line)
{
    const fet_cli *cli = context;
    if (cli->quiet || strncmp(line, "progress ", 9) == 0) return;
    fprintf(cli->err, "%s\n", line);
}

static fet_status run(fet_cli *cli, const void *v)
{
    const values *given = v;
    fet_worker_options options = fet_worker_default_options();
    options.stay = given->child || given->stay;
    options.lease_s = given->lease_s;
    options.stopped = stopped;
    options.say = given->child ? say_line : say_news;
    options.context = cli;
    fet_cli_catch_signals();
    if (given->child) {
        char owner[256], line[300];
        fet_worker_owner_name(owner, sizeof owner);
        snprintf(line, sizeof line, "owner %s", owner);
        say_line(cli, line);
    }
    fet_worker_end end = FET_WORKER_FINISHED;
    FET_TRY(fet_worker_run(cli->arguments[0], &options, &end));
    if (end == FET_WORKER_INTERRUPTED) cli->exit_code = FET_EXIT_INTERRUPTED;
    return FET_OK;
}

const fet_command fet_cmd_worker = {
    .name = "worker",
    .summary = "evaluate trials of a study that is being searched",
    .usage = "DIR [OPTION]...",
    .details =
        "DIR is the output folder of `fettle search`, which starts one worker a core by itself. Results do not depend on how many workers "
        "there are, how fast they are or which of them does what.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
