// SPDX-License-Identifier: Apache-2.0
/*
 * The compute model of Ethos-U: an output block is chosen so that its input block and accumulators fit the SHRAM twice and fetches are
 * fewest (1); the array works through a block in steps of micro-blocks, depth first or kernel first, and never faster than weights are
 * decoded (2); the output stage scales and activates a block while the array does the next (3); commands bound both from below (4). Blocks
 * at the edges are as small as the map leaves them.
 *
 * Block search, step counts and output rates as Arm's compiler Vela models them (npu_performance.py, architecture_allocator.py,
 * Apache-2.0); what a network makes of a plan is events.c, which is ours.
 */
#include "device/simulate/internal.h"

#include <math.h>
#include <string.h>

enum {
    MAX_W = 64,
    MAX_H = 32,
    MAX_D = 128,
    SPLIT_DEPTH = 16,
    SUB_KERNEL = 8,
    BANK_BYTES = 1024,
    OUTPUT_BANKS = 2,
    LUT_BANKS = 2,
    BRICK = 16
};

typedef struct block {
    uint32_t w, h, d; /* of the output */
    uint32_t ifm_w, ifm_h, ifm_d;
} block;

static uint32_t up(uint32_t value, uint32_t unit)
{
    return fet_sim_ceil(value, unit) * unit;
}

static uint32_t min32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool has_depth(const fet_sim_work *work) /* the array reduces over input channels */
{
    return work->kind == FET_SIM_WORK_CONV;
}

/* Kernel first when more of the array's inputs are used: few input channels, or many taps that fill their groups of four. */
static bool part_kernel(const fet_sim_work *work)
{
    if (work->kind != FET_SIM_WORK_CONV) return false;
    if (work->kh == 1 && work->kw == 1 && work->ih == 1 && work->iw == 1) return false; /* a matrix: depth first */
    if (work->ic <= 8) return true;
    bool wide = work->bits > 8;
    double taps = (double)work->reach_h * work->reach_w, ic = work->ic;
    double depth_first = ic / up(work->ic, wide ? 16 : 32);
    double kernel_first = ic * taps / (up(work->ic, 8) * fet_sim_up(taps, wide ? 2 : 4));
    return kernel_first > depth_first;
}

static uint32_t ifm_size(uint32_t ofm, uint32_t stride, uint32_t reach, uint32_t unit)
{
    return up((ofm - 1) * stride + min32(reach, SUB_KERNEL), unit);
}

static uint32_t free_banks(const fet_sim_blocks *b, const fet_sim_work *work)
{
    uint32_t reserved = b->shram_banks > 16 || work->function == FET_SIM_FUNCTION_TABLE ? LUT_BANKS : 0;
    return b->shram_banks > OUTPUT_BANKS + reserved ? b->shram_banks - OUTPUT_BANKS - reserved : 0;
}

static bool fits(const fet_sim_blocks *b, const fet_sim_work *work, const block *at, uint32_t banks)
{
    uint32_t ifm_bytes = at->ifm_w * at->ifm_h * up(at->ifm_d * work->bits / 8, 8);
    uint32_t ifm = up(2 * fet_sim_ceil(ifm_bytes, BANK_BYTES), b->ifm_granule);
    uint32_t acc = up(2 * fet_sim_ceil(at->w * at->h * up(at->d, 8) * 4, BANK_BYTES), b->acc_granule);
    if (work->kind == FET_SIM_WORK_ELEMENTWISE || work->kind == FET_SIM_WORK_MOVE) acc = work->operands == 2 ? ifm : 0;
    return ifm + acc <= banks;
}

/* Fetches an output: (input blocks and weights) / outputs, halved where the whole input lies in both buffers. */
static double fetch_cost(const fet_sim_work *work, const block *at)
{
    double outputs = (double)work->oc * work->oh * work->ow, area = (double)at->ifm_w * at->ifm_h;
    double blocks_xy = (double)work->oh / at->h * work->ow / at->w;
    double full_xy = (double)fet_sim_ceil(work->oh, at->h) * fet_sim_ceil(work->ow, at->w);
    double repeats = (double)fet_sim_ceil(work->reach_h, SUB_KERNEL) * fet_sim_ceil(work->reach_w, SUB_KERNEL), cost;
    if (work->kind == FET_SIM_WORK_ELEMENTWISE || work->kind == FET_SIM_WORK_MOVE) {
        cost = fet_sim_max(outputs / ((double)at->w * at->h * at->d), 1);
    } else {
        double weights = work->kind == FET_SIM_WORK_POOL ? 0 : (double)work->reach_h * work->reach_w * work->ic * full_xy;
        double ifm = area * work->ic * repeats * blocks_xy;
        if (work->kind == FET_SIM_WORK_CONV) weights *= work->oc, ifm *= fet_sim_ceil(work->oc, at->d);
        cost = (ifm + weights) / outputs;
    }
    return (double)work->ic * work->ih * work->iw < 2 * area * at->ifm_d ? cost / 2 : cost;
}

