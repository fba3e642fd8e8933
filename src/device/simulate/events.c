// SPDX-License-Identifier: Apache-2.0
/*
 * The event simulation: a kernel's tiles go through channel, array and output stage, each of which is free again at some time; a tile
 * starts when everything it needs is there. Channels are shared: what is read, written and fetched queues. Weights of a kernel may be
 * fetched from the start of the kernel before it, as far as there is room, and slice by slice, so a slow flash works while the array does.
 * Nothing here takes a maximum over totals.
 *
 * Tiles beyond MAX_STEPS are grouped (equal shares); pipelines still fill by the smallest piece, which the plan knows.
 */
#include "device/simulate/internal.h"

#include <math.h>
#include <string.h>

enum { MAX_STEPS = 24 };

/* Weights on their way: groups of slices, fetched in order. */
typedef struct fetch {
    uint32_t groups, ahead, done;
    double group_cycles, group_bytes, ready; /* ready: when the last fetched group is on the chip */
} fetch;

typedef struct step {
    const fet_sim_machine *machine;
    const fet_sim_plan *plan;
    fet_sim_clocks *clocks;
    uint32_t n;
    double ends[MAX_STEPS]; /* of each tile on the array */
    fetch weights;
    double external_wait;
} step;

static void plan_fetch(step *s, double room)
{
    fetch *f = &s->weights;
    const fet_sim_plan *plan = s->plan;
    memset(f, 0, sizeof *f);
    if (plan->external_weight_bytes <= 0) return;
    f->groups = plan->slices < s->n ? plan->slices : s->n;
    f->group_bytes = plan->external_weight_bytes / f->groups;
    f->group_cycles = f->group_bytes / s->machine->external.bytes_per_cycle;
    double ahead = room * f->groups / plan->stored_weight_bytes;
    f->ahead = ahead >= f->groups ? f->groups : (uint32_t)ahead;
    /* A slice larger than the room is consumed as it comes in: less than one slice ahead, but no stop between them. */
    if (f->ahead < 1) f->ahead = 1;
}

/* When the first tile after the last one of group `g` may use its room: the array has done that group. */
static double group_end(const step *s, uint32_t g)
{
    uint32_t last = (uint32_t)(((uint64_t)(g + 1) * s->n + s->weights.groups - 1) / s->weights.groups) - 1;
    return s->ends[last];
}

/* Fetches up to group g and says when it is there. */
static double weights_ready(step *s, uint32_t g)
{
    fetch *f = &s->weights;
    fet_sim_clocks *c = s->clocks;
    for (; f->done <= g; f->done++) {
        double from = c->previous_begin;
        if (f->done >= f->ahead) from = fet_sim_max(from, group_end(s, f->done - f->ahead));
        bool idle = c->external_free < from; /* a stream that runs on hides its latency */
        double begin = fet_sim_max(c->external_free, from);
        c->external_free = begin + f->group_cycles;
        f->ready = c->external_free + (idle ? s->machine->external.read_latency : 0);
    }
    return f->ready;
}

static void set_bound(const fet_sim_machine *machine, const step *s, double sram_cycles, double external_cycles, fet_sim_result *result)
{
    double command = s->plan->command_cycles + machine->command_cycles;
    double stages = fet_sim_max(s->plan->compute_cycles, s->plan->output_cycles) - s->plan->command_cycles;
    double busy[4] = {stages, sram_cycles, 0, command};
    /* Bytes from outside bind when the array waited for them, not when they came in behind earlier kernels' work. */
    if (s->external_wait > 0.05 * result->cycles) busy[FET_SIM_BOUND_EXTERNAL] = fet_sim_max(s->external_wait, external_cycles);
    result->bound = FET_SIM_BOUND_COMPUTE;
    for (uint32_t i = 1; i < 4; i++)
        if (busy[i] > busy[result->bound]) result->bound = (fet_sim_bound)i;
}

static void set_result(const fet_sim_machine *machine, const fet_sim_work *work, const step *s, double before, double sram_bytes,
                       double external_bytes, fet_sim_result *r)
{
    const fet_sim_plan *plan = s->plan;
    r->end_cycle = s->clocks->end;
    r->cycles = s->clocks->end - before;
    r->compute_cycles = plan->compute_cycles, r->output_cycles = plan->output_cycles;
    r->macs = work->macs;
    r->sram_bytes = sram_bytes, r->external_bytes = external_bytes;
    r->tiles = plan->tiles, r->tile_h = plan->tile_h, r->tile_w = plan->tile_w, r->tile_d = plan->tile_d;
    bool known = work->precision < FET_SIM_N_PRECISIONS;
    r->utilisation = known && r->cycles > 0 ? work->macs / (r->cycles * fet_sim_peak(machine, work->precision)) : 0;
    double pj = sram_bytes * machine->pj_per_sram_byte + external_bytes * machine->pj_per_external_byte +
                plan->vector_ops * machine->pj_per_vector_op;
    if (known) pj += work->macs * machine->pj_per_mac[work->precision];
    r->energy_uj = pj * 1e-6 + machine->static_mw * 1e3 * r->cycles / machine->clock_hz;
    set_bound(machine, s, sram_bytes / machine->sram.bytes_per_cycle, external_bytes / machine->external.bytes_per_cycle, r);
}

