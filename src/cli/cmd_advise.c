// SPDX-License-Identifier: Apache-2.0
/* fettle advise: which changes of a network make it faster on a device, by how much, at what cost and why; and the changed network. */
#include "advise/advise.h"
#include "base/file.h"
#include "cli/advise_apply.h"
#include "cli/survey.h"
#include "cli/table.h"
#include "cli/wrap.h"
#include "device/peak.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct values {
    fet_cli_costing costing;
    fet_cli_texts input;
    const char *space, *apply, *data;
    int64_t top, pairs;
    double least;
    bool json, force, all;
} values;

static const fet_cli_option OPTIONS[] = {
    FET_CLI_COSTING(values, costing),
    FET_CLI_BINDINGS(values, input),
    {.name = "top",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, top),
     .value = "N",
     .low = 1,
     .high = 10000,
     .help = "list the N best (default 12; --json lists all)"},
    {.name = "least",
     .kind = FET_CLI_REAL,
     .offset = offsetof(values, least),
     .value = "PERCENT",
     .low = 0,
     .high = 100,
     .help = "of the latency, what a change must gain to be listed (default 0.5)"},
    {.name = "pairs",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, pairs),
     .value = "N",
     .low = 0,
     .high = 10000,
     .help = "pairs of changes that are costed together (default 24)"},
    {.name = "all",
     .kind = FET_CLI_FLAG,
     .offset = offsetof(values, all),
     .help = "list also what another option of the same decision beats: as fast, with as many weights and MACs"},
    {.name = "space",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, space),
     .value = "FILE",
     .help = "only what a list of `fettle space --save` allows"},
    {.name = "apply",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, apply),
     .value = "NUMBERS",
     .help = "1,3,4: write the network with these changes to OUT.onnx, with inherited weights"},
    {.name = "data",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, data),
     .value = "KIND:PATH",
     .help = "--apply: samples on which batch norms are set anew"},
    {.name = "force", .kind = FET_CLI_FLAG, .offset = offsetof(values, force), .help = "--apply replaces a file that is there"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    *(values *)v = (values){.costing = FET_CLI_COSTING_DEFAULTS, .top = 12, .pairs = 24, .least = 0.5};
}

typedef struct advising {
    const values *given;
    fet_survey survey;
    fet_device_peak peak;
    fet_advices advices;
} advising;

static const fet_candidate_cost *cost_of(const advising *a, uint32_t net)
{
    return &fet_probe_get(a->survey.probe, net)->cost;
}

static double difference(const advising *a, const fet_advice *advice, fet_metric metric)
{
    return cost_of(a, advice->net)->metric[metric] - cost_of(a, a->advices.base)->metric[metric];
}

/* "+0.10 MB", "-3.2 KB", "0". */
static void print_bytes(double bytes, char *text, size_t size)
{
    double amount = fabs(bytes);
    if (amount < 0.5) snprintf(text, size, "0");
    else if (amount < 1e4) snprintf(text, size, "%+.1f KB", bytes / 1e3);
    else if (amount < 1e6) snprintf(text, size, "%+.0f KB", bytes / 1e3);
    else snprintf(text, size, "%+.2f MB", bytes / 1e6);
}

static void print_advice(const fet_cli *cli, const advising *a, uint32_t i)
{
    const fet_advice *advice = &a->advices.items[i];
    char params[32], memory[32];
    print_bytes(difference(a, advice, FET_METRIC_PARAMS), params, sizeof params);
    print_bytes(difference(a, advice, FET_METRIC_PEAK_MEMORY), memory, sizeof memory);
    fprintf(cli->out, "%3u %s%5.1f%%%s %9s %9s  %-8s %s%s%s\n", i + 1, fet_cli_style_text(cli, FET_STYLE_GREEN), -100 * advice->gain,
            fet_cli_style_text(cli, FET_STYLE_RESET), params, memory, advice->keeps_function ? "same" : "retrain",
            fet_cli_style_text(cli, FET_STYLE_BOLD), advice->text, fet_cli_style_text(cli, FET_STYLE_RESET));
    fputs(fet_cli_style_text(cli, FET_STYLE_DIM), cli->out);
    fet_cli_wrap(cli, 4, "%s", advice->reason);
    fputs(fet_cli_style_text(cli, FET_STYLE_RESET), cli->out);
}

