// SPDX-License-Identifier: Apache-2.0
/*
 * Splits a graph into kernels in one backward and one forward pass over its nodes.
 *
 * Backward: how many read each value, the last reader, and whether anybody wants it in the fast world.
 * Forward: each node not yet taken becomes a kernel and swallows what the rules let it; whatever it reads is first brought into its world,
 * by a CAST kernel where that is not the same memory. Views make no kernel: they are looked through, or followed back when their value is
 * wanted.
 */
#include "kernel/internal.h"

#include <string.h>

const fet_fusion_rules fet_fusion_rules_host = {
    .name = "host",
    .batch_norm = true,
    .activations = (1u << FET_ACTIVATION_COUNT) - 2u,
    .add = true,
    .activation_after_add = true,
    .add_after_activation = false, /* oneDNN's jit convolutions before brgemm fall into a slow form */
    .activation_after_pool = false,
};

/* What is known of a value. */
enum {
    HAS_PLAIN = 1 << 0, /* in memory as f32, row-major */
    WANTED_FAST = 1 << 1,
    CONSTANT = 1 << 2,    /* a parameter, or computed from parameters and shapes alone */
    NONNEGATIVE = 1 << 3, /* made by an activation that is never below zero */
};
/* ... and of its form in one precision's fast world. */
enum {
    HAS_FAST = 1 << 0, /* in memory in the device's layout and type */
    FAST_F32 = 1 << 1, /* in the device's layout, but f32: only a CAST to plain may read it */
    UNSIGNED = 1 << 2, /* int8: its fast form is u8 */
};

typedef struct split {
    const fet_graph *graph;
    const fet_fusion_rules *rules;
    fet_dtype network;   /* the precision of what says nothing else */
    bool mixed;          /* something says else */
    fet_dtype precision; /* of the node at hand */
    fet_arena *arena;
    uint32_t *n_readers;               /* of each value; being an output counts */
    fet_id *reader;                    /* the first of them */
    uint8_t *known;                    /* of each value */
    uint8_t *forms[FET_KERNEL_WORLDS]; /* of each value */
    uint8_t *fast;                     /* the one of `precision` */
    uint8_t *classes;                  /* of each node */
    uint8_t *taken;                    /* node is part of a kernel already */
    fet_kernel *items;
    uint32_t count, capacity;
} split;

static void enter(split *s, fet_dtype precision)
{
    s->precision = precision;
    s->fast = s->forms[fet_kernel_world(precision)];
}

static fet_kernel *append(split *s)
{
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity * 2;
        fet_kernel *items = fet_arena_alloc(s->arena, capacity * sizeof *items);
        if (!items) return NULL;
        memcpy(items, s->items, s->count * sizeof *items);
        s->items = items;
        s->capacity = capacity;
    }
    fet_kernel *kernel = &s->items[s->count++];
    memset(kernel, 0, sizeof *kernel);
    kernel->anchor = kernel->batch_norm = kernel->activation_node = kernel->add_node = kernel->residual = kernel->pad = FET_NONE;
    return kernel;
}

static fet_status allocate(split *s)
{
    const fet_graph *g = s->graph;
    s->capacity = g->n_nodes + g->n_inputs + g->n_outputs + 2;
    s->n_readers = fet_arena_zalloc(s->arena, g->n_values, sizeof *s->n_readers);
    s->reader = fet_arena_alloc(s->arena, g->n_values * sizeof *s->reader);
    s->known = fet_arena_zalloc(s->arena, g->n_values, 1);
    bool worlds = true;
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++) worlds = (s->forms[w] = fet_arena_zalloc(s->arena, g->n_values, 1)) && worlds;
    s->classes = fet_arena_alloc(s->arena, g->n_nodes);
    s->taken = fet_arena_zalloc(s->arena, g->n_nodes, 1);
    s->items = fet_arena_alloc(s->arena, s->capacity * sizeof *s->items);
    return s->n_readers && s->reader && s->known && worlds && s->classes && s->taken && s->items ? FET_OK : fet_arena_full();
}

