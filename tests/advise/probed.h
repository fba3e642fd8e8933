// SPDX-License-Identifier: Apache-2.0
/* A small network, the whole space of it and a probe on a described device. */
#ifndef FET_TESTS_ADVISE_PROBED_H
#define FET_TESTS_ADVISE_PROBED_H

#include "space/networks.h"

#include "advise/probe.h"
#include "advise/whole_space.h"

typedef struct probed {
    fet_graph *base;
    fet_device *device;
    fet_space *space;
    fet_probe *probe;
    fet_arena *arena;
} probed;

static inline probed probe_on(const char *device, const char *const *locks, uint32_t n_locks)
{
    probed p = {.base = small_network()};
    fet_device_options options = {.name = device, .precision = FET_DTYPE_S8};
    const char *left_out = NULL;
    give_numbers(p.base, 5);
    CHECK_OK(fet_arena_create(&p.arena));
    CHECK_OK(fet_device_open(&options, &p.device));
    CHECK_OK(fet_whole_space_create(p.base, fet_device_parallelism(p.device), 0, locks, n_locks, &p.space, &left_out));
    CHECK_OK(fet_probe_create(p.space, p.device, &p.probe));
    return p;
}

static inline void probed_clear(probed *p)
{
    fet_probe_destroy(p->probe);
    fet_space_destroy(p->space);
    fet_device_close(p->device);
    fet_graph_destroy(p->base);
    fet_arena_destroy(p->arena);
}

/* The costs of a genome, by the search's own way. */
static inline fet_candidate_cost cost_of_genome(const probed *p, const fet_genome *genome)
{
    fet_costs *costs = NULL;
    fet_candidate_cost cost;
    CHECK_OK(fet_costs_create(p->space, p->device, &costs));
    CHECK_OK(fet_costs_of(costs, genome, &cost));
    fet_costs_destroy(costs);
    return cost;
}

#endif
