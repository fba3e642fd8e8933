// SPDX-License-Identifier: Apache-2.0
/*
 * Inside of channel_groups: classes as a union-find over dimension entries, and the rules that tie them, one an operator family
 * (channel_rules.c: operators that compute; channel_moves.c: those that move channels about). The class of entry i of a traced dimension is
 * labels[i]; two labels are the same class when find() says so.
 */
#ifndef FET_REWRITE_CHANNEL_TRACE_H
#define FET_REWRITE_CHANNEL_TRACE_H

#include "graph/graph.h"

/*
 * Labels of a value cover `span` dimensions from `first` on, row-major: one, or two of which only `axis` may change its size (the other has
 * `divide` entries).
 */
typedef struct channel_labels {
    uint32_t *label; /* NULL: not traced */
    uint32_t count;
    bool summed;
    uint8_t first, span, axis;
    uint32_t divide;
} channel_labels;

/* Entry `entry` of the constant at an input of a node is the number of `labels`, divided. */
typedef struct channel_size {
    fet_id value, node;
    uint32_t input, entry;
    channel_labels labels;
} channel_size;

enum {
    CHANNEL_MIXED = 1, /* an operator between neighbours */
    CHANNEL_TIED = 2,  /* equal parts of a dimension were tied: a group of one channel then has no one place for a copy */
};

typedef struct channel_trace {
    const fet_graph *graph;
    fet_arena *arena;
    uint32_t *parent; /* union-find over classes */
    uint8_t *fixed;   /* by class; counts at the root */
    uint8_t *mixed;   /* CHANNEL_* bits */
    uint32_t n_classes, capacity;
    channel_labels *values; /* [n_values] */
    channel_labels *params; /* [n_params * FET_ORIGIN_AXES] */
    channel_size *sizes;
    uint32_t n_sizes, capacity_sizes;
} channel_trace;

uint32_t channel_find(channel_trace *trace, uint32_t class);
void channel_unite(channel_trace *trace, uint32_t a, uint32_t b);
void channel_fix(channel_trace *trace, const channel_labels *labels);
void channel_mark(channel_trace *trace, const channel_labels *labels, uint8_t bits);
/* `count` new classes, as dimension 1. */
fet_status channel_fresh(channel_trace *trace, uint32_t count, channel_labels *out_labels);
/* Labels without classes yet, as one dimension. */
fet_status channel_labels_alloc(channel_trace *trace, uint32_t count, uint32_t axis, channel_labels *out_labels);
/* Says that an axis of the parameter behind `value` has these labels; a second statement about the same axis ties both. */
fet_status channel_state_param(channel_trace *trace, fet_id value, uint32_t axis, const channel_labels *labels, bool summed);
/* Says that an entry of the constant at an input of the node is a size. */
fet_status channel_state_size(channel_trace *trace, const fet_node *node, uint32_t input, uint32_t entry, const channel_labels *labels);

/* Labels of node's outputs from its inputs'. Errors: NOMEM. */
fet_status channel_trace_node(channel_trace *trace, const fet_node *node);

/* Everything that touches the node keeps its size. */
fet_status channel_cut(channel_trace *trace, const fet_node *node);
/* Elementwise with broadcasting. */
fet_status channel_join(channel_trace *trace, const fet_node *node);

fet_status channel_reshape(channel_trace *trace, const fet_node *node);
fet_status channel_transpose(channel_trace *trace, const fet_node *node);
fet_status channel_concat(channel_trace *trace, const fet_node *node);
fet_status channel_split(channel_trace *trace, const fet_node *node);
fet_status channel_slice(channel_trace *trace, const fet_node *node);
fet_status channel_depth_to_space(channel_trace *trace, const fet_node *node);
fet_status channel_space_to_depth(channel_trace *trace, const fet_node *node);
fet_status channel_resize(channel_trace *trace, const fet_node *node);

static inline const fet_value *channel_value(const channel_trace *trace, fet_id value)
{
    return value == FET_NONE ? NULL : &trace->graph->values[value];
}

static inline fet_id channel_input(const fet_node *node, uint32_t i)
{
    return i < node->n_inputs ? node->inputs[i] : FET_NONE;
}

/* NULL when the value is not traced. */
static inline const channel_labels *channel_traced(const channel_trace *trace, fet_id value)
{
    return value != FET_NONE && trace->values[value].label ? &trace->values[value] : NULL;
}

/* NULL when it is not traced along the whole of dimension 1 and nothing else. */
static inline const channel_labels *channel_plain(const channel_trace *trace, fet_id value)
{
    const channel_labels *labels = channel_traced(trace, value);
    return labels && labels->span == 1 && labels->axis == 1 ? labels : NULL;
}

/*
 * Labels of a value along one whole dimension. One that is traced along another has both fixed and goes on along this one;
 * out_labels->label stays NULL for parameters and values of too few dimensions.
 */
fet_status channel_along(channel_trace *trace, fet_id value, uint32_t axis, channel_labels *out_labels);

/* The integers of a constant input, or NULL. */
static inline const fet_tensor *channel_integers(const channel_trace *trace, const fet_node *node, uint32_t i)
{
    fet_id value = channel_input(node, i);
    const fet_tensor *tensor = value == FET_NONE ? NULL : fet_graph_constant(trace->graph, value);
    return tensor && tensor->dtype == FET_DTYPE_S64 ? tensor : NULL;
}

#endif
