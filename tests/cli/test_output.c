// SPDX-License-Identifier: Apache-2.0
/* What commands print: help, tables as text and JSON, progress in a pipe. Golden texts stand here, next to what makes them. */
#include "check.h"

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/wrap.h"

#include <math.h>
#include <string.h>

/* What was written to `file` since it was opened. */
static const char *text_of(FILE *file)
{
    static char text[8192];
    fflush(file);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    return text;
}

static void check_text(FILE *file, const char *expected)
{
    const char *text = text_of(file);
    if (strcmp(text, expected) != 0) fail_msg("printed\n%s\nexpected\n%s", text, expected);
    fclose(file);
}

typedef struct values {
    const char *data;
    bool json;
} values;

static void test_help(void **state)
{
    (void)state;
    static const fet_cli_option options[] = {
        {.name = "data",
         .kind = FET_CLI_TEXT,
         .offset = offsetof(values, data),
         .value = "KIND:PATH",
         .required = true,
         .help = "what to paint, a text that is long enough to be broken at a blank so that nobody has to scroll sideways"},
        FET_CLI_JSON(values, json),
        {0},
    };
    static const fet_command command = {
        .name = "paint", .summary = "paint a picture", .usage = "FILE [OPTION]...", .details = "First.\nSecond.", .options = options};
    FILE *file = tmpfile();
    assert_non_null(file);
    fet_cli_print_help(&command, file);
    check_text(file, "Usage: fettle paint FILE [OPTION]...\n"
                     "\n"
                     "paint a picture\n"
                     "\n"
                     "First.\n"
                     "Second.\n"
                     "\n"
                     "Options:\n"
                     "  --data KIND:PATH        what to paint, a text that is long enough to be broken at a blank so that\n"
                     "                          nobody has to scroll sideways (required)\n"
                     "  --json                  print JSON instead of a table\n"
                     "  --quiet                 no progress\n"
                     "  --verbose               with an error, the place in fettle's sources\n"
                     "  --help                  this text\n");
}

static const fet_column COLUMNS[] = {{.key = "name", .title = "name"},
                                     {.key = "us", .title = "time, us", .right = true, .decimals = 1},
                                     {.key = "n", .title = "n", .right = true}};

static fet_table *make_table(void)
{
    fet_table *table = NULL;
    CHECK_OK(fet_table_create(COLUMNS, 3, &table));
    fet_table_text(table, "Überconv");
    fet_table_number(table, 12.25);
    fet_table_number(table, 3);
    fet_table_text(table, "x");
    fet_table_number(table, (double)NAN);
    fet_table_text(table, NULL);
    return table;
}

static void test_table(void **state)
{
    (void)state;
    fet_auto(fet_table) table = make_table();
    fet_cli cli = {.out = tmpfile()};
    assert_non_null(cli.out);
    CHECK_OK(fet_table_print(table, &cli));
    check_text(cli.out, "name      time, us  n\n"
                        "Überconv      12.2  3\n"
                        "x                -  -\n");
    cli.out = tmpfile();
    cli.color = true;
    CHECK_OK(fet_table_print(table, &cli));
    assert_int_equal(strncmp(text_of(cli.out), "\x1b[1mname", 8), 0);
    fclose(cli.out);
}

/* Texts lose their middle before columns go; what has no "cut" or "drop" stays. */
static void test_table_fits(void **state)
{
    (void)state;
    static const fet_column columns[] = {{.key = "name", .title = "name", .cut = 7},
                                         {.key = "n", .title = "n, M", .right = true, .decimals = 1, .scale = 1e-6, .no_zero = true},
                                         {.key = "hidden", .title = "hidden", .json_only = true},
                                         {.key = "note", .title = "note", .drop = 1}};
    fet_auto(fet_table) table = NULL;
    CHECK_OK(fet_table_create(columns, 4, &table));
    fet_table_text(table, "a/long/näme/of/layer7");
    fet_table_number(table, 2500000);
    fet_table_text(table, "x");
    fet_table_text(table, "a remark");
    fet_table_text(table, "b");
    fet_table_number(table, 0);
    fet_table_text(table, "y");
    fet_table_text(table, "-");
    fet_cli cli = {.out = tmpfile()};
    setenv("COLUMNS", "30", 1);
    CHECK_OK(fet_table_print(table, &cli));
    check_text(cli.out, "name            n, M  note\n"
                        "a/lo…of/layer7   2.5  a remark\n"
                        "b                  -  -\n");
    cli.out = tmpfile();
    setenv("COLUMNS", "20", 1);
    CHECK_OK(fet_table_print(table, &cli));
    check_text(cli.out, "name            n, M\n"
                        "a/lo…of/layer7   2.5\n"
                        "b                  -\n");
    unsetenv("COLUMNS");
    cli.out = tmpfile();
    CHECK_OK(fet_table_print(table, &cli));
    check_text(cli.out, "name                   n, M  note\n"
                        "a/long/näme/of/layer7   2.5  a remark\n"
                        "b                         -  -\n");
}

static void test_wrap(void **state)
{
    (void)state;
    fet_cli cli = {.out = tmpfile()};
    setenv("COLUMNS", "20", 1);
    fet_cli_wrap(&cli, 2, "%s words that go on over lines", "some");
    check_text(cli.out, "  some words that go\n"
                        "  on over lines\n");
    unsetenv("COLUMNS");
}