/* Shape-like subgraphs: parameters all the way up. Forward, because it spreads from inputs to outputs. */
static void mark_constants(split *s)
{
    const fet_graph *g = s->graph;
    for (fet_id p = 0; p < g->n_params; p++) s->known[g->params[p].value] |= CONSTANT;
    for (fet_id n = 0; n < g->n_nodes; n++) {
        const fet_node *node = &g->nodes[n];
        if (node->op == FET_OP_NONE) continue;
        bool constant = true;
        for (uint32_t i = 0; constant && node->op != FET_OP_SHAPE && i < node->n_inputs; i++)
            constant = node->inputs[i] == FET_NONE || s->known[node->inputs[i]] & CONSTANT;
        for (uint32_t i = 0; constant && i < node->n_outputs; i++)
            if (node->outputs[i] != FET_NONE) s->known[node->outputs[i]] |= CONSTANT;
    }
}

/* A Pad of zeros that only a convolution reads is done by that convolution. */
static bool is_folded(const split *s, const fet_node *node)
{
    if (node->op != FET_OP_PAD || s->n_readers[node->outputs[0]] != 1 || s->reader[node->outputs[0]] == FET_NONE) return false;
    fet_id n = s->reader[node->outputs[0]];
    const fet_node *reader = &s->graph->nodes[n];
    return reader->op == FET_OP_CONV && s->classes[n] == FET_CLASS_CONV && reader->inputs[0] == node->outputs[0] &&
           fet_kernel_is_zero_pad(s->graph, node);
}

/* The Reshape that alone reads a shuffle's Transpose and makes a map of it again; FET_NONE: no shuffle. */
static fet_id shuffle_end(const split *s, const fet_node *node)
{
    fet_id n = s->n_readers[node->outputs[0]] == 1 ? s->reader[node->outputs[0]] : FET_NONE;
    if (n == FET_NONE || s->classes[n] != FET_CLASS_VIEW) return FET_NONE;
    fet_id root = fet_kernel_view_root(s->graph, node->inputs[0]);
    return fet_shape_equal(&s->graph->values[s->graph->nodes[n].outputs[0]].shape, &s->graph->values[root].shape) ? n : FET_NONE;
}

static bool wants_fast(fet_kernel_class class)
{
    return class != FET_CLASS_PLAIN && class != FET_CLASS_VIEW && class != FET_CLASS_UNSUPPORTED; /* FOLDED: as its convolution */
}

static void count_readers(split *s)
{
    const fet_graph *g = s->graph;
    for (uint32_t o = 0; o < g->n_outputs; o++) s->n_readers[g->outputs[o]]++, s->reader[g->outputs[o]] = FET_NONE;
    for (fet_id n = g->n_nodes; n-- > 0;) {
        const fet_node *node = &g->nodes[n];
        s->classes[n] = (uint8_t)fet_kernel_classify(g, node);
        if (node->op == FET_OP_NONE) continue;
        if (s->classes[n] == FET_CLASS_PAD && is_folded(s, node)) s->classes[n] = FET_CLASS_FOLDED;
        if (s->classes[n] == FET_CLASS_SHUFFLE && shuffle_end(s, node) == FET_NONE) s->classes[n] = FET_CLASS_PLAIN;
        bool wanted = wants_fast(s->classes[n]);
        if (s->classes[n] == FET_CLASS_VIEW) wanted = s->known[node->outputs[0]] & WANTED_FAST;
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            fet_id v = node->inputs[i];
            if (v == FET_NONE) continue;
            s->n_readers[v]++;
            s->reader[v] = n;
            if (wanted) s->known[v] |= WANTED_FAST;
        }
    }
}

