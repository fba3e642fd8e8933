// SPDX-License-Identifier: Apache-2.0
/*
 * A search space is a trained base network plus named decisions. A decision has a site in the graph and a short list of options; an option
 * is a rewrite. A genome is one option index a decision. fet_space_derive gives an ordinary graph whose every parameter remembers its
 * origin in the base.
 */
#ifndef FET_SPACE_SPACE_H
#define FET_SPACE_SPACE_H

#include "graph/graph.h"
#include "rewrite/blocks.h"
#include "space/encoding.h"

typedef struct fet_space fet_space;

/* What a device wants of channel counts; found by measurement or stated by a device file. 1, 1: no curation. */
typedef struct fet_parallelism {
    uint32_t out_channels, in_channels;
} fet_parallelism;

/* Kinds of decisions and options beside the widths; see space/sites.c for what each is. */
typedef enum fet_space_kind {
    FET_SPACE_FUSE = 1 << 0,       /* "fused" as a block's form */
    FET_SPACE_DENSE = 1 << 1,      /* "dense": the depthwise as a standard convolution */
    FET_SPACE_GROUP = 1 << 2,      /* "grouped8", "fused4": groups of 8 channels; a fused block in 4 groups */
    FET_SPACE_KERNEL = 1 << 3,     /* "stage1.block0.kernel" */
    FET_SPACE_SKIP = 1 << 4,       /* "stage1.block1.skip" */
    FET_SPACE_ACTIVATION = 1 << 5, /* "activation" */
    FET_SPACE_GROUP_WIDTH =
        1 << 6, /* "group1.width": a width for each channel group of no stage; the widest, where there is no room for all */
    FET_SPACE_RESOLUTION = 1 << 7, /* "resolution": sizes of the input that keep every stride integral; of
                                       maps inside, where outputs are maps */
    FET_SPACE_TAIL = 1 << 8,       /* "tail": softmax left out, argmax before resize */
    FET_SPACE_ALL = (1 << 9) - 1,
    /* "stage2.block1.inner": the channels between a block's first and last convolution, apart from its stage's width, which is the trunk's
       alone then. Not among ALL: without it a stage is scaled as a whole, which is the coarser and the usual step. */
    FET_SPACE_INNER_WIDTH = 1 << 9,
    /* "stage1.block0.precision": what the layers of a block, and "layer1.precision": a layer of no block, are computed in where the network
       is int8. LAYER: of every layer by itself. Not among ALL: for devices that have both. */
    FET_SPACE_PRECISION = 1 << 10,
    FET_SPACE_LAYER_PRECISION = 1 << 11,
    FET_SPACE_PRECISIONS = FET_SPACE_PRECISION | FET_SPACE_LAYER_PRECISION,
    FET_SPACE_WIDTHS = FET_SPACE_GROUP_WIDTH | FET_SPACE_INNER_WIDTH, /* those that are about widths */
} fet_space_kind;

typedef struct fet_space_options {
    uint32_t kinds; /* set of fet_space_kind that is looked for; default FET_SPACE_FUSE */
    /* What is not searched stays a decision with its base option alone, so that a genome means the same in every variant of a job. */
    bool search_block_form;       /* V2, V3: all but widths */
    bool search_width;            /* V1, V3: stage widths and the multiplier */
    double width_low, width_high; /* shares of the base's stage width; default 0.5, 1.5 */
    const double *multipliers;    /* default {0.5, 0.75, 1, 1.25}; 1 is added where it is missing */
    uint32_t n_multipliers;
    const double *resolutions; /* shares of the base's height and width; default {0.5, 0.625, 0.75, 1}. Each is taken as the nearest
                                  step of rewrite/input_size.h, if the network can have it. Where outputs are maps, of the
                                  maps inside (rewrite/inner_size.h) */
    uint32_t n_resolutions;
    const fet_dtype *precisions; /* beside int8, for decisions on precision: BF16, F32; default {BF16} */
    uint32_t n_precisions;
    fet_dtype first, last; /* BF16 or F32: what the first, the last layers of every candidate are computed in; default FET_DTYPE_NONE, as
                              the network. Then they are no decisions */
    bool curate; /* default true: widths only at multiples of the parallelism factor (see width.c for the rounding); else at steps of one,
                    evenly thinned where they are more than a decision holds */
    fet_parallelism parallelism; /* default 1, 1 */
    /* "stage2.block0.form=ibn" (".form" may be left out) keeps one option, "stage1.width=32,48" several, "multiplier!=x0.5" takes options
       away. A lock on a decision that is not searched wins: its options are then those that the lock leaves. */
    const char *const *locks;
    uint32_t n_locks;
    /* By channel group of the base, [channels] or NULL: what decides which channels a narrower width keeps. NULL: magnitudes
     * (rewrite/importance.h). Read while the space is made. */
    const float *const *scores;
} fet_space_options;

