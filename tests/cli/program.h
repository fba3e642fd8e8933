// SPDX-License-Identifier: Apache-2.0
/* Runs the program that the build made: $FETTLE. */
#ifndef FET_TESTS_CLI_PROGRAM_H
#define FET_TESTS_CLI_PROGRAM_H

#include "check.h"

#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[1 << 16];

/* Runs `fettle <arguments>` in a shell; what it prints on both streams is in `output`. The exit code. */
static inline int run(const char *arguments)
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

static inline void check_run(const char *arguments, int code, const char *says)
{
    int got = run(arguments);
    if (got != code) fail_msg("fettle %s: exit code %d, expected %d: %s", arguments, got, code, output);
    if (!strstr(output, says)) fail_msg("fettle %s: printed \"%s\", expected \"%s\"", arguments, output, says);
}

/* Bad usage: exit code 2 and exactly one line. */
static inline void check_refused(const char *arguments, const char *says)
{
    check_run(arguments, 2, says);
    assert_int_equal(strncmp(output, "fettle: ", 8), 0);
    char *end = strchr(output, '\n');
    if (!end || end[1]) fail_msg("fettle %s: printed more than one line: %s", arguments, output);
}

#endif
