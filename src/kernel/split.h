// SPDX-License-Identifier: Apache-2.0
/* Shared by split.c, worlds.c and fuse.c only: one graph being split, and in which form each of its values is in memory so far. */
#ifndef FET_KERNEL_SPLIT_H
#define FET_KERNEL_SPLIT_H

#include "kernel/internal.h"

/* What is known of a value. */
enum {
    FET_SPLIT_HAS_PLAIN = 1 << 0, /* in memory as f32, row-major */
    FET_SPLIT_WANTED_FAST = 1 << 1,
    FET_SPLIT_CONSTANT = 1 << 2,    /* a parameter, or computed from parameters and shapes alone */
    FET_SPLIT_NONNEGATIVE = 1 << 3, /* made by an activation that is never below zero */
};
/* ... and of its form in one precision's fast world. */
enum {
    FET_SPLIT_HAS_FAST = 1 << 0, /* in memory in the device's layout and type */
    FET_SPLIT_FAST_F32 = 1 << 1, /* in the device's layout, but f32: only a CAST to plain may read it */
    FET_SPLIT_UNSIGNED = 1 << 2, /* int8: its fast form is u8 */
};

typedef struct fet_split {
    const fet_graph *graph;
    const fet_fusion_rules *rules;
    fet_dtype network;   /* the precision of what says nothing else */
    bool mixed;          /* something says else */
    fet_dtype precision; /* of the node at hand */
    fet_arena *arena;
    uint32_t *n_readers;               /* of each value; being an output counts */
    fet_id *reader;                    /* the first of them */
    uint8_t *known;                    /* of each value */
    uint8_t *forms[FET_KERNEL_WORLDS]; /* of each value */
    uint8_t *fast;                     /* the one of `precision` */
    uint8_t *classes;                  /* of each node */
    uint8_t *taken;                    /* node is part of a kernel already */
    fet_kernel *items;
    uint32_t count, capacity;
} fet_split;

/* The world that what follows is made in. */
void fet_split_enter(fet_split *s, fet_dtype precision);
/* ... the one that a value has a form in, the network's first. Stays where it is if there is none. */
void fet_split_enter_where(fet_split *s, fet_id value);

/* An empty kernel at the end of the list; NULL: no memory. */
fet_kernel *fet_split_append(fet_split *s);

/* `value` is in memory from here on: fast, in the world at hand; or plain. */
void fet_split_made_fast(fet_split *s, fet_id value, bool is_unsigned);
void fet_split_made_plain(fet_split *s, fet_id value);

/* Whether `value` is fast in the world at hand, or a view that is the same memory as what it looks at. */
bool fet_split_sees_fast(const fet_split *s, fet_id value);

/* Bring `value` into the world at hand, or into plain, by a CAST where it is not there yet. */
FET_MUST_CHECK fet_status fet_split_need_fast(fet_split *s, fet_id value);
FET_MUST_CHECK fet_status fet_split_need_plain(fet_split *s, fet_id value);

/* Has a kernel do the activation that alone reads its result. False: there is none, or the rules do not allow it. */
bool fet_split_take_activation(fet_split *s, fet_kernel *kernel);
/* Has a convolution or Gemm swallow the batch norm, activation and residual add behind it, as far as the rules go. */
void fet_split_fuse(fet_split *s, fet_kernel *kernel);

#endif
