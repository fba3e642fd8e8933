// SPDX-License-Identifier: Apache-2.0
/*
 * Ask/tell search strategies. They see genomes and numbers only. Objectives are minimised (quality is told as its negative); a constraint
 * violation is told as a number, 0 when all hold. One const table of functions a kind, listed in search/registry.c; every kind passes
 * tests/search/conformance. The caller may ask up to `lookahead` times ahead of the tells; tells come in the order of the asks.
 * Deterministic in (seed, sequence of tells).
 */
#ifndef FET_SEARCH_SEARCHER_H
#define FET_SEARCH_SEARCHER_H

#include "space/encoding.h"

enum { FET_MAX_OBJECTIVES = 4, FET_SEARCH_MAX_FEATURES = 4 };

typedef struct fet_result {
    double objective[FET_MAX_OBJECTIVES]; /* minimised; the first n_objectives count. All +inf: the trial failed */
    double violation;                     /* sum of relative constraint violations, 0: feasible */
} fet_result;

typedef struct fet_searcher_options {
    uint32_t n_objectives; /* 1..FET_MAX_OBJECTIVES */
    uint32_t population;   /* nsga2: members of a generation; 0: the default, 24 */
    uint64_t seed;
    /*
     * Cheap screen, may be NULL: the violation of a genome known without evaluating it (latency, memory, params). Strategies avoid genomes
     * with > 0: up to a few hundred are looked at for one ask, then the one with the least violation is asked. Must depend on the genome
     * alone.
     */
    double (*screen)(void *context, const fet_genome *genome);
    /*
     * May be NULL: replaces a genome (canonical, and so it stays) by one that is known beforehand to be no worse, before it is looked at.
     * Must depend on the genome alone, and change nothing when done again. Gets screen_context.
     */
    void (*improve)(void *context, fet_genome *genome);
    /*
     * May be NULL: what is known of a genome without evaluating it: objective[1..n_objectives), as it would be told (the first is not
     * known), and n_features numbers that the first may depend on, such as the logarithm of MACs. Must depend on the genome alone. Gets
     * screen_context.
     */
    void (*foretell)(void *context, const fet_genome *genome, double *objective, double *features);
    uint32_t n_features;  /* 0..FET_SEARCH_MAX_FEATURES */
    void *screen_context; /* of all three */
} fet_searcher_options;

typedef struct fet_searcher_ops {
    const char *name; /* "bayesian", "local", "nsga2", "random" */
    const char *cite; /* key in docs/references.bib */
    const char *help;
    /* options are complete and checked; encoding and the screen's context are borrowed. */
    fet_status (*create)(const fet_encoding *encoding, const fet_searcher_options *options, void **out_state);
    /* A genome not asked before, canonical. out_done: the space is exhausted (no genome given). */
    fet_status (*ask)(void *state, fet_genome *out_genome, bool *out_done);
    fet_status (*tell)(void *state, const fet_genome *genome, const fet_result *result);
    void (*destroy)(void *state);
} fet_searcher_ops;

extern const fet_searcher_ops *const fet_searchers[]; /* NULL-terminated; the first is the default */
FET_MUST_CHECK fet_status fet_searcher_find(const char *name,
                                            const fet_searcher_ops **out_ops); /* ARG lists the names and the nearest one */

/* The strategy's own errors are those of fet_searcher_tell: STATE for a genome that was not asked or was told before, ARG for a NaN;
 * nothing changed. */
typedef struct fet_searcher fet_searcher;
FET_MUST_CHECK fet_status fet_searcher_create(const fet_searcher_ops *ops, const fet_encoding *encoding,
                                              const fet_searcher_options *options, fet_searcher **out_searcher);
FET_MUST_CHECK fet_status fet_searcher_ask(fet_searcher *searcher, fet_genome *out_genome, bool *out_done);
FET_MUST_CHECK fet_status fet_searcher_tell(fet_searcher *searcher, const fet_genome *genome, const fet_result *result);
void fet_searcher_destroy(fet_searcher *searcher);
FET_DEFINE_AUTO(fet_searcher);

#endif
