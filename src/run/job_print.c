// SPDX-License-Identifier: Apache-2.0
/* The completed job as YAML: every field, defaults too, in one order and one notation, so that equal jobs are equal texts. */
#include "run/job_raw.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 65536, NUMBER_BYTES = 32, QUOTED_BYTES = 3 * 4096 };

typedef struct printer {
    char *text;
    size_t used;
    bool full;
} printer;

static void put(printer *p, const char *format, ...) FET_PRINTF(2, 3);
static void put(printer *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(p->text + p->used, TEXT_BYTES - p->used, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= TEXT_BYTES - p->used) p->full = true;
    else p->used += (size_t)n;
}

/* The shortest decimal that reads back as the same number; `single` numbers are given with the digits of a float. */
static void put_number(printer *p, const char *before, double value, bool single, const char *after)
{
    char number[NUMBER_BYTES];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, value);
        double back = strtod(number, NULL);
        if (back == value || (single && (float)back == (float)value)) break;
    }
    put(p, "%s%s%s", before, number, after);
}

/* A text in double quotes, for paths and whatever a user may have written. */
static void put_quoted(printer *p, const char *before, const char *text)
{
    put(p, "%s\"", before);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') put(p, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f) put(p, "\\x%02x", *c);
        else put(p, "%c", *c);
    }
    put(p, "\"\n");
}

static void put_numbers(printer *p, const char *before, const double *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) put_number(p, i ? ", " : before, values[i], false, i + 1 < n ? "" : "]\n");
}

static void put_evaluate(printer *p, const fet_job *job)
{
    put(p, "evaluate:\n  command:\n");
    for (uint32_t w = 0; w < job->evaluate.n_words; w++) put_quoted(p, "    - ", job->evaluate.command[w]);
    put_number(p, "  timeout: ", job->evaluate.timeout_s, false, "s\n");
}

static void put_task(printer *p, const fet_job *job)
{
    if (job->evaluate.n_words) {
        put_evaluate(p, job);
        return;
    }
    put(p, "task:\n  kind: %s\n  data:\n    kind: %s\n", job->task->name, job->data.kind);
    put_quoted(p, "    path: ", job->data.path);
    put_number(p, "    val_share: ", job->data.val_share, false, "\n");
    put_number(p, "    test_share: ", job->data.test_share, false, "\n");
    put(p, "    seed: %llu\n", (unsigned long long)job->data.seed);
    put_numbers(p, "    mean: [", job->data.mean, job->data.n_mean);
    put_numbers(p, "    std: [", job->data.std, job->data.n_std);
}

static void put_template(printer *p, const fet_job *job)
{
    const fet_template_options *base = &job->base_options;
    put(p, "  template: %s\n  input: %lldx%lldx%lld\n  classes: %u\n", job->base_template, (long long)base->channels,
        (long long)base->height, (long long)base->width, base->n_classes);
    put(p, "  stem: {channels: %u, kernel: %u, stride: %u}\n  stages:\n", base->stem_channels, base->stem_kernel, base->stem_stride);
    for (uint32_t s = 0; s < base->n_stages; s++) {
        const fet_template_stage *stage = &base->stages[s];
        put(p, "    - {blocks: %u, channels: %u, expansion: %u, stride: %u, kernel: %u}\n", stage->blocks, stage->channels,
            stage->expansion, stage->stride, stage->kernel);
    }
    put(p, "  head: %u\n  activation: %s\n", base->head_channels, base->relu6 ? "relu6" : "relu");
}

static void put_base(printer *p, const fet_job *job)
{
    const int64_t *dim = job->base_input.dim;
    put(p, "base:\n");
    if (job->base_template) put_template(p, job);
    else put_quoted(p, "  onnx: ", job->base_onnx);
    if (job->base_hash) put(p, "  hash: \"%016llx\"\n", (unsigned long long)job->base_hash);
    if (job->base_input.rank)
        put(p, "  input: %lldx%lldx%lldx%lld\n", (long long)dim[0], (long long)dim[1], (long long)dim[2], (long long)dim[3]);
    put_number(p, "  epochs: ", job->base_epochs, false, "\n");
    put_number(p, "  learning_rate: ", job->base_learning_rate, true, "\n");
}

