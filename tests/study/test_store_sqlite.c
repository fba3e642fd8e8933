// SPDX-License-Identifier: Apache-2.0
/* What only a store in a file can suffer: files that are no studies or are damaged, folders that cannot be written, a full disk, no memory.
 */
#include "check.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "places.h"
#include "study/study.h"

#include <malloc.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* SQLite takes its memory from our allocator in this program, so that the n-th allocation fails inside it, too. */
static void *lite_malloc(int bytes)
{
    return fet_malloc((size_t)bytes);
}

static void *lite_realloc(void *pointer, int bytes)
{
    return fet_realloc(pointer, (size_t)bytes);
}

static int lite_size(void *pointer)
{
    return (int)malloc_usable_size(pointer);
}

static int lite_round(int bytes)
{
    return (bytes + 7) & ~7;
}

static int lite_init(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void lite_shutdown(void *context)
{
    (void)context;
}

static int hook_memory(void **state)
{
    static const sqlite3_mem_methods methods = {lite_malloc, fet_free, lite_realloc, lite_size, lite_round, lite_init, lite_shutdown, NULL};
    (void)state;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK ? 0 : -1;
}

static int set_up(void **state)
{
    test_place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    place_make(place);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    place_remove(*state);
    free(*state);
    return 0;
}

/* A study with n done trials and one proposed. */
static void make_study(const char *path, uint32_t n)
{
    fet_auto(fet_study) study = NULL;
    CHECK_OK(fet_study_open(path, true, &study));
    CHECK_OK(fet_study_set(study, "job", "text"));
    for (uint32_t i = 0; i <= n; i++) CHECK_OK(fet_study_propose(study, "V1", i, "short", "0-1-2-3-0-1-2-3", "{\"variant\": \"V1\"}"));
    for (uint32_t i = 0; i < n; i++) {
        const fet_figure figures[] = {{.name = "val_accuracy", .value = i, .unit = "share", .source = "trained"},
                                      {.name = "latency", .value = 2.0 * i, .unit = "ms", .source = "measured"}};
        fet_auto_trials trials = {0};
        bool found = false;
        CHECK_OK(fet_study_lease(study, "w", 60, &trials, &found));
        CHECK_OK(fet_study_finish(study, "V1", i, "w", figures, 2, "weights", 1));
    }
}

static void write_file(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_no_study(void **state)
{
    test_place *place = *state;
    fet_study *study = NULL;
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_study_open(place->path, false, &study));
    assert_non_null(strstr(fet_error_message(), place->path));
    assert_int_equal(place_count_files(place), 0); /* asking makes no file */
    char below[400];
    snprintf(below, sizeof below, "%s/no/such/folder.sqlite", place->folder);
    CHECK_FAILS(FET_ERROR_IO, fet_study_open(below, true, &study));
    assert_non_null(strstr(fet_error_message(), below));
    CHECK_FAILS(FET_ERROR_IO, fet_study_open(place->folder, false, &study)); /* a folder */
    CHECK_FAILS(FET_ERROR_IO, fet_study_open(place->folder, true, &study));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_open("", true, &study));
    assert_null(study);
}

static void test_not_a_study(void **state)
{
    static const char garbage[] =
        "task: {kind: classify}\nthis is a job file, not a study, and long enough to hold what would be a header of a database\n";
    test_place *place = *state;
    fet_study *study = NULL;
    write_file(place->path, garbage, sizeof garbage);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_study_open(place->path, false, &study));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_study_open(place->path, true, &study));
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(place->path, 4096, &data, &bytes));
    assert_int_equal(bytes, sizeof garbage);
    assert_memory_equal(data, garbage, bytes); /* untouched */
    fet_free(data);
    /* A database of somebody else. */
    unlink(place->path);
    execute(place->path, "CREATE TABLE t (x)");
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_study_open(place->path, false, &study));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_study_open(place->path, true, &study));
    /* An empty file holds no study, but one may be created in it. */
    write_file(place->path, "", 0);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_study_open(place->path, false, &study));
    CHECK_OK(fet_study_open(place->path, true, &study));
    fet_study_close(study);
}

