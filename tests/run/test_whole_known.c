// SPDX-License-Identifier: Apache-2.0
/* What was measured whole, kept as text: read back as it was written, and refused where it is damaged or another device's. */
#include "check.h"

#include "base/file.h"
#include "run/whole_known.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/fet-whole-XXXXXX";

static int setup(void **state)
{
    (void)state;
    int file = mkstemp(path);
    if (file >= 0) close(file);
    return file < 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static const fet_whole_entry entries[] = {
    {0xfedcba9876543210, 1, 0.5, 0.25},
    {0xfedcba9876543210, 2, 0.51, 1.0 / 3},
    {7, 1, 12.5, 1e-6},
};
enum { N_ENTRIES = sizeof entries / sizeof *entries };

static void fill(fet_whole_known *known)
{
    for (int i = 0; i < N_ENTRIES; i++) CHECK_OK(fet_whole_known_add(known, &entries[i]));
}

static void check_entry(const fet_whole_known *known, const fet_whole_entry *e)
{
    const fet_whole_entry *found = fet_whole_known_find(known, e->base, e->network);
    assert_non_null(found);
    CHECK_NEAR(found->base_ms, e->base_ms, 1e-8 * e->base_ms);
    CHECK_NEAR(found->network_ms, e->network_ms, 1e-8 * e->network_ms);
}

static void test_round_trip(void **state)
{
    (void)state;
    fet_whole_known known = {0}, back = {0}, one = {0};
    char *text = NULL;
    fill(&known);
    CHECK_OK(fet_whole_known_write(path, "chip 1", &known));
    CHECK_OK(fet_whole_known_read(path, "chip 1", &back));
    assert_int_equal(back.count, N_ENTRIES);
    for (int i = 0; i < N_ENTRIES; i++) check_entry(&back, &entries[i]);
    assert_null(fet_whole_known_find(&back, 7, 2));
    CHECK_OK(fet_whole_known_print(&known, 7, &text));
    CHECK_OK(fet_whole_known_parse("a study", text, &one));
    assert_int_equal(one.count, 1);
    check_entry(&one, &entries[2]);
    fet_free(text);
    fet_whole_known_clear(&known);
    fet_whole_known_clear(&back);
    fet_whole_known_clear(&one);
}

/* Whoever was first stays: a study goes on with what it chose by. */
static void test_first_stays(void **state)
{
    (void)state;
    fet_whole_known known = {0};
    fill(&known);
    CHECK_OK(fet_whole_known_add(&known, &(fet_whole_entry){7, 1, 1, 1}));
    assert_int_equal(known.count, N_ENTRIES);
    check_entry(&known, &entries[2]);
    fet_whole_known_clear(&known);
}

static void test_many(void **state)
{
    (void)state;
    fet_whole_known known = {0}, back = {0};
    for (uint64_t i = 0; i < 5000; i++) CHECK_OK(fet_whole_known_add(&known, &(fet_whole_entry){1, i, 1, 2}));
    CHECK_OK(fet_whole_known_write(path, "chip 1", &known));
    CHECK_OK(fet_whole_known_read(path, "chip 1", &back));
    assert_int_equal(back.count, 4096);
    assert_true(fet_whole_known_find(&back, 1, 4999) && !fet_whole_known_find(&back, 1, 0)); /* the latest */
    fet_whole_known_clear(&known);
    fet_whole_known_clear(&back);
}

static void test_bad_text(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "1 2 3\n",       "1 2 0.5 0.5", "1 2 0.5 0.5 6\n", "1 2 0.5 -0.5\n",         "1 2 0 0.5\n", "1 2 nan 0.5\n",
        "x 2 0.5 0.5\n", "\n",          "1 2 0.5 inf\n",   "1 2 0.5 0.5\ngarbage\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fet_whole_known known = {0};
        CHECK_FAILS(FET_ERROR_CORRUPT, fet_whole_known_parse("a study", bad[i], &known));
        assert_non_null(strstr(fet_error_message(), i == 9 ? "a study:2: \"garbage\": expected two hashes" : "a study:1: "));
        fet_whole_known_clear(&known);
    }
}

static void test_bad_file(void **state)
{
    (void)state;
    fet_whole_known known = {0};
    CHECK_OK(fet_whole_known_read("/tmp/there/is/no/such/file", "chip 1", &known));
    assert_int_equal(known.count, 0);
    fill(&known);
    CHECK_OK(fet_whole_known_write(path, "chip 1", &known));
    fet_whole_known_clear(&known);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_whole_known_read(path, "chip 11", &known));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_whole_known_read(path, "chip", &known));
    assert_non_null(strstr(fet_error_message(), "remove it"));
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(path, 1 << 20, &data, &bytes));
    for (size_t n = 0; n < bytes; n++) { /* cut anywhere: whole lines, or an error, and never more than there was */
        CHECK_OK(fet_file_replace(path, data, n));
        fet_status status = fet_whole_known_read(path, "chip 1", &known);
        assert_true(status == FET_OK || status == FET_ERROR_CORRUPT);
        assert_true(known.count < N_ENTRIES);
        fet_whole_known_clear(&known);
    }
    fet_free(data);
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_whole_known known = {0}, back = {0};
    char *text = NULL;
    fill(&known);
    CHECK_OK(fet_whole_known_write(path, "chip 1", &known));
    fet_alloc_fail_after(0);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_whole_known_print(&known, 0, &text));
    fet_alloc_fail_after(0);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_whole_known_read(path, "chip 1", &back));
    fet_alloc_fail_after(1);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_whole_known_read(path, "chip 1", &back));
    fet_alloc_fail_after(UINT64_MAX);
    fet_whole_known_clear(&known);
    fet_whole_known_clear(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_first_stays), cmocka_unit_test(test_many),
        cmocka_unit_test(test_bad_text),   cmocka_unit_test(test_bad_file),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
