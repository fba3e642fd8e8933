// SPDX-License-Identifier: Apache-2.0
#include "run/search_internal.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* A short trial also recalibrates and evaluates; in epochs of training that costs about this much. */
static const double overhead_epochs = 0.15;
/* How long workers may take to save a checkpoint when they are asked to stop. */
static const double stop_grace_s = 10;

bool fet_search_is_stopped(fet_search *search)
{
    if (!search->stopped && search->options->stopped) search->stopped = search->options->stopped(search->options->context);
    return search->stopped;
}

static double share_done(const fet_search *search)
{
    double units = search->units_done;
    for (size_t i = 0; i < sizeof search->in_flight / sizeof *search->in_flight; i++) units += search->in_flight[i];
    double share = search->units_total > 0 ? units / search->units_total : 0;
    return share > 1 ? 1 : share;
}

static void tell(fet_search *search, bool is_news, const char *format, va_list arguments)
{
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    fet_search_event event = {.phase = search->phase, .text = text, .is_news = is_news, .share = share_done(search)};
    if (search->options->on_event) search->options->on_event(search->options->context, &event);
}

void fet_search_news(fet_search *search, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(search, true, format, arguments);
    va_end(arguments);
}

void fet_search_progress(fet_search *search, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(search, false, format, arguments);
    va_end(arguments);
}

static double units_of(const fet_job *job, const char *fidelity)
{
    if (strcmp(fidelity, "base") == 0) return job->base_epochs;
    if (strcmp(fidelity, "short") == 0) return job->short_epochs + overhead_epochs;
    if (strcmp(fidelity, "full") == 0) return job->full_epochs + overhead_epochs;
    return 0;
}

static void plan_units(fet_search *search)
{
    const fet_job *job = search->job;
    search->units_total = units_of(job, "base") + units_of(job, "short") * (1.0 + (double)job->trials * job->n_variants) +
                          units_of(job, "full") * (1.0 + (double)job->finalists * job->n_variants);
}

/* A worker's line. Only progress matters here: the store says what is finished. */
static void on_line(void *context, const char *line)
{
    fet_search *search = context;
    const fet_job *job = search->job;
    char series[64], trial[64];
    unsigned number = 0;
    uint64_t done = 0, total = 0;
    double loss = 0, speed = 0;
    bool is_progress = sscanf(line, "progress %63s %u %" SCNu64 " %" SCNu64 " %lf %lf", series, &number, &done, &total, &loss, &speed) == 6;
    bool is_over =
        !is_progress && (sscanf(line, "done %63s %u", series, &number) == 2 || sscanf(line, "failed %63s %u", series, &number) == 2);
    if (!is_progress && !is_over) return;
    int length = snprintf(trial, sizeof trial, "%.48s %u", series, number);
    if (length < 0) return;
    size_t slots = sizeof search->in_flight / sizeof *search->in_flight, at = slots;
    for (size_t i = slots; i-- > 0;)
        if (strcmp(search->in_flight_trial[i], trial) == 0 || (at == slots && search->in_flight_trial[i][0] == '\0')) at = i;
    for (size_t i = 0; i < slots; i++)
        if (strcmp(search->in_flight_trial[i], trial) == 0) at = i;
    if (at == slots) return;
    const char *fidelity = strcmp(series, FET_SERIES_BASE) == 0 ? "base" : strcmp(series, FET_SERIES_FINALISTS) == 0 ? "full" : "short";
    snprintf(search->in_flight_trial[at], sizeof search->in_flight_trial[at], "%s", is_over ? "" : trial);
    search->in_flight[at] = is_over || total == 0 ? 0 : units_of(job, fidelity) * (double)done / (double)total;
    if (is_progress && speed > 0 && strcmp(fidelity, "short") != 0) /* an external evaluator tells no speed */
        fet_search_progress(search, "%s %u: batch %" PRIu64 " of %" PRIu64 ", loss %.3f, %.0f images/s", series, number, done, total, loss,
                            speed);
}

