// SPDX-License-Identifier: Apache-2.0
#include "search/archive.h"

#include "base/alloc.h"

#include <math.h>

enum { FIRST_SLOTS = 64 };

fet_status fet_archive_init(const fet_encoding *encoding, const fet_searcher_options *options, fet_archive *out_archive)
{
    fet_archive archive = {.encoding = encoding, .options = *options, .n_slots = FIRST_SLOTS};
    FET_TRY(fet_alloc_zeroed(FIRST_SLOTS, sizeof *archive.slots, "the archive of a search", &archive.slots));
    *out_archive = archive;
    return FET_OK;
}

void fet_archive_deinit(fet_archive *archive)
{
    fet_free(archive->entries);
    fet_free(archive->slots);
}

/* The slot that holds the genome, or the free one where it would go (linear probing; at most half of the slots are used). */
static size_t slot_of(const fet_archive *archive, const fet_genome *genome)
{
    size_t mask = archive->n_slots - 1, slot = fet_genome_hash(genome) & mask;
    while (archive->slots[slot] && !fet_genome_equal(&archive->entries[archive->slots[slot] - 1].genome, genome)) slot = (slot + 1) & mask;
    return slot;
}

fet_archive_entry *fet_archive_find(const fet_archive *archive, const fet_genome *genome)
{
    uint32_t index = archive->slots[slot_of(archive, genome)];
    return index ? &archive->entries[index - 1] : NULL;
}

static fet_status grow_slots(fet_archive *archive)
{
    uint32_t *slots = NULL;
    FET_TRY(fet_alloc_zeroed(archive->n_slots * 2, sizeof *slots, "the archive of a search", &slots));
    fet_free(archive->slots);
    archive->slots = slots;
    archive->n_slots *= 2;
    for (size_t i = 0; i < archive->n; i++) archive->slots[slot_of(archive, &archive->entries[i].genome)] = (uint32_t)i + 1;
    return FET_OK;
}

fet_status fet_archive_add(fet_archive *archive, const fet_genome *genome)
{
    if ((archive->n + 1) * 2 > archive->n_slots) FET_TRY(grow_slots(archive));
    FET_TRY(fet_grow(&archive->entries, &archive->capacity, archive->n + 1, sizeof *archive->entries));
    size_t slot = slot_of(archive, genome);
    archive->entries[archive->n] = (fet_archive_entry){.genome = *genome};
    archive->slots[slot] = (uint32_t)++archive->n;
    return FET_OK;
}

fet_status fet_archive_tell(fet_archive *archive, const fet_genome *genome, const fet_result *result, uint32_t *out_index)
{
    char text[FET_GENOME_TEXT_BYTES];
    fet_archive_entry *entry = fet_archive_find(archive, genome);
    fet_genome_print(genome, text, sizeof text);
    if (!entry) return fet_fail(FET_ERROR_STATE, "genome %s was told but never asked", text);
    if (entry->told) return fet_fail(FET_ERROR_STATE, "genome %s was told twice", text);
    for (uint32_t o = 0; o < archive->options.n_objectives; o++)
        if (isnan(result->objective[o])) return fet_fail(FET_ERROR_ARG, "genome %s: objective %u is not a number", text, o);
    if (isnan(result->violation)) return fet_fail(FET_ERROR_ARG, "genome %s: its constraint violation is not a number", text);
    entry->result = *result;
    entry->told = true;
    *out_index = (uint32_t)(entry - archive->entries);
    return FET_OK;
}

bool fet_archive_failed(const fet_archive *archive, const fet_result *result)
{
    for (uint32_t o = 0; o < archive->options.n_objectives; o++)
        if (!(result->objective[o] == INFINITY)) return false;
    return true;
}

fet_rng fet_archive_rng(const fet_archive *archive)
{
    fet_rng rng;
    fet_rng_init(&rng, archive->options.seed, archive->n, FET_RNG_SEARCH);
    return rng;
}

fet_choice fet_choice_start(const fet_archive *archive)
{
    return (fet_choice){.archive = archive, .best_violation = INFINITY};
}

void fet_choice_offer(fet_choice *choice, const fet_genome *genome)
{
    const fet_searcher_options *options = &choice->archive->options;
    fet_genome improved = *genome;
    if (choice->accepted || fet_archive_find(choice->archive, genome)) return;
    if (options->improve) {
        options->improve(options->screen_context, &improved);
        if (fet_archive_find(choice->archive, &improved)) return;
    }
    double violation = options->screen ? options->screen(options->screen_context, &improved) : 0;
    choice->n_screened++;
    /* A screen that gives no number is no reason to prefer a genome. */
    if (isnan(violation)) violation = INFINITY;
    if (!choice->found || violation < choice->best_violation) {
        choice->best = improved;
        choice->best_violation = violation;
        choice->found = true;
    }
    choice->accepted = !(violation > 0);
}

