// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/rng.h"
#include "base/text.h"

#include <string.h>

/* The recursive definition, for short words. */
static size_t reference(const char *a, const char *b)
{
    if (!*a) return strlen(b);
    if (!*b) return strlen(a);
    size_t replaced = reference(a + 1, b + 1) + (*a != *b), deleted = reference(a + 1, b) + 1, inserted = reference(a, b + 1) + 1;
    size_t least = replaced < deleted ? replaced : deleted;
    if (inserted < least) least = inserted;
    if (!a[1] || !b[1] || a[0] != b[1] || a[1] != b[0]) return least;
    size_t swapped = reference(a + 2, b + 2) + 1;
    return swapped < least ? swapped : least;
}

static void test_distance(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    assert_int_equal(fet_text_distance("kitten", "sitting"), 3);
    for (int i = 0; i < 500; i++) {
        char a[8] = "", b[8] = "";
        for (uint32_t j = 0, n = fet_rng_below(&rng, 7); j < n; j++) a[j] = (char)('a' + fet_rng_below(&rng, 3));
        for (uint32_t j = 0, n = fet_rng_below(&rng, 7); j < n; j++) b[j] = (char)('a' + fet_rng_below(&rng, 3));
        assert_int_equal(fet_text_distance(a, b), reference(a, b));
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"random", "nsga2", "local"};
    assert_string_equal(fet_text_nearest("locl", names, 3), "local");
    assert_string_equal(fet_text_nearest("lcoal", names, 3), "local");
    assert_string_equal(fet_text_nearest("nsga", names, 3), "nsga2");
    assert_string_equal(fet_text_nearest("rnadom", names, 3), "random");
    assert_null(fet_text_nearest("bayes", names, 3));
    assert_null(fet_text_nearest("", names, 3));
    assert_null(fet_text_nearest("local", names, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_distance), cmocka_unit_test(test_nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
