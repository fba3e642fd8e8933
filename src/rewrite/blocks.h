// SPDX-License-Identifier: Apache-2.0
/*
 * Blocks found in a graph by pattern, whatever its nodes are called ([...]: convolution, norm, activation):
 *
 *   IBN         input -> [expand 1x1] -> [depthwise] -> (squeeze-excite) -> [project 1x1] -> (add input) -> output
 *   SEPARABLE   the same without an expand convolution of its own (MobileNetV1, or MobileNetV2's first block)
 *   FUSED       input -> [dense k x k to more channels] -> (squeeze-excite) -> [project 1x1 to fewer] -> (add input) -> output
 *   BOTTLENECK  input -> [1x1] -> [k x k, dense or grouped] -> [1x1] -> add input or its shortcut -> output
 *   BASIC       input -> [k x k] -> [k x k] -> add input or its shortcut -> output
 *
 * Norms and activations may be missing (folded networks have biases instead); an explicit zero Pad may stand before the middle convolution.
 * A shortcut is a 1x1 convolution of the input, with or without norm. Values between the parts are read by nobody else. In a chain 1x1,
 * depthwise, 1x1, depthwise each 1x1 belongs to the block that it ends. Cost: O(nodes). In order of their middle convolutions.
 */
#ifndef FET_REWRITE_BLOCKS_H
#define FET_REWRITE_BLOCKS_H

#include "graph/graph.h"

typedef enum fet_block_kind {
    FET_BLOCK_IBN = 1,
    FET_BLOCK_SEPARABLE,
    FET_BLOCK_FUSED,
    FET_BLOCK_BOTTLENECK,
    FET_BLOCK_BASIC,
    FET_BLOCK_KINDS
} fet_block_kind;

/* A convolution with what stands behind it; FET_NONE for what is missing. */
typedef struct fet_block_unit {
    fet_id conv, norm, activation;
} fet_block_unit;

typedef struct fet_block {
    fet_block_kind kind;
    /* Nodes; all of expand FET_NONE where the form has none. `depthwise` is the middle convolution, whatever its groups; of a basic block
     * the first of the two, `project` the second. */
    fet_block_unit expand, depthwise, project;
    fet_id pad;           /* Pad between input (or expand) and the middle convolution, or FET_NONE */
    fet_id excite;        /* Mul of a squeeze-excite behind the middle, or FET_NONE */
    fet_id add;           /* of the residual (Add, or Sum of two), or FET_NONE */
    fet_id shortcut;      /* convolution between input and add, or FET_NONE: the input itself is added */
    fet_id input, output; /* values */
} fet_block;

typedef struct fet_blocks {
    fet_block *items;
    uint32_t count;
} fet_blocks;

/* `graph`: inferred. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_blocks_find(const fet_graph *graph, fet_arena *arena, fet_blocks *out_blocks);

#endif