static void print_head(const fet_cli *cli, const advising *a)
{
    const fet_candidate_cost *base = cost_of(a, a->advices.base);
    double ms = base->metric[FET_METRIC_LATENCY];
    char peak[96] = "";
    if (a->peak.macs_per_s > 0)
        snprintf(peak, sizeof peak, ", %.2g%% of the peak (%.4g GMAC/s, %s)",
                 100 * fet_layer_utilisation(base->macs, ms, a->peak.macs_per_s), a->peak.macs_per_s / 1e9,
                 a->peak.source == FET_COST_SIMULATED ? "stated" : fet_cost_source_name(a->peak.source));
    fet_cli_wrap(cli, 0, "%s on %s: %.4f ms%s", cli->arguments[0], fet_device_describe(a->survey.device), ms, peak);
    if (a->survey.left_out[0]) fet_cli_wrap(cli, 0, "A network with so many decisions was looked at without %s.", a->survey.left_out);
}

static void print_text(const fet_cli *cli, const advising *a)
{
    uint32_t shown = a->advices.count < (uint64_t)a->given->top ? a->advices.count : (uint32_t)a->given->top;
    print_head(cli, a);
    if (shown)
        fprintf(cli->out, "\n%s  # latency   weights    memory  outputs  change%s\n", fet_cli_style_text(cli, FET_STYLE_BOLD),
                fet_cli_style_text(cli, FET_STYLE_RESET));
    for (uint32_t i = 0; i < shown; i++) print_advice(cli, a, i);
    fputc('\n', cli->out);
    fet_cli_wrap(cli, 0, "%u changes costed, none trained; %u gain %g%% or more%s%s.", a->advices.n_costed, a->advices.count,
                 a->given->least, a->given->all ? "" : " and are not beaten by another option of theirs",
                 shown < a->advices.count ? " (--top shows more)" : "");
    if (shown == 0) return;
    fet_cli_wrap(cli, 0, "Outputs: \"same\" computes the same before any training, \"retrain\" starts near it and needs some.");
    fet_cli_wrap(cli, 0, "fettle advise %s OUT.onnx --apply 1%s writes the changed network.", cli->arguments[0],
                 a->advices.count > 1 ? ",2" : "");
}

static json_t *advice_json(const advising *a, uint32_t i)
{
    const fet_advice *advice = &a->advices.items[i];
    const fet_candidate_cost *cost = cost_of(a, advice->net), *base = cost_of(a, a->advices.base);
    char genome[FET_GENOME_TEXT_BYTES];
    fet_genome_print(&fet_probe_get(a->survey.probe, advice->net)->genome, genome, sizeof genome);
    return json_pack("{s:i, s:s, s:f, s:f, s:f, s:f, s:f, s:I, s:b, s:s, s:s}", "number", (int)i + 1, "change", advice->text, "gain",
                     advice->gain, "noise", advice->noise, "latency_ms", cost->metric[FET_METRIC_LATENCY], "param_bytes_added",
                     difference(a, advice, FET_METRIC_PARAMS), "peak_memory_bytes_added", difference(a, advice, FET_METRIC_PEAK_MEMORY),
                     "macs_added", (json_int_t)(cost->macs - base->macs), "keeps_function", advice->keeps_function, "reason",
                     advice->reason, "genome", genome);
}

static fet_status print_json(const fet_cli *cli, const advising *a)
{
    const fet_candidate_cost *base = cost_of(a, a->advices.base);
    json_t *list = json_array();
    for (uint32_t i = 0; i < a->advices.count; i++) json_array_append_new(list, advice_json(a, i));
    return fet_cli_print_json(cli, json_pack("{s:s, s:s, s:f, s:f, s:i, s:o}", "network", cli->arguments[0], "device",
                                             fet_device_describe(a->survey.device), "latency_ms", base->metric[FET_METRIC_LATENCY],
                                             "peak_macs_per_s", a->peak.macs_per_s, "changes_costed", (int)a->advices.n_costed, "changes",
                                             list));
}

/* "1,3,4" */
static fet_status parse_numbers(const char *text, fet_arena *arena, uint32_t **out_numbers, uint32_t *out_n)
{
    uint32_t n = 0, *numbers = fet_arena_zalloc(arena, strlen(text) + 1, sizeof *numbers);
    if (!numbers) return fet_arena_full();
    for (const char *at = text;; at++) {
        char *end = NULL;
        unsigned long number = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : 0;
        if (number < 1 || number > UINT32_MAX || (*end != ',' && *end != '\0'))
            return fet_fail(FET_ERROR_ARG, "--apply is \"%s\", expected numbers of the list such as 1,3,4", text);
        numbers[n++] = (uint32_t)number;
        at = end;
        if (*at == '\0') break;
    }
    *out_numbers = numbers;
    *out_n = n;
    return FET_OK;
}

