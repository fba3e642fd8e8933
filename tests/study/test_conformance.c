// SPDX-License-Identifier: Apache-2.0
/* What every store of studies must do, run over the registry (src/study/registry.c); test_processes does the same with many processes. */
#include "check.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "stores.h"

#include <math.h>

/* Leases and returns the number, or UINT32_MAX when there is none. */
static uint32_t lease(fet_study *study, const char *owner, double seconds)
{
    fet_auto_trials trials = {0};
    bool found = false;
    CHECK_OK(fet_study_lease(study, owner, seconds, &trials, &found));
    if (!found) return UINT32_MAX;
    assert_int_equal(trials.count, 1);
    assert_int_equal(trials.items[0].state, FET_TRIAL_LEASED);
    assert_string_equal(trials.items[0].owner, owner);
    return trials.items[0].number;
}

static fet_trial_state state_of(fet_study *study, const char *series, uint32_t number, uint32_t *out_attempts, char *reason,
                                size_t reason_bytes)
{
    fet_auto_trials trials = {0};
    CHECK_OK(fet_study_trials(study, series, &trials));
    assert_true(number < trials.count);
    const fet_trial *trial = &trials.items[number];
    assert_int_equal(trial->number, number);
    if (out_attempts) *out_attempts = trial->attempts;
    if (reason) snprintf(reason, reason_bytes, "%s", trial->reason);
    return trial->state;
}

static void test_settings(void **state)
{
    fet_study *study = study_of(state);
    static const char *const texts[] = {"", "plain", "x'); DROP TABLE trial; --", "two\nlines \"quoted\" %s ?1", "größe 尺寸"};
    char *text = NULL;
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_study_get(study, "job", &text));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_OK(fet_study_set(study, "job", texts[i]));
        CHECK_OK(fet_study_set(study, texts[4], "other"));
        CHECK_OK(fet_study_get(study, "job", &text));
        assert_string_equal(text, texts[i]);
        fet_free(text);
    }
    CHECK_FAILS(FET_ERROR_ARG, fet_study_set(study, "", "text"));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_set(study, "name", NULL));
}

static void test_propose_again_is_resume(void **state)
{
    fet_study *study = study_of(state);
    CHECK_OK(fet_study_propose(study, "V1", 0, "short", "0-1", "{\"epochs\":2}"));
    CHECK_FAILS(FET_ERROR_EXISTS, fet_study_propose(study, "V1", 0, "short", "0-1", "{\"epochs\":2}"));
    /* Another genome or fidelity under the same number is not a resume. */
    CHECK_FAILS(FET_ERROR_STATE, fet_study_propose(study, "V1", 0, "short", "0-2", "{}"));
    CHECK_FAILS(FET_ERROR_STATE, fet_study_propose(study, "V1", 0, "full", "0-1", "{}"));
    CHECK_OK(fet_study_propose(study, "V2", 0, "short", "0-1", "{}"));
    CHECK_OK(fet_study_propose(study, "V1", UINT32_MAX, "short", "0-1", "{}"));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_propose(study, "", 0, "short", "0-1", "{}"));
    /* The state of the trial does not matter. */
    assert_int_equal(lease(study, "w", 10), 0);
    CHECK_FAILS(FET_ERROR_EXISTS, fet_study_propose(study, "V1", 0, "short", "0-1", "{}"));
    CHECK_OK(fet_study_finish(study, "V1", 0, "w", NULL, 0, "", 0));
    CHECK_FAILS(FET_ERROR_EXISTS, fet_study_propose(study, "V1", 0, "short", "0-1", "{}"));
}

