// SPDX-License-Identifier: Apache-2.0
/*
 * A rewrite of a base graph, worked out once and applied to thousands of candidates: what disappears, which nodes read or do something
 * else, and which parameters get another shape and origin. Each file of src/rewrite that changes structure plans such a patch; blueprint.h
 * applies patches together with widths. All ids are of the base graph; everything lives in the arena it was planned in.
 */
#ifndef FET_REWRITE_PATCH_H
#define FET_REWRITE_PATCH_H

#include "rewrite/channel_groups.h"

/* A parameter of a candidate as a function of the widths. */
typedef struct fet_param_plan {
    fet_origin origin;                    /* rule and bases; the axes follow from `dim` */
    fet_shape shape;                      /* with the base's widths */
    fet_channel_dim dim[FET_ORIGIN_AXES]; /* which axes change with which groups */
    /* A kernel in groups. SPREAD: channels a group, at most (UINT32_MAX: one group). COMPOSE: groups, at most; 0: a dense kernel. The
     * largest number that divides the candidate's widths is taken. */
    uint32_t grouped;
} fet_param_plan;

typedef struct fet_param_edit {
    fet_id param;
    const char *name;
    fet_param_plan plan;
} fet_param_edit;

/* New attributes and name for a node, and another value for one of its inputs. Its first output takes the node's name. */
typedef struct fet_node_edit {
    fet_id node;
    const char *name;
    fet_attr *attrs;
    uint16_t n_attrs;
    uint32_t input;
    fet_id value;
    bool regroup; /* the group attribute follows the weights' shape */
} fet_node_edit;

/* Another window for a convolution, whatever other edits made of it: entries of the base's kernel (FET_NONE: zeros) on both axes. */
typedef struct fet_kernel_edit {
    fet_id node, param;
    uint32_t size;
    const uint32_t *index; /* [size] */
    int64_t more;          /* added to each of its pads; those of auto_pad follow by themselves */
} fet_kernel_edit;

/* Another operator for a node of one input: no attributes, and the patch's first n_scalars scalars as inputs behind it. */
typedef struct fet_op_edit {
    fet_id node;
    fet_op_kind op;
    uint32_t n_scalars;
} fet_op_edit;

/* Readers of value `from`, which is dropped, read `to`, which comes before it. */
typedef struct fet_alias {
    fet_id from, to;
} fet_alias;

typedef struct fet_patch {
    const fet_id *drop_nodes;
    const fet_id *drop_values; /* of dropped nodes; of parameters that nobody else reads */
    const fet_node_edit *node_edits;
    const fet_param_edit *param_edits;
    const fet_kernel_edit *kernel_edits;
    const fet_op_edit *op_edits;
    const fet_alias *aliases;
    const char *scalar_name[2]; /* new constants of the candidate */
    float scalar[2];
    uint32_t n_drop_nodes, n_drop_values, n_node_edits, n_param_edits, n_kernel_edits, n_op_edits, n_aliases, n_scalars;
} fet_patch;

/* The plan that takes a parameter of the base as it is. */
fet_param_plan fet_param_plan_same(const fet_graph *base, const fet_channel_groups *groups, fet_id param);

#endif
