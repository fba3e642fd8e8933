// SPDX-License-Identifier: Apache-2.0
/* The kernel table: what is written is read, once and for all; half lines, corrupt lines, other targets, other processes. */
#include "check.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "device/table.h"
#include "graph/graph.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fet-table-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/t.kernels", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char lock[128];
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(path);
    unlink(lock);
    return rmdir(folder);
}

static fet_kernel_key key_of(uint32_t i)
{
    fet_kernel_key key;
    memset(&key, 0, sizeof key);
    key.op = FET_OP_CONV;
    key.precision = FET_DTYPE_S8;
    key.n = 1;
    key.ic = 1 + i % 97;
    key.oc = 1 + i / 97;
    key.ih = key.iw = key.oh = key.ow = 14;
    key.group = 1;
    key.kh = key.kw = 3;
    key.sh = key.sw = key.dh = key.dw = 1;
    key.pad_top = key.pad_left = key.pad_bottom = key.pad_right = 1;
    return key;
}

static fet_kernel_time time_of(uint32_t i)
{
    return (fet_kernel_time){
        .latency_ms = 0.001 * (i + 1), .spread = 0.01, .n_samples = 50, .implementation = "brgconv:avx512_core_amx_int8"};
}

static void lock(fet_kernel_table *table)
{
    bool locked = false;
    CHECK_OK(fet_kernel_table_try_lock(table, &locked));
    assert_true(locked);
}

static void append(fet_kernel_table *table, uint32_t i)
{
    fet_kernel_key key = key_of(i);
    fet_kernel_time time = time_of(i);
    CHECK_OK(fet_kernel_table_append(table, &key, &time));
}

static void check_has(const fet_kernel_table *table, uint32_t i)
{
    fet_kernel_key key = key_of(i);
    double ms = 0, spread = 0;
    assert_true(fet_kernel_table_lookup(table, &key, &ms, &spread));
    CHECK_NEAR(ms, 0.001 * (i + 1), 1e-5 * ms);
    CHECK_NEAR(spread, 0.01, 0);
}

static void add_text(const char *text)
{
    CHECK_OK(fet_file_append(path, text, strlen(text)));
}

static void test_written_is_read(void **state)
{
    (void)state;
    fet_auto(fet_kernel_table) table = NULL;
    fet_auto(fet_kernel_table) again = NULL;
    CHECK_OK(fet_kernel_table_open(path, "a target", &table));
    assert_int_equal(fet_kernel_table_count(table), 0);
    fet_kernel_key key = key_of(0);
    fet_kernel_time time = time_of(0);
    double ms, spread;
    assert_false(fet_kernel_table_lookup(table, &key, &ms, &spread));
    CHECK_FAILS(FET_ERROR_STATE, fet_kernel_table_append(table, &key, &time));
    lock(table);
    for (uint32_t i = 0; i < 700; i++) append(table, i);
    CHECK_OK(fet_kernel_table_open(path, "a target", &again));
    assert_int_equal(fet_kernel_table_count(again), 700);
    for (uint32_t i = 0; i < 700; i++) check_has(table, i), check_has(again, i);
    key = key_of(700);
    assert_false(fet_kernel_table_lookup(again, &key, &ms, &spread));
    /* What another process adds is seen after a refresh. */
    append(table, 700);
    assert_false(fet_kernel_table_lookup(again, &key, &ms, &spread));
    CHECK_OK(fet_kernel_table_refresh(again));
    check_has(again, 700);
}

static void test_the_first_line_counts(void **state)
{
    (void)state;
    fet_auto(fet_kernel_table) table = NULL;
    CHECK_OK(fet_kernel_table_open(path, "a target", &table));
    lock(table);
    append(table, 3);
    fet_kernel_key key = key_of(3);
    fet_kernel_time other = time_of(9);
    CHECK_OK(fet_kernel_table_append(table, &key, &other));
    check_has(table, 3);
    assert_int_equal(fet_kernel_table_count(table), 1);
}

/* A writer was killed in the middle of a line: nothing is lost but that line. */
static void test_half_line(void **state)
{
    (void)state;
    {
        fet_auto(fet_kernel_table) table = NULL;
        CHECK_OK(fet_kernel_table_open(path, "a target", &table));
        lock(table);
        append(table, 1);
    }
    add_text("conv s8 1x9x14x14>1x14x14 k3");
    fet_auto(fet_kernel_table) table = NULL;
    fet_auto(fet_kernel_table) again = NULL;
    CHECK_OK(fet_kernel_table_open(path, "a target", &table));
    check_has(table, 1);
    assert_int_equal(fet_kernel_table_count(table), 1);
    lock(table);
    append(table, 2);
    CHECK_OK(fet_kernel_table_open(path, "a target", &again));
    check_has(again, 1);
    check_has(again, 2);
    assert_int_equal(fet_kernel_table_count(again), 2);
}

