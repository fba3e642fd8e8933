// SPDX-License-Identifier: Apache-2.0
/* What every test includes: cmocka, and checks that print our error message. */
#ifndef FET_TESTS_CHECK_H
#define FET_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * cmocka 1.1 writes a skipped test as "not ok N # SKIP name", which is a failure to whoever reads TAP; the standard's line begins with
 * "ok". So standard output passes through here, a line at a time, when it is TAP.
 */
static ssize_t check_write_line_(void *cookie, const char *line, size_t bytes)
{
    static const char skipped[] = " # SKIP ";
    (void)cookie;
    bool wrong = bytes > 7 && memcmp(line, "not ok ", 7) == 0 && memmem(line, bytes, skipped, sizeof skipped - 1);
    for (size_t done = wrong ? 4 : 0; done < bytes;) {
        ssize_t n = write(STDOUT_FILENO, line + done, bytes - done);
        if (n < 0) return -1;
        done += (size_t)n;
    }
    return (ssize_t)bytes;
}

__attribute__((constructor)) static void check_mend_skips_(void)
{
    const char *format = getenv("CMOCKA_MESSAGE_OUTPUT");
    FILE *lines = format && (strcmp(format, "tap") == 0 || strcmp(format, "TAP") == 0)
                      ? fopencookie(NULL, "w", (cookie_io_functions_t){.write = check_write_line_})
                      : NULL;
    if (!lines) return;
    setvbuf(lines, NULL, _IOLBF, 1 << 16);
    stdout = lines;
}

/* The call succeeds, or the test fails with its message. */
#define CHECK_OK(expr)                                                                                                                     \
    do {                                                                                                                                   \
        fet_status check_status_ = (expr);                                                                                                 \
        if (check_status_ != FET_OK) fail_msg("%s: %s: %s", #expr, fet_status_name(check_status_), fet_error_message());                   \
    } while (0)

/* The call fails with exactly this code and a fresh, non-empty message. */
#define CHECK_FAILS(code, expr)                                                                                                            \
    do {                                                                                                                                   \
        fet_error_clear();                                                                                                                 \
        fet_status check_status_ = (expr);                                                                                                 \
        if (check_status_ != (code))                                                                                                       \
            fail_msg("%s gave \"%s\" (%s), expected \"%s\"", #expr, fet_status_name(check_status_), fet_error_message(),                   \
                     fet_status_name(code));                                                                                               \
        if (fet_error_message()[0] == '\0') fail_msg("%s failed without a message", #expr);                                                \
    } while (0)

#define CHECK_NEAR(a, b, tolerance)                                                                                                        \
    do {                                                                                                                                   \
        double check_a_ = (double)(a), check_b_ = (double)(b), check_t_ = (double)(tolerance);                                             \
        double check_d_ = check_a_ > check_b_ ? check_a_ - check_b_ : check_b_ - check_a_;                                                 \
        if (!(check_d_ <= check_t_)) fail_msg("%s = %.9g, %s = %.9g, further apart than %.3g", #a, check_a_, #b, check_b_, check_t_);      \
    } while (0)

/* A file or folder of the shared data ("../shared" from the checkout, or $FETTLE_SHARED); *out_there says whether it is on this machine. */
static inline const char *check_shared_path(const char *relative, bool *out_there)
{
    static char path[1024];
    const char *root = getenv("FETTLE_SHARED");
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", root ? root : "../shared", relative);
    *out_there = stat(path, &info) == 0;
    return path;
}

/* The same; skips the test with a message when it is not there. */
static inline const char *check_shared(const char *relative)
{
    bool there = false;
    const char *path = check_shared_path(relative, &there);
    if (!there) {
        print_message("# skipped: %s is not on this machine\n", path);
        skip();
    }
    return path;
}

#endif
