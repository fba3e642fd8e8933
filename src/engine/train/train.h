// SPDX-License-Identifier: Apache-2.0
/*
 * Inside of a trainer: values in their physical layouts, parameters with their gradients, steps (one operator each, batch norm with what
 * follows it fused in) and the schedule.
 *
 * Training is bound by memory traffic, not by arithmetic, so nothing passes over a whole batch that need not. Every operator here works on
 * a range of samples; the schedule cuts the list of steps at the barriers that batch norm sets (statistics forward, two sums backward) into
 * groups, and runs each group chunk by chunk of a size that stays in the L2 cache: normalise -> convolve -> sum up statistics, while the
 * numbers are hot. A value that only one group touches lives in a small scratch buffer and never reaches memory; the output of a batch norm
 * with one reader is made again in the backward pass.
 */
#ifndef FET_ENGINE_TRAIN_TRAIN_H
#define FET_ENGINE_TRAIN_TRAIN_H

#include "base/arena.h"
#include "engine/engine.h"
#include "engine/trainer.h"

enum { FET_FORWARD = 0, FET_BACKWARD = 1 }; /* which pass */

typedef enum fet_train_layout {
    FET_TRAIN_PLAIN = 0, /* row-major as in ONNX */
    FET_TRAIN_BLOCKED,   /* nChw16c or nChw8c, channels padded with zeros: what oneDNN's f32 convolutions want */
    FET_TRAIN_NHWC,      /* what its bf16 convolutions want */
} fet_train_layout;

/* The physical form of a value. */
typedef struct fet_train_value {
    fet_shape shape; /* dimension 0 is the trainer's batch */
    fet_dtype dtype; /* F32, BF16; NONE: not part of the training (constants, parameters) */
    fet_train_layout layout;
    int64_t items;                  /* numbers a sample, padding included */
    size_t image_bytes;             /* the same in bytes */
    bool wants_diff;                /* a gradient flows through it */
    bool has_diff;                  /* during planning of the backward pass: somebody wrote its gradient already */
    bool remade;                    /* not kept for the backward pass but computed again from its producer's input */
    fet_id diff_of;                 /* FET_NONE, or the value whose gradient buffer it shares (residual adds) */
    char *data[2], *diff;           /* by pass */
    size_t data_step[2], diff_step; /* bytes between samples: image_bytes, or 0 for scratch that holds one chunk */
} fet_train_value;

/* How an operator sees a parameter: the graph's numbers (perhaps with a group axis, or transposed), perhaps with zeros added at the ends of
 * axes. */
typedef struct fet_train_view {
    uint32_t rank;
    int64_t dim[DNNL_MAX_NDIMS]; /* of the graph's numbers */
    dnnl_memory_desc_t desc;     /* f32, with the zeros; not dense row-major only when nothing is added */
} fet_train_view;

typedef struct fet_train_param {
    fet_id id;
    bool trainable, decay;
    uint32_t n_uses;             /* nodes that read it */
    int64_t dim[DNNL_MAX_NDIMS]; /* the view of its user */
    dnnl_memory_desc_t plain;
    dnnl_memory_desc_t desc;  /* f32 layout of the arrays: plain, or that of the one operator that uses it */
    int64_t items;            /* numbers in that layout */
    float *master, *gradient; /* gradient: NULL when not trainable */
    float *moment[2];         /* of the optimiser */
} fet_train_param;

/* Samples first .. first + count - 1 of the batch. */
typedef struct fet_train_range {
    int64_t first, count;
    int pass;
} fet_train_range;

typedef struct fet_train_step fet_train_step;
typedef struct fet_train_group fet_train_group;

/* What a step does at one place of the schedule. */
typedef fet_status (*fet_train_run)(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range);

/* One operator. Functions that a kind does not need are NULL. */
typedef struct fet_train_op {
    fet_op_kind kind;
    /* Reads the node, fills step->state, needs and needs_dst; nothing of oneDNN yet. */
    fet_status (*plan)(fet_trainer *trainer, fet_train_step *step);
    /* Chunk sizes and layouts are known: makes primitives. */
    fet_status (*prepare)(fet_trainer *trainer, fet_train_step *step);
    /* Weights have changed: repack what the primitives read. */
    fet_status (*refresh)(fet_trainer *trainer, fet_train_step *step);
    fet_train_run forward, backward;
    /* Batch norm: sums over the batch, which end a group. observe reads the input, reduce the output's gradient. */
    fet_train_run observe, observe_finish, reduce, reduce_finish;
} fet_train_op;

