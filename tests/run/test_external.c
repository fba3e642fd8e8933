// SPDX-License-Identifier: Apache-2.0
/* External evaluators: what a good one gives, and each way a bad one fails, with its reason. They are small shell and Python programs. */
#include "check.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "run/external.h"

#include <math.h>
#include <signal.h>

static fet_external_result result;
static char *said; /* its stderr */

static fet_status run_words(const char *const *words, uint32_t n, double timeout_s)
{
    fet_external_options options = {.command = words, .n_words = n, .timeout_s = timeout_s};
    fet_free(said);
    return fet_external_run(&options, "/tmp/m.onnx", "/tmp/r.json", &result, &said);
}

/* A shell script; fettle itself uses no shell, so $0 and $1 are the model and the request. */
static fet_status run_script(const char *script, double timeout_s)
{
    const char *words[] = {"sh", "-c", script};
    return run_words(words, 3, timeout_s);
}

static void check_fails(fet_status code, const char *script, const char *part)
{
    CHECK_FAILS(code, run_script(script, 20));
    if (!strstr(fet_error_message(), part)) fail_msg("\"%s\" does not hold \"%s\"", fet_error_message(), part);
    if (strchr(fet_error_message(), '\n')) fail_msg("more than one line: %s", fet_error_message());
}

static void good(void **state)
{
    (void)state;
    CHECK_OK(run_script("echo working; echo '{\"quality\": 0.93, \"loss\": 2}'; echo fine >&2", 20));
    CHECK_NEAR(result.quality, 0.93, 1e-12);
    assert_int_equal(result.n_metrics, 1);
    assert_string_equal(result.metrics[0].name, "loss");
    CHECK_NEAR(result.metrics[0].value, 2, 0);
    assert_string_equal(said, "fine\n");
}

static void arguments_and_input(void **state)
{
    (void)state;
    CHECK_OK(run_script("test \"$0\" = /tmp/m.onnx && test \"$1\" = /tmp/r.json && test -z \"$(cat)\" && echo '{\"quality\": 1}'", 20));
    /* No shell: what looks like one is a word. */
    const char *words[] = {"printf", "{\"quality\": 1}\n%.0s%.0s%.0s", "$(touch /tmp/x); `false`"};
    CHECK_OK(run_words(words, 3, 20));
    CHECK_NEAR(result.quality, 1, 0);
}

static void python(void **state)
{
    (void)state;
    const char *words[] = {"python3", "-c", "import json, sys; print(json.dumps({'quality': 1 / len(sys.argv)}))"};
    CHECK_OK(run_words(words, 3, 60));
    CHECK_NEAR(result.quality, 1.0 / 3, 1e-12);
}

static void exit_code(void **state)
{
    (void)state;
    check_fails(FET_ERROR_STATE, "echo one >&2; echo 'no such data' >&2; exit 3",
                "\"sh -c echo one >&2; echo 'no such data' >&2; exit 3\" ended with exit code 3: no such data");
    assert_string_equal(said, "one\nno such data\n");
    check_fails(FET_ERROR_STATE, "echo '{\"quality\": 1}'; exit 1", "exit code 1"); /* a result does not save it */
}

static void signals(void **state)
{
    (void)state;
    check_fails(FET_ERROR_STATE, "echo oh >&2; kill -SEGV $$", "was killed by signal 11 (Segmentation fault): oh");
}

static void garbage(void **state)
{
    (void)state;
    check_fails(FET_ERROR_CORRUPT, "echo hello", "printed \"hello\": expected a last line such as {\"quality\": 0.93}");
    check_fails(FET_ERROR_CORRUPT, "true", "printed \"\": expected");
    check_fails(FET_ERROR_CORRUPT, "echo '[1]'", "expected a last line");
    check_fails(FET_ERROR_CORRUPT, "echo '{\"quality\": NaN}'", "NaN");
    check_fails(FET_ERROR_CORRUPT, "echo '{\"quality\": 1e999}'", "1e999");
    check_fails(FET_ERROR_CORRUPT, "echo '{\"quality\": \"high\"}'", "\"quality\" in its line of metrics is no number");
    check_fails(FET_ERROR_CORRUPT, "echo '{\"quality\": 1, \"quality\": 2}'", "duplicate");
    check_fails(FET_ERROR_CORRUPT, "echo '{\"quality\": 93}'", "\"quality\" is 93, expected a share of 0 to 1");
    check_fails(FET_ERROR_CORRUPT, "echo '{\"accuracy\": 1}'", "\"quality\" is missing");
    check_fails(FET_ERROR_CORRUPT,
                "printf '{\"quality\": 1'; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do printf ', \"m%d\": 1' $i; done; echo '}'",
                "at most 12 metrics");
    check_fails(FET_ERROR_CORRUPT, "head -c 300000 /dev/zero | tr '\\0' x", "expected a last line");
}