/* No wider block of this height fits: banks without their rounding. */
static uint32_t widest(const fet_sim_work *work, uint32_t h, uint32_t ifm_h, uint32_t d, uint32_t ifm_d, uint32_t banks)
{
    bool accumulates = work->kind != FET_SIM_WORK_ELEMENTWISE && work->kind != FET_SIM_WORK_MOVE;
    double bytes = banks * (BANK_BYTES / 2.0), line = (double)ifm_h * ifm_d * work->bits / 8;
    double per_w = line * work->sw + (accumulates ? 4.0 * h * d : 0);
    double w = (bytes + line * ((double)work->sw - min32(work->reach_w, SUB_KERNEL))) / per_w;
    return w >= MAX_W ? MAX_W : w > 0 ? (uint32_t)w : 0;
}

/*
 * (1) Depths in steps of 16. Cost falls with the width, so for each height only the widest block that fits is looked at; that width falls
 * as the height grows, so one walk down the staircase finds them all.
 */
static block find_block(const fet_sim_blocks *b, const fet_sim_work *work, bool kernel_first)
{
    uint32_t most_w = up(min32(work->ow, MAX_W), b->ublock_w), most_h = up(min32(work->oh, MAX_H), b->ublock_h);
    uint32_t most_d = up(min32(work->oc, MAX_D), b->ublock_d);
    uint32_t reduce = min32(work->ic, work->bits > 8 || kernel_first ? 16 : 32);
    uint32_t banks = free_banks(b, work);
    block best = {b->ublock_w, b->ublock_h, min32(most_d, SPLIT_DEPTH), 0, 0, 0};
    double best_cost = INFINITY;
    for (uint32_t d = min32(most_d, SPLIT_DEPTH);; d = min32(d + SPLIT_DEPTH, most_d)) {
        uint32_t w = most_w, ifm_d = has_depth(work) ? up(reduce, b->ifm_ublock_d) : d;
        for (uint32_t h = b->ublock_h; h <= most_h && w > 0; h += b->ublock_h) {
            uint32_t ifm_h = ifm_size(h, work->sh, work->reach_h, b->ublock_h), limit = widest(work, h, ifm_h, d, ifm_d, banks);
            if (w > limit) w = limit / b->ublock_w * b->ublock_w;
            for (; w > 0; w -= b->ublock_w) {
                block at = {w, h, d, ifm_size(w, work->sw, work->reach_w, b->ublock_w), ifm_h, ifm_d};
                if (!fits(b, work, &at, banks)) continue;
                double cost = fetch_cost(work, &at);
                if (cost < best_cost) best_cost = cost, best = at;
                break;
            }
        }
        if (d == most_d) break;
    }
    if (best.ifm_w == 0) { /* a stride so large that nothing fits: one micro-block */
        best.ifm_w = ifm_size(best.w, work->sw, work->reach_w, b->ublock_w);
        best.ifm_h = ifm_size(best.h, work->sh, work->reach_h, b->ublock_h);
        best.ifm_d = has_depth(work) ? up(reduce, b->ifm_ublock_d) : best.d;
    }
    return best;
}

typedef struct model {
    const fet_sim_machine *machine;
    const fet_sim_blocks *b;
    const fet_sim_work *work;
    block at;
    bool kernel_first;
    uint32_t uw, uh;    /* of the micro-block: a row of outputs makes it flat */
    double per_element; /* output stage */
} model;

