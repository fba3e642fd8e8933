// SPDX-License-Identifier: Apache-2.0
#include "cli/export_check.h"

#include "base/rng.h"
#include "engine/executor.h"
#include "format/ort/ort.h"

#include <math.h>
#include <string.h>

/* ONNX Runtime's sigmoid and exponential are good to 1e-7, but not to 1e-7 of a small result: smaller outputs are measured as if they
 * reached this. */
static const double smallest_scale = 1e-2;

typedef struct check {
    const fet_graph *graph;
    fet_ort_session *session;
    fet_executor *executor;
    fet_tensor **in;   /* [n_inputs] as ONNX Runtime takes them */
    fet_tensor **ours; /* [n_inputs] inputs, then [n_outputs] outputs, as f32 */
} check;

/* f32 in -1 .. 1; whole numbers and truth values are 0 or 1, which is an index of anything that has two. */
static void fill(const fet_tensor *f32, fet_tensor *typed, uint32_t i)
{
    fet_rng rng;
    fet_rng_init(&rng, 1, i, FET_RNG_TEST);
    for (int64_t e = 0; e < fet_tensor_elements(f32); e++) {
        double x = fet_rng_uniform(&rng) * 2 - 1;
        float value = typed->dtype == FET_DTYPE_F32 ? (float)x : x > 0 ? 1.0f : 0.0f;
        fet_tensor_f32(f32)[e] = value;
        switch (fet_dtype_bytes(typed->dtype)) {
        case 8: ((int64_t *)typed->data)[e] = (int64_t)value; break;
        case 1: ((uint8_t *)typed->data)[e] = (uint8_t)value; break;
        default:
            if (typed->dtype == FET_DTYPE_F32) ((float *)typed->data)[e] = value;
            else ((int32_t *)typed->data)[e] = (int32_t)value;
        }
    }
}

static fet_status make_inputs(check *c)
{
    const fet_graph *g = c->graph;
    FET_TRY(fet_alloc_zeroed(g->n_inputs + 1, sizeof *c->in, "inputs", &c->in));
    FET_TRY(fet_alloc_zeroed(g->n_inputs + g->n_outputs, sizeof *c->ours, "inputs and outputs", &c->ours));
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const fet_value *value = &g->values[g->inputs[i]];
        bool known = value->dtype == FET_DTYPE_F32 || value->dtype == FET_DTYPE_S64 || value->dtype == FET_DTYPE_S32 ||
                     value->dtype == FET_DTYPE_BOOL || value->dtype == FET_DTYPE_U8;
        if (!known) return fet_fail(FET_ERROR_UNSUPPORTED, "--check: input \"%s\" is %s", value->name, fet_dtype_name(value->dtype));
        FET_TRY(fet_tensor_create(value->dtype, &value->shape, &c->in[i]));
        FET_TRY(fet_tensor_create(FET_DTYPE_F32, &value->shape, &c->ours[i]));
        fill(c->ours[i], c->in[i], i);
        for (uint32_t k = 0; k < fet_ort_n_inputs(c->session); k++)
            if (strcmp(fet_ort_input_name(c->session, k), value->name) == 0) FET_TRY(fet_ort_set_input(c->session, k, c->in[i]));
    }
    return FET_OK;
}

static fet_status run_ours(check *c)
{
    const fet_graph *g = c->graph;
    fet_executor_options options = fet_executor_default_options();
    const fet_shape *shape = g->n_inputs ? &g->values[g->inputs[0]].shape : NULL;
    options.batch = shape && shape->rank ? shape->dim[0] : 1;
    FET_TRY(fet_executor_create(g, &options, &c->executor));
    const float **src = NULL;
    float **dst = NULL;
    fet_status status = fet_alloc_zeroed(g->n_inputs + 1, sizeof *src, "inputs", &src);
    if (status == FET_OK) status = fet_alloc_zeroed(g->n_outputs, sizeof *dst, "outputs", &dst);
    for (uint32_t i = 0; status == FET_OK && i < g->n_inputs; i++) src[i] = fet_tensor_f32(c->ours[i]);
    for (uint32_t o = 0; status == FET_OK && o < g->n_outputs; o++) {
        fet_tensor **out = &c->ours[g->n_inputs + o];
        status = fet_tensor_create(FET_DTYPE_F32, &g->values[g->outputs[o]].shape, out);
        if (status == FET_OK) dst[o] = fet_tensor_f32(*out);
    }
    if (status == FET_OK) status = fet_executor_run(c->executor, src, dst);
    fet_free(src);
    fet_free(dst);
    return status;
}

