// SPDX-License-Identifier: Apache-2.0
/* The document and the files made from it, on a small study; every failed allocation; every wrong type. */
#include "data.h"

#include "report/parts.h"

#include <sys/stat.h>

static const json_t *trial_of(const json_t *document, const char *series, int number)
{
    const json_t *trials = json_object_get(document, "trials");
    for (size_t i = 0; i < json_array_size(trials); i++) {
        const json_t *trial = json_array_get(trials, i);
        if (strcmp(fet_json_get_text(trial, "series"), series) == 0 && fet_json_get_number(trial, "number", -1) == number) return trial;
    }
    fail_msg("no trial %s %d", series, number);
    return NULL;
}

static fet_status collect(const char *folder, json_t **out_document)
{
    char path[128];
    fet_auto(fet_study) study = NULL;
    snprintf(path, sizeof path, "%s/study.sqlite", folder);
    FET_TRY(fet_study_open(path, false, &study));
    return fet_report_collect(study, NULL, out_document);
}

static void test_trials_are_joined(void **state)
{
    (void)state;
    const char *folder = new_folder();
    make_study(folder, true);
    fet_auto_json document = NULL;
    CHECK_OK(collect(folder, &document));
    assert_int_equal(json_array_size(json_object_get(document, "trials")), N_SAMPLES);
    const json_t *trial = trial_of(document, "V1", 2);
    CHECK_NEAR(fet_json_get_figure(json_object_get(trial, "figures"), "val_device_accuracy", 0), 0.92, 0);
    CHECK_NEAR(fet_json_get_figure(json_object_get(trial, "figures"), "latency", 0), 5.0, 0);
    assert_string_equal(fet_json_get_text(trial, "description"), "a, \"b\" </script>");
    assert_string_equal(fet_json_get_text(trial, "state"), "done");
    assert_true(fet_json_get_number(trial, "finished_s", -1) >= 0);
    const json_t *failed = trial_of(document, "V2", 2);
    assert_string_equal(fet_json_get_text(failed, "state"), "failed");
    assert_string_equal(fet_json_get_text(failed, "reason"), "batch 3: the loss, \"nan\", is not a number");
    assert_string_equal(fet_json_get_text(document, "job"), "task: {kind: classify}\n");
    remove_folder(folder);
}

static void test_front_has_no_dominated_trial(void **state)
{
    (void)state;
    const char *folder = new_folder();
    make_study(folder, true);
    fet_auto_json document = NULL;
    CHECK_OK(collect(folder, &document));
    for (size_t i = 0; i < N_SAMPLES; i++) {
        bool searched = samples[i].series[0] == 'V' && samples[i].accuracy >= 0, dominated = false;
        for (size_t k = 0; k < N_SAMPLES && searched; k++)
            dominated |= samples[k].series[0] == 'V' && samples[k].accuracy >= samples[i].accuracy &&
                         samples[k].latency_ms <= samples[i].latency_ms &&
                         (samples[k].accuracy > samples[i].accuracy || samples[k].latency_ms < samples[i].latency_ms);
        const json_t *trial = trial_of(document, samples[i].series, (int)samples[i].number);
        assert_int_equal(json_is_true(json_object_get(trial, "front")), searched && !dominated);
    }
    remove_folder(folder);
}

static void test_spent_and_fidelities(void **state)
{
    (void)state;
    const char *folder = new_folder();
    make_study(folder, true);
    fet_auto_json document = NULL;
    CHECK_OK(collect(folder, &document));
    const json_t *spent = json_object_get(document, "spent");
    double core_hours = (8 * 36.0 + 1.0) / 3600;
    CHECK_NEAR(fet_json_get_figure(spent, "core_hours", 0), core_hours, 1e-12);
    CHECK_NEAR(fet_json_get_figure(spent, "energy", 0), core_hours * 10, 1e-12);
    CHECK_NEAR(fet_json_get_number(spent, "trials", 0), 9, 0);
    CHECK_NEAR(fet_json_get_number(spent, "failed", 0), 1, 0);
    assert_int_equal(json_array_size(json_object_get(spent, "by")), 3);
    /* Short .90 .92 .88 against full .930 .925 .910: of three pairs two agree. */
    const json_t *ranks = json_array_get(json_object_get(document, "fidelities"), 0);
    CHECK_NEAR(fet_json_get_number(ranks, "kendall", 0), 1.0 / 3, 1e-12);
    CHECK_NEAR(fet_json_get_number(ranks, "spearman", 0), 0.5, 1e-12);
    CHECK_NEAR(fet_json_get_number(ranks, "n", 0), 3, 0);
    remove_folder(folder);
}

