// SPDX-License-Identifier: Apache-2.0
/* Networks that the tests of the executor run: small ones that hold every fusion and every crossing between the two worlds. */
#ifndef FET_TESTS_ENGINE_NETS_H
#define FET_TESTS_ENGINE_NETS_H

#include "graph/graph.h"

typedef struct net_kind {
    const char *name;
    void (*build)(fet_graph *graph, fet_id src, uint64_t seed); /* adds nodes and outputs */
    int64_t channels, height, width;
} net_kind;

extern const net_kind net_kinds[];
extern const int n_net_kinds;

/* A network drawn at random: kernels, strides, groups, widths, activations, additions, products and concatenations of earlier maps. Destroy
 * it. */
fet_graph *net_random(uint64_t seed, int64_t batch);

/* Built, inferred at `batch`, with numbers. Destroy it. */
fet_graph *net_make(const net_kind *kind, int64_t batch, uint64_t seed);

#endif