static void test_newer_version(void **state)
{
    test_place *place = *state;
    fet_study *study = NULL;
    make_study(place->path, 1);
    execute(place->path, "PRAGMA user_version = 99");
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_study_open(place->path, false, &study));
    assert_non_null(strstr(fet_error_message(), "newer"));
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_study_open(place->path, true, &study));
}

static void test_special_names_are_paths(void **state)
{
    test_place *place = *state;
    char before[1024];
    fet_study *study = NULL;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(place->folder), 0);
    fet_status first = fet_study_open(":memory:", true, &study);
    fet_study_close(study);
    study = NULL;
    fet_status second = fet_study_open("file:x?mode=memory", true, &study);
    fet_study_close(study);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(first, FET_OK);
    assert_int_equal(second, FET_OK);
    assert_int_equal(place_count_files(place), 2);
}

/* Opens and reads everything; any error is fine, a crash or a wrong value is not. */
static fet_status read_everything(const char *path)
{
    fet_auto(fet_study) study = NULL;
    fet_auto_trials trials = {0};
    uint32_t counts[FET_TRIAL_N_STATES];
    char *text = NULL;
    bool found = false;
    FET_TRY(fet_study_open(path, false, &study));
    FET_TRY(fet_study_trials(study, NULL, &trials));
    fet_trials_clear(&trials);
    FET_TRY(fet_study_counts(study, "V1", counts));
    FET_TRY(fet_study_get(study, "job", &text));
    fet_free(text);
    return fet_study_lease(study, "w", 60, &trials, &found);
}

static void test_damaged_files(void **state)
{
    enum { ROUNDS = 150 };
    test_place *place = *state;
    void *data = NULL;
    size_t bytes = 0, n_found = 0;
    fet_rng rng;
    make_study(place->path, 60);
    CHECK_OK(fet_file_read(place->path, 1 << 22, &data, &bytes));
    char *copy = malloc(bytes);
    assert_non_null(copy);
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int round = 0; round < ROUNDS; round++) {
        size_t length = bytes;
        memcpy(copy, data, bytes);
        if (round % 3 == 0) length = fet_rng_below(&rng, (uint32_t)bytes); /* truncated */
        for (uint32_t i = 0, n = round % 3 ? 1u << (round % 10) : 0; i < n; i++)
            copy[fet_rng_below(&rng, (uint32_t)bytes)] ^= (char)(1 + fet_rng_below(&rng, 255));
        write_file(place->path, copy, length);
        fet_error_clear();
        fet_status status = read_everything(place->path);
        if (status == FET_OK) continue;
        n_found++;
        assert_true(status == FET_ERROR_CORRUPT || status == FET_ERROR_UNSUPPORTED || status == FET_ERROR_IO ||
                    status == FET_ERROR_NOT_FOUND);
        assert_non_null(strstr(fet_error_message(), place->path));
        assert_null(strchr(fet_error_message(), '\n'));
    }
    assert_true(n_found > ROUNDS / 2); /* a flipped bit within a text is not seen */
    free(copy);
    fet_free(data);
}

/* Runs `action` in a child that may do less than we; its status comes back as an exit code, its message is checked there. */
static void check_in_child(const test_place *place, void (*restrict_child)(const test_place *), fet_status (*action)(const test_place *),
                           fet_status expected)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        restrict_child(place);
        fet_error_clear();
        fet_status got = action(place);
        bool named = strstr(fet_error_message(), place->path) != NULL;
        if (got != expected || !named) fprintf(stderr, "got \"%s\" (%s)\n", fet_status_name(got), fet_error_message());
        _exit(got == expected && named ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void become_nobody(const test_place *place)
{
    (void)place;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
}

static fet_status create_study(const test_place *place)
{
    fet_auto(fet_study) study = NULL;
    return fet_study_open(place->path, true, &study);
}

static fet_status propose_one(const test_place *place)
{
    fet_auto(fet_study) study = NULL;
    FET_TRY(fet_study_open(place->path, false, &study));
    return fet_study_propose(study, "V9", 0, "short", "0", "{}");
}

static void test_read_only_folder(void **state)
{
    test_place *place = *state;
    assert_int_equal(chmod(place->folder, 0555), 0);
    check_in_child(place, become_nobody, create_study, FET_ERROR_IO);
    assert_int_equal(chmod(place->folder, 0755), 0);
    assert_int_equal(place_count_files(place), 0);
    make_study(place->path, 1);
    assert_int_equal(chmod(place->path, 0444), 0);
    assert_int_equal(chmod(place->folder, 0555), 0);
    check_in_child(place, become_nobody, propose_one, FET_ERROR_IO);
    assert_int_equal(chmod(place->folder, 0755), 0);
}

/* No file may grow beyond this: what a full disk looks like, without filling one. */
static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit = {bytes, bytes};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
}

