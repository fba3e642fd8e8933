// SPDX-License-Identifier: Apache-2.0
/*
 * Leaves a residual block out: its readers get its input. What the block added is lost, so this is a start for training (Huang et al., Deep
 * Networks with Stochastic Depth, 2016, show how little one block adds in a trained network).
 */
#ifndef FET_REWRITE_SKIP_BLOCK_H
#define FET_REWRITE_SKIP_BLOCK_H

#include "rewrite/blocks.h"
#include "rewrite/patch.h"

/* The block's own input is added to what it computes, nobody outside reads what is between, and its output is none of the graph's. */
bool fet_skip_block_applies(const fet_graph *graph, const fet_block *block);

/* Errors: ARG when it does not apply; NOMEM. */
FET_MUST_CHECK fet_status fet_skip_block_plan(const fet_graph *graph, const fet_block *block, fet_arena *arena, fet_patch *out_patch);

#endif
