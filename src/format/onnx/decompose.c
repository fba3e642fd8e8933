// SPDX-License-Identifier: Apache-2.0
/*
 * Operators that are read as what they mean in terms of others: one function each, in a table. Their nodes are called "<node>.<role>"; the
 * last one makes the file's value.
 */
#include "format/onnx/reader.h"
#include "graph/limits.h"
#include "op/op.h"

#include <stdio.h>
#include <string.h>

typedef struct decomposition {
    fet_onnx_reader *reader;
    const Onnx__NodeProto *proto;
    const char *name;
    fet_id in[4]; /* FET_NONE: left out */
    fet_status status;
} decomposition;

static const Onnx__AttributeProto *attr_of(const decomposition *d, const char *name)
{
    for (size_t i = 0; i < d->proto->n_attribute; i++)
        if (d->proto->attribute[i]->name && strcmp(d->proto->attribute[i]->name, name) == 0) return d->proto->attribute[i];
    return NULL;
}

static int64_t int_of(const decomposition *d, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *a = attr_of(d, name);
    return a && a->has_i ? a->i : otherwise;
}

static float float_of(const decomposition *d, const char *name, float otherwise)
{
    const Onnx__AttributeProto *a = attr_of(d, name);
    return a && a->has_f ? a->f : otherwise;
}

static const fet_shape *shape_of(const decomposition *d, fet_id value)
{
    return &d->reader->graph->values[value].shape;
}

static fet_status refuse(decomposition *d, const char *what)
{
    return d->status = fet_fail(FET_ERROR_UNSUPPORTED, "%s node \"%.200s\": %s", d->proto->op_type, d->name, what);
}

/* The name of a value in the middle; NULL for the file's own output. */
static char *middle(decomposition *d, const char *role)
{
    return fet_arena_printf(d->reader->scratch, "%s.%s", d->name, role);
}

/* A node on inputs (FET_NONE ends them); role NULL: it makes the file's output. Attributes are set before it is inferred: see `finish`. */
static fet_id add(decomposition *d, fet_op_kind op, const char *role, fet_id a, fet_id b, fet_id c)
{
    fet_id inputs[3] = {a, b, c}, node = FET_NONE, out = FET_NONE;
    uint32_t n = b == FET_NONE ? 1 : c == FET_NONE ? 2 : 3;
    if (d->status != FET_OK) return FET_NONE;
    fet_graph *graph = d->reader->graph;
    const char *name = role ? middle(d, role) : d->name;
    if (!name) d->status = fet_arena_full();
    const char *value = role ? name : d->proto->output[0];
    if (d->status == FET_OK) d->status = fet_graph_add_value(graph, value, FET_DTYPE_NONE, &out);
    if (d->status == FET_OK) d->status = fet_graph_add_node_to(graph, op, name, inputs, n, &out, 1, &node);
    if (d->status == FET_OK && !role) fet_onnx_name_find(d->reader, value)->value = out;
    return d->status == FET_OK ? node : FET_NONE;
}

/* Infers (and folds) a node; its value. */
static fet_id done(decomposition *d, fet_id node)
{
    if (d->status != FET_OK) return FET_NONE;
    fet_id out = d->reader->graph->nodes[node].outputs[0];
    d->status = fet_graph_fold_node(d->reader->graph, node, &d->reader->fold_bytes_left);
    return out;
}

static fet_id apply(decomposition *d, fet_op_kind op, const char *role, fet_id a, fet_id b)
{
    return done(d, add(d, op, role, a, b, FET_NONE));
}

static void set_int(decomposition *d, fet_id node, fet_attr_key key, int64_t value)
{
    if (d->status == FET_OK) d->status = fet_graph_set_int(d->reader->graph, node, key, value);
}

/* A node on one input that makes the file's value `output`, or one in the middle when that is NULL. */
static fet_id named(decomposition *d, fet_op_kind op, const char *output, const char *role, fet_id x, const int64_t *axes, uint32_t n)
{
    fet_id node = FET_NONE, out = FET_NONE;
    if (d->status != FET_OK) return FET_NONE;
    const char *name = output ? output : middle(d, role);
    if (!name) d->status = fet_arena_full();
    if (d->status == FET_OK) d->status = fet_graph_add_value(d->reader->graph, name, FET_DTYPE_NONE, &out);
    if (d->status == FET_OK) d->status = fet_graph_add_node_to(d->reader->graph, op, name, &x, 1, &out, 1, &node);
    if (d->status == FET_OK && axes) d->status = fet_graph_set_ints(d->reader->graph, node, FET_ATTR_AXES, axes, n);
    if (d->status == FET_OK && output) fet_onnx_name_find(d->reader, output)->value = out;
    return done(d, node);
}

