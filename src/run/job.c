// SPDX-License-Identifier: Apache-2.0
/*
 * The job: the raw texts of the file become a fet_job with every default filled in, section by section. Defaults, ranges and choices stand
 * here, once; README.md explains them to the user.
 */
#include "run/job.h"

#include "base/file.h"
#include "run/job_reader.h"
#include "search/searcher.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_FILE_BYTES = 1 << 20, MAX_NAMES = 16 };

/* What the caller gets, and what holds its texts. */
typedef struct owned_job {
    fet_job job; /* first: a fet_job pointer is one to the whole */
    fet_arena *arena;
} owned_job;

typedef fet_job_reader reader;

void fet_job_destroy(fet_job *job)
{
    if (!job) return;
    fet_arena_destroy(((owned_job *)job)->arena);
    fet_free(job);
}

const char *fet_metric_name(fet_metric metric)
{
    static const char *const names[FET_METRIC_COUNT] = {"quality", "latency", "peak_memory", "params"};
    return names[metric];
}

const char *fet_metric_unit(fet_metric metric)
{
    static const char *const units[FET_METRIC_COUNT] = {"share", "ms", "bytes", "bytes"};
    return units[metric];
}

static fet_status keep(reader *r, const char *text, const char **out_text)
{
    *out_text = fet_arena_strdup(r->arena, text);
    return *out_text ? FET_OK : fet_arena_full();
}

fet_status fet_job_keep_path(reader *r, const char *text, const char **out_path)
{
    *out_path = text[0] == '/' ? fet_arena_strdup(r->arena, text) : fet_arena_printf(r->arena, "%s/%s", r->folder, text);
    return *out_path ? FET_OK : fet_arena_full();
}

/* Names of a NULL-terminated registry of ops whose name `get` gives. */
#define COLLECT(names, n, registry)                                                                                                        \
    do {                                                                                                                                   \
        for ((n) = 0; (registry)[n] && (n) < MAX_NAMES; (n)++) (names)[n] = (registry)[n]->name;                                           \
    } while (0)

static fet_status read_task(reader *r)
{
    const fet_job_raw_task *raw = &r->yaml.raw->task;
    const char *kinds[MAX_NAMES], *tasks[MAX_NAMES];
    size_t n = 0, index = 0;
    COLLECT(tasks, n, fet_tasks);
    FET_TRY(fet_job_choice(&r->yaml, raw->kind, "task.kind", "task", tasks, n, 0, &index));
    r->job->task = fet_tasks[index];
    FET_TRY(fet_job_read_evaluate(r));
    for (n = 0; n < MAX_NAMES && fet_dataset_kind_name((uint32_t)n); n++) kinds[n] = fet_dataset_kind_name((uint32_t)n);
    FET_TRY(fet_job_choice(&r->yaml, raw->data.kind, "task.data.kind", "kind of data", kinds, n, 0, &index));
    fet_dataset_options *data = &r->job->data;
    data->kind = kinds[index];
    if (r->job->evaluate.n_words) return FET_OK; /* the program has its own */
    if (!raw->data.path || !raw->data.path[0])
        return fet_job_yaml_fail(&r->yaml, "task.data.path",
                                 "it is missing: expected the folder of the data, such as /usr/share/datasets/fashion-mnist");
    FET_TRY(fet_job_keep_path(r, raw->data.path, &data->path));
    FET_TRY(fet_job_real(&r->yaml, raw->data.val_share, "task.data.val_share", 0.1, 0.001, 0.9, &data->val_share));
    return fet_job_real(&r->yaml, raw->data.test_share, "task.data.test_share", 0.2, 0.001, 0.9, &data->test_share);
}

static fet_status read_device(reader *r)
{
    const char *cache = r->yaml.raw->device.cache;
    FET_TRY(fet_job_device(&r->yaml, r->arena, r->folder, &r->job->device));
    FET_TRY(fet_job_read_quantise(r));
    return cache ? fet_job_keep_path(r, cache, &r->job->device.cache) : FET_OK;
}

