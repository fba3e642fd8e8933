// SPDX-License-Identifier: Apache-2.0
/* fettle device parallelism: the width of the steps in a device's latencies over channels, and their picture. */
#include "cli/device_parallelism.h"

#include "cli/device_draw.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "device/parallelism.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 860, PANEL = 170, LEFT = 70, RIGHT = 30, TOP = 50 };

static bool on_measured(void *context, size_t done, size_t total)
{
    fet_progress_show(context, done, total, "");
    return !fet_cli_interrupted();
}

static const char *verdict_text(const fet_steps *steps)
{
    switch (steps->verdict) {
    case FET_STEPS_FOUND: return steps->width > 1 ? "steps" : "rises evenly";
    case FET_STEPS_LEVEL: return "does not matter";
    case FET_STEPS_OPEN: return "cannot tell";
    }
    return "";
}

static double highest(const fet_staircase *stairs)
{
    double most = 0;
    for (size_t i = 0; i < stairs->n; i++) most = fmax(most, stairs->latency_ms[i]);
    return most;
}

/* A panel a staircase: the points, and a grey line where each step found ends. */
static void draw(FILE *out, const void *context)
{
    const fet_parallelism_found *found = context;
    for (int s = 0; s < FET_STAIRCASES; s++) {
        const fet_staircase *stairs = &found->staircases[s];
        double top = TOP + s * PANEL, bottom = top + PANEL - 45, most = highest(stairs), last = stairs->channels[stairs->n - 1];
        double scale_x = (WIDTH - LEFT - RIGHT) / last, scale_y = (bottom - top) / most;
        for (double c = stairs->steps.width; stairs->steps.width > 1 && c <= last; c += stairs->steps.width)
            fprintf(out, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#ddd'/>\n", LEFT + (c + 0.5) * scale_x,
                    LEFT + (c + 0.5) * scale_x, top, bottom);
        fprintf(out, "<text x='%d' y='%.1f' text-anchor='end'>%.1f us</text><text x='%d' y='%.1f' text-anchor='end'>0</text>\n", LEFT - 6,
                top + 10, 1e3 * most, LEFT - 6, bottom);
        for (size_t i = 0; i < stairs->n; i++)
            fprintf(out, "<circle cx='%.1f' cy='%.1f' r='2' fill='#1b6ca8'/>\n", LEFT + stairs->channels[i] * scale_x,
                    bottom - stairs->latency_ms[i] * scale_y);
        fprintf(out, "<text x='%d' y='%.1f'>%s, %s%s: ", LEFT, bottom + 18, stairs->op, stairs->dimension,
                stairs->dimension[0] == 'c' ? "" : " channels");
        if (stairs->steps.width > 1) fprintf(out, "steps of %u", stairs->steps.width);
        else fprintf(out, "%s", verdict_text(&stairs->steps));
        fprintf(out, " (1 to %.0f)</text>\n", last);
    }
}

static fet_status make_table(const fet_parallelism_found *found, fet_table **out_table)
{
    static const fet_column columns[] = {{.key = "op", .title = "operator"},
                                         {.key = "dimension", .title = "dimension"},
                                         {.key = "factor", .title = "factor", .right = true, .decimals = 0},
                                         {.key = "verdict", .title = "latency over channels"},
                                         {.key = "flatness", .title = "flatness", .right = true, .decimals = 2},
                                         {.key = "error", .title = "+-", .right = true, .decimals = 2},
                                         {.key = "rise", .title = "a step, %", .right = true, .decimals = 1}};
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    for (int s = 0; s < FET_STAIRCASES; s++) {
        const fet_steps *steps = &found->staircases[s].steps;
        bool has_steps = steps->width > 1 || steps->verdict == FET_STEPS_OPEN;
        fet_table_text(table, found->staircases[s].op);
        fet_table_text(table, found->staircases[s].dimension);
        fet_table_number(table, steps->width ? steps->width : (double)NAN);
        fet_table_text(table, verdict_text(steps));
        fet_table_number(table, has_steps ? steps->flatness : (double)NAN);
        fet_table_number(table, has_steps ? steps->error : (double)NAN);
        fet_table_number(table, steps->verdict == FET_STEPS_LEVEL ? (double)NAN : 100 * steps->rise);
    }
    *out_table = fet_take(table);
    return FET_OK;
}

static json_t *points_json(const fet_parallelism_found *found)
{
    json_t *list = json_array();
    for (int s = 0; s < FET_STAIRCASES; s++) {
        const fet_staircase *stairs = &found->staircases[s];
        json_t *points = json_array();
        for (size_t i = 0; i < stairs->n; i++)
            json_array_append_new(points, json_pack("[i, f]", (int)stairs->channels[i], stairs->latency_ms[i]));
        json_array_append_new(list, points);
    }
    return list;
}

static fet_status print(fet_cli *cli, const fet_probe_options *options, const fet_device *device, const fet_parallelism_found *found)
{
    fet_auto(fet_table) table = NULL;
    fet_parallelism stated = fet_device_parallelism(device);
    uint32_t out = found->parallelism.out_channels, in = found->parallelism.in_channels;
    FET_TRY(make_table(found, &table));
    if (options->json) {
        json_t *list = NULL;
        FET_TRY(fet_table_json(table, &list));
        return fet_cli_print_json(cli, json_pack("{s:s, s:i, s:i, s:i, s:i, s:o, s:o}", "device", fet_device_describe(device),
                                                 "out_channels", (int)out, "in_channels", (int)in, "stated_out_channels",
                                                 (int)stated.out_channels, "stated_in_channels", (int)stated.in_channels, "staircases",
                                                 list, "points", points_json(found)));
    }
    FET_TRY(fet_table_print(table, cli));
    fprintf(cli->out, "\n%s: ", fet_device_describe(device));
    if (out) fprintf(cli->out, "%u output", out);
    else fprintf(cli->out, "output cannot be told");
    if (in) fprintf(cli->out, ", %u input channels", in);
    else fprintf(cli->out, ", input channels cannot be told");
    fprintf(cli->out, ", found on %s kernels (stated: %u, %u)\n", fet_cost_source_name(fet_device_source(device)), stated.out_channels,
            stated.in_channels);
    return FET_OK;
}

fet_status fet_device_show_parallelism(fet_cli *cli, const fet_probe_options *options)
{
    fet_auto(fet_device) device = NULL;
    fet_parallelism_found *found = NULL;
    fet_progress progress;
    fet_cli_catch_signals();
    FET_TRY(fet_device_open(&options->device, &device));
    FET_TRY(fet_alloc_zeroed(1, sizeof *found, "staircases", &found));
    fet_progress_begin(&progress, cli, "measuring staircases");
    fet_status status = fet_device_find_parallelism(device, on_measured, &progress, found);
    fet_progress_end(&progress);
    if (status == FET_OK && options->plot)
        status = fet_device_draw(options->plot, fet_device_describe(device), WIDTH, TOP + FET_STAIRCASES * PANEL, draw, found);
    if (status == FET_OK) status = print(cli, options, device, found);
    fet_free(found);
    return status;
}
