// SPDX-License-Identifier: Apache-2.0
/*
 * Which known kernels of a device should be measured again: those whose measurement is doubtful by itself (a slow pulse beside it, visits
 * that did not agree), those that stand out of what all others predict for them, further than its interval, those of a stretch of
 * measuring in which most kernels came out slow; and behind them all others that were measured at one time alone, for a slow minute of a
 * shared machine need not show in any of these. Standing out is a reason to look again and nothing else: what counts afterwards is said by
 * the measurements (device/repeat.h). Kernels of which two measurements agree have been looked at, and are not named again.
 */
#ifndef FET_DEVICE_KIT_SUSPECT_H
#define FET_DEVICE_KIT_SUSPECT_H

#include "device/kit/samples.h"
#include "estimate/leave_out.h"

typedef enum fet_kit_doubt {
    FET_KIT_DOUBT_PULSE = 0,
    FET_KIT_DOUBT_SPREAD,
    FET_KIT_DOUBT_STANDS_OUT,
    FET_KIT_DOUBT_STRETCH,
    FET_KIT_DOUBT_ONCE, /* nothing but that there is no second measurement */
    FET_KIT_DOUBTS
} fet_kit_doubt;
const char *fet_kit_doubt_name(fet_kit_doubt doubt); /* "slow pulse", "visits disagree", "stands out", "slow stretch", "measured once" */

typedef struct fet_kit_suspect {
    fet_kernel_key key;
    double latency_ms, predicted_ms; /* NAN: nothing predicts it */
    double doubt;                    /* how far beyond what is usual: 1 just so, 0 measured once; the list is sorted by it */
    fet_kit_doubt reason;            /* the strongest */
} fet_kit_suspect;

typedef struct fet_kit_suspects {
    fet_kit_suspect *items; /* the most doubtful first; heap */
    uint32_t n;
    fet_kernel_key *anchors; /* kernels that nothing speaks against, spread over the table: they tell whether a time is a good one; heap */
    double *anchor_ms;
    uint32_t n_anchors;
} fet_kit_suspects;
void fet_kit_suspects_clear(fet_kit_suspects *suspects);

/*
 * options: of the estimator that is fitted to the rest; at most `most` suspects. Fewer than 64 known kernels: nothing is suspicious.
 * Errors: NOMEM; STATE stopped; the fit's.
 */
FET_MUST_CHECK fet_status fet_kit_find_suspects(const fet_device *device, const fet_estimator_options *options, uint32_t most,
                                                fet_leave_out_progress progress, void *context, fet_kit_suspects *out_suspects);

#endif