/* A search that was stopped early: no facts at all. */
static void test_without_facts(void **state)
{
    (void)state;
    const char *folder = new_folder();
    char page[128];
    make_study(folder, false);
    fet_auto_json document = NULL;
    CHECK_OK(collect(folder, &document));
    assert_int_equal(json_array_size(json_object_get(document, "searches")), 2);
    assert_null(json_object_get(document, "hypervolume"));
    snprintf(page, sizeof page, "%s/report.html", folder);
    CHECK_OK(fet_report_write(document, page));
    remove_folder(folder);
}

/* The document between the page's two halves is the one that was given, and cannot end its element early. */
static void test_page_holds_the_document(void **state)
{
    (void)state;
    static const char *const open = "<script id=\"report\" type=\"application/json\">", *const close = "</script>";
    const char *folder = new_folder();
    char path[128], *page = NULL;
    size_t bytes = 0;
    make_study(folder, true);
    fet_auto_json document = NULL;
    CHECK_OK(collect(folder, &document));
    snprintf(path, sizeof path, "%s/report.html", folder);
    CHECK_OK(fet_report_write(document, path));
    CHECK_OK(fet_file_read(path, 1 << 24, (void **)&page, &bytes));
    char *begin = strstr(page, open);
    assert_non_null(begin);
    begin += strlen(open);
    char *end = strstr(begin, close);
    assert_non_null(end);
    json_error_t error;
    fet_auto_json read = json_loadb(begin, (size_t)(end - begin), 0, &error);
    assert_non_null(read);
    assert_string_equal(fet_json_get_text(trial_of(read, "V1", 0), "description"), "a, \"b\" </script>");
    assert_int_equal(json_array_size(json_object_get(read, "trials")), N_SAMPLES);
    for (const char *c = begin; c < end; c++) assert_false(*c == '<' || *c == '>' || *c == '&');
    assert_null(strstr(page, "src=\"http"));
    assert_null(strstr(page, "href=\"http"));
    fet_free(page);
    remove_folder(folder);
}

/* One field of RFC 4180; returns what follows it. */
static const char *read_field(const char *c, char *field)
{
    bool quoted = *c == '"';
    for (c += quoted; *c; c++) {
        if (quoted && *c == '"' && c[1] != '"') break;
        if (!quoted && (*c == ',' || *c == '\r')) break;
        c += quoted && *c == '"';
        *field++ = *c;
    }
    *field = '\0';
    c += quoted;
    return *c == ',' ? c + 1 : c;
}

static void test_csv_reads_back(void **state)
{
    (void)state;
    const char *folder = new_folder();
    char *text = NULL, field[256];
    make_study(folder, true);
    fet_auto_json document = NULL;
    CHECK_OK(collect(folder, &document));
    CHECK_OK(fet_report_trials_csv(document, "V2", &text));
    assert_non_null(strstr(text, "series,number,state,fidelity,genome,description,file,cpu_s,reason,val_device_accuracy [share],"));
    const char *row = strstr(text, "\r\nV2,2,");
    assert_non_null(row);
    row += 2;
    const char *const wanted[] = {
        "V2", "2", "failed", "short",     "1-2", "a, \"b\" </script>", "", "1", "batch 3: the loss, \"nan\", is not a number",
        "",   "",  "1.5",    "kernel sum"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        row = read_field(row, field);
        assert_string_equal(field, wanted[i]);
    }
    assert_memory_equal(row, "\r\n", 2);
    assert_null(strstr(text, "V1"));
    fet_free(text);
    remove_folder(folder);
}

static void test_front_csv_holds_the_front(void **state)
{
    (void)state;
    const char *folder = new_folder();
    char path[128], *text = NULL;
    size_t bytes = 0, lines = 0;
    make_study(folder, true);
    fet_auto_json document = NULL;
    CHECK_OK(collect(folder, &document));
    snprintf(path, sizeof path, "%s/front.csv", folder);
    CHECK_OK(fet_report_write_front_csv(document, path));
    CHECK_OK(fet_file_read(path, 1 << 20, (void **)&text, &bytes));
    for (const char *c = text; *c; c++) lines += *c == '\n';
    assert_int_equal(lines, 1 + 3);
    fet_free(text);
    remove_folder(folder);
}

