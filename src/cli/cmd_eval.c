// SPDX-License-Identifier: Apache-2.0
/* fettle eval: how often a network is right. */
#include "cli/eval_layers.h"
#include "cli/quantise.h"
#include "cli/table.h"
#include "task/compare.h"
#include "task/task.h"

#include <math.h>
#include <string.h>

typedef struct values {
    const char *data, *mean, *std, *split, *precision, *against;
    fet_cli_quantise quantise;
    fet_cli_texts input;
    double val_share;
    int64_t seed, limit;
    bool layers, json;
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
    FET_CLI_QUANTISE(values, quantise),
    {.name = "against",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, against),
     .value = "MODEL",
     .help = "another network on the same samples: how many only the one or the other gets right, and whether that may be chance"},
    {.name = "limit",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, limit),
     .value = "N",
     .high = 1e9,
     .help = "only the first N samples (default 0: all)"},
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
    {.name = "layers",
     .kind = FET_CLI_FLAG,
     .offset = offsetof(values, layers),
     .help = "int8: the error at the output when one layer alone is in int8, layer by layer, the worst first (128 samples, or --limit)"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    *(values *)v = (values){.split = "test", .precision = "f32", .val_share = 0.1, .seed = 1, .quantise = FET_CLI_QUANTISE_DEFAULTS};
}

/* What the answers are, how they compare with another network's, and how far they are from the network's own in f32. Where there is nothing
 * of the one or the other: NULL. */
typedef struct result {
    const fet_task_quality *accuracy, *agreement;
    const fet_comparison *comparison;
} result;

static void print_agreement(const fet_cli *cli, const values *given, const fet_task_quality *a)
{
    bool classes = !isnan(a->low);
    fprintf(cli->out, "%s against its f32 form on %u %s samples: ", given->precision, a->n, given->split);
    if (classes) fprintf(cli->out, "%.2f%% the same answer; ", a->share * 100.0);
    fprintf(cli->out, "relative error");
    for (uint32_t e = 0; e < a->n_errors; e++) fprintf(cli->out, "%s %.4f", e ? "," : "", a->error[e]);
    fprintf(cli->out, "\n");
}

static void print_comparison(const fet_cli *cli, const values *given, const fet_comparison *c)
{
    fprintf(cli->out, "against %s: %+.2f points (95%% interval %+.2f to %+.2f); %u samples only this one gets right, %u only that one; ",
            given->against, 100 * c->difference, 100 * c->low, 100 * c->high, c->only_one, c->only_other);
    if (c->p >= 0.05) fprintf(cli->out, "equally good ones would differ as much in %.0f%% of draws\n", 100 * c->p);
    else fprintf(cli->out, "no chance: equally good ones would differ as much in %.2g%% of draws\n", 100 * c->p);
}

static json_t *comparison_json(const values *given, const fet_comparison *c)
{
    return json_pack("{s:s, s:f, s:f, s:f, s:i, s:i, s:f}", "network", given->against, "difference", c->difference, "low", c->low, "high",
                     c->high, "only_this", (int)c->only_one, "only_that", (int)c->only_other, "p", c->p);
}

static fet_status print_json(const fet_cli *cli, const values *given, const result *r)
{
    const fet_task_quality *a = r->accuracy, *same = r->agreement;
    json_t *json = json_pack("{s:s, s:s, s:s}", "network", cli->arguments[0], "split", given->split, "precision", given->precision);
    if (json && a)
        json_object_update_new(json, json_pack("{s:f, s:f, s:f, s:i, s:i}", "accuracy", a->share, "accuracy_low", a->low, "accuracy_high",
                                               a->high, "correct", (int)round(a->share * a->n), "samples", (int)a->n));
    if (json && r->comparison) json_object_set_new(json, "against", comparison_json(given, r->comparison));
    if (json && same) {
        json_t *errors = json_array();
        for (uint32_t e = 0; e < same->n_errors; e++) json_array_append_new(errors, json_real(same->error[e]));
        json_object_set_new(json, "agreement", isnan(same->low) ? json_null() : json_real(same->share));
        json_object_set_new(json, "relative_errors", errors);
    }
    return fet_cli_print_json(cli, json);
}

static fet_status print_result(const fet_cli *cli, const values *given, const result *r)
{
    if (given->json) return print_json(cli, given, r);
    const fet_task_quality *a = r->accuracy;
    if (a)
        fprintf(cli->out, "%s%.2f%%%s of %u %s samples right, %s (95%% interval %.2f%% to %.2f%%)\n",
                fet_cli_style_text(cli, FET_STYLE_BOLD), a->share * 100.0, fet_cli_style_text(cli, FET_STYLE_RESET), a->n, given->split,
                given->precision, a->low * 100.0, a->high * 100.0);
    if (r->comparison) print_comparison(cli, given, r->comparison);
    if (r->agreement) print_agreement(cli, given, r->agreement);
    return FET_OK;
}

/* The other network has the images in its own size. */
static fet_status compare(const values *given, const fet_cli_data *source, const fet_compared *one, const fet_task_sight *sight,
                          fet_comparison *out_comparison)
{
    fet_network network;
    fet_auto(fet_dataset) dataset = NULL;
    FET_TRY(fet_network_load_bound(given->against, true, &given->input, &network));
    fet_status status = fet_cli_open_data(source, &network, &dataset);
    fet_compared other = {network.graph, dataset};
    if (status == FET_OK) status = fet_classify_compare(one, &other, sight, out_comparison);
    fet_network_clear(&network);
    return status;
}

static fet_status evaluate(fet_cli *cli, const values *given, const fet_network *network)
{
    fet_auto(fet_dataset) dataset = NULL;
    fet_task_sight sight = {.split = FET_SPLIT_TEST, .limit = (uint32_t)given->limit};
    FET_TRY(fet_cli_precision(given->precision, &sight.precision));
    FET_TRY(fet_cli_read_quantise(&given->quantise, network, &sight.quantise));
    fet_split_parse(given->split, &sight.split);
    fet_cli_data source = {given->data,          fet_cli_image_size(&given->input), given->mean, given->std, given->val_share,
                           (uint64_t)given->seed};
    FET_TRY(fet_cli_open_data(&source, network, &dataset));
    if (given->layers && given->against) return fet_fail(FET_ERROR_ARG, "--layers and --against stand together, expected one of them");
    if (given->layers) return fet_cli_eval_layers(cli, network->graph, dataset, &sight, given->json);
    fet_task_quality accuracy, agreement;
    fet_comparison comparison;
    result r = {0};
    /* Without labels a network can still be compared with itself. */
    if (fet_dataset_n_classes(dataset) > 0 || sight.precision == FET_DTYPE_F32) {
        FET_TRY(fet_task_classify.evaluate(network->graph, dataset, &sight, &accuracy));
        r.accuracy = &accuracy;
    }
    if (given->against) {
        FET_TRY(compare(given, &source, &(fet_compared){network->graph, dataset}, &sight, &comparison));
        r.comparison = &comparison;
    }
    if (sight.precision != FET_DTYPE_F32) {
        sight.original = network->graph;
        FET_TRY(fet_task_imitate.evaluate(network->graph, dataset, &sight, &agreement));
        r.agreement = &agreement;
    }
    return print_result(cli, given, &r);
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
