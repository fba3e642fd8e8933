// SPDX-License-Identifier: Apache-2.0
/*
 * HardSwish, Swish (SiLU), GELU, Mish-like and other smooth activations -> ReLU or ReLU6, everywhere in the network. Many accelerators run
 * only the latter at full speed. The function changes; weights stay and are a start for training. Spelled-out forms are one operator after
 * recognise_activation.h.
 */
#ifndef FET_REWRITE_SWAP_ACTIVATION_H
#define FET_REWRITE_SWAP_ACTIVATION_H

#include "rewrite/patch.h"

/* Some node of the graph is one of them. */
bool fet_swap_activation_applies(const fet_graph *graph);

/* Clips at 6 when `six`. Errors: ARG when it does not apply; NOMEM. */
FET_MUST_CHECK fet_status fet_swap_activation_plan(const fet_graph *graph, bool six, fet_arena *arena, fet_patch *out_patch);

#endif