static void test_figures_come_back(void **state)
{
    fet_study *study = study_of(state);
    const fet_figure figures[] = {
        {.name = "val_accuracy", .value = 0.1 + 0.2, .unit = "share", .source = "trained", .spread = 0.01},
        {.name = "latency", .value = 1e-300, .unit = "ms", .source = "measured", .spread = 0},
        {.name = "objective", .value = INFINITY, .unit = "", .source = "", .spread = 0},
        {.name = "'; DROP TABLE figure; --", .value = -0x1.fffffffffffffp1023, .unit = "µs", .source = "x", .spread = 1e9},
    };
    fet_auto_trials trials = {0};
    double before = fet_clock_wall_s();
    CHECK_OK(fet_study_propose(study, "b", 1, "full", "1", "{}"));
    CHECK_OK(fet_study_propose(study, "b", 0, "short", "0", "{\"a\":1}"));
    CHECK_OK(fet_study_propose(study, "a", 7, "short", "", ""));
    assert_int_equal(lease(study, "host:1:2", 60), 1); /* the oldest first, not the lowest */
    CHECK_OK(fet_study_finish(study, "b", 1, "host:1:2", figures, 4, "weights/b1.safetensors", 2.5));
    assert_int_equal(lease(study, "host:1:2", 60), 0);
    CHECK_OK(fet_study_fail(study, "b", 0, "host:1:2", "the loss is not a number at step 12", 0.5));
    CHECK_OK(fet_study_trials(study, NULL, &trials));
    assert_int_equal(trials.count, 3);
    assert_string_equal(trials.items[0].series, "a"); /* sorted by series and number */
    assert_int_equal(trials.items[0].state, FET_TRIAL_PROPOSED);
    const fet_trial *failed = &trials.items[1], *done = &trials.items[2];
    assert_int_equal(failed->number, 0);
    assert_int_equal(failed->state, FET_TRIAL_FAILED);
    assert_string_equal(failed->reason, "the loss is not a number at step 12");
    assert_string_equal(failed->parameters, "{\"a\":1}");
    assert_int_equal(failed->n_figures, 0);
    assert_int_equal(done->state, FET_TRIAL_DONE);
    assert_string_equal(done->fidelity, "full");
    assert_string_equal(done->artifact, "weights/b1.safetensors");
    assert_string_equal(done->reason, "");
    assert_int_equal(done->attempts, 1);
    assert_true(done->cpu_s == 2.5);
    assert_true(before <= done->proposed_s && done->proposed_s <= done->started_s && done->started_s <= done->finished_s);
    assert_true(done->finished_s <= fet_clock_wall_s());
    assert_int_equal(done->n_figures, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_string_equal(done->figures[i].name, figures[i].name);
        assert_string_equal(done->figures[i].unit, figures[i].unit);
        assert_string_equal(done->figures[i].source, figures[i].source);
        assert_true(done->figures[i].value == figures[i].value); /* bit for bit */
        assert_true(done->figures[i].spread == figures[i].spread);
        assert_true(fet_trial_figure(done, figures[i].name, -1) == figures[i].value);
    }
    assert_true(fet_trial_figure(done, "absent", -1) == -1);
    fet_trials_clear(&trials);
    CHECK_OK(fet_study_trials(study, "a", &trials));
    assert_int_equal(trials.count, 1);
    fet_trials_clear(&trials);
    CHECK_OK(fet_study_trials(study, "no such series", &trials));
    assert_int_equal(trials.count, 0);
}

static void test_finish_exactly_once(void **state)
{
    fet_study *study = study_of(state);
    fet_figure figure = {.name = "x", .value = 1, .unit = "", .source = ""}, other = {.name = "x", .value = 2, .unit = "", .source = ""};
    propose_n(study, "V1", 1);
    CHECK_FAILS(FET_ERROR_STATE, fet_study_finish(study, "V1", 0, "w1", &figure, 1, "", 0)); /* not leased */
    assert_int_equal(lease(study, "w1", 60), 0);
    assert_int_equal(lease(study, "w2", 60), UINT32_MAX); /* nobody else gets it */
    CHECK_FAILS(FET_ERROR_STATE, fet_study_finish(study, "V1", 0, "w2", &figure, 1, "", 0));
    CHECK_FAILS(FET_ERROR_STATE, fet_study_fail(study, "V1", 0, "w2", "reason", 0));
    CHECK_FAILS(FET_ERROR_STATE, fet_study_finish(study, "V1", 1, "w1", &figure, 1, "", 0)); /* no such trial */
    CHECK_OK(fet_study_finish(study, "V1", 0, "w1", &figure, 1, "a", 0));
    CHECK_FAILS(FET_ERROR_STATE, fet_study_finish(study, "V1", 0, "w1", &other, 1, "b", 0));
    CHECK_FAILS(FET_ERROR_STATE, fet_study_fail(study, "V1", 0, "w1", "reason", 0));
    CHECK_FAILS(FET_ERROR_STATE, fet_study_renew(study, "V1", 0, "w1", 60));
    fet_auto_trials trials = {0};
    CHECK_OK(fet_study_trials(study, "V1", &trials));
    assert_int_equal(trials.items[0].state, FET_TRIAL_DONE);
    assert_string_equal(trials.items[0].artifact, "a");
    assert_int_equal(trials.items[0].n_figures, 1);
    assert_true(trials.items[0].figures[0].value == 1);
}

