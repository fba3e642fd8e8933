// SPDX-License-Identifier: Apache-2.0
/*
 * Blocks found in a graph by pattern, whatever its nodes are called:
 *
 *   IBN        input -> [expand 1x1, norm, activation] -> [depthwise, norm, activation] -> (squeeze-excite) -> [project 1x1, norm] -> (add
 * input) -> output SEPARABLE  the same without an expand convolution of its own (MobileNetV1, or MobileNetV2's first block)
 *
 * Norms and activations may be missing. Values between the parts are read by nobody else. In a chain 1x1, depthwise, 1x1, depthwise, 1x1
 * each 1x1 belongs to the block that it ends. Cost: O(nodes). In order of their depthwise convolutions.
 */
#ifndef FET_REWRITE_BLOCKS_H
#define FET_REWRITE_BLOCKS_H

#include "graph/graph.h"

typedef enum fet_block_kind { FET_BLOCK_IBN = 1, FET_BLOCK_SEPARABLE } fet_block_kind;

/* A convolution with what stands behind it; FET_NONE for what is missing. */
typedef struct fet_block_unit {
    fet_id conv, norm, activation;
} fet_block_unit;

typedef struct fet_block {
    fet_block_kind kind;
    fet_block_unit expand, depthwise, project; /* nodes; all of expand FET_NONE in a separable block */
    fet_id excite;                             /* Mul of a squeeze-excite behind the depthwise, or FET_NONE */
    fet_id add;                                /* of the residual, or FET_NONE */
    fet_id input, output;                      /* values */
} fet_block;

typedef struct fet_blocks {
    fet_block *items;
    uint32_t count;
} fet_blocks;

/* `graph`: inferred. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_blocks_find(const fet_graph *graph, fet_arena *arena, fet_blocks *out_blocks);

#endif
