// SPDX-License-Identifier: Apache-2.0
/* Graphs run in f32 by the executor, for tests of rewrites on networks that are too large or too varied for a slow reference. */
#ifndef FET_TESTS_REWRITE_RUN_H
#define FET_TESTS_REWRITE_RUN_H

#include "check.h"

#include "base/rng.h"
#include "engine/executor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct run_result {
    float *data; /* all outputs, one behind the other */
    int64_t n;
    double largest; /* |x|; NAN when one is not finite */
} run_result;

enum { RUN_MOST = 64 };

/* Inputs uniform in [-1, 1) from `seed`, the same for each graph with such inputs. */
static inline run_result run_graph(const fet_graph *graph, uint64_t seed)
{
    float *src[RUN_MOST] = {0}, *dst[RUN_MOST] = {0};
    run_result result = {0};
    assert_true(graph->n_inputs <= RUN_MOST && graph->n_outputs <= RUN_MOST);
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        int64_t n = fet_shape_elements(&graph->values[graph->inputs[i]].shape);
        fet_rng rng;
        fet_rng_init(&rng, seed, i, FET_RNG_TEST);
        src[i] = malloc((size_t)n * sizeof(float));
        for (int64_t k = 0; k < n; k++) src[i][k] = (float)(2 * fet_rng_uniform(&rng) - 1);
    }
    for (uint32_t o = 0; o < graph->n_outputs; o++) result.n += fet_shape_elements(&graph->values[graph->outputs[o]].shape);
    result.data = malloc((size_t)result.n * sizeof(float));
    float *at = result.data;
    for (uint32_t o = 0; o < graph->n_outputs; at += fet_shape_elements(&graph->values[graph->outputs[o]].shape), o++) dst[o] = at;
    fet_executor *executor = NULL;
    fet_executor_options options = fet_executor_default_options();
    CHECK_OK(fet_executor_create(graph, &options, &executor));
    CHECK_OK(fet_executor_run(executor, (const float *const *)src, dst));
    fet_executor_destroy(executor);
    for (int64_t k = 0; k < result.n; k++) {
        if (!isfinite(result.data[k])) result.largest = NAN;
        else if (fabs((double)result.data[k]) > result.largest) result.largest = fabs((double)result.data[k]);
    }
    for (uint32_t i = 0; i < graph->n_inputs; i++) free(src[i]);
    return result;
}

/* The largest difference of two results, as a share of the largest output of the first. */
static inline double run_compare(const run_result *a, const run_result *b)
{
    double worst = 0;
    assert_int_equal(a->n, b->n);
    for (int64_t k = 0; k < a->n; k++) {
        double d = fabs((double)a->data[k] - (double)b->data[k]);
        if (!(d <= worst)) worst = d;
    }
    return a->largest > 0 ? worst / a->largest : worst;
}

static inline double run_difference(const fet_graph *a, const fet_graph *b, uint64_t seed)
{
    run_result x = run_graph(a, seed), y = run_graph(b, seed);
    double difference = run_compare(&x, &y);
    free(x.data), free(y.data);
    return difference;
}

#endif