static void test_expired_lease_is_retried_once(void **state)
{
    fet_study *study = study_of(state);
    char reason[256];
    uint32_t attempts = 0;
    propose_n(study, "V1", 1);
    assert_int_equal(lease(study, "host:11:1", 0), 0);
    fet_clock_sleep_s(0.01);
    assert_int_equal(lease(study, "host:12:1", 0), 0); /* the first died; once more */
    CHECK_FAILS(FET_ERROR_STATE, fet_study_finish(study, "V1", 0, "host:11:1", NULL, 0, "", 0));
    fet_clock_sleep_s(0.01);
    assert_int_equal(lease(study, "host:13:1", 60), UINT32_MAX); /* not a third time */
    assert_int_equal(state_of(study, "V1", 0, &attempts, reason, sizeof reason), FET_TRIAL_FAILED);
    assert_int_equal(attempts, 2);
    assert_non_null(strstr(reason, "host:12:1"));
    assert_non_null(strstr(reason, "expired"));
    CHECK_FAILS(FET_ERROR_STATE, fet_study_finish(study, "V1", 0, "host:12:1", NULL, 0, "", 0));
}

static void test_late_report_and_renewal(void **state)
{
    fet_study *study = study_of(state);
    propose_n(study, "V1", 2);
    assert_int_equal(lease(study, "w1", 0), 0);
    fet_clock_sleep_s(0.01);
    CHECK_OK(fet_study_finish(study, "V1", 0, "w1", NULL, 0, "", 0)); /* late, but nobody has taken it */
    assert_int_equal(lease(study, "w1", 0), 1);
    CHECK_OK(fet_study_renew(study, "V1", 1, "w1", 60));
    CHECK_FAILS(FET_ERROR_STATE, fet_study_renew(study, "V1", 1, "w2", 60));
    fet_clock_sleep_s(0.01);
    assert_int_equal(lease(study, "w2", 60), UINT32_MAX); /* the renewed lease holds */
    CHECK_OK(fet_study_finish(study, "V1", 1, "w1", NULL, 0, "", 0));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_renew(study, "V1", 1, "w1", NAN));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_renew(study, "V1", 1, "w1", -1));
}

static void test_release(void **state)
{
    fet_study *study = study_of(state);
    char reason[256];
    uint32_t attempts = 0;
    propose_n(study, "V1", 2);
    /* Interrupted from outside, as often as you like: never counted. */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(lease(study, "w1", 60), 0);
        CHECK_OK(fet_study_release(study, "w1", false, "interrupted"));
        assert_int_equal(state_of(study, "V1", 0, &attempts, NULL, 0), FET_TRIAL_PROPOSED);
        assert_int_equal(attempts, 0);
    }
    /* To blame: once more, then failed; the lease of another worker is untouched. */
    assert_int_equal(lease(study, "w1", 60), 0);
    assert_int_equal(lease(study, "w2", 60), 1);
    CHECK_OK(fet_study_release(study, "w1", true, "killed by signal 11"));
    assert_int_equal(state_of(study, "V1", 0, &attempts, reason, sizeof reason), FET_TRIAL_PROPOSED);
    assert_int_equal(attempts, 1);
    assert_string_equal(reason, "");
    assert_int_equal(state_of(study, "V1", 1, NULL, NULL, 0), FET_TRIAL_LEASED);
    assert_int_equal(lease(study, "w1", 60), 0);
    CHECK_OK(fet_study_release(study, "w1", true, "killed by signal 11"));
    assert_int_equal(state_of(study, "V1", 0, &attempts, reason, sizeof reason), FET_TRIAL_FAILED);
    assert_int_equal(attempts, 2);
    assert_string_equal(reason, "killed by signal 11");
    CHECK_OK(fet_study_release(study, "nobody", true, NULL));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_release(study, "", true, NULL));
    CHECK_OK(fet_study_finish(study, "V1", 1, "w2", NULL, 0, "", 0));
}

