// SPDX-License-Identifier: Apache-2.0
/* What a job says of its space: decisions and their options, a saved list, and for every way to get them wrong one line. */
#include "check.h"
#include "job_check.h"

#include <unistd.h>

static void test_resolutions(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    fet_auto(fet_job) usual = NULL;
    CHECK_OK(job_of(DATA "space: {decisions: [{resolution: network, options: [0.6, 0.8, 1]}]}\n", &job));
    assert_true(job->kinds & FET_SPACE_RESOLUTION);
    assert_int_equal(job->n_resolutions, 3);
    CHECK_NEAR(job->resolutions[0], 0.6, 0);
    CHECK_NEAR(job->resolutions[2], 1, 0);
    CHECK_OK(job_of(DATA "space: {decisions: [{resolution: network}]}\n", &usual));
    assert_true(usual->kinds & FET_SPACE_RESOLUTION);
    assert_int_equal(usual->n_resolutions, 0);
}

static void test_fewer_decisions_fewer_variants(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    CHECK_OK(job_of(DATA "space: {decisions: [{width: stages}]}\n", &job));
    assert_int_equal(job->n_variants, 1);
    assert_string_equal(job->variants[0].name, "V1");
    assert_int_equal(job->n_multipliers, 0);
}

/* Lines of a file become locks, those of the job come behind; the job's text needs the file no more. */
static void test_space_file(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    fet_auto(fet_job) again = NULL;
    char path[] = "/tmp/fettle-job-space-XXXXXX", text[512];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fputs("locks:\n  - stage1.width=16,24,32\n  - stage2.block0.form!=fused\n  - multiplier!=x0.5\n", file);
    fclose(file);
    snprintf(text, sizeof text, DATA "space: {file: %s, lock: {stage1.block0: ibn}}\n", path);
    CHECK_OK(job_of(text, &job));
    unlink(path);
    static const char *const locks[] = {"stage1.width=16,24,32", "stage2.block0.form!=fused", "multiplier!=x0.5", "stage1.block0.form=ibn"};
    assert_int_equal(job->n_locks, 4);
    for (int l = 0; l < 4; l++) assert_string_equal(job->locks[l], locks[l]);
    assert_int_equal(job->kinds, FET_SPACE_ALL);
    CHECK_OK(job_of(job->text, &again));
    assert_int_equal(again->n_locks, 4);
    for (int l = 0; l < 4; l++) assert_string_equal(again->locks[l], locks[l]);
    assert_string_equal(again->text, job->text);
    fet_job *none = NULL;
    CHECK_FAILS(FET_ERROR_NOT_FOUND, job_of(DATA "space: {file: /nonexistent.yaml}\n", &none));
}

static const job_mistake mistakes[] = {
    {DATA "space: {decisions: [{fuse: blocks}]}\nsearch: {variants: [V3]}\n",
     "3: field \"search.variants[0]\": V3 needs a decision that space.decisions does not list"},
    {DATA "space: {decisions: [{width: stages, options: 1.5..0.5}]}\n",
     "2: field \"space.decisions[0].options\": \"1.5..0.5\" is no range: expected such as 0.5..1.5 within 0.05..8"},
    {DATA "space: {decisions: [{width: stages}, {multiplier: [0.5]}]}\n",
     "2: field \"space.decisions[1].multiplier\": 1 is not among them: expected the base itself to be a choice"},
    {DATA "space: {decisions: [{resolution: network, options: 0.5..1}]}\n",
     "2: field \"space.decisions[0].options\": expected a list of shares of the base's size, such as [0.6, 0.8]"},
    {DATA "space: {decisions: [{resolution: network, options: [0.5, 5]}]}\n",
     "2: field \"space.decisions[0].options\": 5 is out of range: expected 0.05 to 4"},
    {DATA "space: {decisions: [{resolution: network, options: []}]}\n",
     "2: field \"space.decisions[0].options\": the list is empty: expected shares of the base's size, such as [0.6, 0.8]"},
    {DATA "space: {decisions: [{resolution: network, options: [[1]]}]}\n",
     "2: field \"space.decisions[0].options\": expected numbers in the list, such as [0.6, 0.8]"},
    {DATA "space: {decisions: [{resolution: network, options: [1, 1, 1, 1, 1, 1, 1, 1, 1]}]}\n",
     "2: field \"space.decisions[0].options\": too many: expected at most 8"},
    {DATA "space: {decisions: [{multiplier: [1]}]}\n",
     "2: field \"space.decisions\": a multiplier without {width: stages}: expected both, for it multiplies those widths"},
    {DATA "space: {decisions: [{fuse: blocks}, {fuse: blocks}]}\n",
     "2: field \"space.decisions[1]\": a decision of this kind stands above already"},
    {DATA "space: {decisions: [{fuse: blocks, skip: blocks}]}\n", NULL},
    {DATA "space: {decisions: [{kernel: stages}]}\n",
     "2: field \"space.decisions[0].kernel\": \"stages\" is no site of a decision: expected blocks"},
    {DATA "space: {decisions: [{width: network}]}\n",
     "2: field \"space.decisions[0].width\": \"network\" is no site of a decision: expected stages, groups, blocks or all"},
    {DATA "space: {lock: [a]}\n", "2: field \"space.lock\": expected a mapping such as {stage2.block0: ibn}"},
};

static void test_mistakes(void **state)
{
    (void)state;
    check_job_mistakes(mistakes, sizeof mistakes / sizeof *mistakes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolutions),
        cmocka_unit_test(test_fewer_decisions_fewer_variants),
        cmocka_unit_test(test_space_file),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests_name("job_space", tests, NULL, NULL);
}
