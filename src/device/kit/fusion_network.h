// SPDX-License-Identifier: Apache-2.0
/* Private to the search for fusion: its small networks. */
#ifndef FET_DEVICE_KIT_FUSION_NETWORK_H
#define FET_DEVICE_KIT_FUSION_NETWORK_H

#include "kernel/kernel.h"

/* Operators that keep the map's shape. Activations follow: FET_PIECE_ACTIVATION + kind. */
typedef enum fet_piece {
    FET_PIECE_NONE = 0,
    FET_PIECE_CONV,
    FET_PIECE_DEPTHWISE,
    FET_PIECE_POOL,
    FET_PIECE_BATCH_NORM,
    FET_PIECE_ADD, /* of the start's map */
    FET_PIECE_ACTIVATION,
} fet_piece;

enum { FET_PIECES = 3 };
const char *fet_piece_name(int piece); /* "conv", "add", "relu" */

/* What is wanted of the map before the last piece: nothing (it may be fused), or a pooling of its own. */
typedef struct fet_fusion_chain {
    int pieces[FET_PIECES]; /* fet_piece, in order; NONE: left out */
    int watched;            /* after how many pieces the map is pooled too; -1: not */
} fet_fusion_chain;

/* start, pieces, global pooling, one output (two with `watched`), random numbers. */
FET_MUST_CHECK fet_status fet_fusion_network(const fet_fusion_chain *chain, fet_graph **out_graph);

#endif
