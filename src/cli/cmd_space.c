// SPDX-License-Identifier: Apache-2.0
/* fettle space: the decisions found in a network, how large the space is and how far it reaches, before anything is trained. */
#include "advise/extent.h"
#include "advise/target.h"
#include "base/file.h"
#include "cli/names.h"
#include "cli/survey.h"
#include "cli/table.h"
#include "cli/wrap.h"
#include "space/space_file.h"

#include <math.h>
#include <string.h>

typedef struct values {
    fet_cli_costing costing;
    fet_cli_texts input;
    const char *target, *space, *save;
    bool json, force;
} values;

static const fet_cli_option OPTIONS[] = {
    FET_CLI_COSTING(values, costing),
    FET_CLI_BINDINGS(values, input),
    {.name = "target",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, target),
     .value = "LIMIT",
     .help = "say whether it can be reached: latency=-40%, peak_memory=60%, params=300KB; several with commas"},
    {.name = "space", .kind = FET_CLI_TEXT, .offset = offsetof(values, space), .value = "FILE", .help = "a list that --save wrote, edited"},
    {.name = "save",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, save),
     .value = "FILE",
     .help = "write the list as YAML: take options out, or leave one to lock a decision, and give it back with --space"},
    {.name = "force", .kind = FET_CLI_FLAG, .offset = offsetof(values, force), .help = "--save replaces a file that is there"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    *(values *)v = (values){.costing = FET_CLI_COSTING_DEFAULTS};
}

/* "16, 24*, 32, ... 96": the base's starred; all of them where `all`. */
static const char *options_text(const fet_decision *decision, bool all, fet_arena *arena)
{
    enum { FIRST = 5 };
    const char *text = "";
    uint32_t shown = 0, left = 0;
    for (uint32_t o = 0; o < decision->n_options; o++) left += !decision->options[o].removed;
    bool gap = !all && left > FIRST + 2;
    uint32_t total = left;
    for (uint32_t o = 0; o < decision->n_options && text; o++) {
        const fet_option *option = &decision->options[o];
        if (option->removed) continue;
        bool is_base = o == decision->base_option, last = shown + 1 == total;
        bool hidden = gap && shown >= 2 && !last && !is_base;
        shown++;
        if (hidden) {
            size_t length = strlen(text);
            if (length < 3 || strcmp(text + length - 3, "...") != 0) text = fet_arena_printf(arena, "%s ...", text);
            continue;
        }
        text = fet_arena_printf(arena, "%s%s%s%s", text, text[0] ? " " : "", option->label, is_base ? "*" : "");
    }
    return text;
}

static const fet_column COLUMNS[] = {
    {.key = "decision", .title = "decision"},
    {.key = "options", .title = "options", .cut = 40},
    {.key = "macs", .title = "MACs, M", .right = true, .decimals = 2, .scale = 1e-6},
    {.key = "latency_us", .title = "us", .right = true, .decimals = 1, .drop = 1},
    {.key = "share", .title = "share, %", .right = true, .decimals = 1},
    {.key = "first", .title = "from layer", .cut = 14, .drop = 3},
    {.key = "last", .title = "to layer", .cut = 14, .drop = 2},
};

static void add_site(const fet_extent *extent, uint32_t d, const char *name, const char *options, const fet_names_prefix *prefix,
                     fet_table *table)
{
    const fet_extent_site *site = &extent->sites[d];
    fet_table_text(table, name);
    fet_table_text(table, options);
    fet_table_number(table, (double)site->macs);
    fet_table_number(table, site->latency_ms * 1e3);
    fet_table_number(table, site->latency_ms / extent->base.metric[FET_METRIC_LATENCY] * 100);
    fet_table_text(table, fet_names_strip(prefix, site->first));
    fet_table_text(table, fet_names_strip(prefix, site->last));
}

/* For a program: a line a decision. */
static fet_status fill_decisions(const fet_survey *s, const fet_extent *extent, fet_table *table)
{
    const fet_names_prefix none = {0};
    for (uint32_t d = 0; d < fet_space_n_decisions(s->space); d++) {
        const fet_decision *decision = fet_space_decision(s->space, d);
        const char *options = options_text(decision, true, s->arena);
        if (!options) return fet_arena_full();
        add_site(extent, d, decision->name, options, &none, table);
    }
    return FET_OK;
}

/* For people: decisions about one block in one line. */
static fet_status fill_sites(const fet_survey *s, const fet_extent *extent, const fet_names_prefix *prefix, fet_table *table)
{
    for (uint32_t d = 0, next; d < fet_space_n_decisions(s->space); d = next) {
        const fet_decision *decision = fet_space_decision(s->space, d);
        const fet_block *block = fet_space_block(s->space, d);
        const char *options = options_text(decision, false, s->arena), *dot = strrchr(decision->name, '.');
        const char *name = block && dot ? fet_arena_printf(s->arena, "%.*s", (int)(dot - decision->name), decision->name) : decision->name;
        for (next = d + 1; options && block && next < fet_space_n_decisions(s->space) && fet_space_block(s->space, next) == block; next++)
            options = fet_arena_printf(s->arena, "%s | %s", options, options_text(fet_space_decision(s->space, next), false, s->arena));
        if (!options || !name) return fet_arena_full();
        add_site(extent, d, name, options, prefix, table);
    }
    return FET_OK;
}