fet_status fet_search_propose(fet_search *search, const char *series, uint32_t number, const char *fidelity, const char *genome,
                              const char *parameters)
{
    fet_status status = fet_study_propose(search->workspace->study, series, number, fidelity, genome, parameters);
    if (status != FET_ERROR_EXISTS) return status;
    fet_error_clear();
    return FET_OK;
}

fet_status fet_search_look(fet_search *search, const char *series, uint32_t *out_open)
{
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(search->workspace->study, NULL, &trials));
    search->units_done = 0;
    *out_open = 0;
    for (size_t t = 0; t < trials.count; t++) {
        const fet_trial *trial = &trials.items[t];
        bool over = trial->state == FET_TRIAL_DONE || trial->state == FET_TRIAL_FAILED;
        if (over) search->units_done += units_of(search->job, trial->fidelity);
        else if (series && strcmp(trial->series, series) == 0) ++*out_open;
    }
    fet_trials_clear(&trials);
    return FET_OK;
}

fet_status fet_search_wait(fet_search *search, const char *series)
{
    for (;;) {
        uint32_t open = 0;
        FET_TRY(fet_search_look(search, series, &open));
        if (open == 0 || fet_search_is_stopped(search)) return FET_OK;
        FET_TRY(fet_pool_pump(search->pool, 0.1));
    }
}

static void close_search(fet_search *search)
{
    fet_pool_stop(search->pool, stop_grace_s);
    for (uint32_t v = 0; v < FET_JOB_MAX_VARIANTS; v++) {
        fet_free(search->candidates[v]);
        fet_series_destroy(search->series[v]);
        fet_costs_destroy(search->costs[v]);
    }
    fet_costs_destroy(search->whole_costs);
    fet_device_close(search->device);
    fet_workspace_destroy(search->workspace);
}

