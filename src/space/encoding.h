// SPDX-License-Identifier: Apache-2.0
/*
 * The part of a search space that does not touch a graph: named decisions with short option lists, and genomes, one option index a
 * decision. A fet_space embeds one; a search strategy sees only this, so it runs on published tables and closed-form functions as well.
 *
 * Every genome that these functions give out is canonical (fet_encoding_canonicalise): no removed option, decisions without effect at their
 * base option. An encoding is a plain struct over borrowed decisions; fill it, check it once with fet_encoding_check, then it is immutable
 * and thread-safe.
 */
#ifndef FET_SPACE_ENCODING_H
#define FET_SPACE_ENCODING_H

#include "base/rng.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FET_SPACE_MAX_DECISIONS = 192, FET_DECISION_MAX_OPTIONS = 64 };

typedef enum fet_decision_kind {
    FET_DECISION_BLOCK_FORM = 1, /* options: the block as it is, fused, its depthwise dense or in groups, ... (space/sites.c) */
    FET_DECISION_WIDTH,          /* options: channels of a stage's groups, as a share of the base's */
    FET_DECISION_MULTIPLIER,     /* options: one factor on every width decision's groups (and the rest of the trunk) */
    FET_DECISION_KERNEL,         /* options: sizes of the kernel in the middle of a block */
    FET_DECISION_SKIP,           /* options: a residual block kept or left out */
    FET_DECISION_ACTIVATION,     /* options: the network's smooth activations as they are or ReLUs */
    FET_DECISION_RESOLUTION,     /* options: sizes of the input image; the value is its share of the base's height */
    FET_DECISION_TAIL,           /* options: work at the end of the network that the answer may not need */
    FET_DECISION_PRECISION,      /* options: what a block's layers, or one layer, are computed in; the value is its bits */
    FET_DECISION_TABLE,          /* options: a column of a table; no graph behind it */
} fet_decision_kind;

typedef struct fet_option {
    const char *label; /* "ibn", "fused", "32", "x0.75" */
    double value; /* width: channels of the stage's trunk; multiplier: the factor; kernel: its size; block form: 0 as it is, 1 fused, ... */
    bool keeps_function; /* alone, with inherited weights, it gives the base's outputs up to rounding */
    bool removed;        /* by a lock or by curation: never sampled, never parsed */
} fet_option;

typedef struct fet_decision {
    const char *name; /* "stage2.block0.form", "stage1.width", "multiplier" */
    fet_decision_kind kind;
    fet_option *options;
    uint8_t n_options;   /* 1..FET_DECISION_MAX_OPTIONS */
    uint8_t base_option; /* the option that leaves the base as it is */
} fet_decision;

/* One byte a decision. Compared as bytes up to n. */
typedef struct fet_genome {
    uint8_t n;
    uint8_t option[FET_SPACE_MAX_DECISIONS];
} fet_genome;

typedef struct fet_encoding {
    const fet_decision *decisions; /* [n_decisions], borrowed */
    uint32_t n_decisions;          /* 0..FET_SPACE_MAX_DECISIONS */
    /* Gives decisions that have no effect in this genome their base option; idempotent, draws on nothing else. NULL: every decision always
     * counts. */
    void (*settle)(const void *context, fet_genome *genome);
    const void *settle_context;
} fet_encoding;

/* Counts, ranges, names, and at least one option left in each decision. Errors: ARG naming the decision. */
FET_MUST_CHECK fet_status fet_encoding_check(const fet_encoding *encoding);

/* log10 of the number of genomes whose options are all allowed (genomes that are the same after settling counted apart). */
double fet_encoding_log10_size(const fet_encoding *encoding);

/* The base option of each decision, whether or not it was removed: the base itself, which parse takes even where no search may. */
void fet_encoding_base(const fet_encoding *encoding, fet_genome *out_genome);
/* The same, with the nearest allowed option where it was removed: where searches begin. */
void fet_encoding_start(const fet_encoding *encoding, fet_genome *out_genome);
/* Uniform over the options not removed. */
void fet_encoding_sample(const fet_encoding *encoding, fet_rng *rng, fet_genome *out_genome);
/* Another option for each decision with probability p, at least one changed (where a decision has a second option). */
void fet_encoding_mutate(const fet_encoding *encoding, fet_rng *rng, double p, fet_genome *genome);
/* Calls visit for each canonical genome that differs in one decision (any other option of it), until it returns false. */
void fet_encoding_neighbours(const fet_encoding *encoding, const fet_genome *genome,
                             bool (*visit)(void *context, const fet_genome *neighbour), void *context);
/* A removed option becomes the nearest allowed one (by value, the lower index on a tie); decisions without effect their base option.
 * Idempotent. */
void fet_encoding_canonicalise(const fet_encoding *encoding, fet_genome *genome);

bool fet_genome_equal(const fet_genome *a, const fet_genome *b);
uint64_t fet_genome_hash(const fet_genome *genome);

/* "0-1-3-0-...", one number a decision; "" for no decision. `bytes` of FET_GENOME_TEXT_BYTES always fit; returns `text`. */
enum { FET_GENOME_TEXT_BYTES = FET_SPACE_MAX_DECISIONS * 3 + 1 };
const char *fet_genome_print(const fet_genome *genome, char *text, size_t bytes);
/* The reverse. Errors: ARG naming the decision: a wrong count, a number out of range, a removed option. The genome is canonicalised. */
FET_MUST_CHECK fet_status fet_encoding_parse(const fet_encoding *encoding, const char *text, fet_genome *out_genome);

#endif
