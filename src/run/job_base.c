// SPDX-License-Identifier: Apache-2.0
/* The job's base network: a template and its sizes, or an ONNX file that somebody else trained. */
#include "run/base_network.h"
#include "run/job_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef fet_job_reader reader;

enum { MAX_NAMES = 16 };

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

static fet_status read_template(reader *r)
{
    const fet_job_raw_base *raw = &r->yaml.raw->base;
    static const char *const activations[] = {"relu", "relu6"};
    fet_template_options *base = &r->job->base_options;
    const char *templates[MAX_NAMES];
    size_t n = 0, index = 0;
    for (; fet_templates[n] && n < MAX_NAMES; n++) templates[n] = fet_templates[n]->name;
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
    return FET_OK;
}

/* The sizes of a template say nothing about a network that is given. */
static fet_status refuse_sizes(reader *r)
{
    const fet_job_raw_base *raw = &r->yaml.raw->base;
    const struct {
        const char *path;
        bool there;
    } fields[] = {{"base.template", raw->template != NULL},
                  {"base.classes", raw->classes != NULL},
                  {"base.stem", raw->stem.channels || raw->stem.kernel || raw->stem.stride},
                  {"base.stages", raw->n_stages > 0},
                  {"base.head", raw->head != NULL},
                  {"base.activation", raw->activation != NULL}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].there)
            return fet_job_yaml_fail(&r->yaml, fields[i].path,
                                     "it describes a template, but base.onnx gives the network: expected one of the two");
    return FET_OK;
}

/* 1x3x128x128 or 3x128x128. */
static fet_status read_onnx_input(reader *r, const char *text)
{
    fet_shape shape;
    if (!text) return FET_OK;
    bool good = fet_shape_parse(text, &shape) == FET_OK;
    if (good && shape.rank == 3) shape = (fet_shape){.rank = 4, .dim = {1, shape.dim[0], shape.dim[1], shape.dim[2]}};
    good = good && shape.rank == 4 && shape.dim[0] == 1;
    for (uint32_t i = 0; i < shape.rank && good; i++) good = shape.dim[i] >= 1 && shape.dim[i] <= 1 << 14;
    if (!good)
        return fet_job_yaml_fail(&r->yaml, "base.input",
                                 "\"%.60s\" is no input: expected 1 x channels x height x width, such as 1x3x128x128", text);
    r->job->base_input = shape;
    return FET_OK;
}

/* Of the file's content: part of the job, so that a study never goes on with another network. */
static fet_status read_hash(reader *r, const char *text)
{
    uint64_t found = 0;
    if (text) {
        char *end = NULL;
        errno = 0;
        r->job->base_hash = strtoull(text, &end, 16);
        if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16 || errno)
            return fet_job_yaml_fail(&r->yaml, "base.hash", "\"%.60s\" is no hash: expected 16 hexadecimal digits, or nothing", text);
    }
    if (!r->from_file) return FET_OK;
    fet_status status = fet_base_network_hash(r->job->base_onnx, &found);
    if (status == FET_ERROR_NOMEM) return status;
    if (status != FET_OK) {
        char message[1024];
        snprintf(message, sizeof message, "%s", fet_error_message());
        return fet_job_yaml_fail(&r->yaml, "base.onnx", "%.400s", message);
    }
    if (text && found != r->job->base_hash)
        return fet_job_yaml_fail(&r->yaml, "base.hash", "%s has another content, %016llx: expected the file this job was made for",
                                 r->job->base_onnx, (unsigned long long)found);
    r->job->base_hash = found;
    return FET_OK;
}

static fet_status read_onnx(reader *r)
{
    const fet_job_raw_base *raw = &r->yaml.raw->base;
    FET_TRY(refuse_sizes(r));
    if (!raw->onnx[0]) return fet_job_yaml_fail(&r->yaml, "base.onnx", "it is empty: expected an ONNX file");
    FET_TRY(fet_job_keep_path(r, raw->onnx, &r->job->base_onnx));
    FET_TRY(read_onnx_input(r, raw->input));
    return read_hash(r, raw->hash);
}

fet_status fet_job_read_base(reader *r)
{
    const fet_job_raw_base *raw = &r->yaml.raw->base;
    double rate = 0, epochs = 6;
    bool onnx = raw->onnx != NULL;
    if (!onnx && raw->hash) return fet_job_yaml_fail(&r->yaml, "base.hash", "it belongs to base.onnx, which is missing");
    FET_TRY(onnx ? read_onnx(r) : read_template(r));
    /* A given network is trained already: few epochs at a lower rate fit it to the data, none take it as it is. */
    if (onnx) epochs = r->job->task->needs_original ? 0 : 3; /* what is imitated stays as it is */
    FET_TRY(fet_job_real(&r->yaml, raw->epochs, "base.epochs", epochs, onnx ? 0 : 0.001, 10000, &r->job->base_epochs));
    if (r->job->task->needs_original && r->job->base_epochs > 0)
        return fet_job_yaml_fail(&r->yaml, "base.epochs", "it is %.6g, expected 0: what is imitated stays as it is", r->job->base_epochs);
    FET_TRY(fet_job_real(&r->yaml, raw->learning_rate, "base.learning_rate", onnx ? 0.02 : 0.1, 1e-7, 100, &rate));
    r->job->base_learning_rate = (float)rate;
    return FET_OK;
}
