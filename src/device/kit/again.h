// SPDX-License-Identifier: Apache-2.0
/*
 * Suspicious kernels measured again, in groups, in turns with anchors: kernels whose figure nothing speaks against. Where the anchors come
 * out slower than they did, this is no good time, whatever the processor's pulse says: the group is dropped and tried later. What is
 * measured at a good time is kept beside the earlier measurements, whichever way it points, until two of a kernel agree (device/repeat.h);
 * each time is at least some seconds after the last one. Everything is kept as it is made, so a killed run goes on.
 */
#ifndef FET_DEVICE_KIT_AGAIN_H
#define FET_DEVICE_KIT_AGAIN_H

#include "device/kit/measure.h"
#include "device/kit/suspect.h"

typedef struct fet_kit_again_options {
    double budget_s; /* 0: none */
    double apart_s;  /* between two measurements of one kernel, at least; default 5 */
    double wait_s;   /* after a time that was no good; default 2 */
    uint64_t seed;   /* of which anchors stand beside which group; default 1 */
} fet_kit_again_options;
fet_kit_again_options fet_kit_again_default_options(void);

/* What became of a suspect. */
typedef enum fet_kit_fate {
    FET_KIT_LEFT = 0,  /* not measured again: no time */
    FET_KIT_OPEN,      /* no two measurements agree yet */
    FET_KIT_CONFIRMED, /* the figure stands, to within 5% */
    FET_KIT_REPLACED,  /* others agree on another figure */
    FET_KIT_FATES
} fet_kit_fate;

typedef struct fet_kit_again {
    uint32_t fates[FET_KIT_FATES];
    uint32_t quicker, slower; /* of those replaced: which way */
    uint32_t groups, dropped; /* groups measured, and those of them at a bad time */
    uint32_t anchor_visits,
        anchors_moved; /* at good times: anchors measured, and of them further than 5% from their figure: what chance does */
    double seconds;
    fet_kit_outcome outcome;
} fet_kit_again;

/*
 * fates[suspects->n] may be NULL. progress: done and total count suspects; it may be NULL. Errors: those of fet_device_repeat. A kernel
 * that cannot be measured any more is an error that names it.
 */
FET_MUST_CHECK fet_status fet_kit_measure_again(fet_device *device, const fet_kit_suspects *suspects, const fet_kit_again_options *options,
                                                fet_device_progress progress, void *context, fet_kit_fate *fates, fet_kit_again *out_again);

#endif
