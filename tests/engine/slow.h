// SPDX-License-Identifier: Apache-2.0
/* A slow, obvious interpreter of graphs: plain NCHW, one node at a time, sums in double. What the executor is checked against. */
#ifndef FET_TESTS_ENGINE_SLOW_H
#define FET_TESTS_ENGINE_SLOW_H

#include "base/rng.h"
#include "graph/graph.h"

/* Numbers for every parameter without, by the end of its name: ".variance" positive, ".weight" normal / sqrt(fan in), others small. */
void slow_fill(fet_graph *graph, uint64_t seed);

/* values[v] for every value: malloc'd f32, NULL where none is needed. src: by graph input. Free with slow_free. Fails the test on an
 * operator it lacks. */
float **slow_run(const fet_graph *graph, const float *const src[]);
void slow_free(const fet_graph *graph, float **values);

/* A malloc'd array of normal numbers, or of uniform ones in [0, 1). */
float *slow_normal(fet_rng *rng, int64_t count);
float *slow_uniform(fet_rng *rng, int64_t count);

/* Largest |a - b| over the largest |a|. */
double slow_error(const float *a, const float *b, int64_t count);

#endif
