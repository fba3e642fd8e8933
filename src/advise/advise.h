// SPDX-License-Identifier: Apache-2.0
/*
 * What could be changed in a network, each change costed on the device and with its reason: every option of every decision by itself (of
 * widths a few), then pairs whose layers meet and that gain only together. Ranked by gain. Nothing is trained, and nothing is said of
 * quality but whether the network computes the same before any training.
 */
#ifndef FET_ADVISE_ADVISE_H
#define FET_ADVISE_ADVISE_H

#include "advise/change.h"

enum { FET_ADVICE_DECISIONS = 2 };

typedef struct fet_advice {
    uint32_t decision[FET_ADVICE_DECISIONS]; /* which change; a single one: n_decisions 1 */
    uint8_t option[FET_ADVICE_DECISIONS];
    uint32_t n_decisions;
    uint32_t net;        /* in the probe */
    double gain;         /* share of the base's latency; above 0 */
    double noise;        /* of the gain, same unit: what the spread of the measurements explains */
    bool keeps_function; /* before any training the outputs are the base's, up to rounding */
    const char *text;    /* "fuse stage1.block0" */
    const char *reason;  /* one sentence */
} fet_advice;

typedef struct fet_advice_options {
    double peak_macs_per_s; /* 0: unknown */
    double least_gain;      /* share of the base's latency; default 0.005 */
    uint32_t most_pairs;    /* that are costed; default 24 */
    bool keep_beaten;       /* list also what another option of the same decision beats: as fast, with as many weights and MACs */
} fet_advice_options;
fet_advice_options fet_advice_default_options(void);

typedef struct fet_advices {
    fet_advice *items; /* by falling gain; from the arena, as all texts */
    uint32_t count;
    uint32_t n_costed; /* changes that were looked at */
    uint32_t base;     /* the base's network in the probe */
} fet_advices;

/* Errors: those of costing; STATE when progress stops it. */
FET_MUST_CHECK fet_status fet_advise(fet_probe *probe, const fet_advice_options *options, fet_device_progress progress, void *context,
                                     fet_arena *arena, fet_advices *out_advices);

/*
 * The genome that does all of the chosen ones. numbers count from 1. Errors: ARG a number that is not there or stands twice, two that
 * contradict each other, naming both and the decision.
 */
FET_MUST_CHECK fet_status fet_advice_combine(const fet_space *space, const fet_advices *advices, const uint32_t *numbers, uint32_t n,
                                             fet_genome *out_genome);

/* "fuse stage1.block0", "widths 24 -> 32 in stage2", "stage1.resolution: 96 -> 80": from the arena. */
const char *fet_advice_text(const fet_space *space, uint32_t decision, uint8_t option, fet_arena *arena);

#endif
