// SPDX-License-Identifier: Apache-2.0
/*
 * An int8 network as an ordinary graph that says what is rounded where: QuantizeLinear and DequantizeLinear in pairs around every value
 * that the int8 executor keeps in 8 bits, weights as s8 with one scale an output channel, biases as s32; what the executor computes in f32
 * has none. Any runtime that reads ONNX computes the same numbers from it, but for roundings that fall on a half.
 */
#ifndef FET_ENGINE_QUANTISE_QDQ_H
#define FET_ENGINE_QUANTISE_QDQ_H

#include "engine/executor.h"

/*
 * graph: at its batch, verified, with numbers; may have layers marked to stay in f32 or bf16: they are left in f32, and keep their marks.
 * Batch norms behind convolutions are folded in. Activations are u8 with the zero point 0 or, where the executor has s8, 128. Inputs and
 * outputs keep their names and stay f32. On processors without VNNI weights have 7 bits, as the executor there. Errors: those of
 * fet_executor_create.
 */
FET_MUST_CHECK fet_status fet_quantise_to_qdq(const fet_graph *graph, const fet_calibration *calibration, fet_graph **out_graph);

#endif
