// SPDX-License-Identifier: Apache-2.0
#include "search/searcher.h"

#include "base/alloc.h"

struct fet_searcher {
    const fet_searcher_ops *ops;
    void *state;
};

fet_status fet_searcher_create(const fet_searcher_ops *ops, const fet_encoding *encoding, const fet_searcher_options *options,
                               fet_searcher **out_searcher)
{
    enum { DEFAULT_POPULATION = 24, MAX_POPULATION = 100000 };
    fet_searcher_options complete = *options;
    if (complete.population == 0) complete.population = DEFAULT_POPULATION;
    if (complete.n_objectives < 1 || complete.n_objectives > FET_MAX_OBJECTIVES)
        return fet_fail(FET_ERROR_ARG, "search %s: %u objectives; expected 1 to %d", ops->name, complete.n_objectives, FET_MAX_OBJECTIVES);
    if (complete.population > MAX_POPULATION)
        return fet_fail(FET_ERROR_ARG, "search %s: a population of %u; expected at most %d", ops->name, complete.population,
                        MAX_POPULATION);
    FET_TRY(fet_encoding_check(encoding));
    fet_searcher *searcher = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *searcher, "a searcher", &searcher));
    searcher->ops = ops;
    fet_status status = ops->create(encoding, &complete, &searcher->state);
    if (status != FET_OK) {
        fet_free(searcher);
        return status;
    }
    *out_searcher = searcher;
    return FET_OK;
}

fet_status fet_searcher_ask(fet_searcher *searcher, fet_genome *out_genome, bool *out_done)
{
    return searcher->ops->ask(searcher->state, out_genome, out_done);
}

fet_status fet_searcher_tell(fet_searcher *searcher, const fet_genome *genome, const fet_result *result)
{
    return searcher->ops->tell(searcher->state, genome, result);
}

void fet_searcher_destroy(fet_searcher *searcher)
{
    if (!searcher) return;
    searcher->ops->destroy(searcher->state);
    fet_free(searcher);
}