static fet_status site_prefix(const fet_survey *s, const fet_extent *extent, fet_names_prefix *out_prefix)
{
    uint32_t n = fet_space_n_decisions(s->space), used = 0;
    const char **names = fet_arena_zalloc(s->arena, 2 * n + 1, sizeof *names);
    if (!names) return fet_arena_full();
    for (uint32_t d = 0; d < n; d++) {
        if (extent->sites[d].n_layers == 0) continue;
        names[used++] = extent->sites[d].first;
        names[used++] = extent->sites[d].last;
    }
    *out_prefix = fet_names_find_prefix(names, used);
    return FET_OK;
}

static const fet_column EXTENT_COLUMNS[] = {
    {.key = "network", .title = ""},
    {.key = "latency_ms", .title = "latency, ms", .right = true, .decimals = 4},
    {.key = "latency_share", .title = "%", .right = true, .scale = 100},
    {.key = "peak_memory_bytes", .title = "memory, KB", .right = true, .decimals = 1, .scale = 1e-3},
    {.key = "peak_memory_share", .title = "%", .right = true, .scale = 100},
    {.key = "param_bytes", .title = "weights, KB", .right = true, .decimals = 1, .scale = 1e-3},
    {.key = "param_share", .title = "%", .right = true, .scale = 100},
    {.key = "macs", .title = "MACs, M", .right = true, .decimals = 1, .scale = 1e-6, .drop = 1},
};
enum { N_EXTENT = sizeof EXTENT_COLUMNS / sizeof *EXTENT_COLUMNS, N_COLUMNS = sizeof COLUMNS / sizeof *COLUMNS };

static void fill_extent(const fet_extent *extent, bool json, fet_table *table)
{
    const struct {
        const char *name;
        const fet_candidate_cost *cost;
    } rows[] = {{json ? "least" : "least of each", &extent->least},
                {json ? "fastest" : "fastest network", &extent->fastest_cost},
                {"base", &extent->base},
                {json ? "most" : "most of each", &extent->most}};
    const fet_metric metrics[] = {FET_METRIC_LATENCY, FET_METRIC_PEAK_MEMORY, FET_METRIC_PARAMS};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        fet_table_text(table, rows[r].name);
        for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
            double value = rows[r].cost->metric[metrics[m]], base = extent->base.metric[metrics[m]];
            fet_table_number(table, value);
            fet_table_number(table, base > 0 ? value / base : (double)NAN);
        }
        fet_table_number(table, (double)rows[r].cost->macs);
    }
}

/* --- targets --- */

static const char *target_line(const fet_target *target, const fet_extent *extent, bool *out_reachable, fet_arena *arena)
{
    double base = extent->base.metric[target->metric], bound = target->relative ? target->value * base : target->value;
    double least = extent->least.metric[target->metric], scale = target->metric == FET_METRIC_LATENCY ? 1 : 1e-3;
    const char *unit = target->metric == FET_METRIC_LATENCY ? "ms" : "KB";
    *out_reachable = least <= bound;
    return fet_arena_printf(arena, "target %s: %.4g %s, the base has %.4g, the least found is %.4g: %s", target->text, bound * scale, unit,
                            base * scale, least * scale,
                            *out_reachable ? "reachable (quality has to be seen by training)" : "no network was found that reaches it");
}

static const char *heading(const fet_survey *s, const char *model)
{
    return fet_arena_printf(s->arena, "%s on %s: %u decisions, 10^%.1f networks%s%s", model, fet_device_describe(s->device),
                            fet_space_n_decisions(s->space), fet_space_log10_size(s->space), s->left_out[0] ? ", without " : "",
                            s->left_out);
}

static fet_status print_text(const fet_cli *cli, const fet_survey *s, const fet_extent *extent, const fet_targets *targets)
{
    fet_auto(fet_table) decisions = NULL;
    fet_auto(fet_table) figures = NULL;
    const char *head = heading(s, cli->arguments[0]);
    fet_names_prefix prefix;
    if (!head) return fet_arena_full();
    FET_TRY(fet_table_create(COLUMNS, N_COLUMNS, &decisions));
    FET_TRY(site_prefix(s, extent, &prefix));
    FET_TRY(fill_sites(s, extent, &prefix, decisions));
    FET_TRY(fet_table_create(EXTENT_COLUMNS, N_EXTENT, &figures));
    fill_extent(extent, false, figures);
    fet_cli_wrap(cli, 0, "%s", head);
    fputc('\n', cli->out);
    FET_TRY(fet_table_print(decisions, cli));
    fet_cli_wrap(cli, 0,
                 "* the base's own; \"|\" parts decisions about one block. MACs and time: the base's layers that a decision is about.");
    fputc('\n', cli->out);
    FET_TRY(fet_table_print(figures, cli));
    fet_cli_wrap(cli, 0, "Found by coordinate descent over the decisions, %u networks costed, none trained; the true ends may lie further.",
                 extent->n_networks);
    for (uint32_t t = 0; t < targets->count; t++) {
        bool reachable = false;
        const char *line = target_line(&targets->items[t], extent, &reachable, s->arena);
        if (!line) return fet_arena_full();
        fputs(fet_cli_style_text(cli, reachable ? FET_STYLE_GREEN : FET_STYLE_RED), cli->out);
        fet_cli_wrap(cli, 0, "%s", line);
        fputs(fet_cli_style_text(cli, FET_STYLE_RESET), cli->out);
    }
    return FET_OK;
}