/* (2) Cycles of one sub-kernel of `taps` for a block of xy by z micro-blocks. */
static double sub_kernel_cycles(const model *m, uint32_t taps, double xy, double z)
{
    const fet_sim_work *work = m->work;
    bool wide = work->bits > 8;
    double decode = 32.0 * m->b->ublock_d / 8, step = 4 * xy, steps;
    if (work->kind == FET_SIM_WORK_POOL) return fet_sim_max(4, taps) * xy * z * (wide && m->b->ublock_d > 4 ? 2 : 1);
    if (work->kind == FET_SIM_WORK_DEPTHWISE) {
        steps = fet_sim_ceil(taps, 4);
        step *= wide ? 2 : 1;
    } else {
        steps = m->kernel_first ? fet_sim_ceil(taps, wide ? 2 : 4) : taps;
    }
    double depth = m->kernel_first ? fet_sim_ceil(m->at.ifm_d, 8) : 1;
    double cycles = fet_sim_max(decode, step) * steps * depth * z;
    /* One micro-block cannot hide the latency of accumulating onto itself. */
    double delay = m->b->ublock_d > 4 ? 2 : 3;
    if (xy <= 1) cycles += (z <= 1 ? delay * steps : delay * (steps - 1) * z) * depth;
    return cycles;
}

static double block_compute(const model *m, uint32_t w, uint32_t h, uint32_t d)
{
    const fet_sim_work *work = m->work;
    double xy = (double)fet_sim_ceil(w, m->uw) * fet_sim_ceil(h, m->uh), z = fet_sim_ceil(d, m->b->ublock_d), cycles = 0;
    for (uint32_t y = 0; y < work->kh; y += SUB_KERNEL)
        for (uint32_t x = 0; x < work->kw; x += SUB_KERNEL)
            cycles += sub_kernel_cycles(m, min32(work->kh - y, SUB_KERNEL) * min32(work->kw - x, SUB_KERNEL), xy, z);
    if (has_depth(work)) cycles *= fet_sim_ceil(work->ic, m->at.ifm_d);
    return cycles / m->b->cores;
}

static double output_rate(const model *m)
{
    const fet_sim_blocks *b = m->b;
    double rate = b->out_other;
    if (m->work->stage == FET_SIM_STAGE_MUL) rate = b->out_mul;
    if (m->work->stage == FET_SIM_STAGE_ADD) rate = b->out_add;
    if (m->work->stage == FET_SIM_STAGE_MAX) rate = b->out_max;
    if (m->work->function == FET_SIM_FUNCTION_CLAMP) rate = fet_sim_max(rate, b->act_clamp);
    if (m->work->function == FET_SIM_FUNCTION_TABLE) rate = fet_sim_max(rate, b->act_table);
    return rate;
}

/* (4) Four commands may be under way: the round trip of a block, shared by four, bounds both stages. */
static double command_bound(const model *m, uint32_t w, uint32_t h, uint32_t d, double compute, double output)
{
    const fet_sim_memory *sram = &m->machine->sram;
    double bytes = m->work->bits / 8.0;
    double ifm_d = has_depth(m->work) ? fet_sim_min(m->at.ifm_d, m->work->ic) : d;
    double ifm = (double)((w - 1) * m->work->sw + min32(m->work->reach_w, SUB_KERNEL)) *
                 ((h - 1) * m->work->sh + min32(m->work->reach_h, SUB_KERNEL));
    double ifm_cycles = ifm * ifm_d * bytes / sram->bytes_per_cycle, ofm_cycles = (double)w * h * d * bytes / sram->bytes_per_cycle;
    return (sram->read_latency + ifm_cycles + compute + output + sram->write_latency + ofm_cycles) / 4;
}

static void add_blocks(const model *m, uint32_t n, uint32_t w, uint32_t h, uint32_t d, fet_sim_plan *plan)
{
    if (n == 0 || w == 0 || h == 0 || d == 0) return;
    const fet_sim_work *work = m->work;
    bool vector = work->kind == FET_SIM_WORK_ELEMENTWISE || work->kind == FET_SIM_WORK_MOVE;
    double compute = vector ? 0 : block_compute(m, w, h, d);
    double output = m->per_element * w * h * (vector ? up(d, BRICK) : d);
    /* Bias and scale of a channel are 10 bytes, read in bursts of what 256 bits bring. */
    if (has_depth(work) || work->kind == FET_SIM_WORK_DEPTHWISE)
        output = fet_sim_max(output, 10.0 * d * m->machine->sram.read_latency / 256);
    double bound = command_bound(m, w, h, d, compute, output);
    plan->command_cycles += n * fet_sim_max(0, bound - fet_sim_max(compute, output));
    if (!vector) compute = fet_sim_max(compute, bound);
    output = fet_sim_max(output, bound);
    plan->compute_cycles += n * compute;
    plan->output_cycles += n * output;
    plan->compute_block = fet_sim_max(plan->compute_block, compute);
    plan->output_block = fet_sim_max(plan->output_block, output);
    plan->tiles += n;
}

