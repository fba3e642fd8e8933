// SPDX-License-Identifier: Apache-2.0
/*
 * A kernel as a network of its own: the anchor operator with what is fused into it, random weights, one input (two for an addition). What a
 * board elsewhere is given to run. Conversions between layouts and the long tail in plain f32 are no such networks: a board has its own.
 */
#ifndef FET_DEVICE_KIT_SINGLE_H
#define FET_DEVICE_KIT_SINGLE_H

#include "kernel/kernel.h"

/* Convolutions, matrices, pooling, activations, additions, ...: what fet_kit_single_build takes. */
bool fet_kit_single_can(const fet_kernel_key *key);
/* An inferred graph with numbers: "kernel" is the anchor, "input" (and "other") the inputs. Errors: UNSUPPORTED names the kernel; NOMEM. */
FET_MUST_CHECK fet_status fet_kit_single_build(const fet_kernel_key *key, fet_graph **out_graph);

#endif
