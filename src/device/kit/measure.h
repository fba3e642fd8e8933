// SPDX-License-Identifier: Apache-2.0
/*
 * A plan carried out: what is missing is measured in the plan's order until it is done, the time is up or the caller stops. Each kernel is
 * kept as it is measured, so the next call goes on where this one, or the process, ended. A kernel that the device cannot run is counted
 * and passed over.
 */
#ifndef FET_DEVICE_KIT_MEASURE_H
#define FET_DEVICE_KIT_MEASURE_H

#include "device/kit/plan.h"

typedef enum fet_kit_outcome { FET_KIT_DONE = 0, FET_KIT_BUDGET, FET_KIT_STOPPED } fet_kit_outcome;
const char *fet_kit_outcome_name(fet_kit_outcome outcome); /* "done", "budget", "stopped" */

typedef struct fet_kit_result {
    uint32_t known; /* before */
    uint32_t measured, failed, left;
    double seconds;
    fet_kit_outcome outcome;
    char failure[512]; /* of the first one that failed; "" */
} fet_kit_result;

/* How many of the plan are known. */
uint32_t fet_kit_count_known(const fet_device *device, const fet_kit_plan *plan);
/* budget_s: 0 for none. progress as fet_device_measure's, over the whole plan; may be NULL. Errors: those of the machine (IO, NOMEM). */
FET_MUST_CHECK fet_status fet_kit_measure(fet_device *device, const fet_kit_plan *plan, double budget_s, fet_device_progress progress,
                                          void *context, fet_kit_result *out_result);

#endif