/* A part of a wrong type is refused by its path, and nothing is written. */
static void test_wrong_types(void **state)
{
    (void)state;
    static const struct {
        const char *document, *place;
    } cases[] = {
        {"[]", "the document"},
        {"{\"title\": 3}", "title: expected a text"},
        {"{\"seed\": 1.5}", "seed: expected a whole number"},
        {"{\"variants\": {}}", "variants: expected a list"},
        {"{\"variants\": [{\"latency\": 3}]}", "variants[0].latency: expected a figure"},
        {"{\"variants\": [{}, {\"test\": {\"value\": 1, \"unit\": \"share\", \"source\": \"x\", \"interval\": [1]}}]}",
         "variants[1].test: expected an interval"},
        {"{\"variants\": [{\"fused_search\": \"yes\"}]}", "variants[0].fused_search: expected true or false"},
        {"{\"trials\": [{\"figures\": {\"latency\": {\"value\": \"1\"}}}]}", "trials[0].figures.latency"},
        {"{\"layers\": {\"base\": [{\"us\": \"1\"}]}}", "layers.base[0].us: expected a number"},
        {"{\"layers\": []}", "layers: expected an object"},
        {"{\"notes\": [1]}", "notes: expected a list of texts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fet_auto_json document = json_loads(cases[i].document, 0, NULL);
        assert_non_null(document);
        CHECK_FAILS(FET_ERROR_CORRUPT, fet_report_write(document, "/tmp/fettle-never-written.html"));
        if (!strstr(fet_error_message(), cases[i].place)) fail_msg("\"%s\" does not name %s", fet_error_message(), cases[i].place);
        assert_false(fet_file_exists("/tmp/fettle-never-written.html"));
    }
}

static void test_broken_facts(void **state)
{
    (void)state;
    const char *folder = new_folder();
    char path[128];
    json_t *document = NULL;
    make_study(folder, false);
    fet_auto(fet_study) study = NULL;
    snprintf(path, sizeof path, "%s/study.sqlite", folder);
    CHECK_OK(fet_study_open(path, false, &study));
    CHECK_OK(fet_study_set(study, FET_REPORT_FACTS, "{\"title\": \n oops"));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_report_collect(study, NULL, &document));
    assert_non_null(strstr(fet_error_message(), "line 2"));
    fet_study_close(fet_take(study));
    remove_folder(folder);
}

static void test_no_such_folder(void **state)
{
    (void)state;
    fet_auto_json document = json_object();
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_report_write(document, "/tmp/fettle-no-such-folder/report.html"));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_report_write_front_csv(document, "/tmp/fettle-no-such-folder/front.csv"));
}

/* The n-th allocation fails, for every n: NOMEM, nothing leaked (ASan), nothing half-written. */
static void test_no_memory(void **state)
{
    (void)state;
    const char *folder = new_folder();
    char path[128];
    make_study(folder, true);
    snprintf(path, sizeof path, "%s/report.html", folder);
    json_set_alloc_funcs(fet_malloc, fet_free);
    uint64_t n = 0;
    for (bool done = false; !done; n += n < 200 ? 1 : 37) {
        json_t *document = NULL;
        char *csv = NULL;
        fet_alloc_fail_after(n);
        fet_error_clear();
        fet_status status = collect(folder, &document);
        if (status == FET_OK) status = fet_report_trials_csv(document, NULL, &csv);
        if (status == FET_OK) status = fet_report_write(document, path);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        done = calls <= n;
        if (status != FET_OK) {
            assert_true(fet_error_message()[0] != '\0');
            assert_false(done);
            assert_false(fet_file_exists(path));
        }
        unlink(path);
        fet_free(csv);
        json_decref(document);
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(n > 200);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trials_are_joined),
        cmocka_unit_test(test_front_has_no_dominated_trial),
        cmocka_unit_test(test_spent_and_fidelities),
        cmocka_unit_test(test_without_facts),
        cmocka_unit_test(test_page_holds_the_document),
        cmocka_unit_test(test_csv_reads_back),
        cmocka_unit_test(test_front_csv_holds_the_front),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_broken_facts),
        cmocka_unit_test(test_no_such_folder),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