static fet_id constant(decomposition *d, const char *role, fet_dtype dtype, const fet_shape *shape, const void *data)
{
    fet_auto(fet_tensor) tensor = NULL;
    fet_id out = FET_NONE;
    if (d->status != FET_OK) return FET_NONE;
    char *name = middle(d, role);
    d->status = name ? fet_tensor_create(dtype, shape, &tensor) : fet_arena_full();
    if (d->status == FET_OK && tensor->bytes) memcpy(tensor->data, data, tensor->bytes);
    if (d->status == FET_OK) d->status = fet_graph_add_param(d->reader->graph, name, dtype, shape, tensor, false, &out);
    return out;
}

static fet_id ints(decomposition *d, const char *role, const int64_t *values, uint32_t n)
{
    fet_shape shape = fet_shape_1d(n);
    return constant(d, role, FET_DTYPE_S64, &shape, values);
}

static fet_id scalar(decomposition *d, const char *role, float value)
{
    fet_shape shape = {0};
    return constant(d, role, FET_DTYPE_F32, &shape, &value);
}

static void mish(decomposition *d)
{
    fet_id gate = apply(d, FET_OP_TANH, "tanh", apply(d, FET_OP_SOFTPLUS, "softplus", d->in[0], FET_NONE), FET_NONE);
    (void)apply(d, FET_OP_MUL, NULL, d->in[0], gate);
}

static void thresholded_relu(decomposition *d)
{
    fet_id above = apply(d, FET_OP_GREATER, "above", d->in[0], scalar(d, "alpha", float_of(d, "alpha", 1.0f)));
    (void)done(d, add(d, FET_OP_WHERE, NULL, above, d->in[0], scalar(d, "zero", 0.0f)));
}

/* Groups are the channels of an instance normalisation; scale and bias have one number a group until opset 20. */
static void group_normalization(decomposition *d)
{
    fet_shape shape = *shape_of(d, d->in[0]);
    int64_t groups = int_of(d, "num_groups", 0), apart[3] = {0, groups, -1};
    bool fits = shape.rank >= 3 && groups > 0 && shape.dim[1] % groups == 0 && d->in[1] != FET_NONE && d->in[2] != FET_NONE;
    if (!fits) {
        refuse(d, "its groups do not divide the channels, or scale or bias is missing");
        return;
    }
    fet_id rows = apply(d, FET_OP_RESHAPE, "groups", d->in[0], ints(d, "apart", apart, 3));
    fet_id node = add(d, FET_OP_INSTANCE_NORMALIZATION, "normal", rows, d->in[1], d->in[2]);
    if (d->status == FET_OK) d->status = fet_graph_set_float(d->reader->graph, node, FET_ATTR_EPSILON, float_of(d, "epsilon", 1e-5f));
    fet_id normal = done(d, node);
    shape.dim[0] = 0; /* as it comes: another batch stays possible */
    (void)apply(d, FET_OP_RESHAPE, NULL, normal, ints(d, "together", shape.dim, shape.rank));
}

/* Axes from the attribute or, opset 18, from a constant input; all when there are none. */
static bool axes_of(decomposition *d, int64_t axes[FET_MAX_RANK], uint32_t *out_n)
{
    const Onnx__AttributeProto *a = attr_of(d, "axes");
    const fet_tensor *tensor = d->in[1] != FET_NONE ? fet_graph_constant(d->reader->graph, d->in[1]) : NULL;
    if (d->in[1] != FET_NONE && (!tensor || tensor->dtype != FET_DTYPE_S64)) return false;
    const int64_t *from = a ? a->ints : tensor ? (const int64_t *)tensor->data : NULL;
    size_t n = a ? a->n_ints : tensor ? (size_t)fet_tensor_elements(tensor) : 0;
    if (n > FET_MAX_RANK) return false;
    for (size_t i = 0; i < n; i++) axes[i] = from[i];
    *out_n = (uint32_t)n;
    return true;
}

