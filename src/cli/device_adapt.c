// SPDX-License-Identifier: Apache-2.0
#include "cli/device_adapt.h"

#include "base/alloc.h"
#include "cli/progress.h"

typedef struct watch {
    fet_progress progress;
    fet_cli *cli;
    uint32_t round;
    bool fits, begun;
} watch;

static bool on_progress(void *context, uint32_t round, bool fits, size_t done, size_t total)
{
    watch *w = context;
    if (!w->begun || round != w->round || fits != w->fits) {
        if (w->begun) fet_progress_end(&w->progress);
        fet_progress_begin(&w->progress, w->cli, fits ? "fitting" : "measuring what was asked for");
        w->begun = true, w->round = round, w->fits = fits;
    }
    char note[32];
    snprintf(note, sizeof note, "round %u", round);
    fet_progress_show(&w->progress, done, total, note);
    return !fet_cli_interrupted();
}

fet_status fet_device_adapt(fet_cli *cli, fet_device *device, const fet_kit_pool *pool, const fet_kit_plan *plan,
                            const fet_kit_adapt_options *options, fet_kit_adapted *out_adapted)
{
    fet_kit_adapt_options own = *options;
    watch w = {.cli = cli};
    char *path = NULL;
    FET_TRY(fet_device_side_file(device, "rounds", &path));
    own.path = path;
    fet_status status = fet_kit_adapt(device, pool, plan, &own, on_progress, &w, out_adapted);
    if (w.begun) fet_progress_end(&w.progress);
    fet_free(path);
    return status;
}

static fet_status make_table(const fet_kit_adapted *adapted, fet_table **out_table)
{
    static const fet_column columns[] = {
        {.key = "round", .title = "round", .right = true},
        {.key = "kernels", .title = "kernels", .right = true},
        {.key = "mape", .title = "MAPE, %", .right = true, .decimals = 2, .scale = 100},
        {.key = "weighted", .title = "weighted error, %", .right = true, .decimals = 2, .scale = 100},
        {.key = "within_10", .title = "within 10 %", .right = true, .decimals = 1, .scale = 100},
        {.key = "half_width", .title = "interval, +- %", .right = true, .decimals = 1, .scale = 100},
    };
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    for (uint32_t i = 0; i < adapted->n; i++) {
        const fet_kit_round *r = &adapted->rounds[i];
        fet_table_number(table, i);
        fet_table_number(table, r->known);
        fet_table_number(table, r->mape);
        fet_table_number(table, r->weighted);
        fet_table_number(table, r->within_10);
        fet_table_number(table, r->half_width);
    }
    *out_table = fet_take(table);
    return FET_OK;
}

fet_status fet_device_adapt_print(const fet_cli *cli, const fet_kit_adapted *adapted)
{
    static const char *const ends[] = {"all rounds are made", "the error is small enough", "nothing is left to ask for",
                                       "the time is up, the same command goes on here", "stopped, the same command goes on here"};
    fet_auto(fet_table) table = NULL;
    char duration[FET_DURATION_TEXT_BYTES];
    FET_TRY(make_table(adapted, &table));
    fputc('\n', cli->out);
    FET_TRY(fet_table_print(table, cli));
    fprintf(cli->out,
            "adaptive rounds: %u kernels measured in %s; %s. Errors on the planned kernels that networks have, left out by thirds "
            "(weighted: by "
            "how often they are met, and their latency)\n\n",
            adapted->measured, fet_duration_print(adapted->seconds, duration, sizeof duration), ends[adapted->end]);
    return FET_OK;
}

fet_status fet_device_adapt_json(const fet_kit_adapted *adapted, json_t **out_json)
{
    fet_auto(fet_table) table = NULL;
    json_t *list = NULL;
    FET_TRY(make_table(adapted, &table));
    FET_TRY(fet_table_json(table, &list));
    *out_json =
        json_pack("{s:o, s:i, s:i, s:i, s:f, s:s}", "rounds", list, "asked", (int)adapted->n_asked, "measured", (int)adapted->measured,
                  "failed", (int)adapted->failed, "seconds", adapted->seconds, "outcome", fet_kit_adapt_end_name(adapted->end));
    return *out_json ? FET_OK : fet_fail(FET_ERROR_NOMEM, "no memory for JSON");
}
