// SPDX-License-Identifier: Apache-2.0
/* What is wanted, as it stands on a command line: "latency=-40%", "latency=60%", "params=300KB", "latency=1.5ms"; several with commas. */
#ifndef FET_ADVISE_TARGET_H
#define FET_ADVISE_TARGET_H

#include "base/arena.h"
#include "run/job.h"

enum { FET_MAX_TARGETS = 8 };

typedef struct fet_target {
    const char *text; /* as written */
    fet_metric metric;
    bool relative; /* value is a share of the base's figure; else ms or bytes */
    double value;
} fet_target;

typedef struct fet_targets {
    fet_target items[FET_MAX_TARGETS];
    uint32_t count;
} fet_targets;

/* text may be NULL: none. Errors: ARG naming the part and what is expected. */
FET_MUST_CHECK fet_status fet_targets_parse(const char *text, fet_arena *arena, fet_targets *out_targets);

#endif
