// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/file.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fettle-file-XXXXXX");
    return mkdtemp(folder) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "chmod -R u+w '%s' && rm -rf '%s'", folder, folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) count += e->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void expect_content(const char *path, const char *want)
{
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(path, 1 << 20, &data, &bytes));
    assert_int_equal(bytes, strlen(want));
    assert_string_equal(data, want); /* a zero byte stands behind it */
    fet_free(data);
}

/* The message says which file. */
static void expect_named(const char *path)
{
    if (!strstr(fet_error_message(), path)) fail_msg("\"%s\" does not name %s", fet_error_message(), path);
}

static void replace_and_read(void **state)
{
    (void)state;
    const char *path = in_folder("a.txt");
    assert_false(fet_file_exists(path));
    CHECK_OK(fet_file_replace(path, "one", 3));
    expect_content(path, "one");
    CHECK_OK(fet_file_replace(path, "", 0));
    expect_content(path, "");
    CHECK_OK(fet_file_replace(path, "three", 5));
    CHECK_OK(fet_file_append(path, " four", 5));
    expect_content(path, "three four");
    assert_true(fet_file_exists(path));
    assert_int_equal(count_files(), 1); /* nothing left beside it */
    unlink(path);
}

static void larger_than_a_read(void **state)
{
    (void)state;
    enum { BYTES = 300000 };
    char *big = malloc(BYTES);
    void *data = NULL;
    size_t bytes = 0;
    for (int i = 0; i < BYTES; i++) big[i] = (char)(i * 7);
    const char *path = in_folder("big.bin");
    CHECK_OK(fet_file_replace(path, big, BYTES));
    CHECK_OK(fet_file_read(path, BYTES, &data, &bytes));
    assert_int_equal(bytes, BYTES);
    assert_memory_equal(data, big, BYTES);
    fet_free(data);
    CHECK_FAILS(FET_ERROR_LIMIT, fet_file_read(path, BYTES - 1, &data, &bytes));
    expect_named(path);
    unlink(path);
    free(big);
}

static void what_is_not_there(void **state)
{
    (void)state;
    void *data = NULL;
    size_t bytes = 0;
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_file_read(in_folder("none"), 10, &data, &bytes));
    expect_named(in_folder("none"));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_file_replace(in_folder("no/such/folder"), "x", 1));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_file_append(in_folder("no/such/folder"), "x", 1));
    CHECK_FAILS(FET_ERROR_IO, fet_file_read(folder, 10, &data, &bytes)); /* a folder */
    expect_named(folder);
}

static void full_disk(void **state)
{
    (void)state;
    CHECK_FAILS(FET_ERROR_IO, fet_file_append("/dev/full", "x", 1));
    expect_named("/dev/full");
    /* fet_file_replace writes beside its target, so a limit on file size stands in for the disk that fills up. It lasts as long as the
     * process. */
    const char *path = in_folder("kept.txt");
    CHECK_OK(fet_file_replace(path, "old", 3));
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static char big[100000];
        struct rlimit limit = {4096, 4096};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(1);
        fet_status status = fet_file_replace(path, big, sizeof big);
        _exit(status == FET_ERROR_IO && strstr(fet_error_message(), path) ? 0 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    expect_content(path, "old"); /* untouched, and nothing half-written beside it */
    assert_int_equal(count_files(), 1);
    unlink(path);
}

/* root may write anywhere, so a user without rights tries it in a process of its own. */
static void read_only_folder(void **state)
{
    (void)state;
    const char *path = in_folder("kept.txt");
    CHECK_OK(fet_file_replace(path, "old", 3));
    assert_int_equal(chmod(folder, 0555), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0) _exit(1);
        bool refused = fet_file_replace(path, "new", 3) == FET_ERROR_IO && strstr(fet_error_message(), path) &&
                       strstr(fet_error_message(), "ermission");
        bool no_folder = fet_dir_make(in_folder("sub")) == FET_ERROR_IO;
        _exit(refused && no_folder ? 0 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    expect_content(path, "old");
    assert_int_equal(count_files(), 1);
    unlink(path);
}

static void folders(void **state)
{
    (void)state;
    char deep[512];
    snprintf(deep, sizeof deep, "%s/a/b/c/", folder);
    CHECK_OK(fet_dir_make(deep));
    CHECK_OK(fet_dir_make(deep)); /* again */
    CHECK_OK(fet_dir_make(folder));
    assert_true(fet_file_exists(deep));
    CHECK_OK(fet_file_replace(in_folder("file"), "x", 1));
    char below[512];
    snprintf(below, sizeof below, "%s/file/below", folder);
    CHECK_FAILS(FET_ERROR_IO, fet_dir_make(in_folder("file")));
    fet_status status = fet_dir_make(below);
    assert_true(status == FET_ERROR_IO || status == FET_ERROR_NOT_FOUND);
    CHECK_OK(fet_dir_make("")); /* the folder of a path without one */
}

static void paths(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"}, {"", "b", "b"}, {"/", "b", "/b"}, {"a/b", "c/d", "a/b/c/d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = NULL;
        CHECK_OK(fet_path_join(cases[i][0], cases[i][1], &path));
        assert_string_equal(path, cases[i][2]);
        fet_free(path);
    }
}

/* Two processes append lines at once: none is lost or cut. */
static void appended_lines_do_not_mix(void **state)
{
    (void)state;
    enum { LINES = 500, LENGTH = 61 };
    const char *path = in_folder("log.txt");
    fflush(NULL);
    pid_t children[2];
    for (int c = 0; c < 2; c++) {
        children[c] = fork();
        if (children[c] != 0) continue;
        char line[LENGTH];
        memset(line, 'a' + c, LENGTH - 1);
        line[LENGTH - 1] = '\n';
        for (int i = 0; i < LINES; i++)
            if (fet_file_append(path, line, LENGTH) != FET_OK) _exit(1);
        _exit(0);
    }
    for (int c = 0; c < 2; c++) {
        int status = 0;
        waitpid(children[c], &status, 0);
        assert_int_equal(status, 0);
    }
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(path, 1 << 20, &data, &bytes));
    assert_int_equal(bytes, 2 * LINES * LENGTH);
    for (size_t i = 0; i < bytes; i++) {
        const char *line = (const char *)data + i / LENGTH * LENGTH;
        assert_int_equal(((const char *)data)[i], i % LENGTH == LENGTH - 1 ? '\n' : line[0]);
    }
    fet_free(data);
    unlink(path);
}

static void no_memory(void **state)
{
    (void)state;
    const char *path = in_folder("kept.txt");
    CHECK_OK(fet_file_replace(path, "old", 3));
    void *data = NULL;
    size_t bytes = 0;
    fet_alloc_fail_after(0);
    fet_status status = fet_file_replace(path, "new", 3);
    fet_alloc_fail_after(UINT64_MAX);
    assert_int_equal(status, FET_ERROR_NOMEM);
    expect_content(path, "old");
    fet_alloc_fail_after(0);
    status = fet_file_read(path, 100, &data, &bytes);
    fet_alloc_fail_after(UINT64_MAX);
    assert_int_equal(status, FET_ERROR_NOMEM);
    assert_null(data);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replace_and_read),
        cmocka_unit_test(larger_than_a_read),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(read_only_folder),
        cmocka_unit_test(appended_lines_do_not_mix),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(folders),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
