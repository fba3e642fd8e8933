// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/repeated.h"

#include <stdio.h>

static long resident_bytes(void)
{
    long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &all, &resident), 2);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

/* Every period says what the first does; from end to end, and to the last byte that was asked for. */
static void test_says_the_same(void **state)
{
    (void)state;
    const size_t sizes[] = {1, FET_REPEATED_PERIOD - 1, FET_REPEATED_PERIOD, FET_REPEATED_PERIOD + 1,
                            5 * (size_t)FET_REPEATED_PERIOD + 12345};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint32_t *data = fet_repeated_map(sizes[s]);
        assert_non_null(data);
        size_t period = FET_REPEATED_PERIOD / sizeof *data, n = sizes[s] / sizeof *data;
        for (size_t i = 0; i < period; i++) assert_int_equal(data[i], 0);
        for (size_t i = 0; i < period; i++) data[i] = (uint32_t)(i * 2654435761u);
        for (size_t i = 0; i < n; i++) assert_int_equal(data[i], (uint32_t)(i % period * 2654435761u));
        assert_int_equal(((const char *)data)[sizes[s] - 1], ((const char *)data)[(sizes[s] - 1) % FET_REPEATED_PERIOD]);
        fet_repeated_unmap(data, sizes[s]);
    }
    fet_repeated_unmap(NULL, 7);
}

/* Fifty times half a gigabyte, looked into everywhere: what is unmapped is given back. */
static void test_gives_back(void **state)
{
    (void)state;
    const size_t bytes = (size_t)512 << 20;
    long before = resident_bytes();
    for (int round = 0; round < 50; round++) {
        char *data = fet_repeated_map(bytes);
        assert_non_null(data);
        memset(data, 1 + round, FET_REPEATED_PERIOD);
        for (size_t i = 0; i < bytes; i += FET_REPEATED_PERIOD / 4) assert_int_equal(data[i], 1 + round);
        fet_repeated_unmap(data, bytes);
    }
    assert_true(resident_bytes() < before + (64 << 20));
}

static void test_no_room(void **state)
{
    (void)state;
    assert_null(fet_repeated_map((size_t)1 << 60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_says_the_same), cmocka_unit_test(test_gives_back),
                                       cmocka_unit_test(test_no_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
