// SPDX-License-Identifier: Apache-2.0
#include "run/workspace.h"

#include "base/file.h"
#include "format/safetensors/safetensors.h"
#include "op/op.h"
#include "run/base_network.h"
#include "run/importance.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

fet_status fet_workspace_path(const fet_workspace *workspace, char **out_path, const char *format, ...)
{
    char name[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof name) return fet_fail(FET_ERROR_LIMIT, "%s: a file name in it is too long", workspace->dir);
    return fet_path_join(workspace->dir, name, out_path);
}

/* The study keeps the network it began with: the original may move, and workers on other machines need not see it. */
static fet_status keep_base(const char *dir, const fet_job *job)
{
    void *data = NULL;
    size_t bytes = 0;
    char *path = NULL;
    if (!job->base_onnx) return FET_OK;
    FET_TRY(fet_file_read(job->base_onnx, FET_BASE_LIMIT_BYTES, &data, &bytes));
    fet_status status = fet_path_join(dir, FET_BASE_FILE, &path);
    if (status == FET_OK) status = fet_file_replace(path, data, bytes);
    fet_free(path);
    fet_free(data);
    return status;
}

/* Made beside its place and moved there whole: whoever is killed on the way leaves no study, not one that nobody can go on with. */
static fet_status create_study(const char *dir, const fet_job *job)
{
    char *path = NULL, *unfinished = NULL;
    fet_study *study = NULL;
    fet_status status = fet_path_join(dir, "study.sqlite", &path);
    if (status == FET_OK) status = fet_path_join(dir, "study.sqlite.new", &unfinished);
    if (status == FET_OK) {
        fet_study_remove(unfinished); /* what a process left that died here */
        status = fet_study_open(unfinished, true, &study);
    }
    if (status == FET_OK) status = fet_study_set(study, "job", job->text);
    fet_study_close(study);
    if (status == FET_OK && rename(unfinished, path) != 0)
        status = fet_fail(FET_ERROR_IO, "%s: cannot be renamed to %s: %s", unfinished, path, strerror(errno));
    if (status != FET_OK && unfinished) fet_study_remove(unfinished);
    fet_free(unfinished);
    fet_free(path);
    return status;
}

fet_status fet_workspace_create(const char *dir, const fet_job *job)
{
    char *trials_path = NULL, *job_path = NULL;
    fet_status status = fet_dir_make(dir);
    if (status == FET_OK) status = fet_path_join(dir, "trials", &trials_path);
    if (status == FET_OK) status = fet_dir_make(trials_path);
    if (status == FET_OK) status = keep_base(dir, job);
    if (status == FET_OK) status = fet_path_join(dir, "job.yaml", &job_path);
    if (status == FET_OK) status = fet_file_replace(job_path, job->text, strlen(job->text));
    if (status == FET_OK) status = create_study(dir, job);
    fet_free(job_path);
    fet_free(trials_path);
    return status;
}

static fet_status open_study(fet_workspace *workspace)
{
    char *path = NULL, *text = NULL;
    FET_TRY(fet_path_join(workspace->dir, "study.sqlite", &path));
    fet_status status = fet_study_open(path, false, &workspace->study);
    if (status == FET_OK) status = fet_study_get(workspace->study, "job", &text);
    if (status == FET_OK) status = fet_job_parse(path, text, strlen(text), &workspace->job);
    fet_free(text);
    fet_free(path);
    return status;
}

static fet_status build_base(fet_workspace *workspace)
{
    char *path = NULL;
    FET_TRY(fet_path_join(workspace->dir, FET_BASE_FILE, &path));
    fet_status status = fet_base_network_build(workspace->job, path, &workspace->base);
    fet_free(path);
    return status;
}

fet_status fet_workspace_open(const char *dir, fet_workspace **out_workspace)
{
    fet_auto(fet_workspace) workspace = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *workspace, "a workspace", &workspace));
    FET_TRY(fet_strdup_checked(dir, &workspace->dir));
    FET_TRY(open_study(workspace));
    FET_TRY(build_base(workspace));
    *out_workspace = fet_take(workspace);
    return FET_OK;
}

static void destroy_spaces(fet_workspace *workspace)
{
    for (uint32_t v = 0; v < FET_JOB_MAX_VARIANTS; v++) {
        fet_space_destroy(workspace->spaces[v]);
        workspace->spaces[v] = NULL;
    }
    fet_space_destroy(workspace->whole_space);
    workspace->whole_space = NULL;
}

void fet_workspace_destroy(fet_workspace *workspace)
{
    if (!workspace) return;
    destroy_spaces(workspace);
    fet_refit_destroy(workspace->fit);
    fet_graph_destroy(workspace->base);
    fet_dataset_close(workspace->dataset);
    fet_job_destroy(workspace->job);
    fet_study_close(workspace->study);
    fet_free(workspace->dir);
    fet_free(workspace);
}

fet_status fet_workspace_data(fet_workspace *workspace)
{
    if (workspace->job->evaluate.n_words) return FET_OK; /* the evaluator has them */
    return workspace->dataset ? FET_OK : fet_base_network_data(workspace->job, workspace->base, &workspace->dataset);
}

