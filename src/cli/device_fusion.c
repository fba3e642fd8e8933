// SPDX-License-Identifier: Apache-2.0
/* fettle device fusion: which pairs of operators a device runs as one, found, beside what its rules state. */
#include "cli/device_fusion.h"

#include "cli/progress.h"
#include "cli/table.h"
#include "device/kit/fusion.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VISITS = 5 };

static bool on_visit(void *context, size_t done, size_t total)
{
    fet_progress_show(context, done, total, "");
    return !fet_cli_interrupted();
}

static fet_status make_table(const fet_fusion_found *found, fet_table **out_table)
{
    static const fet_column columns[] = {{.key = "first", .title = "operator"},
                                         {.key = "second", .title = "and behind it"},
                                         {.key = "first_ms", .title = "T1, us", .right = true, .decimals = 2, .scale = 1e3},
                                         {.key = "second_ms", .title = "T2, us", .right = true, .decimals = 2, .scale = 1e3},
                                         {.key = "both_ms", .title = "T12, us", .right = true, .decimals = 2, .scale = 1e3},
                                         {.key = "error_ms", .title = "+-, us", .right = true, .decimals = 2, .scale = 1e3},
                                         {.key = "found", .title = "fused"},
                                         {.key = "stated", .title = "stated"},
                                         {.key = "rule", .title = "rule"}};
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    for (uint32_t i = 0; i < found->n; i++) {
        const fet_fusion_pair *pair = &found->pairs[i];
        fet_table_text(table, pair->first);
        fet_table_text(table, pair->second);
        fet_table_number(table, pair->first_ms);
        fet_table_number(table, pair->second_ms);
        fet_table_number(table, pair->both_ms);
        fet_table_number(table, pair->error_ms);
        fet_table_text(table, fet_fusion_verdict_name(pair->found));
        fet_table_text(table, !pair->rule ? NULL : pair->stated ? "yes" : "no");
        fet_table_text(table, pair->rule);
    }
    *out_table = fet_take(table);
    return FET_OK;
}

static json_t *rules_json(const fet_fusion_rules *rules)
{
    json_t *activations = json_array();
    for (uint32_t a = 1; a < FET_ACTIVATION_COUNT; a++)
        if (rules->activations & 1u << a) json_array_append_new(activations, json_string(fet_activation_name((fet_activation_kind)a)));
    return json_pack("{s:b, s:b, s:b, s:b, s:b, s:o}", "batch_norm", rules->batch_norm, "add", rules->add, "activation_after_add",
                     rules->activation_after_add, "add_after_activation", rules->add_after_activation, "activation_after_pool",
                     rules->activation_after_pool, "activations", activations);
}

/* As a device file has it. */
static void print_rules(FILE *out, const fet_fusion_rules *rules)
{
    static const char *const bools[] = {"false", "true"};
    const char *joint = "";
    fprintf(out,
            "fusion:\n  batch_norm: %s\n  add: %s\n  activation_after_add: %s\n  add_after_activation: %s\n  activation_after_pool: %s\n  "
            "activations: [",
            bools[rules->batch_norm], bools[rules->add], bools[rules->activation_after_add], bools[rules->add_after_activation],
            bools[rules->activation_after_pool]);
    for (uint32_t a = 1; a < FET_ACTIVATION_COUNT; a++)
        if (rules->activations & 1u << a) {
            fprintf(out, "%s%s", joint, fet_activation_name((fet_activation_kind)a));
            joint = ", ";
        }
    fprintf(out, "]\n");
}

static fet_status print(fet_cli *cli, const fet_device *device, const fet_fusion_found *found, bool json)
{
    fet_auto(fet_table) table = NULL;
    uint32_t as_stated = 0, other = 0, open = 0;
    FET_TRY(make_table(found, &table));
    for (uint32_t i = 0; i < found->n; i++) {
        const fet_fusion_pair *pair = &found->pairs[i];
        if (!pair->rule) continue;
        if (pair->found == FET_FUSION_OPEN) open++;
        else if ((pair->found == FET_FUSION_YES) == pair->stated) as_stated++;
        else other++;
    }
    const char *source = fet_cost_source_name(fet_device_source(device));
    if (json) {
        json_t *list = NULL;
        FET_TRY(fet_table_json(table, &list));
        return fet_cli_print_json(cli, json_pack("{s:s, s:s, s:i, s:i, s:i, s:o, s:o, s:o}", "device", fet_device_describe(device),
                                                 "source", source, "as_stated", (int)as_stated, "other", (int)other, "open", (int)open,
                                                 "rules", rules_json(&found->rules), "stated", rules_json(fet_device_fusion_rules(device)),
                                                 "pairs", list));
    }
    FET_TRY(fet_table_print(table, cli));
    fprintf(
        cli->out,
        "\n%s: of %u rules %u are found as stated, %u otherwise, %u cannot be told (networks %s; fused: T1 + T2 - T12 > 0.5 min(T1, T2))\n",
        fet_device_describe(device), as_stated + other + open, as_stated, other, open, source);
    print_rules(cli->out, &found->rules);
    return FET_OK;
}

fet_status fet_device_show_fusion(fet_cli *cli, const fet_device_options *options, bool json)
{
    fet_auto(fet_device) device = NULL;
    fet_fusion_found *found = NULL;
    fet_progress progress;
    char folder[] = "/tmp/fettle-fusion-XXXXXX";
    fet_device_options patient = *options;
    patient.rounds = 2; /* waits for a calm minute */
    fet_cli_catch_signals();
    FET_TRY(fet_device_open(&patient, &device));
    FET_TRY(fet_alloc_zeroed(1, sizeof *found, "pairs of operators", &found));
    fet_status status = mkdtemp(folder) ? FET_OK : fet_fail(FET_ERROR_IO, "%s: cannot make a folder", folder);
    if (status == FET_OK) {
        fet_progress_begin(&progress, cli, "measuring pairs");
        status = fet_fusion_find(device, VISITS, folder, on_visit, &progress, found);
        fet_progress_end(&progress);
        rmdir(folder);
    }
    if (status == FET_OK) status = print(cli, device, found, json);
    fet_free(found);
    return status;
}
