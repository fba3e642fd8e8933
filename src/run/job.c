// SPDX-License-Identifier: Apache-2.0
/*
 * The job: the raw texts of the file become a fet_job with every default filled in, section by section. Defaults, ranges and choices stand
 * here, once; README.md explains them to the user.
 */
#include "run/job.h"

#include "base/file.h"
#include "run/job_raw.h"
#include "run/job_value.h"
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

typedef struct reader {
    fet_job_yaml yaml;
    fet_job *job;
    fet_arena *arena;
    const char *folder; /* of the job file, absolute */
} reader;

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

/* A path of the file, relative to it; absolute in the job, so that it means the same wherever the job's text is read again. */
static fet_status keep_path(reader *r, const char *text, const char **out_path)
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
    static const char *const tasks[] = {"classify"};
    const char *kinds[MAX_NAMES];
    size_t n = 0, index = 0;
    FET_TRY(fet_job_choice(&r->yaml, raw->kind, "task.kind", "task", tasks, 1, 0, &index));
    r->job->task_kind = tasks[index];
    for (; n < MAX_NAMES && fet_dataset_kind_name((uint32_t)n); n++) kinds[n] = fet_dataset_kind_name((uint32_t)n);
    FET_TRY(fet_job_choice(&r->yaml, raw->data.kind, "task.data.kind", "kind of data", kinds, n, 0, &index));
    fet_dataset_options *data = &r->job->data;
    data->kind = kinds[index];
    if (!raw->data.path || !raw->data.path[0])
        return fet_job_yaml_fail(&r->yaml, "task.data.path",
                                 "it is missing: expected the folder of the data, such as /usr/share/datasets/fashion-mnist");
    FET_TRY(keep_path(r, raw->data.path, &data->path));
    FET_TRY(fet_job_real(&r->yaml, raw->data.val_share, "task.data.val_share", 0.1, 0.001, 0.9, &data->val_share));
    return fet_job_real(&r->yaml, raw->data.test_share, "task.data.test_share", 0.2, 0.001, 0.9, &data->test_share);
}

/* Stages of the default network, for 28 x 28 images. */
static const fet_template_stage default_stages[] = {
    {.blocks = 2, .channels = 24, .expansion = 4, .stride = 1, .kernel = 3},
    {.blocks = 3, .channels = 40, .expansion = 4, .stride = 2, .kernel = 3},
    {.blocks = 3, .channels = 80, .expansion = 4, .stride = 2, .kernel = 3},
};
enum { N_DEFAULT_STAGES = sizeof default_stages / sizeof *default_stages };

static fet_status read_kernel(reader *r, const char *text, const char *path, uint32_t otherwise, uint32_t *out_kernel)
{
    static const char *const names[] = {"3", "5", "7"};
    size_t index = 0;
    FET_TRY(fet_job_choice(&r->yaml, text, path, "kernel size", names, 3, (otherwise - 3) / 2, &index));
    *out_kernel = 3 + 2 * (uint32_t)index;
    return FET_OK;
}

static fet_status read_stage(reader *r, const fet_job_raw_stage *raw, uint32_t s, fet_template_stage *stage)
{
    char path[64];
    const struct {
        const char *name, *text;
        uint32_t otherwise, high, *out;
    } fields[] = {
        {"blocks", raw->blocks, 1, 64, &stage->blocks},
        {"channels", raw->channels, 0, 1 << 14, &stage->channels},
        {"expansion", raw->expansion, 4, 64, &stage->expansion},
        {"stride", raw->stride, 1, 2, &stage->stride},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        snprintf(path, sizeof path, "base.stages[%u].%s", s, fields[i].name);
        FET_TRY(fet_job_whole32(&r->yaml, fields[i].text, path, fields[i].otherwise, 1, fields[i].high, fields[i].out));
    }
    snprintf(path, sizeof path, "base.stages[%u].channels", s);
    if (!raw->channels) return fet_job_yaml_fail(&r->yaml, path, "it is missing: expected 1 to 16384");
    snprintf(path, sizeof path, "base.stages[%u].kernel", s);
    return read_kernel(r, raw->kernel, path, 3, &stage->kernel);
}

static fet_status read_input(reader *r, const char *text)
{
    fet_template_options *base = &r->job->base_options;
    fet_shape shape = {.rank = 3, .dim = {1, 28, 28}};
    bool good = !text || fet_shape_parse(text, &shape) == FET_OK;
    for (uint32_t i = 0; i < shape.rank && good; i++) good = shape.dim[i] >= 1 && shape.dim[i] <= 1 << 14;
    if (!good || shape.rank != 3)
        return fet_job_yaml_fail(&r->yaml, "base.input",
                                 "\"%.60s\" is no input: expected channels x height x width, such as 1x28x28 or 3x96x96", text);
    r->job->data.channels = base->channels = shape.dim[0];
    r->job->data.height = base->height = shape.dim[1];
    r->job->data.width = base->width = shape.dim[2];
    return FET_OK;
}

