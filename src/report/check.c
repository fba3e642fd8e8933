// SPDX-License-Identifier: Apache-2.0
/* The document's types, as schema.md states them, as one table of paths. "[]" steps into every item of an array; what is missing or null is
 * fine. */
#include "report/report.h"

#include <stdio.h>
#include <string.h>

typedef enum value_kind { TEXT, NUMBER, INTEGER, FLAG, FIGURE, FIGURES, TEXTS, OBJECT } value_kind;

static const struct rule {
    const char *path;
    value_kind kind;
} rules[] = {
    {"title", TEXT},
    {"measure", TEXT},
    {"created", TEXT},
    {"machine", OBJECT},
    {"versions", OBJECT},
    {"seed", INTEGER},
    {"job", TEXT},
    {"quantised_label", TEXT},
    {"objectives[].figure", TEXT},
    {"objectives[].label", TEXT},
    {"objectives[].direction", TEXT},
    {"objectives[].unit", TEXT},
    {"constraints", TEXTS},
    {"notes", TEXTS},
    {"searches[].name", TEXT},
    {"searches[].label", TEXT},
    {"base", TEXT},
    {"chosen", TEXT},
    {"chosen_reason", TEXT},
    {"variants[].name", TEXT},
    {"variants[].fused_search", FLAG},
    {"variants[].width_search", FLAG},
    {"variants[].genome", TEXT},
    {"variants[].description", TEXT},
    {"variants[].file", TEXT},
    {"variants[].latency", FIGURE},
    {"variants[].latency_predicted", FIGURE},
    {"variants[].reduction", FIGURE},
    {"variants[].val", FIGURE},
    {"variants[].val_device", FIGURE},
    {"variants[].test", FIGURE},
    {"variants[].test_int8", FIGURE},
    {"variants[].params", FIGURE},
    {"variants[].peak_memory", FIGURE},
    {"variants[].macs", FIGURE},
    {"variants[].against_base.difference", NUMBER},
    {"variants[].against_base.p", NUMBER},
    {"trials[].series", TEXT},
    {"trials[].number", INTEGER},
    {"trials[].genome", TEXT},
    {"trials[].description", TEXT},
    {"trials[].file", TEXT},
    {"trials[].violation", NUMBER},
    {"trials[].figures", FIGURES},
    {"layers.base[].name", TEXT},
    {"layers.base[].block", TEXT},
    {"layers.base[].kernel", TEXT},
    {"layers.base[].macs", NUMBER},
    {"layers.base[].us", NUMBER},
    {"layers.base[].source", TEXT},
    {"layers.chosen[].name", TEXT},
    {"layers.chosen[].block", TEXT},
    {"layers.chosen[].kernel", TEXT},
    {"layers.chosen[].macs", NUMBER},
    {"layers.chosen[].us", NUMBER},
    {"layers.chosen[].source", TEXT},
    {"latency_check[].label", TEXT},
    {"latency_check[].predicted_ms", NUMBER},
    {"latency_check[].measured_ms", NUMBER},
    {"fidelities[].from", TEXT},
    {"fidelities[].to", TEXT},
    {"fidelities[].kendall", NUMBER},
    {"fidelities[].spearman", NUMBER},
    {"fidelities[].n", INTEGER},
    {"spent.wall_s", NUMBER},
    {"spent.cores", INTEGER},
    {"spent.watts_per_core", NUMBER},
};

static fet_status expected(const char *place, const char *what)
{
    return fet_fail(FET_ERROR_CORRUPT, "report document: %s: expected %s (see src/report/schema.md)", place, what);
}

static fet_status check_figure(const json_t *json, const char *place)
{
    const json_t *value = json_object_get(json, "value"), *interval = json_object_get(json, "interval");
    if (!json_is_object(json) || !(json_is_number(value) || json_is_null(value)) || !json_is_string(json_object_get(json, "unit")) ||
        !json_is_string(json_object_get(json, "source")))
        return expected(place, "a figure: {\"value\": number, \"unit\": text, \"source\": text}");
    if (interval &&
        !(json_array_size(interval) == 2 && json_is_number(json_array_get(interval, 0)) && json_is_number(json_array_get(interval, 1))))
        return expected(place, "an interval of two numbers, or none");
    return FET_OK;
}

static fet_status check_figures(const json_t *json, const char *place)
{
    if (!json_is_object(json)) return expected(place, "an object of figures");
    const char *name;
    json_t *figure;
    json_object_foreach((json_t *)json, name, figure)
    {
        char inner[320];
        snprintf(inner, sizeof inner, "%s.%s", place, name);
        FET_TRY(check_figure(figure, inner));
    }
    return FET_OK;
}

static fet_status check_texts(const json_t *json, const char *place)
{
    bool good = json_is_array(json);
    for (size_t i = 0; good && i < json_array_size(json); i++) good = json_is_string(json_array_get(json, i));
    return good ? FET_OK : expected(place, "a list of texts");
}

static fet_status check_leaf(const json_t *json, value_kind kind, const char *place)
{
    switch (kind) {
    case TEXT: return json_is_string(json) ? FET_OK : expected(place, "a text");
    case NUMBER: return json_is_number(json) ? FET_OK : expected(place, "a number");
    case INTEGER: return json_is_integer(json) ? FET_OK : expected(place, "a whole number");
    case FLAG: return json_is_boolean(json) ? FET_OK : expected(place, "true or false");
    case OBJECT: return json_is_object(json) ? FET_OK : expected(place, "an object");
    case FIGURE: return check_figure(json, place);
    case FIGURES: return check_figures(json, place);
    case TEXTS: return check_texts(json, place);
    }
    return FET_OK;
}

/* `path`: what is left of the rule's; `place`: where we are, for the message. */
static fet_status check_rule(const json_t *json, const char *path, value_kind kind, const char *place)
{
    if (!json || json_is_null(json)) return FET_OK;
    if (path[0] == '\0') return check_leaf(json, kind, place);
    if (path[0] == '[') {
        if (!json_is_array(json)) return expected(place, "a list");
        const char *rest = path + (path[2] == '.' ? 3 : 2);
        for (size_t i = 0; i < json_array_size(json); i++) {
            char inner[256];
            snprintf(inner, sizeof inner, "%.200s[%zu]", place, i);
            FET_TRY(check_rule(json_array_get(json, i), rest, kind, inner));
        }
        return FET_OK;
    }
    if (!json_is_object(json)) return expected(place[0] ? place : "the document", "an object");
    char key[64], inner[256];
    size_t length = strcspn(path, ".[");
    snprintf(key, sizeof key, "%.*s", (int)length, path);
    snprintf(inner, sizeof inner, "%.180s%s%s", place, place[0] ? "." : "", key);
    return check_rule(json_object_get(json, key), path + length + (path[length] == '.'), kind, inner);
}

fet_status fet_report_check(const json_t *document)
{
    if (!json_is_object(document)) return expected("the document", "an object");
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) FET_TRY(check_rule(document, rules[i].path, rules[i].kind, ""));
    return FET_OK;
}
