// SPDX-License-Identifier: Apache-2.0
/* fettle study list|show|export: which studies a folder holds, the trials of one, and all of them as CSV or JSON for other tools. */
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/results.h"
#include "cli/table.h"
#include "report/json.h"
#include "report/report.h"
#include "task/task.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct values {
    const char *series, *state, *fidelity, *format, *output;
    bool front, json;
    int64_t limit;
} values;

static const char *const STATES[] = {"proposed", "leased", "done", "failed", NULL};
static const char *const FORMATS[] = {"csv", "json", NULL};
static const char *const ACTIONS[] = {"list", "show", "export"};

static const fet_cli_option OPTIONS[] = {
    {.name = "series",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, series),
     .value = "NAME",
     .help = "show, export: trials of this series only"},
    {.name = "fidelity",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, fidelity),
     .value = "NAME",
     .help = "show: trials of this fidelity only"},
    {.name = "state",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, state),
     .value = "STATE",
     .choices = STATES,
     .help = "show: trials in this state only"},
    {.name = "front", .kind = FET_CLI_FLAG, .offset = offsetof(values, front), .help = "show: only what is on the front of all searches"},
    {.name = "limit",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, limit),
     .value = "N",
     .low = 1,
     .high = 1e9,
     .help = "show: the first N (default: all)"},
    {.name = "format",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, format),
     .value = "FORMAT",
     .choices = FORMATS,
     .help = "export: the default is csv"},
    {.name = "output",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, output),
     .value = "FILE",
     .help = "export: where to (default: standard output)"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    ((values *)v)->format = "csv";
}

static fet_status read_document(const char *argument, json_t **out_document)
{
    fet_auto(fet_study) study = NULL;
    char *folder = NULL;
    FET_TRY(fet_cli_open_study(argument, &study, &folder));
    fet_free(folder);
    return fet_report_collect(study, NULL, out_document);
}

/* ---- list */

