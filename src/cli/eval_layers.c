// SPDX-License-Identifier: Apache-2.0
#include "cli/eval_layers.h"

#include "advise/change.h"
#include "cli/costing.h"
#include "cli/table.h"
#include "kernel/kernel.h"

#include <math.h>

enum { SAMPLES = 128, NAMED = 3 };

static const fet_column COLUMNS[] = {
    {.key = "layer", .title = "layer", .cut = 20},
    {.key = "what", .title = "kernel", .cut = 20},
    {.key = "relative_error", .title = "error alone, %", .right = true, .decimals = 3, .scale = 100},
    {.key = "agreement", .title = "same answer, %", .right = true, .decimals = 2, .scale = 100},
    {.key = "depthwise", .title = "depthwise", .json_only = true},
};

static bool on_layer(void *context, uint32_t done, uint32_t total)
{
    return fet_cli_on_measured(context, done, total);
}

static const fet_kernel *kernel_of(const fet_kernels *kernels, fet_id node)
{
    for (uint32_t k = 0; k < kernels->count; k++)
        if (kernels->items[k].anchor == node) return &kernels->items[k];
    return NULL;
}

static bool is_depthwise(const fet_kernel *kernel)
{
    return kernel && kernel->key.group > 1 && kernel->key.group == kernel->key.ic;
}

static void name_depthwise(const fet_cli *cli, const fet_graph *graph, const fet_kernels *kernels, const fet_layer_loss *losses, uint32_t n)
{
    uint32_t named = 0;
    for (uint32_t i = 0; i < n && named < NAMED; i++) {
        if (!is_depthwise(kernel_of(kernels, losses[i].node))) continue;
        fprintf(cli->out, "%s%s (%.3f%%)", named ? ", " : "depthwise layers that lose most: ", graph->nodes[losses[i].node].name,
                100.0 * losses[i].error);
        named++;
    }
    if (named) fprintf(cli->out, "\n");
}

static fet_status print(const fet_cli *cli, const fet_graph *graph, fet_arena *arena, const fet_layer_loss *losses, uint32_t n, bool json)
{
    fet_kernels kernels;
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_kernels_split(graph, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
    FET_TRY(fet_table_create(COLUMNS, sizeof COLUMNS / sizeof *COLUMNS, &table));
    for (uint32_t i = 0; i < n; i++) {
        char what[FET_LAYER_TEXT_BYTES];
        const fet_kernel *kernel = kernel_of(&kernels, losses[i].node);
        fet_table_text(table, graph->nodes[losses[i].node].name);
        fet_table_text(table, kernel ? fet_layer_describe(&kernel->key, what, sizeof what) : NULL);
        fet_table_number(table, losses[i].error);
        fet_table_number(table, losses[i].agreement);
        fet_table_number(table, is_depthwise(kernel));
    }
    if (json) {
        json_t *list = NULL;
        FET_TRY(fet_table_json(table, &list));
        return fet_cli_print_json(cli, json_pack("{s:s, s:o}", "network", cli->arguments[0], "layers", list));
    }
    FET_TRY(fet_table_print(table, cli));
    name_depthwise(cli, graph, &kernels, losses, n);
    return FET_OK;
}

fet_status fet_cli_eval_layers(fet_cli *cli, const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight, bool json)
{
    fet_auto(fet_arena) arena = NULL;
    fet_progress progress;
    fet_layer_loss *losses = NULL;
    uint32_t n = 0;
    fet_task_sight few = *sight;
    if (few.limit == 0) few.limit = SAMPLES;
    if (few.precision != FET_DTYPE_S8) return fet_fail(FET_ERROR_ARG, "--layers: expected --precision int8");
    FET_TRY(fet_arena_create(&arena));
    fet_progress_begin(&progress, cli, "layers");
    fet_status status = fet_task_layer_losses(graph, dataset, &few, arena, on_layer, &progress, &losses, &n);
    fet_progress_end(&progress);
    FET_TRY(status);
    return print(cli, graph, arena, losses, n, json);
}