static fet_id reduce(decomposition *d, fet_op_kind op, const char *role, fet_id x, bool keep)
{
    int64_t axes[FET_MAX_RANK];
    uint32_t n = 0;
    if (!axes_of(d, axes, &n)) refuse(d, "its axes are no constant");
    bool by_input = op == FET_OP_REDUCE_SUM && n > 0; /* opset 13 */
    char list[32];
    snprintf(list, sizeof list, "%s_axes", role ? role : "axes");
    fet_id node = add(d, op, role, x, by_input ? ints(d, list, axes, n) : FET_NONE, FET_NONE);
    set_int(d, node, FET_ATTR_KEEPDIMS, keep);
    if (d->status == FET_OK && n && !by_input) d->status = fet_graph_set_ints(d->reader->graph, node, FET_ATTR_AXES, axes, n);
    return done(d, node);
}

static void reduce_log_sum(decomposition *d)
{
    (void)apply(d, FET_OP_LOG, NULL, reduce(d, FET_OP_REDUCE_SUM, "sum", d->in[0], int_of(d, "keepdims", 1) != 0), FET_NONE);
}

/* log(sum(exp(x - max))) + max: large numbers do not overflow. */
static void reduce_log_sum_exp(decomposition *d)
{
    bool keep = int_of(d, "keepdims", 1) != 0;
    fet_id x = d->in[0], low = apply(d, FET_OP_SUB, "low", x, reduce(d, FET_OP_REDUCE_MAX, "max", x, true));
    fet_id sum = reduce(d, FET_OP_REDUCE_SUM, "sum", apply(d, FET_OP_EXP, "exp", low, FET_NONE), keep);
    fet_id largest = reduce(d, FET_OP_REDUCE_MAX, "largest", x, keep);
    (void)apply(d, FET_OP_ADD, NULL, apply(d, FET_OP_LOG, "log", sum, FET_NONE), largest);
}

static void global_lp_pool(decomposition *d)
{
    int64_t p = int_of(d, "p", 2), axes[FET_MAX_RANK];
    uint32_t rank = shape_of(d, d->in[0])->rank;
    if (p != 1 && p != 2) {
        refuse(d, "p other than 1 and 2");
        return;
    }
    for (uint32_t i = 2; i < rank; i++) axes[i - 2] = i;
    fet_id node = add(d, p == 1 ? FET_OP_REDUCE_L1 : FET_OP_REDUCE_L2, NULL, d->in[0], FET_NONE, FET_NONE);
    if (d->status == FET_OK && rank > 2) d->status = fet_graph_set_ints(d->reader->graph, node, FET_ATTR_AXES, axes, rank - 2);
    (void)done(d, node);
}

/* The file's name of a value behind the first; NULL when it has none. */
static const char *output_name(const decomposition *d, size_t i)
{
    return i < d->proto->n_output && d->proto->output[i][0] ? d->proto->output[i] : NULL;
}

/* LayerNormalization whose mean or deviation is read, too. */
static void layer_normalization(decomposition *d)
{
    const fet_shape src = *shape_of(d, d->in[0]);
    int64_t axis = int_of(d, "axis", -1), axes[FET_MAX_RANK];
    uint32_t n = 0;
    if (axis < 0) axis += src.rank;
    for (int64_t i = axis; i >= 0 && i < src.rank; i++) axes[n++] = i;
    if (n == 0 || d->in[1] == FET_NONE) {
        (void)refuse(d, "its axis does not exist, or it has no scale");
        return;
    }
    fet_id mean = named(d, FET_OP_REDUCE_MEAN, output_name(d, 1), "mean", d->in[0], axes, n);
    fet_id centred = apply(d, FET_OP_SUB, "centred", d->in[0], mean);
    fet_id variance = named(d, FET_OP_REDUCE_MEAN, NULL, "variance", apply(d, FET_OP_MUL, "square", centred, centred), axes, n);
    fet_id safe = apply(d, FET_OP_ADD, "safe", variance, scalar(d, "epsilon", float_of(d, "epsilon", 1e-5f)));
    fet_id inverse = named(d, FET_OP_RECIPROCAL, output_name(d, 2), "inverse", apply(d, FET_OP_SQRT, "deviation", safe, FET_NONE), NULL, 0);
    fet_id normal = apply(d, FET_OP_MUL, "normal", centred, inverse);
    if (d->in[2] == FET_NONE) (void)apply(d, FET_OP_MUL, NULL, normal, d->in[1]);
    else (void)apply(d, FET_OP_ADD, NULL, apply(d, FET_OP_MUL, "scaled", normal, d->in[1]), d->in[2]);
}

