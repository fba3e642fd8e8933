// SPDX-License-Identifier: Apache-2.0
/* fettle search JOB: the main job. Runs it, then writes the report and prints the final table. */
#include "cli/command.h"
#include "cli/results.h"
#include "run/search.h"

#include <stddef.h>
#include <string.h>

typedef struct values {
    bool resume, json;
    int64_t workers;
    const char *output;
    int64_t seed;
} values;

static const fet_cli_option OPTIONS[] = {
    {.name = "resume", .kind = FET_CLI_FLAG, .offset = offsetof(values, resume), .help = "go on with the study in the output folder"},
    {.name = "workers",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, workers),
     .value = "N",
     .low = 1,
     .high = 256,
     .help = "worker processes, one thread each (default: as the job says, else one a core)"},
    {.name = "output",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, output),
     .value = "DIR",
     .help = "output folder (default: as the job says)"},
    {.name = "seed",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, seed),
     .value = "N",
     .low = 0,
     .high = 9e15,
     .help = "seed (default: as the job says)"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    ((values *)v)->seed = -1;
}

static fet_status run(fet_cli *cli, const void *v)
{
    const values *given = v;
    fet_auto(fet_job) job = NULL;
    fet_job_overrides overrides = {
        .output = given->output, .has_seed = given->seed >= 0, .seed = (uint64_t)(given->seed >= 0 ? given->seed : 0)};
    FET_TRY(fet_job_read_with(cli->arguments[0], &overrides, &job));
    bool interrupted = false;
    FET_TRY(fet_cli_run_job(cli, job, "search", given->resume, (uint32_t)given->workers, &interrupted));
    if (interrupted) {
        fprintf(cli->err, "interrupted; what is finished is kept in %s. Go on with: fettle search %s --resume%s%s\n", job->output,
                cli->arguments[0], given->output ? " --output " : "", given->output ? given->output : "");
        return FET_OK;
    }
    return fet_cli_write_results(cli, job->output, NULL, given->json);
}

const fet_command fet_cmd_search = {
    .name = "search",
    .summary = "run a job: from a network, data and a device to faster networks, with the evidence",
    .usage = "JOB.yaml [OPTION]...",
    .details =
        "Trains the base network, measures its kernels on the device, searches, trains the best candidates, measures them whole and writes "
        "networks (front/*.onnx), front.csv, report.html and study.sqlite into the output folder. Ctrl-C keeps what is finished; --resume "
        "goes on, "
        "also after a crash. The same job and seed give the same trials and the same front whatever the number of workers.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
