// SPDX-License-Identifier: Apache-2.0
/*
 * A network on a machine: which feature maps stay on the chip (1), what room that leaves for weights (2), and one pass through the event
 * simulation (3). Maps live from the kernel that makes them to the last that reads them. Where they are too many for the SRAM, the largest
 * goes: passed on in stripes when only the next kernel reads it and the machine can, else outside.
 */
#include "device/simulate/internal.h"

#include <math.h>
#include <string.h>

enum { LEAST_WEIGHT_SHARE = 8 }; /* of the SRAM that maps never take */

typedef struct map {
    double bytes, room; /* room: on the chip, less when in stripes, 0 outside */
    uint32_t bits;
    uint32_t first, last;
    bool external;
} map;

typedef struct placing {
    const fet_sim_machine *machine;
    const fet_graph *graph;
    const fet_kernels *kernels;
    uint32_t *map_of; /* [n_values]: 1 + index, 0: none */
    map *maps;
    uint32_t n_maps;
    double *live; /* [kernels] */
} placing;

static double value_bytes(const placing *p, fet_id value, uint32_t bits)
{
    const fet_shape *shape = &p->graph->values[value].shape;
    double elements = 1;
    for (uint32_t axis = 0; axis < shape->rank; axis++) {
        double d = (double)shape->dim[axis];
        bool packed = p->graph->values[value].kind == FET_VALUE_INPUT; /* as the application hands it over */
        elements *= axis == 1 && shape->rank >= 3 && !packed ? fet_sim_up(d, p->machine->channel_rounding) : d;
    }
    return elements * bits / 8;
}

/* The map of a value through views, made when it is new; NULL for parameters and shapes. */
static map *touch(placing *p, fet_id value, uint32_t step, uint32_t bits)
{
    if (value == FET_NONE) return NULL;
    fet_id root = fet_kernel_view_root(p->graph, value);
    if (root == FET_NONE || p->graph->values[root].kind == FET_VALUE_PARAM) return NULL;
    if (p->map_of[root] == 0) {
        double bytes = value_bytes(p, root, bits);
        p->maps[p->n_maps] = (map){.bytes = bytes, .room = bytes, .bits = bits, .first = step, .last = step};
        p->map_of[root] = ++p->n_maps;
    }
    map *m = &p->maps[p->map_of[root] - 1];
    if (step > m->last) m->last = step;
    /* Of two precisions: it has the room of the wider one from the start. */
    if (m->bits == 8 && bits == 16) m->bits = 16, m->bytes *= 2, m->room *= 2;
    return m;
}

static void touch_inputs(placing *p, fet_id node, uint32_t step, uint32_t bits)
{
    if (node == FET_NONE) return;
    const fet_node *n = &p->graph->nodes[node];
    for (uint32_t i = 0; i < n->n_inputs; i++) {
        fet_id value = n->inputs[i];
        /* What the kernel itself makes on the way (a convolution's result before its add) has no map. */
        if (value != FET_NONE && (p->graph->values[value].kind == FET_VALUE_INPUT || p->map_of[fet_kernel_view_root(p->graph, value)]))
            (void)touch(p, value, step, bits);
    }
}

static void find_maps(placing *p, const fet_sim_work *works)
{
    for (uint32_t k = 0; k < p->kernels->count; k++) {
        const fet_kernel *kernel = &p->kernels->items[k];
        if (kernel->anchor == FET_NONE) continue; /* a cast: the same value */
        (void)touch(p, kernel->src, k, works[k].bits);
        (void)touch(p, kernel->residual, k, works[k].bits);
        touch_inputs(p, kernel->anchor, k, works[k].bits);
        touch_inputs(p, kernel->add_node, k, works[k].bits);
        (void)touch(p, kernel->dst, k, works[k].bits);
    }
    for (uint32_t i = 0; i < p->graph->n_outputs; i++) (void)touch(p, p->graph->outputs[i], p->kernels->count - 1, 32);
}

static void add_live(placing *p, const map *m, double bytes)
{
    for (uint32_t k = m->first; k <= m->last; k++) p->live[k] += bytes;
}