static fet_status read_base(reader *r)
{
    const fet_job_raw_base *raw = &r->yaml.raw->base;
    static const char *const activations[] = {"relu", "relu6"};
    fet_template_options *base = &r->job->base_options;
    const char *templates[MAX_NAMES];
    size_t n = 0, index = 0;
    double rate = 0;
    COLLECT(templates, n, fet_templates);
    FET_TRY(fet_job_choice(&r->yaml, raw->template, "base.template", "template", templates, n, 0, &index));
    r->job->base_template = templates[index];
    FET_TRY(read_input(r, raw->input));
    FET_TRY(fet_job_whole32(&r->yaml, raw->classes, "base.classes", 10, 2, 1 << 20, &base->n_classes));
    FET_TRY(fet_job_whole32(&r->yaml, raw->stem.channels, "base.stem.channels", 16, 1, 1 << 14, &base->stem_channels));
    FET_TRY(read_kernel(r, raw->stem.kernel, "base.stem.kernel", 3, &base->stem_kernel));
    FET_TRY(fet_job_whole32(&r->yaml, raw->stem.stride, "base.stem.stride", 1, 1, 2, &base->stem_stride));
    base->n_stages = raw->n_stages ? raw->n_stages : N_DEFAULT_STAGES;
    if (!raw->n_stages) memcpy(base->stages, default_stages, sizeof default_stages);
    for (uint32_t s = 0; s < raw->n_stages; s++) FET_TRY(read_stage(r, &raw->stages[s], s, &base->stages[s]));
    FET_TRY(fet_job_whole32(&r->yaml, raw->head, "base.head", 0, 0, 1 << 14, &base->head_channels));
    FET_TRY(fet_job_choice(&r->yaml, raw->activation, "base.activation", "activation", activations, 2, 0, &index));
    base->relu6 = index == 1;
    FET_TRY(fet_job_real(&r->yaml, raw->epochs, "base.epochs", 6, 0.001, 10000, &r->job->base_epochs));
    FET_TRY(fet_job_real(&r->yaml, raw->learning_rate, "base.learning_rate", 0.1, 1e-7, 100, &rate));
    r->job->base_learning_rate = (float)rate;
    return FET_OK;
}

static fet_status read_device(reader *r)
{
    const char *cache = r->yaml.raw->device.cache;
    FET_TRY(fet_job_device(&r->yaml, r->arena, r->folder, &r->job->device));
    return cache ? keep_path(r, cache, &r->job->device.cache) : FET_OK;
}

static fet_status read_multipliers(reader *r, const fet_job_raw_decision *raw, uint32_t d)
{
    char path[64];
    bool has_one = false;
    for (uint32_t m = 0; m < raw->n_multiplier; m++) {
        snprintf(path, sizeof path, "space.decisions[%u].multiplier[%u]", d, m);
        FET_TRY(fet_job_real(&r->yaml, raw->multiplier[m], path, 1, 0.05, 8, &r->job->multipliers[m]));
        has_one = has_one || r->job->multipliers[m] == 1;
    }
    r->job->n_multipliers = raw->n_multiplier;
    snprintf(path, sizeof path, "space.decisions[%u].multiplier", d);
    return has_one ? FET_OK : fet_job_yaml_fail(&r->yaml, path, "1 is not among them: expected the base itself to be a choice");
}

/* Which decisions there are: a bit each. */
enum { HAS_FUSE = 1, HAS_WIDTH = 2, HAS_MULTIPLIER = 4 };

static fet_status read_decision(reader *r, uint32_t d, unsigned *has)
{
    const fet_job_raw_decision *raw = &r->yaml.raw->space.decisions[d];
    static const char *const blocks[] = {"blocks"}, *const stages[] = {"stages"};
    char path[64];
    size_t index = 0;
    unsigned kind = (raw->fuse ? HAS_FUSE : 0u) | (raw->width ? HAS_WIDTH : 0u) | (raw->n_multiplier ? HAS_MULTIPLIER : 0u);
    snprintf(path, sizeof path, "space.decisions[%u]", d);
    if (kind != HAS_FUSE && kind != HAS_WIDTH && kind != HAS_MULTIPLIER)
        return fet_job_yaml_fail(&r->yaml, path,
                                 "expected one of {fuse: blocks}, {width: stages, options: 0.5..1.5} and {multiplier: [0.5, 1]}");
    if (*has & kind) return fet_job_yaml_fail(&r->yaml, path, "a decision of this kind stands above already");
    if (raw->options && kind != HAS_WIDTH) return fet_job_yaml_fail(&r->yaml, path, "\"options\" belongs to {width: stages} alone");
    *has |= kind;
    if (kind == HAS_MULTIPLIER) return read_multipliers(r, raw, d);
    snprintf(path, sizeof path, "space.decisions[%u].%s", d, kind == HAS_FUSE ? "fuse" : "width");
    if (kind == HAS_FUSE) return fet_job_choice(&r->yaml, raw->fuse, path, "site of a decision", blocks, 1, 0, &index);
    FET_TRY(fet_job_choice(&r->yaml, raw->width, path, "site of a decision", stages, 1, 0, &index));
    snprintf(path, sizeof path, "space.decisions[%u].options", d);
    return raw->options ? fet_job_range(&r->yaml, raw->options, path, 0.05, 8, &r->job->width_low, &r->job->width_high) : FET_OK;
}