static double number(const fet_tensor *tensor, int64_t i)
{
    switch (tensor->dtype) {
    case FET_DTYPE_S64: return (double)((const int64_t *)tensor->data)[i];
    case FET_DTYPE_S32: return ((const int32_t *)tensor->data)[i];
    case FET_DTYPE_S8: return ((const int8_t *)tensor->data)[i];
    case FET_DTYPE_U8:
    case FET_DTYPE_BOOL: return ((const uint8_t *)tensor->data)[i];
    case FET_DTYPE_F64: return ((const double *)tensor->data)[i];
    default: return (double)((const float *)tensor->data)[i];
    }
}

/* Infinite where one is no number and the other is. */
static double difference(const fet_tensor *ours, const fet_tensor *theirs, double *out_largest)
{
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < fet_tensor_elements(theirs); i++) {
        double a = number(ours, i), b = number(theirs, i);
        if ((isnan(a) && isnan(b)) || a == b) worst = worst > 0 ? worst : 0;
        else worst = isfinite(a) && isfinite(b) ? fmax(worst, fabs(a - b)) : (double)INFINITY;
        if (isfinite(b)) largest = fmax(largest, fabs(b));
    }
    *out_largest = largest;
    return worst / fmax(largest, smallest_scale);
}

static fet_status compare(const fet_cli *cli, const check *c, double *out_worst)
{
    *out_worst = 0;
    for (uint32_t o = 0; o < c->graph->n_outputs; o++) {
        fet_auto(fet_tensor) theirs = NULL;
        const fet_tensor *ours = c->ours[c->graph->n_inputs + o];
        char a[FET_SHAPE_TEXT_BYTES], b[FET_SHAPE_TEXT_BYTES];
        double largest = 0;
        const char *name = fet_ort_output_name(c->session, o);
        FET_TRY(fet_ort_output(c->session, o, &theirs));
        if (!fet_shape_equal(&ours->shape, &theirs->shape))
            return fet_fail(FET_ERROR_STATE, "--check: output \"%s\" is %s here and %s in ONNX Runtime", name,
                            fet_shape_print(&ours->shape, a, sizeof a), fet_shape_print(&theirs->shape, b, sizeof b));
        double d = difference(ours, theirs, &largest);
        fprintf(cli->out, "output \"%s\" %s: largest difference %.2e of the largest number (%.4g)\n", name,
                fet_shape_print(&theirs->shape, b, sizeof b), d, largest);
        if (d > *out_worst) *out_worst = d;
    }
    return FET_OK;
}

static fet_status run_check(const fet_cli *cli, check *c, double *out_worst)
{
    if (fet_ort_n_outputs(c->session) != c->graph->n_outputs)
        return fet_fail(FET_ERROR_STATE, "--check: %u outputs in ONNX Runtime, %u here", fet_ort_n_outputs(c->session),
                        c->graph->n_outputs);
    FET_TRY(make_inputs(c));
    FET_TRY(run_ours(c));
    FET_TRY(fet_ort_run(c->session));
    return compare(cli, c, out_worst);
}

fet_status fet_export_check(const fet_cli *cli, const fet_graph *graph, const char *path, const char *library, double *out_worst)
{
    char found[FET_ORT_PATH_BYTES];
    fet_auto(fet_ort) ort = NULL;
    check c = {.graph = graph};
    FET_TRY(fet_ort_find(library, found));
    FET_TRY(fet_ort_open(found, &ort));
    FET_TRY(fet_ort_session_create(ort, path, false, &c.session));
    if (!cli->quiet) fprintf(cli->out, "checked against ONNX Runtime %s on random input\n", fet_ort_version(ort));
    fet_status status = run_check(cli, &c, out_worst);
    for (uint32_t i = 0; c.in && i < graph->n_inputs; i++) fet_tensor_release(c.in[i]);
    for (uint32_t i = 0; c.ours && i < graph->n_inputs + graph->n_outputs; i++) fet_tensor_release(c.ours[i]);
    fet_free(c.in);
    fet_free(c.ours);
    fet_executor_destroy(c.executor);
    fet_ort_session_destroy(c.session);
    return status;
}
