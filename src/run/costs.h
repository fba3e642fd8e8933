// SPDX-License-Identifier: Apache-2.0
/*
 * What a candidate costs on the device, without running it: derive -> split into kernels -> look each up, or simulate the whole -> plan the
 * memory. Kernels nobody measured yet are measured on demand. The figures of a genome depend on the kernel table or the device's
 * description alone. Thread-compatible.
 */
#ifndef FET_RUN_COSTS_H
#define FET_RUN_COSTS_H

#include "device/between.h"
#include "device/device.h"
#include "device/memory.h"
#include "run/job.h"
#include "space/space.h"

typedef struct fet_costs fet_costs; /* one space on one device; both borrowed */

/*
 * What whole networks near the limits took, measured, by what was predicted of them (medians): alone, and each by how the base came out.
 * Networks at the edge of a space are alike in what is mispredicted of them.
 */
typedef struct fet_limit_lesson {
    double alone, against_base; /* 1: as predicted; 0: nothing is learned */
    double error;               /* how far networks are from that median, as a share (median) */
} fet_limit_lesson;

typedef struct fet_candidate_cost {
    double metric[FET_METRIC_COUNT]; /* QUALITY is not set; ms and bytes. Latency INFINITY: it does not fit into the device's memory */
    double between_ms;               /* the part of the latency that is no kernel's; 0 where none is learned */
    double error;                    /* what the latency of a network left out was off by, as a share (median); 0 where none is learned */
    fet_limit_lesson lesson;
    int64_t macs;
    uint64_t hash; /* of the derived graph: equal networks have equal costs */
} fet_candidate_cost;

FET_MUST_CHECK fet_status fet_costs_create(const fet_space *space, fet_device *device, fet_costs **out_costs);
void fet_costs_destroy(fet_costs *costs);
FET_DEFINE_AUTO(fet_costs);

/* What is learned to stand between kernels; copied. Until then nothing. */
void fet_costs_set_between(fet_costs *costs, const fet_between *between);
/* What is learned of networks near the limits; it changes no latency, but whether a limit is expected to hold as measured. */
void fet_costs_set_lesson(fet_costs *costs, const fet_limit_lesson *lesson);

FET_MUST_CHECK fet_status fet_costs_of(fet_costs *costs, const fet_genome *genome, fet_candidate_cost *out_cost);

/* A network to learn from: the sum of its kernels and its terms; the network itself, with random numbers, goes to onnx_path. */
FET_MUST_CHECK fet_status fet_costs_sample(fet_costs *costs, const fet_genome *genome, const char *onnx_path,
                                           fet_between_sample *out_sample);

/*
 * Sum over limits of how far each is exceeded, as a share of it; 0 when all hold; very large when it does not fit the device. `base` serves
 * the relative ones; quality limits are left out. A limit on latency is to hold as measured, so it holds with the error of the estimate to
 * spare: all of it for a limit in ms, for a share of the base by as much of it as the candidate is away from the base. What was learned of
 * networks near the limits counts likewise: for a share of the base, the more the nearer the candidate is to the limit, and whole below it.
 */
double fet_costs_violation(const fet_job *job, const fet_candidate_cost *cost, const fet_candidate_cost *base);

/*
 * Measures ahead: the kernels of the base and of `n_draws` random candidates, the most frequent first, until done or `progress` says stop.
 * Returns OK also when stopped; *out_missing says how many stay unmeasured (they are measured on demand).
 */
FET_MUST_CHECK fet_status fet_costs_measure_ahead(fet_costs *costs, uint32_t n_draws, uint64_t seed,
                                                  bool (*progress)(void *context, size_t done, size_t total), void *context,
                                                  size_t *out_missing);

#endif
