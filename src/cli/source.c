// SPDX-License-Identifier: Apache-2.0
#include "cli/source.h"

#include "base/file.h"
#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "rewrite/mark_precision.h"
#include "run/evaluate.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const fet_cli_precisions[] = {"f32", "bf16", "int8", NULL};

void fet_network_clear(fet_network *network)
{
    fet_graph_destroy(network->graph);
    fet_arena_destroy(network->arena);
    fet_workspace_destroy(network->workspace);
    *network = (fet_network){0};
}

/* "0-1-3": digits and dashes, beginning with a digit. */
static bool is_genome(const char *text)
{
    return *text >= '0' && *text <= '9' && strspn(text, "0123456789-") == strlen(text);
}

static fet_status load_genome(fet_network *network, const char *genome_text)
{
    fet_workspace *w = network->workspace;
    const fet_space *space = NULL;
    fet_genome genome;
    FET_TRY(fet_workspace_base(w));
    FET_TRY(fet_workspace_space(w, FET_SERIES_BASELINE, &space));
    FET_TRY(fet_genome_parse(space, genome_text, &genome));
    FET_TRY(fet_space_derive(space, &genome, network->arena, &network->graph));
    /* Inherited numbers, when there is something to inherit from. */
    return w->base_trained ? fet_graph_init_params(network->graph, w->base, w->job->seed) : FET_OK;
}

static fet_status load_trial(fet_network *network, const fet_trial *trial, const char *text)
{
    fet_workspace *w = network->workspace;
    if (strcmp(trial->series, FET_SERIES_BASE) == 0) {
        FET_TRY(fet_workspace_base(w));
        FET_TRY(fet_graph_copy(w->base, NULL, 0, &network->graph));
        /* As every candidate has them. */
        return fet_mark_precision_ends(network->graph, w->job->quantise.first, w->job->quantise.last);
    }
    json_error_t error;
    json_t *parameters = json_loads(trial->parameters[0] ? trial->parameters : "{}", 0, &error);
    const char *variant = json_string_value(json_object_get(parameters, "variant"));
    fet_status status;
    if (trial->artifact[0] == '\0') status = load_genome(network, trial->genome);
    else if (!variant) status = fet_fail(FET_ERROR_CORRUPT, "%s: the trial's parameters name no variant", text);
    else status = fet_evaluate_load(w, variant, trial->genome, trial->artifact, network->arena, &network->graph);
    json_decref(parameters);
    return status;
}

/* "SERIES-NUMBER". */
static fet_status find_trial(fet_network *network, const char *name, const char *text)
{
    const char *dash = strrchr(name, '-');
    char *end = NULL, series[64];
    unsigned long number = dash ? strtoul(dash + 1, &end, 10) : 0;
    if (!dash || dash == name || (size_t)(dash - name) >= sizeof series || end == dash + 1 || *end)
        return fet_fail(FET_ERROR_ARG, "%s: \"%s\" is neither a trial (finalists-3) nor a genome (0-1-0-2)", text, name);
    memcpy(series, name, (size_t)(dash - name));
    series[dash - name] = '\0';
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(network->workspace->study, series, &trials));
    fet_status status = FET_ERROR_NOT_FOUND;
    for (size_t i = 0; i < trials.count && status == FET_ERROR_NOT_FOUND; i++)
        if (trials.items[i].number == number) status = load_trial(network, &trials.items[i], text);
    if (status == FET_ERROR_NOT_FOUND && trials.count == 0) status = fet_fail(status, "%s: the study has no series \"%s\"", text, series);
    else if (status == FET_ERROR_NOT_FOUND) status = fet_fail(status, "%s: series \"%s\" has no trial %lu", text, series, number);
    fet_trials_clear(&trials);
    return status;
}

static fet_status load_from_study(const char *text, const char *at, fet_network *network)
{
    char *dir = fet_strdup(text);
    if (!dir) return fet_fail(FET_ERROR_NOMEM, "no memory for a path");
    dir[at - text] = '\0';
    fet_status status = fet_workspace_open(dir, &network->workspace);
    fet_free(dir);
    FET_TRY(status);
    FET_TRY(fet_arena_create(&network->arena));
    return is_genome(at + 1) ? load_genome(network, at + 1) : find_trial(network, at + 1, text);
}

