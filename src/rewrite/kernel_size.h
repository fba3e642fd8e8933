// SPDX-License-Identifier: Apache-2.0
/*
 * Another kernel size for the middle convolution of a block: 3, 5, 7. Growing surrounds the kernel by zeros and pads by as much more, which
 * keeps the function; shrinking keeps its centre (Cai et al., Once-for-All, 2020, without their learnt transform) and is a start for
 * training. Goes together with every other rewrite of the block.
 */
#ifndef FET_REWRITE_KERNEL_SIZE_H
#define FET_REWRITE_KERNEL_SIZE_H

#include "rewrite/blocks.h"
#include "rewrite/patch.h"

/* A square odd kernel with weights of its own, its padding large enough to give up what a smaller kernel does not need. */
bool fet_kernel_size_applies(const fet_graph *graph, const fet_block *block, uint32_t size);

/* Errors: ARG when it does not apply; NOMEM. */
FET_MUST_CHECK fet_status fet_kernel_size_plan(const fet_graph *graph, const fet_block *block, uint32_t size, fet_arena *arena,
                                               fet_patch *out_patch);

#endif
