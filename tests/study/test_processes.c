// SPDX-License-Identifier: Apache-2.0
/* Many worker processes on one study, for every store of the registry: no trial is done twice or lost, also when workers are killed at
 * random moments. */
#include "check.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "stores.h"

#include <signal.h>

/*
 * A worker process: leases until no trial is left unfinished, logs what it finished once the store has said so. Trial n of n is "done" with
 * figure 3 n + 1, so that a mixed-up report shows. Exits 0, or with the line that failed.
 */
#define CHILD(expr)                                                                                                                        \
    do {                                                                                                                                   \
        if ((expr) != FET_OK) {                                                                                                            \
            fprintf(stderr, "worker: %s\n", fet_error_message());                                                                          \
            _exit(1);                                                                                                                      \
        }                                                                                                                                  \
    } while (0)

static void work(const char *path, const char *log, double work_s)
{
    fet_study *study = NULL;
    char owner[64], line[96];
    snprintf(owner, sizeof owner, "test:%ld", (long)getpid());
    CHILD(fet_study_open(path, false, &study));
    for (;;) {
        fet_trials trials = {0};
        bool found = false;
        CHILD(fet_study_lease(study, owner, 60, &trials, &found));
        if (found) {
            uint32_t number = trials.items[0].number;
            char series[16];
            snprintf(series, sizeof series, "%s", trials.items[0].series);
            fet_trials_clear(&trials);
            if (work_s > 0) fet_clock_sleep_s(work_s);
            fet_figure figure = {.name = "f", .value = 3.0 * number + 1, .unit = "", .source = ""};
            CHILD(fet_study_finish(study, series, number, owner, &figure, 1, "", 0));
            int length = snprintf(line, sizeof line, "%s %u %s\n", series, number, owner);
            CHILD(fet_file_append(log, line, (size_t)length));
        }
        uint32_t counts[FET_TRIAL_N_STATES];
        char *closed = NULL;
        CHILD(fet_study_counts(study, NULL, counts));
        bool all_proposed = fet_study_get(study, "closed", &closed) == FET_OK;
        fet_free(closed);
        if (all_proposed && counts[FET_TRIAL_PROPOSED] + counts[FET_TRIAL_LEASED] == 0) break;
        if (!found) fet_clock_sleep_s(0.002);
    }
    fet_study_close(study);
    _exit(0);
}

static pid_t start_worker(const store_fixture *fixture, const char *log, double work_s)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) work(fixture->place.path, log, work_s);
    return child;
}

/* Every trial is done, with its own figure, by the worker that logged it; nobody logged a trial that another finished. */
static void check_all_done(const store_fixture *fixture, const char *log, uint32_t n_series, uint32_t n)
{
    fet_auto_trials trials = {0};
    CHECK_OK(fet_study_trials(fixture->study, NULL, &trials));
    assert_int_equal(trials.count, n_series * n);
    for (size_t i = 0; i < trials.count; i++) {
        const fet_trial *trial = &trials.items[i];
        assert_int_equal(trial->number, i % n);
        assert_int_equal(trial->state, FET_TRIAL_DONE);
        assert_int_equal(trial->attempts, 1);
        assert_true(fet_trial_figure(trial, "f", -1) == 3.0 * trial->number + 1);
    }
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(log, 1 << 20, &data, &bytes));
    uint8_t *seen = calloc(trials.count, 1);
    assert_non_null(seen);
    char *rest = data;
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        unsigned series = 0, number = 0;
        char owner[64];
        assert_int_equal(sscanf(line, "V%u %u %63s", &series, &number, owner), 3);
        size_t i = series * n + number;
        assert_int_equal(seen[i]++, 0);
        assert_string_equal(trials.items[i].owner, owner);
    }
    free(seen);
    fet_free(data);
}

static void test_many_processes_share_the_queue(void **state)
{
    enum { WORKERS = 4, SERIES = 2, TRIALS = 25 };
    store_fixture *fixture = *state;
    char log[512];
    pid_t workers[WORKERS];
    snprintf(log, sizeof log, "%s/log", fixture->place.folder);
    for (int i = 0; i < WORKERS; i++) workers[i] = start_worker(fixture, log, 0);
    /* Two proposers offer the same trials at once, while the workers take them: each is there once. */
    pid_t proposer = fork();
    if (proposer == 0) {
        fet_study *study = NULL;
        CHILD(fet_study_open(fixture->place.path, false, &study));
        for (uint32_t i = 0; i < TRIALS; i++)
            for (char series[] = "V0"; series[1] < '0' + SERIES; series[1]++)
                if (fet_study_propose(study, series, i, "short", "0", "{}") == FET_ERROR_IO) _exit(1);
        fet_study_close(study);
        _exit(0);
    }
    for (uint32_t i = 0; i < TRIALS; i++) {
        for (char series[] = "V0"; series[1] < '0' + SERIES; series[1]++) {
            fet_status status = fet_study_propose(fixture->study, series, i, "short", "0", "{}");
            assert_true(status == FET_OK || status == FET_ERROR_EXISTS);
        }
    }
    wait_for(proposer, 0);
    CHECK_OK(fet_study_set(fixture->study, "closed", "yes"));
    for (int i = 0; i < WORKERS; i++) wait_for(workers[i], 0);
    check_all_done(fixture, log, SERIES, TRIALS);
}

static void test_killed_workers_lose_nothing(void **state)
{
    enum { WORKERS = 3, TRIALS = 40, KILLS = 20 };
    store_fixture *fixture = *state;
    char log[512], owner[64];
    pid_t workers[WORKERS];
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    snprintf(log, sizeof log, "%s/log", fixture->place.folder);
    CHECK_OK(fet_file_append(log, "", 0));
    propose_n(fixture->study, "V0", TRIALS);
    for (int i = 0; i < WORKERS; i++) workers[i] = start_worker(fixture, log, 0.01);
    for (int kills = 0; kills < KILLS; kills++) {
        fet_clock_sleep_s(0.02 * fet_rng_uniform(&rng));
        uint32_t i = fet_rng_below(&rng, WORKERS);
        int status = 0;
        kill(workers[i], SIGKILL);
        assert_int_equal(waitpid(workers[i], &status, 0), workers[i]);
        assert_true(WIFSIGNALED(status));
        snprintf(owner, sizeof owner, "test:%ld", (long)workers[i]);
        CHECK_OK(fet_study_release(fixture->study, owner, false, "killed"));
        workers[i] = start_worker(fixture, log, 0.01);
    }
    CHECK_OK(fet_study_set(fixture->study, "closed", "yes"));
    for (int i = 0; i < WORKERS; i++) wait_for(workers[i], 0);
    check_all_done(fixture, log, 1, TRIALS);
}

int main(void)
{
    static const store_case cases[] = {
        {"many_processes_share_the_queue", test_many_processes_share_the_queue},
        {"killed_workers_lose_nothing", test_killed_workers_lose_nothing},
    };
    return run_over_stores(cases, sizeof cases / sizeof *cases);
}
