// SPDX-License-Identifier: Apache-2.0
/*
 * What a network takes on a measured device beyond its kernels: learned from 16 networks of the job's space, once a device and base
 * network (what stands between the kernels of one says little of another), kept beside the kernel table and, as it was when the study
 * began, in the study. The first one also stands for the device where no network is known, until `fettle device probe` learns it anew.
 */
#include "run/search_internal.h"

#include "base/file.h"
#include "op/op.h"
#include "run/whole.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N_NETWORKS = 16 };

typedef struct lesson {
    char *paths[N_NETWORKS]; /* ONNX files in the study's folder, gone afterwards */
    fet_between_sample samples[N_NETWORKS];
    double whole_ms[N_NETWORKS], spread[N_NETWORKS];
} lesson;

static fet_status write_networks(fet_search *search, lesson *l)
{
    fet_rng rng;
    fet_rng_init(&rng, search->job->seed, 1, FET_RNG_SAMPLE);
    for (int i = 0; i < N_NETWORKS && !fet_search_is_stopped(search); i++) {
        fet_genome genome;
        if (i == 0) fet_space_base_genome(search->workspace->whole_space, &genome);
        else fet_space_sample(search->workspace->whole_space, &rng, &genome);
        FET_TRY(fet_workspace_path(search->workspace, &l->paths[i], "between-%d.onnx", i));
        FET_TRY(fet_costs_sample(search->whole_costs, &genome, l->paths[i], &l->samples[i]));
        FET_TRY(fet_pool_pump(search->pool, 0));
    }
    return FET_OK;
}

static fet_status learn(fet_search *search, lesson *l, fet_between *out_between)
{
    fet_search_progress(search, "measuring %d whole networks, to learn what stands between kernels", (int)N_NETWORKS);
    FET_TRY(write_networks(search, l));
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(fet_whole_measure(search->device, (const char *const *)l->paths, N_NETWORKS, FET_WHOLE_APART, l->whole_ms, l->spread));
    for (int i = 0; i < N_NETWORKS; i++) l->samples[i].whole_ms = l->whole_ms[i];
    fet_between_caches caches = fet_between_caches_here();
    return fet_between_fit(l->samples, N_NETWORKS, &caches, out_between);
}

static fet_status learn_and_keep(fet_search *search, const char *path)
{
    lesson *l = NULL;
    fet_between between = {.gains = false};
    FET_TRY(fet_alloc_zeroed(1, sizeof *l, "networks to measure", &l));
    fet_status status = learn(search, l, &between);
    for (int i = 0; i < N_NETWORKS; i++) {
        if (l->paths[i]) unlink(l->paths[i]);
        fet_free(l->paths[i]);
    }
    fet_free(l);
    FET_TRY(status);
    if (fet_search_is_stopped(search)) return FET_OK;
    search->between = between;
    FET_TRY(fet_between_write(path, fet_device_describe(search->device), &between));
    char *general = NULL, kind[FET_BETWEEN_KIND_BYTES];
    FET_TRY(fet_device_side_file(search->device, fet_between_kind(0, kind), &general));
    status = fet_file_exists(general) ? FET_OK : fet_between_write(general, fet_device_describe(search->device), &between);
    fet_free(general);
    return status;
}

/* The study's own, what another study of this network has learned, or learned now. */
static fet_status get(fet_search *search, const char *path)
{
    char *text = NULL, line[FET_BETWEEN_TEXT_BYTES];
    fet_status status = fet_study_get(search->workspace->study, "between", &text);
    if (status == FET_OK) status = fet_between_parse(search->workspace->dir, text, &search->between);
    fet_free(text);
    if (status != FET_ERROR_NOT_FOUND) return status;
    fet_error_clear();
    if (fet_file_exists(path)) FET_TRY(fet_between_read(path, fet_device_describe(search->device), &search->between));
    else FET_TRY(learn_and_keep(search, path));
    if (fet_search_is_stopped(search)) return FET_OK;
    return fet_study_set(search->workspace->study, "between", fet_between_print(&search->between, line));
}

fet_status fet_search_between(fet_search *search)
{
    char *path = NULL, kind[FET_BETWEEN_KIND_BYTES];
    uint64_t base = fet_graph_hash(search->workspace->base);
    FET_TRY(fet_device_side_file(search->device, fet_between_kind(base, kind), &path));
    fet_status status = path ? get(search, path) : FET_OK;
    if (!path) (void)fet_device_between(search->device, base, &search->between); /* an estimated device brings its own */
    fet_free(path);
    if (status == FET_OK) fet_costs_set_between(search->whole_costs, &search->between);
    return status;
}