static fet_status check_numbers(const fet_graph *graph, const char *text)
{
    for (uint32_t p = 0; p < graph->n_params; p++)
        if (!graph->params[p].tensor) return fet_fail(FET_ERROR_STATE, "%s: this network is not trained yet, it has no weights", text);
    return FET_OK;
}

const char *fet_cli_image_size(const fet_cli_texts *inputs)
{
    for (uint32_t i = 0; i < inputs->n; i++)
        if (!strchr(inputs->items[i], '=')) return inputs->items[i];
    return NULL;
}

fet_status fet_cli_check_bindings(const fet_cli_texts *inputs)
{
    const char *other = fet_cli_image_size(inputs);
    return other ? fet_fail(FET_ERROR_ARG, "--input is \"%s\", expected NAME=SHAPE: image=1x3x128x128", other) : FET_OK;
}

enum { MAX_BOUND_NAME = 256 };

/* A shape for a name that the file has no input of is a mistake, not a wish. A single number may be for a size by its name. */
static fet_status check_names(const fet_graph *graph, const fet_onnx_binding *bindings, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        bool known = bindings[i].shape.rank == 1;
        char list[512] = "";
        for (uint32_t k = 0; k < graph->n_inputs; k++) {
            const char *name = graph->values[graph->inputs[k]].name;
            size_t used = strlen(list);
            known = known || strcmp(name, bindings[i].name) == 0;
            snprintf(list + used, sizeof list - used, "%s\"%s\"", k ? ", " : "", name);
        }
        if (!known) return fet_fail(FET_ERROR_ARG, "--input names \"%s\", but the network's inputs are %s", bindings[i].name, list);
    }
    return FET_OK;
}

static fet_status load_file(const char *text, const fet_cli_texts *inputs, fet_network *network)
{
    static const fet_cli_texts none;
    fet_onnx_options options = fet_onnx_default_options();
    fet_onnx_binding bindings[FET_CLI_MAX_TEXTS];
    char names[FET_CLI_MAX_TEXTS][MAX_BOUND_NAME];
    uint32_t n = 0;
    if (!inputs) inputs = &none;
    for (uint32_t i = 0; i < inputs->n; i++) {
        const char *item = inputs->items[i], *equals = strrchr(item, '=');
        if (!equals) continue;
        size_t length = (size_t)(equals - item);
        bool fits = length > 0 && length < MAX_BOUND_NAME;
        if (!fits || fet_shape_parse(equals + 1, &bindings[n].shape) != FET_OK)
            return fet_fail(FET_ERROR_ARG, "--input is \"%s\", expected NAME=SHAPE: image=1x3x128x128", item);
        memcpy(names[n], item, length);
        names[n][length] = '\0';
        bindings[n].name = names[n];
        n++;
    }
    options.bindings = bindings, options.n_bindings = n;
    FET_TRY(fet_onnx_read(text, &options, &network->graph));
    return check_names(network->graph, bindings, n);
}

fet_status fet_network_load(const char *text, bool needs_numbers, fet_network *out_network)
{
    return fet_network_load_bound(text, needs_numbers, NULL, out_network);
}

fet_status fet_network_load_bound(const char *text, bool needs_numbers, const fet_cli_texts *inputs, fet_network *out_network)
{
    fet_network network = {0};
    const char *at = strrchr(text, '@');
    bool of_study = at && at != text && !fet_file_exists(text);
    fet_status status = of_study ? load_from_study(text, at, &network) : load_file(text, inputs, &network);
    if (status == FET_OK && needs_numbers) status = check_numbers(network.graph, text);
    if (status == FET_OK) *out_network = network;
    else fet_network_clear(&network);
    return status;
}

static fet_status fail_kind(const char *text)
{
    char kinds[256] = "";
    for (uint32_t k = 0; fet_dataset_kind_name(k); k++) {
        size_t used = strlen(kinds);
        snprintf(kinds + used, sizeof kinds - used, "%s%s:PATH", k ? " or " : "", fet_dataset_kind_name(k));
    }
    return fet_fail(FET_ERROR_ARG, "--data is \"%s\", expected %s", text, kinds);
}

