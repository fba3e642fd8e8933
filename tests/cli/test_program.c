// SPDX-License-Identifier: Apache-2.0
/* The program itself: help of every command, exit codes, one line an error, nothing half-written; $FETTLE is the binary. */
#include "check.h"

#include "cli/command.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[1 << 16];

/* Runs `fettle <arguments>` in a shell; what it prints on both streams is in `output`. The exit code. */
static int run(const char *arguments)
{
    const char *program = getenv("FETTLE");
    if (!program) fail_msg("FETTLE is not set: the path of the program");
    char line[2048];
    snprintf(line, sizeof line, "%s %s 2>&1", program, arguments);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    output[fread(output, 1, sizeof output - 1, pipe)] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check_run(const char *arguments, int code, const char *says)
{
    int got = run(arguments);
    if (got != code) fail_msg("fettle %s: exit code %d, expected %d: %s", arguments, got, code, output);
    if (!strstr(output, says)) fail_msg("fettle %s: printed \"%s\", expected \"%s\"", arguments, output, says);
}

/* Bad usage: exit code 2 and exactly one line. */
static void check_refused(const char *arguments, const char *says)
{
    check_run(arguments, 2, says);
    assert_int_equal(strncmp(output, "fettle: ", 8), 0);
    char *end = strchr(output, '\n');
    if (!end || end[1]) fail_msg("fettle %s: printed more than one line: %s", arguments, output);
}

static const char *const NAMES[] = {"search", "inspect", "train", "eval", "export", "report", "study", "worker"};

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