/* (1) Room for a stripe: the rows a window reaches over, twice. */
static double stripe_bytes(const map *m, const fet_sim_work *reader)
{
    double row = m->bytes / reader->ih;
    return fet_sim_min(m->bytes, 2 * row * fet_sim_max(reader->reach_h, reader->sh));
}

static const char *kernel_name(const placing *p, uint32_t k)
{
    fet_id anchor = p->kernels->items[k].anchor;
    return anchor != FET_NONE ? p->graph->nodes[anchor].name : "cast";
}

static fet_status evict(placing *p, const fet_sim_work *works, const fet_sim_plan *plans, double capacity)
{
    for (uint32_t k = 0; k < p->kernels->count; k++) {
        while (p->live[k] > capacity) {
            map *largest = NULL;
            for (uint32_t i = 0; i < p->n_maps; i++) {
                map *m = &p->maps[i];
                if (m->first <= k && k <= m->last && m->room > 0 && (!largest || m->room > largest->room)) largest = m;
            }
            if (!largest) break;
            double room = 0;
            bool pass_on = p->machine->cascade && largest->last == largest->first + 1 && largest->room >= largest->bytes;
            if (pass_on) room = stripe_bytes(largest, &works[largest->last]);
            /* Every stripe needs the weights of both kernels again: they stay. */
            if (pass_on && plans[largest->first].stored_weight_bytes + plans[largest->last].stored_weight_bytes > capacity / 2) room = 0;
            if (room >= largest->room) room = 0;
            if (room <= 0 && !p->machine->maps_external) {
                if (p->live[k] <= (double)p->machine->sram_bytes) break; /* weights get less room */
                return fet_fail(FET_ERROR_LIMIT,
                                "device %s: node \"%s\": feature maps need %.0f KiB: its SRAM has %llu KiB, and they cannot lie outside",
                                p->machine->name, kernel_name(p, k), ceil(p->live[k] / 1024),
                                (unsigned long long)(p->machine->sram_bytes / 1024));
            }
            add_live(p, largest, room - largest->room);
            largest->room = room;
            largest->external = room <= 0;
        }
    }
    return FET_OK;
}

static bool is_external(const placing *p, fet_id value)
{
    fet_id root = value == FET_NONE ? FET_NONE : fet_kernel_view_root(p->graph, value);
    return root != FET_NONE && p->map_of[root] && p->maps[p->map_of[root] - 1].external;
}

/* A cast of what the application gives or takes. */
static bool is_border(const placing *p, const fet_kernel *kernel)
{
    if (kernel->anchor != FET_NONE || fet_kernel_cast_source(&kernel->key) != FET_DTYPE_NONE) return false;
    fet_id value = fet_kernel_view_root(p->graph, kernel->src);
    if (value == FET_NONE || p->graph->values[value].kind != FET_VALUE_COMPUTED) return true;
    for (uint32_t i = 0; i < p->graph->n_outputs; i++)
        if (fet_kernel_view_root(p->graph, p->graph->outputs[i]) == value) return true;
    return false;
}

static fet_status place(placing *p, const fet_sim_work *works, const fet_sim_plan *plans, fet_arena *arena, uint64_t *out_peak_bytes)
{
    uint32_t n = p->kernels->count;
    p->map_of = fet_arena_zalloc(arena, p->graph->n_values + 1, sizeof *p->map_of);
    p->maps = fet_arena_zalloc(arena, p->graph->n_values + 1, sizeof *p->maps);
    p->live = fet_arena_zalloc(arena, n + 1, sizeof *p->live);
    if (!p->map_of || !p->maps || !p->live) return fet_arena_full();
    find_maps(p, works);
    double peak = 0;
    for (uint32_t i = 0; i < p->n_maps; i++) add_live(p, &p->maps[i], p->maps[i].bytes);
    for (uint32_t k = 0; k < n; k++) peak = fet_sim_max(peak, p->live[k]);
    *out_peak_bytes = (uint64_t)peak;
    return evict(p, works, plans, (double)p->machine->sram_bytes * (LEAST_WEIGHT_SHARE - 1) / LEAST_WEIGHT_SHARE);
}

