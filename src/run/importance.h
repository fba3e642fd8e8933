// SPDX-License-Identifier: Apache-2.0
/*
 * Channel scores of a study's base by data (`space.importance: taylor`), made once, with its training, and kept beside its weights, so that
 * every process on every machine narrows candidates alike. A text: a line a group that may change, "group channels score score ...".
 */
#ifndef FET_RUN_IMPORTANCE_H
#define FET_RUN_IMPORTANCE_H

#include "run/workspace.h"

/* Writes the scores of `graph`, the trained base. Needs the workspace's data. Errors: SHAPE, NOMEM, IO. */
FET_MUST_CHECK fet_status fet_importance_make(fet_workspace *workspace, const fet_graph *graph);

/* What fet_space_options takes, in `arena`. Errors: NOT_FOUND, CORRUPT naming file and line. */
FET_MUST_CHECK fet_status fet_importance_load(const fet_workspace *workspace, fet_arena *arena, const float *const **out_scores);

#endif