static void not_there(void **state)
{
    (void)state;
    const char *words[] = {"/nonexistent/evaluator", "x"};
    CHECK_FAILS(FET_ERROR_ARG, run_words(words, 2, 20));
    assert_non_null(strstr(fet_error_message(), "evaluator \"/nonexistent/evaluator x\" cannot be started: No such file"));
    CHECK_FAILS(FET_ERROR_ARG, run_words(words, 0, 20));
}

static bool is_alive(const char *pid_file)
{
    FILE *file = fopen(pid_file, "r");
    int pid = 0;
    if (!file || fscanf(file, "%d", &pid) != 1) fail_msg("%s holds no number", pid_file);
    fclose(file);
    for (int i = 0; i < 100; i++) { /* a killed process may take a moment to go */
        char path[64], line[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *stat_file = fopen(path, "r");
        if (!stat_file) return false;
        bool got = fgets(line, sizeof line, stat_file) != NULL;
        fclose(stat_file);
        char *at = strrchr(line, ')');
        if (!got || (at && at[2] == 'Z')) return false;
        fet_clock_sleep_s(0.02);
    }
    return true;
}

/* Its whole group goes when the time is up, and what it leaves behind when it has ended by itself. */
static void time_limit(void **state)
{
    (void)state;
    char script[256], pid_file[] = "/tmp/fettle-external-XXXXXX";
    int fd = mkstemp(pid_file);
    assert_true(fd >= 0);
    close(fd);
    snprintf(script, sizeof script, "sleep 600 & echo $! >%s; echo started >&2; wait", pid_file);
    double start_s = fet_clock_monotonic_s();
    CHECK_FAILS(FET_ERROR_STATE, run_script(script, 1));
    assert_true(fet_clock_monotonic_s() - start_s < 30);
    assert_non_null(strstr(fet_error_message(), "took longer than 1 s and was killed"));
    assert_string_equal(said, "started\n");
    assert_false(is_alive(pid_file));
    snprintf(script, sizeof script, "sleep 600 & echo $! >%s; echo '{\"quality\": 1}'", pid_file);
    start_s = fet_clock_monotonic_s();
    CHECK_OK(run_script(script, 60));
    assert_true(fet_clock_monotonic_s() - start_s < 30);
    assert_false(is_alive(pid_file));
    /* One that talks without end is stopped as well. */
    CHECK_FAILS(FET_ERROR_STATE, run_script("yes >&2 & yes", 1));
    assert_int_equal(strlen(said), FET_EXTERNAL_STDERR_BYTES);
    unlink(pid_file);
}

static bool stop(void *context, double seconds)
{
    (*(int *)context)++;
    return seconds < 0.3;
}

static void stopped(void **state)
{
    (void)state;
    int asked = 0;
    const char *forever[] = {"sh", "-c", "sleep 600"};
    fet_external_options options = {.command = forever, .n_words = 3, .timeout_s = 100, .progress = stop, .context = &asked};
    fet_free(said);
    CHECK_FAILS(FET_ERROR_STATE, fet_external_run(&options, "m", "r", &result, &said));
    assert_non_null(strstr(fet_error_message(), "was stopped"));
    assert_true(asked >= 2);
}

static void no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 2; n++) {
        fet_alloc_fail_after(n);
        fet_status status = run_script("echo '{\"quality\": 1}'", 20);
        fet_alloc_fail_after(UINT64_MAX);
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),      cmocka_unit_test(arguments_and_input),
        cmocka_unit_test(python),    cmocka_unit_test(exit_code),
        cmocka_unit_test(signals),   cmocka_unit_test(garbage),
        cmocka_unit_test(not_there), cmocka_unit_test(time_limit),
        cmocka_unit_test(stopped),   cmocka_unit_test(no_memory),
    };
    int code = cmocka_run_group_tests(tests, NULL, NULL);
    fet_free(said);
    return code;
}