/* Kernels come in repeats: the same key twice has the same plan. Looks back a block or two. */
static fet_status plan_kernel(const fet_sim_machine *machine, const fet_kernels *kernels, uint32_t k, fet_sim_work *works,
                              fet_sim_plan *plans)
{
    for (uint32_t back = 1; back <= 8 && back <= k; back++)
        if (fet_kernel_key_equal(&kernels->items[k].key, &kernels->items[k - back].key)) {
            works[k] = works[k - back], plans[k] = plans[k - back];
            return FET_OK;
        }
    return fet_sim_plan_make(machine, &kernels->items[k].key, &works[k], &plans[k]);
}

fet_status fet_sim_network_run(const fet_sim_machine *machine, const fet_graph *graph, const fet_kernels *kernels, fet_arena *arena,
                               fet_sim_network *out_network)
{
    fet_sim_network network = {.n = kernels->count};
    fet_sim_work *works = fet_arena_alloc(arena, (kernels->count + 1) * sizeof *works);
    fet_sim_plan *plans = fet_arena_alloc(arena, (kernels->count + 1) * sizeof *plans);
    network.kernels = fet_arena_alloc(arena, (kernels->count + 1) * sizeof *network.kernels);
    if (!works || !plans || !network.kernels) return fet_arena_full();
    for (uint32_t k = 0; k < kernels->count; k++) FET_TRY(plan_kernel(machine, kernels, k, works, plans));
    placing p = {.machine = machine, .graph = graph, .kernels = kernels};
    FET_TRY(place(&p, works, plans, arena, &network.peak_map_bytes));
    fet_sim_clocks clocks;
    memset(&clocks, 0, sizeof clocks);
    for (uint32_t k = 0; k < kernels->count; k++) {
        const fet_kernel *kernel = &kernels->items[k];
        fet_sim_placement placement = {
            .src_external = is_external(&p, kernel->src), .dst_external = is_external(&p, kernel->dst), .free = is_border(&p, kernel)};
        /* (2) */
        placement.weight_room_bytes = (double)machine->sram_bytes - p.live[k];
        fet_sim_result *r = &network.kernels[k];
        fet_sim_step(machine, &works[k], &plans[k], &placement, &clocks, r); /* (3) */
        network.energy_uj += r->energy_uj, network.macs += r->macs;
        network.sram_bytes += r->sram_bytes, network.external_bytes += r->external_bytes;
    }
    network.cycles = clocks.end;
    network.latency_ms = network.cycles / machine->clock_hz * 1e3;
    fet_sim_precision main_precision = FET_SIM_N_PRECISIONS;
    for (uint32_t k = 0; k < kernels->count && main_precision == FET_SIM_N_PRECISIONS; k++)
        if (works[k].macs > 0) main_precision = works[k].precision;
    if (main_precision < FET_SIM_N_PRECISIONS && network.cycles > 0)
        network.utilisation = network.macs / (network.cycles * fet_sim_peak(machine, main_precision));
    *out_network = network;
    return FET_OK;
}

fet_status fet_sim_kernel(const fet_sim_machine *machine, const fet_kernel_key *key, fet_sim_result *out_result)
{
    fet_sim_work work;
    fet_sim_plan plan;
    fet_sim_clocks clocks;
    FET_TRY(fet_sim_plan_make(machine, key, &work, &plan));
    memset(&clocks, 0, sizeof clocks);
    double bytes = work.bits / 8.0;
    double src = (double)work.ih * work.iw * fet_sim_up((double)work.ic * work.repeats, machine->channel_rounding) * bytes * work.operands;
    double dst = (double)work.oh * work.ow * fet_sim_up((double)work.oc * work.repeats, machine->channel_rounding) * bytes;
    double room = (double)machine->sram_bytes * (LEAST_WEIGHT_SHARE - 1) / LEAST_WEIGHT_SHARE;
    bool both = src + dst <= room || !machine->maps_external;
    fet_sim_placement placement = {.src_external = !both && src > room / 2 && !machine->cascade,
                                   .dst_external = !both && dst > room / 2 && !machine->cascade};
    double on_chip = (placement.src_external ? 0 : src) + (placement.dst_external ? 0 : dst);
    placement.weight_room_bytes = fet_sim_max((double)machine->sram_bytes - on_chip, (double)machine->sram_bytes / LEAST_WEIGHT_SHARE);
    fet_sim_step(machine, &work, &plan, &placement, &clocks, out_result);
    return FET_OK;
}
