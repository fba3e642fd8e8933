// SPDX-License-Identifier: Apache-2.0
/* Private to `fettle device`: an estimator fitted to the measured kernels of a device or of a CSV, judged, kept, drawn. */
#ifndef FET_CLI_DEVICE_FIT_H
#define FET_CLI_DEVICE_FIT_H

#include "cli/command.h"
#include "device/device.h"
#include "estimate/score.h"

typedef struct fet_fit_options {
    const char *source;                /* a device, or the path of a CSV */
    fet_device_options device;         /* precision and instruction set */
    const char *output, *prior, *plot; /* files; NULL: none */
    const char *outside;               /* "refuse", "widen" */
    double coverage;
    int64_t splits, suggest, seed;
    bool json;
} fet_fit_options;

FET_MUST_CHECK fet_status fet_device_fit(fet_cli *cli, const fet_fit_options *options);

/* An estimator's file: what it was fitted to, and how wide its intervals are. */
FET_MUST_CHECK fet_status fet_device_show_estimate(fet_cli *cli, const char *path, bool json);

/* Estimated over measured latency of the kernels that were left out of a split. */
FET_MUST_CHECK fet_status fet_device_fit_plot(const char *path, const char *title, const fet_scores *scores);

#endif
