// SPDX-License-Identifier: Apache-2.0
/*
 * The CPU is several real accelerators: one a precision and instruction set. A target names one of them; its instruction set is what oneDNN
 * is limited to in the process that measures. Plain data.
 */
#ifndef FET_DEVICE_HOST_TARGET_H
#define FET_DEVICE_HOST_TARGET_H

#include "device/device.h"

typedef struct fet_host_target {
    fet_dtype precision;
    const char *isa; /* oneDNN's name, as in ONEDNN_MAX_CPU_ISA: "AVX512_CORE_AMX"; static */
    fet_parallelism parallelism;
} fet_host_target;

/*
 * options->isa: "amx", "avx512_bf16", "avx512_vnni", "avx512", "avx2_vnni", "avx2", "auto" or NULL (what this process's oneDNN uses).
 * Errors: ARG unknown name; UNSUPPORTED a precision that the instruction set does not have.
 */
FET_MUST_CHECK fet_status fet_host_target_find(const fet_device_options *options, fet_host_target *out_target);

/* "host s8 AVX512_CORE_AMX, Intel(R) Xeon(R) Processor, oneDNN 2.6.3": what a table's figures hold for. */
const char *fet_host_target_print(const fet_host_target *target, char *text, size_t bytes);

#endif
