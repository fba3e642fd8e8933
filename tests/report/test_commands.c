// SPDX-License-Identifier: Apache-2.0
/* fettle report and fettle study on a small study: what they print and write, and what they say about bad input. */
#include "data.h"

#include "cli/command.h"

extern const fet_command fet_cmd_report, fet_cmd_study;

/* Runs a command; *out_text: what it printed, heap. */
static fet_status run(const fet_command *command, int argc, const char *const argv[], char **out_text)
{
    char *copy[16];
    for (int i = 0; i < argc; i++) copy[i] = strdup(argv[i]);
    size_t bytes = 0;
    FILE *out = open_memstream(out_text, &bytes);
    fet_cli cli = {.command = command, .out = out, .err = out};
    char values[512] __attribute__((aligned(16))) = {0};
    bool help = false;
    assert_true(command->values_bytes <= sizeof values);
    if (command->defaults) command->defaults(values);
    fet_status status = fet_cli_parse(command, argc, copy, &cli, values, &help);
    if (status == FET_OK) status = command->run(&cli, values);
    fclose(out);
    for (int i = 0; i < argc; i++) free(copy[i]);
    return status;
}

#define RUN(command, out_text, ...)                                                                                                        \
    run(command, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *const[]){__VA_ARGS__}, out_text)
#define CHECK_HAS(text, part)                                                                                                              \
    if (!strstr(text, part)) fail_msg("\"%s\" is missing in:\n%s", part, text)

static void test_report(void **state)
{
    (void)state;
    const char *folder = new_folder();
    char *text = NULL, path[128];
    make_study(folder, true);
    CHECK_OK(RUN(&fet_cmd_report, &text, folder));
    CHECK_HAS(text, "variant");
    CHECK_HAS(text, "fused-IBN search");
    CHECK_HAS(text, "latency, measured");
    CHECK_HAS(text, "200 us +-2.0 %");
    CHECK_HAS(text, "91.31 % (90.75 to 91.85)");
    CHECK_HAS(text, "Take front/V1.onnx (V1): 100 us instead of 200 us +-2.0 %, 50.0 % less, measured.");
    CHECK_HAS(text, "It is faster.");
    free(text);
    snprintf(path, sizeof path, "%s/report.html", folder);
    assert_true(fet_file_exists(path));
    snprintf(path, sizeof path, "%s/front.csv", folder);
    assert_true(fet_file_exists(path));
    snprintf(path, sizeof path, "%s/study.sqlite", folder);
    CHECK_OK(RUN(&fet_cmd_report, &text, path, "--json"));
    json_t *json = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "variants")), 2);
    assert_string_equal(json_string_value(json_object_get(json, "chosen")), "V1");
    json_decref(json);
    free(text);
    remove_folder(folder);
}

static void test_report_of_an_unfinished_search(void **state)
{
    (void)state;
    const char *folder = new_folder();
    char *text = NULL;
    make_study(folder, false);
    CHECK_OK(RUN(&fet_cmd_report, &text, folder));
    CHECK_HAS(text, "not finished");
    free(text);
    CHECK_FAILS(FET_ERROR_NOT_FOUND, RUN(&fet_cmd_report, &text, "/tmp/fettle-no-such-study"));
    CHECK_HAS(fet_error_message(), "/tmp/fettle-no-such-study");
    free(text);
    remove_folder(folder);
}

static void test_study_show(void **state)
{
    (void)state;
    const char *folder = new_folder();
    char *text = NULL;
    make_study(folder, true);
    CHECK_OK(RUN(&fet_cmd_study, &text, "show", folder));
    CHECK_HAS(text, "9 of 9 trials");
    free(text);
    CHECK_OK(RUN(&fet_cmd_study, &text, "SHOW", folder, "--series", "V1", "--front"));
    CHECK_HAS(text, "2 of 9 trials");
    CHECK_HAS(text, "92.00 %");
    free(text);
    CHECK_OK(RUN(&fet_cmd_study, &text, "show", folder, "--state", "failed", "--json"));
    json_t *json = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json), 1);
    json_decref(json);
    free(text);
    CHECK_OK(RUN(&fet_cmd_study, &text, "list", folder));
    CHECK_HAS(text, "finished");
    free(text);
    remove_folder(folder);
}

static void test_study_export(void **state)
{
    (void)state;
    const char *folder = new_folder();
    char *text = NULL, path[128];
    make_study(folder, true);
    CHECK_OK(RUN(&fet_cmd_study, &text, "export", folder));
    CHECK_HAS(text, "series,number,state");
    free(text);
    snprintf(path, sizeof path, "%s/all.json", folder);
    CHECK_OK(RUN(&fet_cmd_study, &text, "export", folder, "--format", "json", "--output", path));
    assert_string_equal(text, "");
    free(text);
    json_t *json = json_load_file(path, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "trials")), N_SAMPLES);
    json_decref(json);
    remove_folder(folder);
}

static void test_bad_input(void **state)
{
    (void)state;
    char *text = NULL;
    CHECK_FAILS(FET_ERROR_ARG, RUN(&fet_cmd_study, &text, "shwo", "x"));
    CHECK_HAS(fet_error_message(), "did you mean show?");
    free(text);
    CHECK_FAILS(FET_ERROR_ARG, RUN(&fet_cmd_study, &text, "show"));
    free(text);
    CHECK_FAILS(FET_ERROR_NOT_FOUND, RUN(&fet_cmd_study, &text, "list", "/tmp/fettle-no-such-folder"));
    free(text);
    CHECK_FAILS(FET_ERROR_ARG, RUN(&fet_cmd_study, &text, "show", "x", "--state", "odd"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report),     cmocka_unit_test(test_report_of_an_unfinished_search),
        cmocka_unit_test(test_study_show), cmocka_unit_test(test_study_export),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
