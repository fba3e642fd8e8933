// SPDX-License-Identifier: Apache-2.0
/* Arguments against a table: every kind, every mistake with the line it gives; and networks written as stages. */
#include "check.h"

#include "cli/command.h"
#include "cli/stages.h"

#include <string.h>

typedef struct values {
    const char *name, *color;
    int64_t count;
    double rate;
    bool json;
} values;

static const char *const COLORS[] = {"red", "green", "blue", NULL};
static const fet_cli_option OPTIONS[] = {
    {.name = "name", .kind = FET_CLI_TEXT, .offset = offsetof(values, name), .value = "TEXT", .help = "a name", .required = true},
    {.name = "color", .kind = FET_CLI_CHOICE, .offset = offsetof(values, color), .value = "C", .choices = COLORS, .help = "a colour"},
    {.name = "count", .kind = FET_CLI_INT, .offset = offsetof(values, count), .value = "N", .low = 1, .high = 10, .help = "a count"},
    {.name = "rate", .kind = FET_CLI_REAL, .offset = offsetof(values, rate), .value = "R", .help = "a rate"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    ((values *)v)->count = 5;
}

static const fet_command COMMAND = {.name = "paint",
                                    .summary = "paints",
                                    .usage = "FILE",
                                    .options = OPTIONS,
                                    .min_arguments = 1,
                                    .max_arguments = 2,
                                    .values_bytes = sizeof(values),
                                    .defaults = defaults};

/* Arguments in one text, split at blanks. */
static fet_status parse(const char *line, fet_cli *cli, values *v, bool *help)
{
    static char copy[512];
    static char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    char *rest = copy;
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) argv[argc++] = word;
    *cli = (fet_cli){0};
    *v = (values){0};
    *help = false;
    return fet_cli_parse(&COMMAND, argc, argv, cli, v, help);
}

static void test_good(void **state)
{
    (void)state;
    fet_cli cli;
    values v;
    bool help = true;
    CHECK_OK(parse("in --name=x --color green --rate -2.5e1 out --json --verbose", &cli, &v, &help));
    assert_false(help);
    assert_int_equal(cli.n_arguments, 2);
    assert_string_equal(cli.arguments[0], "in");
    assert_string_equal(cli.arguments[1], "out");
    assert_string_equal(v.name, "x");
    assert_string_equal(v.color, "green");
    assert_true(v.rate == -25.0 && v.json && cli.verbose && !cli.quiet);
    assert_int_equal(v.count, 5); /* the default */
    CHECK_OK(parse("--name a=b --count 10 -- --in", &cli, &v, &help));
    assert_string_equal(v.name, "a=b");
    assert_string_equal(cli.arguments[0], "--in");
    assert_int_equal(v.count, 10);
    CHECK_OK(parse("--help --count 3", &cli, &v, &help)); /* what is missing does not matter then */
    assert_true(help);
}

static void check_fails(const char *line, const char *says)
{
    fet_cli cli;
    values v;
    bool help;
    CHECK_FAILS(FET_ERROR_ARG, parse(line, &cli, &v, &help));
    if (!strstr(fet_error_message(), says)) fail_msg("\"%s\" gave \"%s\", expected \"%s\"", line, fet_error_message(), says);
}

static void test_bad(void **state)
{
    (void)state;
    check_fails("in", "--name TEXT is missing; see `fettle paint --help`");
    check_fails("--name x", "an argument is missing");
    check_fails("a b c --name x", "unexpected argument \"c\"");
    check_fails("a --name x --cuont 3", "unknown option --cuont, did you mean --count?");
    check_fails("a --name x --verbos", "did you mean --verbose?");
    check_fails("a --name x --zzz 3", "unknown option --zzz; see");
    check_fails("a --name x -n 3", "unknown option -n: options begin with two dashes");
    check_fails("a --name x --count", "--count needs a value: --count N");
    check_fails("a --name x --count 3x", "--count is \"3x\", expected a whole number from 1 to 10");
    check_fails("a --name x --count 11", "--count is \"11\"");
    check_fails("a --name x --count 99999999999999999999", "--count is");
    check_fails("a --name x --rate nan", "--rate is \"nan\", expected a number");
    check_fails("a --name x --rate=", "--rate is \"\"");
    check_fails("a --name x --color pink", "--color is \"pink\", expected red, green or blue");
    check_fails("a --name x --json=1", "--json takes no value");
}

static void test_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(fet_cli_exit_code(FET_OK), 0);
    assert_int_equal(fet_cli_exit_code(FET_ERROR_IO), 1);
    assert_int_equal(fet_cli_exit_code(FET_ERROR_NOMEM), 1);
    assert_int_equal(fet_cli_exit_code(FET_ERROR_ARG), 2);
    assert_int_equal(fet_cli_exit_code(FET_ERROR_CORRUPT), 2);
}

static void test_stages(void **state)
{
    (void)state;
    fet_template_options options = {0};
    CHECK_OK(fet_stages_parse("16,2x32s2e6k5,3x64k7", &options));
    assert_int_equal(options.n_stages, 3);
    const fet_template_stage expected[] = {{1, 16, 4, 1, 3}, {2, 32, 6, 2, 5}, {3, 64, 4, 1, 7}};
    for (int s = 0; s < 3; s++) {
        assert_int_equal(options.stages[s].blocks, expected[s].blocks);
        assert_int_equal(options.stages[s].channels, expected[s].channels);
        assert_int_equal(options.stages[s].expansion, expected[s].expansion);
        assert_int_equal(options.stages[s].stride, expected[s].stride);
        assert_int_equal(options.stages[s].kernel, expected[s].kernel);
    }
    CHECK_OK(fet_stem_parse("24s2k5", &options));
    assert_int_equal(options.stem_channels, 24);
    assert_int_equal(options.stem_stride, 2);
    assert_int_equal(options.stem_kernel, 5);
    static const char *const bad[] = {"", ",", "x", "2x", "16,", "16q2", "16s", "2x32s2 ", "9999999999", "1,1,1,1,1,1,1,1,1,1,1,1,1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK_FAILS(FET_ERROR_ARG, fet_stages_parse(bad[i], &options));
    CHECK_FAILS(FET_ERROR_ARG, fet_stem_parse("16,32", &options));
    CHECK_FAILS(FET_ERROR_ARG, fet_stem_parse("16e4", &options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
