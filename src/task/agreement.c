// SPDX-License-Identifier: Apache-2.0
/*
 * How far a network gives what its original gives. A network with one output of K numbers a sample, K above 1, is asked as a classifier:
 * in what share of the samples is the largest number at the same place. Any other: 1 less the mean e of its outputs' relative errors, and
 * beyond a half 1 / (4 e), which goes on from there as steeply and never ends: a candidate after a short training may be all wrong, and a
 * search must still tell it from one that is more so. The original always answers in f32.
 */
#include "task/internal.h"
#include "task/task.h"

#include <math.h>

/* The two networks, their answers to one batch, and sums over all samples so far. */
typedef struct comparison {
    fet_executor *executor[2]; /* the network, its original */
    fet_loader *loader[2];     /* the same samples, images in the size each takes */
    float **answers[2];
    size_t items[FET_TASK_MAX_OUTPUTS];
    double difference[FET_TASK_MAX_OUTPUTS], size[FET_TASK_MAX_OUTPUTS];
    uint32_t n_outputs, n_agreeing;
    bool classifies;
} comparison;

bool fet_task_same_sample(const fet_shape *a, const fet_shape *b)
{
    fet_shape c = *b;
    if (a->rank == 0 || a->rank != b->rank) return false;
    c.dim[0] = a->dim[0];
    return fet_shape_equal(a, &c);
}

fet_status fet_task_check_outputs(const fet_graph *graph, const fet_graph *original)
{
    if (graph->n_outputs == 0 || graph->n_outputs > FET_TASK_MAX_OUTPUTS)
        return fet_fail(FET_ERROR_LIMIT, "the network has %u outputs, expected 1 to %d", graph->n_outputs, FET_TASK_MAX_OUTPUTS);
    if (original->n_outputs != graph->n_outputs)
        return fet_fail(FET_ERROR_SHAPE, "the network has %u outputs, expected %u as the original has", graph->n_outputs,
                        original->n_outputs);
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        const fet_value *a = &graph->values[graph->outputs[o]], *b = &original->values[original->outputs[o]];
        char has[FET_SHAPE_TEXT_BYTES], wants[FET_SHAPE_TEXT_BYTES];
        if (!fet_task_same_sample(&a->shape, &b->shape))
            return fet_fail(FET_ERROR_SHAPE, "the network's output \"%s\" is %s, expected %s as in the original", a->name,
                            fet_shape_print(&a->shape, has, sizeof has), fet_shape_print(&b->shape, wants, sizeof wants));
    }
    return FET_OK;
}

static bool is_classifier(const fet_graph *graph)
{
    if (graph->n_outputs != 1) return false;
    const fet_shape *shape = &graph->values[graph->outputs[0]].shape;
    return shape->rank >= 2 && shape->dim[1] >= 2 && (size_t)shape->dim[1] == fet_task_output_items(graph, 0);
}

static fet_status make_answers(comparison *c, int64_t batch)
{
    for (int side = 0; side < 2; side++) {
        FET_TRY(fet_alloc_zeroed(c->n_outputs, sizeof *c->answers[side], "answers", &c->answers[side]));
        for (uint32_t o = 0; o < c->n_outputs; o++)
            FET_TRY(fet_alloc_zeroed(c->items[o], (size_t)batch * sizeof(float), "answers", &c->answers[side][o]));
    }
    return FET_OK;
}

static void clear(comparison *c)
{
    for (int side = 0; side < 2; side++) {
        for (uint32_t o = 0; c->answers[side] && o < c->n_outputs; o++) fet_free(c->answers[side][o]);
        fet_free(c->answers[side]);
        fet_executor_destroy(c->executor[side]);
        fet_loader_destroy(c->loader[side]);
    }
}

