// SPDX-License-Identifier: Apache-2.0
/* The options of commands that make a network int8, beside --precision. */
#ifndef FET_CLI_QUANTISE_H
#define FET_CLI_QUANTISE_H

#include "cli/source.h"
#include "engine/quantise/options.h"

typedef struct fet_cli_quantise {
    const char *calibrate, *first, *last; /* as given; NULL: not */
    int64_t batches;
    bool keep_shift;
} fet_cli_quantise;

#define FET_CLI_QUANTISE(type, field)                                                                                                      \
    {.name = "calibrate",                                                                                                                  \
     .kind = FET_CLI_TEXT,                                                                                                                 \
     .offset = offsetof(type, field.calibrate),                                                                                            \
     .value = "NAME",                                                                                                                      \
     .help = "how int8 ranges are chosen: mse, min-max, percentile, percentile-99.9, percentile-99.999 (default mse)"},                    \
        {.name = "calibration",                                                                                                            \
         .kind = FET_CLI_INT,                                                                                                              \
         .offset = offsetof(type, field.batches),                                                                                          \
         .value = "N",                                                                                                                     \
         .low = 1,                                                                                                                         \
         .high = 1e6,                                                                                                                      \
         .help = "batches of 64 images that int8 ranges are found on (default 8)"},                                                        \
        {.name = "no-bias-correction",                                                                                                     \
         .kind = FET_CLI_FLAG,                                                                                                             \
         .offset = offsetof(type, field.keep_shift),                                                                                       \
         .help = "int8: leave biases as they are; else the shift that rounding gives the mean of each channel is taken out of them"},      \
        {.name = "first",                                                                                                                  \
         .kind = FET_CLI_CHOICE,                                                                                                           \
         .offset = offsetof(type, field.first),                                                                                            \
         .value = "TYPE",                                                                                                                  \
         .choices = fet_cli_precisions,                                                                                                    \
         .help = "int8: what the first layers are computed in (default int8)"},                                                            \
    {                                                                                                                                      \
        .name = "last", .kind = FET_CLI_CHOICE, .offset = offsetof(type, field.last), .value = "TYPE", .choices = fet_cli_precisions,      \
        .help = "int8: what the last layers are computed in (default int8)"                                                                \
    }
#define FET_CLI_QUANTISE_DEFAULTS                                                                                                          \
    {                                                                                                                                      \
        .batches = 0                                                                                                                       \
    }

/* What is not given is as the job of the network's study says, where it has one. ARG names the option. */
FET_MUST_CHECK fet_status fet_cli_read_quantise(const fet_cli_quantise *given, const fet_network *network,
                                                fet_quantise_options *out_options);

#endif
