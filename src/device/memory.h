// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of a network on a device: parameters in bytes at the device's precision, and the activation arena: live ranges in the best running
 * order found, offsets greedy by size. The lower bound is the largest sum of values alive at one step (in that order); the arena is never
 * below it.
 */
#ifndef FET_DEVICE_MEMORY_H
#define FET_DEVICE_MEMORY_H

#include "kernel/kernel.h"

typedef struct fet_memory_options {
    fet_dtype activation_dtype;
    fet_dtype weight_dtype;    /* biases count 4 bytes an output channel when this is S8 */
    uint32_t channel_rounding; /* feature maps are stored with channels rounded up to this; 1: none */
    uint32_t alignment_bytes;  /* of offsets; default 16 */
    bool search_order;         /* try other topological orders (branches); default true */
} fet_memory_options;

fet_memory_options fet_memory_default_options(fet_dtype precision);

typedef struct fet_memory_buffer {
    fet_id value;
    uint64_t offset_bytes, bytes;
    uint32_t first_step, last_step; /* inclusive, in steps of the kernels in running order */
} fet_memory_buffer;

typedef struct fet_memory_plan {
    uint64_t arena_bytes;       /* peak activation memory with these offsets */
    uint64_t lower_bound_bytes; /* largest sum alive at one step */
    uint64_t param_bytes;
    uint32_t peak_step;         /* where the lower bound is reached */
    fet_memory_buffer *buffers; /* from the arena */
    uint32_t n_buffers;
    uint32_t *order; /* step s runs kernels->items[order[s]]; casts between the worlds have no step, but from one precision to another; from
                        the arena */
    uint32_t n_steps;
} fet_memory_plan;

/*
 * Views (Reshape, ...) share their source's buffer; a residual added in place shares the destination's, an elementwise result that of an
 * operand that dies there. Inputs are alive from the first step, outputs to the last. Bytes of buffers are rounded up to the alignment, in
 * the bound too. A value counts once, at the type of the kernel that makes it, which is the device's but for layers marked otherwise
 * (fet_node.precision): casts between the host's fast and plain world (kernels without anchor) are left out. Where layers of two precisions
 * meet, the conversion is a step, and the value is there in both meanwhile. param_bytes: weights as stored after folding (batch norm gone,
 * one bias an output channel), shared ones once; quantisation scales are not counted. Cost: some microseconds for 60 kernels in a row,
 * without touching the heap; tens to hundreds where branches leave a choice of order. Source: greedy by size: Pisarchyk and Lee, Efficient
 * memory management for deep neural net inference, 2020; order: Ahn et al., Ordering chaos, MLSys 2020. Errors: NOMEM; CORRUPT when a
 * kernel reads what nobody has written before it.
 */
FET_MUST_CHECK fet_status fet_memory_plan_make(const fet_graph *graph, const fet_kernels *kernels, const fet_memory_options *options,
                                               fet_arena *arena, fet_memory_plan *out_plan);

/*
 * The peak of activations in bytes as MCUNet counts it: the largest source plus result of a convolution or product; `residuals`: while a
 * depthwise one runs, what waits to be added behind it, too. Nothing is in place. O(kernels^2) where there are additions.
 */
uint64_t fet_memory_mcunet_peak(const fet_graph *graph, const fet_kernels *kernels, fet_dtype activation_dtype, bool residuals);

#endif
