// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/arena.h"
#include "base/rng.h"

#include <string.h>

/* Pieces do not overlap, are aligned, keep their bytes, and come back after a reset. */
static void pieces_keep_their_bytes(void **state)
{
    (void)state;
    enum { N = 2000 };
    static unsigned char *pieces[N];
    static size_t sizes[N];
    fet_auto(fet_arena) arena = NULL;
    fet_rng rng;
    CHECK_OK(fet_arena_create(&arena));
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int round = 0; round < 3; round++) {
        size_t asked = 0;
        for (int i = 0; i < N; i++) {
            sizes[i] = fet_rng_below(&rng, i % 100 == 0 ? 100000 : 200);
            pieces[i] = fet_arena_alloc(arena, sizes[i]);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i], i & 255, sizes[i]);
            asked += sizes[i];
        }
        for (int i = 0; i < N; i++)
            for (size_t b = 0; b < sizes[i]; b++)
                if (pieces[i][b] != (i & 255)) fail_msg("piece %d was overwritten", i);
        assert_true(fet_arena_used_bytes(arena) >= asked);
        fet_arena_reset(arena);
        assert_int_equal(fet_arena_used_bytes(arena), 0);
    }
}

static void reset_keeps_the_memory(void **state)
{
    (void)state;
#ifndef FET_ARENA_DEBUG
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    for (int i = 0; i < 1000; i++) assert_non_null(fet_arena_alloc(arena, 777));
    fet_arena_reset(arena);
    fet_alloc_fail_after(UINT64_MAX);
    for (int i = 0; i < 1000; i++) assert_non_null(fet_arena_alloc(arena, 777));
    assert_int_equal(fet_alloc_fail_after(UINT64_MAX), 0); /* no call of the heap */
#endif
}

static void copies_and_texts(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    char long_text[5000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_string_equal(fet_arena_strdup(arena, long_text), long_text);
    assert_string_equal(fet_arena_printf(arena, "%s-%d", "a", 7), "a-7");
    assert_int_equal(strlen(fet_arena_printf(arena, "%s%s", long_text, long_text)), 2 * (sizeof long_text - 1));
    const int numbers[3] = {1, 2, 3};
    assert_memory_equal(fet_arena_copy(arena, numbers, sizeof numbers), numbers, sizeof numbers);
    assert_non_null(fet_arena_copy(arena, NULL, 0));
    const unsigned char *zeros = fet_arena_zalloc(arena, 100, 3);
    for (int i = 0; i < 300; i++) assert_int_equal(zeros[i], 0);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    assert_null(fet_arena_alloc(arena, SIZE_MAX));
    assert_null(fet_arena_alloc(arena, SIZE_MAX - 40));
    assert_null(fet_arena_zalloc(arena, SIZE_MAX / 2, 3));
    CHECK_FAILS(FET_ERROR_NOMEM, fet_arena_full());
    fet_alloc_fail_after(0);
    assert_null(fet_arena_alloc(arena, 10));
    fet_alloc_fail_after(UINT64_MAX);
    assert_non_null(fet_arena_alloc(arena, 10)); /* and it still works */
    fet_arena_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_keep_their_bytes), cmocka_unit_test(reset_keeps_the_memory),
                                       cmocka_unit_test(copies_and_texts), cmocka_unit_test(too_much_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
