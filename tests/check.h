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

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

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

/* The folder of shared data ("../shared" from the checkout, or $FETTLE_SHARED); skips the test with a message when `relative` is not there.
 */
static inline const char *check_shared(const char *relative)
{
    static char path[1024];
    const char *root = getenv("FETTLE_SHARED");
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", root ? root : "../shared", relative);
    if (stat(path, &info) != 0) {
        print_message("skipped: %s is not on this machine\n", path);
        skip();
    }
    return path;
}

#endif