static void compare(comparison *c, uint32_t count)
{
    for (uint32_t o = 0; o < c->n_outputs; o++) {
        const float *a = c->answers[0][o], *b = c->answers[1][o];
        for (size_t k = 0; k < count * c->items[o]; k++) {
            double d = (double)a[k] - b[k];
            c->difference[o] += d * d;
            c->size[o] += (double)b[k] * b[k];
        }
    }
    for (uint32_t s = 0; s < count && c->classifies; s++) {
        size_t n = c->items[0];
        c->n_agreeing += fet_task_largest(c->answers[0][0] + s * n, (uint32_t)n) == fet_task_largest(c->answers[1][0] + s * n, (uint32_t)n);
    }
}

static fet_status run_all(comparison *c, uint32_t n)
{
    for (uint32_t b = 0, seen = 0; seen < n; b++) {
        fet_batch batch = {0};
        for (int side = 0; side < 2; side++) {
            FET_TRY(fet_loader_batch(c->loader[side], 0, b, &batch));
            FET_TRY(fet_executor_run(c->executor[side], &batch.images, c->answers[side]));
        }
        uint32_t count = batch.count < n - seen ? batch.count : n - seen;
        compare(c, count);
        seen += count;
    }
    return FET_OK;
}

static fet_status prepare(comparison *c, const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight, int64_t batch)
{
    fet_executor_options options = fet_executor_default_options();
    options.batch = batch;
    FET_TRY(fet_executor_create(sight->original, &options, &c->executor[1]));
    FET_TRY(fet_task_executor_create(graph, dataset, sight, batch, &c->executor[0]));
    for (uint32_t o = 0; o < c->n_outputs; o++) c->items[o] = fet_task_output_items(graph, o);
    return make_answers(c, batch);
}

static fet_status look(comparison *c, const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight, uint32_t n)
{
    const fet_graph *graphs[] = {graph, sight->original};
    int64_t batch = fet_task_batch_of(sight->original, dataset, sight->split);
    for (int side = 0; side < 2; side++) {
        fet_loader_options loading = fet_task_loading(graphs[side], dataset, sight->split, batch);
        FET_TRY(fet_loader_create(dataset, &loading, &c->loader[side]));
    }
    FET_TRY(prepare(c, graph, dataset, sight, batch));
    return run_all(c, n);
}

static double share_of(double error)
{
    return error <= 0.5 ? 1.0 - error : isinf(error) ? 0.0 : 0.25 / error;
}

static void judge(const comparison *c, uint32_t n, fet_task_quality *out)
{
    double mean = 0.0;
    *out = (fet_task_quality){.n = n, .low = NAN, .high = NAN};
    for (uint32_t o = 0; o < c->n_outputs; o++) {
        /* All zeros in the original: any difference is all wrong. */
        double error = c->size[o] > 0.0 ? sqrt(c->difference[o] / c->size[o]) : c->difference[o] > 0.0 ? INFINITY : 0.0;
        if (isnan(error)) error = INFINITY;
        if (o < FET_TASK_MAX_ERRORS) out->error[out->n_errors++] = error;
        mean += error / c->n_outputs;
    }
    out->share = share_of(mean);
    if (!c->classifies) return;
    out->share = (double)c->n_agreeing / n;
    fet_wilson_interval(c->n_agreeing, n, &out->low, &out->high);
}

fet_status fet_agreement_eval(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight,
                              fet_task_quality *out_quality)
{
    if (!sight->original) return fet_fail(FET_ERROR_ARG, "agreement: no original network is given, expected one to compare with");
    FET_TRY(fet_task_check_input(graph, dataset));
    FET_TRY(fet_task_check_input(sight->original, dataset));
    FET_TRY(fet_task_check_outputs(graph, sight->original));
    uint32_t n = fet_dataset_size(dataset, sight->split);
    if (sight->limit > 0 && sight->limit < n) n = sight->limit;
    comparison c = {.n_outputs = graph->n_outputs, .classifies = is_classifier(graph)};
    fet_status status = look(&c, graph, dataset, sight, n);
    clear(&c);
    FET_TRY(status);
    judge(&c, n, out_quality);
    return FET_OK;
}
