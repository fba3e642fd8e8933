// SPDX-License-Identifier: Apache-2.0
#include "cli/results.h"

#include "base/file.h"
#include "cli/table.h"
#include "report/json.h"
#include "report/report.h"
#include "task/task.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const json_t *variant_named(const json_t *document, const char *key)
{
    const char *name = fet_json_get_text(document, key);
    const json_t *variants = json_object_get(document, "variants");
    for (size_t i = 0; i < json_array_size(variants); i++)
        if (name[0] && strcmp(fet_json_get_text(json_array_get(variants, i), "name"), name) == 0) return json_array_get(variants, i);
    return NULL;
}

static const char *yes_no(const json_t *variant, const char *key)
{
    const json_t *flag = json_object_get(variant, key);
    return json_is_true(flag) ? "yes" : json_is_false(flag) ? "no" : "-";
}

/* "183 us", or with its uncertainty: "183 us +-2.1 %", "91.31 % (90.7 to 91.9)". */
static const char *figure_text(const json_t *variant, const char *key, char *text, size_t bytes)
{
    const json_t *figure = json_object_get(variant, key), *interval = json_object_get(figure, "interval");
    char number[FET_REPORT_NUMBER_BYTES];
    fet_report_number(fet_json_get_number(figure, "value", NAN), fet_json_get_text(figure, "unit"), number, sizeof number);
    double spread = fet_json_get_number(figure, "spread", 0);
    if (json_array_size(interval) == 2)
        snprintf(text, bytes, "%s (%.2f to %.2f)", number, 100 * json_number_value(json_array_get(interval, 0)),
                 100 * json_number_value(json_array_get(interval, 1)));
    else if (spread > 0) snprintf(text, bytes, "%s +-%.1f %%", number, 100 * spread);
    else snprintf(text, bytes, "%s", number);
    return text;
}

/* "latency, measured" when every variant's figure has one source; else the label alone. */
static void title_of(const json_t *variants, const char *label, const char *key, char *title, size_t bytes)
{
    const char *source = NULL;
    bool one = true;
    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_t *figure = json_object_get(json_array_get(variants, i), key);
        if (!figure) continue;
        const char *own = fet_json_get_text(figure, "source");
        one = one && (!source || strcmp(source, own) == 0);
        source = own;
    }
    snprintf(title, bytes, one && source ? "%s, %s" : "%s", label, source);
}

static fet_status print_table(const fet_cli *cli, const json_t *document)
{
    static const char *const keys[] = {"latency", "reduction", "val", "test", "test_int8"};
    enum { N_TEXTS = 3, N_FIGURES = sizeof keys / sizeof *keys };
    const json_t *variants = json_object_get(document, "variants");
    const char *quantised = fet_json_get_text(document, "quantised_label");
    const char *measure = fet_json_get_text(document, "measure");
    char titles[N_FIGURES][96], quantised_label[64];
    snprintf(quantised_label, sizeof quantised_label, "test, %s (95 %%)", quantised[0] ? quantised : "int8");
    const char *const labels[N_FIGURES] = {"latency", "reduction", "val", "test (95 %)", quantised_label};
    fet_column columns[N_TEXTS + N_FIGURES] = {{.key = "variant", .title = "variant"},
                                               {.key = "fused_search", .title = "fused-IBN search"},
                                               {.key = "width_search", .title = "width search"}};
    for (size_t k = 0; k < N_FIGURES; k++) {
        if (k == 0) title_of(variants, labels[k], keys[k], titles[k], sizeof titles[k]);
        else snprintf(titles[k], sizeof titles[k], "%s", labels[k]);
        columns[N_TEXTS + k] = (fet_column){.key = keys[k], .title = titles[k], .right = true};
    }
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(columns, N_TEXTS + N_FIGURES, &table));
    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_t *variant = json_array_get(variants, i);
        fet_table_text(table, fet_json_get_text(variant, "name"));
        fet_table_text(table, yes_no(variant, "fused_search"));
        fet_table_text(table, yes_no(variant, "width_search"));
        for (size_t k = 0; k < N_FIGURES; k++) {
            char text[128];
            fet_table_text(table, json_object_get(variant, keys[k]) ? figure_text(variant, keys[k], text, sizeof text) : NULL);
        }
    }
    FET_TRY(fet_table_print(table, cli));
    /* Accuracy goes without saying. */
    if (measure[0] && strcmp(measure, fet_task_classify.measure) != 0) fprintf(cli->out, "val, test: %s\n", measure);
    return FET_OK;
}

static fet_status print_fit_table(const fet_cli *cli, const json_t *document)
{
    static const char *const keys[] = {"latency", "reduction", "peak_memory", "params", "val", "test_int8"};
    enum { N_FIGURES = sizeof keys / sizeof *keys };
    const json_t *variants = json_object_get(document, "variants");
    const char *precision = fet_json_get_text(document, "quantised_label"), *base = fet_json_get_text(document, "base");
    const char *measure = fet_json_get_text(document, "measure");
    char titles[N_FIGURES][96], quality[96];
    snprintf(quality, sizeof quality, "test %s, %s (95 %%)", measure[0] ? measure : fet_task_classify.measure, precision);
    const char *const labels[N_FIGURES] = {"latency", "reduction", "peak memory", "parameters", "val", quality};
    fet_column columns[1 + N_FIGURES] = {{.key = "network", .title = "network"}};
    for (size_t k = 0; k < N_FIGURES; k++) {
        if (k == 0) title_of(variants, labels[k], keys[k], titles[k], sizeof titles[k]);
        else snprintf(titles[k], sizeof titles[k], "%s", labels[k]);
        columns[1 + k] = (fet_column){.key = keys[k], .title = titles[k], .right = true};
    }
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(columns, 1 + N_FIGURES, &table));
    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_t *variant = json_array_get(variants, i);
        const char *name = fet_json_get_text(variant, "name");
        fet_table_text(table, strcmp(name, base) == 0 ? "original" : name);
        for (size_t k = 0; k < N_FIGURES; k++) {
            char text[128];
            fet_table_text(table, json_object_get(variant, keys[k]) ? figure_text(variant, keys[k], text, sizeof text) : NULL);
        }
    }
    return fet_table_print(table, cli);
}