static void test_table_json(void **state)
{
    (void)state;
    fet_auto(fet_table) table = make_table();
    json_t *list = NULL;
    CHECK_OK(fet_table_json(table, &list));
    fet_cli cli = {.out = tmpfile()};
    assert_non_null(cli.out);
    CHECK_OK(fet_cli_print_json(&cli, list));
    json_error_t error;
    list = json_loads(text_of(cli.out), 0, &error);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "name")), "Überconv");
    CHECK_NEAR(json_real_value(json_object_get(json_array_get(list, 0), "us")), 12.25, 1e-12);
    assert_true(json_is_null(json_object_get(json_array_get(list, 1), "us")));
    assert_true(json_is_null(json_object_get(json_array_get(list, 1), "n")));
    json_decref(list);
    fclose(cli.out);
}

static void test_durations(void **state)
{
    (void)state;
    char text[FET_DURATION_TEXT_BYTES];
    assert_string_equal(fet_duration_print(0.2, text, sizeof text), "0 s");
    assert_string_equal(fet_duration_print(59.4, text, sizeof text), "59 s");
    assert_string_equal(fet_duration_print(59.6, text, sizeof text), "1 min 00 s");
    assert_string_equal(fet_duration_print(3599.0, text, sizeof text), "59 min 59 s");
    assert_string_equal(fet_duration_print(3600.0, text, sizeof text), "1 h 00 min");
    assert_string_equal(fet_duration_print(7500.0, text, sizeof text), "2 h 05 min");
    assert_string_equal(fet_duration_print((double)NAN, text, sizeof text), "?");
}

static void test_progress_in_a_pipe(void **state)
{
    (void)state;
    fet_cli cli = {.err = tmpfile()};
    assert_non_null(cli.err);
    fet_progress progress;
    fet_progress_begin(&progress, &cli, "training");
    fet_progress_show(&progress, 1, 10, "loss 1"); /* too early for a pipe */
    progress.shown_s -= 100.0;
    progress.first.at_s -= 50.0, progress.from.at_s -= 50.0;
    fet_progress_show(&progress, 6, 10, "loss 0.5"); /* 5 batches in 50 s: 4 more take 40 s */
    fet_progress_say(&progress, "a line %d", 7);
    fet_progress_end(&progress);
    check_text(cli.err, "training: 6/10, loss 0.5, 40 s left\na line 7\n");

    cli.err = tmpfile();
    cli.quiet = true;
    fet_progress_begin(&progress, &cli, "training");
    progress.shown_s -= 100.0;
    fet_progress_show(&progress, 6, 10, "");
    fet_progress_say(&progress, "x");
    fet_progress_end(&progress);
    check_text(cli.err, "");
}

/* What is done so far says little of a long job when it is next to nothing. */
static void test_no_early_estimate(void **state)
{
    (void)state;
    fet_cli cli = {.err = tmpfile()};
    fet_progress progress;
    fet_progress_begin(&progress, &cli, "search");
    double start = progress.first.at_s;
    const uint64_t done[] = {0, 49, 50}; /* of 1000: too little twice, then 100 s for a twentieth */
    const double left[] = {-1, -1, 1900};
    for (int i = 0; i < 3; i++) CHECK_NEAR(fet_progress_left_s(&progress, start + 98 + i, done[i], 1000), left[i], 1e-6);
    CHECK_NEAR(fet_progress_left_s(&progress, start + 101, 1000, 1000), -1, 0);
    /* A resumed run: what was there before is not its work. */
    fet_progress_begin(&progress, &cli, "search");
    start = progress.first.at_s;
    CHECK_NEAR(fet_progress_left_s(&progress, start, 900, 1000), -1, 0);
    CHECK_NEAR(fet_progress_left_s(&progress, start + 10, 910, 1000), 90, 1e-6);
    fclose(cli.err);
}

/* Two minutes of measuring that count for a tenth, then a percent a second: soon the later rate alone counts. */
static void test_stages_of_two_kinds(void **state)
{
    (void)state;
    fet_cli cli = {.err = tmpfile()};
    fet_progress progress;
    fet_progress_begin(&progress, &cli, "search");
    double start = progress.first.at_s;
    for (int s = 0; s <= 120; s++) (void)fet_progress_left_s(&progress, start + s, (uint64_t)s, 1200);
    double wrong = fet_progress_left_s(&progress, start + 121, 132, 1200), left = 0;
    assert_true(wrong > 500); /* 89 s are left */
    for (int s = 122; s <= 170; s++) left = fet_progress_left_s(&progress, start + s, 120 + 12 * ((uint64_t)s - 120), 1200);
    assert_true(left >= 40 && left <= 75); /* 40 s are; by the mean rate of all it were 120 */
    for (int s = 171; s <= 200; s++) left = fet_progress_left_s(&progress, start + s, 120 + 12 * ((uint64_t)s - 120), 1200);
    assert_true(left >= 10 && left <= 19);
    fclose(cli.err);
}

static void test_progress_on_a_terminal(void **state)
{
    (void)state;
    fet_cli cli = {.err = tmpfile(), .err_is_terminal = true};
    assert_non_null(cli.err);
    fet_progress progress;
    fet_progress_begin(&progress, &cli, "x");
    fet_progress_show(&progress, 5, 10, "y");
    fet_progress_end(&progress);
    check_text(cli.err, "\r\x1b[Kx [##########..........]  50%, y\r\x1b[K");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_json),
        cmocka_unit_test(test_table_fits),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_progress_in_a_pipe),
        cmocka_unit_test(test_no_early_estimate),
        cmocka_unit_test(test_stages_of_two_kinds),
        cmocka_unit_test(test_progress_on_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
