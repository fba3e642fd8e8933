// SPDX-License-Identifier: Apache-2.0
/* fettle export: a network as an ONNX file. */
#include "base/file.h"
#include "cli/export_check.h"
#include "cli/source.h"
#include "format/onnx/onnx.h"
#include "op/op.h"

typedef struct values {
    const char *output, *runtime;
    int64_t opset, batch;
    bool force, check;
    fet_cli_texts input;
} values;

static const fet_cli_option OPTIONS[] = {
    {.name = "output",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, output),
     .value = "FILE",
     .required = true,
     .help = "the ONNX file to write"},
    {.name = "opset",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, opset),
     .value = "N",
     .low = FET_ONNX_OPSET_WRITTEN,
     .high = FET_ONNX_OPSET_HIGHEST,
     .help = "version of the operators (default 13)"},
    {.name = "batch",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, batch),
     .value = "N",
     .low = 1,
     .high = 65536,
     .help = "samples at once (default: as the network has it)"},
    FET_CLI_BINDINGS(values, input),
    {.name = "force", .kind = FET_CLI_FLAG, .offset = offsetof(values, force), .help = "replace FILE if it is there"},
    {.name = "check",
     .kind = FET_CLI_FLAG,
     .offset = offsetof(values, check),
     .help = "run FILE in ONNX Runtime, too, on random input; exit code 1 when an output is more than 1e-4 of its largest number away"},
    {.name = "onnxruntime",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, runtime),
     .value = "LIBRARY",
     .help = "its libonnxruntime.so for --check (default: $FETTLE_ONNXRUNTIME, node_modules/onnxruntime-node, the system's)"},
    {0},
};

static void defaults(void *v)
{
    ((values *)v)->opset = FET_ONNX_OPSET_WRITTEN;
}

static fet_status run(fet_cli *cli, const void *v)
{
    const values *given = v;
    if (!given->force && fet_file_exists(given->output))
        return fet_fail(FET_ERROR_EXISTS, "%s: is there already; --force replaces it", given->output);
    fet_network network;
    FET_TRY(fet_cli_check_bindings(&given->input));
    FET_TRY(fet_network_load_bound(cli->arguments[0], true, &given->input, &network));
    fet_status status = given->batch ? fet_graph_set_batch(network.graph, given->batch) : FET_OK;
    if (status == FET_OK) status = fet_onnx_write(network.graph, given->output, given->opset);
    if (status == FET_OK && !cli->quiet) fprintf(cli->out, "%s\n", given->output);
    double worst = 0;
    if (status == FET_OK && given->check) status = fet_export_check(cli, network.graph, given->output, given->runtime, &worst);
    fet_network_clear(&network);
    if (status == FET_ERROR_NOT_FOUND && given->check) { /* the file is written, but nobody looked at it */
        fprintf(cli->err, "not checked: %s\n", fet_error_message());
        cli->exit_code = FET_EXIT_FAILED;
        return FET_OK;
    }
    FET_TRY(status);
    if (worst > FET_EXPORT_TOLERANCE) {
        fprintf(cli->err, "%s: ONNX Runtime is %.2e of the largest number away, expected at most %.0e\n", given->output, worst,
                FET_EXPORT_TOLERANCE);
        cli->exit_code = FET_EXIT_FAILED;
    }
    return FET_OK;
}

const fet_command fet_cmd_export = {
    .name = "export",
    .summary = "write a network of a study, or an ONNX file read by fettle, as ONNX",
    .usage = "MODEL --output FILE [OPTION]...",
    .details = FET_NETWORK_HELP " Weights are inside, batch norm is kept. The file appears whole or not at all.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