static fet_status apply(fet_cli *cli, advising *a)
{
    uint32_t *numbers = NULL, n = 0, net = 0;
    fet_genome genome;
    fet_applied applied = {0};
    FET_TRY(parse_numbers(a->given->apply, a->survey.arena, &numbers, &n));
    FET_TRY(fet_advice_combine(a->survey.space, &a->advices, numbers, n, &genome));
    FET_TRY(fet_advise_write(a->survey.space, &genome, a->given->data, cli->arguments[1], &applied));
    fet_progress progress;
    fet_progress_begin(&progress, cli, "measuring kernels");
    fet_status status = fet_probe_add(a->survey.probe, &genome, &net);
    if (status == FET_OK) status = fet_probe_run(a->survey.probe, fet_cli_on_measured, &progress);
    fet_progress_end(&progress);
    FET_TRY(status);
    double before = cost_of(a, a->advices.base)->metric[FET_METRIC_LATENCY], after = cost_of(a, net)->metric[FET_METRIC_LATENCY];
    double params = cost_of(a, net)->metric[FET_METRIC_PARAMS] - cost_of(a, a->advices.base)->metric[FET_METRIC_PARAMS];
    if (a->given->json)
        return fet_cli_print_json(cli, json_pack("{s:s, s:f, s:f, s:f, s:o, s:b}", "file", cli->arguments[1], "latency_ms", after, "gain",
                                                 1 - after / before, "param_bytes_added", params, "output_difference",
                                                 isnan(applied.difference) ? json_null() : json_real(applied.difference), "recalibrated",
                                                 applied.recalibrated));
    char bytes[32];
    print_bytes(params, bytes, sizeof bytes);
    for (uint32_t i = 0; i < n; i++) fprintf(cli->out, "%3u  %s\n", numbers[i], a->advices.items[numbers[i] - 1].text);
    fprintf(cli->out, "%s: %.4f ms instead of %.4f (%+.1f%%), weights %s%s\n", cli->arguments[1], after, before, 100 * (after / before - 1),
            bytes, applied.recalibrated ? ", batch norms set anew" : "");
    if (!isnan(applied.difference))
        fprintf(cli->out, "Untrained, its outputs differ from the original's by up to %.2g%% of the largest, on random numbers.\n",
                100 * applied.difference);
    return FET_OK;
}

static fet_status advise(fet_cli *cli, advising *a)
{
    fet_advice_options options = fet_advice_default_options();
    fet_progress progress;
    fet_progress_begin(&progress, cli, "measuring kernels");
    options.least_gain = a->given->least / 100;
    options.most_pairs = (uint32_t)a->given->pairs;
    options.keep_beaten = a->given->all;
    fet_status status = fet_device_find_peak(&a->survey.options, a->survey.device, fet_cli_on_measured, &progress, &a->peak);
    options.peak_macs_per_s = a->peak.macs_per_s;
    if (status == FET_OK) status = fet_advise(a->survey.probe, &options, fet_cli_on_measured, &progress, a->survey.arena, &a->advices);
    fet_progress_end(&progress);
    FET_TRY(status);
    if (a->given->apply) return apply(cli, a);
    if (a->given->json) return print_json(cli, a);
    print_text(cli, a);
    return FET_OK;
}

static fet_status check_arguments(const fet_cli *cli, const values *given)
{
    bool has_output = cli->n_arguments == 2;
    if (given->apply && !has_output)
        return fet_fail(FET_ERROR_ARG, "--apply writes a network: fettle advise MODEL OUT.onnx --apply %s", given->apply);
    if (!given->apply && has_output)
        return fet_fail(FET_ERROR_ARG, "%s is to be written, but --apply does not say with which changes", cli->arguments[1]);
    if (given->data && !given->apply) return fet_fail(FET_ERROR_ARG, "--data serves --apply alone: costs need no data");
    if (has_output && !given->force && fet_file_exists(cli->arguments[1]))
        return fet_fail(FET_ERROR_EXISTS, "%s: is there already; --force replaces it", cli->arguments[1]);
    return FET_OK;
}

static fet_status run(fet_cli *cli, const void *val)
{
    advising a = {.given = val};
    FET_TRY(check_arguments(cli, a.given));
    fet_cli_catch_signals();
    /* Of speed alone: wider numbers buy quality. */
    fet_status status = fet_survey_init(&a.survey, cli->arguments[0], &a.given->costing, &a.given->input, a.given->space, false);
    if (status == FET_OK) status = advise(cli, &a);
    fet_survey_deinit(&a.survey);
    return status;
}

const fet_command fet_cmd_advise = {
    .name = "advise",
    .summary = "rank the changes that make a network faster on a device, each with its gain, its cost and the reason",
    .usage = "MODEL [OUT.onnx --apply 1,3] [OPTION]...",
    .details = FET_NETWORK_HELP
    "\nEvery change is costed on the device by itself, nothing is trained. Kernels nobody has measured yet on this machine are measured "
    "first (a moment each) and kept for every later command.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 2,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