/* The fast form of `value` is in memory from here on. */
static void made_fast(split *s, fet_id value, bool is_unsigned)
{
    s->fast[value] |= HAS_FAST | (is_unsigned ? UNSIGNED : 0);
    if (fet_kernel_fast_is_plain(&s->graph->values[value].shape, s->precision)) s->known[value] |= HAS_PLAIN;
}

static void made_plain(split *s, fet_id value)
{
    s->known[value] |= HAS_PLAIN;
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++)
        if (fet_kernel_fast_is_plain(&s->graph->values[value].shape, fet_kernel_world_precision(w))) s->forms[w][value] |= HAS_FAST;
}

/* The value that a view looks at, or FET_NONE. */
static fet_id viewed(const split *s, fet_id value)
{
    const fet_value *v = &s->graph->values[value];
    if (v->kind != FET_VALUE_COMPUTED || s->classes[v->node] != FET_CLASS_VIEW) return FET_NONE;
    return s->graph->nodes[v->node].inputs[0];
}

static fet_status add_cast(split *s, fet_id value, uint32_t flags)
{
    fet_kernel *kernel = append(s);
    if (!kernel) return fet_arena_full();
    fet_kernel_fill_cast_key(&s->graph->values[value].shape, s->precision, &kernel->key);
    uint8_t known = s->fast[value];
    kernel->key.flags = flags;
    if (flags & FET_KERNEL_F32_DST && known & FAST_F32) kernel->key.extra = 1;
    else if (flags & FET_KERNEL_F32_DST && s->precision == FET_DTYPE_S8 && !(known & UNSIGNED)) kernel->key.flags |= FET_KERNEL_SIGNED_SRC;
    kernel->src = kernel->dst = value;
    return FET_OK;
}

/* Into the world that a value has a form in, the network's first. Stays where it is if there is none. */
static void enter_where(split *s, fet_id value)
{
    fet_dtype order[FET_KERNEL_WORLDS + 1] = {s->network};
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++) order[w + 1] = fet_kernel_world_precision(w);
    for (uint32_t i = 0; i <= FET_KERNEL_WORLDS; i++)
        if (s->forms[fet_kernel_world(order[i])][value] & (HAS_FAST | FAST_F32)) {
            enter(s, order[i]);
            return;
        }
}

static fet_status need_plain(split *s, fet_id value)
{
    if (s->known[value] & (HAS_PLAIN | CONSTANT)) return FET_OK;
    fet_id source = viewed(s, value);
    if (source != FET_NONE && s->known[source] & CONSTANT) return FET_OK;
    if (source != FET_NONE) {
        FET_TRY(need_plain(s, source));
    } else {
        fet_dtype precision = s->precision;
        if (!(s->fast[value] & (HAS_FAST | FAST_F32))) enter_where(s, value);
        FET_TRY(add_cast(s, value, FET_KERNEL_F32_DST));
        enter(s, precision);
    }
    made_plain(s, value);
    return FET_OK;
}

/* From another precision's fast world, the first in order that has the value. False: there is none, or plain is there already. */
static bool is_fast_elsewhere(const split *s, fet_id value, uint32_t *out_world)
{
    if (s->known[value] & (HAS_PLAIN | CONSTANT)) return false;
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++)
        if (s->forms[w] != s->fast && s->forms[w][value] & (HAS_FAST | FAST_F32)) {
            *out_world = w;
            return true;
        }
    return false;
}

static fet_status add_crossing(split *s, fet_id value, uint32_t from)
{
    uint8_t form = s->forms[from][value];
    fet_dtype source = form & FAST_F32 ? FET_DTYPE_F32 : fet_kernel_world_precision(from);
    FET_TRY(add_cast(s, value, 0));
    fet_kernel_key *key = &s->items[s->count - 1].key;
    key->flags = source == FET_DTYPE_S8 && !(form & UNSIGNED) ? FET_KERNEL_SIGNED_SRC : 0;
    key->extra = (uint32_t)source << 1;
    return FET_OK;
}

