// SPDX-License-Identifier: Apache-2.0
#include "rewrite/input_size.h"

#include "op/conv.h"
#include "op/op.h"

#include <string.h>

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

uint32_t fet_input_size_parts(const fet_graph *graph)
{
    if (graph->n_inputs != 1) return 0;
    const fet_shape *input = &graph->values[graph->inputs[0]].shape;
    if (input->rank != 4 || input->dim[2] < 1 || input->dim[3] < 1) return 0;
    uint32_t parts = gcd((uint32_t)input->dim[2], (uint32_t)input->dim[3]);
    for (fet_id v = 0; v < graph->n_values; v++) {
        const fet_value *value = &graph->values[v];
        if (value->kind != FET_VALUE_COMPUTED || value->node == FET_NONE || value->shape.rank != 4) continue;
        /* What computes on maps, not what has moved their dimensions about. */
        const fet_node *maker = &graph->nodes[value->node];
        bool window = maker->op == FET_OP_CONV || maker->op == FET_OP_CONV_TRANSPOSE || maker->op == FET_OP_MAX_POOL ||
                      maker->op == FET_OP_AVERAGE_POOL || maker->op == FET_OP_RESIZE;
        for (uint32_t d = 2; d < 4 && window; d++)
            if (value->shape.dim[d] > 1) parts = gcd(parts, (uint32_t)value->shape.dim[d]);
    }
    return parts;
}

uint32_t fet_input_size_steps(const fet_graph *graph)
{
    enum { FEW = 5, LARGE = 32 };
    uint32_t steps = fet_input_size_parts(graph);
    if (steps == 0) return 0;
    const fet_shape *input = &graph->values[graph->inputs[0]].shape;
    while (steps < FEW && input->dim[2] % (2 * steps) == 0 && input->dim[3] % (2 * steps) == 0 && input->dim[2] / steps >= LARGE &&
           input->dim[3] / steps >= LARGE)
        steps *= 2;
    return steps;
}

/* The copy under way: nodes before the one at hand are inferred at the new size. */
typedef struct resizer {
    const fet_graph *base;
    fet_graph *graph;
    uint8_t *written;   /* by parameter: a constant that has its new numbers */
    int64_t h[2], w[2]; /* of the input: before, after */
    bool exact;         /* every map follows in whole pixels */
} resizer;

static fet_status refuse(const resizer *r, fet_id n, const char *why)
{
    return fet_fail(FET_ERROR_SHAPE, "node \"%s\": the input cannot be %lldx%lld instead of %lldx%lld: %s", r->base->nodes[n].name,
                    (long long)r->h[1], (long long)r->w[1], (long long)r->h[0], (long long)r->w[0], why);
}

static const fet_shape *shape_of(const fet_graph *graph, fet_id n)
{
    return &graph->values[graph->nodes[n].inputs[0]].shape;
}

/* A pool over the whole map stays one over the whole map. */
static fet_status follow_pool(resizer *r, fet_id n)
{
    fet_window window;
    const fet_shape *old = shape_of(r->base, n), *new = shape_of(r->graph, n);
    FET_TRY(fet_op_window(r->base, &r->base->nodes[n], &window));
    bool whole = old->rank == 4 && window.dilation[0] == 1 && window.dilation[1] == 1;
    for (int i = 0; i < 2 && whole; i++) whole = window.kernel[i] == old->dim[2 + i] && window.pad_begin[i] == 0 && window.pad_end[i] == 0;
    if (!whole || (old->dim[2] == new->dim[2] && old->dim[3] == new->dim[3])) return FET_OK;
    return fet_graph_set_ints(r->graph, n, FET_ATTR_KERNEL_SHAPE, &new->dim[2], 2);
}

/* Gives the constant at an input of the node other integers; all its readers must want the same ones. */
static fet_status rewrite_constant(resizer *r, fet_id n, uint32_t input, const int64_t *numbers)
{
    fet_id p = r->graph->values[r->graph->nodes[n].inputs[input]].param;
    const fet_tensor *old = r->graph->params[p].tensor;
    size_t bytes = (size_t)fet_tensor_elements(old) * sizeof *numbers;
    bool same = memcmp(fet_tensor_s64(old), numbers, bytes) == 0;
    if (r->written[p] && !same) return refuse(r, n, "its sizes are another node's too, which wants other ones");
    r->written[p] = 1;
    if (same) return FET_OK;
    fet_auto(fet_tensor) copy = NULL;
    FET_TRY(fet_tensor_copy(old, &copy));
    memcpy(fet_tensor_s64(copy), numbers, bytes);
    fet_graph_set_tensor(r->graph, p, copy);
    r->graph->params[p].origin = (fet_origin){.rule = FET_ORIGIN_FRESH};
    return FET_OK;
}

/* The integers of a constant input, as many as fit a shape; NULL when there are none such. */
static const int64_t *sizes_at(const resizer *r, fet_id n, uint32_t input, uint32_t *out_count)
{
    const fet_node *node = &r->base->nodes[n];
    const fet_tensor *tensor =
        input < node->n_inputs && node->inputs[input] != FET_NONE ? fet_graph_constant(r->base, node->inputs[input]) : NULL;
    if (!tensor || tensor->dtype != FET_DTYPE_S64 || fet_tensor_elements(tensor) > FET_MAX_RANK) return NULL;
    *out_count = (uint32_t)fet_tensor_elements(tensor);
    return fet_tensor_s64(tensor);
}

