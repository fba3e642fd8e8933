// SPDX-License-Identifier: Apache-2.0
/*
 * What a strategy remembers: every genome asked, in order, with its result once told, and a hash index so that none is asked twice. And the
 * choice among offers: the first unseen genome that the screen has nothing against, or else the least bad one. Thread-compatible.
 */
#ifndef FET_SEARCH_ARCHIVE_H
#define FET_SEARCH_ARCHIVE_H

#include "search/searcher.h"

typedef struct fet_archive_entry {
    fet_genome genome;
    fet_result result;
    bool told;
} fet_archive_entry;

typedef struct fet_archive {
    const fet_encoding *encoding;
    fet_searcher_options options;
    fet_archive_entry *entries; /* [n], in the order of the asks */
    size_t n, capacity;
    uint32_t *slots; /* [n_slots], a power of two; index + 1 of an entry, 0: free */
    size_t n_slots;
} fet_archive;

FET_MUST_CHECK fet_status fet_archive_init(const fet_encoding *encoding, const fet_searcher_options *options, fet_archive *out_archive);
void fet_archive_deinit(fet_archive *archive);

/* The entry of a genome, NULL when it was never asked. */
fet_archive_entry *fet_archive_find(const fet_archive *archive, const fet_genome *genome);
/* Marks a genome as asked. Errors: NOMEM (nothing changed). */
FET_MUST_CHECK fet_status fet_archive_add(fet_archive *archive, const fet_genome *genome);
/* Errors: STATE when the genome was not asked or was told before; ARG for a result that is not a number. Nothing changed then. */
FET_MUST_CHECK fet_status fet_archive_tell(fet_archive *archive, const fet_genome *genome, const fet_result *result, uint32_t *out_index);
/* A failed trial: worse than everything. */
bool fet_archive_failed(const fet_archive *archive, const fet_result *result);
/* The stream of the next ask: a function of the seed and the number of asks before it. */
fet_rng fet_archive_rng(const fet_archive *archive);

/*
 * One ask's choice. Offer genomes, best idea first, until one is accepted or the ideas run out, then take the choice: the accepted genome,
 * or the unseen one with the least violation, or (nothing unseen was offered) any unseen one that is left. Each kind of offer looks at
 * FET_CHOICE_LOOKS genomes at most, because a screen derives and costs a candidate: tens of microseconds.
 */
typedef struct fet_choice {
    const fet_archive *archive;
    fet_genome best;
    double best_violation; /* of the screen; INFINITY before the first unseen offer */
    bool found;            /* an unseen genome was offered */
    bool accepted;         /* ... that the screen has nothing against: offers are ignored from now on */
    uint32_t n_screened;
} fet_choice;

enum { FET_CHOICE_LOOKS = 128 };

fet_choice fet_choice_start(const fet_archive *archive);
void fet_choice_offer(fet_choice *choice, const fet_genome *genome);
/*
 * Nothing was asked yet: the base, and where that is outside of the limits what keeps them with the least change, of one decision or else
 * of two: nothing inherits more. How far a change goes is counted in options; of equal ones the first decision's.
 */
void fet_choice_offer_start(fet_choice *choice);
/*
 * Where the base is outside of the limits: from it, one change after the other, each the best of a few drawn at random by the screen, until
 * the limits hold. Such a genome has few changes, so it inherits much, and it lies near the limit, where quality is highest; a random one
 * has many and lies anywhere. Nothing is offered without a screen.
 */
void fet_choice_offer_descent(fet_choice *choice, fet_rng *rng);
/* The genome, which is outside of the limits, with a second decision changed that brings it back within them: near a limit, most single
 * changes lead either beyond it or away from it. Nothing is offered without a screen, or when a few draws find no such change. */
void fet_choice_offer_repaired(fet_choice *choice, const fet_genome *genome, fet_rng *rng);
void fet_choice_offer_random(fet_choice *choice, fet_rng *rng);
/* Marks the choice as asked and gives it out; *out_done when the space is exhausted. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_choice_take(fet_choice *choice, fet_rng *rng, fet_archive *archive, fet_genome *out_genome, bool *out_done);

#endif