static fet_status need_fast(split *s, fet_id value)
{
    uint32_t from = 0;
    if (s->fast[value] & HAS_FAST) return FET_OK;
    const fet_graph *g = s->graph;
    fet_id source = viewed(s, value);
    bool through = source != FET_NONE && s->fast[source] & HAS_FAST && fet_kernel_fast_is_row_major(&g->values[value].shape) &&
                   fet_kernel_fast_is_row_major(&g->values[source].shape);
    if (through) {
        made_fast(s, value, s->fast[source] & UNSIGNED);
        return FET_OK;
    }
    if (is_fast_elsewhere(s, value, &from)) {
        FET_TRY(add_crossing(s, value, from));
    } else {
        FET_TRY(need_plain(s, value));
        if (s->fast[value] & HAS_FAST) return FET_OK;
        FET_TRY(add_cast(s, value, FET_KERNEL_PLAIN_SRC));
    }
    bool is_unsigned = s->precision == FET_DTYPE_S8 && s->known[fet_kernel_view_root(g, value)] & NONNEGATIVE;
    s->items[s->count - 1].dst_unsigned = is_unsigned;
    made_fast(s, value, is_unsigned);
    return FET_OK;
}

/* The node that alone reads `value`, as its input 0 (or any input, for an addition); FET_NONE when there is none. */
static fet_id only_reader(const split *s, fet_id value)
{
    return s->n_readers[value] == 1 ? s->reader[value] : FET_NONE;
}

static bool take_batch_norm(split *s, fet_kernel *kernel)
{
    fet_id n = s->rules->batch_norm ? only_reader(s, kernel->dst) : FET_NONE;
    if (n == FET_NONE || s->graph->nodes[n].op != FET_OP_BATCH_NORMALIZATION || s->graph->nodes[n].inputs[0] != kernel->dst) return false;
    for (uint32_t i = 1; i < s->graph->nodes[n].n_inputs; i++)
        if (s->graph->values[s->graph->nodes[n].inputs[i]].kind != FET_VALUE_PARAM) return false;
    kernel->batch_norm = n;
    kernel->key.flags |= FET_KERNEL_BIAS;
    kernel->dst = s->graph->nodes[n].outputs[0];
    s->taken[n] = 1;
    return true;
}

static bool take_activation(split *s, fet_kernel *kernel)
{
    fet_id n = only_reader(s, kernel->dst);
    if (n == FET_NONE || s->classes[n] != FET_CLASS_ACTIVATION || s->graph->nodes[n].inputs[0] != kernel->dst) return false;
    fet_activation activation = fet_activation_of_node(s->graph, &s->graph->nodes[n]);
    if (!(s->rules->activations & 1u << activation.kind)) return false;
    kernel->activation = activation;
    kernel->activation_node = n;
    kernel->key.activation = (uint8_t)activation.kind;
    kernel->dst = s->graph->nodes[n].outputs[0];
    s->taken[n] = 1;
    return true;
}

/* The other summand must be in memory, fast and of the same shape: then it becomes the residual. */
static bool take_add(split *s, fet_kernel *kernel, uint32_t flag)
{
    fet_id n = s->rules->add ? only_reader(s, kernel->dst) : FET_NONE;
    if (n == FET_NONE || s->classes[n] != FET_CLASS_BINARY) return false;
    if (s->graph->nodes[n].op != FET_OP_ADD && s->graph->nodes[n].op != FET_OP_SUM) return false;
    const fet_node *node = &s->graph->nodes[n];
    fet_id other = node->inputs[0] == kernel->dst ? node->inputs[1] : node->inputs[0];
    if (!(s->fast[other] & HAS_FAST) || !fet_shape_equal(&s->graph->values[other].shape, &s->graph->values[kernel->dst].shape))
        return false;
    kernel->add_node = n;
    kernel->residual = other;
    kernel->key.flags |= flag;
    kernel->dst = node->outputs[0];
    s->taken[n] = 1;
    return true;
}