struct fet_train_step {
    const fet_train_op *op;
    const fet_node *node; /* NULL: the way in or out of the graph */
    const char *name;
    fet_id *inputs; /* values: the node's, then what is fused in (a residual) */
    uint32_t n_inputs;
    uint32_t output; /* of the node; one with several outputs (Split) is a step for each */
    fet_id dst;      /* after everything fused */
    void *state;
    bool *needs;        /* [n_inputs] backward reads the numbers of input i */
    bool needs_dst;     /* backward reads the output's numbers */
    bool live_backward; /* a gradient reaches its output, and somebody before it wants one */
    bool *wants;        /* [n_inputs] input i wants a gradient */
    bool *accumulate;   /* [n_inputs] this step adds to the gradient of input i instead of writing it first */
    int64_t chunk[2];   /* samples at once, by pass */
};

typedef struct fet_train_entry {
    fet_train_step *step;
    fet_train_run run;
} fet_train_entry;

struct fet_train_group {
    uint32_t first_entry, n_entries;
    fet_train_entry finish; /* run NULL: none */
    int64_t chunk;
};

typedef struct fet_train_schedule {
    fet_train_entry *entries;
    fet_train_group *groups;
    uint32_t n_entries, n_groups;
    size_t scratch_bytes;
} fet_train_schedule;

struct fet_trainer {
    fet_graph *graph;
    fet_trainer_options options;
    fet_arena *arena;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int block; /* channels of a BLOCKED block */
    int64_t batch;
    size_t cache_bytes; /* what a group may touch at once */

    fet_train_value *values; /* [graph->n_values] */
    fet_train_param *params; /* [graph->n_params] */
    fet_train_step *steps;
    uint32_t n_steps;
    fet_train_schedule schedule[2];

    void **buffers; /* heap memory to free */
    size_t n_buffers, capacity_buffers;
    dnnl_primitive_t *primitives;
    const char **implementations;
    size_t n_primitives, capacity_primitives, capacity_implementations;
    dnnl_memory_t *memories;
    size_t n_memories, capacity_memories;

    char *scratch;      /* values that live in one group */
    char *temporary[2]; /* gradients on their way to being added (of even and odd inputs); one chunk of the largest value each */
    float *room;        /* working space of our own loops, one for all */
    size_t room_bytes;
    dnnl_memory_t workspace; /* oneDNN scratchpad: one for all primitives */
    size_t workspace_bytes;

    const float *const *sources;      /* of the running forward */
    const float *const *output_diffs; /* of the running backward */
    float **outputs;                  /* [graph->n_outputs] f32 [batch, ...] */
    float **input_diffs;              /* [graph->n_inputs] f32, with options.input_gradients */
    bool stale;                       /* weights changed since the last refresh */
    bool has_forward, has_backward;
    uint64_t n_steps_done;
};

/* --- memory and primitives; all belong to the trainer and die with it --- */
FET_MUST_CHECK fet_status fet_train_alloc(fet_trainer *trainer, size_t bytes, const char *what,
                                          void *out_pointer); /* zeroed, 64-byte aligned */
void *fet_train_state(fet_trainer *trainer, size_t bytes);    /* small and zeroed, from the arena; NULL without memory */
/* trainer->room will have at least so many bytes; call while preparing. */
FET_MUST_CHECK fet_status fet_train_room(fet_trainer *trainer, size_t bytes);
/* Takes `descriptor` (destroys it). Checks the implementation; `name` is for messages. */
FET_MUST_CHECK fet_status fet_train_primitive(fet_trainer *trainer, dnnl_primitive_desc_t descriptor, const char *name, bool depthwise,
                                              dnnl_primitive_t *out_primitive);
FET_MUST_CHECK fet_status fet_train_memory(fet_trainer *trainer, const dnnl_memory_desc_t *desc, void *data, dnnl_memory_t *out_memory);
/* A descriptor with the attributes that let all primitives share the trainer's workspace. `what` is for messages. */
FET_MUST_CHECK fet_status fet_train_describe(const fet_trainer *trainer, const_dnnl_op_desc_t desc, const_dnnl_primitive_desc_t hint,
                                             const char *what, dnnl_primitive_desc_t *out_descriptor);
/* Runs a primitive with at most FET_TRAIN_ARGS arguments, adding the workspace. */
enum { FET_TRAIN_ARGS = 8 };
FET_MUST_CHECK fet_status fet_train_execute(const fet_trainer *trainer, dnnl_primitive_t primitive, const dnnl_exec_arg_t *args,
                                            int n_args);
