// SPDX-License-Identifier: Apache-2.0
/*
 * How a graph splits into what a device runs at once. A kernel is an anchor operator (convolution, pooling, an elementwise operation, ...)
 * with what is fused into it: batch norm, activation, residual add. Its key says all that its cost depends on, so two layers with the same
 * key are measured once. Engine, devices and estimators all speak in these keys; a device answers kernels, never whole models.
 */
#ifndef FET_KERNEL_KERNEL_H
#define FET_KERNEL_KERNEL_H

#include "graph/graph.h"

typedef enum fet_activation_kind {
    FET_ACTIVATION_NONE = 0,
    FET_ACTIVATION_RELU,
    FET_ACTIVATION_CLIP,       /* alpha = low, beta = high: ReLU6 is 0, 6 */
    FET_ACTIVATION_LEAKY_RELU, /* alpha = slope */
    FET_ACTIVATION_ELU,        /* alpha */
    FET_ACTIVATION_SIGMOID,
    FET_ACTIVATION_HARD_SIGMOID, /* alpha x + beta clipped to 0..1 */
    FET_ACTIVATION_HARD_SWISH,
    FET_ACTIVATION_SWISH,
    FET_ACTIVATION_GELU,
    FET_ACTIVATION_TANH,
    FET_ACTIVATION_COUNT
} fet_activation_kind;

typedef struct fet_activation {
    fet_activation_kind kind;
    float alpha, beta;
} fet_activation;

/*
 * Two worlds of values. "Fast": the device's own layout and type (here nhwc of f32, bf16 or u8/s8). "Plain": f32 in row-major order, as the
 * user sees it. Convolutions and what belongs to them read and write fast values; the long tail of operators reads and writes plain ones.
 * Going from one world to the other is a kernel of its own: op CAST, whose src and dst are the same value.
 */
enum fet_kernel_flag {
    FET_KERNEL_BIAS = 1 << 0,      /* a bias, given or from a folded batch norm */
    FET_KERNEL_ADD = 1 << 1,       /* a residual of the output's shape is added before the activation */
    FET_KERNEL_ADD_AFTER = 1 << 2, /* ... after the activation */
    FET_KERNEL_F32_DST =
        1 << 3, /* writes f32 although the network is int8 or bf16: nobody reads the value in the fast world. CAST: fast to plain */
    FET_KERNEL_SIGNED_SRC = 1 << 4, /* int8: the source is s8, not u8 */
    FET_KERNEL_PLAIN_SRC = 1 << 5,  /* CAST: plain to fast. Others: plain in, plain out */
    FET_KERNEL_CONST = 1 << 6,      /* the other operand is one constant a channel */
    FET_KERNEL_BROADCAST = 1 << 7,  /* the other operand is N x C x 1 x 1 */
};

/* Everything that decides a kernel's cost. Plain data, zeroed before filling, compared and hashed as bytes. Dimensions that do not apply
 * are 0. */
typedef struct fet_kernel_key {
    uint16_t op;        /* anchor, fet_op_kind */
    uint8_t precision;  /* fet_dtype of the compute: F32, BF16, S8 */
    uint8_t activation; /* fet_activation_kind; its alpha and beta do not change the cost */
    uint32_t flags;
    uint32_t n, ic, ih, iw, oc, oh, ow;
    uint32_t group;
    uint16_t kh, kw, sh, sw, dh, dw;
    uint16_t pad_top, pad_left, pad_bottom, pad_right;
    uint32_t extra; /* what else matters: bits, or a hash of shapes and attributes (see key.c) */
} fet_kernel_key;

typedef struct fet_kernel {
    fet_kernel_key key;
    fet_activation activation;
    fet_id anchor;                    /* node; FET_NONE for a CAST between the worlds */
    fet_id batch_norm;                /* node or FET_NONE */
    fet_id activation_node, add_node; /* nodes or FET_NONE */
    fet_id pad;                       /* a Pad node whose zeros the convolution's own padding makes, or FET_NONE */
    fet_id src;                       /* value: first activation input */
    fet_id residual;                  /* value or FET_NONE */
    fet_id dst;                       /* value after everything fused */
    bool dst_unsigned;                /* int8: the result is stored as u8; CAST to fast, too */
} fet_kernel;

typedef struct fet_kernels {
    fet_kernel *items; /* in running order; nodes that move no data (views) make none */
    uint32_t count;
} fet_kernels;

