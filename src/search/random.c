// SPDX-License-Identifier: Apache-2.0
/* Uniform random genomes without repetition: the strategy that every other one must beat. */
#include "base/alloc.h"
#include "search/archive.h"
#include "search/strategies.h"

static fet_status create(const fet_encoding *encoding, const fet_searcher_options *options, void **out_state)
{
    fet_archive *archive = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *archive, "the random search", &archive));
    fet_status status = fet_archive_init(encoding, options, archive);
    if (status != FET_OK) {
        fet_free(archive);
        return status;
    }
    *out_state = archive;
    return FET_OK;
}

static fet_status ask(void *state, fet_genome *out_genome, bool *out_done)
{
    fet_archive *archive = state;
    fet_rng rng = fet_archive_rng(archive);
    fet_choice choice = fet_choice_start(archive);
    fet_choice_offer_start(&choice);
    fet_choice_offer_random(&choice, &rng);
    return fet_choice_take(&choice, &rng, archive, out_genome, out_done);
}

static fet_status tell(void *state, const fet_genome *genome, const fet_result *result)
{
    uint32_t index;
    return fet_archive_tell(state, genome, result, &index);
}

static void destroy(void *state)
{
    if (!state) return;
    fet_archive_deinit(state);
    fet_free(state);
}

const fet_searcher_ops fet_search_random = {
    .name = "random",
    .cite = "li2020random",
    .help = "uniform random candidates, none twice; the yardstick",
    .create = create,
    .ask = ask,
    .tell = tell,
    .destroy = destroy,
};
