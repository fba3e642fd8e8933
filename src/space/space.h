// SPDX-License-Identifier: Apache-2.0
/*
 * A search space is a trained base network plus named decisions. A decision has a site in the graph and a short list of options; an option is a
 * rewrite. A genome is one option index a decision. fet_space_derive gives an ordinary graph whose every parameter remembers its origin in the base.
 */
#ifndef FET_SPACE_SPACE_H
#define FET_SPACE_SPACE_H

#include "base/rng.h"
#include "graph/graph.h"

typedef enum fet_decision_kind {
    FET_DECISION_BLOCK_FORM = 1, /* options: IBN (as it is), fused IBN */
    FET_DECISION_WIDTH,          /* options: channels of a stage's groups, as a share of the base's */
    FET_DECISION_MULTIPLIER,     /* options: one factor on every width decision's groups (and the rest of the trunk) */
} fet_decision_kind;

enum { FET_SPACE_MAX_DECISIONS = 96, FET_DECISION_MAX_OPTIONS = 64 };

typedef struct fet_option {
    const char *label; /* "ibn", "fused", "32", "x0.75" */
    double value;      /* width: channels of the stage's trunk; multiplier: the factor; block form: 0 IBN, 1 fused */
    bool removed;      /* by a lock or by curation: never sampled, never parsed */
} fet_option;

typedef struct fet_decision {
    const char *name; /* "stage2.block0.form", "stage1.width", "multiplier" */
    fet_decision_kind kind;
    fet_option *options;
    uint8_t n_options;
    uint8_t base_option; /* the option that leaves the base as it is */
} fet_decision;

/* One byte a decision. Compared as bytes up to n. */
typedef struct fet_genome {
    uint8_t n;
    uint8_t option[FET_SPACE_MAX_DECISIONS];
} fet_genome;

typedef struct fet_space fet_space;

/* What a device wants of channel counts; found by measurement or stated by a device file. 1, 1: no curation. */
typedef struct fet_parallelism {
    uint32_t out_channels, in_channels;
} fet_parallelism;

typedef struct fet_space_options {
    bool search_block_form;          /* V1, V3 */
    bool search_width;               /* V2, V3 */
    double width_low, width_high;    /* shares of the base's stage width; default 0.5, 1.5 */
    const double *multipliers;       /* default {0.5, 0.75, 1, 1.25}; only with search_width */
    uint32_t n_multipliers;
    bool curate;                     /* widths only at multiples of the parallelism factor; else at steps of one (as many as fit, evenly thinned) */
    fet_parallelism parallelism;
    const char *const *locks;        /* "stage2.block0.form=ibn": decision=option label; others of that decision are removed */
    uint32_t n_locks;
} fet_space_options;

fet_space_options fet_space_default_options(void);

/*
 * Finds the decisions in `base` (inferred, verified; borrowed, must outlive the space): IBN blocks by pattern, stages as runs of blocks on one channel
 * group. With numbers in the base, the channels that a narrower width keeps are the most important ones (batch-norm gamma / L1); without, the first ones.
 */
FET_MUST_CHECK fet_status fet_space_create(const fet_graph *base, const fet_space_options *options, fet_space **out_space);
void fet_space_destroy(fet_space *space);
FET_DEFINE_AUTO(fet_space);

const fet_graph *fet_space_base(const fet_space *space);
uint32_t fet_space_n_decisions(const fet_space *space);
const fet_decision *fet_space_decision(const fet_space *space, uint32_t i);
double fet_space_log10_size(const fet_space *space); /* of the genomes that can be sampled */

void fet_space_base_genome(const fet_space *space, fet_genome *out_genome);
/* Uniform over the options not removed. */
void fet_space_sample(const fet_space *space, fet_rng *rng, fet_genome *out_genome);
/* Another option for each decision with probability p, at least one changed. */
void fet_space_mutate(const fet_space *space, fet_rng *rng, double p, fet_genome *genome);
/* Calls visit for each genome that differs in one decision (ordered decisions: any other option), until it returns false. */
void fet_space_neighbours(const fet_space *space, const fet_genome *genome, bool (*visit)(void *context, const fet_genome *neighbour), void *context);
/* Decisions without effect get their base option; a removed option its nearest allowed one. Idempotent. */
void fet_space_canonicalise(const fet_space *space, fet_genome *genome);

bool fet_genome_equal(const fet_genome *a, const fet_genome *b);
uint64_t fet_genome_hash(const fet_genome *genome);
/* "0-1-3-0-...", one number a decision; parse checks count and ranges against the space. */
enum { FET_GENOME_TEXT_BYTES = FET_SPACE_MAX_DECISIONS * 3 + 1 };
const char *fet_genome_print(const fet_genome *genome, char *text, size_t bytes);
FET_MUST_CHECK fet_status fet_genome_parse(const fet_space *space, const char *text, fet_genome *out_genome);
/* "stage1.block0=fused stage2.width=48 multiplier=x0.75": only what differs from the base, for people. Heap. */
FET_MUST_CHECK fet_status fet_genome_describe(const fet_space *space, const fet_genome *genome, char **out_text);

/*
 * The candidate: an inferred graph in `arena` (borrowed by the graph; reset it when the graph is no longer used), without numbers, each parameter with its
 * origin in the base (fet_graph_init_params gives the numbers). Cost: tens of microseconds. Deterministic.
 */
FET_MUST_CHECK fet_status fet_space_derive(const fet_space *space, const fet_genome *genome, fet_arena *arena, fet_graph **out_graph);

#endif
