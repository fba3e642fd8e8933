// SPDX-License-Identifier: Apache-2.0
/* fettle export: a network as an ONNX file. */
#include "base/file.h"
#include "cli/export_check.h"
#include "cli/export_int8.h"
#include "cli/quantise.h"
#include "format/onnx/onnx.h"
#include "op/op.h"

#include <string.h>

typedef struct values {
    const char *output, *runtime, *precision, *data, *mean, *std;
    fet_cli_quantise quantise;
    int64_t opset, batch;
    bool force, check;
    fet_cli_texts input;
} values;

static const char *const PRECISIONS[] = {"f32", "int8", NULL};

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
    {.name = "precision",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, precision),
     .value = "TYPE",
     .choices = PRECISIONS,
     .help = "f32, or int8 with QuantizeLinear and DequantizeLinear around what 8 bits hold, calibrated on --data (default f32)"},
    {.name = "data",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, data),
     .value = "KIND:PATH",
     .help = "int8: training samples that ranges are found on: idx:FOLDER, image_folder:FOLDER, images:FOLDER or tensors:FOLDER "
             "(default: those of the study that MODEL is from)"},
    FET_CLI_MEAN(values, mean),
    FET_CLI_STD(values, std),
    FET_CLI_QUANTISE(values, quantise),
    {.name = "force", .kind = FET_CLI_FLAG, .offset = offsetof(values, force), .help = "replace FILE if it is there"},
    {.name = "check",
     .kind = FET_CLI_FLAG,
     .offset = offsetof(values, check),
     .help = "run FILE in ONNX Runtime, too, on random input; exit code 1 when an output is more than 1e-4 of its largest number away; "
             "int8: on val "
             "samples, more than 2 quantisation steps"},
    {.name = "onnxruntime",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, runtime),
     .value = "LIBRARY",
     .help = "its libonnxruntime.so for --check (default: $FETTLE_ONNXRUNTIME, node_modules/onnxruntime-node, the system's)"},
    {0},
};

static void defaults(void *v)
{
    *(values *)v = (values){.opset = FET_ONNX_OPSET_WRITTEN, .precision = "f32", .quantise = FET_CLI_QUANTISE_DEFAULTS};
}

static fet_status write_f32(const fet_cli *cli, const values *given, fet_network *network, double *out_share)
{
    FET_TRY(fet_onnx_write(network->graph, given->output, given->opset));
    *out_share = 0;
    if (!cli->quiet) fprintf(cli->out, "%s\n", given->output);
    double worst = 0;
    if (given->check) FET_TRY(fet_export_check(cli, network->graph, given->output, given->runtime, &worst));
    if (worst > FET_EXPORT_TOLERANCE)
        fprintf(cli->err, "%s: ONNX Runtime is %.2e of the largest number away, expected at most %.0e\n", given->output, worst,
                FET_EXPORT_TOLERANCE);
    *out_share = worst / FET_EXPORT_TOLERANCE;
    return FET_OK;
}

/* Those given, else those of the study that the network is from. *out_opened: for the caller to close. */
static fet_status find_data(const values *given, const fet_network *network, fet_dataset **out_opened, const fet_dataset **out_dataset)
{
    fet_cli_data source = {.text = given->data, .mean = given->mean, .std = given->std, .val_share = 0.1, .seed = 1};
    if (given->data) {
        FET_TRY(fet_cli_open_data(&source, network, out_opened));
        *out_dataset = *out_opened;
        return FET_OK;
    }
    if (network->workspace) FET_TRY(fet_workspace_data(network->workspace));
    *out_dataset = network->workspace ? network->workspace->dataset : NULL;
    return *out_dataset ? FET_OK : fet_fail(FET_ERROR_ARG, "--precision int8 without --data: expected samples to find ranges on");
}

static fet_status write_int8(const fet_cli *cli, const values *given, fet_network *network, double *out_share)
{
    fet_auto(fet_dataset) opened = NULL;
    fet_auto(fet_calibration) calibration = NULL;
    const fet_dataset *dataset = NULL;
    fet_quantise_options options;
    FET_TRY(fet_cli_read_quantise(&given->quantise, network, &options));
    FET_TRY(find_data(given, network, &opened, &dataset));
    FET_TRY(fet_export_int8(network->graph, dataset, &options, given->output, given->opset, &calibration));
    *out_share = 0;
    if (!cli->quiet) fprintf(cli->out, "%s\n", given->output);
    double steps = 0;
    if (given->check) FET_TRY(fet_export_int8_check(cli, network->graph, calibration, dataset, given->output, given->runtime, &steps));
    if (steps > FET_EXPORT_STEPS)
        fprintf(cli->err, "%s: ONNX Runtime is %.2f quantisation steps away, expected at most %d\n", given->output, steps,
                FET_EXPORT_STEPS);
    *out_share = steps / FET_EXPORT_STEPS;
    return FET_OK;
}

static fet_status run(fet_cli *cli, const void *v)
{
    const values *given = v;
    bool int8 = strcmp(given->precision, "int8") == 0;
    if (!given->force && fet_file_exists(given->output))
        return fet_fail(FET_ERROR_EXISTS, "%s: is there already; --force replaces it", given->output);
    if (!int8 && given->data) return fet_fail(FET_ERROR_ARG, "--data with --precision f32: expected none, it belongs to int8");
    fet_network network;
    double share = -1; /* of the difference that is allowed; below 0: nothing is written yet */
    FET_TRY(fet_cli_check_bindings(&given->input));
    FET_TRY(fet_network_load_bound(cli->arguments[0], true, &given->input, &network));
    fet_status status = given->batch ? fet_graph_set_batch(network.graph, given->batch) : FET_OK;
    if (status == FET_OK) status = (int8 ? write_int8 : write_f32)(cli, given, &network, &share);
    fet_network_clear(&network);
    if (status == FET_ERROR_NOT_FOUND && share >= 0) { /* it is written, but nobody looked at it */
        fprintf(cli->err, "not checked: %s\n", fet_error_message());
        cli->exit_code = FET_EXIT_FAILED;
        return FET_OK;
    }
    FET_TRY(status);
    if (share > 1) cli->exit_code = FET_EXIT_FAILED;
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
