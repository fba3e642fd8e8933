// SPDX-License-Identifier: Apache-2.0
/* What commands that cost networks share: the device's options, the device opened, progress while kernels are measured. */
#ifndef FET_CLI_COSTING_H
#define FET_CLI_COSTING_H

#include "cli/progress.h"
#include "device/device.h"

typedef struct fet_cli_costing {
    const char *device, *isa, *precision; /* as given */
} fet_cli_costing;

extern const char *const fet_cli_isas[]; /* the choices, NULL-terminated */

/* Three options of a command whose values hold a fet_cli_costing. */
#define FET_CLI_COSTING(type, field)                                                                                                       \
    {.name = "device",                                                                                                                     \
     .kind = FET_CLI_TEXT,                                                                                                                 \
     .offset = offsetof(type, field.device),                                                                                               \
     .value = "NAME",                                                                                                                      \
     .help =                                                                                                                               \
         "host, this CPU, measured (default), a name of `fettle device list`, a device file, or NAME.estimate of `fettle device fit`"},    \
        {.name = "precision",                                                                                                              \
         .kind = FET_CLI_CHOICE,                                                                                                           \
         .offset = offsetof(type, field.precision),                                                                                        \
         .value = "TYPE",                                                                                                                  \
         .choices = fet_cli_precisions,                                                                                                    \
         .help = "f32, bf16 or int8 (default int8)"},                                                                                      \
    {                                                                                                                                      \
        .name = "isa", .kind = FET_CLI_CHOICE, .offset = offsetof(type, field.isa), .value = "NAME", .choices = fet_cli_isas,              \
        .help = "instructions of the host: auto (the best it has), amx, avx512_vnni, avx512, avx2"                                         \
    }
#define FET_CLI_COSTING_DEFAULTS                                                                                                           \
    {                                                                                                                                      \
        .device = "host", .isa = "auto", .precision = "int8"                                                                               \
    }

/* Errors name the option or the device. `options` borrow from `costing`. */
FET_MUST_CHECK fet_status fet_cli_device_open(const fet_cli_costing *costing, fet_device_options *out_options, fet_device **out_device);

/* A fet_device_progress; the context is a fet_progress. */
bool fet_cli_on_measured(void *progress, size_t done, size_t total);

#endif