fet_space_options fet_space_default_options(void);

/*
 * Finds the decisions in `base` (inferred, verified; borrowed, must outlive the space): blocks by pattern, stages as blocks on one channel
 * group. They stand stage by stage ("stage1.block0.form", ..., "stage1.width"), "multiplier" last; a width with a single option is no
 * decision. With numbers in the base, a narrower width keeps the most important channels (rewrite/importance.h); without, the first ones.
 * Immutable after create, thread-safe. Errors: ARG an option or lock, naming it, what is known and the nearest; LIMIT too many decisions;
 * NOMEM.
 */
FET_MUST_CHECK fet_status fet_space_create(const fet_graph *base, const fet_space_options *options, fet_space **out_space);
void fet_space_destroy(fet_space *space);
FET_DEFINE_AUTO(fet_space);

const fet_graph *fet_space_base(const fet_space *space);
/* The decisions without the graph: what a search strategy sees. Sampling, mutating, neighbours, printing and parsing are in
 * space/encoding.h. */
const fet_encoding *fet_space_encoding(const fet_space *space);

static inline uint32_t fet_space_n_decisions(const fet_space *space)
{
    return fet_space_encoding(space)->n_decisions;
}
static inline const fet_decision *fet_space_decision(const fet_space *space, uint32_t i)
{
    return &fet_space_encoding(space)->decisions[i];
}
static inline double fet_space_log10_size(const fet_space *space) /* of the genomes that can be sampled */
{
    return fet_encoding_log10_size(fet_space_encoding(space));
}
static inline void fet_space_base_genome(const fet_space *space, fet_genome *out_genome)
{
    fet_encoding_base(fet_space_encoding(space), out_genome);
}
static inline void fet_space_start_genome(const fet_space *space, fet_genome *out_genome)
{
    fet_encoding_start(fet_space_encoding(space), out_genome);
}
static inline void fet_space_sample(const fet_space *space, fet_rng *rng, fet_genome *out_genome)
{
    fet_encoding_sample(fet_space_encoding(space), rng, out_genome);
}
static inline void fet_space_mutate(const fet_space *space, fet_rng *rng, double p, fet_genome *genome)
{
    fet_encoding_mutate(fet_space_encoding(space), rng, p, genome);
}
static inline void fet_space_neighbours(const fet_space *space, const fet_genome *genome,
                                        bool (*visit)(void *context, const fet_genome *neighbour), void *context)
{
    fet_encoding_neighbours(fet_space_encoding(space), genome, visit, context);
}
static inline void fet_space_canonicalise(const fet_space *space, fet_genome *genome)
{
    fet_encoding_canonicalise(fet_space_encoding(space), genome);
}
FET_MUST_CHECK static inline fet_status fet_genome_parse(const fet_space *space, const char *text, fet_genome *out_genome)
{
    return fet_encoding_parse(fet_space_encoding(space), text, out_genome);
}

/* The block that a decision is about; NULL when it is about none (a width, the whole network). */
const fet_block *fet_space_block(const fet_space *space, uint32_t decision);

/* The block that a node of the base or of a candidate stands in: "stage1.block0". False when it stands in none. */
bool fet_space_place(const fet_space *space, const fet_graph *graph, fet_id node, char *text, size_t bytes);

/* Every decision has the base's option, but perhaps what layers are computed in: the same graph with the same numbers. */
bool fet_genome_is_base_network(const fet_space *space, const fet_genome *genome);

/* "stage1.block0=fused stage2.width=48 multiplier=x0.75": only what differs from the base, for people. Heap. */
FET_MUST_CHECK fet_status fet_genome_describe(const fet_space *space, const fet_genome *genome, char **out_text);

/*
 * The candidate: an inferred graph in `arena`, without numbers but for constants of the structure, each parameter with its origin in the
 * base (fet_graph_init_params gives the numbers). It borrows names and constants from the space and the base: fet_graph_destroy it first,
 * then reset the arena, before the space goes. Removed options are not refused here. Cost: about 10 us. Deterministic. Errors: ARG a genome
 * of another space; NOMEM.
 */
FET_MUST_CHECK fet_status fet_space_derive(const fet_space *space, const fet_genome *genome, fet_arena *arena, fet_graph **out_graph);

#endif
