// SPDX-License-Identifier: Apache-2.0
/*
 * Which widths a curated space offers: multiples of what the device computes at once, found from its staircases when the study begins and
 * kept in it ("parallelism"), so that workers, resumed searches and reports all see the same space, also where the kernel table is another.
 */
#include "run/search_internal.h"

#include "device/parallelism.h"

#include <stdio.h>

static bool on_measured(void *context, size_t done, size_t total)
{
    fet_search_progress(context, "measuring how the device likes its channels: %zu of %zu kernels", done, total);
    return !fet_search_is_stopped(context);
}

static bool searches_widths(const fet_job *job)
{
    bool widths = false;
    for (uint32_t v = 0; v < job->n_variants; v++) widths |= job->variants[v].width;
    return job->curate && widths;
}

/* The table of units that is stated for an instruction set, or the description, where no staircase says. */
static const char *choose(uint32_t found, uint32_t stated, uint32_t *out)
{
    *out = found ? found : stated;
    return found ? "found" : "stated";
}

static fet_status keep(fet_search *search, const fet_parallelism *found)
{
    fet_parallelism stated = fet_device_parallelism(search->device), used;
    const char *out_source = choose(found->out_channels, stated.out_channels, &used.out_channels);
    const char *in_source = choose(found->in_channels, stated.in_channels, &used.in_channels);
    char text[96];
    snprintf(text, sizeof text, "%u %u %s %s", used.out_channels, used.in_channels, out_source, in_source);
    if (fet_device_source(search->device) == FET_COST_MEASURED)
        fet_search_news(search,
                        "widths are multiples of %u output channels (%s) and prefer %u input channels (%s); found: by measured steps",
                        used.out_channels, out_source, used.in_channels, in_source);
    else
        fet_search_news(search, "widths are multiples of %u output channels and prefer %u input channels, as the device is described",
                        used.out_channels, used.in_channels);
    return fet_study_set(search->workspace->study, "parallelism", text);
}

static fet_status find(fet_search *search, fet_parallelism *out_found)
{
    fet_parallelism_found *found = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *found, "staircases", &found));
    fet_status status = fet_device_find_parallelism(search->device, on_measured, search, found);
    if (status == FET_OK) *out_found = found->parallelism;
    fet_free(found);
    return status;
}

fet_status fet_search_curate(fet_search *search)
{
    char *before = NULL;
    fet_parallelism found = {0, 0};
    if (!searches_widths(search->job)) return FET_OK;
    fet_status status = fet_study_get(search->workspace->study, "parallelism", &before);
    fet_free(before);
    if (status != FET_ERROR_NOT_FOUND) return status; /* a study that goes on keeps its space */
    fet_error_clear();
    if (fet_device_source(search->device) == FET_COST_MEASURED) {
        status = find(search, &found);
        if (status == FET_ERROR_STATE && fet_search_is_stopped(search)) {
            fet_error_clear();
            return FET_OK;
        }
        FET_TRY(status);
    }
    return keep(search, &found);
}