static void fuse(split *s, fet_kernel *kernel)
{
    take_batch_norm(s, kernel);
    if (take_activation(s, kernel)) {
        if (s->rules->add_after_activation) take_add(s, kernel, FET_KERNEL_ADD_AFTER);
    } else if (take_add(s, kernel, FET_KERNEL_ADD) && s->rules->activation_after_add) {
        take_activation(s, kernel);
    }
}

/* Whether the fast result is u8. Additions behind an activation may be of either sign. */
static bool result_unsigned(const split *s, const fet_node *node, fet_kernel_class class, const fet_kernel *kernel)
{
    if (s->precision != FET_DTYPE_S8) return false;
    if (class == FET_CLASS_POOL || class == FET_CLASS_GLOBAL || class == FET_CLASS_RESIZE || class == FET_CLASS_PAD ||
        class == FET_CLASS_SHUFFLE || class == FET_CLASS_SLICE)
        return !(kernel->key.flags & FET_KERNEL_SIGNED_SRC);
    if (class == FET_CLASS_CONCAT || (class == FET_CLASS_BINARY && node->op != FET_OP_SUB)) {
        for (uint32_t i = 0; i < node->n_inputs; i++)
            if (!(s->fast[node->inputs[i]] & UNSIGNED) && !fet_activation_is_nonnegative(&kernel->activation)) return false;
        return true;
    }
    return fet_activation_is_nonnegative(&kernel->activation) && !(kernel->key.flags & FET_KERNEL_ADD_AFTER);
}

/* The value a kernel reads as its first source, brought into its world. A Gemm looks through a Flatten of a fast map. */
static fet_status prepare_source(split *s, const fet_node *node, fet_kernel_class class, fet_id *out_src)
{
    uint32_t main = class == FET_CLASS_BINARY || class == FET_CLASS_SCALE ? fet_kernel_main_input(s->graph, node) : 0;
    fet_id src = node->inputs[main];
    if (class == FET_CLASS_SHUFFLE) {
        *out_src = fet_kernel_view_root(s->graph, src);
        return need_fast(s, *out_src);
    }
    fet_id before = s->graph->values[src].kind == FET_VALUE_COMPUTED ? s->graph->values[src].node : FET_NONE;
    if (class == FET_CLASS_CONV && before != FET_NONE && s->graph->nodes[before].op == FET_OP_PAD &&
        s->classes[before] == FET_CLASS_FOLDED) {
        *out_src = s->graph->nodes[before].inputs[0];
        return need_fast(s, *out_src);
    }
    const fet_shape *shape = &s->graph->values[src].shape;
    if (class == FET_CLASS_GEMM && !(s->fast[src] & HAS_FAST)) {
        fet_id root = fet_kernel_view_root(s->graph, src);
        const fet_shape *map = &s->graph->values[root].shape;
        if (s->fast[root] & HAS_FAST && map->rank == 4 && map->dim[0] == shape->dim[0]) {
            *out_src = root;
            return FET_OK;
        }
    }
    FET_TRY(need_fast(s, src));
    *out_src = src;
    return FET_OK;
}

