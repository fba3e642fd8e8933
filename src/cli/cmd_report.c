// SPDX-License-Identifier: Apache-2.0
/* fettle report STUDY: writes the report and front.csv again from what the study holds, also of a search that is still running or was
 * stopped. */
#include "cli/command.h"
#include "cli/results.h"

typedef struct values {
    const char *output;
    bool json;
} values;

static const fet_cli_option OPTIONS[] = {
    {.name = "output",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, output),
     .value = "FILE.html",
     .help = "where the report goes (default: report.html in the study's folder)"},
    FET_CLI_JSON(values, json),
    {0},
};

static fet_status run(fet_cli *cli, const void *v)
{
    const values *given = v;
    return fet_cli_write_results(cli, cli->arguments[0], given->output, given->json);
}

const fet_command fet_cmd_report = {
    .name = "report",
    .summary = "write the report of a study again, and print its final table",
    .usage = "STUDY [OPTION]...",
    .details =
        "STUDY is the output folder of a search, or its study.sqlite. The report is one HTML file that opens offline; front.csv beside the "
        "study is written anew as well. A search that is not finished gives a report of what there is.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .run = run,
};