/* --- Einsum of two operands: Transpose, Reshape, MatMul, Reshape, Transpose --- */

enum { MAX_LETTERS = FET_MAX_RANK };

typedef struct einsum {
    char a[MAX_LETTERS + 1], b[MAX_LETTERS + 1], out[MAX_LETTERS + 1];
    char batch[MAX_LETTERS + 1], m[MAX_LETTERS + 1], n[MAX_LETTERS + 1], k[MAX_LETTERS + 1];
} einsum;

/* Letters up to a comma, arrow or the end; each once. NULL when it is no such list. */
static const char *letters(const char *at, const char *end, char list[MAX_LETTERS + 1])
{
    size_t n = 0;
    for (; at < end && *at != ',' && *at != '-'; at++) {
        if (*at == ' ') continue;
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!letter || n == MAX_LETTERS || memchr(list, *at, n)) return NULL;
        list[n++] = *at;
    }
    list[n] = '\0';
    return at;
}

static bool parse_equation(const Onnx__AttributeProto *a, einsum *e)
{
    const char *at = (const char *)a->s.data, *end = at ? at + a->s.len : NULL;
    if (!at) return false;
    at = letters(at, end, e->a);
    if (!at || at == end || *at != ',') return false;
    at = letters(at + 1, end, e->b);
    if (!at || end - at < 2 || at[0] != '-' || at[1] != '>') return false;
    at = letters(at + 2, end, e->out);
    return at == end;
}

static void append(char *list, char c)
{
    size_t n = strlen(list);
    list[n] = c;
    list[n + 1] = '\0';
}

/* Which letters are kept from both, from one, or summed over; false when one stands in a single operand and not in the result. */
static bool sort_letters(einsum *e)
{
    for (const char *c = e->out; *c; c++) {
        bool a = strchr(e->a, *c) != NULL, b = strchr(e->b, *c) != NULL;
        if (!a && !b) return false;
        append(a && b ? e->batch : a ? e->m : e->n, *c);
    }
    for (const char *c = e->a; *c; c++)
        if (!strchr(e->out, *c)) {
            if (!strchr(e->b, *c)) return false;
            append(e->k, *c);
        }
    for (const char *c = e->b; *c; c++)
        if (!strchr(e->out, *c) && !strchr(e->a, *c)) return false;
    return true;
}

static int64_t size_of(const char *list, const char *of, const fet_shape *shape)
{
    int64_t size = 1;
    for (const char *c = list; *c; c++) size *= shape->dim[strchr(of, *c) - of];
    return size;
}

/* x, whose dimensions are called `from`, in the order batch + first + second, as a stack of matrices. */
static fet_id as_matrices(decomposition *d, const einsum *e, const char *which, fet_id x, const char *from, const char *first,
                          const char *second)
{
    char order[3 * MAX_LETTERS + 1], role[32];
    int64_t perm[MAX_LETTERS];
    const fet_shape shape = *shape_of(d, x);
    snprintf(order, sizeof order, "%s%s%s", e->batch, first, second);
    uint32_t n = (uint32_t)strlen(order);
    if (n != shape.rank) {
        refuse(d, "the equation does not name every dimension");
        return FET_NONE;
    }
    for (uint32_t i = 0; i < n; i++) perm[i] = strchr(from, order[i]) - from;
    snprintf(role, sizeof role, "%s_turned", which);
    if (strcmp(order, from) != 0) {
        fet_id node = add(d, FET_OP_TRANSPOSE, role, x, FET_NONE, FET_NONE);
        if (d->status == FET_OK) d->status = fet_graph_set_ints(d->reader->graph, node, FET_ATTR_PERM, perm, n);
        x = done(d, node);
    }
    int64_t target[3] = {size_of(e->batch, from, &shape), size_of(first, from, &shape), size_of(second, from, &shape)};
    char stack[32];
    snprintf(role, sizeof role, "%s_shape", which), snprintf(stack, sizeof stack, "%s_matrices", which);
    return apply(d, FET_OP_RESHAPE, stack, x, ints(d, role, target, 3));
}