/* One line about a study; one that cannot be read is listed with the reason. */
static void add_study(fet_table *table, const char *folder)
{
    fet_auto_json document = NULL;
    fet_status status = read_document(folder, &document);
    if (status != FET_OK) {
        fet_table_text(table, folder);
        fet_table_text(table, fet_error_message());
        for (int i = 0; i < 4; i++) fet_table_text(table, NULL);
        return;
    }
    const json_t *spent = json_object_get(document, "spent");
    const char *chosen = fet_json_get_text(document, "chosen");
    bool finished = json_array_size(json_object_get(document, "variants")) > 0;
    fet_table_text(table, folder);
    fet_table_text(table, fet_json_get_text(document, "title"));
    fet_table_text(table, finished ? "finished" : "not finished");
    fet_table_number(table, fet_json_get_number(spent, "trials", 0));
    fet_table_number(table, fet_json_get_figure(spent, "core_hours", 0));
    fet_table_text(table, chosen[0] ? chosen : NULL);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static fet_status add_if_study(fet_table *table, const char *folder, size_t *count)
{
    char *path = NULL;
    FET_TRY(fet_path_join(folder, "study.sqlite", &path));
    if (fet_file_exists(path)) {
        add_study(table, folder);
        ++*count;
    }
    fet_free(path);
    return FET_OK;
}

/* The folder itself and those directly in it. */
static fet_status add_studies(fet_table *table, const char *root, size_t *count)
{
    struct dirent **entries = NULL;
    int n = scandir(root, &entries, NULL, by_name);
    if (n < 0) return fet_fail(FET_ERROR_NOT_FOUND, "%s: no folder that can be read; expected one that holds studies", root);
    fet_status status = add_if_study(table, root, count);
    for (int i = 0; i < n; i++) {
        char *folder = NULL;
        if (status == FET_OK && entries[i]->d_name[0] != '.') {
            status = fet_path_join(root, entries[i]->d_name, &folder);
            if (status == FET_OK) status = add_if_study(table, folder, count);
        }
        fet_free(folder);
        free(entries[i]); /* scandir's */
    }
    free(entries);
    return status;
}

static fet_status list(fet_cli *cli, const values *given)
{
    static const fet_column columns[] = {{.key = "study", .title = "study"},
                                         {.key = "title", .title = "title"},
                                         {.key = "state", .title = "state"},
                                         {.key = "trials", .title = "trials", .right = true},
                                         {.key = "core_hours", .title = "core-hours, measured", .right = true, .decimals = 3},
                                         {.key = "chosen", .title = "chosen"}};
    const char *root = cli->n_arguments > 1 ? cli->arguments[1] : "out";
    size_t count = 0;
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    FET_TRY(add_studies(table, root, &count));
    if (given->json) {
        json_t *rows = NULL;
        FET_TRY(fet_table_json(table, &rows));
        return fet_cli_print_json(cli, rows);
    }
    if (count > 0) return fet_table_print(table, cli);
    fprintf(cli->out, "%s holds no study.\n", root);
    return FET_OK;
}

/* ---- show */

static bool fits(const json_t *trial, const char *key, const char *wanted)
{
    return !wanted || strcmp(fet_json_get_text(trial, key), wanted) == 0;
}

static bool is_shown(const json_t *trial, const values *given)
{
    if (given->front && !json_is_true(json_object_get(trial, "front"))) return false;
    return fits(trial, "series", given->series) && fits(trial, "state", given->state) && fits(trial, "fidelity", given->fidelity);
}

static void show_figure(fet_table *table, const json_t *trial, const char *key)
{
    char number[FET_REPORT_NUMBER_BYTES];
    const json_t *figure = json_object_get(json_object_get(trial, "figures"), key);
    double value = fet_json_get_number(figure, "value", NAN);
    fet_table_text(table, isnan(value) ? NULL : fet_report_number(value, fet_json_get_text(figure, "unit"), number, sizeof number));
}

/* The figure that the trial's task is judged by, whichever task it was. */
static const char *quality_of(const json_t *trial)
{
    for (uint32_t t = 0; fet_tasks[t]; t++) {
        const char *name = fet_tasks[t]->figures[FET_FIGURE_VAL_DEVICE].value;
        if (json_object_get(json_object_get(trial, "figures"), name)) return name;
    }
    return fet_task_classify.figures[FET_FIGURE_VAL_DEVICE].value;
}

static fet_status print_trials(const fet_cli *cli, const json_t *trials)
{
    static const fet_column columns[] = {{.key = "series", .title = "series"},
                                         {.key = "number", .title = "trial", .right = true},
                                         {.key = "fidelity", .title = "fidelity"},
                                         {.key = "state", .title = "state"},
                                         {.key = "accuracy", .title = "quality, val", .right = true},
                                         {.key = "latency", .title = "latency", .right = true},
                                         {.key = "memory", .title = "peak memory", .right = true},
                                         {.key = "params", .title = "parameters", .right = true},
                                         {.key = "front", .title = "front"},
                                         {.key = "description", .title = "differs from base / reason"}};
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    for (size_t i = 0; i < json_array_size(trials); i++) {
        const json_t *trial = json_array_get(trials, i);
        const char *reason = fet_json_get_text(trial, "reason");
        fet_table_text(table, fet_json_get_text(trial, "series"));
        fet_table_number(table, fet_json_get_number(trial, "number", NAN));
        fet_table_text(table, fet_json_get_text(trial, "fidelity"));
        fet_table_text(table, fet_json_get_text(trial, "state"));
        show_figure(table, trial, quality_of(trial));
        show_figure(table, trial, "latency");
        show_figure(table, trial, "peak_memory");
        show_figure(table, trial, "params");
        fet_table_text(table, json_is_true(json_object_get(trial, "front")) ? "yes" : "");
        fet_table_text(table, reason[0] ? reason : fet_json_get_text(trial, "description"));
    }
    return fet_table_print(table, cli);
}

static fet_status show(fet_cli *cli, const values *given)
{
    fet_auto_json document = NULL;
    FET_TRY(read_document(cli->arguments[1], &document));
    fet_auto_json shown = json_array();
    const json_t *trials = json_object_get(document, "trials");
    size_t limit = given->limit > 0 ? (size_t)given->limit : SIZE_MAX;
    for (size_t i = 0; i < json_array_size(trials) && json_array_size(shown) < limit; i++)
        if (is_shown(json_array_get(trials, i), given)) FET_TRY(fet_json_push(shown, json_incref(json_array_get(trials, i))));
    if (given->json) return fet_cli_print_json(cli, fet_take(shown));
    FET_TRY(print_trials(cli, shown));
    fprintf(cli->out, "%zu of %zu trials\n", json_array_size(shown), json_array_size(trials));
    return FET_OK;
}

/* ---- export */

static fet_status write_text(fet_cli *cli, const char *path, const char *text)
{
    if (path) return fet_file_replace(path, text, strlen(text));
    if (fputs(text, cli->out) == EOF || fflush(cli->out) != 0) return fet_fail(FET_ERROR_IO, "standard output: cannot write");
    return FET_OK;
}

static fet_status export_csv(fet_cli *cli, const json_t *document, const values *given)
{
    char *text = NULL;
    FET_TRY(fet_report_trials_csv(document, given->series, &text));
    fet_status status = write_text(cli, given->output, text);
    fet_free(text);
    return status;
}

static fet_status export_json(fet_cli *cli, const json_t *document, const values *given)
{
    char *text = json_dumps(document, JSON_INDENT(1));
    if (!text) return fet_fail(FET_ERROR_NOMEM, "no memory for the export");
    fet_status status = write_text(cli, given->output, text);
    fet_json_free(text);
    return status;
}

static fet_status export_study(fet_cli *cli, const values *given)
{
    fet_auto_json document = NULL;
    FET_TRY(read_document(cli->arguments[1], &document));
    bool json = given->json || strcmp(given->format, "json") == 0;
    return json ? export_json(cli, document, given) : export_csv(cli, document, given);
}

static fet_status run(fet_cli *cli, const void *v)
{
    const char *action = cli->arguments[0];
    if (strcasecmp(action, "list") == 0) return list(cli, v);
    bool known = strcasecmp(action, "show") == 0 || strcasecmp(action, "export") == 0;
    if (!known) {
        const char *nearest = fet_text_nearest(action, ACTIONS, sizeof ACTIONS / sizeof *ACTIONS);
        return fet_fail(FET_ERROR_ARG, "study: unknown action \"%s\"; expected list, show or export%s%s%s", action,
                        nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
    }
    if (cli->n_arguments < 2)
        return fet_fail(FET_ERROR_ARG, "study %s: which one? Expected the folder of a study, e.g. fettle study %s out/fashion", action,
                        action);
    return strcasecmp(action, "show") == 0 ? show(cli, v) : export_study(cli, v);
}

const fet_command fet_cmd_study = {
    .name = "study",
    .summary = "list studies, show the trials of one, or export them",
    .usage = "list [DIR] | show STUDY | export STUDY [OPTION]...",
    .details = "STUDY is the output folder of a search, or its study.sqlite. `list` looks into DIR (default: out) and the folders in it. "
               "`export` gives "
               "every trial as CSV, or the whole document of the report as JSON (src/report/schema.md).",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 2,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
