// SPDX-License-Identifier: Apache-2.0
#include "run/probe.h"

#include "base/file.h"
#include "device/parallelism.h"
#include "op/op.h"
#include "run/base_network.h"
#include "run/workspace.h"

#include <stdio.h>
#include <unistd.h>

static fet_status find_parallelism(fet_device *device, fet_device_progress progress, void *context, fet_parallelism *parallelism)
{
    fet_parallelism_found *found = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *found, "staircases", &found));
    fet_status status = fet_device_find_parallelism(device, progress, context, found);
    if (status == FET_OK && found->parallelism.out_channels) parallelism->out_channels = found->parallelism.out_channels;
    if (status == FET_OK && found->parallelism.in_channels) parallelism->in_channels = found->parallelism.in_channels;
    fet_free(found);
    return status;
}

fet_status fet_probe_space_init(fet_probe_space *space, const char *job_path, fet_device *device, bool find, fet_device_progress progress,
                                void *context)
{
    bool block_form = false, width = false;
    fet_parallelism parallelism = fet_device_parallelism(device);
    *space = (fet_probe_space){0};
    FET_TRY(fet_job_read(job_path, &space->job));
    FET_TRY(fet_base_network_build(space->job, space->job->base_onnx, &space->base));
    fet_job_searches(space->job, &block_form, &width);
    if (find && width && space->job->curate) FET_TRY(find_parallelism(device, progress, context, &parallelism));
    return fet_job_space(space->job, space->base, &parallelism, block_form, width, &space->space);
}

void fet_probe_space_deinit(fet_probe_space *space)
{
    fet_space_destroy(space->space);
    fet_graph_destroy(space->base);
    fet_job_destroy(space->job);
}

uint32_t fet_lesson_share(uint32_t n, uint32_t n_spaces, uint32_t s)
{
    return n / n_spaces + (s < n % n_spaces);
}

/* Networks first .. first + n - 1 of the lesson. */
static fet_status write_networks(const fet_space *space, fet_device *device, uint64_t seed, const char *folder, fet_lesson *lesson,
                                 uint32_t first, uint32_t n, char **paths)
{
    fet_auto(fet_costs) costs = NULL;
    fet_rng rng;
    fet_rng_init(&rng, seed, 1, FET_RNG_SAMPLE);
    FET_TRY(fet_costs_create(space, device, &costs));
    for (uint32_t i = 0; i < n; i++) {
        fet_genome genome;
        char name[64];
        if (i == 0) fet_space_base_genome(space, &genome);
        else fet_space_sample(space, &rng, &genome);
        snprintf(name, sizeof name, "whole-%ld-%u.onnx", (long)getpid(), first + i);
        FET_TRY(fet_path_join(folder, name, &paths[first + i]));
        FET_TRY(fet_costs_sample(costs, &genome, paths[first + i], &lesson->samples[first + i]));
    }
    return FET_OK;
}

static fet_status write_all(const fet_space *const *spaces, uint32_t n_spaces, fet_device *device, uint64_t seed, const char *folder,
                            fet_lesson *lesson, char **paths)
{
    for (uint32_t s = 0, first = 0; s < n_spaces; s++) {
        uint32_t n = fet_lesson_share(lesson->n, n_spaces, s);
        FET_TRY(write_networks(spaces[s], device, seed, folder, lesson, first, n, paths));
        first += n;
    }
    return FET_OK;
}

static fet_status fit_and_keep(fet_device *device, const fet_between_sample *samples, uint32_t n, uint64_t base, fet_between *out_between)
{
    fet_between_caches caches = fet_between_caches_here();
    char *path = NULL, kind[FET_BETWEEN_KIND_BYTES];
    FET_TRY(fet_between_fit(samples, n, &caches, out_between));
    FET_TRY(fet_device_side_file(device, fet_between_kind(base, kind), &path));
    fet_status status = path ? fet_between_write(path, fet_device_describe(device), out_between) : FET_OK;
    fet_free(path);
    return status;
}

static fet_status measure_whole(fet_device *device, char *const *paths, fet_lesson *lesson)
{
    double ms[FET_LESSON_MAX];
    FET_TRY(fet_whole_measure(device, (const char *const *)paths, lesson->n, FET_WHOLE_APART, ms, lesson->spread));
    for (uint32_t i = 0; i < lesson->n; i++) lesson->samples[i].whole_ms = ms[i];
    return FET_OK;
}

static fet_status learn(fet_device *device, const fet_space *const *spaces, uint32_t n_spaces, char *const *paths, fet_lesson *lesson)
{
    FET_TRY(measure_whole(device, paths, lesson));
    FET_TRY(fit_and_keep(device, lesson->samples, lesson->n, 0, &lesson->between));
    lesson->n_spaces = n_spaces < FET_LESSON_SPACES ? n_spaces : FET_LESSON_SPACES;
    for (uint32_t s = 0, first = 0; s < lesson->n_spaces; s++) {
        uint32_t n = fet_lesson_share(lesson->n, n_spaces, s);
        lesson->space[s].base = fet_graph_hash(fet_space_base(spaces[s]));
        lesson->space[s].n = n;
        if (n >= FET_BETWEEN_MIN)
            FET_TRY(fit_and_keep(device, &lesson->samples[first], n, lesson->space[s].base, &lesson->space[s].between));
        first += n;
    }
    return FET_OK;
}

fet_status fet_lesson_learn(const fet_space *const *spaces, uint32_t n_spaces, fet_device *device, uint32_t n, uint64_t seed,
                            const char *folder, fet_lesson *out_lesson)
{
    char *paths[FET_LESSON_MAX] = {0};
    fet_lesson *lesson = NULL;
    if (n < FET_BETWEEN_MIN || n > FET_LESSON_MAX)
        return fet_fail(FET_ERROR_ARG, "%u networks measured whole: expected %d to %d", n, (int)FET_BETWEEN_MIN, (int)FET_LESSON_MAX);
    FET_TRY(fet_alloc_zeroed(1, sizeof *lesson, "networks measured whole", &lesson));
    lesson->n = n;
    fet_status status = write_all(spaces, n_spaces, device, seed, folder, lesson, paths);
    if (status == FET_OK) status = learn(device, spaces, n_spaces, paths, lesson);
    for (uint32_t i = 0; i < n; i++) {
        if (paths[i]) unlink(paths[i]);
        fet_free(paths[i]);
    }
    if (status == FET_OK) *out_lesson = *lesson;
    fet_free(lesson);
    return status;
}
