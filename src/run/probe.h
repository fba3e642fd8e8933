// SPDX-License-Identifier: Apache-2.0
/*
 * The networks of a device's probing: a job's space without its study, and what stands between kernels, learned from some of its networks
 * measured whole. Thread-compatible.
 */
#ifndef FET_RUN_PROBE_H
#define FET_RUN_PROBE_H

#include "run/costs.h"
#include "run/whole.h"

/* A job's base and its space, of all its variants together. */
typedef struct fet_probe_space {
    fet_job *job;
    fet_graph *base;
    fet_space *space;
} fet_probe_space;

/*
 * device: its widths follow what it computes at once: as stated, or, with `find`, as found from its staircases (measured where they are not
 * known; progress as fet_device_measure's). Deinit whatever the outcome. Errors: the job's, the base's, STATE when stopped.
 */
FET_MUST_CHECK fet_status fet_probe_space_init(fet_probe_space *space, const char *job_path, fet_device *device, bool find,
                                               fet_device_progress progress, void *context);
void fet_probe_space_deinit(fet_probe_space *space);

enum { FET_LESSON_MAX = FET_WHOLE_MAX, FET_LESSON_SPACES = FET_LESSON_MAX / FET_BETWEEN_MIN };
typedef struct fet_lesson {
    uint32_t n;
    fet_between_sample samples[FET_LESSON_MAX];
    double spread[FET_LESSON_MAX];
    fet_between between; /* of all */
    struct {
        uint64_t base; /* fet_graph_hash of the space's base */
        fet_between between;
        uint32_t n; /* networks; fewer than FET_BETWEEN_MIN: nothing is learned of this space alone */
    } space[FET_LESSON_SPACES];
    uint32_t n_spaces;
} fet_lesson;

/* How many networks of space s are measured whole, of n in all from n_spaces. */
uint32_t fet_lesson_share(uint32_t n, uint32_t n_spaces, uint32_t s);
/*
 * Measures n networks whole (FET_BETWEEN_MIN to FET_LESSON_MAX), of each space the base and random ones, those that fet_kit_pool_add_space
 * draws first with this seed, fits what stands between the kernels of them all, and of each space's, where it has enough, and keeps both
 * beside the device's table, where a search of the same base finds its own. Their files are made in `folder` and removed. Kernels that are
 * missing are measured.
 */
FET_MUST_CHECK fet_status fet_lesson_learn(const fet_space *const *spaces, uint32_t n_spaces, fet_device *device, uint32_t n, uint64_t seed,
                                           const char *folder, fet_lesson *out_lesson);

#endif
