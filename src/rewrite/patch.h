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
} fet_node_edit;

typedef struct fet_patch {
    const fet_id *drop_nodes;
    const fet_id *drop_values; /* of dropped nodes; of parameters that nobody else reads */
    const fet_node_edit *node_edits;
    const fet_param_edit *param_edits;
    uint32_t n_drop_nodes, n_drop_values, n_node_edits, n_param_edits;
} fet_patch;

/* The plan that takes a parameter of the base as it is. */
fet_param_plan fet_param_plan_same(const fet_graph *base, const fet_channel_groups *groups, fet_id param);

#endif
