// SPDX-License-Identifier: Apache-2.0
/* What was seen of activations in f32, by value name, and the method that makes a range of it. */
#include "engine/infer/calibration.h"
#include "base/hash.h"
#include "engine/quantise/method.h"

#include <math.h>
#include <string.h>

/* Numbers of a value that one call counts into bins: counting costs more than computing them did; this many tell a range to a bin. */
enum { MOST_COUNTED = 1 << 16 };

typedef struct seen {
    char *name;
    uint64_t hash;
    fet_histogram *histogram; /* NULL: no number yet */
    float *shift;             /* [n_shift]; NULL: none */
    uint32_t n_shift;
} seen;

struct fet_calibration {
    const fet_calibration_method *method;
    bool has_shifts;
    seen *values;
    size_t count, capacity;
};

fet_status fet_calibration_create(const fet_calibration_method *method, fet_calibration **out_calibration)
{
    fet_calibration *calibration = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *calibration, "a calibration", &calibration));
    calibration->method = method ? method : fet_calibration_default;
    *out_calibration = calibration;
    return FET_OK;
}

void fet_calibration_destroy(fet_calibration *calibration)
{
    if (!calibration) return;
    for (size_t i = 0; i < calibration->count; i++) {
        fet_free(calibration->values[i].name);
        fet_histogram_destroy(calibration->values[i].histogram);
        fet_free(calibration->values[i].shift);
    }
    fet_free(calibration->values);
    fet_free(calibration);
}

static seen *find(const fet_calibration *calibration, const char *name)
{
    uint64_t hash = fet_hash(name, strlen(name));
    for (size_t i = 0; i < calibration->count; i++)
        if (calibration->values[i].hash == hash && strcmp(calibration->values[i].name, name) == 0) return &calibration->values[i];
    return NULL;
}

static fet_status find_or_add(fet_calibration *calibration, const char *name, seen **out_seen)
{
    *out_seen = find(calibration, name);
    if (*out_seen) return FET_OK;
    FET_TRY(fet_grow(&calibration->values, &calibration->capacity, calibration->count + 1, sizeof *calibration->values));
    seen added = {.hash = fet_hash(name, strlen(name))};
    FET_TRY(fet_strdup_checked(name, &added.name));
    calibration->values[calibration->count] = added;
    *out_seen = &calibration->values[calibration->count++];
    return FET_OK;
}

static fet_status widen(fet_calibration *calibration, const char *name, const float *numbers, int64_t count)
{
    seen *s = NULL;
    FET_TRY(find_or_add(calibration, name, &s));
    if (!s->histogram) FET_TRY(fet_histogram_create(&s->histogram));
    fet_status status = fet_histogram_add(s->histogram, numbers, count, calibration->method->needs_bins ? MOST_COUNTED : 1);
    if (status == FET_ERROR_ARG) return fet_fail(status, "calibration: value \"%s\" has a number that is not finite", name);
    return status;
}

static fet_status observe_values(fet_calibration *calibration, const fet_graph *graph, fet_executor *executor)
{
    for (fet_id v = 0; v < graph->n_values; v++) {
        if (graph->values[v].kind != FET_VALUE_COMPUTED) continue;
        const float *numbers = NULL;
        int64_t count = 0;
        fet_status status = fet_executor_peek(executor, graph->values[v].name, &numbers, &count);
        if (status == FET_ERROR_NOT_FOUND) continue; /* fused away: its range is never asked for */
        FET_TRY(status);
        FET_TRY(widen(calibration, graph->values[v].name, numbers, count));
    }
    return FET_OK;
}

static fet_status observe(fet_calibration *calibration, const fet_graph *graph, fet_executor *executor, const float *const src[],
                          float **dst, int64_t batch)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        const fet_shape *shape = &graph->values[graph->outputs[o]].shape;
        int64_t per_sample = shape->rank && shape->dim[0] > 0 ? fet_shape_elements(shape) / shape->dim[0] : 1;
        FET_TRY(fet_alloc_zeroed((size_t)(per_sample * batch), sizeof(float), "outputs of a calibration run", &dst[o]));
    }
    FET_TRY(fet_executor_run(executor, src, dst));
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        const fet_value *value = &graph->values[graph->inputs[i]];
        int64_t per_sample = value->shape.rank && value->shape.dim[0] > 0 ? fet_shape_elements(&value->shape) / value->shape.dim[0] : 1;
        FET_TRY(widen(calibration, value->name, src[i], per_sample * batch));
    }
    return observe_values(calibration, graph, executor);
}

fet_status fet_calibration_observe(fet_calibration *calibration, const fet_graph *graph, const float *const src[], int64_t batch)
{
    fet_auto(fet_executor) executor = NULL;
    /* Whether an addition is fused depends on the precision; without it every value that any precision computes is seen. */
    fet_fusion_rules rules = fet_fusion_rules_host;
    rules.add = false;
    fet_executor_options options = fet_executor_default_options();
    options.batch = batch;
    options.keep_all = true;
    FET_TRY(fet_executor_create_by(graph, &options, &rules, &executor));
    float **dst = NULL;
    FET_TRY(fet_alloc_zeroed(graph->n_outputs, sizeof *dst, "outputs of a calibration run", &dst));
    fet_status status = observe(calibration, graph, executor, src, dst, batch);
    for (uint32_t o = 0; o < graph->n_outputs; o++) fet_free(dst[o]);
    fet_free(dst);
    return status;
}

fet_status fet_calibration_range(const fet_calibration *calibration, const char *name, bool is_unsigned, float *out_range)
{
    const seen *s = find(calibration, name);
    if (!s || !s->histogram) return fet_fail(FET_ERROR_NOT_FOUND, "the calibration has seen no value \"%s\"", name);
    const fet_histogram *h = s->histogram;
    *out_range =
        fet_range_min_max(h, 0, is_unsigned) > 0.0f ? calibration->method->range(h, calibration->method->parameter, is_unsigned) : 0.0f;
    return FET_OK;
}

fet_status fet_calibration_step(const fet_calibration *calibration, const char *name, float *out_step)
{
    const seen *s = find(calibration, name);
    if (!s || !s->histogram) return fet_fail(FET_ERROR_NOT_FOUND, "the calibration has seen no value \"%s\"", name);
    bool is_unsigned = s->histogram->low >= 0.0f;
    float range = fet_range_min_max(s->histogram, 0, is_unsigned);
    *out_step = range > 0.0f ? range / (is_unsigned ? 255.0f : 127.0f) : 1.0f;
    return FET_OK;
}

void fet_calibration_begin_shifts(fet_calibration *calibration)
{
    calibration->has_shifts = true;
    for (size_t i = 0; i < calibration->count; i++) {
        fet_free(calibration->values[i].shift);
        calibration->values[i].shift = NULL;
    }
}

fet_status fet_calibration_set_shift(fet_calibration *calibration, const char *name, const float *shift, uint32_t n)
{
    seen *s = NULL;
    FET_TRY(find_or_add(calibration, name, &s));
    fet_free(s->shift);
    s->shift = NULL;
    FET_TRY(fet_alloc_zeroed(n, sizeof *s->shift, "shifts of a value", &s->shift));
    memcpy(s->shift, shift, n * sizeof *shift);
    s->n_shift = n;
    return FET_OK;
}

const float *fet_calibration_shift(const fet_calibration *calibration, const char *name, uint32_t n, bool *out_wanted)
{
    const seen *s = calibration->has_shifts ? find(calibration, name) : NULL;
    *out_wanted = calibration->has_shifts;
    return s && s->shift && s->n_shift == n ? s->shift : NULL;
}
