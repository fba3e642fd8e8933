// SPDX-License-Identifier: Apache-2.0
/*
 * What the three parts of the memory planner share: a network as steps that read and write tensors (memory.c makes it), a running order
 * (memory_order.c looks for a better one), buffers with live ranges, and their offsets (memory_offsets.c).
 */
#ifndef FET_DEVICE_MEMORY_INTERNAL_H
#define FET_DEVICE_MEMORY_INTERNAL_H

#include "device/memory.h"

/* What needs room: a graph input or what a kernel writes; views of it are the same tensor. */
typedef struct fet_memory_tensor {
    uint64_t bytes; /* rounded up to the alignment */
    fet_id value;
    uint32_t producer;                /* kernel; FET_NONE: an input, there from the first step */
    uint32_t first_reader, n_readers; /* in net->readers, each kernel once */
    bool output;                      /* alive to the last step */
} fet_memory_tensor;

typedef struct fet_memory_read {
    uint32_t tensor;
    bool in_place; /* the kernel may write its result over it, if it dies there */
} fet_memory_read;

typedef struct fet_memory_kernel {
    uint32_t first_read, n_reads;   /* in net->reads, each tensor once */
    uint32_t first_write, n_writes; /* consecutive tensors */
} fet_memory_kernel;

typedef struct fet_memory_net {
    fet_memory_kernel *kernels;
    fet_memory_tensor *tensors;
    fet_memory_read *reads;
    uint32_t *readers;
    uint32_t n_kernels, n_tensors, n_reads;
    bool forced; /* every kernel reads what the one before it wrote: there is only one order */
} fet_memory_net;

/*
 * The least peak found over all topological orders of `net`, with the order that reaches it. `order` holds a valid order and is replaced
 * only by a better one. *out_peak: the largest sum alive at one step. Exact while no more than a few hundred sets of finished kernels stand
 * at one level.
 */
FET_MUST_CHECK fet_status fet_memory_order_search(const fet_memory_net *net, uint32_t *order, uint64_t *out_peak);

/* Gives every buffer its offset; returns the arena's size. bound: no arena can be smaller, so reaching it ends the search. */
FET_MUST_CHECK fet_status fet_memory_offsets_assign(fet_memory_buffer *buffers, uint32_t n, uint64_t bound, fet_arena *scratch,
                                                    uint64_t *out_arena_bytes);

/* What must be alive while kernel k runs, whatever the order: its reads and writes, less what it may overwrite. */
uint64_t fet_memory_kernel_need(const fet_memory_net *net, uint32_t k);

#endif
