// SPDX-License-Identifier: Apache-2.0
#include "run/evaluate_external.h"

#include "base/file.h"
#include "format/onnx/onnx.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const fet_task_ops fet_task_external = {
    .name = "external",
    .help = "whatever the program of `evaluate` says",
    .measure = "quality as the evaluator gives it",
    .loss_unit = "",
    .figures = FET_TASK_FIGURES("quality"),
};

typedef struct files {
    char *model, *request, *messages; /* absolute, heap */
} files;

static fet_status file_of(const char *folder, const fet_trial *trial, const char *suffix, char **out_path)
{
    char name[256];
    snprintf(name, sizeof name, "trials/%s-%u-%s.%s", trial->series, trial->number, trial->fidelity, suffix);
    return fet_path_join(folder, name, out_path);
}

static fet_status name_files(const fet_workspace *workspace, const fet_trial *trial, files *f)
{
    char folder[PATH_MAX];
    if (!realpath(workspace->dir, folder)) return fet_fail(FET_ERROR_IO, "%s: it is gone", workspace->dir);
    FET_TRY(file_of(folder, trial, "onnx", &f->model));
    FET_TRY(file_of(folder, trial, "json", &f->request));
    return file_of(folder, trial, "stderr", &f->messages);
}

/* What each decision decides, by name. */
static json_t *decisions_json(const fet_external_candidate *candidate)
{
    json_t *decisions = json_object();
    for (uint32_t d = 0; candidate->space && d < fet_space_n_decisions(candidate->space); d++) {
        const fet_decision *decision = fet_space_decision(candidate->space, d);
        json_object_set_new(decisions, decision->name, json_string(decision->options[candidate->genome->option[d]].label));
    }
    return decisions;
}

static fet_status write_request(const fet_workspace *workspace, const fet_trial *trial, const fet_external_candidate *candidate,
                                const files *f)
{
    const fet_job *job = workspace->job;
    json_t *root = json_pack("{s:s, s:s, s:i, s:s, s:s, s:I, s:{s:f, s:f}, s:s, s:o}", "model", f->model, "series", trial->series, "trial",
                             (int)trial->number, "fidelity", trial->fidelity, "split", candidate->split, "seed", (json_int_t)job->seed,
                             "budget", "epochs", candidate->epochs, "seconds", job->evaluate.timeout_s, "genome", trial->genome,
                             "decisions", decisions_json(candidate));
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!text) return fet_fail(FET_ERROR_NOMEM, "no memory for an evaluator's request");
    fet_status status = fet_file_replace(f->request, text, strlen(text));
    free(text); /* jansson's */
    return status;
}

typedef struct watch {
    fet_evaluate_progress progress;
    void *context;
    double timeout_s, told_s;
} watch;

/* Tells the worker how much of its time has passed, about once a second; a worker renews its lease on the trial then. */
static bool on_wait(void *context, double seconds)
{
    watch *w = context;
    if (!w->progress || seconds - w->told_s < 1) return true;
    w->told_s = seconds;
    return w->progress(w->context, (uint64_t)(seconds * 1e3), (uint64_t)(w->timeout_s * 1e3), 0, 0);
}

static fet_status run(const fet_workspace *workspace, const files *f, fet_evaluate_progress progress, void *context,
                      fet_external_result *out_result)
{
    const fet_job_evaluate *evaluate = &workspace->job->evaluate;
    watch w = {.progress = progress, .context = context, .timeout_s = evaluate->timeout_s};
    fet_external_options options = {
        .command = evaluate->command, .n_words = evaluate->n_words, .timeout_s = evaluate->timeout_s, .progress = on_wait, .context = &w};
    char *messages = NULL;
    fet_status status = fet_external_run(&options, f->model, f->request, out_result, &messages), kept = FET_OK;
    if (messages && messages[0] && status == FET_OK) kept = fet_file_replace(f->messages, messages, strlen(messages));
    else if (messages && messages[0]) {
        char reason[1024]; /* which must not be lost to a full disk */
        snprintf(reason, sizeof reason, "%s", fet_error_message());
        if (fet_file_replace(f->messages, messages, strlen(messages)) != FET_OK) kept = fet_fail(status, "%s", reason);
    }
    fet_free(messages);
    return status != FET_OK ? status : kept;
}

/* The numbers of the file, by name; it must still be a network, with every parameter as it was. */
static fet_status take_weights(const files *f, fet_graph *graph)
{
    fet_auto(fet_graph) read = NULL;
    FET_TRY(fet_onnx_read(f->model, NULL, &read));
    for (uint32_t p = 0; p < graph->n_params; p++) {
        const fet_value *mine = &graph->values[graph->params[p].value];
        fet_id value = fet_graph_find_value(read, mine->name);
        if (value == FET_NONE) continue; /* a constant that reading folded away */
        const fet_value *theirs = &read->values[value];
        if (theirs->kind != FET_VALUE_PARAM || theirs->dtype != mine->dtype || !fet_shape_equal(&theirs->shape, &mine->shape))
            return fet_fail(FET_ERROR_SHAPE, "%s: the evaluator changed \"%s\": expected other numbers at most", f->model, mine->name);
        fet_graph_set_tensor(graph, p, read->params[theirs->param].tensor);
    }
    return FET_OK;
}

fet_status fet_evaluate_external(const fet_workspace *workspace, const fet_trial *trial, const fet_external_candidate *candidate,
                                 fet_evaluate_progress progress, void *context, fet_external_result *out_result)
{
    files f = {0};
    fet_status status = name_files(workspace, trial, &f);
    if (status == FET_OK) status = fet_onnx_write(candidate->graph, f.model, FET_ONNX_OPSET_WRITTEN);
    if (status == FET_OK) status = write_request(workspace, trial, candidate, &f);
    if (status == FET_OK) status = run(workspace, &f, progress, context, out_result);
    if (status == FET_OK && candidate->take_back) status = take_weights(&f, candidate->graph);
    if (status == FET_OK) remove(f.model), remove(f.request);
    fet_free(f.model);
    fet_free(f.request);
    fet_free(f.messages);
    return status;
}
