// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"

#include <pthread.h>
#include <string.h>

static fet_status born(int value)
{
    return fet_fail(FET_ERROR_ARG, "value %d, expected 1 to 3", value);
}

static fet_status passed_on(int value)
{
    FET_TRY(born(value));
    return FET_OK;
}

static void message_and_place(void **state)
{
    (void)state;
    fet_error_clear();
    assert_string_equal(fet_error_message(), "");
    assert_int_equal(passed_on(7), FET_ERROR_ARG);
    assert_string_equal(fet_error_message(), "value 7, expected 1 to 3");
    assert_non_null(strstr(fet_error_place(), "test_status.c:"));
    assert_int_equal(fet_note(FET_ERROR_ARG, "job.yaml, line %d", 3), FET_ERROR_ARG);
    assert_string_equal(fet_error_message(), "job.yaml, line 3: value 7, expected 1 to 3");
}

/* One line whatever is put in, and cut where it is full. */
static void one_line_of_limited_length(void **state)
{
    (void)state;
    char huge[5000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_int_equal(fet_fail(FET_ERROR_IO, "a\nb\rc\td"), FET_ERROR_IO);
    assert_string_equal(fet_error_message(), "a b c d");
    assert_int_equal(fet_fail(FET_ERROR_IO, "%s", huge), FET_ERROR_IO);
    assert_in_range(strlen(fet_error_message()), 500, 1100);
    assert_int_equal(fet_note(FET_ERROR_IO, "%s", huge), FET_ERROR_IO);
    assert_in_range(strlen(fet_error_message()), 500, 1100);
    /* An argument may be the message itself. */
    assert_int_equal(fet_fail(FET_ERROR_IO, "short"), FET_ERROR_IO);
    assert_int_equal(fet_fail(FET_ERROR_IO, "again: %s", fet_error_message()), FET_ERROR_IO);
    assert_string_equal(fet_error_message(), "again: short");
}

static void *other_thread(void *context)
{
    (void)context;
    return fet_error_message()[0] == '\0' && born(9) == FET_ERROR_ARG ? NULL : (void *)1;
}

static void record_is_of_the_thread(void **state)
{
    (void)state;
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(fet_fail(FET_ERROR_IO, "mine"), FET_ERROR_IO);
    assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    assert_string_equal(fet_error_message(), "mine");
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    for (int code = FET_OK; code >= FET_ERROR_NOMEM; code--) {
        assert_string_not_equal(fet_status_name((fet_status)code), "unknown status");
        for (int other = FET_OK; other > code; other--)
            assert_string_not_equal(fet_status_name((fet_status)code), fet_status_name((fet_status)other));
    }
}

static void allocation(void **state)
{
    (void)state;
    void *pointer = NULL;
    size_t capacity = 0, product = 0;
    int *items = NULL;
    fet_alloc_fail_after(UINT64_MAX);
    for (int n = 1; n <= 1000; n++) {
        CHECK_OK(fet_grow(&items, &capacity, (size_t)n, sizeof *items));
        items[n - 1] = n;
    }
    for (int n = 1; n <= 1000; n++) assert_int_equal(items[n - 1], n);
    assert_true(fet_alloc_fail_after(UINT64_MAX) <= 10); /* amortised */
    int *before = items;
    fet_alloc_fail_after(0);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_grow(&items, &capacity, capacity + 1, sizeof *items));
    fet_alloc_fail_after(UINT64_MAX);
    assert_ptr_equal(items, before);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_grow(&items, &capacity, SIZE_MAX / 2, sizeof *items));
    fet_free(items);
    CHECK_OK(fet_alloc_zeroed(0, 0, "nothing", &pointer));
    assert_non_null(pointer);
    fet_free(pointer);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_alloc_zeroed(SIZE_MAX / 2, 8, "a mountain", &pointer));
    if (!strstr(fet_error_message(), "a mountain")) fail_msg("%s", fet_error_message());
    assert_true(fet_multiply_checked(1u << 20, 1u << 20, &product));
    assert_true(product == (size_t)1 << 40);
    assert_false(fet_multiply_checked(SIZE_MAX, 2, &product));
    void *aligned = fet_aligned_malloc(64, 100);
    assert_int_equal((uintptr_t)aligned % 64, 0);
    fet_free(aligned);
    assert_null(fet_aligned_malloc(64, SIZE_MAX - 10));
    /* The n-th call fails, once. */
    fet_alloc_fail_after(2);
    void *a = fet_malloc(1), *b = fet_strdup("b"), *c = fet_calloc(1, 1), *d = fet_malloc(1);
    assert_int_equal(fet_alloc_fail_after(UINT64_MAX), 4);
    assert_true(a && b && !c && d);
    fet_free(a), fet_free(b), fet_free(d);
    fet_free(NULL);
}

static void hashes(void **state)
{
    (void)state;
    /* XXH3 of the empty input, from its specification: keys in stored tables depend on it. */
    assert_true(fet_hash("", 0) == 0x2d06800538d394c2u);
    assert_true(fet_hash("a", 1) != fet_hash("b", 1));
    assert_true(fet_hash_combine(1, 2) != fet_hash_combine(2, 1));
    assert_true(fet_hash_combine(0, 0) != 0);
}

static void clocks(void **state)
{
    (void)state;
    double wall = fet_clock_wall_s(), start = fet_clock_monotonic_s(), cpu = fet_clock_cpu_s();
    uint64_t ns = fet_clock_ns();
    fet_clock_sleep_s(0.02);
    double slept = fet_clock_monotonic_s() - start;
    assert_true(slept >= 0.02 && slept < 5);
    CHECK_NEAR((double)(fet_clock_ns() - ns) * 1e-9, slept, 0.5);
    assert_true(wall > 1.6e9 && fet_clock_wall_s() >= wall);
    assert_true(fet_clock_cpu_s() >= cpu && fet_clock_cpu_s() - cpu < slept + 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_and_place),
        cmocka_unit_test(one_line_of_limited_length),
        cmocka_unit_test(record_is_of_the_thread),
        cmocka_unit_test(every_code_has_a_name),
        cmocka_unit_test(allocation),
        cmocka_unit_test(hashes),
        cmocka_unit_test(clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