/* A flattened map made a map again: of several dimensions two are more than 1, height and width. False where that is not so. */
static bool unflatten(const resizer *r, const fet_shape *to, uint32_t begin, uint32_t end, int64_t after, int64_t *numbers)
{
    uint32_t side[2], n = 0;
    for (uint32_t d = begin; d < end; d++) {
        if (to->dim[d] == 1) continue;
        if (n == 2) return false;
        side[n++] = d;
    }
    if (n < 2) return false;
    int64_t h = to->dim[side[0]] * r->h[1] / r->h[0], w = to->dim[side[1]] * r->w[1] / r->w[0];
    if (h * w != after || h * r->h[0] != to->dim[side[0]] * r->h[1]) return false;
    if (numbers[side[0]] > 0) numbers[side[0]] = h;
    if (numbers[side[1]] > 0) numbers[side[1]] = w;
    return true;
}

/*
 * The target's entries that stand for dimensions which changed. Source and result are cut at the same products of dimensions into the
 * shortest pieces; a piece of one dimension in the result has the product of its sources, a piece of height and width follows the image,
 * and one in which nothing changed stays.
 */
static fet_status follow_reshape(resizer *r, fet_id n)
{
    uint32_t count = 0;
    const int64_t *target = sizes_at(r, n, 1, &count);
    if (!target) return FET_OK;
    const fet_shape *old = shape_of(r->base, n), *new = shape_of(r->graph, n), *to = &r->base->values[r->base->nodes[n].outputs[0]].shape;
    int64_t numbers[FET_MAX_RANK];
    memcpy(numbers, target, count * sizeof *numbers);
    uint32_t i = 0, j = 0;
    while (i < old->rank || j < to->rank) {
        uint32_t j0 = j;
        int64_t a = 1, b = 1, after = 1;
        bool changed = false;
        do {
            bool take_source = i < old->rank && (a <= b || j >= to->rank);
            if (!take_source && j >= to->rank) break;
            if (take_source) {
                changed |= old->dim[i] != new->dim[i];
                a *= old->dim[i], after *= new->dim[i++];
            } else {
                b *= to->dim[j++];
            }
        } while (a != b);
        if (!changed) continue;
        uint32_t wide = j0; /* the one dimension that holds them; 1s may stand beside it */
        while (wide + 1 < j && to->dim[wide] == 1) wide++;
        bool is_one = wide < j && to->dim[wide] == a;
        if (is_one && numbers[wide] > 0) numbers[wide] = after;
        if (!is_one && !unflatten(r, to, j0, j, after, numbers)) return refuse(r, n, "it cuts a map's size into several");
    }
    return rewrite_constant(r, n, 1, numbers);
}

/* Sizes in numbers keep their ratio to the source's. */
static fet_status follow_resize(resizer *r, fet_id n)
{
    uint32_t count = 0;
    const int64_t *sizes = sizes_at(r, n, 3, &count);
    const fet_shape *old = shape_of(r->base, n), *new = shape_of(r->graph, n);
    if (!sizes || count != old->rank) return FET_OK;
    int64_t numbers[FET_MAX_RANK];
    for (uint32_t d = 0; d < count; d++) {
        numbers[d] = sizes[d] * new->dim[d] / old->dim[d];
        if (numbers[d] * old->dim[d] != sizes[d] * new->dim[d]) return refuse(r, n, "its sizes would be broken numbers");
    }
    return rewrite_constant(r, n, 3, numbers);
}

/* What is as large as the source's dimension stays so; where it repeats something, how often does not hang on the image. */
static fet_status follow_expand(resizer *r, fet_id n)
{
    uint32_t count = 0;
    const int64_t *target = sizes_at(r, n, 1, &count);
    const fet_shape *old = shape_of(r->base, n), *new = shape_of(r->graph, n);
    if (!target) return FET_OK;
    int64_t numbers[FET_MAX_RANK];
    memcpy(numbers, target, count * sizeof *numbers);
    for (uint32_t d = 0; d < old->rank && d < count; d++) { /* aligned at their ends */
        uint32_t from = old->rank - 1 - d, to = count - 1 - d;
        if (old->dim[from] != new->dim[from] && target[to] == old->dim[from]) numbers[to] = new->dim[from];
    }
    return rewrite_constant(r, n, 1, numbers);
}

/* Less than a pixel off the proportion of before to after. */
static bool is_near(int64_t old, int64_t new, const int64_t side[2])
{
    int64_t off = new *side[0] - old *side[1];
    return off < side[0] && off > -side[0];
}

/* What the new size of a dimension may be: as it was, or in proportion to the image's height, width or area. */
static bool follows(const resizer *r, int64_t old, int64_t new)
{
    if (!r->exact && (is_near(old, new, r->h) || is_near(old, new, r->w))) return true;
    return new == old || new * r->h[0] == old * r->h[1] || new * r->w[0] == old * r->w[1] ||
           new * r->h[0] * r->w[0] == old * r->h[1] * r->w[1];
}