/* A memory object looks at `data` from now on. */
FET_MUST_CHECK fet_status fet_train_point(dnnl_memory_t memory, void *data);

/* --- values --- */
static inline dnnl_data_type_t fet_train_dnnl_type(fet_dtype dtype)
{
    return dtype == FET_DTYPE_BF16 ? dnnl_bf16 : dnnl_f32;
}
/* Channels of a value in memory, with those that pad its last block. */
static inline int64_t fet_train_channels(const fet_trainer *trainer, fet_id value)
{
    const fet_train_value *v = &trainer->values[value];
    return v->layout == FET_TRAIN_BLOCKED ? (v->shape.dim[1] + trainer->block - 1) / trainer->block * trainer->block : v->shape.dim[1];
}
static inline void *fet_train_data(const fet_trainer *trainer, fet_id value, const fet_train_range *range)
{
    const fet_train_value *v = &trainer->values[value];
    return v->data[range->pass] + (size_t)range->first * v->data_step[range->pass];
}
static inline void *fet_train_diff(const fet_trainer *trainer, fet_id value, const fet_train_range *range)
{
    const fet_train_value *v = &trainer->values[value];
    return v->diff + (size_t)range->first * v->diff_step;
}
/* The oneDNN form of `count` samples of a value. BLOCKED ones have all channels of their last block: oneDNN never sees padding. */
FET_MUST_CHECK fet_status fet_train_desc(const fet_trainer *trainer, fet_id value, int64_t count, dnnl_memory_desc_t *out_desc);
/*
 * Where a step writes its gradient of input i, and, once written, adds it if somebody wrote first. A step goes through its inputs from the
 * last to the first, or has one even and one odd input open at once and ends the later one first: so a value that stands at two inputs gets
 * both.
 */
void *fet_train_diff_begin(const fet_trainer *trainer, const fet_train_step *step, uint32_t input, const fet_train_range *range);
void fet_train_diff_end(const fet_trainer *trainer, const fet_train_step *step, uint32_t input, const fet_train_range *range);
static inline fet_train_param *fet_train_param_of(const fet_trainer *trainer, fet_id value)
{
    return value == FET_NONE || trainer->graph->values[value].kind != FET_VALUE_PARAM
               ? NULL
               : &trainer->params[trainer->graph->values[value].param];
}

/* --- registry.c --- */
const fet_train_op *fet_train_find(const fet_trainer *trainer, const fet_node *node); /* NULL: cannot be trained */

/* --- plan.c: values, parameters, steps --- */
FET_MUST_CHECK fet_status fet_train_plan(fet_trainer *trainer);
/* --- schedule.c: groups, chunk sizes, which values live in scratch; gives every value its memory --- */
FET_MUST_CHECK fet_status fet_train_schedule_build(fet_trainer *trainer);
FET_MUST_CHECK fet_status fet_train_schedule_run(fet_trainer *trainer, int pass);

/* --- optimizer.c --- */
FET_MUST_CHECK fet_status fet_train_optimizer_prepare(fet_trainer *trainer);
void fet_train_optimizer_step(fet_trainer *trainer, float learning_rate);

/* --- params.c --- */
/*
 * The arrays of a parameter, filled with the graph's numbers, as seen by `view` (NULL: as it is). The one user of a parameter may choose
 * their layout `desc` (NULL: that of the view); shared parameters keep the view's, which must be the same for all.
 */
FET_MUST_CHECK fet_status fet_train_param_prepare(fet_trainer *trainer, fet_train_param *param, const fet_train_view *view,
                                                  const dnnl_memory_desc_t *desc);
/* An array in the parameter's layout (its numbers, its gradient) back in the graph's order. */
FET_MUST_CHECK fet_status fet_train_param_read(const fet_trainer *trainer, const fet_train_param *param, const float *from, float *plain);
FET_MUST_CHECK fet_status fet_train_plain_desc(uint32_t rank, const int64_t *dims, dnnl_memory_desc_t *out_desc);
/* Between two layouts and types, once; nothing is kept. */
FET_MUST_CHECK fet_status fet_train_reorder(const fet_trainer *trainer, const dnnl_memory_desc_t *from, const void *src,
                                            const dnnl_memory_desc_t *to, void *dst);
/* A step adds to param->gradient instead of writing it: the parameter is shared, or an earlier chunk wrote. */
static inline bool fet_train_gradient_adds(const fet_train_param *param, const fet_train_range *range)
{
    return param->n_uses > 1 || range->first > 0;
}

#endif