/* {stage2.block0: ibn} becomes "stage2.block0.form=ibn"; whether there is such a decision, the space will say. */
static fet_status read_locks(reader *r)
{
    yaml_node_t *lock = fet_job_yaml_find(&r->yaml, "space.lock");
    if (!lock || (lock->type == YAML_SCALAR_NODE && lock->data.scalar.length == 0)) return FET_OK;
    if (lock->type != YAML_MAPPING_NODE)
        return fet_job_yaml_fail(&r->yaml, "space.lock", "expected a mapping such as {stage2.block0: ibn}");
    for (yaml_node_pair_t *pair = lock->data.mapping.pairs.start; pair < lock->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&r->yaml.yaml.document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&r->yaml.yaml.document, pair->value);
        if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE || !key->data.scalar.length || !value->data.scalar.length)
            return fet_job_yaml_fail(&r->yaml, "space.lock",
                                     "expected names of decisions with the option that stays, such as {stage2.block0: ibn}");
        const char *name = (const char *)key->data.scalar.value, *option = (const char *)value->data.scalar.value;
        const char *last = strrchr(name, '.');
        bool block = last && strncmp(last, ".block", 6) == 0;
        if (strlen(name) > 64 || strlen(option) > 64 || strchr(name, '='))
            return fet_job_yaml_fail(&r->yaml, "space.lock", "\"%.60s\" is no name of a decision", name);
        if (r->job->n_locks == sizeof r->job->locks / sizeof *r->job->locks)
            return fet_job_yaml_fail(&r->yaml, "space.lock", "too many: expected at most 64");
        const char *text = fet_arena_printf(r->arena, "%s%s=%s", name, block ? ".form" : "", option);
        if (!text) return fet_arena_full();
        r->job->locks[r->job->n_locks++] = text;
    }
    return FET_OK;
}

static fet_status read_space(reader *r, unsigned *out_has)
{
    const fet_job_raw_space *raw = &r->yaml.raw->space;
    static const char *const ways[] = {"off", "device"};
    static const double multipliers[] = {0.5, 0.75, 1, 1.25};
    size_t index = 0;
    unsigned has = 0;
    FET_TRY(fet_job_choice(&r->yaml, raw->curate, "space.curate", "way to curate", ways, 2, 1, &index));
    r->job->curate = index == 1;
    r->job->width_low = 0.5;
    r->job->width_high = 1.5;
    for (uint32_t d = 0; d < raw->n_decisions; d++) FET_TRY(read_decision(r, d, &has));
    if (!raw->n_decisions) {
        has = HAS_FUSE | HAS_WIDTH | HAS_MULTIPLIER;
        memcpy(r->job->multipliers, multipliers, sizeof multipliers);
        r->job->n_multipliers = sizeof multipliers / sizeof *multipliers;
    }
    if ((has & HAS_MULTIPLIER) && !(has & HAS_WIDTH))
        return fet_job_yaml_fail(&r->yaml, "space.decisions",
                                 "a multiplier without {width: stages}: expected both, for it multiplies those widths");
    *out_has = has;
    return read_locks(r);
}

static fet_status read_goal(reader *r)
{
    const fet_job_raw_goal *raw = &r->yaml.raw->goal;
    const fet_job_raw_limits *limits = &raw->subject_to;
    static const char *const best[] = {"quality"}, *const costs[] = {"latency", "peak_memory", "params"};
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
    return fet_job_share(&r->yaml, raw->quality_margin, "goal.quality_margin", 0.003, &job->quality_margin);
}

/* The published comparison: one search with each kind of decision, and one with both. The base alone, "baseline", is always part of it. */
static const fet_variant known_variants[] = {
    {.name = "V1", .block_form = false, .width = true},
    {.name = "V2", .block_form = true, .width = false},
    {.name = "V3", .block_form = true, .width = true},
};

