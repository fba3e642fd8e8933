// SPDX-License-Identifier: Apache-2.0
/* The part that every store shares: arguments are checked here once, so that a store only stores. */
#include "study/study.h"

#include "base/alloc.h"
#include "study/store.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

struct fet_study {
    const fet_store_ops *ops;
    void *state;
    pid_t process; /* database handles do not survive a fork; using one would damage the file */
};

void fet_trials_clear(fet_trials *trials)
{
    fet_arena_destroy(trials->arena);
    fet_free(trials->items);
    *trials = (fet_trials){0};
}

fet_status fet_study_open(const char *path, bool create, fet_study **out_study)
{
    if (!path || !*path) return fet_fail(FET_ERROR_ARG, "a study needs a path");
    fet_study *study = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *study, "a study", &study));
    study->ops = fet_store_for(path);
    study->process = getpid();
    fet_status status = study->ops->open(path, create, &study->state);
    if (status != FET_OK) {
        fet_free(study);
        return status;
    }
    *out_study = study;
    return FET_OK;
}

void fet_study_remove(const char *path)
{
    fet_store_for(path)->remove(path);
}

void fet_study_close(fet_study *study)
{
    if (!study) return;
    if (study->process == getpid()) study->ops->close(study->state);
    else study->ops->abandon(study->state);
    fet_free(study);
}

static fet_status check_handle(const fet_study *study)
{
    if (study->process == getpid()) return FET_OK;
    return fet_fail(FET_ERROR_STATE, "this study was opened by process %ld; process %ld must open it again", (long)study->process,
                    (long)getpid());
}

static fet_status check_text(const char *what, const char *text, bool may_be_empty)
{
    if (text && (may_be_empty || *text)) return FET_OK;
    return fet_fail(FET_ERROR_ARG, "study: %s is missing", what);
}

static fet_status check_trial(const fet_study *study, const char *series, const char *owner)
{
    FET_TRY(check_handle(study));
    FET_TRY(check_text("the series of a trial", series, false));
    return check_text("the owner of a lease", owner, false);
}

static fet_status check_seconds(double seconds)
{
    /* 0 is a lease that has expired as soon as it is given: of use to tests, harmless to all. */
    if (isfinite(seconds) && seconds >= 0) return FET_OK;
    return fet_fail(FET_ERROR_ARG, "study: a lease of %g s; expected a finite number of seconds, not negative", seconds);
}

static fet_status check_figures(const char *series, uint32_t number, const fet_figure *figures, uint32_t n_figures)
{
    if (n_figures > 0 && !figures)
        return fet_fail(FET_ERROR_ARG, "study: trial %s/%u has %u figures but none given", series, number, n_figures);
    for (uint32_t i = 0; i < n_figures; i++) {
        const fet_figure *figure = &figures[i];
        FET_TRY(check_text("the name of a figure", figure->name, false));
        FET_TRY(check_text("the unit of a figure", figure->unit, true));
        FET_TRY(check_text("the source of a figure", figure->source, true));
        if (isnan(figure->value) || isnan(figure->spread))
            return fet_fail(FET_ERROR_ARG, "study: trial %s/%u: figure %s is not a number", series, number, figure->name);
    }
    return FET_OK;
}

fet_status fet_study_set(fet_study *study, const char *name, const char *text)
{
    FET_TRY(check_handle(study));
    FET_TRY(check_text("the name of a setting", name, false));
    FET_TRY(check_text("the text of a setting", text, true));
    return study->ops->set(study->state, name, text);
}

fet_status fet_study_get(fet_study *study, const char *name, char **out_text)
{
    FET_TRY(check_handle(study));
    FET_TRY(check_text("the name of a setting", name, false));
    return study->ops->get(study->state, name, out_text);
}

fet_status fet_study_propose(fet_study *study, const char *series, uint32_t number, const char *fidelity, const char *genome,
                             const char *parameters)
{
    FET_TRY(check_handle(study));
    FET_TRY(check_text("the series of a trial", series, false));
    FET_TRY(check_text("the fidelity of a trial", fidelity, true));
    FET_TRY(check_text("the genome of a trial", genome, true));
    FET_TRY(check_text("the parameters of a trial", parameters, true));
    return study->ops->propose(study->state, series, number, fidelity, genome, parameters);
}

fet_status fet_study_lease(fet_study *study, const char *owner, double seconds, fet_trials *out_trial, bool *out_found)
{
    FET_TRY(check_handle(study));
    FET_TRY(check_text("the owner of a lease", owner, false));
    FET_TRY(check_seconds(seconds));
    return study->ops->lease(study->state, owner, seconds, out_trial, out_found);
}

fet_status fet_study_renew(fet_study *study, const char *series, uint32_t number, const char *owner, double seconds)
{
    FET_TRY(check_trial(study, series, owner));
    FET_TRY(check_seconds(seconds));
    return study->ops->renew(study->state, series, number, owner, seconds);
}

fet_status fet_study_finish(fet_study *study, const char *series, uint32_t number, const char *owner, const fet_figure *figures,
                            uint32_t n_figures, const char *artifact, double cpu_s)
{
    FET_TRY(check_trial(study, series, owner));
    FET_TRY(check_text("the artifact of a trial", artifact, true));
    FET_TRY(check_figures(series, number, figures, n_figures));
    fet_store_outcome outcome = {.state = FET_TRIAL_DONE,
                                 .figures = figures,
                                 .n_figures = n_figures,
                                 .artifact = artifact,
                                 .reason = "",
                                 .cpu_s = isnan(cpu_s) ? 0 : cpu_s};
    return study->ops->finish(study->state, series, number, owner, &outcome);
}

fet_status fet_study_fail(fet_study *study, const char *series, uint32_t number, const char *owner, const char *reason, double cpu_s)
{
    FET_TRY(check_trial(study, series, owner));
    FET_TRY(check_text("the reason of a failed trial", reason, false));
    fet_store_outcome outcome = {.state = FET_TRIAL_FAILED, .artifact = "", .reason = reason, .cpu_s = isnan(cpu_s) ? 0 : cpu_s};
    return study->ops->finish(study->state, series, number, owner, &outcome);
}

fet_status fet_study_release(fet_study *study, const char *owner, bool blame, const char *reason)
{
    FET_TRY(check_handle(study));
    FET_TRY(check_text("the owner of a lease", owner, false));
    return study->ops->release(study->state, owner, blame, reason && *reason ? reason : "its worker died");
}

fet_status fet_study_trials(fet_study *study, const char *series, fet_trials *out_trials)
{
    FET_TRY(check_handle(study));
    return study->ops->trials(study->state, series, out_trials);
}

fet_status fet_study_counts(fet_study *study, const char *series, uint32_t out_counts[FET_TRIAL_N_STATES])
{
    FET_TRY(check_handle(study));
    return study->ops->counts(study->state, series, out_counts);
}

double fet_trial_figure(const fet_trial *trial, const char *name, double otherwise)
{
    for (uint32_t i = 0; i < trial->n_figures; i++)
        if (strcmp(trial->figures[i].name, name) == 0) return trial->figures[i].value;
    return otherwise;
}

const char *fet_trial_state_name(fet_trial_state state)
{
    static const char *const names[FET_TRIAL_N_STATES] = {"proposed", "leased", "done", "failed"};
    return (unsigned)state < FET_TRIAL_N_STATES ? names[state] : "unknown";
}
