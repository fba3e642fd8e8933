// SPDX-License-Identifier: Apache-2.0
/*
 * The plan of an executor: which memory each step reads and writes, in which form, and where that memory lies. A slot is one piece of
 * memory; a value may have one for its fast and one for its plain form, a view has none of its own.
 */
#ifndef FET_ENGINE_INFER_PLAN_H
#define FET_ENGINE_INFER_PLAN_H

#include "engine/executor.h"
#include "engine/infer/format.h"

#define FET_SLOT_NONE UINT32_MAX

typedef struct fet_slot {
    fet_format format;
    size_t bytes, offset;   /* in the arena of activations; external ones have no offset */
    uint32_t first, last;   /* steps that write and read it */
    uint32_t merged;        /* the slot whose memory it uses: a residual's, summed in place; FET_SLOT_NONE: its own */
    uint32_t input, output; /* the caller's buffer of that number is the memory; FET_SLOT_NONE: ours */
} fet_slot;

/* One operand of a step: a slot seen in a form, or a constant. */
typedef struct fet_operand {
    uint32_t slot;
    fet_format format;
    const float *constant; /* slot is FET_SLOT_NONE; NULL as well: left out */
} fet_operand;

typedef struct fet_plan_step {
    const fet_kernel *kernel;
    fet_operand *operands; /* [n_src] sources, [n_dst] results, then the residual, if any */
    uint32_t n_src, n_dst;
    bool has_residual, residual_in_place;
} fet_plan_step;

/* Where an output of the graph comes from when no step can write into the caller's buffer itself. */
typedef struct fet_plan_copy {
    uint32_t output;
    fet_operand from;
} fet_plan_copy;

typedef struct fet_plan {
    const fet_graph *graph;
    fet_dtype precision; /* of the step at hand */
    bool keep_all;
    const fet_calibration *calibration;
    fet_arena *arena;
    fet_slot *slots;
    uint32_t n_slots;
    uint32_t *forms[FET_KERNEL_WORLDS]; /* slot of a value's form in each fast world; FET_SLOT_NONE */
    uint32_t *fast, *plain;             /* the one of `precision`; slot of its plain form */
    fet_plan_step *steps;
    uint32_t n_steps;
    fet_plan_copy *copies;
    uint32_t n_copies;
    size_t activation_bytes;
} fet_plan;

/* `graph` at its batch; everything is borrowed, and memory comes from the arena. calibration: for S8. */
FET_MUST_CHECK fet_status fet_plan_make(const fet_graph *graph, const fet_kernels *kernels, const fet_executor_options *options,
                                        fet_arena *arena, fet_plan *out_plan);

/* A value's memory in whatever form it has, fast preferred; slot FET_SLOT_NONE when it was fused away. */
fet_operand fet_plan_find(const fet_plan *plan, fet_id value);

/* The slot whose memory is used in the end. */
uint32_t fet_plan_memory(const fet_plan *plan, uint32_t slot);

#endif
