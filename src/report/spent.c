// SPDX-License-Identifier: Apache-2.0
/* What the study cost: processor time as the trials recorded it, energy as core-hours times the wattage that the job states. */
#include "report/parts.h"

#include "report/report.h"

#include <stdio.h>
#include <string.h>

static fet_status row_of(json_t *by, const char *series, const char *fidelity, json_t **out_row)
{
    for (size_t i = 0; i < json_array_size(by); i++) {
        json_t *row = json_array_get(by, i);
        if (strcmp(fet_json_get_text(row, "series"), series) == 0 && strcmp(fet_json_get_text(row, "fidelity"), fidelity) == 0) {
            *out_row = row;
            return FET_OK;
        }
    }
    FET_TRY(fet_json_push(by, json_pack("{s:o, s:o, s:i, s:i, s:f}", "series", fet_json_text(series), "fidelity", fet_json_text(fidelity),
                                        "trials", 0, "failed", 0, "cpu_s", 0.0)));
    *out_row = json_array_get(by, json_array_size(by) - 1);
    return FET_OK;
}

static fet_status count(json_t *row, const char *key, json_int_t more)
{
    return fet_json_put(row, key, json_integer(json_integer_value(json_object_get(row, key)) + more));
}

fet_status fet_report_add_spent(json_t *document)
{
    json_t *spent = NULL;
    FET_TRY(fet_json_child(document, "spent", false, &spent));
    FET_TRY(fet_json_put(spent, "by", json_array()));
    json_t *by = json_object_get(spent, "by");
    const json_t *trials = json_object_get(document, "trials");
    double cpu_s = 0;
    json_int_t finished = 0, failed = 0;
    for (size_t i = 0; i < json_array_size(trials); i++) {
        const json_t *trial = json_array_get(trials, i);
        const char *state = fet_json_get_text(trial, "state");
        bool bad = strcmp(state, "failed") == 0;
        if (!bad && strcmp(state, "done") != 0) continue;
        json_t *row = NULL;
        FET_TRY(row_of(by, fet_json_get_text(trial, "series"), fet_json_get_text(trial, "fidelity"), &row));
        double more_s = fet_json_get_number(trial, "cpu_s", 0);
        FET_TRY(count(row, "trials", 1));
        FET_TRY(count(row, "failed", bad));
        FET_TRY(fet_json_put(row, "cpu_s", fet_json_number(fet_json_get_number(row, "cpu_s", 0) + more_s)));
        cpu_s += more_s;
        finished++;
        failed += bad;
    }
    FET_TRY(fet_json_put(spent, "trials", json_integer(finished)));
    FET_TRY(fet_json_put(spent, "failed", json_integer(failed)));
    FET_TRY(fet_json_put(spent, "core_hours", fet_report_figure(cpu_s / 3600, "core-hours", "measured", 0)));
    double watts = fet_json_get_number(spent, "watts_per_core", 0);
    if (watts <= 0) return FET_OK;
    char source[96];
    snprintf(source, sizeof source, "estimated: core-hours x %g W a core, as the job states", watts);
    return fet_json_put(spent, "energy", fet_report_figure(cpu_s / 3600 * watts, "Wh", source, 0));
}