static void put_device(printer *p, const fet_job *job)
{
    const fet_device_options *device = &job->device;
    put_quoted(p, "device:\n  name: ", device->name);
    put(p, "  precision: %s\n  isa: %s\n", device->precision == FET_DTYPE_S8 ? "int8" : fet_dtype_name(device->precision), device->isa);
    if (device->cache) put_quoted(p, "  cache: ", device->cache);
    const fet_quantise_options *quantise = &job->quantise;
    if (device->precision != FET_DTYPE_S8 || !quantise->method) return;
    put(p, "  calibrate: %s\n", quantise->method->name);
    /* Younger than the first studies, which are to stay equal to their jobs: left out where nothing is asked for. */
    if (quantise->batches) put(p, "  calibration: %u\n", quantise->batches);
    if (quantise->keep_shift) put(p, "  bias_correction: false\n");
    if (quantise->first != FET_DTYPE_NONE) put(p, "  first: %s\n", fet_dtype_name(quantise->first));
    if (quantise->last != FET_DTYPE_NONE) put(p, "  last: %s\n", fet_dtype_name(quantise->last));
}

static void put_space(printer *p, const fet_job *job)
{
    static const struct {
        fet_space_kind kind;
        const char *text;
    } kinds[] = {{FET_SPACE_FUSE, "fuse: blocks"},
                 {FET_SPACE_DENSE, "dense: blocks"},
                 {FET_SPACE_GROUP, "group: blocks"},
                 {FET_SPACE_KERNEL, "kernel: blocks"},
                 {FET_SPACE_SKIP, "skip: blocks"},
                 {FET_SPACE_ACTIVATION, "activation: network"},
                 {FET_SPACE_RESOLUTION, "resolution: network"},
                 {FET_SPACE_TAIL, "tail: network"}};
    put(p, "space:\n  curate: %s\n", job->curate ? "device" : "off");
    if (job->taylor) put(p, "  importance: taylor\n"); /* younger, as above */
    put(p, "  decisions:\n");
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (!(job->kinds & kinds[k].kind)) continue;
        put(p, "    - {%s", kinds[k].text);
        for (uint32_t i = 0; kinds[k].kind == FET_SPACE_RESOLUTION && i < job->n_resolutions; i++)
            put_number(p, i ? ", " : ", options: [", job->resolutions[i], false, i + 1 < job->n_resolutions ? "" : "]");
        put(p, "}\n");
    }
    if (job->kinds & FET_SPACE_PRECISIONS) {
        put(p, "    - {precision: %s, options: [int8", job->kinds & FET_SPACE_LAYER_PRECISION ? "layers" : "blocks");
        for (uint32_t i = 0; i < job->n_precisions; i++) put(p, ", %s", fet_dtype_name(job->precisions[i]));
        put(p, "]}\n");
    }
    if (job->has_width) {
        bool groups = job->kinds & FET_SPACE_GROUP_WIDTH, inner = job->kinds & FET_SPACE_INNER_WIDTH;
        put(p, "    - {width: %s, ", groups && inner ? "all" : groups ? "groups" : inner ? "blocks" : "stages");
        put_number(p, "options: ", job->width_low, false, "..");
        put_number(p, "", job->width_high, false, "}\n");
    }
    for (uint32_t m = 0; m < job->n_multipliers; m++)
        put_number(p, m ? ", " : "    - {multiplier: [", job->multipliers[m], false, m + 1 < job->n_multipliers ? "" : "]}\n");
    if (job->n_locks) put(p, "  lock:\n");
    for (uint32_t l = 0; l < job->n_locks; l++) {
        const char *equal = strchr(job->locks[l], '=');
        put(p, "    \"%.*s\"", (int)(equal - job->locks[l]), job->locks[l]);
        put_quoted(p, ": ", equal + 1);
    }
}

