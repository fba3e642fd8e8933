// SPDX-License-Identifier: Apache-2.0
/*
 * Networks that were measured whole against the base of a search, each with what the base took in the same turns: kept beside the kernel
 * table, so that the same job on the same machine chooses alike again, and in the study, so that a resumed one does. A line an entry: two
 * hashes, two latencies.
 */
#ifndef FET_RUN_WHOLE_KNOWN_H
#define FET_RUN_WHOLE_KNOWN_H

#include "base/alloc.h"

#include <stdint.h>

typedef struct fet_whole_entry {
    uint64_t base, network; /* fet_graph_hash */
    double base_ms, network_ms;
} fet_whole_entry;

typedef struct fet_whole_known {
    fet_whole_entry *items;
    size_t count, capacity;
} fet_whole_known;

static inline void fet_whole_known_clear(fet_whole_known *known)
{
    fet_free(known->items);
    *known = (fet_whole_known){0};
}

/* NULL: not known. */
const fet_whole_entry *fet_whole_known_find(const fet_whole_known *known, uint64_t base, uint64_t network);
/* What is known already stays as it is. */
FET_MUST_CHECK fet_status fet_whole_known_add(fet_whole_known *known, const fet_whole_entry *entry);

/* Entries of one base (0: of all) as lines, on the heap; and back, added. `name` stands in messages, with the line. Errors: CORRUPT. */
FET_MUST_CHECK fet_status fet_whole_known_print(const fet_whole_known *known, uint64_t base, char **out_text);
FET_MUST_CHECK fet_status fet_whole_known_parse(const char *name, const char *text, fet_whole_known *known);

/* A file of one device, the latest few thousand entries. Reading a file that is not there adds nothing. Errors: IO; CORRUPT when it is
 * another device's or damaged, naming it and the line. */
FET_MUST_CHECK fet_status fet_whole_known_read(const char *path, const char *device, fet_whole_known *known);
FET_MUST_CHECK fet_status fet_whole_known_write(const char *path, const char *device, const fet_whole_known *known);

#endif
