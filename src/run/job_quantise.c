// SPDX-License-Identifier: Apache-2.0
/*
 * How a job's networks become int8: ranges, biases, what the first and the last layers are computed in (device: {calibrate, calibration,
 * bias_correction, first, last}), and whether the search decides that for the others (space: {decisions: [{precision: blocks}]}).
 */
#include "run/job_reader.h"

typedef fet_job_reader reader;

static const char *const names[] = {"int8", "bf16", "f32"};
static const fet_dtype dtypes[] = {FET_DTYPE_S8, FET_DTYPE_BF16, FET_DTYPE_F32};
enum { N_NAMES = sizeof names / sizeof *names };

/* What the user's file says is looked at; a study's text was, on the machine that wrote it. */
static fet_status check_device(reader *r, size_t precision, const char *path)
{
    bool can = true;
    if (r->from_file) FET_TRY(fet_device_computes(&r->job->device, dtypes[precision], &can));
    return can ? FET_OK
               : fet_job_yaml_fail(&r->yaml, path, "%s does not compute in %s: expected a device that has it beside int8",
                                   r->job->device.name, names[precision]);
}

static fet_status read_method(reader *r)
{
    enum { MOST = 16 };
    const char *methods[MOST];
    size_t n = 0, otherwise = 0, chosen = 0;
    for (const fet_calibration_method *m = fet_calibration_methods; m->name && n < MOST; m++, n++) {
        methods[n] = m->name;
        if (m == fet_calibration_default) otherwise = n;
    }
    FET_TRY(
        fet_job_choice(&r->yaml, r->yaml.raw->device.calibrate, "device.calibrate", "way to calibrate", methods, n, otherwise, &chosen));
    r->job->quantise.method = &fet_calibration_methods[chosen];
    return FET_OK;
}

static fet_status read_end(reader *r, const char *text, const char *path, fet_dtype *out_precision)
{
    size_t index = 0;
    FET_TRY(fet_job_choice(&r->yaml, text, path, "precision", names, N_NAMES, 0, &index));
    *out_precision = index == 0 ? FET_DTYPE_NONE : dtypes[index];
    return index == 0 ? FET_OK : check_device(r, index, path);
}

fet_status fet_job_read_quantise(reader *r)
{
    const fet_job_raw_device *raw = &r->yaml.raw->device;
    const struct {
        const char *text, *path;
    } fields[] = {{raw->calibrate, "device.calibrate"},
                  {raw->calibration, "device.calibration"},
                  {raw->bias_correction, "device.bias_correction"},
                  {raw->first, "device.first"},
                  {raw->last, "device.last"}};
    fet_quantise_options *quantise = &r->job->quantise;
    bool corrects = true;
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
        if (fields[f].text && r->job->device.precision != FET_DTYPE_S8)
            return fet_job_yaml_fail(&r->yaml, fields[f].path, "the device computes in %s: expected nothing, it belongs to int8",
                                     fet_dtype_name(r->job->device.precision));
    FET_TRY(read_method(r));
    FET_TRY(fet_job_whole32(&r->yaml, raw->calibration, "device.calibration", 0, 1, 1000000, &quantise->batches));
    FET_TRY(fet_job_bool(&r->yaml, raw->bias_correction, "device.bias_correction", true, &corrects));
    quantise->keep_shift = !corrects;
    FET_TRY(read_end(r, raw->first, "device.first", &quantise->first));
    return read_end(r, raw->last, "device.last", &quantise->last);
}

/* --- the search's decision --- */

static fet_status take_option(reader *r, const yaml_node_t *node, const char *path, bool *listed)
{
    size_t index = 0;
    const char *text = node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
    if (!text) return fet_job_yaml_fail(&r->yaml, path, "expected precisions in the list, such as [int8, bf16]");
    FET_TRY(fet_job_choice(&r->yaml, text, path, "precision", names, N_NAMES, 0, &index));
    if (listed[index]) return fet_job_yaml_fail(&r->yaml, path, "\"%s\" stands there twice", names[index]);
    listed[index] = true;
    return index == 0 ? FET_OK : check_device(r, index, path);
}

fet_status fet_job_read_precisions(reader *r, const char *field, const char *options)
{
    bool listed[N_NAMES] = {false};
    fet_job *job = r->job;
    if (job->device.precision != FET_DTYPE_S8)
        return fet_job_yaml_fail(&r->yaml, field, "the device computes in %s: expected int8, beside which layers may be in bf16 or f32",
                                 fet_dtype_name(job->device.precision));
    const yaml_node_t *list = options ? fet_job_yaml_find(&r->yaml, options) : NULL;
    if (!list) {
        job->precisions[0] = FET_DTYPE_BF16;
        job->n_precisions = 1;
        return check_device(r, 1, field);
    }
    if (list->type != YAML_SEQUENCE_NODE)
        return fet_job_yaml_fail(&r->yaml, options, "expected a list of precisions, such as [int8, bf16]");
    for (const yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++)
        FET_TRY(take_option(r, yaml_document_get_node(&r->yaml.yaml.document, *item), options, listed));
    if (!listed[0])
        return fet_job_yaml_fail(&r->yaml, options, "int8 is not among them: expected the network's own precision to be a choice");
    for (size_t p = 1; p < N_NAMES; p++)
        if (listed[p]) job->precisions[job->n_precisions++] = dtypes[p];
    return job->n_precisions ? FET_OK : fet_job_yaml_fail(&r->yaml, options, "int8 alone is no choice: expected bf16 or f32 beside it");
}
