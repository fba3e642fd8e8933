// SPDX-License-Identifier: Apache-2.0
/*
 * Splits a graph into kernels in one backward and one forward pass over its nodes.
 *
 * Backward: how many read each value, the last reader, and whether anybody wants it in the fast world.
 * Forward: each node not yet taken becomes a kernel and swallows what the rules let it; whatever it reads is first brought into its world,
 * by a CAST kernel where that is not the same memory. Views make no kernel: they are looked through, or followed back when their value is
 * wanted.
 */
#include "kernel/split.h"

const fet_fusion_rules fet_fusion_rules_host = {
    .name = "host",
    .batch_norm = true,
    .activations = (1u << FET_ACTIVATION_COUNT) - 2u,
    .add = true,
    .activation_after_add = true,
    .add_after_activation = false, /* oneDNN's jit convolutions before brgemm fall into a slow form */
    .activation_after_pool = false,
};

static fet_status allocate(fet_split *s)
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
static void mark_constants(fet_split *s)
{
    const fet_graph *g = s->graph;
    for (fet_id p = 0; p < g->n_params; p++) s->known[g->params[p].value] |= FET_SPLIT_CONSTANT;
    for (fet_id n = 0; n < g->n_nodes; n++) {
        const fet_node *node = &g->nodes[n];
        if (node->op == FET_OP_NONE) continue;
        bool constant = true;
        for (uint32_t i = 0; constant && node->op != FET_OP_SHAPE && i < node->n_inputs; i++)
            constant = node->inputs[i] == FET_NONE || s->known[node->inputs[i]] & FET_SPLIT_CONSTANT;
        for (uint32_t i = 0; constant && i < node->n_outputs; i++)
            if (node->outputs[i] != FET_NONE) s->known[node->outputs[i]] |= FET_SPLIT_CONSTANT;
    }
}

/* A Pad of zeros that only a convolution reads is done by that convolution. */
static bool is_folded(const fet_split *s, const fet_node *node)
{
    if (node->op != FET_OP_PAD || s->n_readers[node->outputs[0]] != 1 || s->reader[node->outputs[0]] == FET_NONE) return false;
    fet_id n = s->reader[node->outputs[0]];
    const fet_node *reader = &s->graph->nodes[n];
    return reader->op == FET_OP_CONV && s->classes[n] == FET_CLASS_CONV && reader->inputs[0] == node->outputs[0] &&
           fet_kernel_is_zero_pad(s->graph, node);
}

/* The Reshape that alone reads a shuffle's Transpose and makes a map of it again; FET_NONE: no shuffle. */
static fet_id shuffle_end(const fet_split *s, const fet_node *node)
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

static void count_readers(fet_split *s)
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
        if (s->classes[n] == FET_CLASS_VIEW) wanted = s->known[node->outputs[0]] & FET_SPLIT_WANTED_FAST;
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            fet_id v = node->inputs[i];
            if (v == FET_NONE) continue;
            s->n_readers[v]++;
            s->reader[v] = n;
            if (wanted) s->known[v] |= FET_SPLIT_WANTED_FAST;
        }
    }
}

/* Whether the fast result is u8. Additions behind an activation may be of either sign. */
static bool result_unsigned(const fet_split *s, const fet_node *node, fet_kernel_class class, const fet_kernel *kernel)
{
    if (s->precision != FET_DTYPE_S8) return false;
    if (class == FET_CLASS_POOL || class == FET_CLASS_GLOBAL || class == FET_CLASS_RESIZE || class == FET_CLASS_PAD ||
        class == FET_CLASS_SHUFFLE || class == FET_CLASS_SLICE)
        return !(kernel->key.flags & FET_KERNEL_SIGNED_SRC);
    if (class == FET_CLASS_CONCAT || (class == FET_CLASS_BINARY && node->op != FET_OP_SUB)) {
        for (uint32_t i = 0; i < node->n_inputs; i++)
            if (!(s->fast[node->inputs[i]] & FET_SPLIT_UNSIGNED) && !fet_activation_is_nonnegative(&kernel->activation)) return false;
        return true;
    }
    return fet_activation_is_nonnegative(&kernel->activation) && !(kernel->key.flags & FET_KERNEL_ADD_AFTER);
}

