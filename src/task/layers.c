// SPDX-License-Identifier: Apache-2.0
#include "task/layers.h"

#include "rewrite/mark_precision.h"
#include "task/internal.h"

#include <math.h>
#include <stdlib.h>

static int by_error(const void *a, const void *b)
{
    const fet_layer_loss *x = a, *y = b;
    if (x->error != y->error) return x->error < y->error ? 1 : -1;
    return x->node < y->node ? -1 : x->node > y->node;
}

/* This layer in int8, all others in f32, against the network in f32. */
static fet_status judge(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight, fet_calibration *calibration,
                        fet_layer_loss *loss)
{
    fet_auto(fet_graph) marked = NULL;
    fet_task_quality quality;
    FET_TRY(fet_graph_copy(graph, NULL, 0, &marked));
    fet_mark_precision_others(marked, loss->node, FET_DTYPE_F32);
    if (!sight->quantise.keep_shift) FET_TRY(fet_task_correct(marked, dataset, calibration));
    FET_TRY(fet_agreement_eval(marked, dataset, sight, &quality));
    loss->error = 0.0;
    for (uint32_t e = 0; e < quality.n_errors; e++) loss->error += quality.error[e] / quality.n_errors;
    loss->agreement = isnan(quality.low) ? (double)NAN : quality.share;
    return FET_OK;
}

fet_status fet_task_layer_losses(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight, fet_arena *arena,
                                 fet_layers_progress progress, void *context, fet_layer_loss **out_losses, uint32_t *out_n)
{
    fet_auto(fet_calibration) calibration = NULL;
    fet_task_sight alone = *sight;
    alone.quantise.keep_shift = true; /* corrected for each layer by itself */
    FET_TRY(fet_task_check_input(graph, dataset));
    FET_TRY(fet_task_calibrate(graph, dataset, &alone.quantise, &calibration));
    alone.quantise.keep_shift = sight->quantise.keep_shift;
    alone.precision = FET_DTYPE_S8;
    alone.calibration = calibration;
    alone.original = graph;
    fet_layer_loss *losses = fet_arena_zalloc(arena, graph->n_nodes + 1u, sizeof *losses);
    if (!losses) return fet_arena_full();
    uint32_t n = 0;
    for (fet_id node = 0; node < graph->n_nodes; node++)
        if (graph->nodes[node].op != FET_OP_NONE && fet_mark_precision_is_layer(graph, &graph->nodes[node])) losses[n++].node = node;
    for (uint32_t i = 0; i < n; i++) {
        if (progress && !progress(context, i, n)) return fet_fail(FET_ERROR_STATE, "interrupted");
        FET_TRY(judge(graph, dataset, &alone, calibration, &losses[i]));
    }
    qsort(losses, n, sizeof *losses, by_error);
    *out_losses = losses;
    *out_n = n;
    return FET_OK;
}
