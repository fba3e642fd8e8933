// SPDX-License-Identifier: Apache-2.0
/*
 * The compute model of any MAC array: how many steps a work takes on out x in x pixels multipliers in the given dataflow (1), what that
 * reads from the SRAM (2), how it is cut into tiles that fit the SRAM twice (3), and what the vector unit does (4).
 */
#include "device/simulate/internal.h"

#include <math.h>
#include <string.h>

static double folds(double size, double room)
{
    double n = size / room, whole = floor(n);
    return whole < n ? whole + 1 : whole;
}

/* What lies on the array's rows and columns, and what runs through it. */
typedef struct steps {
    double row_folds, column_folds, stream;
    double cycles;
} steps;

/* (1) A matrix product: px results of `filters` channels, each a sum of `depth` times `taps`. */
static steps product_steps(const fet_sim_machine *machine, const fet_sim_parallelism *a, double px, double depth, double taps,
                           double filters)
{
    steps s;
    double pixels = folds(px, a->pixels);
    double reduce = machine->systolic ? depth * taps : depth, inner = machine->systolic ? 1 : taps;
    double load = machine->systolic ? a->in : 0; /* the next fold's stationary part comes in meanwhile; a short stream waits for it */
    s.row_folds = folds(reduce, a->in) * inner;
    if (machine->dataflow == FET_SIM_INPUT_STATIONARY) {
        s.column_folds = folds(px, (double)a->out * a->pixels), s.stream = filters;
    } else if (machine->dataflow == FET_SIM_OUTPUT_STATIONARY && machine->systolic) {
        s.row_folds = folds(pixels, a->in), s.column_folds = folds(filters, a->out), s.stream = reduce;
    } else { /* output-stationary without rows of outputs: the same steps in another order */
        s.column_folds = folds(filters, a->out), s.stream = pixels;
    }
    s.cycles = s.row_folds * s.column_folds * fet_sim_max(s.stream, load);
    return s;
}

static steps depthwise_steps(const fet_sim_machine *machine, const fet_sim_parallelism *a, const fet_sim_work *work)
{
    double px = (double)work->oh * work->ow, taps = (double)work->kh * work->kw;
    steps s = {1, work->oc, px, 0};
    switch (machine->depthwise) {
    case FET_SIM_DEPTHWISE_COLUMN: {
        s = product_steps(machine, a, px, 1, taps, 1);
        s.cycles *= work->oc;
        s.column_folds *= work->oc;
        return s;
    }
    case FET_SIM_DEPTHWISE_VECTOR: s.cycles = 0; return s;
    default:
        s.row_folds = folds(taps, a->in), s.column_folds = folds(work->oc, a->out), s.stream = folds(px, a->pixels);
        s.cycles = s.row_folds * s.column_folds * s.stream;
        return s;
    }
}

/* (2) What is stationary is read once, what runs through it once a fold; a window's overlap stays in line buffers. */
static void set_sram_traffic(const fet_sim_machine *machine, const fet_sim_parallelism *a, const fet_sim_work *work, const steps *s,
                             double bytes, fet_sim_plan *plan)
{
    double src = (double)work->ih * work->iw * fet_sim_up(work->ic, machine->channel_rounding) * bytes * work->repeats;
    double dst = (double)work->oh * work->ow * fet_sim_up(work->oc, machine->channel_rounding) * bytes * work->repeats;
    double weights = work->weights * bytes, px = (double)work->oh * work->ow;
    double src_times = 1, weight_times = 1;
    if (work->kind == FET_SIM_WORK_CONV) {
        if (machine->dataflow != FET_SIM_INPUT_STATIONARY) src_times = s->column_folds;
        if (machine->dataflow == FET_SIM_INPUT_STATIONARY) weight_times = s->column_folds;
        if (machine->dataflow == FET_SIM_OUTPUT_STATIONARY)
            weight_times = machine->systolic ? s->row_folds : folds(px, (double)a->pixels * machine->accumulators);
    }
    plan->src_bytes = src * src_times + dst * work->residuals;
    plan->dst_bytes = dst;
    plan->sram_weight_bytes = weights * weight_times;
    plan->external_weight_bytes = plan->stored_weight_bytes =
        weights * machine->weight_compression + (weights > 0 ? 4.0 * work->oc * work->repeats : 0);
}

typedef struct tiling {
    uint32_t rows, channels; /* of a tile's output */
    double n_rows, n_channels, map_bytes, room;
} tiling;

static double burst_up(const fet_sim_memory *memory, double run)
{
    return run < memory->burst_bytes ? memory->burst_bytes / run : 1;
}

static bool tile_fits(const fet_sim_machine *machine, double in, double weights, double out, double *out_room)
{
    const double *split = machine->sram_split;
    double room = 2 * (in + weights + out);
    *out_room = room;
    if (split[0] + split[1] + split[2] <= 0) return room <= (double)machine->sram_bytes;
    double size = (double)machine->sram_bytes;
    return 2 * in <= split[0] * size && 2 * weights <= split[1] * size && 2 * out <= split[2] * size;
}

/*
 * (3) Rows and output channels are halved until both buffers of input, weights and output fit; of those that fit, the one that moves fewest
 * bytes when maps lie outside: weights come once, the input again for each group of channels unless all its rows stay.
 */