/* A number, or a list of one a channel. */
static fet_status read_channels(reader *r, const char *path, double low, double *values, uint32_t *out_n)
{
    yaml_node_t *node = fet_job_yaml_find(&r->yaml, path);
    bool list = node && node->type == YAML_SEQUENCE_NODE;
    ptrdiff_t n = list ? node->data.sequence.items.top - node->data.sequence.items.start : node ? 1 : 0;
    if (node && (n < 1 || n > FET_DATA_MAX_CHANNELS || node->type == YAML_MAPPING_NODE))
        return fet_job_yaml_fail(&r->yaml, path, "expected a number, or a list of one a channel, such as [123.7, 116.3, 103.5]");
    for (ptrdiff_t i = 0; i < n; i++) {
        const yaml_node_t *item = list ? yaml_document_get_node(&r->yaml.yaml.document, node->data.sequence.items.start[i]) : node;
        if (item->type != YAML_SCALAR_NODE) return fet_job_yaml_fail(&r->yaml, path, "expected numbers in the list");
        FET_TRY(fet_job_real(&r->yaml, (const char *)item->data.scalar.value, path, 0, low, 1e6, &values[i]));
    }
    *out_n = (uint32_t)n;
    return FET_OK;
}

/* A template is trained on whatever it is given, so the data's own statistics are best; a given network wants what it was trained on, and
 * 0..1 is what most were. */
static fet_status read_normalisation(reader *r)
{
    fet_dataset_options *data = &r->job->data;
    const double least_std = 1e-6;
    FET_TRY(read_channels(r, "task.data.mean", -1e6, data->mean, &data->n_mean));
    FET_TRY(read_channels(r, "task.data.std", least_std, data->std, &data->n_std));
    if ((data->n_mean == 0) != (data->n_std == 0))
        return fet_job_yaml_fail(&r->yaml, data->n_mean ? "task.data.mean" : "task.data.std",
                                 "it stands alone: expected both mean and std");
    if (data->n_mean || !r->job->base_onnx) return FET_OK;
    data->n_mean = data->n_std = 1;
    data->mean[0] = 0;
    data->std[0] = 255;
    return FET_OK;
}

static fet_status read_goal(reader *r)
{
    const fet_job_raw_goal *raw = &r->yaml.raw->goal;
    const fet_job_raw_limits *limits = &raw->subject_to;
    static const char *const best[] = {"quality"}, *const costs[] = {"latency", "peak_memory", "params"};
    static const char *const preferences[] = {"latency", "quality"};
    fet_job *job = r->job;
    char path[64];
    size_t index = 0;
    FET_TRY(fet_job_choice(&r->yaml, raw->maximise, "goal.maximise", "metric to maximise", best, 1, 0, &index));
    job->objectives[job->n_objectives++] = FET_METRIC_QUALITY;
    for (uint32_t m = 0; m < (raw->n_minimise ? raw->n_minimise : 1); m++) {
        snprintf(path, sizeof path, "goal.minimise[%u]", m);
        FET_TRY(fet_job_choice(&r->yaml, raw->n_minimise ? raw->minimise[m] : NULL, path, "metric to minimise", costs, 3, 0, &index));
        fet_metric metric = (fet_metric)(FET_METRIC_LATENCY + (int)index);
        for (uint32_t o = 0; o < job->n_objectives; o++)
            if (job->objectives[o] == metric) return fet_job_yaml_fail(&r->yaml, path, "\"%s\" stands there twice", costs[index]);
        job->objectives[job->n_objectives++] = metric;
    }
    const char *const texts[] = {limits->latency, limits->peak_memory, limits->params};
    for (int i = 0; i < 3; i++) {
        bool there = false;
        snprintf(path, sizeof path, "goal.subject_to.%s", costs[i]);
        FET_TRY(fet_job_limit(&r->yaml, texts[i], path, (fet_metric)(FET_METRIC_LATENCY + i), &job->limits[job->n_limits], &there));
        job->n_limits += there;
    }
    FET_TRY(fet_job_choice(&r->yaml, raw->prefer, "goal.prefer", "preference", preferences, 2, 0, &index));
    job->prefers_quality = index == 1;
    return fet_job_share(&r->yaml, raw->quality_margin, "goal.quality_margin", 0.003, &job->quality_margin);
}