/* Killed while it wrote the header: the file is as good as new. */
static void test_half_header(void **state)
{
    (void)state;
    static const char *const halves[] = {"# fettle ker", "# fettle kernel table 1\n", "# fettle kernel table 1\n# a tar"};
    for (size_t h = 0; h < sizeof halves / sizeof *halves; h++) {
        fet_auto(fet_kernel_table) table = NULL;
        fet_auto(fet_kernel_table) again = NULL;
        unlink(path);
        add_text(halves[h]);
        CHECK_OK(fet_kernel_table_open(path, "a target", &table));
        lock(table);
        append(table, 2);
        append(table, 3);
        check_has(table, 2);
        CHECK_OK(fet_kernel_table_open(path, "a target", &again));
        check_has(again, 2);
        check_has(again, 3);
        assert_int_equal(fet_kernel_table_count(again), 2);
    }
}

static void check_corrupt(fet_status code, const char *text, const char *message)
{
    fet_kernel_table *table = NULL;
    unlink(path);
    add_text(text);
    CHECK_FAILS(code, fet_kernel_table_open(path, "a target", &table));
    assert_memory_equal(fet_error_message(), path, strlen(path));
    assert_memory_equal(fet_error_message() + strlen(path), message, strlen(message));
}

#define HEADER "# fettle kernel table 1\n# a target\n# columns\n"
#define KEY "conv s8 1x9x14x14>1x14x14 k3x3 s1x1 g1"

static void test_corrupt_lines_are_named(void **state)
{
    (void)state;
    check_corrupt(FET_ERROR_CORRUPT, "something else\n", ":1:");
    check_corrupt(FET_ERROR_CORRUPT, "# fettle kernel table 2\n", ":1:");
    check_corrupt(FET_ERROR_STATE, "# fettle kernel table 1\n# another target\n", ":2: measured on another target");
    check_corrupt(FET_ERROR_CORRUPT, HEADER KEY "\t0.1\t0.01\t50\tjit\n" KEY "\t0.1\t0.01\t50\n", ":5:");
    check_corrupt(FET_ERROR_CORRUPT, HEADER KEY "\t-1\t0.01\t50\tjit\n", ":4:");
    check_corrupt(FET_ERROR_CORRUPT, HEADER KEY "\tnan\t0.01\t50\tjit\n", ":4:");
    check_corrupt(FET_ERROR_CORRUPT, HEADER KEY "\t1x\t0.01\t50\tjit\n", ":4:");
    check_corrupt(FET_ERROR_CORRUPT, HEADER "cnov s8\t1\t0.01\t50\tjit\n", ":4:");
    check_corrupt(FET_ERROR_CORRUPT, HEADER "\n", ":4:");
}

static double figure(const fet_kernel_table *table, uint32_t i)
{
    fet_kernel_key key = key_of(i);
    double ms = 0, spread = 0;
    assert_true(fet_kernel_table_lookup(table, &key, &ms, &spread));
    return ms;
}

/* Later measurements stand behind the first line; what counts is what they say together, in memory and from the file. */
static void test_measured_again(void **state)
{
    (void)state;
    fet_auto(fet_kernel_table) table = NULL;
    fet_auto(fet_kernel_table) read = NULL;
    fet_kernel_key first = key_of(0), slow = key_of(1), unknown = key_of(9);
    fet_kernel_time disturbed = time_of(1);
    fet_repeat repeat = {.latency_ms = 0.0008, .spread = 0.01, .pulse = 1.01}, repeats[FET_REPEATS_MAX];
    disturbed.pulse = 1.3;
    CHECK_OK(fet_kernel_table_open(path, "a target", &table));
    lock(table);
    append(table, 0);
    CHECK_OK(fet_kernel_table_append(table, &slow, &disturbed));
    assert_int_equal(fet_kernel_table_repeats(table, &slow, repeats), 1);
    CHECK_NEAR(repeats[0].pulse, 1.3, 1e-9);
    CHECK_NEAR(figure(table, 1), 0.002, 1e-9); /* there is no other */
    CHECK_OK(fet_kernel_table_append_again(table, &slow, &repeat));
    CHECK_NEAR(figure(table, 1), 0.0008, 1e-9); /* the calm one */
    for (uint32_t i = 1; i < FET_REPEATS_MAX; i++) CHECK_OK(fet_kernel_table_append_again(table, &first, &repeat));
    CHECK_NEAR(figure(table, 0), 0.0008, 1e-9); /* seven against one */
    CHECK_FAILS(FET_ERROR_LIMIT, fet_kernel_table_append_again(table, &first, &repeat));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_kernel_table_append_again(table, &unknown, &repeat));
    CHECK_OK(fet_kernel_table_open(path, "a target", &read));
    CHECK_NEAR(figure(read, 0), 0.0008, 1e-9);
    CHECK_NEAR(figure(read, 1), 0.0008, 1e-9);
    assert_int_equal(fet_kernel_table_count(read), 2);
    assert_int_equal(fet_kernel_table_repeats(read, &first, repeats), FET_REPEATS_MAX);
    CHECK_NEAR(repeats[0].latency_ms, 0.001, 1e-9);
    CHECK_NEAR(repeats[1].pulse, 1.01, 1e-9);
    assert_int_equal(fet_kernel_table_repeats(read, &unknown, repeats), 0);
}

