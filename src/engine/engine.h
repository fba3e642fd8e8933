// SPDX-License-Identifier: Apache-2.0
/*
 * The process's oneDNN: one CPU engine and stream, which implementation a primitive got, and the refusal of slow fallbacks.
 * The instruction set is chosen once a process, before the first call (ONEDNN_MAX_CPU_ISA or fet_engine_limit_isa).
 */
#ifndef FET_ENGINE_ENGINE_H
#define FET_ENGINE_ENGINE_H

#include "base/status.h"
#include "tensor/dtype.h"

#include <dnnl.h>
#include <stdbool.h>

/* Errors: STATE when the primitive cannot be made on this machine. Creating is idempotent; one thread a process uses oneDNN (ADR). */
FET_MUST_CHECK fet_status fet_engine_get(dnnl_engine_t *out_engine, dnnl_stream_t *out_stream);

/* "AVX512_CORE_AMX", "AVX2", ... of this process, after any limit. */
const char *fet_engine_isa_name(void);
bool fet_engine_has_amx(void);
/* u8 x s8 products are summed in 32 bits without saturating in between (VNNI or AMX int8); without it int8 weights have 7 bits. */
bool fet_engine_has_vnni(void);
/* Channels of a block in the f32 layout oneDNN computes in: 16 (nChw16c) with AVX-512, else 8 (nChw8c). */
int fet_engine_channel_block(void);
/* oneDNN 2.6 computes bf16 from AVX-512 on; before it, makes no such kernel at all. */
bool fet_engine_has_bf16(void);
/* What training should use here: BF16 on AMX and on AMD's AVX-512 with bf16, else F32. */
fet_dtype fet_engine_training_dtype(void);
/* Sets the limit by name ("amx", "avx512_vnni", "avx512", "avx2", "all"). Errors: ARG unknown name; STATE when oneDNN was used already. */
FET_MUST_CHECK fet_status fet_engine_limit_isa(const char *name);

/* The implementation string of a primitive descriptor: "brgemm:avx512_core_amx_int8". Lives as long as the descriptor. */
const char *fet_engine_implementation(const_dnnl_primitive_desc_t descriptor);

/* Maps a oneDNN status to ours, with `doing` in the message ("create convolution conv1"). */
FET_MUST_CHECK fet_status fet_engine_check(dnnl_status_t status, const char *doing);

/* STATE, naming primitive and implementation, when `implementation` is one of the slow fallbacks (ref:any, gemm depthwise, nspc_bnorm,
 * ...). */
bool fet_engine_is_fallback(const char *implementation, bool depthwise);
FET_MUST_CHECK fet_status fet_engine_refuse_fallback(const char *implementation, const char *primitive, bool depthwise);

#define FET_DNNL_TRY(expr, doing) FET_TRY(fet_engine_check((expr), (doing)))

#endif