/* Option `way` (-1, 1) times `far` away from decision d's own; false: there is none, or it is removed. */
static bool move_option(const fet_encoding *encoding, uint32_t d, int way, uint32_t far, fet_genome *genome)
{
    const fet_decision *decision = &encoding->decisions[d];
    int64_t option = genome->option[d] + (int64_t)way * far;
    if (option < 0 || option >= decision->n_options || decision->options[option].removed) return false;
    genome->option[d] = (uint8_t)option;
    return true;
}

/* Looks for genomes that keep the limits, the nearest to the base first. */
typedef struct nearest {
    fet_choice *choice;
    uint32_t looks_left;
    bool found;
} nearest;

static void look_at(nearest *search, fet_genome *genome)
{
    const fet_searcher_options *options = &search->choice->archive->options;
    fet_encoding_canonicalise(search->choice->archive->encoding, genome);
    search->looks_left--;
    search->found = options->screen(options->screen_context, genome) <= 0; /* no number is no reason */
    if (search->found) fet_choice_offer(search->choice, genome);
}

/* Decision `first` changed by `far`, and one behind it by `other` (0: none). */
static void look_around(nearest *search, const fet_genome *genome, uint32_t first, uint32_t far, uint32_t other)
{
    const fet_encoding *encoding = search->choice->archive->encoding;
    for (int way = -1; way <= 1 && !search->found && search->looks_left > 0; way += 2) {
        fet_genome changed = *genome;
        if (!move_option(encoding, first, way, far, &changed)) continue;
        if (other == 0) look_at(search, &changed);
        for (uint32_t d = first + 1; other > 0 && d < encoding->n_decisions; d++) look_around(search, &changed, d, other, 0);
    }
}

static void offer_nearest(fet_choice *choice, const fet_genome *base)
{
    enum { LOOKS = 64 * FET_CHOICE_LOOKS };
    nearest search = {.choice = choice, .looks_left = LOOKS};
    const fet_encoding *encoding = choice->archive->encoding;
    uint32_t farthest = 0;
    for (uint32_t d = 0; d < encoding->n_decisions; d++)
        if (encoding->decisions[d].n_options > farthest) farthest = encoding->decisions[d].n_options;
    for (uint32_t far = 1; far < farthest; far++)
        for (uint32_t d = 0; d < encoding->n_decisions; d++) look_around(&search, base, d, far, 0);
    for (uint32_t both = 2; both < 2 * farthest; both++)
        for (uint32_t far = 1; far < both; far++)
            for (uint32_t d = 0; d < encoding->n_decisions; d++) look_around(&search, base, d, far, both - far);
}

void fet_choice_offer_start(fet_choice *choice)
{
    fet_genome base;
    if (choice->archive->n > 0) return;
    fet_encoding_start(choice->archive->encoding, &base);
    fet_choice_offer(choice, &base);
    if (choice->archive->options.screen && !choice->accepted) offer_nearest(choice, &base);
}

/* One decision of the genome changed to another option; false when none could be drawn. */
static bool draw_change(const fet_encoding *encoding, fet_rng *rng, const fet_genome *genome, fet_genome *out_changed)
{
    enum { TRIES = 16 };
    for (int i = 0; i < TRIES; i++) {
        uint32_t d = fet_rng_below(rng, encoding->n_decisions);
        uint8_t option = (uint8_t)fet_rng_below(rng, encoding->decisions[d].n_options);
        if (option == genome->option[d] || encoding->decisions[d].options[option].removed) continue;
        *out_changed = *genome;
        out_changed->option[d] = option;
        fet_encoding_canonicalise(encoding, out_changed);
        return true;
    }
    return false;
}

/* One way down; how many changes each step looks at is drawn, so that some ways are steep and others long. *looks_left: screens. */
static void descend(fet_choice *choice, fet_rng *rng, double violation, uint32_t *looks_left)
{
    enum { MOST_STUCK = 3 };
    const fet_encoding *encoding = choice->archive->encoding;
    const fet_searcher_options *options = &choice->archive->options;
    fet_genome genome, best = {0}, changed;
    fet_encoding_start(encoding, &genome);
    uint32_t looks = 1u << (1 + fet_rng_below(rng, 4));
    for (int stuck = 0; stuck < MOST_STUCK && violation > 0 && *looks_left >= looks; stuck++) {
        double least = violation;
        for (uint32_t i = 0; i < looks; i++) {
            if (!draw_change(encoding, rng, &genome, &changed)) continue;
            double found = options->screen(options->screen_context, &changed);
            --*looks_left;
            if (found < least) least = found, best = changed;
        }
        if (least < violation) genome = best, violation = least, stuck = -1;
    }
    fet_choice_offer(choice, &genome);
}

