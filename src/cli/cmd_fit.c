// SPDX-License-Identifier: Apache-2.0
/* fettle fit MODEL: the main job for one network and one target, all on the command line. */
#include "cli/fit_job.h"
#include "cli/progress.h"
#include "cli/results.h"
#include "cli/source.h"
#include "run/search.h"

#include <stddef.h>
#include <string.h>

typedef struct values {
    fet_fit_options fit;
    bool resume, json;
} values;

#define TEXT(field, arg) .kind = FET_CLI_TEXT, .offset = offsetof(values, fit.field), .value = arg
#define INT(field, from, to) .kind = FET_CLI_INT, .offset = offsetof(values, fit.field), .value = "N", .low = from, .high = to
#define REAL(field, arg, from, to) .kind = FET_CLI_REAL, .offset = offsetof(values, fit.field), .value = arg, .low = from, .high = to

static const fet_cli_option OPTIONS[] = {
    {.name = "data",
     TEXT(data, "DIR"),
     .required = true,
     .help =
         "images with labels: DIR/train/CLASS/*.jpg with val/ and test/ beside it (what is missing is cut from train), DIR/CLASS/*.jpg or "
         "IDX files; or without: DIR/*.jpg or DIR/*.npy, .wav or .flac, from which MODEL is imitated. KIND:DIR says the kind: "
         "images:photos"},
    {.name = "target",
     .kind = FET_CLI_TEXTS,
     .offset = offsetof(values, fit.targets),
     .value = "METRIC=LIMIT",
     .required = true,
     .help = "what must be reached, may stand several times or with commas: latency=-40%, latency=1.5ms, peak_memory=64KB, params=-50%"},
    {.name = "device", TEXT(device, "NAME"), .help = "host, this machine (default), or a described device: see `fettle device list`"},
    {.name = "precision",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, fit.precision),
     .value = "TYPE",
     .choices = fet_cli_precisions,
     .help = "what the device computes in: f32, bf16 or int8 (default int8)"},
    {.name = "decisions",
     TEXT(decisions, "LIST"),
     .help = "what may change: some of fuse, dense, group, kernel, skip, activation, resolution, tail, precision (of blocks; layers: of "
             "each layer), width, inner, groups, multiplier with commas between (default fuse,skip,activation,resolution,width)"},
    {.name = "output", TEXT(output, "DIR"), .help = "output folder (default out/<name of MODEL>)"},
    {.name = "input", TEXT(input, "1xCxHxW"), .help = "the input's shape, for a MODEL that leaves it open (default: as MODEL says)"},
    {.name = "mean",
     TEXT(mean, "M[,M,M]"),
     .help = "what MODEL wants of pixels of 0 to 255: (pixel - mean) / std, one number or one a channel (default 0)"},
    {.name = "std", TEXT(std, "S[,S,S]"), .help = "goes with --mean (default 255, which makes 0 to 1)"},
    {.name = "margin", REAL(margin, "POINTS", 0, 100), .help = "points of accuracy that \"the same quality\" may lose (default 0.3)"},
    {.name = "epochs", REAL(epochs, "N", 0, 10000), .help = "for which MODEL is first fitted to the data; 0 takes it as it is (default 3)"},
    {.name = "full-epochs", REAL(full_epochs, "N", 0, 10000), .help = "for which the best candidates are trained (default 3)"},
    {.name = "trials", INT(trials, 1, 1000000), .help = "candidates that are looked at (default 48)"},
    {.name = "finalists", INT(finalists, 1, 64), .help = "of them, how many are trained long (default 3)"},
    {.name = "budget", TEXT(budget, "TIME"), .help = "for the search: 10min, 1h 30min; makes results depend on the speed (default: none)"},
    {.name = "seed", INT(seed, 0, 9e15), .help = "of everything that is drawn (default 1)"},
    {.name = "workers", INT(workers, 1, 256), .help = "processes, one thread each (default: one a core)"},
    {.name = "resume",
     .kind = FET_CLI_FLAG,
     .offset = offsetof(values, resume),
     .help = "go on with the same command's study in the output folder"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    ((values *)v)->fit =
        (fet_fit_options){.device = "host", .precision = "int8", .margin = 0.3, .epochs = -1, .full_epochs = -1, .seed = 1};
}

static fet_status run(fet_cli *cli, const void *v)
{
    values given = *(const values *)v;
    fet_auto(fet_job) job = NULL;
    bool interrupted = false;
    given.fit.model = cli->arguments[0];
    FET_TRY(fet_fit_make_job(&given.fit, &job));
    FET_TRY(fet_cli_run_job(cli, job, "fit", given.resume, (uint32_t)given.fit.workers, &interrupted));
    if (!interrupted) return fet_cli_write_fit(cli, job->output, given.json);
    fprintf(cli->err,
            "interrupted; what is finished is kept in %s. Go on with the same command and --resume, or with: fettle search %s/job.yaml "
            "--resume\n",
            job->output, job->output);
    return FET_OK;
}

const fet_command fet_cmd_fit = {
    .name = "fit",
    .summary = "one trained network and a target: a faster network of the same quality",
    .usage = "MODEL.onnx --data DIR --target METRIC=LIMIT [OPTION]...",
    .details =
        "Finds what can be changed in MODEL (blocks fused or left out, widths, activations, the size of the input), searches it for the "
        "device, trains what looks best with weights inherited from MODEL, and ends with a table of the original against the network to "
        "take, "
        "a file. With labels MODEL classifies images; without, candidates learn to give what MODEL gives, whatever it is, and quality is "
        "the "
        "agreement with it. Input and outputs keep their names and order. job.yaml in the output folder is the whole job: add decisions, "
        "edit "
        "it and run it with `fettle search`.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
