// SPDX-License-Identifier: Apache-2.0
/* Trials as CSV (RFC 4180): a figure is a column, its unit stands in the head. */
#include "report/report.h"

#include "base/file.h"
#include "report/json.h"

#include <stdio.h>
#include <string.h>

enum { MAX_FIGURES = 48 };

typedef struct text {
    char *data;
    size_t bytes, capacity;
} text;

typedef struct figure_columns {
    const char *name[MAX_FIGURES];
    char unit[MAX_FIGURES][24];
    size_t count;
} figure_columns;

static fet_status put(text *out, const char *data, size_t bytes)
{
    FET_TRY(fet_grow(&out->data, &out->capacity, out->bytes + bytes + 1, 1));
    memcpy(out->data + out->bytes, data, bytes);
    out->bytes += bytes;
    out->data[out->bytes] = '\0';
    return FET_OK;
}

/* A field and what follows it; quoted when it holds what would end it. */
static fet_status put_field(text *out, const char *field, const char *end)
{
    if (!strpbrk(field, ",\"\r\n")) {
        FET_TRY(put(out, field, strlen(field)));
    } else {
        FET_TRY(put(out, "\"", 1));
        for (const char *c = field; *c; c++) FET_TRY(put(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1));
        FET_TRY(put(out, "\"", 1));
    }
    return put(out, end, strlen(end));
}

static bool is_wanted(const json_t *trial, const char *series, bool front_only)
{
    if (front_only && !json_is_true(json_object_get(trial, "front"))) return false;
    return !series || strcmp(fet_json_get_text(trial, "series"), series) == 0;
}

static void find_columns(const json_t *trials, const char *series, bool front_only, figure_columns *out)
{
    *out = (figure_columns){0};
    for (size_t i = 0; i < json_array_size(trials); i++) {
        const json_t *trial = json_array_get(trials, i);
        if (!is_wanted(trial, series, front_only)) continue;
        const char *name;
        json_t *figure;
        json_object_foreach((json_t *)json_object_get(trial, "figures"), name, figure)
        {
            size_t c = 0;
            while (c < out->count && strcmp(out->name[c], name) != 0) c++;
            if (c < out->count || c == MAX_FIGURES) continue;
            out->name[c] = name;
            snprintf(out->unit[c], sizeof out->unit[c], "%s", fet_json_get_text(figure, "unit"));
            out->count++;
        }
    }
}

static fet_status put_head(text *out, const figure_columns *columns)
{
    static const char *const fixed = "series,number,state,fidelity,genome,description,file,cpu_s,reason";
    FET_TRY(put(out, fixed, strlen(fixed)));
    for (size_t c = 0; c < columns->count; c++) {
        char head[160];
        FET_TRY(put(out, ",", 1));
        snprintf(head, sizeof head, "%s [%s]", columns->name[c], columns->unit[c]);
        FET_TRY(put_field(out, head, ""));
        snprintf(head, sizeof head, ",%s source", columns->name[c]);
        FET_TRY(put(out, head, strlen(head)));
    }
    return put(out, "\r\n", 2);
}

static fet_status put_trial(text *out, const json_t *trial, const figure_columns *columns)
{
    char number[40];
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(json_object_get(trial, "number")));
    FET_TRY(put_field(out, fet_json_get_text(trial, "series"), ","));
    FET_TRY(put_field(out, number, ","));
    static const char *const keys[] = {"state", "fidelity", "genome", "description", "file"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) FET_TRY(put_field(out, fet_json_get_text(trial, keys[k]), ","));
    snprintf(number, sizeof number, "%.6g", fet_json_get_number(trial, "cpu_s", 0));
    FET_TRY(put_field(out, number, ","));
    FET_TRY(put_field(out, fet_json_get_text(trial, "reason"), ""));
    for (size_t c = 0; c < columns->count; c++) {
        const json_t *figure = json_object_get(json_object_get(trial, "figures"), columns->name[c]);
        const json_t *value = json_object_get(figure, "value");
        number[0] = '\0';
        if (json_is_number(value)) snprintf(number, sizeof number, "%.9g", json_number_value(value));
        FET_TRY(put(out, ",", 1));
        FET_TRY(put_field(out, number, ","));
        FET_TRY(put_field(out, fet_json_get_text(figure, "source"), ""));
    }
    return put(out, "\r\n", 2);
}

static fet_status print_trials(const json_t *document, const char *series, bool front_only, text *out)
{
    const json_t *trials = json_object_get(document, "trials");
    figure_columns columns;
    find_columns(trials, series, front_only, &columns);
    FET_TRY(put_head(out, &columns));
    for (size_t i = 0; i < json_array_size(trials); i++)
        if (is_wanted(json_array_get(trials, i), series, front_only)) FET_TRY(put_trial(out, json_array_get(trials, i), &columns));
    return FET_OK;
}

fet_status fet_report_trials_csv(const json_t *document, const char *series, char **out_text)
{
    text out = {0};
    fet_status status = print_trials(document, series, false, &out);
    if (status != FET_OK) {
        fet_free(out.data);
        return status;
    }
    *out_text = out.data;
    return FET_OK;
}

fet_status fet_report_write_front_csv(const json_t *document, const char *path)
{
    text out = {0};
    fet_status status = print_trials(document, NULL, true, &out);
    if (status == FET_OK) status = fet_file_replace(path, out.data, out.bytes);
    fet_free(out.data);
    return status;
}