static void test_counts(void **state)
{
    fet_study *study = study_of(state);
    uint32_t counts[FET_TRIAL_N_STATES] = {9, 9, 9, 9};
    CHECK_OK(fet_study_counts(study, NULL, counts));
    for (int i = 0; i < FET_TRIAL_N_STATES; i++) assert_int_equal(counts[i], 0);
    propose_n(study, "V1", 4);
    propose_n(study, "V2", 3);
    assert_int_equal(lease(study, "w", 60), 0);
    CHECK_OK(fet_study_finish(study, "V1", 0, "w", NULL, 0, "", 0));
    assert_int_equal(lease(study, "w", 60), 1);
    CHECK_OK(fet_study_fail(study, "V1", 1, "w", "r", 0));
    assert_int_equal(lease(study, "w", 60), 2);
    CHECK_OK(fet_study_counts(study, "V1", counts));
    for (int i = 0; i < FET_TRIAL_N_STATES; i++) assert_int_equal(counts[i], 1);
    CHECK_OK(fet_study_counts(study, NULL, counts));
    assert_int_equal(counts[FET_TRIAL_PROPOSED], 4);
    assert_string_equal(fet_trial_state_name(FET_TRIAL_LEASED), "leased");
}

static void test_bad_arguments(void **state)
{
    fet_study *study = study_of(state);
    fet_figure nan_value = {.name = "loss", .value = NAN, .unit = "", .source = ""},
               no_name = {.name = "", .value = 1, .unit = "", .source = ""};
    fet_trials trials = {0};
    bool found = false;
    propose_n(study, "V1", 1);
    assert_int_equal(lease(study, "w", 60), 0);
    CHECK_FAILS(FET_ERROR_ARG, fet_study_finish(study, "V1", 0, "w", &nan_value, 1, "", 0));
    assert_non_null(strstr(fet_error_message(), "loss"));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_finish(study, "V1", 0, "w", &no_name, 1, "", 0));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_fail(study, "V1", 0, "w", "", 0));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_lease(study, "", 60, &trials, &found));
    CHECK_FAILS(FET_ERROR_ARG, fet_study_lease(study, "w", INFINITY, &trials, &found));
    assert_int_equal(state_of(study, "V1", 0, NULL, NULL, 0), FET_TRIAL_LEASED);
}

static void test_what_is_done_is_there_after_reopening(void **state)
{
    store_fixture *fixture = *state;
    char *text = NULL;
    CHECK_OK(fet_study_set(fixture->study, "seed", "7"));
    propose_n(fixture->study, "V1", 2);
    assert_int_equal(lease(fixture->study, "w", 60), 0);
    CHECK_OK(fet_study_finish(fixture->study, "V1", 0, "w", NULL, 0, "w.bin", 1));
    fet_study *second = NULL;
    CHECK_FAILS(FET_ERROR_EXISTS, fet_study_open(fixture->place.path, true, &second));
    CHECK_OK(fet_study_open(fixture->place.path, false, &second)); /* while the first is open */
    fet_study_close(fixture->study);
    fixture->study = second;
    CHECK_OK(fet_study_get(second, "seed", &text));
    assert_string_equal(text, "7");
    fet_free(text);
    assert_int_equal(state_of(second, "V1", 0, NULL, NULL, 0), FET_TRIAL_DONE);
    assert_int_equal(state_of(second, "V1", 1, NULL, NULL, 0), FET_TRIAL_PROPOSED);
}

static void test_handle_across_fork(void **state)
{
    fet_study *study = study_of(state);
    propose_n(study, "V1", 1);
    pid_t child = fork();
    if (child == 0) {
        fet_status status = fet_study_propose(study, "V1", 1, "short", "0", "{}");
        fet_study_close(study);
        _exit(status == FET_ERROR_STATE ? 0 : 1);
    }
    wait_for(child, 0);
    propose_n(study, "V2", 1); /* the parent's handle still works */
}

int main(void)
{
    static const store_case cases[] = {
        {"settings", test_settings},
        {"propose_again_is_resume", test_propose_again_is_resume},
        {"figures_come_back", test_figures_come_back},
        {"finish_exactly_once", test_finish_exactly_once},
        {"expired_lease_is_retried_once", test_expired_lease_is_retried_once},
        {"late_report_and_renewal", test_late_report_and_renewal},
        {"release", test_release},
        {"counts", test_counts},
        {"bad_arguments", test_bad_arguments},
        {"what_is_done_is_there_after_reopening", test_what_is_done_is_there_after_reopening},
        {"handle_across_fork", test_handle_across_fork},
    };
    return run_over_stores(cases, sizeof cases / sizeof *cases);
}
