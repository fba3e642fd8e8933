// SPDX-License-Identifier: Apache-2.0
/* Shared by the files of this folder only: what a kernel computes, and how a machine would do it. */
#ifndef FET_DEVICE_SIMULATE_INTERNAL_H
#define FET_DEVICE_SIMULATE_INTERNAL_H

#include "device/simulate/simulate.h"

typedef enum fet_sim_work_kind {
    FET_SIM_WORK_CONV = 0, /* Gemm too: a 1x1 convolution of a 1x1 image */
    FET_SIM_WORK_DEPTHWISE,
    FET_SIM_WORK_POOL,
    FET_SIM_WORK_ELEMENTWISE,
    FET_SIM_WORK_MOVE,     /* bytes from one place to another: Concat, Resize, Cast */
    FET_SIM_WORK_FALLBACK, /* no model: cycles a byte, when the machine says how many */
} fet_sim_work_kind;

typedef enum fet_sim_stage { FET_SIM_STAGE_OTHER = 0, FET_SIM_STAGE_MUL, FET_SIM_STAGE_ADD, FET_SIM_STAGE_MAX } fet_sim_stage;
typedef enum fet_sim_function { FET_SIM_FUNCTION_NONE = 0, FET_SIM_FUNCTION_CLAMP, FET_SIM_FUNCTION_TABLE } fet_sim_function;

/* The batch is folded into the height. Convolutions in groups are `repeats` convolutions of ic and oc channels each. */
typedef struct fet_sim_work {
    fet_sim_work_kind kind;
    fet_sim_precision precision;
    fet_sim_stage stage;
    fet_sim_function function; /* of the fused activation, or the operation itself */
    uint32_t ic, ih, iw, oc, oh, ow, kh, kw, sh, sw;
    uint32_t reach_h, reach_w;  /* of the window, dilated */
    uint32_t repeats, operands; /* feature maps read: 2 for additions */
    uint32_t residuals;         /* fused additions: each reads a map of the output's size */
    uint32_t bits;
    double macs, weights; /* all repeats; weights counts numbers */
} fet_sim_work;

/* Errors: UNSUPPORTED. */
FET_MUST_CHECK fet_status fet_sim_work_of_key(const fet_sim_machine *machine, const fet_kernel_key *key, fet_sim_work *out_work);

/*
 * How a machine does a work: `tiles` equal steps of a two-stage pipeline (array or vector unit, then output stage), and what each moves.
 * Sums are over all tiles; `*_block` are the smallest pieces that stages hand on, from which pipelines fill.
 */
typedef struct fet_sim_plan {
    uint32_t tiles, tile_h, tile_w, tile_d;
    uint32_t slices; /* in which weights are fetched; tiles of one slice are neighbours */
    double compute_cycles, output_cycles, compute_block, output_block;
    double command_cycles;       /* of which commands keep the stages waiting */
    double src_bytes, dst_bytes; /* through whatever memory the maps lie in, re-reads and bursts counted */
    double src_block_bytes;
    double sram_weight_bytes;     /* read by the array from the SRAM, again and again */
    double external_weight_bytes; /* fetched from outside */
    double stored_weight_bytes;   /* room they need */
    double local_bytes;           /* other traffic of the SRAM: partial sums */
    double sram_needed;           /* smallest room of tiles in the SRAM, when maps stream */
    double map_external_bytes;    /* of src and dst, when they lie outside: with that memory's bursts */
    double src_share;             /* of map_external_bytes that is read */
    double vector_ops;
} fet_sim_plan;

/* What a kernel's memories look like to the compute model. */
void fet_sim_plan_array(const fet_sim_machine *machine, const fet_sim_work *work, fet_sim_plan *out_plan);
void fet_sim_plan_blocks(const fet_sim_machine *machine, const fet_sim_work *work, fet_sim_plan *out_plan);
FET_MUST_CHECK fet_status fet_sim_plan_make(const fet_sim_machine *machine, const fet_kernel_key *key, fet_sim_work *out_work,
                                            fet_sim_plan *out_plan);

/* Where a kernel's maps lie and what room weights have meanwhile. */
typedef struct fet_sim_placement {
    bool src_external, dst_external;
    double weight_room_bytes;
    bool free; /* costs nothing: a cast at the border */
} fet_sim_placement;

/* One network's clocks, carried from kernel to kernel. Zeroed at first. */
typedef struct fet_sim_clocks {
    double sram_free, external_free; /* when each channel has nothing left to do */
    double array_free, output_free;
    double previous_begin, previous_end; /* of the kernel before; weights may be fetched from previous_begin on */
    double end;
} fet_sim_clocks;

void fet_sim_step(const fet_sim_machine *machine, const fet_sim_work *work, const fet_sim_plan *plan, const fet_sim_placement *placement,
                  fet_sim_clocks *clocks, fet_sim_result *out_result);

static inline double fet_sim_up(double value, double unit) /* rounds up to a multiple */
{
    double n = value / unit;
    double whole = (double)(uint64_t)n;
    return (whole < n ? whole + 1 : whole) * unit;
}
static inline uint32_t fet_sim_ceil(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}
static inline double fet_sim_max(double a, double b)
{
    return a > b ? a : b;
}
static inline double fet_sim_min(double a, double b)
{
    return a < b ? a : b;
}

#endif