/* A channel carries `bytes` from `from` on, in its turn; gives when it is through. */
static double carry(double *channel_free, double from, double bytes, const fet_sim_memory *memory)
{
    if (bytes <= 0) return from;
    *channel_free = fet_sim_max(*channel_free, from) + bytes / memory->bytes_per_cycle;
    return *channel_free;
}

void fet_sim_step(const fet_sim_machine *machine, const fet_sim_work *work, const fet_sim_plan *plan, const fet_sim_placement *placement,
                  fet_sim_clocks *c, fet_sim_result *out_result)
{
    double before = c->end;
    memset(out_result, 0, sizeof *out_result);
    out_result->begin_cycle = out_result->end_cycle = before;
    if (placement->free) return;
    uint32_t wanted = plan->tiles > plan->slices ? plan->tiles : plan->slices;
    step s = {.machine = machine, .plan = plan, .clocks = c, .n = wanted < MAX_STEPS ? wanted : MAX_STEPS};
    plan_fetch(&s, placement->weight_room_bytes);
    double share = 1.0 / s.n;
    double src_outside = placement->src_external ? plan->map_external_bytes * plan->src_share : 0;
    double dst_outside = placement->dst_external ? plan->map_external_bytes * (1 - plan->src_share) : 0;
    double sram_in =
        (placement->src_external ? 0 : plan->src_bytes) + plan->sram_weight_bytes + plan->local_bytes + plan->external_weight_bytes;
    double sram_out = placement->dst_external ? 0 : plan->dst_bytes;
    const fet_sim_memory *src_memory = placement->src_external ? &machine->external : &machine->sram;
    double first_block = src_memory->read_latency + plan->src_block_bytes / src_memory->bytes_per_cycle;
    double started = c->previous_end + machine->command_cycles, begin = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        /* Input: two tiles are on the chip at once, so this one is read once the array is through with the last but one. */
        double from = i >= 2 ? fet_sim_max(started, s.ends[i - 2]) : started;
        double sram_from = fet_sim_max(c->sram_free, from);
        double sram_end = carry(&c->sram_free, from, sram_in * share, &machine->sram);
        double external_from = fet_sim_max(c->external_free, from);
        double external_end = carry(&c->external_free, from, src_outside * share, &machine->external);
        /* Array: its own turn, the first block of input, the slice of weights. */
        double array_from = fet_sim_max(c->array_free, (src_outside > 0 ? external_from : sram_from) + (i == 0 ? first_block : 0));
        double fetched = s.weights.groups ? weights_ready(&s, (uint32_t)((uint64_t)i * s.weights.groups / s.n)) : 0;
        s.external_wait += fet_sim_max(0, fetched - array_from);
        array_from = fet_sim_max(array_from, fetched);
        if (i == 0) begin = array_from;
        double array_end = fet_sim_max(array_from + plan->compute_cycles * share, sram_end);
        s.external_wait += fet_sim_max(0, external_end - array_end);
        s.ends[i] = c->array_free = fet_sim_max(array_end, external_end);
        /* Output stage, then the write. */
        c->output_free = fet_sim_max(c->output_free + plan->output_cycles * share, c->array_free + plan->output_block);
        if (i == 0) c->output_free = fet_sim_max(c->output_free, begin + plan->compute_block + plan->output_cycles * share);
        double written = carry(&c->sram_free, array_from, sram_out * share, &machine->sram);
        double written_outside = carry(&c->external_free, array_from, dst_outside * share, &machine->external);
        c->end = fet_sim_max(c->output_free, fet_sim_max(written, written_outside));
    }
    c->end += placement->dst_external ? machine->external.write_latency : machine->sram.write_latency;
    c->previous_begin = begin, c->previous_end = c->end;
    out_result->begin_cycle = begin;
    set_result(machine, work, &s, before, sram_in + sram_out, src_outside + dst_outside + plan->external_weight_bytes, out_result);
}
