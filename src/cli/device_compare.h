// SPDX-License-Identifier: Apache-2.0
/* Private to `fettle device`: one network on many devices, over the values of a field, and the picture of it. */
#ifndef FET_CLI_DEVICE_COMPARE_H
#define FET_CLI_DEVICE_COMPARE_H

#include "cli/command.h"
#include "device/described/described.h"

typedef struct fet_compare_options {
    const char *model;   /* a network of source.h, or "template:STAGES" */
    const char *devices; /* "a,b,c"; NULL: all described ones */
    const char *precision;
    const char *sweep;        /* "sram=128K..2M"; NULL: none */
    const char *input, *stem; /* of a template */
    const char *plot, *trace; /* files, NULL: none */
    bool json;
} fet_compare_options;

FET_MUST_CHECK fet_status fet_device_compare(fet_cli *cli, const fet_compare_options *options);

/* One point of the comparison. */
typedef struct fet_compare_row {
    const char *device;
    double value; /* of the swept field; NAN without a sweep */
    double latency_ms;
    fet_sim_network network;
    fet_sim_bound bound; /* of the most cycles */
    char note[256];      /* why there is no result; "" otherwise */
} fet_compare_row;

/* Self-contained: SVG when the path ends in .svg, else HTML around it. field: what is swept, or NULL. */
FET_MUST_CHECK fet_status fet_device_plot(const char *path, const char *title, const char *field, const fet_compare_row *rows, uint32_t n);

#endif
