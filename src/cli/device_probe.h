// SPDX-License-Identifier: Apache-2.0
/* Private to `fettle device`: which kernels of a device to measure, measuring them, and the kit for a board elsewhere. */
#ifndef FET_CLI_DEVICE_PROBE_H
#define FET_CLI_DEVICE_PROBE_H

#include "cli/device_adapt.h"
#include "cli/device_again.h"
#include "run/probe.h"

typedef struct fet_device_probe_options {
    fet_device_options device;
    fet_cli_texts spaces, networks; /* jobs; models */
    const char *keys;               /* file, NULL: none */
    const char *budget;             /* "30min" */
    const char *export, *import;    /* folder to fill, filled CSV to read; NULL */
    const char *like;               /* --import: the device whose fusion rules the board has */
    int64_t kernels, draws, whole, seed;
    int64_t rounds, batch; /* adaptive rounds, and kernels in each; 0: none */
    double until;          /* error at which they end; 0: none */
    int64_t again;         /* doubtful kernels measured again, at most; -1: a tenth of what is known */
    bool plan_only, json;
} fet_device_probe_options;

FET_MUST_CHECK fet_status fet_device_probe(fet_cli *cli, const fet_device_probe_options *options);

/* What came of it; NULL: nothing was measured (again, whole). */
typedef struct fet_device_probed {
    const fet_kit_plan *plan;
    const fet_kit_result *result;
    const fet_device_again *again, *once_more; /* behind the plan, and behind the rounds */
    const fet_kit_adapted *adapted;
    const fet_lesson *lesson;
} fet_device_probed;
FET_MUST_CHECK fet_status fet_device_probe_print(fet_cli *cli, const fet_device_probe_options *options, const fet_device *device,
                                                 const fet_device_probed *probed);

#endif
