// SPDX-License-Identifier: Apache-2.0
/*
 * What a device is: something that says what a kernel costs. `host` measures it (this CPU through oneDNN, in a process of its own with the
 * wanted instruction set); others simulate, estimate, or look it up in somebody's table. One const table of functions a kind, listed in
 * device/registry.c.
 */
#ifndef FET_DEVICE_DEVICE_H
#define FET_DEVICE_DEVICE_H

#include "device/repeat.h"
#include "kernel/kernel.h"
#include "space/space.h" /* fet_parallelism */

typedef enum fet_cost_source { FET_COST_MEASURED = 1, FET_COST_SIMULATED, FET_COST_ESTIMATED, FET_COST_RECORDED } fet_cost_source;

typedef struct fet_cost {
    double latency_ms;
    double spread; /* relative half-width of the middle half of the samples (measured) or of the interval (estimated) */
    fet_cost_source source;
} fet_cost;

const char *fet_cost_source_name(fet_cost_source source); /* "measured", "simulated", "estimated", "recorded" */

typedef struct fet_device fet_device;

/* Called before each kernel is measured and at the end; false stops (STATE). */
typedef bool (*fet_device_progress)(void *context, size_t done, size_t total);

typedef struct fet_device_options {
    const char *name;    /* "host", a name of devices/, the path of a device file, or of an estimator's (NAME.estimate) */
    fet_dtype precision; /* S8, BF16, F32 */
    const char *isa;     /* host: "amx", "avx512_vnni", "avx512", "avx2", "auto" (the best here) */
    const char *cache;   /* folder of the kernel table; NULL: $XDG_CACHE_HOME/fettle or ~/.cache/fettle */
    uint32_t rounds;     /* host: visits of each kernel, others between; those that disagree are made again (host/rounds.h). 0: 1 */
    bool hasty;          /* host: somebody waits for a first look: measuring does not wait for a calm moment */
} fet_device_options;

/* A kind that is a device by itself, without a file: "host", "template". */
bool fet_device_is_built_in(const char *name);

FET_MUST_CHECK fet_status fet_device_open(const fet_device_options *options, fet_device **out_device);
void fet_device_close(fet_device *device);
static inline void fet_device_destroy(fet_device *device)
{
    fet_device_close(device);
}
FET_DEFINE_AUTO(fet_device);

const char *fet_device_describe(const fet_device *device); /* "host int8 avx512_core_amx (Intel(R) Xeon(R) ...), oneDNN 2.6.3" */
const fet_fusion_rules *fet_device_fusion_rules(const fet_device *device);
fet_dtype fet_device_precision(const fet_device *device);
fet_cost_source fet_device_source(const fet_device *device);    /* where its figures come from */
uint32_t fet_device_channel_rounding(const fet_device *device); /* of stored feature maps; 1: none */
fet_parallelism fet_device_parallelism(const fet_device *device);
/* The same from the options alone, without opening the device: workers derive candidates but never measure. */
FET_MUST_CHECK fet_status fet_device_parallelism_of(const fet_device_options *options, fet_parallelism *out_parallelism);

/* Whether some layers of a network may be computed in `precision` there, beside the options' own. From the options alone. */
FET_MUST_CHECK fet_status fet_device_computes(const fet_device_options *options, fet_dtype precision, bool *out_computes);

/* A file beside the kernel table for what else is learned of the device: "...-1a2b3c4d.KIND". Heap; NULL for a device without a table. */
FET_MUST_CHECK fet_status fet_device_side_file(const fet_device *device, const char *kind, char **out_path);

/* What an estimated device has learned to stand between the kernels of a base network's candidates (device/between.h; base: its
 * fet_graph_hash): no part of a network's latency below. False: nothing. */
struct fet_between;
bool fet_device_between(const fet_device *device, uint64_t base, struct fet_between *out_between);
/* The same of one network, ms, which is its own base; 0: nothing. */
double fet_device_between_ms(const fet_device *device, const fet_graph *graph, const fet_kernels *kernels);

/* Looks a kernel up: false when it is not known yet (no measuring). Cost: one hash probe. */
bool fet_device_lookup(const fet_device *device, const fet_kernel_key *key, fet_cost *out_cost);
/* Walks over the kernels of the device's table, i = 0, 1, ...: false behind the last, or where a device has no table. */
bool fet_device_known(const fet_device *device, uint32_t i, fet_kernel_key *out_key, fet_cost *out_cost);
/*
 * Makes every key known: measures what is missing (once, ever), saving each as it is done. progress may be NULL; it may return false to
 * stop (STATE). One process of a machine measures at a time; the others wait, asking progress meanwhile. done and total count the keys that
 * were missing.
 */
FET_MUST_CHECK fet_status fet_device_measure(fet_device *device, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress,
                                             void *context);

/*
 * Measures kernels that are known already at this other time, all of them in turns (FET_DEVICE_REPEAT_MAX at most), and keeps nothing:
 * whether this was a better time is for the caller to say (kit/again.h). out_repeats[n_keys]. progress is asked while another process
 * measures. Errors: UNSUPPORTED nothing here can be measured; ARG too many.
 */
enum { FET_DEVICE_REPEAT_MAX = 16 };
FET_MUST_CHECK fet_status fet_device_repeat(fet_device *device, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress,
                                            void *context, fet_repeat *out_repeats);
/* Keeps one of them beside the kernel's earlier measurements; which figure counts from now on: repeat.h. Errors: NOT_FOUND, LIMIT, IO. */
FET_MUST_CHECK fet_status fet_device_keep_repeat(fet_device *device, const fet_kernel_key *key, const fet_repeat *repeat);
/* Every measurement of a kernel that is kept, its first one first; how many. 0: it is not known, or the device keeps none. */
uint32_t fet_device_repeats(const fet_device *device, const fet_kernel_key *key, fet_repeat repeats[FET_REPEATS_MAX]);

/*
 * Latency of a whole network: the sum of its kernels, which all must be known (NOT_FOUND names the missing one); a described device
 * simulates the network as a whole, with what overlaps (LIMIT: it does not fit into its memory).
 */
FET_MUST_CHECK fet_status fet_device_graph_latency(const fet_device *device, const fet_graph *graph, fet_arena *scratch, double *out_ms);
/* The same of a graph that is split already, by this device's rules. kernel_ms[kernels->count] is each kernel's part; NULL: not wanted. */
FET_MUST_CHECK fet_status fet_device_network_latency(const fet_device *device, const fet_graph *graph, const fet_kernels *kernels,
                                                     fet_arena *scratch, double *kernel_ms, double *out_ms);

/*
 * Measures whole networks end to end, interleaved round by round against drift: batch 1, one thread. onnx_paths[n]; out_ms[n] as for
 * kernels (see host/sampler.h), out_spread[n] relative. int8 networks are calibrated on random numbers: latency does not depend on values.
 * A device that measures nothing gives what fet_device_graph_latency says of them, and what stands between; fet_device_source tells which.
 */
FET_MUST_CHECK fet_status fet_device_measure_networks(fet_device *device, const char *const *onnx_paths, size_t n, double *out_ms,
                                                      double *out_spread);

#endif