static void no_room(const test_place *place)
{
    (void)place;
    limit_file_size(8192);
}

static void little_room(const test_place *place)
{
    (void)place;
    limit_file_size(65536);
}

static fet_status propose_until_full(const test_place *place)
{
    fet_auto(fet_study) study = NULL;
    FET_TRY(fet_study_open(place->path, false, &study));
    for (uint32_t i = 0; i < 10000; i++) FET_TRY(fet_study_propose(study, "V2", i, "short", "0-1-2-3", "{\"variant\": \"V2\"}"));
    return FET_OK;
}

static void test_full_disk(void **state)
{
    test_place *place = *state;
    check_in_child(place, no_room, create_study, FET_ERROR_IO); /* not even the schema fits */
    assert_int_equal(place_count_files(place), 0);              /* nothing half-made is left */
    make_study(place->path, 5);
    check_in_child(place, little_room, propose_until_full, FET_ERROR_IO);
    /* What was there is there, what was said to be stored is whole, and with room again the study goes on. */
    fet_auto(fet_study) study = NULL;
    fet_auto_trials trials = {0};
    CHECK_OK(fet_study_open(place->path, false, &study));
    CHECK_OK(fet_study_trials(study, "V1", &trials));
    assert_int_equal(trials.count, 6);
    for (int i = 0; i < 5; i++) assert_int_equal(trials.items[i].state, FET_TRIAL_DONE);
    CHECK_OK(fet_study_propose(study, "V3", 0, "short", "0", "{}"));
}

/* One whole life of a study; every step may fail for lack of memory. */
static fet_status live(const char *path)
{
    fet_auto(fet_study) study = NULL;
    fet_auto_trials trial = {0}, all = {0};
    uint32_t counts[FET_TRIAL_N_STATES];
    bool found = false;
    char *text = NULL;
    const fet_figure figure = {.name = "latency", .value = 1.5, .unit = "ms", .source = "measured"};
    FET_TRY(fet_study_open(path, true, &study));
    FET_TRY(fet_study_set(study, "job", "some text"));
    FET_TRY(fet_study_get(study, "job", &text));
    fet_free(text);
    FET_TRY(fet_study_propose(study, "V1", 0, "short", "0-1", "{}"));
    FET_TRY(fet_study_lease(study, "w", 60, &trial, &found));
    FET_TRY(fet_study_renew(study, "V1", 0, "w", 60));
    FET_TRY(fet_study_finish(study, "V1", 0, "w", &figure, 1, "", 0));
    FET_TRY(fet_study_release(study, "w", true, "reason"));
    FET_TRY(fet_study_counts(study, NULL, counts));
    return fet_study_trials(study, NULL, &all);
}

static void test_no_memory(void **state)
{
    test_place *place = *state;
    bool failed = true;
    uint64_t n_failed = 0;
    /* Every one of the first hundred allocations, then ever wider steps: a life of a study makes some thousand. */
    for (uint64_t i = 0; failed; i += 1 + (i > 100 ? i / 25 : 0)) {
        fet_alloc_fail_after(i);
        fet_status status = live(place->path);
        failed = fet_alloc_fail_after(UINT64_MAX) > i;
        n_failed += status != FET_OK;
        /* SQLite does without some of its memory (a smaller cache), so an allocation may fail and the call succeed. */
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        if (fet_file_exists(place->path)) { /* what is there is a study; without one in it, the file would be gone */
            fet_auto(fet_study) study = NULL;
            CHECK_OK(fet_study_open(place->path, false, &study));
        }
        unlink(place->path);
        assert_int_equal(place_count_files(place), 0);
    }
    assert_true(n_failed > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_study, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_study, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_newer_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_special_names_are_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_only_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, hook_memory, NULL);
}