/* One coordinator a folder: the lock is the process's and dies with it. */
static fet_status lock_folder(const char *dir, int *out_lock)
{
    char *path = NULL;
    FET_TRY(fet_path_join(dir, ".lock", &path));
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    fet_status status = FET_OK;
    if (file < 0) status = fet_fail(FET_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    else if (flock(file, LOCK_EX | LOCK_NB) != 0) status = fet_fail(FET_ERROR_STATE, "%s: another search is running in this folder", dir);
    if (status != FET_OK && file >= 0) close(file);
    if (status == FET_OK) *out_lock = file;
    fet_free(path);
    return status;
}

static fet_status study_exists(const fet_job *job, bool *out_exists)
{
    char *path = NULL;
    FET_TRY(fet_path_join(job->output, "study.sqlite", &path));
    *out_exists = fet_file_exists(path);
    fet_free(path);
    return FET_OK;
}

/* A new study, or with resume the one that is there: it must hold this very job. */
static fet_status prepare_folder(const fet_job *job, bool resume)
{
    bool exists = false;
    FET_TRY(study_exists(job, &exists));
    if (!exists) return fet_workspace_create(job->output, job);
    if (!resume)
        return fet_fail(FET_ERROR_EXISTS, "%s: holds a study already: add --resume to go on with it, or choose another output folder",
                        job->output);
    fet_auto(fet_workspace) workspace = NULL;
    FET_TRY(fet_workspace_open(job->output, &workspace));
    if (job->base_onnx && workspace->job->base_onnx && workspace->job->base_hash != job->base_hash)
        return fet_fail(FET_ERROR_STATE,
                        "%s: holds a study of another network (%s changed since): choose another output folder, or put the file back",
                        job->output, job->base_onnx);
    if (strcmp(workspace->job->text, job->text) != 0)
        return fet_fail(FET_ERROR_STATE,
                        "%s: holds a study of another job (%s changed since): choose another output folder, or put the job back",
                        job->output, job->path);
    return FET_OK;
}

static uint32_t count_workers(const fet_search *search)
{
    if (search->options->workers) return search->options->workers;
    if (search->job->workers) return search->job->workers;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 64 ? 64 : (uint32_t)cores;
}

/* Trials simulated on a description, or estimated, from a file that has changed since do not compare; a measured device may be another
 * machine's. */
static fet_status keep_device(fet_search *search)
{
    char *before = NULL;
    const char *now = fet_device_describe(search->device);
    fet_status status = fet_study_get(search->workspace->study, "device", &before);
    if (status == FET_ERROR_NOT_FOUND) {
        fet_error_clear();
        return fet_study_set(search->workspace->study, "device", now);
    }
    fet_cost_source source = fet_device_source(search->device);
    bool from_file = source == FET_COST_SIMULATED || source == FET_COST_ESTIMATED;
    if (status == FET_OK && from_file && strcmp(before, now) != 0)
        status =
            fet_fail(FET_ERROR_STATE, "%s: its device was %s and is %s now: put the device's file back, or choose another output folder",
                     search->workspace->dir, before, now);
    fet_free(before);
    FET_TRY(status);
    return fet_study_set(search->workspace->study, "device", now);
}

static fet_status open_search(fet_search *search, const fet_job *job)
{
    FET_TRY(fet_workspace_open(job->output, &search->workspace));
    search->job = search->workspace->job;
    plan_units(search);
    FET_TRY(fet_workspace_data(search->workspace));
    FET_TRY(fet_device_open(&search->job->device, &search->device));
    FET_TRY(fet_study_set(search->workspace->study, "state", "running"));
    FET_TRY(keep_device(search));
    FET_TRY(fet_search_curate(search));
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(fet_workspace_base(search->workspace));
    if (!search->workspace->whole_space) FET_TRY(fet_workspace_spaces(search->workspace));
    FET_TRY(fet_pool_release_dead(search->workspace->study));
    return fet_pool_start(search->workspace->dir, search->workspace->study, count_workers(search), on_line, search, &search->pool);
}

/* Seconds of all runs of this study, this one added; a resumed study sums up. */
static fet_status record_time(fet_search *search)
{
    char *text = NULL, line[64];
    double before_s = 0;
    if (fet_study_get(search->workspace->study, "wall_s", &text) == FET_OK) before_s = strtod(text, NULL);
    fet_free(text);
    snprintf(line, sizeof line, "%.3f", before_s + fet_clock_monotonic_s() - search->started_s);
    search->started_s = fet_clock_monotonic_s();
    return fet_study_set(search->workspace->study, "wall_s", line);
}

static fet_status run_phases(fet_search *search)
{
    static fet_status (*const phases[])(fet_search *) = {fet_search_phase_base,     fet_search_phase_series, fet_search_phase_finalists,
                                                         fet_search_phase_networks, fet_search_phase_test,   fet_search_phase_report};
    for (size_t p = 0; p < sizeof phases / sizeof *phases; p++) {
        FET_TRY(phases[p](search));
        FET_TRY(record_time(search));
        if (fet_search_is_stopped(search)) return FET_OK;
    }
    return fet_study_set(search->workspace->study, "state", "finished");
}

fet_status fet_search_run(const fet_job *job, const fet_search_options *options, fet_search_end *out_end)
{
    int lock = -1;
    bool exists = false;
    FET_TRY(study_exists(job, &exists));
    if (!exists) FET_TRY(fet_workspace_check(job)); /* wrong data leave nothing behind */
    FET_TRY(fet_dir_make(job->output));
    FET_TRY(lock_folder(job->output, &lock));
    fet_search *search = NULL;
    fet_status status = prepare_folder(job, options->resume);
    if (status == FET_OK) status = fet_alloc_zeroed(1, sizeof *search, "a search", &search);
    if (status == FET_OK) {
        *search = (fet_search){.job = job, .options = options, .phase = "start", .started_s = fet_clock_monotonic_s()};
        status = open_search(search, job);
        if (status == FET_OK && !search->stopped) status = run_phases(search);
        if (status == FET_OK) *out_end = search->stopped ? FET_SEARCH_INTERRUPTED : FET_SEARCH_FINISHED;
        char message[1024]; /* stopping the workers may record errors of its own */
        snprintf(message, sizeof message, "%s", fet_error_message());
        close_search(search);
        if (status != FET_OK) status = fet_fail(status, "%s", message);
        fet_free(search);
    }
    close(lock);
    return status;
}