/* The value a kernel reads as its first source, brought into its world. A Gemm looks through a Flatten of a fast map. */
static fet_status prepare_source(fet_split *s, const fet_node *node, fet_kernel_class class, fet_id *out_src)
{
    uint32_t main = class == FET_CLASS_BINARY || class == FET_CLASS_SCALE ? fet_kernel_main_input(s->graph, node) : 0;
    fet_id src = node->inputs[main];
    if (class == FET_CLASS_SHUFFLE) {
        *out_src = fet_kernel_view_root(s->graph, src);
        return fet_split_need_fast(s, *out_src);
    }
    fet_id before = s->graph->values[src].kind == FET_VALUE_COMPUTED ? s->graph->values[src].node : FET_NONE;
    if (class == FET_CLASS_CONV && before != FET_NONE && s->graph->nodes[before].op == FET_OP_PAD &&
        s->classes[before] == FET_CLASS_FOLDED) {
        *out_src = s->graph->nodes[before].inputs[0];
        return fet_split_need_fast(s, *out_src);
    }
    const fet_shape *shape = &s->graph->values[src].shape;
    if (class == FET_CLASS_GEMM && !(s->fast[src] & FET_SPLIT_HAS_FAST)) {
        fet_id root = fet_kernel_view_root(s->graph, src);
        const fet_shape *map = &s->graph->values[root].shape;
        if (s->fast[root] & FET_SPLIT_HAS_FAST && map->rank == 4 && map->dim[0] == shape->dim[0]) {
            *out_src = root;
            return FET_OK;
        }
    }
    FET_TRY(fet_split_need_fast(s, src));
    *out_src = src;
    return FET_OK;
}

static fet_status emit_fast(fet_split *s, fet_id n, fet_kernel_class class)
{
    const fet_node *node = &s->graph->nodes[n];
    fet_id src = FET_NONE;
    FET_TRY(prepare_source(s, node, class, &src));
    if (class == FET_CLASS_BINARY || class == FET_CLASS_CONCAT)
        for (uint32_t i = 0; i < node->n_inputs; i++) FET_TRY(fet_split_need_fast(s, node->inputs[i]));
    fet_kernel *kernel = fet_split_append(s);
    if (!kernel) return fet_arena_full();
    kernel->anchor = n;
    kernel->src = fet_kernel_view_root(s->graph, src);
    kernel->dst = node->outputs[0];
    FET_TRY(fet_kernel_fill_key(s->graph, node, class, src, true, s->precision, &kernel->key));
    if (s->precision == FET_DTYPE_S8 && !(s->fast[src] & FET_SPLIT_UNSIGNED)) kernel->key.flags |= FET_KERNEL_SIGNED_SRC;
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
    if (class == FET_CLASS_CONV || class == FET_CLASS_GEMM) fet_split_fuse(s, kernel);
    if (class == FET_CLASS_SCALE) fet_split_take_activation(s, kernel);
    if (class == FET_CLASS_ACTIVATION) {
        kernel->activation = fet_activation_of_node(s->graph, node);
        kernel->activation_node = n;
        kernel->key.activation = (uint8_t)kernel->activation.kind;
    }
    bool last = s->precision != FET_DTYPE_F32 && (class == FET_CLASS_CONV || class == FET_CLASS_GEMM) &&
                !(s->known[kernel->dst] & FET_SPLIT_WANTED_FAST) && kernel->residual == FET_NONE;
    if (fet_activation_is_nonnegative(&kernel->activation) && !(kernel->key.flags & FET_KERNEL_ADD_AFTER))
        s->known[kernel->dst] |= FET_SPLIT_NONNEGATIVE;
    if (!last) {
        kernel->dst_unsigned = result_unsigned(s, node, class, kernel);
        fet_split_made_fast(s, kernel->dst, kernel->dst_unsigned);
        return FET_OK;
    }
    kernel->key.flags |= FET_KERNEL_F32_DST;
    if (fet_kernel_fast_is_row_major(&s->graph->values[kernel->dst].shape)) fet_split_made_plain(s, kernel->dst);
    else s->fast[kernel->dst] |= FET_SPLIT_FAST_F32;
    return FET_OK;
}

