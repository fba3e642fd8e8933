// SPDX-License-Identifier: Apache-2.0
/* The told genomes of an archive that nothing told dominates, by constraint domination (Deb 2002, section VI); failed trials never. */
#ifndef FET_SEARCH_FRONT_H
#define FET_SEARCH_FRONT_H

#include "search/archive.h"

typedef struct fet_front {
    uint32_t *members; /* [n], indices of the archive's entries */
    size_t n, capacity;
} fet_front;

/* Tells the archive, and keeps the front. Errors: those of fet_archive_tell, NOMEM; nothing changed then. */
FET_MUST_CHECK fet_status fet_front_tell(fet_front *front, fet_archive *archive, const fet_genome *genome, const fet_result *result);
void fet_front_deinit(fet_front *front);

#endif
