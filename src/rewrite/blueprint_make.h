// SPDX-License-Identifier: Apache-2.0
/* Inside of fet_blueprint_make: a candidate under way. blueprint.c writes the base at other widths, blueprint_edits.c what the patches
 * change. */
#ifndef FET_REWRITE_BLUEPRINT_MAKE_H
#define FET_REWRITE_BLUEPRINT_MAKE_H

#include "rewrite/blueprint.h"

typedef struct maker {
    const fet_blueprint *blueprint;
    const uint32_t *channels;
    fet_arena *arena;
    fet_graph *graph;
    fet_id *values, *nodes, *params; /* base id -> id in the candidate; FET_NONE: dropped */
    fet_origin_axis *kept;           /* [n_groups]: a group's channels; index NULL while it has the base's width */
    fet_id *scalars;                 /* [n_patches]: first value of the scalars of a patch that is on, behind all of the base */
} maker;

/* Shape and origin of a parameter whose place in the candidate is known. */
fet_status maker_fill_param(const maker *m, const fet_param_plan *plan, fet_param *param);
/* Every edit of a patch, but for its drops and aliases; what another patch dropped is passed over. */
fet_status maker_apply(const maker *m, uint32_t patch);
/* The numbers of a patch's scalars; behind all that may fail in the arena. */
fet_status maker_fill_scalars(const maker *m, uint32_t patch);

#endif
