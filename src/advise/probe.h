// SPDX-License-Identifier: Apache-2.0
/*
 * Networks of a space costed in batches: derive, split, measure all kernels that are missing in one go (so that progress can be shown),
 * then keep each network's figures and layers. Order: create -> { add ... -> run } * -> net. A network added twice is costed once. Nothing
 * is trained. Thread-compatible.
 */
#ifndef FET_ADVISE_PROBE_H
#define FET_ADVISE_PROBE_H

#include "run/costs.h"

/* A kernel of a network. */
typedef struct fet_probe_layer {
    const char *name; /* of its anchor node, or of the value that is cast; lives as long as the space */
    fet_id node;      /* anchor in the network's own graph, or FET_NONE */
    fet_kernel_key key;
    int64_t macs;
    double latency_ms; /* of the kernel by itself, or its part of the simulated network */
    double spread;     /* relative */
    bool is_part;
} fet_probe_layer;

typedef struct fet_probe_net {
    fet_genome genome;
    fet_candidate_cost cost;
    fet_probe_layer *layers;
    uint32_t n_layers;
} fet_probe_net;

typedef struct fet_probe fet_probe;

/* Space and device are borrowed. */
FET_MUST_CHECK fet_status fet_probe_create(const fet_space *space, fet_device *device, fet_probe **out_probe);
void fet_probe_destroy(fet_probe *probe);
FET_DEFINE_AUTO(fet_probe);

/* Notes a genome for the next run; *out_index is its network's place. */
FET_MUST_CHECK fet_status fet_probe_add(fet_probe *probe, const fet_genome *genome, uint32_t *out_index);
/* Costs what was added since the last run. progress as fet_device_measure's; stopped: STATE. */
FET_MUST_CHECK fet_status fet_probe_run(fet_probe *probe, fet_device_progress progress, void *context);
uint32_t fet_probe_count(const fet_probe *probe); /* of costed networks */
/* Of a costed one; moves when more are added. */
const fet_probe_net *fet_probe_get(const fet_probe *probe, uint32_t index);
const fet_space *fet_probe_space(const fet_probe *probe);
fet_device *fet_probe_device(const fet_probe *probe);

#endif