static void multiply(decomposition *d, const einsum *e)
{
    const fet_shape a = *shape_of(d, d->in[0]), b = *shape_of(d, d->in[1]);
    char order[3 * MAX_LETTERS + 1];
    int64_t dims[3 * MAX_LETTERS], perm[MAX_LETTERS];
    snprintf(order, sizeof order, "%s%s%s", e->batch, e->m, e->n);
    uint32_t n = (uint32_t)strlen(order);
    for (uint32_t i = 0; i < n; i++) {
        const char *at = strchr(e->a, order[i]);
        dims[i] = at ? a.dim[at - e->a] : b.dim[strchr(e->b, order[i]) - e->b];
        perm[i] = strchr(order, e->out[i]) - order;
    }
    fet_id left = as_matrices(d, e, "a", d->in[0], e->a, e->m, e->k), right = as_matrices(d, e, "b", d->in[1], e->b, e->k, e->n);
    fet_id product = apply(d, FET_OP_MATMUL, "product", left, right), target = ints(d, "dims", dims, n);
    if (strcmp(order, e->out) == 0) {
        (void)apply(d, FET_OP_RESHAPE, NULL, product, target);
        return;
    }
    fet_id node = add(d, FET_OP_TRANSPOSE, NULL, apply(d, FET_OP_RESHAPE, "apart", product, target), FET_NONE, FET_NONE);
    if (d->status == FET_OK) d->status = fet_graph_set_ints(d->reader->graph, node, FET_ATTR_PERM, perm, n);
    (void)done(d, node);
}

static void einsum_of_two(decomposition *d)
{
    einsum e = {{0}, {0}, {0}, {0}, {0}, {0}, {0}};
    const Onnx__AttributeProto *a = attr_of(d, "equation");
    bool two = d->proto->n_input == 2 && d->in[1] != FET_NONE && a && parse_equation(a, &e) && sort_letters(&e);
    bool ranks = two && strlen(e.a) == shape_of(d, d->in[0])->rank && strlen(e.b) == shape_of(d, d->in[1])->rank;
    if (ranks) multiply(d, &e);
    else
        refuse(d, "only \"bij,bjk->bik\" and the like: two operands, each letter once in each, all others in the result; write it as "
                  "MatMul and Transpose");
}

static const struct {
    const char *type;
    void (*write)(decomposition *);
} table[] = {
    {"Einsum", einsum_of_two},
    {"GlobalLpPool", global_lp_pool},
    {"GroupNormalization", group_normalization},
    {"LayerNormalization", layer_normalization},
    {"Mish", mish},
    {"ReduceLogSum", reduce_log_sum},
    {"ReduceLogSumExp", reduce_log_sum_exp},
    {"ThresholdedRelu", thresholded_relu},
};

bool fet_onnx_can_decompose(const fet_onnx_reader *reader, const Onnx__NodeProto *proto, const char *type)
{
    bool several = false;
    for (size_t i = 1; i < proto->n_output; i++) {
        const fet_onnx_name *name = proto->output[i][0] ? fet_onnx_name_find(reader, proto->output[i]) : NULL;
        several = several || (name && name->used);
    }
    if (strcmp(type, "LayerNormalization") == 0 && !several) return false; /* an operator of ours */
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].type, type) == 0) return true;
    return false;
}

fet_status fet_onnx_decompose(fet_onnx_reader *reader, const Onnx__NodeProto *proto, const char *name)
{
    decomposition d = {.reader = reader, .proto = proto, .name = name, .in = {FET_NONE, FET_NONE, FET_NONE, FET_NONE}};
    bool outputs = proto->n_output == 1 || (proto->n_output <= 3 && strcmp(proto->op_type, "LayerNormalization") == 0);
    if (proto->n_input < 1 || proto->n_input > 4 || !outputs || !proto->output[0][0])
        return fet_fail(FET_ERROR_CORRUPT, "%s node \"%.200s\": %zu inputs and %zu outputs", proto->op_type, name, proto->n_input,
                        proto->n_output);
    for (size_t i = 0; i < proto->n_input; i++) {
        if (!proto->input[i][0]) continue;
        const fet_onnx_name *from = fet_onnx_name_find(reader, proto->input[i]);
        if (!from || from->value == FET_NONE)
            return fet_fail(FET_ERROR_CORRUPT, "node \"%.200s\" reads \"%.200s\", which is made by no node", name, proto->input[i]);
        d.in[i] = from->value;
    }
    if (d.in[0] == FET_NONE) return fet_fail(FET_ERROR_CORRUPT, "%s node \"%.200s\" has no first input", proto->op_type, name);
    if (reader->graph->values[d.in[0]].dtype != FET_DTYPE_F32) return refuse(&d, "its input is not f32");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].type, proto->op_type) == 0) table[i].write(&d);
    return d.status;
}
