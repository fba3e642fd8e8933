// SPDX-License-Identifier: Apache-2.0
#include "cli/advise_apply.h"

#include "cli/source.h"
#include "engine/executor.h"
#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "task/task.h"

#include <math.h>
#include <stdio.h>

enum { SEED = 1, RECALIBRATION_BATCHES = 8 };

/* --- outputs on random numbers --- */

typedef struct outputs {
    float **values; /* one a graph output */
    size_t *counts;
    uint32_t n;
} outputs;

static fet_status reserve(const fet_graph *graph, const fet_id *ids, uint32_t n, fet_arena *arena, outputs *out)
{
    *out = (outputs){.n = n};
    out->values = fet_arena_zalloc(arena, n + 1, sizeof *out->values);
    out->counts = fet_arena_zalloc(arena, n + 1, sizeof *out->counts);
    if (!out->values || !out->counts) return fet_arena_full();
    for (uint32_t i = 0; i < n; i++) {
        out->counts[i] = (size_t)fet_shape_elements(&graph->values[ids[i]].shape);
        out->values[i] = fet_arena_zalloc(arena, out->counts[i] + 1, sizeof(float));
        if (!out->values[i]) return fet_arena_full();
    }
    return FET_OK;
}

static fet_status run_graph(const fet_graph *graph, const outputs *inputs, fet_arena *arena, outputs *out)
{
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = fet_executor_default_options();
    options.precision = FET_DTYPE_F32;
    options.batch = graph->n_inputs ? graph->values[graph->inputs[0]].shape.dim[0] : 1;
    FET_TRY(reserve(graph, graph->outputs, graph->n_outputs, arena, out));
    FET_TRY(fet_executor_create(graph, &options, &executor));
    return fet_executor_run(executor, (const float *const *)inputs->values, out->values);
}

/* NAN where the networks cannot be compared: an operator that does not run here, other shapes. */
static double largest_difference(const fet_graph *base, const fet_graph *graph, fet_arena *arena)
{
    outputs inputs, x, y;
    fet_rng rng;
    double most = 0;
    fet_rng_init(&rng, SEED, 0, FET_RNG_SAMPLE);
    if (reserve(base, base->inputs, base->n_inputs, arena, &inputs) != FET_OK) return (double)NAN;
    for (uint32_t i = 0; i < inputs.n; i++)
        for (size_t e = 0; e < inputs.counts[i]; e++) inputs.values[i][e] = (float)fet_rng_uniform(&rng);
    for (uint32_t i = 0; i < base->n_inputs; i++)
        if (!fet_shape_equal(&base->values[base->inputs[i]].shape, &graph->values[graph->inputs[i]].shape)) return (double)NAN;
    if (run_graph(base, &inputs, arena, &x) != FET_OK || run_graph(graph, &inputs, arena, &y) != FET_OK) return (double)NAN;
    for (uint32_t o = 0; o < x.n; o++) {
        double largest = 0, off = 0;
        if (o >= y.n || x.counts[o] != y.counts[o]) return (double)NAN;
        for (size_t e = 0; e < x.counts[o]; e++) {
            largest = fmax(largest, fabs((double)x.values[o][e]));
            off = fmax(off, fabs((double)x.values[o][e] - (double)y.values[o][e]));
        }
        if (largest > 0) most = fmax(most, off / largest);
    }
    return most;
}

/* --- */

static fet_status recalibrate(fet_graph *graph, const char *data)
{
    fet_auto(fet_dataset) dataset = NULL;
    char input[96];
    const fet_shape *shape = &graph->values[graph->inputs[0]].shape;
    if (shape->rank != 4) return fet_fail(FET_ERROR_SHAPE, "--data: the network's input is no image");
    snprintf(input, sizeof input, "%dx%dx%d", (int)shape->dim[1], (int)shape->dim[2], (int)shape->dim[3]);
    const fet_cli_data given = {.text = data, .input = input, .val_share = 0.1, .seed = SEED};
    FET_TRY(fet_cli_open_data(&given, NULL, &dataset));
    return fet_task_recalibrate(graph, dataset, RECALIBRATION_BATCHES, SEED);
}

fet_status fet_advise_write(const fet_space *space, const fet_genome *genome, const char *data, const char *path, fet_applied *out_applied)
{
    const fet_graph *base = fet_space_base(space);
    fet_applied applied = {.recalibrated = data != NULL};
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_arena) scratch = NULL;
    fet_auto(fet_graph) graph = NULL;
    for (uint32_t p = 0; p < base->n_params; p++)
        if (!base->params[p].tensor) return fet_fail(FET_ERROR_STATE, "this network is not trained yet, it has no weights to inherit");
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_arena_create(&scratch));
    FET_TRY(fet_space_derive(space, genome, arena, &graph));
    FET_TRY(fet_graph_init_params(graph, base, SEED));
    if (data) FET_TRY(recalibrate(graph, data));
    FET_TRY(fet_onnx_write(graph, path, FET_ONNX_OPSET_WRITTEN));
    applied.difference = largest_difference(base, graph, scratch);
    *out_applied = applied;
    return FET_OK;
}
