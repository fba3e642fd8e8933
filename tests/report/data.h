// SPDX-License-Identifier: Apache-2.0
/* A small study for the report's tests: two searches with known points, a failed trial, two levels of training. */
#ifndef FET_TESTS_REPORT_DATA_H
#define FET_TESTS_REPORT_DATA_H

#include "check.h"

#include "base/file.h"
#include "report/json.h"
#include "report/report.h"

#include <string.h>
#include <unistd.h>

/* A new folder that the caller removes with remove_folder. */
static inline const char *new_folder(void)
{
    static char path[64];
    snprintf(path, sizeof path, "%s", "/tmp/fettle-report-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void remove_folder(const char *folder)
{
    static const char *const names[] = {"study.sqlite", "study.sqlite-wal", "study.sqlite-shm", "report.html", "front.csv", "all.json"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

typedef struct sample {
    const char *series;
    uint32_t number;
    const char *fidelity, *genome;
    double accuracy, latency_ms; /* accuracy < 0: the trial fails */
} sample;

/* Best accuracy .92, best latency 1; dominated: V1-1 (by V1-0) and V2-1 (by V2-0). */
static const sample samples[] = {
    {"V1", 0, "short", "0-0", 0.90, 2.0},        {"V1", 1, "short", "0-1", 0.89, 3.0},        {"V1", 2, "short", "0-2", 0.92, 5.0},
    {"V2", 0, "short", "1-0", 0.88, 1.0},        {"V2", 1, "short", "1-1", 0.80, 4.0},        {"V2", 2, "short", "1-2", -1, 1.5},
    {"finalists", 0, "full", "0-0", 0.930, 2.0}, {"finalists", 1, "full", "0-2", 0.925, 5.0}, {"finalists", 2, "full", "1-0", 0.910, 1.0},
};
enum { N_SAMPLES = sizeof samples / sizeof *samples };

static inline fet_status add_sample(fet_study *study, const sample *s)
{
    bool found = false;
    char parameters[64];
    fet_auto_trials leased = {0};
    snprintf(parameters, sizeof parameters, "{\"variant\": \"%s\"}", s->genome[0] == '0' ? "V1" : "V2");
    FET_TRY(fet_study_propose(study, s->series, s->number, s->fidelity, s->genome, parameters));
    FET_TRY(fet_study_lease(study, "test", 60, &leased, &found));
    if (!found) return fet_fail(FET_ERROR_STATE, "no trial to lease");
    if (s->accuracy < 0) return fet_study_fail(study, s->series, s->number, "test", "batch 3: the loss, \"nan\", is not a number", 1.0);
    fet_figure figure = {.name = "val_device_accuracy", .value = s->accuracy, .unit = "share", .source = "quantised"};
    return fet_study_finish(study, s->series, s->number, "test", &figure, 1, "", 36.0);
}

/* Facts as the run states them: costs of the trials, two objectives, a table of two variants. */
static inline json_t *new_facts(void)
{
    json_t *facts = json_loads(
        "{\"title\": \"test\", \"base\": \"baseline\", \"chosen\": \"V1\", \"chosen_reason\": \"It is faster.\", \"searches\": [{\"name\": "
        "\"V1\"}, {\"name\": \"V2\"}],"
        " \"objectives\": [{\"figure\": \"val_device_accuracy\", \"label\": \"Accuracy\", \"direction\": \"max\", \"unit\": \"share\"},"
        "                  {\"figure\": \"latency\", \"label\": \"Latency\", \"direction\": \"min\", \"unit\": \"ms\"}],"
        " \"spent\": {\"wall_s\": 10.0, \"cores\": 2, \"watts_per_core\": 10},"
        " \"variants\": [{\"name\": \"baseline\", \"fused_search\": false, \"width_search\": false, \"file\": \"front/baseline.onnx\","
        "                 \"latency\": {\"value\": 0.2, \"unit\": \"ms\", \"source\": \"measured\", \"spread\": 0.02}},"
        "                {\"name\": \"V1\", \"fused_search\": true, \"width_search\": false, \"file\": \"front/V1.onnx\","
        "                 \"latency\": {\"value\": 0.1, \"unit\": \"ms\", \"source\": \"measured\"},"
        "                 \"test_int8\": {\"value\": 0.9131, \"unit\": \"share\", \"source\": \"quantised\", \"interval\": [0.9075, "
        "0.9185]}}]}",
        0, NULL);
    assert_non_null(facts);
    json_t *trials = json_array();
    for (size_t i = 0; i < N_SAMPLES; i++) {
        json_t *figures = json_pack("{s:o}", "latency", fet_report_figure(samples[i].latency_ms, "ms", "kernel sum", 0));
        json_array_append_new(trials, json_pack("{s:s, s:i, s:s, s:o}", "series", samples[i].series, "number", (int)samples[i].number,
                                                "description", "a, \"b\" </script>", "figures", figures));
    }
    json_object_set_new(facts, "trials", trials);
    return facts;
}

/* FOLDER/study.sqlite with the samples and, when `facts`, the facts as text. */
static inline void make_study(const char *folder, bool facts)
{
    char path[128];
    fet_auto(fet_study) study = NULL;
    snprintf(path, sizeof path, "%s/study.sqlite", folder);
    CHECK_OK(fet_study_open(path, true, &study));
    CHECK_OK(fet_study_set(study, "job", "task: {kind: classify}\n"));
    for (size_t i = 0; i < N_SAMPLES; i++) CHECK_OK(add_sample(study, &samples[i]));
    if (!facts) return;
    json_t *stated = new_facts();
    char *text = json_dumps(stated, 0);
    CHECK_OK(fet_study_set(study, FET_REPORT_FACTS, text));
    fet_json_free(text);
    json_decref(stated);
}

#endif
