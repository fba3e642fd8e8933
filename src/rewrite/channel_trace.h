// SPDX-License-Identifier: Apache-2.0
/*
 * Inside of channel_groups: classes as a union-find over dimension entries, and the rules that tie them, one an operator family
 * (channel_rules.c). The class of entry i of a traced dimension is labels[i]; two labels are the same class when find() says so.
 */
#ifndef FET_REWRITE_CHANNEL_TRACE_H
#define FET_REWRITE_CHANNEL_TRACE_H

#include "graph/graph.h"

typedef struct channel_labels {
    uint32_t *label; /* NULL: not traced */
    uint32_t count;
    bool summed;
} channel_labels;

typedef struct channel_trace {
    const fet_graph *graph;
    fet_arena *arena;
    uint32_t *parent; /* union-find over classes */
    uint8_t *fixed;   /* by class; counts at the root */
    uint32_t n_classes, capacity;
    channel_labels *values; /* [n_values] */
    channel_labels *params; /* [n_params * FET_ORIGIN_AXES] */
} channel_trace;

uint32_t channel_find(channel_trace *trace, uint32_t class);
void channel_unite(channel_trace *trace, uint32_t a, uint32_t b);
void channel_fix(channel_trace *trace, const channel_labels *labels);
/* `count` new classes. */
fet_status channel_fresh(channel_trace *trace, uint32_t count, channel_labels *out_labels);
/* Says that an axis of the parameter behind `value` has these labels; a second statement about the same axis ties both. */
fet_status channel_state_param(channel_trace *trace, fet_id value, uint32_t axis, const channel_labels *labels, bool summed);

/* Labels of node's outputs from its inputs'. Errors: NOMEM. */
fet_status channel_trace_node(channel_trace *trace, const fet_node *node);

#endif