static void put_goal(printer *p, const fet_job *job)
{
    put(p, "goal:\n  maximise: quality\n  minimise: [");
    for (uint32_t o = 1; o < job->n_objectives; o++) put(p, "%s%s", o > 1 ? ", " : "", fet_metric_name(job->objectives[o]));
    put(p, "]\n");
    if (job->n_limits) put(p, "  subject_to:\n");
    for (uint32_t l = 0; l < job->n_limits; l++) {
        const fet_limit *limit = &job->limits[l];
        put(p, "    %s: ", fet_metric_name(limit->metric));
        if (limit->relative) put(p, "\"<= %.10g%%\"\n", limit->value * 100);
        else put_number(p, "\"<= ", limit->value, false, limit->metric == FET_METRIC_LATENCY ? " ms\"\n" : " B\"\n");
    }
    put_number(p, "  quality_margin: ", job->quality_margin, false, "\n");
    put(p, "  prefer: %s\n", job->prefers_quality ? "quality" : "latency");
}

static void put_search(printer *p, const fet_job *job)
{
    put(p, "search:\n  strategy: %s\n  trials: %u\n", job->strategy, job->trials);
    if (job->budget_s > 0) put_number(p, "  budget: ", job->budget_s, false, "s\n");
    else put(p, "  budget: none\n");
    /* No workers: how many there are changes nothing in the results, so a study may be resumed with another number. */
    put(p, "  lookahead: %u\n  seed: %llu\n  finalists: %u\n  variants: [", job->lookahead, (unsigned long long)job->seed, job->finalists);
    for (uint32_t v = 0; v < job->n_variants; v++) put(p, "%s%s", v ? ", " : "", job->variants[v].name);
    put(p, "]\n");
}

static void put_train(printer *p, const fet_job *job)
{
    put_number(p, "train:\n  short_epochs: ", job->short_epochs, false, "\n");
    put_number(p, "  full_epochs: ", job->full_epochs, false, "\n");
    put_number(p, "  short_learning_rate: ", job->short_learning_rate, true, "\n");
    put_number(p, "  full_learning_rate: ", job->full_learning_rate, true, "\n");
    put(p, "  batch: %u\n", job->batch);
    put_number(p, "  label_smoothing: ", job->label_smoothing, true, "\n");
    put(p, "  fit: %s\n", job->fit ? "true" : "false");
    put(p, "  precision: %s\n", job->train_precision == FET_DTYPE_NONE ? "auto" : fet_dtype_name(job->train_precision));
    put(p, "  augment: {flip: %s, shift: %u", job->augment.flip ? "true" : "false", job->augment.shift);
    put_number(p, ", erase: ", job->augment.erase, true, "");
    put_number(p, ", zoom: ", job->augment.zoom, true, "");
    put_number(p, ", light: ", job->augment.light, true, "");
    put_number(p, ", mix: ", job->augment.mix, true, "}\n");
    put_number(p, "  distil: {weight: ", job->distil_weight, true, "");
    put_number(p, ", temperature: ", job->distil_temperature, true, "");
    put_number(p, ", hints: ", job->distil_hints, true, "}\n");
    put_number(p, "report:\n  watts_per_core: ", job->watts_per_core, false, "\n");
    put_quoted(p, "output: ", job->output);
}

fet_status fet_job_print(const fet_job *job, fet_arena *arena, const char **out_text)
{
    printer p = {0};
    FET_TRY(fet_alloc_zeroed(TEXT_BYTES, 1, "the job's text", &p.text));
    put_task(&p, job);
    put_base(&p, job);
    put_device(&p, job);
    put_space(&p, job);
    put_goal(&p, job);
    put_search(&p, job);
    put_train(&p, job);
    char *text = p.full ? NULL : fet_arena_copy(arena, p.text, p.used + 1);
    bool full = p.full;
    fet_free(p.text);
    if (full) return fet_fail(FET_ERROR_LIMIT, "%s: the completed job is longer than %d bytes", job->path, TEXT_BYTES);
    if (!text) return fet_arena_full();
    *out_text = text;
    return FET_OK;
}