static fet_status read_search(reader *r)
{
    const fet_job_raw_search *raw = &r->yaml.raw->search;
    const char *strategies[MAX_NAMES];
    size_t n = 0, index = 0;
    fet_job *job = r->job;
    COLLECT(strategies, n, fet_searchers);
    FET_TRY(fet_job_choice(&r->yaml, raw->strategy, "search.strategy", "strategy", strategies, n, 0, &index));
    job->strategy = strategies[index];
    FET_TRY(fet_job_whole32(&r->yaml, raw->trials, "search.trials", 48, 1, 1000000, &job->trials));
    FET_TRY(fet_job_duration(&r->yaml, raw->budget, "search.budget", &job->budget_s));
    const char *workers = raw->workers && strcmp(raw->workers, "auto") == 0 ? NULL : raw->workers;
    FET_TRY(fet_job_whole32(&r->yaml, workers, "search.workers", 0, 1, 4096, &job->workers));
    FET_TRY(fet_job_whole32(&r->yaml, raw->lookahead, "search.lookahead", 4, 1, 4096, &job->lookahead));
    FET_TRY(fet_job_whole(&r->yaml, raw->seed, "search.seed", 1, 0, UINT64_MAX, &job->seed));
    FET_TRY(fet_job_whole32(&r->yaml, raw->finalists, "search.finalists", 3, 1, 64, &job->finalists));
    return fet_job_read_variants(r);
}

static fet_status read_train_precision(reader *r)
{
    static const char *const names[] = {"auto", "f32", "bf16"};
    static const fet_dtype dtypes[] = {FET_DTYPE_NONE, FET_DTYPE_F32, FET_DTYPE_BF16};
    size_t index = 0;
    FET_TRY(fet_job_choice(&r->yaml, r->yaml.raw->train.precision, "train.precision", "precision", names, 3, 0, &index));
    r->job->train_precision = dtypes[index];
    return FET_OK;
}

static fet_status read_train(reader *r)
{
    const fet_job_raw_train *raw = &r->yaml.raw->train;
    fet_job *job = r->job;
    double rate = 0, share = 0;
    FET_TRY(fet_job_real(&r->yaml, raw->short_epochs, "train.short_epochs", 0.2, 0, 10000, &job->short_epochs));
    FET_TRY(fet_job_real(&r->yaml, raw->full_epochs, "train.full_epochs", 3, 0, 10000, &job->full_epochs));
    FET_TRY(fet_job_real(&r->yaml, raw->short_learning_rate, "train.short_learning_rate", 0.05, 1e-7, 100, &rate));
    job->short_learning_rate = (float)rate;
    FET_TRY(fet_job_real(&r->yaml, raw->full_learning_rate, "train.full_learning_rate", 0.1, 1e-7, 100, &rate));
    job->full_learning_rate = (float)rate;
    FET_TRY(fet_job_whole32(&r->yaml, raw->batch, "train.batch", 64, 1, 65536, &job->batch));
    FET_TRY(fet_job_real(&r->yaml, raw->label_smoothing, "train.label_smoothing", 0.05, 0, 0.9, &share));
    job->label_smoothing = (float)share;
    FET_TRY(fet_job_bool(&r->yaml, raw->fit, "train.fit", false, &job->fit));
    FET_TRY(read_train_precision(r));
    FET_TRY(fet_job_bool(&r->yaml, raw->augment.flip, "train.augment.flip", true, &job->augment.flip));
    FET_TRY(fet_job_whole32(&r->yaml, raw->augment.shift, "train.augment.shift", 2, 0, 1024, &job->augment.shift));
    FET_TRY(fet_job_real(&r->yaml, raw->augment.erase, "train.augment.erase", 0, 0, 1, &share));
    job->augment.erase = (float)share;
    FET_TRY(fet_job_real(&r->yaml, raw->augment.zoom, "train.augment.zoom", 0, 0, 1, &share));
    job->augment.zoom = (float)share;
    FET_TRY(fet_job_real(&r->yaml, raw->augment.light, "train.augment.light", 0, 0, 1, &share));
    job->augment.light = (float)share;
    FET_TRY(fet_job_real(&r->yaml, raw->augment.mix, "train.augment.mix", 0, 0, 1, &share));
    job->augment.mix = (float)share;
    FET_TRY(fet_job_real(&r->yaml, raw->distil.weight, "train.distil.weight", 0.5, 0, 1, &share));
    job->distil_weight = (float)share;
    FET_TRY(fet_job_real(&r->yaml, raw->distil.temperature, "train.distil.temperature", 4, 0.01, 1000, &share));
    job->distil_temperature = (float)share;
    FET_TRY(fet_job_real(&r->yaml, raw->distil.hints, "train.distil.hints", 1, 0, 1000, &share));
    job->distil_hints = (float)share;
    return fet_job_real(&r->yaml, r->yaml.raw->report.watts_per_core, "report.watts_per_core", 10, 0, 10000, &job->watts_per_core);
}