static fet_status read_variants(reader *r, unsigned has)
{
    const fet_job_raw_search *raw = &r->yaml.raw->search;
    static const char *const names[] = {"V1", "V2", "V3", "baseline"};
    fet_job *job = r->job;
    char path[64];
    for (uint32_t v = 0; v < (raw->n_variants ? raw->n_variants : 3); v++) {
        size_t index = v;
        snprintf(path, sizeof path, "search.variants[%u]", v);
        FET_TRY(fet_job_choice(&r->yaml, raw->n_variants ? raw->variants[v] : NULL, path, "variant", names, 4, v, &index));
        if (index == 3) continue;
        const fet_variant *variant = &known_variants[index];
        bool possible = (!variant->block_form || has & HAS_FUSE) && (!variant->width || has & HAS_WIDTH);
        if (!possible && !raw->n_variants) continue;
        if (!possible) return fet_job_yaml_fail(&r->yaml, path, "%s needs a decision that space.decisions does not list", variant->name);
        for (uint32_t o = 0; o < job->n_variants; o++)
            if (job->variants[o].name == variant->name)
                return fet_job_yaml_fail(&r->yaml, path, "\"%s\" stands there twice", variant->name);
        job->variants[job->n_variants++] = *variant;
    }
    if (job->n_variants) return FET_OK;
    return fet_job_yaml_fail(&r->yaml, "search.variants", "nothing is searched: expected V1 (widths), V2 (block forms) or V3 (both)");
}

static fet_status read_search(reader *r, unsigned has)
{
    const fet_job_raw_search *raw = &r->yaml.raw->search;
    const char *strategies[MAX_NAMES];
    size_t n = 0, index = 0, local = 0;
    fet_job *job = r->job;
    COLLECT(strategies, n, fet_searchers);
    for (size_t i = 0; i < n; i++)
        if (strcmp(strategies[i], "local") == 0) local = i;
    FET_TRY(fet_job_choice(&r->yaml, raw->strategy, "search.strategy", "strategy", strategies, n, local, &index));
    job->strategy = strategies[index];
    FET_TRY(fet_job_whole32(&r->yaml, raw->trials, "search.trials", 48, 1, 1000000, &job->trials));
    FET_TRY(fet_job_duration(&r->yaml, raw->budget, "search.budget", &job->budget_s));
    const char *workers = raw->workers && strcmp(raw->workers, "auto") == 0 ? NULL : raw->workers;
    FET_TRY(fet_job_whole32(&r->yaml, workers, "search.workers", 0, 1, 4096, &job->workers));
    FET_TRY(fet_job_whole32(&r->yaml, raw->lookahead, "search.lookahead", 4, 1, 4096, &job->lookahead));
    FET_TRY(fet_job_whole(&r->yaml, raw->seed, "search.seed", 1, 0, UINT64_MAX, &job->seed));
    FET_TRY(fet_job_whole32(&r->yaml, raw->finalists, "search.finalists", 3, 1, 64, &job->finalists));
    return read_variants(r, has);
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
    FET_TRY(fet_job_bool(&r->yaml, raw->augment.flip, "train.augment.flip", true, &job->augment.flip));
    FET_TRY(fet_job_whole32(&r->yaml, raw->augment.shift, "train.augment.shift", 2, 0, 1024, &job->augment.shift));
    FET_TRY(fet_job_real(&r->yaml, raw->augment.erase, "train.augment.erase", 0, 0, 1, &share));
    job->augment.erase = (float)share;
    FET_TRY(fet_job_real(&r->yaml, raw->distil.weight, "train.distil.weight", 0.5, 0, 1, &share));
    job->distil_weight = (float)share;
    FET_TRY(fet_job_real(&r->yaml, raw->distil.temperature, "train.distil.temperature", 4, 0.01, 1000, &share));
    job->distil_temperature = (float)share;
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
    unsigned has = 0;
    FET_TRY(read_task(r));
    FET_TRY(read_base(r));
    FET_TRY(read_device(r));
    FET_TRY(read_space(r, &has));
    FET_TRY(read_goal(r));
    FET_TRY(read_search(r, has));
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

static fet_status parse(const char *name, const char *text, size_t bytes, const fet_job_overrides *overrides, fet_job **out_job)
{
    fet_auto(fet_job) job = NULL;
    owned_job *owned = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *owned, "a job", &owned));
    job = &owned->job;
    FET_TRY(fet_arena_create(&owned->arena));
    reader r = {.job = job, .arena = owned->arena};
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
    return parse(name, text, bytes, NULL, out_job);
}

fet_status fet_job_read_with(const char *path, const fet_job_overrides *overrides, fet_job **out_job)
{
    void *text = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, LIMIT_FILE_BYTES, &text, &bytes));
    fet_status status = parse(path, text, bytes, overrides, out_job);
    fet_free(text);
    return status;
}

fet_status fet_job_read(const char *path, fet_job **out_job)
{
    return fet_job_read_with(path, NULL, out_job);
}