fet_status fet_workspace_check(const fet_job *job)
{
    fet_auto(fet_graph) base = NULL;
    fet_auto(fet_dataset) dataset = NULL;
    FET_TRY(fet_base_network_build(job, job->base_onnx, &base));
    if (job->evaluate.n_words) return FET_OK;
    return fet_base_network_data(job, base, &dataset);
}

fet_status fet_workspace_base(fet_workspace *workspace)
{
    if (workspace->base_trained) return FET_OK;
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(workspace->study, FET_SERIES_BASE, &trials));
    fet_status status = FET_OK;
    if (trials.count == 1 && trials.items[0].state == FET_TRIAL_DONE) {
        char *path = NULL;
        status = fet_path_join(workspace->dir, trials.items[0].artifact, &path);
        if (status == FET_OK) status = fet_safetensors_read(path, workspace->base);
        workspace->base_trained = status == FET_OK;
        fet_free(path);
        if (status == FET_OK) status = fet_workspace_spaces(workspace);
    }
    fet_trials_clear(&trials);
    return status;
}

/* What the search found when the study began (search_curate.c); what is stated of the device in a study without a search. */
static fet_status parallelism_of(const fet_workspace *workspace, fet_parallelism *out_parallelism)
{
    char *text = NULL;
    fet_status status = fet_study_get(workspace->study, "parallelism", &text);
    if (status == FET_ERROR_NOT_FOUND) {
        fet_error_clear();
        return fet_device_parallelism_of(&workspace->job->device, out_parallelism);
    }
    FET_TRY(status);
    fet_parallelism found;
    bool good =
        sscanf(text, "%" SCNu32 " %" SCNu32, &found.out_channels, &found.in_channels) == 2 && found.out_channels && found.in_channels;
    if (!good)
        status = fet_fail(FET_ERROR_CORRUPT, "%s: the study's \"parallelism\" is \"%.40s\": expected such as 16 4", workspace->dir, text);
    else *out_parallelism = found;
    fet_free(text);
    return status;
}

static fet_status make_space(const fet_job *job, const fet_graph *base, const fet_parallelism *parallelism, const float *const *scores,
                             bool block_form, bool width, fet_space **out_space)
{
    fet_space_options options = fet_space_default_options();
    options.kinds = job->kinds;
    options.search_block_form = block_form;
    options.search_width = width;
    options.width_low = job->width_low;
    options.width_high = job->width_high;
    options.multipliers = job->multipliers;
    options.n_multipliers = job->n_multipliers;
    if (job->n_resolutions) options.resolutions = job->resolutions, options.n_resolutions = job->n_resolutions;
    options.precisions = job->precisions;
    options.n_precisions = job->n_precisions;
    options.first = job->quantise.first;
    options.last = job->quantise.last;
    options.curate = job->curate;
    options.parallelism = *parallelism;
    options.locks = job->locks;
    options.n_locks = job->n_locks;
    options.scores = scores;
    return fet_space_create(base, &options, out_space);
}

fet_status fet_job_space(const fet_job *job, const fet_graph *base, const fet_parallelism *parallelism, bool block_form, bool width,
                         fet_space **out_space)
{
    return make_space(job, base, parallelism, NULL, block_form, width, out_space);
}

void fet_job_searches(const fet_job *job, bool *out_block_form, bool *out_width)
{
    *out_block_form = *out_width = false;
    for (uint32_t v = 0; v < job->n_variants; v++) {
        *out_block_form |= job->variants[v].block_form;
        *out_width |= job->variants[v].width;
    }
}

fet_status fet_workspace_spaces(fet_workspace *workspace)
{
    destroy_spaces(workspace);
    bool block_form = false, width = false;
    fet_parallelism parallelism;
    const fet_job *job = workspace->job;
    const float *const *scores = NULL; /* before the base is trained nothing is inherited */
    fet_auto(fet_arena) arena = NULL;
    FET_TRY(fet_arena_create(&arena));
    fet_job_searches(job, &block_form, &width);
    FET_TRY(parallelism_of(workspace, &parallelism));
    if (job->taylor && workspace->base_trained) FET_TRY(fet_importance_load(workspace, arena, &scores));
    FET_TRY(make_space(job, workspace->base, &parallelism, scores, block_form, width, &workspace->whole_space));
    for (uint32_t v = 0; v < job->n_variants; v++) {
        const fet_variant *variant = &job->variants[v];
        FET_TRY(make_space(job, workspace->base, &parallelism, scores, variant->block_form, variant->width, &workspace->spaces[v]));
    }
    return FET_OK;
}

fet_status fet_workspace_space(fet_workspace *workspace, const char *variant, const fet_space **out_space)
{
    if (!workspace->whole_space) FET_TRY(fet_workspace_spaces(workspace));
    const fet_space *space = strcmp(variant, FET_SERIES_BASELINE) == 0 ? workspace->whole_space : NULL;
    for (uint32_t v = 0; !space && v < workspace->job->n_variants; v++)
        if (strcmp(variant, workspace->job->variants[v].name) == 0) space = workspace->spaces[v];
    if (!space) return fet_fail(FET_ERROR_NOT_FOUND, "%s: the job has no variant \"%s\"", workspace->dir, variant);
    *out_space = space;
    return FET_OK;
}
