// SPDX-License-Identifier: Apache-2.0
#include "space/encoding.h"

#include "base/hash.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t n_allowed(const fet_decision *decision)
{
    uint32_t count = 0;
    for (uint32_t o = 0; o < decision->n_options; o++) count += !decision->options[o].removed;
    return count;
}

/* The index of the i-th allowed option that is not `except` (pass n_options to except none). */
static uint8_t allowed_option(const fet_decision *decision, uint32_t i, uint32_t except)
{
    uint8_t o = 0;
    for (; o < decision->n_options; o++)
        if (!decision->options[o].removed && o != except && i-- == 0) break;
    return o;
}

static uint8_t nearest_allowed(const fet_decision *decision, uint8_t option)
{
    uint8_t best = option;
    double best_distance = INFINITY;
    for (uint8_t o = 0; o < decision->n_options; o++) {
        double distance = fabs(decision->options[o].value - decision->options[option].value);
        if (decision->options[o].removed || !(distance < best_distance)) continue;
        best = o;
        best_distance = distance;
    }
    return best;
}

fet_status fet_encoding_check(const fet_encoding *encoding)
{
    if (encoding->n_decisions > FET_SPACE_MAX_DECISIONS)
        return fet_fail(FET_ERROR_LIMIT, "the space has %u decisions, at most %d are possible", encoding->n_decisions,
                        FET_SPACE_MAX_DECISIONS);
    for (uint32_t d = 0; d < encoding->n_decisions; d++) {
        const fet_decision *decision = &encoding->decisions[d];
        if (!decision->name) return fet_fail(FET_ERROR_ARG, "decision %u has no name", d);
        if (decision->n_options < 1 || decision->n_options > FET_DECISION_MAX_OPTIONS)
            return fet_fail(FET_ERROR_ARG, "decision %s has %u options, expected 1 to %d", decision->name, decision->n_options,
                            FET_DECISION_MAX_OPTIONS);
        if (decision->base_option >= decision->n_options)
            return fet_fail(FET_ERROR_ARG, "decision %s: its base option is number %u, but it has %u options", decision->name,
                            decision->base_option, decision->n_options);
        if (n_allowed(decision) == 0) return fet_fail(FET_ERROR_ARG, "decision %s has no option left: all were removed", decision->name);
        for (uint32_t o = 0; o < decision->n_options; o++)
            if (!decision->options[o].label || !isfinite(decision->options[o].value))
                return fet_fail(FET_ERROR_ARG, "decision %s: option %u has no label or no finite value", decision->name, o);
    }
    return FET_OK;
}

double fet_encoding_log10_size(const fet_encoding *encoding)
{
    double sum = 0;
    for (uint32_t d = 0; d < encoding->n_decisions; d++) sum += log10(n_allowed(&encoding->decisions[d]));
    return sum;
}

void fet_encoding_canonicalise(const fet_encoding *encoding, fet_genome *genome)
{
    genome->n = (uint8_t)encoding->n_decisions;
    if (encoding->settle) encoding->settle(encoding->settle_context, genome);
    bool moved = false;
    for (uint32_t d = 0; d < encoding->n_decisions; d++) {
        const fet_decision *decision = &encoding->decisions[d];
        if (!decision->options[genome->option[d]].removed) continue;
        genome->option[d] = nearest_allowed(decision, genome->option[d]);
        moved = true;
    }
    /* An option that had to move may have switched another decision off; the base option that one gets may itself be removed (a lock). */
    if (!moved || !encoding->settle) return;
    encoding->settle(encoding->settle_context, genome);
    for (uint32_t d = 0; d < encoding->n_decisions; d++)
        if (encoding->decisions[d].options[genome->option[d]].removed)
            genome->option[d] = nearest_allowed(&encoding->decisions[d], genome->option[d]);
}

void fet_encoding_base(const fet_encoding *encoding, fet_genome *out_genome)
{
    memset(out_genome, 0, sizeof *out_genome);
    out_genome->n = (uint8_t)encoding->n_decisions;
    for (uint32_t d = 0; d < encoding->n_decisions; d++) out_genome->option[d] = encoding->decisions[d].base_option;
}

void fet_encoding_start(const fet_encoding *encoding, fet_genome *out_genome)
{
    fet_encoding_base(encoding, out_genome);
    fet_encoding_canonicalise(encoding, out_genome);
}

void fet_encoding_sample(const fet_encoding *encoding, fet_rng *rng, fet_genome *out_genome)
{
    memset(out_genome, 0, sizeof *out_genome);
    for (uint32_t d = 0; d < encoding->n_decisions; d++) {
        const fet_decision *decision = &encoding->decisions[d];
        out_genome->option[d] = allowed_option(decision, fet_rng_below(rng, n_allowed(decision)), decision->n_options);
    }
    fet_encoding_canonicalise(encoding, out_genome);
}