/* "Take front/V3.onnx (V3): 93.8 us instead of 183 us, 48.6 % less, measured." and why. */
static void print_advice(const fet_cli *cli, const json_t *document)
{
    const json_t *base = variant_named(document, "base"), *chosen = variant_named(document, "chosen");
    const char *reason = fet_json_get_text(document, "chosen_reason");
    double before = fet_json_get_figure(base, "latency", NAN), after = fet_json_get_figure(chosen, "latency", NAN);
    if (!chosen) {
        fprintf(cli->out, "\nNo network to take. %s\n", reason);
        return;
    }
    fprintf(cli->out, "\nTake %s%s%s (%s)", fet_cli_style_text(cli, FET_STYLE_BOLD), fet_json_get_text(chosen, "file"),
            fet_cli_style_text(cli, FET_STYLE_RESET), fet_json_get_text(chosen, "name"));
    char now[96], was[96];
    if (isfinite(before) && isfinite(after) && chosen != base)
        fprintf(cli->out, ": %s instead of %s, %.1f %% %s, %s", figure_text(chosen, "latency", now, sizeof now),
                figure_text(base, "latency", was, sizeof was), fabs(100 * (1 - after / before)), after <= before ? "less" : "more",
                fet_json_get_text(json_object_get(chosen, "latency"), "source"));
    fprintf(cli->out, ".\n%s\n", reason);
}

static void print_notes(const fet_cli *cli, const json_t *document)
{
    const json_t *notes = json_object_get(document, "notes");
    for (size_t i = 0; i < json_array_size(notes); i++) fprintf(cli->out, "%s\n", json_string_value(json_array_get(notes, i)));
}

static fet_status print_json(const fet_cli *cli, const json_t *document, const char *folder, const char *page)
{
    static const char *const keys[] = {"variants", "base", "chosen", "chosen_reason", "notes"};
    fet_auto_json object = json_object();
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        json_t *part = json_object_get(document, keys[k]);
        FET_TRY(fet_json_put(object, keys[k], part ? json_incref(part) : json_null()));
    }
    FET_TRY(fet_json_put(object, "folder", fet_json_text(folder)));
    FET_TRY(fet_json_put(object, "report", fet_json_text(page)));
    return fet_cli_print_json(cli, fet_take(object));
}

static fet_status print_results(const fet_cli *cli, const json_t *document, const char *folder, const char *page, bool is_fit)
{
    if (json_array_size(json_object_get(document, "variants")) > 0) {
        FET_TRY(is_fit ? print_fit_table(cli, document) : print_table(cli, document));
        print_advice(cli, document);
        print_notes(cli, document);
    } else {
        fprintf(cli->out, "The final table is not there yet: the search is not finished. Go on with it: fettle search JOB --resume\n");
    }
    fprintf(cli->out, "Report: %s   networks: %s/front   table: %s/front.csv\n", page, folder, folder);
    return FET_OK;
}

fet_status fet_cli_open_study(const char *argument, fet_study **out_study, char **out_folder)
{
    struct stat info;
    char *folder = NULL, *path = NULL;
    fet_status status;
    if (stat(argument, &info) == 0 && !S_ISDIR(info.st_mode)) {
        const char *slash = strrchr(argument, '/');
        status = fet_strdup_checked(slash ? argument : ".", &folder);
        if (status == FET_OK && slash) folder[slash > argument ? slash - argument : 1] = '\0';
        if (status == FET_OK) status = fet_strdup_checked(argument, &path);
    } else {
        status = fet_strdup_checked(argument, &folder);
        if (status == FET_OK) status = fet_path_join(argument, "study.sqlite", &path);
    }
    if (status == FET_OK) status = fet_study_open(path, false, out_study);
    fet_free(path);
    if (status == FET_OK) *out_folder = folder;
    else fet_free(folder);
    return status;
}

static fet_status write_files(const json_t *document, const char *folder, const char *page)
{
    char *table = NULL;
    FET_TRY(fet_report_write(document, page));
    FET_TRY(fet_path_join(folder, "front.csv", &table));
    fet_status status = fet_report_write_front_csv(document, table);
    fet_free(table);
    return status;
}

static fet_status write_results(const fet_cli *cli, const char *argument, const char *page, bool json, bool is_fit)
{
    fet_auto(fet_study) study = NULL;
    fet_auto_json document = NULL;
    char *folder = NULL, *path = NULL;
    FET_TRY(fet_cli_open_study(argument, &study, &folder));
    fet_status status = fet_report_collect(study, NULL, &document);
    if (status == FET_OK) status = page ? fet_strdup_checked(page, &path) : fet_path_join(folder, "report.html", &path);
    if (status == FET_OK) status = write_files(document, folder, path);
    if (status == FET_OK) status = json ? print_json(cli, document, folder, path) : print_results(cli, document, folder, path, is_fit);
    fet_free(path);
    fet_free(folder);
    return status;
}

fet_status fet_cli_write_results(const fet_cli *cli, const char *argument, const char *page, bool json)
{
    return write_results(cli, argument, page, json, false);
}

fet_status fet_cli_write_fit(const fet_cli *cli, const char *argument, bool json)
{
    return write_results(cli, argument, NULL, json, true);
}