static fet_status targets_json(const fet_survey *s, const fet_extent *extent, const fet_targets *targets, json_t *list)
{
    for (uint32_t t = 0; t < targets->count; t++) {
        bool reachable = false;
        if (!target_line(&targets->items[t], extent, &reachable, s->arena)) return fet_arena_full();
        json_array_append_new(list, json_pack("{s:s, s:b}", "target", targets->items[t].text, "reachable", reachable));
    }
    return FET_OK;
}

static fet_status print_json(const fet_cli *cli, const fet_survey *s, const fet_extent *extent, const fet_targets *targets)
{
    fet_auto(fet_table) decisions = NULL;
    fet_auto(fet_table) figures = NULL;
    json_t *decision_list = NULL, *figure_list = NULL, *target_list = json_array();
    fet_status status = fet_table_create(COLUMNS, N_COLUMNS, &decisions);
    if (status == FET_OK) status = fill_decisions(s, extent, decisions);
    if (status == FET_OK) status = fet_table_json(decisions, &decision_list);
    if (status == FET_OK) status = fet_table_create(EXTENT_COLUMNS, N_EXTENT, &figures);
    if (status == FET_OK) fill_extent(extent, true, figures);
    if (status == FET_OK) status = fet_table_json(figures, &figure_list);
    if (status == FET_OK) status = targets_json(s, extent, targets, target_list);
    if (status != FET_OK) {
        json_decref(decision_list), json_decref(figure_list), json_decref(target_list);
        return status;
    }
    return fet_cli_print_json(cli, json_pack("{s:s, s:s, s:f, s:s, s:i, s:o, s:o, s:o}", "network", cli->arguments[0], "device",
                                             fet_device_describe(s->device), "log10_size", fet_space_log10_size(s->space), "left_out",
                                             s->left_out, "networks_costed", (int)extent->n_networks, "decisions", decision_list, "figures",
                                             figure_list, "targets", target_list));
}

typedef struct noting {
    const fet_survey *survey;
    const fet_extent *extent;
} noting;

static const char *note(void *context, uint32_t d)
{
    const noting *n = context;
    const fet_decision *decision = fet_space_decision(n->survey->space, d);
    const fet_extent_site *site = &n->extent->sites[d];
    const char *text =
        fet_arena_printf(n->survey->arena, "base: %s; %.2f MMACs, %.1f%% of the latency", decision->options[decision->base_option].label,
                         (double)site->macs / 1e6, site->latency_ms / n->extent->base.metric[FET_METRIC_LATENCY] * 100);
    return text ? text : "";
}

static fet_status save(const fet_cli *cli, const values *given, const fet_survey *s, const fet_extent *extent)
{
    noting n = {s, extent};
    const char *head = heading(s, cli->arguments[0]);
    char *whole = head ? fet_arena_printf(
                             s->arena, "%s.\nTake options away, or leave one to lock its decision: fettle space MODEL --space FILE.", head)
                       : NULL;
    if (!whole) return fet_arena_full();
    return fet_space_file_write(given->save, s->space, whole, note, &n);
}

static fet_status survey(fet_cli *cli, const values *given, fet_survey *s)
{
    fet_extent extent;
    fet_targets targets = {0};
    fet_progress progress;
    FET_TRY(fet_targets_parse(given->target, s->arena, &targets));
    fet_progress_begin(&progress, cli, "measuring kernels");
    fet_status status = fet_extent_find(s->probe, fet_cli_on_measured, &progress, s->arena, &extent);
    fet_progress_end(&progress);
    FET_TRY(status);
    if (given->save) FET_TRY(save(cli, given, s, &extent));
    return given->json ? print_json(cli, s, &extent, &targets) : print_text(cli, s, &extent, &targets);
}

static fet_status run(fet_cli *cli, const void *val)
{
    const values *given = val;
    fet_survey s;
    if (given->save && !given->force && fet_file_exists(given->save))
        return fet_fail(FET_ERROR_EXISTS, "%s: is there already; --force replaces it", given->save);
    fet_cli_catch_signals();
    fet_status status = fet_survey_init(&s, cli->arguments[0], &given->costing, &given->input, given->space, true);
    if (status == FET_OK) status = survey(cli, given, &s);
    fet_survey_deinit(&s);
    return status;
}

const fet_command fet_cmd_space = {
    .name = "space",
    .summary = "list the decisions found in a network, and how far they reach on the device, before any training",
    .usage = "MODEL [--target latency=-40%] [--save FILE] [OPTION]...",
    .details = FET_NETWORK_HELP
    "\nKernels nobody has measured yet on this machine are measured first (a moment each) and kept for every later command.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