/* out/<name of the job file's folder>, in the working directory. */
static fet_status read_output(reader *r, const fet_job_overrides *overrides)
{
    const char *slash = strrchr(r->folder, '/'), *text = overrides && overrides->output ? overrides->output : r->yaml.raw->output;
    if (text && !text[0]) return fet_job_yaml_fail(&r->yaml, "output", "it is empty: expected a folder");
    if (text) return keep(r, text, &r->job->output);
    r->job->output = fet_arena_printf(r->arena, "out/%s", slash && slash[1] ? slash + 1 : "job");
    return r->job->output ? FET_OK : fet_arena_full();
}

static fet_status read_job(reader *r, const fet_job_overrides *overrides)
{
    FET_TRY(read_task(r));
    FET_TRY(fet_job_read_base(r));
    FET_TRY(read_normalisation(r));
    FET_TRY(read_device(r));
    FET_TRY(fet_job_read_space(r));
    FET_TRY(read_goal(r));
    FET_TRY(read_search(r));
    FET_TRY(read_train(r));
    FET_TRY(read_output(r, overrides));
    if (overrides && overrides->has_seed) r->job->seed = overrides->seed;
    /* The split follows the seed of the search unless it has one of its own. */
    FET_TRY(fet_job_whole(&r->yaml, r->yaml.raw->task.data.seed, "task.data.seed", r->job->seed, 0, UINT64_MAX, &r->job->data.seed));
    return fet_job_print(r->job, r->arena, &r->job->text);
}

/* The folder of a file, absolute; of the working directory when it is gone. */
static fet_status absolute_folder(fet_arena *arena, const char *path, const char **out_folder)
{
    char here[PATH_MAX], resolved[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? fet_arena_printf(arena, "%.*s", slash == path ? 1 : (int)(slash - path), path) : ".";
    if (!folder) return fet_arena_full();
    if (!realpath(folder, resolved)) {
        if (!getcwd(here, sizeof here)) snprintf(here, sizeof here, "/");
        *out_folder = folder[0] == '/' ? folder : fet_arena_printf(arena, "%s/%s", here, folder);
    } else {
        *out_folder = fet_arena_strdup(arena, resolved);
    }
    return *out_folder ? FET_OK : fet_arena_full();
}

static fet_status parse(const char *name, const char *text, size_t bytes, bool from_file, const fet_job_overrides *overrides,
                        fet_job **out_job)
{
    fet_auto(fet_job) job = NULL;
    owned_job *owned = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *owned, "a job", &owned));
    job = &owned->job;
    FET_TRY(fet_arena_create(&owned->arena));
    reader r = {.job = job, .arena = owned->arena, .from_file = from_file};
    FET_TRY(keep(&r, name, &job->path));
    FET_TRY(absolute_folder(r.arena, name, &r.folder));
    fet_status status = fet_job_yaml_init(&r.yaml, job->path, text, bytes);
    if (status == FET_OK) status = read_job(&r, overrides);
    fet_job_yaml_deinit(&r.yaml);
    FET_TRY(status);
    *out_job = fet_take(job);
    return FET_OK;
}

fet_status fet_job_parse(const char *name, const char *text, size_t bytes, fet_job **out_job)
{
    return parse(name, text, bytes, false, NULL, out_job);
}

fet_status fet_job_read_text(const char *name, const char *text, size_t bytes, fet_job **out_job)
{
    return parse(name, text, bytes, true, NULL, out_job);
}

fet_status fet_job_read_with(const char *path, const fet_job_overrides *overrides, fet_job **out_job)
{
    void *text = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, LIMIT_FILE_BYTES, &text, &bytes));
    fet_status status = parse(path, text, bytes, true, overrides, out_job);
    fet_free(text);
    return status;
}

fet_status fet_job_read(const char *path, fet_job **out_job)
{
    return fet_job_read_with(path, NULL, out_job);
}
