// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel table of a measured device: a plain text file that only grows, and a hash over it. A kernel is measured once and looked up
 * ever after.
 *
 *   # fettle kernel table 1
 *   # host s8 AVX512_CORE_AMX, Intel(R) Xeon(R) Processor, oneDNN 2.6.3
 *   # kernel, latency ms, spread, samples, implementation; tab-separated
 *   conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias	0.016021	0.0041	97	brgconv:avx512_core_amx_int8
 *
 * A kernel may be measured again at another time. Such measurements stand behind its line, as comments to releases before them, and
 * repeat.h says which figure counts:
 *
 *   # pulse	KERNEL	1.21                             its line was measured beside a slow pulse of the processor
 *   # again	KERNEL	0.015801	0.0031	1.002            latency ms, spread, pulse
 *
 * Several processes share a file: writers hold its lock, each line is one write; the first line of a kernel counts, and what is said of it
 * before that line does not. A half line at the end (its writer was killed) is not read, and cut off by the next writer. What is in memory
 * is always what the file says. Thread-compatible; lookups of an unchanging table are thread-safe.
 */
#ifndef FET_DEVICE_TABLE_H
#define FET_DEVICE_TABLE_H

#include "device/repeat.h"
#include "kernel/kernel.h"

typedef struct fet_kernel_time {
    double latency_ms;
    double spread;
    uint32_t n_samples;
    char implementation[64];
    double pulse; /* as fet_repeat has it */
} fet_kernel_time;

typedef struct fet_kernel_table fet_kernel_table;

/*
 * target: the second header line's text; a file of another target is refused (STATE). The file need not exist yet. Errors: CORRUPT naming
 * file:line. `path` and `target` are copied.
 */
FET_MUST_CHECK fet_status fet_kernel_table_open(const char *path, const char *target, fet_kernel_table **out_table);
void fet_kernel_table_destroy(fet_kernel_table *table); /* gives up the lock */
FET_DEFINE_AUTO(fet_kernel_table);

/* Cost: one hash and a probe or two, under 50 ns. */
bool fet_kernel_table_lookup(const fet_kernel_table *table, const fet_kernel_key *key, double *out_latency_ms, double *out_spread);
const char *fet_kernel_table_path(const fet_kernel_table *table);
uint32_t fet_kernel_table_count(const fet_kernel_table *table);
/* The i-th kernel, in the order of the file. */
void fet_kernel_table_item(const fet_kernel_table *table, uint32_t i, fet_kernel_key *out_key, double *out_latency_ms, double *out_spread);

/* Tries to become the only writer, on this machine, of this file: *out_locked false when another process is. With the lock, reads what
 * others have added. */
FET_MUST_CHECK fet_status fet_kernel_table_try_lock(fet_kernel_table *table, bool *out_locked);
void fet_kernel_table_unlock(fet_kernel_table *table);

/* Reads lines added since. */
FET_MUST_CHECK fet_status fet_kernel_table_refresh(fet_kernel_table *table);

/* Adds a kernel to file and memory; with the lock only. Errors: IO. */
FET_MUST_CHECK fet_status fet_kernel_table_append(fet_kernel_table *table, const fet_kernel_key *key, const fet_kernel_time *time);
/* Adds another measurement of a kernel that is there. Errors: IO; NOT_FOUND; LIMIT it has FET_REPEATS_MAX already. */
FET_MUST_CHECK fet_status fet_kernel_table_append_again(fet_kernel_table *table, const fet_kernel_key *key, const fet_repeat *repeat);
/* Every measurement of a kernel, its first one first; how many, 0: it is not there. */
uint32_t fet_kernel_table_repeats(const fet_kernel_table *table, const fet_kernel_key *key, fet_repeat repeats[FET_REPEATS_MAX]);

#endif
