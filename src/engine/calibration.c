// SPDX-License-Identifier: Apache-2.0
/* Ranges of activations, by value name: smallest and largest number seen in f32. */
#include "engine/infer/calibration.h"
#include "base/hash.h"

#include <math.h>
#include <string.h>

typedef struct range {
    char *name;
    uint64_t hash;
    float low, high;
} range;

struct fet_calibration {
    range *ranges;
    size_t count, capacity;
};

fet_status fet_calibration_create(fet_calibration **out_calibration)
{
    return fet_alloc_zeroed(1, sizeof(fet_calibration), "a calibration", out_calibration);
}

void fet_calibration_destroy(fet_calibration *calibration)
{
    if (!calibration) return;
    for (size_t i = 0; i < calibration->count; i++) fet_free(calibration->ranges[i].name);
    fet_free(calibration->ranges);
    fet_free(calibration);
}

static range *find(const fet_calibration *calibration, const char *name)
{
    uint64_t hash = fet_hash(name, strlen(name));
    for (size_t i = 0; i < calibration->count; i++)
        if (calibration->ranges[i].hash == hash && strcmp(calibration->ranges[i].name, name) == 0) return &calibration->ranges[i];
    return NULL;
}

static fet_status find_or_add(fet_calibration *calibration, const char *name, range **out_range)
{
    *out_range = find(calibration, name);
    if (*out_range) return FET_OK;
    FET_TRY(fet_grow(&calibration->ranges, &calibration->capacity, calibration->count + 1, sizeof *calibration->ranges));
    range added = {.hash = fet_hash(name, strlen(name)), .low = INFINITY, .high = -INFINITY};
    FET_TRY(fet_strdup_checked(name, &added.name));
    calibration->ranges[calibration->count] = added;
    *out_range = &calibration->ranges[calibration->count++];
    return FET_OK;
}

static fet_status widen(fet_calibration *calibration, const char *name, const float *numbers, int64_t count)
{
    range *r = NULL;
    FET_TRY(find_or_add(calibration, name, &r));
    float low = r->low, high = r->high;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(numbers[i])) return fet_fail(FET_ERROR_ARG, "calibration: value \"%s\" has a number that is not finite", name);
        low = numbers[i] < low ? numbers[i] : low;
        high = numbers[i] > high ? numbers[i] : high;
    }
    r->low = low;
    r->high = high;
    return FET_OK;
}

static fet_status observe_values(fet_calibration *calibration, const fet_graph *graph, fet_executor *executor)
{
    for (fet_id v = 0; v < graph->n_values; v++) {
        if (graph->values[v].kind != FET_VALUE_COMPUTED) continue;
        fet_auto(fet_tensor) tensor = NULL;
        fet_status status = fet_executor_value(executor, graph->values[v].name, &tensor);
        if (status == FET_ERROR_NOT_FOUND) continue; /* fused away: its range is never asked for */
        FET_TRY(status);
        FET_TRY(widen(calibration, graph->values[v].name, fet_tensor_f32(tensor), fet_tensor_elements(tensor)));
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

fet_status fet_calibration_range(const fet_calibration *calibration, const char *name, float *out_low, float *out_high)
{
    const range *r = find(calibration, name);
    if (!r) return fet_fail(FET_ERROR_NOT_FOUND, "the calibration has seen no value \"%s\"", name);
    *out_low = r->low;
    *out_high = r->high;
    return FET_OK;
}