static fet_status emit_fast(split *s, fet_id n, fet_kernel_class class)
{
    const fet_node *node = &s->graph->nodes[n];
    fet_id src = FET_NONE;
    FET_TRY(prepare_source(s, node, class, &src));
    if (class == FET_CLASS_BINARY || class == FET_CLASS_CONCAT)
        for (uint32_t i = 0; i < node->n_inputs; i++) FET_TRY(need_fast(s, node->inputs[i]));
    fet_kernel *kernel = append(s);
    if (!kernel) return fet_arena_full();
    kernel->anchor = n;
    kernel->src = fet_kernel_view_root(s->graph, src);
    kernel->dst = node->outputs[0];
    FET_TRY(fet_kernel_fill_key(s->graph, node, class, src, true, s->precision, &kernel->key));
    if (s->precision == FET_DTYPE_S8 && !(s->fast[src] & UNSIGNED)) kernel->key.flags |= FET_KERNEL_SIGNED_SRC;
    s->taken[n] = 1;
    if (class == FET_CLASS_CONV && src != node->inputs[0]) {
        kernel->pad = s->graph->values[node->inputs[0]].node;
        FET_TRY(fet_kernel_fold_pad(s->graph, &s->graph->nodes[kernel->pad], &kernel->key));
    }
    if (class == FET_CLASS_SHUFFLE) {
        fet_id end = shuffle_end(s, node);
        kernel->dst = s->graph->nodes[end].outputs[0];
        s->taken[end] = 1;
        s->classes[end] = FET_CLASS_FOLDED; /* no longer a view of the Transpose's result, which nobody makes */
    }
    if (class == FET_CLASS_CONV || class == FET_CLASS_GEMM) fuse(s, kernel);
    if (class == FET_CLASS_SCALE) take_activation(s, kernel);
    if (class == FET_CLASS_ACTIVATION) {
        kernel->activation = fet_activation_of_node(s->graph, node);
        kernel->activation_node = n;
        kernel->key.activation = (uint8_t)kernel->activation.kind;
    }
    bool last = s->precision != FET_DTYPE_F32 && (class == FET_CLASS_CONV || class == FET_CLASS_GEMM) &&
                !(s->known[kernel->dst] & WANTED_FAST) && kernel->residual == FET_NONE;
    if (fet_activation_is_nonnegative(&kernel->activation) && !(kernel->key.flags & FET_KERNEL_ADD_AFTER))
        s->known[kernel->dst] |= NONNEGATIVE;
    if (!last) {
        kernel->dst_unsigned = result_unsigned(s, node, class, kernel);
        made_fast(s, kernel->dst, kernel->dst_unsigned);
        return FET_OK;
    }
    kernel->key.flags |= FET_KERNEL_F32_DST;
    if (fet_kernel_fast_is_row_major(&s->graph->values[kernel->dst].shape)) made_plain(s, kernel->dst);
    else s->fast[kernel->dst] |= FAST_F32;
    return FET_OK;
}

static fet_status emit_plain(split *s, fet_id n)
{
    const fet_node *node = &s->graph->nodes[n];
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] != FET_NONE) FET_TRY(need_plain(s, node->inputs[i]));
    fet_kernel *kernel = append(s);
    if (!kernel) return fet_arena_full();
    fet_id src = node->inputs[0];
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] != FET_NONE && !(s->known[node->inputs[i]] & CONSTANT)) {
            src = node->inputs[i];
            break;
        }
    kernel->anchor = n;
    kernel->src = fet_kernel_view_root(s->graph, src);
    kernel->dst = node->outputs[0];
    FET_TRY(fet_kernel_fill_key(s->graph, node, FET_CLASS_PLAIN, src, false, FET_DTYPE_F32, &kernel->key));
    fet_activation activation = s->classes[n] == FET_CLASS_ACTIVATION ? fet_activation_of_node(s->graph, node) : (fet_activation){0};
    kernel->activation = activation;
    kernel->key.activation = (uint8_t)activation.kind;
    s->taken[n] = 1;
    for (uint32_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] != FET_NONE) made_plain(s, node->outputs[i]);
    return FET_OK;
}

static bool is_fast_already(const split *s, const fet_node *node, uint32_t input)
{
    fet_id v = node->inputs[input], source = viewed(s, v);
    if (s->fast[v] & HAS_FAST) return true;
    return source != FET_NONE && s->fast[source] & HAS_FAST && fet_kernel_fast_is_row_major(&s->graph->values[v].shape) &&
           fet_kernel_fast_is_row_major(&s->graph->values[source].shape);
}