static tiling find_tiling(const fet_sim_machine *machine, const fet_sim_parallelism *a, const fet_sim_work *work, double bytes)
{
    bool reduces = work->kind == FET_SIM_WORK_CONV;
    double row_in = (double)work->iw * work->ic * bytes * work->operands,
           per_channel = work->weights / ((double)work->oc * work->repeats) * bytes;
    tiling best = {1, work->oc < a->out ? work->oc : a->out, work->oh, fet_sim_ceil(work->oc, a->out), INFINITY, 0};
    for (uint32_t rows = work->oh;; rows = (rows + 1) / 2) {
        for (uint32_t channels = work->oc;; channels = (channels / 2 + a->out - 1) / a->out * a->out) {
            double n_rows = fet_sim_ceil(work->oh, rows), n_channels = fet_sim_ceil(work->oc, channels);
            double in_rows = fet_sim_min(work->ih, (double)(rows - 1) * work->sh + work->reach_h);
            double share = reduces ? 1 : (double)channels / work->oc, room;
            bool fits =
                tile_fits(machine, in_rows * row_in * share, channels * per_channel, (double)rows * work->ow * channels * bytes, &room);
            double in = in_rows * row_in * n_rows * (reduces && n_rows > 1 ? n_channels : 1);
            double out = (double)work->oh * work->ow * work->oc * bytes;
            double moved =
                in * burst_up(&machine->external, row_in * share) + out * burst_up(&machine->external, work->ow * bytes * channels);
            if (fits && moved < best.map_bytes) best = (tiling){rows, channels, n_rows, n_channels, moved, room};
            if (channels <= a->out || per_channel <= 0) break;
        }
        if (rows == 1) break;
    }
    if (!isfinite(best.map_bytes)) { /* not even one row of one group fits: it streams, everything again for each */
        best.map_bytes = (double)work->ih * row_in * best.n_channels + (double)work->oh * work->ow * work->oc * bytes;
        best.room = (double)machine->sram_bytes;
    }
    return best;
}

/* (4) Elements through the vector unit: what is no MAC, and every result on its way out. */
static void set_vector(const fet_sim_machine *machine, const fet_sim_work *work, fet_sim_plan *plan)
{
    double results = (double)work->oh * work->ow * work->oc * work->repeats, window = (double)work->kh * work->kw;
    double function = work->function == FET_SIM_FUNCTION_TABLE ? machine->table_slowdown : 1;
    plan->vector_ops = results * (function + work->residuals);
    if (work->kind == FET_SIM_WORK_POOL) plan->vector_ops = results * window;
    if (work->kind == FET_SIM_WORK_ELEMENTWISE) plan->vector_ops = results * fet_sim_max(function, work->operands);
    plan->output_cycles = plan->vector_ops / machine->vector_lanes;
    if (work->kind == FET_SIM_WORK_DEPTHWISE && machine->depthwise == FET_SIM_DEPTHWISE_VECTOR) {
        plan->compute_cycles = results * window / machine->vector_lanes;
        plan->vector_ops += results * window;
    }
}

static void plan_fallback(const fet_sim_machine *machine, const fet_sim_work *work, fet_sim_plan *plan)
{
    plan->src_bytes = (double)work->ih * work->iw * work->ic * 4;
    plan->dst_bytes = (double)work->oh * work->ow * work->oc * 4;
    plan->output_cycles = (plan->src_bytes + plan->dst_bytes) * machine->fallback_cycles_per_byte;
    plan->map_external_bytes = plan->src_bytes + plan->dst_bytes;
    plan->src_share = plan->src_bytes / plan->map_external_bytes;
    plan->tiles = plan->slices = plan->tile_h = plan->tile_w = plan->tile_d = 1;
}

void fet_sim_plan_array(const fet_sim_machine *machine, const fet_sim_work *work, fet_sim_plan *out_plan)
{
    memset(out_plan, 0, sizeof *out_plan);
    if (work->kind == FET_SIM_WORK_FALLBACK) {
        plan_fallback(machine, work, out_plan);
        return;
    }
    const fet_sim_parallelism *a = &machine->array[work->precision];
    fet_sim_plan *plan = out_plan;
    double bytes = work->bits / 8.0, px = (double)work->oh * work->ow;
    steps s = {1, 1, 1, 0};
    if (work->kind == FET_SIM_WORK_CONV) s = product_steps(machine, a, px, work->ic, (double)work->kh * work->kw, work->oc);
    if (work->kind == FET_SIM_WORK_DEPTHWISE) s = depthwise_steps(machine, a, work);
    plan->compute_cycles = s.cycles * work->repeats;
    set_vector(machine, work, plan);
    set_sram_traffic(machine, a, work, &s, bytes, plan);
    if (work->operands > 1) plan->src_bytes *= work->operands;
    tiling t = find_tiling(machine, a, work, bytes);
    plan->tiles = (uint32_t)fet_sim_min(t.n_rows * t.n_channels * work->repeats, UINT32_MAX);
    plan->tile_h = t.rows, plan->tile_w = work->ow, plan->tile_d = t.channels;
    plan->slices = fet_sim_ceil(work->oc, a->out) * work->repeats;
    if (machine->systolic && plan->compute_cycles > 0) plan->compute_cycles += (double)plan->tiles * (a->in + a->out - 2);
    plan->sram_needed = t.room;
    double out = px * work->oc * bytes;
    plan->map_external_bytes = (t.map_bytes + out * work->residuals) * work->repeats;
    plan->src_share = plan->map_external_bytes > 0 ? fet_sim_max(0, (t.map_bytes - out) / t.map_bytes) : 0;
    /* Stages hand on a row of the tile, or one fold of the array. */
    double pieces = fet_sim_max(plan->tiles, fet_sim_max(s.column_folds, (double)work->oh * work->repeats));
    plan->compute_block = plan->compute_cycles / pieces, plan->output_block = plan->output_cycles / pieces;
    plan->src_block_bytes = plan->src_bytes / pieces;
}
