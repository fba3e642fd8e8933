// SPDX-License-Identifier: Apache-2.0
/* fettle eval: how often a network is right. */
#include "cli/source.h"
#include "cli/table.h"
#include "task/classify.h"

typedef struct values {
    const char *data, *mean, *std, *split, *precision;
    fet_cli_texts input;
    double val_share;
    int64_t seed, limit, calibration;
    bool json;
} values;

static const char *const SPLITS[] = {"train", "val", "test", NULL};

static const fet_cli_option OPTIONS[] = {
    {.name = "data",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, data),
     .value = "KIND:PATH",
     .required = true,
     .help = "idx:FOLDER or image_folder:FOLDER"},
    {.name = "split",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, split),
     .value = "NAME",
     .choices = SPLITS,
     .help = "train, val or test (default test)"},
    {.name = "precision",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, precision),
     .value = "TYPE",
     .choices = fet_cli_precisions,
     .help = "f32, bf16 or int8, calibrated on training images (default f32)"},
    {.name = "limit",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, limit),
     .value = "N",
     .high = 1e9,
     .help = "only the first N samples (default 0: all)"},
    {.name = "calibration",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, calibration),
     .value = "N",
     .low = 1,
     .high = 1e6,
     .help = "batches of 64 images that int8 ranges are found on (default 8)"},
    {.name = "input",
     .kind = FET_CLI_TEXTS,
     .offset = offsetof(values, input),
     .value = "CxHxW",
     .help = "what images are resized to (default: as the network's input); NAME=1xCxHxW: shape of an input that MODEL leaves open"},
    FET_CLI_MEAN(values, mean),
    FET_CLI_STD(values, std),
    {.name = "val-share",
     .kind = FET_CLI_REAL,
     .offset = offsetof(values, val_share),
     .value = "SHARE",
     .low = 0.001,
     .high = 0.9,
     .help = "share of the training data that is val (default 0.1)"},
    {.name = "seed",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, seed),
     .value = "N",
     .high = 9e15,
     .help = "of the splits (default 1)"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    *(values *)v = (values){.split = "test", .precision = "f32", .val_share = 0.1, .seed = 1, .calibration = 8};
}

static fet_status print_result(const fet_cli *cli, const values *given, const fet_accuracy *a)
{
    if (given->json)
        return fet_cli_print_json(cli, json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:i, s:i}", "network", cli->arguments[0], "split",
                                                 given->split, "precision", given->precision, "accuracy", a->share, "accuracy_low", a->low,
                                                 "accuracy_high", a->high, "correct", (int)a->n_correct, "samples", (int)a->n));
    fprintf(cli->out, "%s%.2f%%%s of %u %s samples right, %s (95%% interval %.2f%% to %.2f%%)\n", fet_cli_style_text(cli, FET_STYLE_BOLD),
            a->share * 100.0, fet_cli_style_text(cli, FET_STYLE_RESET), a->n, given->split, given->precision, a->low * 100.0,
            a->high * 100.0);
    return FET_OK;
}

static fet_status evaluate(fet_cli *cli, const values *given, const fet_network *network)
{
    fet_auto(fet_dataset) dataset = NULL;
    fet_dtype precision;
    fet_split split = FET_SPLIT_TEST;
    FET_TRY(fet_cli_precision(given->precision, &precision));
    fet_split_parse(given->split, &split);
    fet_cli_data source = {given->data,          fet_cli_image_size(&given->input), given->mean, given->std, given->val_share,
                           (uint64_t)given->seed};
    FET_TRY(fet_cli_open_data(&source, network, &dataset));
    fet_accuracy accuracy;
    FET_TRY(fet_classify_eval(network->graph, dataset, split, precision, (uint32_t)given->calibration, (uint32_t)given->limit, &accuracy));
    return print_result(cli, given, &accuracy);
}

static fet_status run(fet_cli *cli, const void *v)
{
    fet_network network;
    FET_TRY(fet_network_load_bound(cli->arguments[0], true, &((const values *)v)->input, &network));
    fet_status status = evaluate(cli, v, &network);
    fet_network_clear(&network);
    return status;
}

const fet_command fet_cmd_eval = {
    .name = "eval",
    .summary = "measure the accuracy of a network on a split of the data",
    .usage = "MODEL --data KIND:PATH [OPTION]...",
    .details = FET_NETWORK_HELP,
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