static fet_status check_node(const resizer *r, fet_id n)
{
    const fet_node *node = &r->graph->nodes[n];
    for (uint32_t o = 0; o < node->n_outputs; o++) {
        if (node->outputs[o] == FET_NONE) continue;
        const fet_shape *old = &r->base->values[node->outputs[o]].shape, *new = &r->graph->values[node->outputs[o]].shape;
        if (old->rank != new->rank) return refuse(r, n, "its result would have other dimensions");
        /* A Pad is judged by what reads it: 64 + 1 before a window of 3 with stride 2. */
        for (uint32_t d = 0; d < new->rank && node->op != FET_OP_PAD; d++)
            if (!follows(r, old->dim[d], new->dim[d])) return refuse(r, n, "the size of its result does not follow the image's");
    }
    bool window = r->exact && (node->op == FET_OP_CONV || node->op == FET_OP_MAX_POOL || node->op == FET_OP_AVERAGE_POOL);
    const fet_shape *old = shape_of(r->base, n), *new = shape_of(r->graph, n);
    fet_window w;
    if (!window || old->rank != 4) return FET_OK;
    FET_TRY(fet_op_window(r->graph, node, &w));
    for (int i = 0; i < 2; i++)
        if (old->dim[2 + i] % w.stride[i] == 0 && new->dim[2 + i] % w.stride[i] != 0 && w.kernel[i] != new->dim[2 + i])
            return refuse(r, n, "its stride does not divide the map");
    return FET_OK;
}

static fet_status resize_node(resizer *r, fet_id n)
{
    switch (r->graph->nodes[n].op) {
    case FET_OP_NONE: return FET_OK;
    case FET_OP_MAX_POOL:
    case FET_OP_AVERAGE_POOL: FET_TRY(follow_pool(r, n)); break;
    case FET_OP_RESHAPE: FET_TRY(follow_reshape(r, n)); break;
    case FET_OP_RESIZE: FET_TRY(follow_resize(r, n)); break;
    case FET_OP_EXPAND: FET_TRY(follow_expand(r, n)); break;
    default: break;
    }
    FET_TRY(fet_graph_infer_node(r->graph, n));
    return r->graph->nodes[n].n_inputs > 0 && r->graph->nodes[n].inputs[0] != FET_NONE ? check_node(r, n) : FET_OK;
}

/* A map whose height and width alone differ, as the image's do; no list of places. */
static bool is_map_of_another_size(const resizer *r, const fet_value *old, const fet_value *new)
{
    uint32_t rank = old->shape.rank;
    if (rank < 3 || rank > 4 || new->shape.rank != rank) return false;
    for (uint32_t d = 0; d + 2 < rank; d++)
        if (old->shape.dim[d] != new->shape.dim[d]) return false;
    return is_near(old->shape.dim[rank - 2], new->shape.dim[rank - 2], r->h) &&
           is_near(old->shape.dim[rank - 1], new->shape.dim[rank - 1], r->w);
}

static fet_status check_outputs(const resizer *r, bool maps_follow)
{
    for (uint32_t o = 0; o < r->base->n_outputs; o++) {
        const fet_value *old = &r->base->values[r->base->outputs[o]], *new = &r->graph->values[r->base->outputs[o]];
        if (fet_shape_equal(&old->shape, &new->shape) || (maps_follow && is_map_of_another_size(r, old, new))) continue;
        return fet_fail(FET_ERROR_SHAPE, "output \"%s\" would have another shape with an input of %lldx%lld", old->name, (long long)r->h[1],
                        (long long)r->w[1]);
    }
    return FET_OK;
}

fet_status fet_input_size_set(const fet_graph *base, uint32_t take, uint32_t of, bool maps_follow, fet_arena *arena, fet_graph **out_graph)
{
    uint32_t parts = fet_input_size_parts(base);
    const fet_shape *whole = base->n_inputs ? &base->values[base->inputs[0]].shape : NULL;
    if (parts == 0 || take == 0 || of == 0 || whole->dim[2] % of || whole->dim[3] % of)
        return fet_fail(FET_ERROR_ARG, "an input of %u / %u of its size: expected one image of N,C,H,W as the input, and whole sizes", take,
                        of);
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_graph_copy(base, arena, 0, &graph));
    fet_shape *input = &graph->values[graph->inputs[0]].shape;
    resizer r = {.base = base, .graph = graph, .h = {input->dim[2]}, .w = {input->dim[3]}, .exact = (uint64_t)take * parts % of == 0};
    r.h[1] = input->dim[2] = r.h[0] / of * take;
    r.w[1] = input->dim[3] = r.w[0] / of * take;
    r.written = fet_arena_zalloc(graph->arena, base->n_params + 1, 1);
    if (!r.written) return fet_arena_full();
    for (fet_id n = 0; n < base->n_nodes; n++) FET_TRY(resize_node(&r, n));
    FET_TRY(check_outputs(&r, maps_follow));
    *out_graph = fet_take(graph);
    return FET_OK;
}