void fet_choice_offer_descent(fet_choice *choice, fet_rng *rng)
{
    enum { WAYS = 4 };
    fet_genome base;
    const fet_searcher_options *options = &choice->archive->options;
    uint32_t looks_left = 2 * FET_CHOICE_LOOKS;
    if (choice->accepted || !options->screen || choice->archive->encoding->n_decisions == 0) return;
    fet_encoding_start(choice->archive->encoding, &base);
    double violation = options->screen(options->screen_context, &base);
    for (int way = 0; way < WAYS && violation > 0 && !choice->accepted; way++) descend(choice, rng, violation, &looks_left);
}

void fet_choice_offer_repaired(fet_choice *choice, const fet_genome *genome, fet_rng *rng)
{
    enum { TRIES = 8 };
    const fet_searcher_options *options = &choice->archive->options;
    const fet_encoding *encoding = choice->archive->encoding;
    fet_genome changed;
    if (choice->accepted || !options->screen) return;
    for (int i = 0; i < TRIES; i++) {
        if (!draw_change(encoding, rng, genome, &changed) || fet_archive_find(choice->archive, &changed)) continue;
        choice->n_screened++;
        if (!(options->screen(options->screen_context, &changed) <= 0)) continue; /* no number is no reason */
        fet_choice_offer(choice, &changed);
        return;
    }
}

void fet_choice_offer_random(fet_choice *choice, fet_rng *rng)
{
    fet_genome genome;
    for (uint32_t i = 0; i < FET_CHOICE_LOOKS && !choice->accepted; i++) {
        fet_encoding_sample(choice->archive->encoding, rng, &genome);
        fet_choice_offer(choice, &genome);
    }
}

static bool looked_enough(const fet_choice *choice)
{
    return choice->accepted || choice->n_screened >= FET_CHOICE_LOOKS;
}

static bool offer_left(void *context, const fet_genome *neighbour)
{
    fet_choice *choice = context;
    fet_choice_offer(choice, neighbour);
    return !looked_enough(choice);
}

/* The next genome in the order of the digits, skipping removed options; the first one after the last. */
static void next_genome(const fet_encoding *encoding, fet_genome *genome)
{
    for (uint32_t d = 0; d < encoding->n_decisions; d++) {
        const fet_decision *decision = &encoding->decisions[d];
        do genome->option[d] = (uint8_t)((genome->option[d] + 1) % decision->n_options);
        while (decision->options[genome->option[d]].removed);
        uint8_t first = 0;
        while (decision->options[first].removed) first++;
        if (genome->option[d] != first) return;
    }
}

/*
 * No random draw was new: the space is nearly exhausted. A small one is walked through from a random place; of a large one, of which the
 * draws should have found something, the neighbours of what was asked are looked at.
 */
static void offer_what_is_left(fet_choice *choice, fet_rng *rng)
{
    const double walk_limit = 5; /* log10: a walk is then some tens of milliseconds */
    const fet_archive *archive = choice->archive;
    double log10_size = fet_encoding_log10_size(archive->encoding);
    choice->n_screened = 0;
    if (log10_size <= walk_limit) {
        fet_genome raw, genome;
        fet_encoding_sample(archive->encoding, rng, &raw);
        for (double i = 0, size = round(pow(10, log10_size)); i < size && !looked_enough(choice);
             i++, next_genome(archive->encoding, &raw)) {
            genome = raw;
            fet_encoding_canonicalise(archive->encoding, &genome);
            fet_choice_offer(choice, &genome);
        }
        return;
    }
    size_t first = fet_rng_below(rng, (uint32_t)archive->n);
    for (size_t i = 0; i < archive->n && !looked_enough(choice); i++)
        fet_encoding_neighbours(archive->encoding, &archive->entries[(first + i) % archive->n].genome, offer_left, choice);
}

fet_status fet_choice_take(fet_choice *choice, fet_rng *rng, fet_archive *archive, fet_genome *out_genome, bool *out_done)
{
    if (!choice->found) offer_what_is_left(choice, rng);
    if (choice->found) {
        FET_TRY(fet_archive_add(archive, &choice->best));
        *out_genome = choice->best;
    }
    *out_done = !choice->found;
    return FET_OK;
}