/* EITHER classes stay where their first input is already, so that a tail in plain f32 is not quantised again in between. */
static bool runs_fast(const split *s, const fet_node *node, fet_kernel_class class)
{
    switch (class) {
    case FET_CLASS_CONV:
    case FET_CLASS_GEMM:
    case FET_CLASS_POOL:
    case FET_CLASS_GLOBAL: return true;
    case FET_CLASS_RESIZE:
        if (s->known[node->outputs[0]] & WANTED_FAST) return true;
        break;
    case FET_CLASS_SHUFFLE: return (s->fast[fet_kernel_view_root(s->graph, node->inputs[0])] & HAS_FAST) != 0;
    case FET_CLASS_PAD:
    case FET_CLASS_SLICE:
    case FET_CLASS_PRELU:
    case FET_CLASS_CONCAT:
    case FET_CLASS_SCALE:
    case FET_CLASS_BINARY:
    case FET_CLASS_ACTIVATION: {
        bool two = class == FET_CLASS_SCALE || class == FET_CLASS_BINARY;
        return is_fast_already(s, node, two ? fet_kernel_main_input(s->graph, node) : 0);
    }
    default: return false;
    }
    return is_fast_already(s, node, 0);
}

/* What has weights says where it is computed, the rest follows what it reads. */
static void enter_for(split *s, const fet_node *node, fet_kernel_class class)
{
    bool own = class == FET_CLASS_CONV || class == FET_CLASS_GEMM;
    enter(s, s->network);
    if (!s->mixed) return;
    if (own) {
        if (node->precision == FET_DTYPE_F32 || node->precision == FET_DTYPE_BF16) enter(s, (fet_dtype)node->precision);
        return;
    }
    bool two = class == FET_CLASS_SCALE || class == FET_CLASS_BINARY;
    enter_where(s, fet_kernel_view_root(s->graph, node->inputs[two ? fet_kernel_main_input(s->graph, node) : 0]));
}

static fet_status emit(split *s, fet_id n)
{
    const fet_node *node = &s->graph->nodes[n];
    fet_kernel_class class = s->classes[n];
    if (class == FET_CLASS_VIEW || class == FET_CLASS_FOLDED ||
        (node->n_outputs > 0 && node->outputs[0] != FET_NONE && s->known[node->outputs[0]] & CONSTANT))
        return FET_OK;
    if (node->n_inputs == 0 || node->inputs[0] == FET_NONE)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\" (%s) has no first input", node->name, fet_op_onnx_name(node->op));
    enter_for(s, node, class);
    return runs_fast(s, node, class) ? emit_fast(s, n, class) : emit_plain(s, n);
}

fet_status fet_kernels_split(const fet_graph *graph, const fet_fusion_rules *rules, fet_dtype precision, fet_arena *arena,
                             fet_kernels *out_kernels)
{
    if (precision != FET_DTYPE_F32 && precision != FET_DTYPE_BF16 && precision != FET_DTYPE_S8)
        return fet_fail(FET_ERROR_ARG, "kernels of precision %s: expected f32, bf16 or s8", fet_dtype_name(precision));
    split s = {.graph = graph, .rules = rules, .network = precision, .arena = arena};
    FET_TRY(allocate(&s));
    enter(&s, precision);
    for (fet_id n = 0; n < graph->n_nodes; n++) s.mixed = s.mixed || (precision == FET_DTYPE_S8 && graph->nodes[n].precision);
    mark_constants(&s);
    count_readers(&s);
    for (uint32_t i = 0; i < graph->n_inputs; i++) made_plain(&s, graph->inputs[i]);
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op != FET_OP_NONE && !s.taken[n]) FET_TRY(emit(&s, n));
    enter(&s, precision);
    for (uint32_t o = 0; o < graph->n_outputs; o++) FET_TRY(need_plain(&s, graph->outputs[o]));
    *out_kernels = (fet_kernels){.items = s.items, .count = s.count};
    return FET_OK;
}
