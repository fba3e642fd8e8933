// SPDX-License-Identifier: Apache-2.0
/*
 * Networks of a search measured whole, in turns with the base. What was measured is kept, beside the kernel table and in the study, so that
 * neither a resumed study nor the same job once more comes to another answer.
 */
#include "run/search_internal.h"

#include "base/alloc.h"
#include "run/whole.h"

#include <string.h>
#include <unistd.h>

/* What is not known yet; [0] is the base. */
typedef struct due {
    char *paths[FET_WHOLE_MAX]; /* ONNX files in the study's folder, gone afterwards */
    uint64_t hash[FET_WHOLE_MAX];
    double ms[FET_WHOLE_MAX], spread[FET_WHOLE_MAX];
    uint32_t n;
} due;

static bool is_due(const due *d, uint64_t hash)
{
    for (uint32_t i = 0; i < d->n; i++)
        if (d->hash[i] == hash) return true;
    return false;
}

static fet_status write_network(fet_search *search, fet_costs *costs, const fet_genome *genome, uint32_t place, due *d)
{
    fet_between_sample sample;
    FET_TRY(fet_workspace_path(search->workspace, &d->paths[place], "whole-%u.onnx", place));
    FET_TRY(fet_costs_sample(costs, genome, d->paths[place], &sample));
    return fet_pool_pump(search->pool, 0);
}

static fet_status measure(fet_search *search, const fet_search_network *networks, uint32_t n, due *d, fet_whole_known *known)
{
    fet_genome base;
    fet_space_base_genome(search->workspace->whole_space, &base);
    d->hash[d->n++] = search->base_cost.hash;
    for (uint32_t i = 0; i < n && d->n < FET_WHOLE_MAX && !fet_search_is_stopped(search); i++) {
        if (is_due(d, networks[i].hash) || fet_whole_known_find(known, search->base_cost.hash, networks[i].hash)) continue;
        d->hash[d->n] = networks[i].hash;
        FET_TRY(write_network(search, networks[i].costs, &networks[i].genome, d->n, d));
        d->n++;
    }
    if (d->n == 1 || fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(write_network(search, search->whole_costs, &base, 0, d));
    fet_search_progress(search, "measuring %u candidates whole, in turns with the base", d->n - 1);
    FET_TRY(fet_whole_measure(search->device, (const char *const *)d->paths, d->n, FET_WHOLE_TOGETHER, d->ms, d->spread));
    for (uint32_t i = 1; i < d->n; i++) {
        fet_whole_entry entry = {.base = d->hash[0], .network = d->hash[i], .base_ms = d->ms[0], .network_ms = d->ms[i]};
        FET_TRY(fet_whole_known_add(known, &entry));
    }
    return FET_OK;
}

/* The study's own lines first: what it chose by stays. */
static fet_status read_known(fet_search *search, const char *path, fet_whole_known *known)
{
    char *text = NULL;
    fet_status status = fet_study_get(search->workspace->study, "whole", &text);
    if (status == FET_OK) status = fet_whole_known_parse(search->workspace->dir, text, known);
    fet_free(text);
    if (status == FET_ERROR_NOT_FOUND) {
        fet_error_clear();
        status = FET_OK;
    }
    return status == FET_OK && path ? fet_whole_known_read(path, fet_device_describe(search->device), known) : status;
}

static fet_status keep_known(fet_search *search, const char *path, const fet_whole_known *known)
{
    char *text = NULL;
    FET_TRY(fet_whole_known_print(known, search->base_cost.hash, &text));
    fet_status status = fet_study_set(search->workspace->study, "whole", text);
    fet_free(text);
    return status == FET_OK && path ? fet_whole_known_write(path, fet_device_describe(search->device), known) : status;
}

static fet_status measure_and_keep(fet_search *search, const char *path, const fet_search_network *networks, uint32_t n,
                                   fet_whole_known *known)
{
    due *d = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *d, "networks to measure", &d));
    fet_status status = read_known(search, path, known);
    if (status == FET_OK) status = measure(search, networks, n, d, known);
    for (uint32_t i = 0; i < FET_WHOLE_MAX; i++) {
        if (d->paths[i]) unlink(d->paths[i]);
        fet_free(d->paths[i]);
    }
    fet_free(d);
    return status == FET_OK && !fet_search_is_stopped(search) ? keep_known(search, path, known) : status;
}

fet_status fet_search_measure_whole(fet_search *search, const fet_search_network *networks, uint32_t n, fet_whole_known *known)
{
    char *path = NULL;
    FET_TRY(fet_device_side_file(search->device, "whole", &path));
    fet_status status = measure_and_keep(search, path, networks, n, known);
    fet_free(path);
    return status;
}

bool fet_search_measures_limits(const fet_search *search)
{
    const fet_job *job = search->job;
    if (fet_device_source(search->device) != FET_COST_MEASURED) return false;
    for (uint32_t l = 0; l < job->n_limits; l++)
        if (job->limits[l].metric == FET_METRIC_LATENCY) return true;
    return false;
}
