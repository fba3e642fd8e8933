// SPDX-License-Identifier: Apache-2.0
/* A study's folder is there whole or not at all, whatever a process that made one before left behind. */
#include "../data/samples.h"

#include "run/workspace.h"

static fet_job *job_of(void)
{
    static const char text[] = "task: {data: {path: /data}}\nbase: {input: 1x8x8, stages: [{channels: 8}]}\ndevice: {name: npu-16}\n";
    fet_job *job = NULL;
    CHECK_OK(fet_job_parse("job.yaml", text, strlen(text), &job));
    return job;
}

static void check_whole(const char *folder, const fet_job *job)
{
    fet_study *study = NULL;
    char *text = NULL;
    CHECK_OK(fet_study_open(path_in(folder, "study.sqlite"), false, &study));
    CHECK_OK(fet_study_get(study, "job", &text));
    assert_string_equal(text, job->text);
    fet_free(text);
    fet_study_close(study);
    assert_false(fet_file_exists(path_in(folder, "study.sqlite.new")));
    assert_false(fet_file_exists(path_in(folder, "study.sqlite.new-wal")));
}

/* Killed after the study was made and before it knew its job; and killed while the file was empty. */
static void after_a_kill(void **state)
{
    (void)state;
    fet_auto(fet_job) job = job_of();
    for (int kind = 0; kind < 3; kind++) {
        const char *folder = make_folder(), *left = path_in(folder, "study.sqlite.new");
        fet_study *study = NULL;
        if (kind == 1) write_file(left, "", 0);
        if (kind == 2) {
            CHECK_OK(fet_study_open(left, true, &study));
            fet_study_close(study);
        }
        CHECK_OK(fet_workspace_create(folder, job));
        check_whole(folder, job);
        remove_folder(folder);
    }
}

static void without_memory(void **state)
{
    (void)state;
    fet_auto(fet_job) job = job_of();
    const char *folder = make_folder();
    for (uint64_t n = 0, failures = 1; failures > 0; n++) {
        fet_alloc_fail_after(n);
        fet_status status = fet_workspace_create(folder, job);
        fet_alloc_fail_after(UINT64_MAX);
        failures = status != FET_OK;
        if (failures) assert_int_equal(status, FET_ERROR_NOMEM);
        assert_true(fet_file_exists(path_in(folder, "study.sqlite")) == !failures);
        assert_true(n < 10000);
    }
    check_whole(folder, job);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(after_a_kill), cmocka_unit_test(without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
