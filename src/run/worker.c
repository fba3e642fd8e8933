// SPDX-License-Identifier: Apache-2.0
#include "run/worker.h"

#include "base/clock.h"
#include "run/evaluate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Field 22 of /proc/PID/stat: clock ticks from boot to the process's start. A pid that was given out again has another one. 0: no such
 * process. */
static unsigned long long process_start(long pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    size_t got = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[got] = '\0';
    char *at = strrchr(line, ')'); /* the name may hold anything, so count from its end: state is field 3 */
    if (!at) return 0;
    if (at[1] && at[2] == 'Z') return 0; /* a zombie does no work */
    for (int field = 2; field < 22 && at; field++) at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

static void host_name(char *host, size_t bytes)
{
    if (gethostname(host, bytes) != 0) snprintf(host, bytes, "localhost");
    host[bytes - 1] = '\0';
}

void fet_worker_owner_name(char *owner, size_t bytes)
{
    char host[128];
    host_name(host, sizeof host);
    snprintf(owner, bytes, "%s:%ld:%llu", host, (long)getpid(), process_start((long)getpid()));
}

bool fet_worker_owner_is_dead(const char *owner)
{
    char host[128];
    host_name(host, sizeof host);
    size_t length = strlen(host);
    if (strncmp(owner, host, length) != 0 || owner[length] != ':') return false;
    char *end = NULL;
    long pid = strtol(owner + length + 1, &end, 10);
    if (*end != ':') return false;
    return process_start(pid) != strtoull(end + 1, NULL, 10);
}

fet_worker_options fet_worker_default_options(void)
{
    /* Reading the data and judging a large network give no sign of life, for minutes on a busy machine. A worker that died on this host is
     * noticed at once; only one on another host is waited for so long. */
    return (fet_worker_options){.lease_s = 600};
}

typedef struct shift { /* one trial at work */
    fet_workspace *workspace;
    const fet_worker_options *options;
    const fet_trial *trial;
    const char *owner;
    double renewed_s;
    bool stopped, lost;
} shift;

static void say(const fet_worker_options *options, const char *line)
{
    if (options->say) options->say(options->context, line);
}

static bool on_progress(void *context, uint64_t done, uint64_t total, double loss, double images_per_s)
{
    shift *s = context;
    char line[256];
    snprintf(line, sizeof line, "progress %s %u %" PRIu64 " %" PRIu64 " %.4f %.0f", s->trial->series, s->trial->number, done, total, loss,
             images_per_s);
    say(s->options, line);
    if (s->options->stopped && s->options->stopped(s->options->context)) s->stopped = true;
    double now_s = fet_clock_monotonic_s();
    if (!s->stopped && now_s - s->renewed_s > s->options->lease_s / 4) {
        s->renewed_s = now_s;
        s->lost =
            fet_study_renew(s->workspace->study, s->trial->series, s->trial->number, s->owner, s->options->lease_s) == FET_ERROR_STATE;
    }
    return !s->stopped && !s->lost;
}

/* True for errors of this machine rather than of the trial: another try later may well succeed, so the trial is given back. */
static bool is_of_machine(fet_status status)
{
    return status == FET_ERROR_IO || status == FET_ERROR_NOMEM;
}

static fet_status report(shift *s, fet_status status, const fet_evaluation *evaluation, double cpu_s)
{
    char line[1200];
    fet_study *study = s->workspace->study;
    const fet_trial *trial = s->trial;
    if (status == FET_OK) {
        const char *artifact = evaluation->artifact ? evaluation->artifact : "";
        FET_TRY(
            fet_study_finish(study, trial->series, trial->number, s->owner, evaluation->figures, evaluation->n_figures, artifact, cpu_s));
        snprintf(line, sizeof line, "done %s %u", trial->series, trial->number);
    } else {
        char reason[1024];
        snprintf(reason, sizeof reason, "%s", fet_error_message());
        FET_TRY(fet_study_fail(study, trial->series, trial->number, s->owner, reason, cpu_s));
        snprintf(line, sizeof line, "failed %s %u %s", trial->series, trial->number, reason);
    }
    say(s->options, line);
    return FET_OK;
}

/* Evaluates one leased trial. A lost lease is no error: somebody else has the trial now. */
static fet_status work(shift *s)
{
    fet_evaluation evaluation = {0};
    double cpu_start_s = fet_clock_cpu_s();
    fet_status status = fet_evaluate(s->workspace, s->trial, on_progress, s, &evaluation);
    double cpu_s = fet_clock_cpu_s() - cpu_start_s;
    if (status != FET_OK && s->lost) return FET_OK;
    if (status != FET_OK && (s->stopped || is_of_machine(status))) {
        char message[1024];
        snprintf(message, sizeof message, "%s", fet_error_message());
        FET_TRY(fet_study_release(s->workspace->study, s->owner, false, ""));
        return s->stopped ? FET_OK : fet_fail(status, "%s", message);
    }
    status = report(s, status, &evaluation, cpu_s);
    fet_evaluation_clear(&evaluation);
    return status == FET_ERROR_STATE ? FET_OK : status; /* STATE: the lease expired under a slow evaluation */
}

static bool study_is_finished(fet_workspace *workspace)
{
    char *state = NULL;
    bool finished = fet_study_get(workspace->study, "state", &state) == FET_OK && strcmp(state, "finished") == 0;
    fet_free(state);
    return finished;
}

fet_status fet_worker_run(const char *dir, const fet_worker_options *options, fet_worker_end *out_end)
{
    fet_auto(fet_workspace) workspace = NULL;
    FET_TRY(fet_workspace_open(dir, &workspace));
    char owner[256];
    fet_worker_owner_name(owner, sizeof owner);
    *out_end = FET_WORKER_FINISHED;
    for (;;) {
        if (options->stopped && options->stopped(options->context)) {
            *out_end = FET_WORKER_INTERRUPTED;
            return FET_OK;
        }
        fet_trials leased = {0};
        bool found = false;
        FET_TRY(fet_study_lease(workspace->study, owner, options->lease_s, &leased, &found));
        if (found) {
            shift s = {.workspace = workspace,
                       .options = options,
                       .trial = &leased.items[0],
                       .owner = owner,
                       .renewed_s = fet_clock_monotonic_s()};
            fet_status status = work(&s);
            fet_trials_clear(&leased);
            FET_TRY(status);
            continue;
        }
        if (!options->stay || study_is_finished(workspace)) return FET_OK;
        fet_clock_sleep_s(0.05);
    }
}
