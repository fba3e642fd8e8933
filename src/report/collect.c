// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "report/parts.h"

#include <string.h>

/* The facts of the study; an empty object before the run has stated any. */
static fet_status read_facts(fet_study *study, json_t **out_facts)
{
    char *text = NULL;
    fet_status status = fet_study_get(study, FET_REPORT_FACTS, &text);
    if (status == FET_ERROR_NOT_FOUND) {
        fet_error_clear();
        *out_facts = json_object();
        return *out_facts ? FET_OK : fet_fail(FET_ERROR_NOMEM, "no memory for the report");
    }
    FET_TRY(status);
    json_error_t error;
    json_t *facts = json_loads(text, 0, &error);
    fet_free(text);
    if (!facts) return fet_fail(FET_ERROR_CORRUPT, "the study's text \"%s\": line %d: %s", FET_REPORT_FACTS, error.line, error.text);
    *out_facts = facts;
    return FET_OK;
}

static fet_status add_job(fet_study *study, json_t *document)
{
    if (json_is_string(json_object_get(document, "job"))) return FET_OK;
    char *text = NULL;
    fet_status status = fet_study_get(study, "job", &text);
    if (status == FET_ERROR_NOT_FOUND) {
        fet_error_clear();
        return FET_OK;
    }
    FET_TRY(status);
    json_t *job = fet_json_text(text);
    fet_free(text);
    return fet_json_put(document, "job", job);
}

/* What the facts say about this trial, or an empty object. */
static const json_t *facts_of(const json_t *stated, const fet_trial *trial)
{
    for (size_t i = 0; i < json_array_size(stated); i++) {
        const json_t *entry = json_array_get(stated, i);
        if (json_integer_value(json_object_get(entry, "number")) == (json_int_t)trial->number &&
            strcmp(fet_json_get_text(entry, "series"), trial->series) == 0)
            return entry;
    }
    return NULL;
}

/* The search a trial belongs to: the variant that its parameters name, or its own series. */
static json_t *variant_of(const fet_trial *trial)
{
    json_error_t error;
    fet_auto_json parameters = json_loads(trial->parameters ? trial->parameters : "", 0, &error);
    const char *variant = fet_json_get_text(parameters, "variant");
    return fet_json_text(variant[0] ? variant : trial->series);
}

static fet_status add_figures(const fet_trial *trial, const json_t *stated, json_t *figures)
{
    for (uint32_t f = 0; f < trial->n_figures; f++) {
        const fet_figure *figure = &trial->figures[f];
        FET_TRY(fet_json_put(figures, figure->name, fet_report_figure(figure->value, figure->unit, figure->source, figure->spread)));
    }
    const char *name;
    json_t *figure;
    json_object_foreach((json_t *)json_object_get(stated, "figures"), name, figure)
    {
        FET_TRY(fet_json_put(figures, name, json_incref(figure)));
    }
    return FET_OK;
}

/* Seconds since `start_s`; null for what has not happened. */
static json_t *since(double time_s, double start_s)
{
    return time_s > 0 ? fet_json_number(time_s - start_s) : json_null();
}

static fet_status add_trial(const fet_trial *trial, const json_t *stated, double start_s, json_t *list)
{
    json_t *item = json_object(), *figures = NULL;
    FET_TRY(fet_json_push(list, item));
    FET_TRY(fet_json_put(item, "series", fet_json_text(trial->series)));
    FET_TRY(fet_json_put(item, "number", json_integer(trial->number)));
    FET_TRY(fet_json_put(item, "genome", fet_json_text(trial->genome)));
    FET_TRY(fet_json_put(item, "fidelity", fet_json_text(trial->fidelity)));
    FET_TRY(fet_json_put(item, "variant", variant_of(trial)));
    FET_TRY(fet_json_put(item, "state", fet_json_text(fet_trial_state_name(trial->state))));
    FET_TRY(fet_json_put(item, "reason", fet_json_text(trial->reason)));
    FET_TRY(fet_json_put(item, "attempts", json_integer(trial->attempts)));
    FET_TRY(fet_json_put(item, "file", fet_json_text(trial->artifact)));
    FET_TRY(fet_json_put(item, "started_s", since(trial->started_s, start_s)));
    FET_TRY(fet_json_put(item, "finished_s", since(trial->finished_s, start_s)));
    FET_TRY(fet_json_put(item, "cpu_s", fet_json_number(trial->cpu_s)));
    FET_TRY(fet_json_put(item, "front", json_false()));
    FET_TRY(fet_json_child(item, "figures", false, &figures));
    FET_TRY(add_figures(trial, stated, figures));
    static const char *const stated_keys[] = {"description", "file", "violation"};
    for (size_t k = 0; k < sizeof stated_keys / sizeof *stated_keys; k++) {
        json_t *value = json_object_get(stated, stated_keys[k]);
        if (value) FET_TRY(fet_json_put(item, stated_keys[k], json_incref(value)));
    }
    return FET_OK;
}

static fet_status add_trials(fet_study *study, json_t *document)
{
    fet_auto_trials trials = {0};
    FET_TRY(fet_study_trials(study, NULL, &trials));
    fet_auto_json stated = json_incref(json_object_get(document, "trials"));
    FET_TRY(fet_json_put(document, "trials", json_array()));
    json_t *list = json_object_get(document, "trials");
    double start_s = 0;
    for (size_t i = 0; i < trials.count; i++)
        if (i == 0 || trials.items[i].proposed_s < start_s) start_s = trials.items[i].proposed_s;
    for (size_t i = 0; i < trials.count; i++) FET_TRY(add_trial(&trials.items[i], facts_of(stated, &trials.items[i]), start_s, list));
    return FET_OK;
}

fet_status fet_report_collect(fet_study *study, const json_t *facts, json_t **out_document)
{
    fet_auto_json document = NULL;
    if (facts) {
        document = json_deep_copy(facts);
        if (!document) return fet_fail(FET_ERROR_NOMEM, "no memory for the report");
    } else {
        FET_TRY(read_facts(study, &document));
    }
    FET_TRY(fet_report_check(document));
    FET_TRY(add_job(study, document));
    FET_TRY(add_trials(study, document));
    FET_TRY(fet_report_add_searches(document));
    FET_TRY(fet_report_add_front(document));
    FET_TRY(fet_report_add_fidelities(document));
    FET_TRY(fet_report_add_spent(document));
    *out_document = fet_take(document);
    return FET_OK;
}