/* The file was replaced by a shorter one: what it says counts once. */
static void test_replaced_file(void **state)
{
    (void)state;
    fet_auto(fet_kernel_table) table = NULL;
    fet_repeat repeats[FET_REPEATS_MAX];
    fet_kernel_key key;
    unlink(path);
    add_text(HEADER KEY "\t0.2\t0.01\t50\tjit\n# again\t" KEY "\t0.1\t0.01\t1\n# again\t" KEY "\t0.1\t0.01\t1\n");
    CHECK_OK(fet_kernel_table_open(path, "a target", &table));
    CHECK_OK(fet_kernel_key_parse(KEY, &key));
    assert_int_equal(fet_kernel_table_repeats(table, &key, repeats), 3);
    unlink(path);
    add_text(HEADER KEY "\t0.2\t0.01\t50\tjit\n# again\t" KEY "\t0.3\t0.01\t1\n");
    CHECK_OK(fet_kernel_table_refresh(table));
    assert_int_equal(fet_kernel_table_repeats(table, &key, repeats), 2);
    CHECK_NEAR(repeats[1].latency_ms, 0.3, 1e-9);
}

/* What is said of a kernel that is not there (its line was deleted, to measure it again) says nothing; nor do other comments. */
static void test_other_comments(void **state)
{
    (void)state;
    fet_auto(fet_kernel_table) table = NULL;
    fet_repeat repeats[FET_REPEATS_MAX];
    fet_kernel_key key;
    unlink(path);
    add_text(HEADER "# again\t" KEY "\t0.1\t0.01\t1\n# pulse\t" KEY "\t1.3\n# a note\n" KEY "\t0.2\t0.01\t50\tjit\n");
    CHECK_OK(fet_kernel_table_open(path, "a target", &table));
    CHECK_OK(fet_kernel_key_parse(KEY, &key));
    assert_int_equal(fet_kernel_table_repeats(table, &key, repeats), 1);
    assert_true(repeats[0].pulse == 0);
    check_corrupt(FET_ERROR_CORRUPT, HEADER "# again\t" KEY "\t0.1\t0.01\n", ":4:");
    check_corrupt(FET_ERROR_CORRUPT, HEADER "# again\t" KEY "\t0\t0.01\t1\n", ":4:");
    check_corrupt(FET_ERROR_CORRUPT, HEADER "# again\tcnov\t1\t0.01\t1\n", ":4:");
    check_corrupt(FET_ERROR_CORRUPT, HEADER "# pulse\t" KEY "\tslow\n", ":4:");
}

static void test_one_writer_at_a_time(void **state)
{
    (void)state;
    fet_auto(fet_kernel_table) table = NULL;
    CHECK_OK(fet_kernel_table_open(path, "a target", &table));
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) { /* holds the lock, adds a kernel, and is killed */
        fet_kernel_table *mine = NULL;
        bool locked = false;
        if (fet_kernel_table_open(path, "a target", &mine) != FET_OK || fet_kernel_table_try_lock(mine, &locked) != FET_OK) _exit(1);
        fet_kernel_key key = key_of(5);
        fet_kernel_time time = time_of(5);
        if (fet_kernel_table_append(mine, &key, &time) != FET_OK || write(ready[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    char byte;
    bool locked = true;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    CHECK_OK(fet_kernel_table_try_lock(table, &locked));
    assert_false(locked);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    lock(table);
    check_has(table, 5); /* with the lock comes what the other one knew */
    close(ready[0]);
    close(ready[1]);
}

static void test_read_only_folder(void **state)
{
    (void)state;
    fet_auto(fet_kernel_table) table = NULL;
    CHECK_OK(fet_kernel_table_open("/proc/fettle/t.kernels", "a target", &table));
    bool locked = false;
    CHECK_FAILS(FET_ERROR_IO, fet_kernel_table_try_lock(table, &locked));
}

static void test_allocation_failures(void **state)
{
    (void)state;
    {
        fet_auto(fet_kernel_table) table = NULL;
        CHECK_OK(fet_kernel_table_open(path, "a target", &table));
        lock(table);
        for (uint32_t i = 0; i < 20; i++) append(table, i);
        fet_kernel_key key = key_of(0);
        CHECK_OK(fet_kernel_table_append_again(table, &key, &(fet_repeat){.latency_ms = 1, .pulse = 1}));
    }
    fet_status status = FET_ERROR_NOMEM;
    uint64_t n = 0;
    for (; status != FET_OK; n++) {
        fet_kernel_table *table = NULL;
        fet_alloc_fail_after(n);
        status = fet_kernel_table_open(path, "a target", &table);
        fet_alloc_fail_after(UINT64_MAX);
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        fet_kernel_table_destroy(table);
    }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
        TEST(test_written_is_read),  TEST(test_the_first_line_counts),   TEST(test_half_line),
        TEST(test_half_header),      TEST(test_measured_again),          TEST(test_replaced_file),
        TEST(test_other_comments),   TEST(test_corrupt_lines_are_named), TEST(test_one_writer_at_a_time),
        TEST(test_read_only_folder), TEST(test_allocation_failures),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