static fet_status parse_input(const char *text, fet_dataset_options *options)
{
    fet_shape shape;
    if (!text) return FET_OK;
    fet_status status = fet_shape_parse(text, &shape);
    if (status != FET_OK || shape.rank != 3)
        return fet_fail(FET_ERROR_ARG, "--input is \"%s\", expected channels x height x width: 3x96x96", text);
    options->channels = shape.dim[0];
    options->height = shape.dim[1];
    options->width = shape.dim[2];
    return FET_OK;
}

/* "127.5" or one number a channel. */
static fet_status parse_channels(const char *option, const char *text, double *values, uint32_t *out_n)
{
    uint32_t n = 0;
    for (const char *at = text; at;) {
        char *end = NULL;
        double value = n < FET_DATA_MAX_CHANNELS ? strtod(at, &end) : 0;
        if (!end || end == at || (*end && *end != ',') || !(value > -1e6 && value < 1e6))
            return fet_fail(FET_ERROR_ARG, "--%s is \"%s\", expected a number, or one a channel: 123.7,116.3,103.5", option, text);
        values[n++] = value;
        at = *end ? end + 1 : NULL;
    }
    *out_n = n;
    return FET_OK;
}

fet_status fet_cli_normalisation(const char *mean, const char *std, fet_dataset_options *options)
{
    if (!mean != !std) return fet_fail(FET_ERROR_ARG, "--%s stands alone, expected --mean and --std together", mean ? "mean" : "std");
    FET_TRY(parse_channels("mean", mean, options->mean, &options->n_mean));
    return parse_channels("std", std, options->std, &options->n_std);
}

/* What the network's training was given, as far as it is known. */
static fet_status suit_network(const fet_network *network, fet_dataset_options *options)
{
    const fet_graph *graph = network->graph;
    const fet_value *input = graph->n_inputs == 1 ? &graph->values[graph->inputs[0]] : NULL;
    if (options->height == 0 && input && input->shape.rank == 4 && strcmp(options->kind, "idx") != 0) {
        options->channels = input->shape.dim[1];
        options->height = input->shape.dim[2];
        options->width = input->shape.dim[3];
    }
    if (options->n_mean || !network->workspace) return FET_OK;
    const fet_dataset_options *of_job = &network->workspace->job->data;
    options->n_mean = of_job->n_mean;
    options->n_std = of_job->n_std;
    memcpy(options->mean, of_job->mean, sizeof options->mean);
    memcpy(options->std, of_job->std, sizeof options->std);
    return FET_OK;
}

fet_status fet_cli_open_data(const fet_cli_data *given, const fet_network *network, fet_dataset **out_dataset)
{
    const char *text = given->text, *colon = strchr(text, ':');
    char kind[32];
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof kind) return fail_kind(text);
    memcpy(kind, text, (size_t)(colon - text));
    kind[colon - text] = '\0';
    bool known = false;
    for (uint32_t k = 0; fet_dataset_kind_name(k); k++) known |= strcmp(fet_dataset_kind_name(k), kind) == 0;
    if (!known) return fail_kind(text);
    fet_dataset_options options = {.kind = kind, .path = colon + 1, .val_share = given->val_share, .seed = given->seed};
    FET_TRY(parse_input(given->input, &options));
    FET_TRY(fet_cli_normalisation(given->mean, given->std, &options));
    if (network) FET_TRY(suit_network(network, &options));
    return fet_dataset_open(&options, out_dataset);
}

fet_status fet_cli_precision(const char *text, fet_dtype *out_dtype)
{
    fet_dtype dtype = fet_dtype_parse(text);
    if (dtype != FET_DTYPE_F32 && dtype != FET_DTYPE_BF16 && dtype != FET_DTYPE_S8)
        return fet_fail(FET_ERROR_ARG, "precision is \"%s\", expected f32, bf16 or int8", text);
    *out_dtype = dtype;
    return FET_OK;
}