static void change(const fet_encoding *encoding, fet_rng *rng, uint32_t d, fet_genome *genome)
{
    const fet_decision *decision = &encoding->decisions[d];
    uint32_t others = n_allowed(decision) - !decision->options[genome->option[d]].removed;
    if (others > 0) genome->option[d] = allowed_option(decision, fet_rng_below(rng, others), genome->option[d]);
}

void fet_encoding_mutate(const fet_encoding *encoding, fet_rng *rng, double p, fet_genome *genome)
{
    /* A change may settle back into the same genome (a decision without effect); more tries than this mean that nothing else is in reach.
     */
    enum { TRIES = 16 };
    uint32_t movable[FET_SPACE_MAX_DECISIONS], n_movable = 0;
    for (uint32_t d = 0; d < encoding->n_decisions; d++)
        if (n_allowed(&encoding->decisions[d]) > 1) movable[n_movable++] = d;
    fet_genome before = *genome;
    fet_encoding_canonicalise(encoding, &before);
    for (int attempt = 0; attempt < TRIES && n_movable > 0; attempt++) {
        *genome = before;
        bool changed = false;
        for (uint32_t i = 0; i < n_movable; i++) {
            if (!(fet_rng_uniform(rng) < p)) continue;
            change(encoding, rng, movable[i], genome);
            changed = true;
        }
        if (!changed) change(encoding, rng, movable[fet_rng_below(rng, n_movable)], genome);
        fet_encoding_canonicalise(encoding, genome);
        if (!fet_genome_equal(genome, &before)) return;
    }
    *genome = before;
}

void fet_encoding_neighbours(const fet_encoding *encoding, const fet_genome *genome,
                             bool (*visit)(void *context, const fet_genome *neighbour), void *context)
{
    fet_genome centre = *genome;
    fet_encoding_canonicalise(encoding, &centre);
    for (uint32_t d = 0; d < encoding->n_decisions; d++) {
        for (uint8_t o = 0; o < encoding->decisions[d].n_options; o++) {
            if (o == centre.option[d] || encoding->decisions[d].options[o].removed) continue;
            fet_genome neighbour = centre;
            neighbour.option[d] = o;
            fet_encoding_canonicalise(encoding, &neighbour);
            if (!fet_genome_equal(&neighbour, &centre) && !visit(context, &neighbour)) return;
        }
    }
}

bool fet_genome_equal(const fet_genome *a, const fet_genome *b)
{
    return a->n == b->n && memcmp(a->option, b->option, a->n) == 0;
}

uint64_t fet_genome_hash(const fet_genome *genome)
{
    return fet_hash(genome->option, genome->n);
}

const char *fet_genome_print(const fet_genome *genome, char *text, size_t bytes)
{
    size_t used = 0;
    if (bytes > 0) text[0] = '\0';
    for (uint32_t d = 0; d < genome->n && used < bytes; d++) {
        int length = snprintf(text + used, bytes - used, d ? "-%u" : "%u", genome->option[d]);
        if (length < 0) break;
        used += (size_t)length;
    }
    return text;
}

fet_status fet_encoding_parse(const fet_encoding *encoding, const char *text, fet_genome *out_genome)
{
    fet_genome genome;
    memset(&genome, 0, sizeof genome);
    genome.n = (uint8_t)encoding->n_decisions;
    const char *at = text;
    uint32_t removed = encoding->n_decisions; /* the first such decision; so many: none */
    for (uint32_t d = 0; d < encoding->n_decisions; d++) {
        const fet_decision *decision = &encoding->decisions[d];
        if (d > 0 && *at++ != '-')
            return fet_fail(FET_ERROR_ARG, "genome \"%s\": expected %u numbers joined by \"-\", number %u is missing (decision %s)", text,
                            encoding->n_decisions, d + 1, decision->name);
        char *end = NULL;
        unsigned long option = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : ULONG_MAX;
        if (option >= decision->n_options)
            return fet_fail(FET_ERROR_ARG, "genome \"%s\": number %u (decision %s) must be 0 to %u", text, d + 1, decision->name,
                            decision->n_options - 1u);
        if (decision->options[option].removed && removed == encoding->n_decisions) removed = d;
        genome.option[d] = (uint8_t)option;
        at = end;
    }
    if (*at != '\0')
        return fet_fail(FET_ERROR_ARG, "genome \"%s\": expected %u numbers joined by \"-\", found \"%s\" behind them", text,
                        encoding->n_decisions, at);
    fet_genome base;
    fet_encoding_base(encoding, &base);
    bool is_base = fet_genome_equal(&genome, &base);
    if (removed < encoding->n_decisions && !is_base)
        return fet_fail(FET_ERROR_ARG, "genome \"%s\": option %s of decision %s was removed by a lock or by curation", text,
                        encoding->decisions[removed].options[genome.option[removed]].label, encoding->decisions[removed].name);
    if (!is_base) fet_encoding_canonicalise(encoding, &genome);
    *out_genome = genome;
    return FET_OK;
}