static fet_status emit_plain(fet_split *s, fet_id n)
{
    const fet_node *node = &s->graph->nodes[n];
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] != FET_NONE) FET_TRY(fet_split_need_plain(s, node->inputs[i]));
    fet_kernel *kernel = fet_split_append(s);
    if (!kernel) return fet_arena_full();
    fet_id src = node->inputs[0];
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] != FET_NONE && !(s->known[node->inputs[i]] & FET_SPLIT_CONSTANT)) {
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
        if (node->outputs[i] != FET_NONE) fet_split_made_plain(s, node->outputs[i]);
    return FET_OK;
}

/* EITHER classes stay where their first input is already, so that a tail in plain f32 is not quantised again in between. */
static bool runs_fast(const fet_split *s, const fet_node *node, fet_kernel_class class)
{
    switch (class) {
    case FET_CLASS_CONV:
    case FET_CLASS_GEMM:
    case FET_CLASS_POOL:
    case FET_CLASS_GLOBAL: return true;
    case FET_CLASS_RESIZE:
        if (s->known[node->outputs[0]] & FET_SPLIT_WANTED_FAST) return true;
        break;
    case FET_CLASS_SHUFFLE: return (s->fast[fet_kernel_view_root(s->graph, node->inputs[0])] & FET_SPLIT_HAS_FAST) != 0;
    case FET_CLASS_PAD:
    case FET_CLASS_SLICE:
    case FET_CLASS_PRELU:
    case FET_CLASS_CONCAT:
    case FET_CLASS_SCALE:
    case FET_CLASS_BINARY:
    case FET_CLASS_ACTIVATION: {
        bool two = class == FET_CLASS_SCALE || class == FET_CLASS_BINARY;
        return fet_split_sees_fast(s, node->inputs[two ? fet_kernel_main_input(s->graph, node) : 0]);
    }
    default: return false;
    }
    return fet_split_sees_fast(s, node->inputs[0]);
}

/* What has weights says where it is computed, the rest follows what it reads. */
static void enter_for(fet_split *s, const fet_node *node, fet_kernel_class class)
{
    bool own = class == FET_CLASS_CONV || class == FET_CLASS_GEMM;
    fet_split_enter(s, s->network);
    if (!s->mixed) return;
    if (own) {
        if (node->precision == FET_DTYPE_F32 || node->precision == FET_DTYPE_BF16) fet_split_enter(s, (fet_dtype)node->precision);
        return;
    }
    bool two = class == FET_CLASS_SCALE || class == FET_CLASS_BINARY;
    fet_split_enter_where(s, fet_kernel_view_root(s->graph, node->inputs[two ? fet_kernel_main_input(s->graph, node) : 0]));
}

static fet_status emit(fet_split *s, fet_id n)
{
    const fet_node *node = &s->graph->nodes[n];
    fet_kernel_class class = s->classes[n];
    if (class == FET_CLASS_VIEW || class == FET_CLASS_FOLDED ||
        (node->n_outputs > 0 && node->outputs[0] != FET_NONE && s->known[node->outputs[0]] & FET_SPLIT_CONSTANT))
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
    fet_split s = {.graph = graph, .rules = rules, .network = precision, .arena = arena};
    FET_TRY(allocate(&s));
    fet_split_enter(&s, precision);
    for (fet_id n = 0; n < graph->n_nodes; n++) s.mixed = s.mixed || (precision == FET_DTYPE_S8 && graph->nodes[n].precision);
    mark_constants(&s);
    count_readers(&s);
    for (uint32_t i = 0; i < graph->n_inputs; i++) fet_split_made_plain(&s, graph->inputs[i]);
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op != FET_OP_NONE && !s.taken[n]) FET_TRY(emit(&s, n));
    fet_split_enter(&s, precision);
    for (uint32_t o = 0; o < graph->n_outputs; o++) FET_TRY(fet_split_need_plain(&s, graph->outputs[o]));
    *out_kernels = (fet_kernels){.items = s.items, .count = s.count};
    return FET_OK;
}
