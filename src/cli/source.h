// SPDX-License-Identifier: Apache-2.0
/*
 * What commands are given as text, made real: networks and data.
 * A network is  model.onnx  |  DIR@TRIAL, a trial of the study in DIR ("out/fashion@finalists-3")  |  DIR@GENOME, a candidate that need not
 * have been trained ("out/fashion@0-1-0-2").
 */
#ifndef FET_CLI_SOURCE_H
#define FET_CLI_SOURCE_H

#include "cli/command.h"
#include "data/dataset.h"
#include "run/workspace.h"

typedef struct fet_network {
    fet_graph *graph;
    fet_arena *arena;         /* of the graph, or NULL */
    fet_workspace *workspace; /* what it came from, or NULL */
} fet_network;

#define FET_NETWORK_HELP "MODEL is an ONNX file, or DIR@TRIAL or DIR@GENOME of a study: out/fashion@finalists-3, out/fashion@0-1-0-2."

/* needs_numbers: STATE when the network is only a shape (a candidate that was never trained). */
FET_MUST_CHECK fet_status fet_network_load(const char *text, bool needs_numbers, fet_network *out_network);
/*
 * The same with shapes for inputs that an ONNX file leaves open: "image=1x3x128x128" each, or "height=128" for a size by its name. Items
 * without "=" are somebody else's. ARG names the item; UNSUPPORTED names an input that is still open.
 */
FET_MUST_CHECK fet_status fet_network_load_bound(const char *text, bool needs_numbers, const fet_cli_texts *inputs,
                                                 fet_network *out_network);
/* ARG when an item is no NAME=SHAPE, for commands to which --input means nothing else. */
FET_MUST_CHECK fet_status fet_cli_check_bindings(const fet_cli_texts *inputs);
/* The item without "=", "CxHxW" of images; NULL when there is none. */
const char *fet_cli_image_size(const fet_cli_texts *inputs);

#define FET_CLI_BINDINGS(type, field)                                                                                                      \
    {                                                                                                                                      \
        .name = "input", .kind = FET_CLI_TEXTS, .offset = offsetof(type, field), .value = "NAME=SHAPE",                                    \
        .help = "shape of an input that MODEL leaves open: image=1x3x128x128; may stand several times"                                     \
    }
void fet_network_clear(fet_network *network);

/* Data as the options of a command say. */
typedef struct fet_cli_data {
    const char *text;       /* --data: "KIND:PATH" */
    const char *input;      /* --input: "CxHxW"; NULL: images become as the network wants them, without one as the first image */
    const char *mean, *std; /* --mean, --std: "127.5" or "123.7,116.3,103.5"; NULL: as the study of the network says, else the data's own */
    double val_share;
    uint64_t seed;
} fet_cli_data;

/* `network`: NULL when there is none yet. ARG names option and value; SHAPE. */
FET_MUST_CHECK fet_status fet_cli_open_data(const fet_cli_data *given, const fet_network *network, fet_dataset **out_dataset);
/* --mean and --std, which go together; *out_n_* 0 when they are not given. */
FET_MUST_CHECK fet_status fet_cli_normalisation(const char *mean, const char *std, fet_dataset_options *options);

#define FET_CLI_MEAN(type, field)                                                                                                          \
    {                                                                                                                                      \
        .name = "mean", .kind = FET_CLI_TEXT, .offset = offsetof(type, field), .value = "M[,M,M]",                                         \
        .help = "what pixels of 0 to 255 are normalised with, one number or one a channel (default: the training images' own)"             \
    }
#define FET_CLI_STD(type, field)                                                                                                           \
    {                                                                                                                                      \
        .name = "std", .kind = FET_CLI_TEXT, .offset = offsetof(type, field), .value = "S[,S,S]", .help = "goes with --mean"               \
    }

/* "f32", "bf16", "int8"; ARG otherwise. */
FET_MUST_CHECK fet_status fet_cli_precision(const char *text, fet_dtype *out_dtype);
extern const char *const fet_cli_precisions[]; /* the choices, NULL-terminated */

#endif
