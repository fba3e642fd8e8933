// SPDX-License-Identifier: Apache-2.0
/* The program itself (cli/main.c): help of every command, exit codes, one line an error, nothing half-written; $FETTLE is the binary. */
#include "program.h"

static const char *const NAMES[] = {"search", "inspect", "space", "advise", "train", "eval",
                                    "export", "report",  "study", "worker", "device"};

static void test_help(void **state)
{
    (void)state;
    check_run("--help", 0, "Exit codes:");
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char arguments[64], usage[64];
        check_run("--help", 0, NAMES[i]);
        snprintf(arguments, sizeof arguments, "%s --help", NAMES[i]);
        snprintf(usage, sizeof usage, "Usage: fettle %s ", NAMES[i]);
        check_run(arguments, 0, usage);
        assert_non_null(strstr(output, "--verbose"));
        snprintf(arguments, sizeof arguments, "help %s", NAMES[i]);
        check_run(arguments, 0, usage);
    }
    check_run("", 2, "Usage: fettle COMMAND");
    check_run("--version", 0, "fettle 0.");
}

static void test_bad_usage(void **state)
{
    (void)state;
    check_refused("tarin", "unknown command \"tarin\", did you mean \"train\"?");
    check_refused("frobnicate", "unknown command \"frobnicate\"");
    check_refused("eval x.onnx --dta idx:/x", "unknown option --dta, did you mean --data?");
    check_refused("eval x.onnx", "--data KIND:PATH is missing");
    check_refused("eval --data idx:/nonexistent", "an argument is missing");
    check_refused("eval x.onnx --data idx:/x --precision int4", "--precision is \"int4\", expected f32, bf16 or int8");
    check_refused("train --data /x --output /tmp/x.onnx", "--data is \"/x\", expected idx:PATH or image_folder:PATH");
    check_refused("train --data idx:/nonexistent --output /tmp/x.onnx", "/nonexistent/train-images-idx3-ubyte: not there");
    check_refused("inspect /nonexistent.onnx", "/nonexistent.onnx: cannot open");
    check_refused("inspect /nonexistent@base-0", "/nonexistent");
    check_refused("export /nonexistent.onnx --output /tmp/x.onnx", "/nonexistent.onnx");
}

static void test_error_place(void **state)
{
    (void)state;
    check_run("inspect /nonexistent.onnx --verbose", 2, ".c:");
}

/* Results that cannot be written are a failure. */
static void test_full_disk(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0) skip();
    check_run("--help 3>&1 >/dev/full 2>&3 #", 1, "fettle: cannot write the output: No space left on device");
}

static void test_no_colours_in_a_pipe(void **state)
{
    (void)state;
    run("--help");
    assert_null(strchr(output, '\x1b'));
    run("nonsense");
    assert_null(strchr(output, '\x1b'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_bad_usage),
        cmocka_unit_test(test_error_place),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_no_colours_in_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
