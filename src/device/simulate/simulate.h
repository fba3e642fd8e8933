// SPDX-License-Identifier: Apache-2.0
/*
 * Simulates networks on an accelerator that need only exist as a description. A kernel becomes a work (what is to be computed, work.c), a
 * compute model makes a plan of it (tiles, cycles a tile, bytes through each memory: array.c, ethos_u.c), and the plans of a network run
 * through one event simulation (events.c) with a memory channel each for SRAM and for what lies outside, double-buffered tiles, and weights
 * that are fetched while earlier kernels run.
 *
 * Order: fill a machine (described/ reads one from YAML) -> fet_sim_machine_check -> fet_sim_network or fet_sim_kernel -> results.
 * Everything is a pure function of its arguments: deterministic, thread-safe, no heap but the caller's arena. Cycles are doubles: a memory
 * may move a fraction of a byte a cycle.
 */
#ifndef FET_DEVICE_SIMULATE_SIMULATE_H
#define FET_DEVICE_SIMULATE_SIMULATE_H

#include "kernel/kernel.h"

typedef enum fet_sim_dataflow {
    FET_SIM_WEIGHT_STATIONARY = 0,
    FET_SIM_OUTPUT_STATIONARY,
    FET_SIM_INPUT_STATIONARY,
    FET_SIM_BLOCKS
} fet_sim_dataflow;

/* How a depthwise convolution runs on the array. */
typedef enum fet_sim_depthwise {
    FET_SIM_DEPTHWISE_CHANNELS = 0, /* one channel an output lane, the window's taps on the input lanes */
    FET_SIM_DEPTHWISE_COLUMN,       /* channel after channel, each on one column of the array */
    FET_SIM_DEPTHWISE_VECTOR,       /* on the vector unit, one tap of a lane a cycle */
} fet_sim_depthwise;

typedef enum fet_sim_precision { FET_SIM_INT8 = 0, FET_SIM_INT16, FET_SIM_FP16, FET_SIM_BF16, FET_SIM_N_PRECISIONS } fet_sim_precision;

/*
 * The MAC array at one precision: MACs a cycle = out * in * pixels. A systolic array's `in` are its rows, its `out` its columns, whatever
 * the dataflow lays on them.
 */
typedef struct fet_sim_parallelism {
    uint32_t out, in, pixels; /* all 0: the machine does not have this precision */
} fet_sim_parallelism;

typedef struct fet_sim_memory {
    double bytes_per_cycle;
    double burst_bytes;                 /* a shorter run of addresses costs as much as this */
    double read_latency, write_latency; /* cycles */
} fet_sim_memory;

/* Ethos-U: a block-based array (BLOCKS). */
typedef struct fet_sim_blocks {
    uint32_t ublock_w, ublock_h, ublock_d; /* outputs a step; each reduces 8 inputs a cycle */
    uint32_t ifm_ublock_w, ifm_ublock_h, ifm_ublock_d;
    uint32_t cores;
    uint32_t shram_banks, ifm_granule, acc_granule; /* banks of 1 KiB */
    double out_mul, out_add, out_max, out_other;    /* output stage, cycles an element */
    double act_clamp, act_table;
} fet_sim_blocks;

typedef struct fet_sim_machine {
    const char *name, *help;
    double clock_hz;
    fet_sim_dataflow dataflow;
    fet_sim_depthwise depthwise;
    fet_sim_parallelism array[FET_SIM_N_PRECISIONS];
    bool systolic;         /* windows are unrolled onto the input lanes, and the array fills and drains: in + out cycles a tile */
    uint32_t accumulators; /* output-stationary: results each lane can hold, for which a weight is read once */
    fet_sim_blocks blocks; /* dataflow BLOCKS only */
    double vector_lanes;   /* elements a cycle of pooling, elementwise operations, activations that the array does not apply */
    double table_slowdown; /* of activations through a table or series, on the vector unit */
    uint64_t sram_bytes;
    double sram_split[3];            /* input, weights, output; all 0: shared as each kernel likes */
    fet_sim_memory sram, external;   /* external: DRAM or flash, where weights lie */
    bool maps_external;              /* feature maps may live outside; else a network whose maps do not fit the SRAM does not run */
    bool cascade;                    /* a map too large for the SRAM can be passed on in stripes */
    double weight_compression;       /* stored bytes a byte of weights */
    double command_cycles;           /* to start a kernel */
    double fallback_cycles_per_byte; /* operators without a model; 0: they are errors */
    uint32_t channel_rounding;
    double pj_per_mac[FET_SIM_N_PRECISIONS], pj_per_sram_byte, pj_per_external_byte, pj_per_vector_op, static_mw;
    fet_fusion_rules fusion;
} fet_sim_machine;

typedef enum fet_sim_bound { FET_SIM_BOUND_COMPUTE = 0, FET_SIM_BOUND_SRAM, FET_SIM_BOUND_EXTERNAL, FET_SIM_BOUND_COMMAND } fet_sim_bound;

typedef struct fet_sim_result {
    double begin_cycle, end_cycle;        /* of the first tile's start; of the last write */
    double cycles;                        /* by which the network became longer: results of a network sum to its total */
    double compute_cycles, output_cycles; /* what array and output stage were busy */
    double utilisation;                   /* MACs / (cycles * peak); 0 without MACs */
    fet_sim_bound bound;
    double macs;
    double sram_bytes, external_bytes; /* moved */
    double energy_uj;
    uint32_t tiles;
    uint32_t tile_h, tile_w, tile_d; /* of the output */
} fet_sim_result;

const char *fet_sim_bound_name(fet_sim_bound bound);
const char *fet_sim_precision_name(fet_sim_precision precision);
/* int8 for S8, ...; FET_SIM_N_PRECISIONS when the machine has no such unit. F32 has none. */
fet_sim_precision fet_sim_precision_of(const fet_sim_machine *machine, fet_dtype precision);

/* Multiplications a cycle. */
double fet_sim_peak(const fet_sim_machine *machine, fet_sim_precision precision);

/* ARG naming the first field that cannot be. */
FET_MUST_CHECK fet_status fet_sim_machine_check(const fet_sim_machine *machine);

/*
 * One kernel by itself: maps on the chip where they fit, weights outside. Errors: UNSUPPORTED naming an operator without a model, or a
 * precision the machine does not have.
 */
FET_MUST_CHECK fet_status fet_sim_kernel(const fet_sim_machine *machine, const fet_kernel_key *key, fet_sim_result *out_result);

typedef struct fet_sim_network {
    fet_sim_result *kernels; /* [n], as in fet_kernels; from the arena */
    uint32_t n;
    double cycles, latency_ms, energy_uj, macs, utilisation;
    double sram_bytes, external_bytes;
    uint64_t peak_map_bytes; /* largest sum of feature maps alive */
} fet_sim_network;

/*
 * The kernels of a graph in their order. Casts of the network's inputs and outputs cost nothing: the application hands over the device's
 * own types. Cost: about 1 us a kernel. Errors as fet_sim_kernel; LIMIT naming the node where feature maps do not fit; NOMEM.
 */
FET_MUST_CHECK fet_status fet_sim_network_run(const fet_sim_machine *machine, const fet_graph *graph, const fet_kernels *kernels,
                                              fet_arena *arena, fet_sim_network *out_network);

/* The network's timeline as Chrome's trace format (chrome://tracing, Perfetto): heap text. */
FET_MUST_CHECK fet_status fet_sim_trace(const fet_sim_machine *machine, const fet_graph *graph, const fet_kernels *kernels,
                                        const fet_sim_network *network, char **out_text);

#endif
