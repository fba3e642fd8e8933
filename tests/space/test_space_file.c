// SPDX-License-Identifier: Apache-2.0
/* A space written, edited and read back: what comes back are locks that give the same space, and an edit is a lock. */
#include "spaces.h"

#include "base/file.h"
#include "space/space_file.h"

static char path[] = "/tmp/fettle-space-XXXXXX";

static fet_space *space_with(const fet_graph *base, const char *const *locks, uint32_t n_locks)
{
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL;
    options.locks = locks;
    options.n_locks = n_locks;
    return space_of(base, &options);
}

static const char *note(void *context, uint32_t decision)
{
    return decision == 1 ? context : "";
}

static void there_and_back(void **state)
{
    (void)state;
    fet_arena *arena = NULL;
    fet_graph *base = small_network();
    const char *lock = "stage2.block0=fused,dense", *const *locks = NULL;
    uint32_t n = 0;
    char remark[] = "a remark: with # and 'quotes'";
    CHECK_OK(fet_arena_create(&arena));
    fet_space *space = space_with(base, &lock, 1);
    CHECK_OK(fet_space_file_write(path, space, "two lines\nof heading", note, remark));
    CHECK_OK(fet_space_file_read(path, arena, &locks, &n));
    assert_int_equal(n, fet_space_n_decisions(space));
    fet_space *again = space_with(base, locks, n);
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++) {
        const fet_decision *x = fet_space_decision(space, d), *y = fet_space_decision(again, d);
        assert_string_equal(x->name, y->name);
        for (uint32_t o = 0; o < x->n_options; o++) assert_true(x->options[o].removed == y->options[o].removed);
    }
    assert_string_equal(options_text(again, "stage2.block0.form"), options_text(space, "stage2.block0.form"));
    fet_space_destroy(again);
    fet_space_destroy(space);
    fet_graph_destroy(base);
    fet_arena_destroy(arena);
}

static void edited(void **state)
{
    (void)state;
    static const char text[] = "# mine\nlocks:\n  - stage1.block0.kernel=3   # locked\n  - multiplier!=x0.5\n";
    fet_arena *arena = NULL;
    const char *const *locks = NULL;
    uint32_t n = 0;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_file_replace(path, text, sizeof text - 1));
    CHECK_OK(fet_space_file_read(path, arena, &locks, &n));
    assert_int_equal(n, 2);
    assert_string_equal(locks[0], "stage1.block0.kernel=3");
    assert_string_equal(locks[1], "multiplier!=x0.5");
    fet_arena_destroy(arena);
}

static void refused(void **state)
{
    (void)state;
    fet_arena *arena = NULL;
    const char *const *locks = NULL;
    uint32_t n = 0;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_space_file_read("/nonexistent.yaml", arena, &locks, &n));
    CHECK_OK(fet_file_replace(path, "lock:\n  - a=b\n", 14));
    CHECK_FAILS(FET_ERROR_ARG, fet_space_file_read(path, arena, &locks, &n));
    assert_non_null(strstr(fet_error_message(), path));
    assert_non_null(strstr(fet_error_message(), "lock"));
    fet_arena_destroy(arena);
}

static void no_memory(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space *space = space_with(base, NULL, 0);
    fet_status status = FET_ERROR_NOMEM;
    for (uint64_t n = 0; status == FET_ERROR_NOMEM; n++) {
        fet_auto(fet_arena) arena = NULL;
        const char *const *locks = NULL;
        uint32_t n_locks = 0;
        CHECK_OK(fet_arena_create(&arena));
        fet_alloc_fail_after(n);
        status = fet_space_file_write(path, space, "heading", NULL, NULL);
        if (status == FET_OK) status = fet_space_file_read(path, arena, &locks, &n_locks);
        fet_alloc_fail_after(UINT64_MAX);
        assert_true(n < 1000);
    }
    CHECK_OK(status);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(edited), cmocka_unit_test(refused),
                                       cmocka_unit_test(no_memory)};
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    int code = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return code;
}