static double burst_factor(const fet_sim_memory *memory, double run_bytes)
{
    return memory->burst_bytes > run_bytes ? memory->burst_bytes / run_bytes : 1;
}

/* Maps lie in bricks of 16 channels: what a block reads of a row is 16 channels times its width in one run. */
static void set_traffic(const model *m, uint32_t n_x, uint32_t n_y, uint32_t n_z, fet_sim_plan *plan)
{
    const fet_sim_work *work = m->work;
    const fet_sim_memory *sram = &m->machine->sram, *external = &m->machine->external;
    double bytes = work->bits / 8.0;
    double read_h =
        fet_sim_min((double)n_y * m->at.ifm_h, work->ih + (double)(n_y - 1) * (work->reach_h > work->sh ? work->reach_h - work->sh : 0));
    double read_w =
        fet_sim_min((double)n_x * m->at.ifm_w, work->iw + (double)(n_x - 1) * (work->reach_w > work->sw ? work->reach_w - work->sw : 0));
    double times = has_depth(work) ? n_z * (double)fet_sim_ceil(work->kh, SUB_KERNEL) * fet_sim_ceil(work->kw, SUB_KERNEL) : 1;
    /* The first layer's few channels lie packed. */
    double channels = work->ic < BRICK ? work->ic : up(work->ic, BRICK);
    double src = read_h * read_w * channels * bytes * times * work->operands * work->repeats;
    double dst = (double)work->oh * work->ow * up(work->oc, BRICK) * bytes * work->repeats;
    double src_run = fet_sim_min(channels, BRICK) * m->at.ifm_w * bytes, dst_run = BRICK * m->at.w * bytes * m->b->cores;
    plan->src_bytes = src * burst_factor(sram, src_run);
    plan->dst_bytes = dst * burst_factor(sram, dst_run);
    plan->src_block_bytes = (double)m->at.ifm_w * m->at.ifm_h * m->at.ifm_d * bytes;
    double once = (double)work->ih * work->iw * channels * bytes * work->operands * work->repeats;
    double external_src = once * burst_factor(external, src_run);
    plan->map_external_bytes = external_src + dst * burst_factor(external, dst_run);
    plan->src_share = external_src / plan->map_external_bytes;
    /* Weights: fetched once; read from the SRAM for each block of the map; 10 bytes of bias and scale a channel. */
    double weights = work->weights > 0 ? work->weights * bytes * m->machine->weight_compression + 10.0 * work->oc * work->repeats : 0;
    plan->external_weight_bytes = plan->stored_weight_bytes = weights;
    plan->sram_weight_bytes = weights * n_x * n_y;
}

/* (3) and all of it. */
void fet_sim_plan_blocks(const fet_sim_machine *machine, const fet_sim_work *work, fet_sim_plan *out_plan)
{
    const fet_sim_blocks *b = &machine->blocks;
    model m = {.machine = machine, .b = b, .work = work, .kernel_first = part_kernel(work), .uw = b->ublock_w, .uh = b->ublock_h};
    fet_sim_plan plan;
    memset(&plan, 0, sizeof plan);
    m.at = find_block(b, work, m.kernel_first);
    if (b->ublock_h == 2 && work->oh == 1 && work->ow % 2 == 0 && work->kh == 1 && work->kind != FET_SIM_WORK_POOL) m.uw = 4, m.uh = 1;
    m.per_element = output_rate(&m);
    uint32_t bw = min32(m.at.w, work->ow), bh = min32(m.at.h, work->oh), bd = min32(m.at.d, work->oc);
    uint32_t x = work->ow / bw, y = work->oh / bh, z = work->oc / bd; /* whole blocks; the rests at the edges: */
    uint32_t rw = work->ow % bw, rh = work->oh % bh, rd = work->oc % bd;
    for (uint32_t edge = 0; edge < 8; edge++) {
        uint32_t n = (edge & 1 ? 1 : x) * (edge & 2 ? 1 : y) * (edge & 4 ? 1 : z);
        add_blocks(&m, n * work->repeats, edge & 1 ? rw : bw, edge & 2 ? rh : bh, edge & 4 ? rd : bd, &plan);
    }
    set_traffic(&m, x + (rw > 0), y + (rh > 0), z + (rd > 0), &plan);
    plan.slices = (z + (rd > 0)) * work->repeats;
    plan.tile_w = bw, plan.tile_h = bh, plan.tile_d = bd;
    plan.sram_needed = 2 * (plan.src_block_bytes + (double)bw * bh * bd * work->bits / 8);
    *out_plan = plan;
}
