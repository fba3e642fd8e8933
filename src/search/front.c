// SPDX-License-Identifier: Apache-2.0
#include "search/front.h"

#include "base/alloc.h"
#include "search/pareto.h"

void fet_front_deinit(fet_front *front)
{
    fet_free(front->members);
}

static bool beats(const fet_archive *archive, uint32_t a, uint32_t b)
{
    const fet_result *ra = &archive->entries[a].result, *rb = &archive->entries[b].result;
    double va = ra->violation > 0 ? ra->violation : 0, vb = rb->violation > 0 ? rb->violation : 0;
    if (va != vb) return va < vb;
    return va == 0 && fet_pareto_dominates(ra->objective, rb->objective, archive->options.n_objectives);
}

fet_status fet_front_tell(fet_front *front, fet_archive *archive, const fet_genome *genome, const fet_result *result)
{
    uint32_t index;
    /* Room first, so that a failure leaves everything as it was. */
    FET_TRY(fet_grow(&front->members, &front->capacity, front->n + 1, sizeof *front->members));
    FET_TRY(fet_archive_tell(archive, genome, result, &index));
    if (fet_archive_failed(archive, result)) return FET_OK;
    for (size_t i = 0; i < front->n; i++)
        if (beats(archive, front->members[i], index)) return FET_OK;
    size_t kept = 0;
    for (size_t i = 0; i < front->n; i++)
        if (!beats(archive, index, front->members[i])) front->members[kept++] = front->members[i];
    front->members[kept++] = index;
    front->n = kept;
    return FET_OK;
}