/* What a device fuses behind which anchors. Plain data. */
typedef struct fet_fusion_rules {
    const char *name;
    bool batch_norm;      /* folded into convolution and Gemm */
    uint32_t activations; /* bit 1 << fet_activation_kind: may stand behind a convolution, Gemm */
    bool add;             /* residual add behind a convolution */
    bool activation_after_add;
    bool add_after_activation;
    bool activation_after_pool;
} fet_fusion_rules;

/* What our engine over oneDNN does; the rules of the `host` device. */
extern const fet_fusion_rules fet_fusion_rules_host;

/*
 * Where fast and plain are the same bytes: f32 of rank 2, of 1 x 1 images or of one channel. Then no CAST stands between.
 */
bool fet_kernel_fast_is_plain(const fet_shape *shape, fet_dtype precision);
/* Fast values of this shape lie in memory in row-major order (though perhaps not as f32), so that a view of them moves nothing. */
bool fet_kernel_fast_is_row_major(const fet_shape *shape);

/*
 * The fast worlds: one a precision that a network may mix (see fet_node.precision). A value may have a form in each; from one to another
 * leads a CAST that is neither from plain nor to it.
 */
enum { FET_KERNEL_WORLDS = 3 };
uint32_t fet_kernel_world(fet_dtype precision);
fet_dtype fet_kernel_world_precision(uint32_t world);

/* Of a CAST from one fast world to another: what it reads. FET_DTYPE_NONE: no such cast. */
static inline fet_dtype fet_kernel_cast_source(const fet_kernel_key *key)
{
    bool other = key->op != FET_OP_CAST || key->flags & (FET_KERNEL_PLAIN_SRC | FET_KERNEL_F32_DST);
    return other || key->extra >> 1 > FET_DTYPE_BOOL ? FET_DTYPE_NONE : (fet_dtype)(key->extra >> 1);
}

/* What the numbers of a kernel of a network in `network` are: its own precision, where it works in a fast world; the network's elsewhere.
 */
static inline fet_dtype fet_kernel_dtype(const fet_kernel_key *key, fet_dtype network)
{
    bool plain = key->flags & FET_KERNEL_PLAIN_SRC && key->op != FET_OP_CAST;
    return network == FET_DTYPE_S8 && !plain && key->precision != FET_DTYPE_NONE ? (fet_dtype)key->precision : network;
}

/* What `kernel` reads in memory for input i of its anchor: what stands before a Pad that is folded into it. FET_NONE: left out. */
fet_id fet_kernel_operand(const fet_graph *graph, const fet_kernel *kernel, uint32_t i);

/* Follows views (Reshape, Flatten, Identity, ...) back to the value that some kernel, the caller or a parameter gives. */
fet_id fet_kernel_view_root(const fet_graph *graph, fet_id value);
bool fet_kernel_is_view(fet_op_kind op);

/*
 * Splits `graph` (inferred) for `precision`. Memory from `arena`. Every node is in exactly one kernel or is a view / constant.
 * Errors: UNSUPPORTED names a node whose operator has no kernel. Cost: O(nodes); the hot path of a search.
 */
FET_MUST_CHECK fet_status fet_kernels_split(const fet_graph *graph, const fet_fusion_rules *rules, fet_dtype precision, fet_arena *arena,
                                            fet_kernels *out_kernels);

/* Canonical text, e.g. "conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias"; parse is its inverse. */
enum { FET_KERNEL_KEY_TEXT_BYTES = 256 };
const char *fet_kernel_key_print(const fet_kernel_key *key, char *text, size_t bytes);
FET_MUST_CHECK fet_status fet_kernel_key_parse(const char *text, fet_kernel_key *out_key);
/* 0 for plain kernels, whose key does not hold what it takes. */
int64_t fet_kernel_key_macs(const fet_kernel_key *key);
/* Of a kernel of `graph`, plain ones too: those of its anchor. */
int64_t fet_kernel_macs(const fet_graph *graph, const fet_kernel *kernel);

bool fet_kernel_key_equal(const fet_kernel_key *a, const fet_kernel_key *b);
uint64_t fet_kernel_key_hash(const fet_kernel_key *key);
/* The activation of this kind and these numbers never gives a negative number: int8 stores it as u8. */
bool fet_activation_is_nonnegative(const fet_activation *activation);

/* A node as a fusable activation; kind NONE when it is none. */
fet_activation fet_activation_of_node(const fet_graph *graph, const fet_node *node);
const char *fet_activation_name(fet_activation_kind kind);

#endif
