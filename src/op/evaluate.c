// SPDX-License-Identifier: Apache-2.0
/*
 * Constant nodes computed at load time: the shape arithmetic that exporters leave in graphs, and moving of weights (Transpose, Reshape,
 * ...). Plain loops; integers are computed in 64 bits, floats in double and rounded once. Operators that do real work on data are left to
 * the engine.
 */
#include "op/infer.h"

#include <math.h>
#include <string.h>

static bool is_float(fet_dtype dtype)
{
    return dtype == FET_DTYPE_F32 || dtype == FET_DTYPE_F64 || dtype == FET_DTYPE_BF16;
}

static bool is_number(fet_dtype dtype)
{
    return dtype != FET_DTYPE_NONE && dtype != FET_DTYPE_F16; /* half precision is carried, not computed */
}

static int64_t load_int(const fet_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case FET_DTYPE_S64: return ((const int64_t *)t->data)[i];
    case FET_DTYPE_S32: return ((const int32_t *)t->data)[i];
    case FET_DTYPE_S16: return ((const int16_t *)t->data)[i];
    case FET_DTYPE_S8: return ((const int8_t *)t->data)[i];
    default: return ((const uint8_t *)t->data)[i];
    }
}

static double load(const fet_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case FET_DTYPE_F32: return (double)((const float *)t->data)[i];
    case FET_DTYPE_F64: return ((const double *)t->data)[i];
    case FET_DTYPE_BF16: return (double)fet_f32_from_bf16(((const uint16_t *)t->data)[i]);
    default: return (double)load_int(t, i);
    }
}

static void store_int(fet_tensor *t, int64_t i, int64_t value)
{
    switch (t->dtype) {
    case FET_DTYPE_S64: ((int64_t *)t->data)[i] = value; break;
    case FET_DTYPE_S32: ((int32_t *)t->data)[i] = (int32_t)value; break;
    case FET_DTYPE_S16: ((int16_t *)t->data)[i] = (int16_t)value; break;
    case FET_DTYPE_S8: ((int8_t *)t->data)[i] = (int8_t)value; break;
    case FET_DTYPE_BOOL: ((uint8_t *)t->data)[i] = value != 0; break;
    default: ((uint8_t *)t->data)[i] = (uint8_t)value; break;
    }
}

/* A double becomes an integer by cutting; what does not fit (and NaN) becomes the nearest that does (0), never undefined behaviour. */
static int64_t cut(double value)
{
    if (isnan(value)) return 0;
    if (value >= 0x1p63) return INT64_MAX;
    if (value <= -0x1p63) return INT64_MIN;
    return (int64_t)value;
}

static void store(fet_tensor *t, int64_t i, double value)
{
    switch (t->dtype) {
    case FET_DTYPE_F32: ((float *)t->data)[i] = (float)value; break;
    case FET_DTYPE_F64: ((double *)t->data)[i] = value; break;
    case FET_DTYPE_BF16: ((uint16_t *)t->data)[i] = fet_bf16_from_f32((float)value); break;
    case FET_DTYPE_BOOL: ((uint8_t *)t->data)[i] = value != 0; break;
    default: store_int(t, i, cut(value)); break;
    }
}

/* Row-major strides, 0 along axes that `shape` stretches to reach `rank`. */
static void strides_of(const fet_shape *shape, uint32_t rank, int64_t strides[FET_MAX_RANK])
{
    int64_t stride = 1;
    uint32_t shift = rank - shape->rank;
    for (uint32_t i = 0; i < shift; i++) strides[i] = 0;
    for (uint32_t i = shape->rank; i-- > 0;) {
        strides[shift + i] = shape->dim[i] == 1 ? 0 : stride;
        stride *= shape->dim[i];
    }
}

/* Steps `at` (coordinates in `shape`) to the next element and `offsets` along with it. */
static void advance(const fet_shape *shape, int64_t at[FET_MAX_RANK], uint32_t n, const int64_t strides[][FET_MAX_RANK], int64_t *offsets)
{
    for (uint32_t d = shape->rank; d-- > 0;) {
        for (uint32_t k = 0; k < n; k++) offsets[k] += strides[k][d];
        if (++at[d] < shape->dim[d]) return;
        for (uint32_t k = 0; k < n; k++) offsets[k] -= strides[k][d] * shape->dim[d];
        at[d] = 0;
    }
}

/* dst[i] = src[offset + strides . coordinates of i] */
static void copy_strided(const fet_tensor *src, const int64_t strides[FET_MAX_RANK], int64_t offset, fet_tensor *dst)
{
    size_t item = fet_dtype_bytes(dst->dtype);
    int64_t at[FET_MAX_RANK] = {0}, table[1][FET_MAX_RANK], elements = fet_tensor_elements(dst);
    memcpy(table[0], strides, sizeof table[0]);
    for (int64_t i = 0; i < elements; i++) {
        memcpy((char *)dst->data + (size_t)i * item, (const char *)src->data + (size_t)offset * item, item);
        advance(&dst->shape, at, 1, (const int64_t(*)[FET_MAX_RANK])table, &offset);
    }
}

static void transpose(const fet_node *node, const fet_tensor *src, fet_tensor *dst)
{
    int64_t from[FET_MAX_RANK] = {0}, strides[FET_MAX_RANK] = {0};
    const fet_attr *perm = fet_node_attr(node, FET_ATTR_PERM);
    strides_of(&src->shape, src->shape.rank, from);
    for (uint32_t i = 0; i < src->shape.rank; i++) {
        int64_t axis = perm ? perm->ints[i] : src->shape.rank - 1 - i;
        strides[i] = from[axis < 0 ? axis + src->shape.rank : axis];
    }
    copy_strided(src, strides, 0, dst);
}

static fet_status slice(const fet_graph *graph, const fet_node *node, const fet_tensor *src, fet_tensor *dst)
{
    int64_t starts[FET_MAX_RANK], steps[FET_MAX_RANK], strides[FET_MAX_RANK] = {0}, offset = 0;
    fet_shape shape;
    FET_TRY(fet_op_slice_steps(graph, node, starts, steps, &shape));
    strides_of(&src->shape, src->shape.rank, strides);
    for (uint32_t i = 0; i < shape.rank; i++) {
        offset += starts[i] * strides[i];
        strides[i] = shape.dim[i] > 1 ? strides[i] * steps[i] : 0;
    }
    copy_strided(src, strides, offset, dst);
    return FET_OK;
}

static void tile(const fet_tensor *src, fet_tensor *dst)
{
    size_t item = fet_dtype_bytes(dst->dtype);
    int64_t elements = fet_tensor_elements(dst);
    for (int64_t i = 0; i < elements; i++) {
        int64_t rest = i, offset = 0, stride = 1;
        for (uint32_t d = dst->shape.rank; d-- > 0;) {
            int64_t in = src->shape.dim[d], out = dst->shape.dim[d];
            if (in < 1 || out < 1) break; /* no elements, so nobody comes here */
            offset += rest % out % in * stride;
            stride *= in;
            rest /= out;
        }
        memcpy((char *)dst->data + (size_t)i * item, (const char *)src->data + (size_t)offset * item, item);
    }
}

static fet_status gather(const fet_node *node, const fet_tensor *src, const fet_tensor *indices, fet_tensor *dst)
{
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, 0), outer = 1, n = fet_tensor_elements(indices);
    size_t inner = fet_dtype_bytes(src->dtype);
    if (axis < 0) axis += src->shape.rank;
    for (int64_t i = 0; i < axis; i++) outer *= src->shape.dim[i];
    for (int64_t i = axis + 1; i < src->shape.rank; i++) inner *= (size_t)src->shape.dim[i];
    if (indices->dtype != FET_DTYPE_S64 && indices->dtype != FET_DTYPE_S32)
        return fet_op_fail(node, FET_ERROR_SHAPE, "indices of type %s, expected s64 or s32", fet_dtype_name(indices->dtype));
    for (int64_t k = 0; k < n; k++) {
        int64_t index = load_int(indices, k), dim = src->shape.dim[axis];
        if (index < 0) index += dim;
        if (index < 0 || index >= dim)
            return fet_op_fail(node, FET_ERROR_SHAPE, "index %" PRId64 " of a dimension of %" PRId64, load_int(indices, k), dim);
        for (int64_t o = 0; o < outer; o++)
            memcpy((char *)dst->data + (size_t)(o * n + k) * inner, (const char *)src->data + (size_t)(o * dim + index) * inner, inner);
    }
    return FET_OK;
}

static void concat(const fet_graph *graph, const fet_node *node, fet_tensor *dst)
{
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, 1), outer = 1;
    if (axis < 0) axis += dst->shape.rank;
    for (int64_t i = 0; i < axis; i++) outer *= dst->shape.dim[i];
    char *to = dst->data;
    for (int64_t o = 0; o < outer; o++)
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            const fet_tensor *src = fet_graph_constant(graph, node->inputs[i]);
            size_t row = src->bytes / (size_t)outer;
            if (row) memcpy(to, (const char *)src->data + (size_t)o * row, row);
            to += row;
        }
}

static int64_t wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t wrap_multiply(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

/* Integers wrap, and division by zero gives 0, so that no file can make this undefined. */
static int64_t binary_int(fet_op_kind op, int64_t a, int64_t b)
{
    switch (op) {
    case FET_OP_ADD: return wrap_add(a, b);
    case FET_OP_SUB: return wrap_add(a, wrap_multiply(b, -1));
    case FET_OP_MUL: return wrap_multiply(a, b);
    case FET_OP_DIV: return b == 0 ? 0 : b == -1 ? wrap_multiply(a, -1) : a / b;
    case FET_OP_MIN: return a < b ? a : b;
    case FET_OP_MAX: return a > b ? a : b;
    case FET_OP_EQUAL: return a == b;
    case FET_OP_GREATER: return a > b;
    case FET_OP_LESS: return a < b;
    case FET_OP_GREATER_OR_EQUAL: return a >= b;
    case FET_OP_LESS_OR_EQUAL: return a <= b;
    case FET_OP_AND: return a && b;
    default: return a || b; /* OR */
    }
}

/* The remainder has the sign of the divisor, as Python has it, or of the dividend, as C does; of a division by zero it is 0. */
static int64_t modulo_int(int64_t a, int64_t b, bool as_c)
{
    if (b == 0 || b == -1) return 0;
    int64_t rest = a % b;
    return !as_c && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static double modulo_float(double a, double b, bool as_c)
{
    double rest = fmod(a, b);
    return !as_c && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static double binary_float(fet_op_kind op, double a, double b)
{
    switch (op) {
    case FET_OP_ADD: return a + b;
    case FET_OP_SUB: return a - b;
    case FET_OP_MUL: return a * b;
    case FET_OP_DIV: return a / b;
    case FET_OP_MIN: return a < b ? a : b;
    case FET_OP_MAX: return a > b ? a : b;
    case FET_OP_EQUAL: return a == b;
    case FET_OP_GREATER: return a > b;
    case FET_OP_LESS: return a < b;
    case FET_OP_GREATER_OR_EQUAL: return a >= b;
    default: return a <= b; /* LESS_OR_EQUAL */
    }
}

static void binary(const fet_node *node, const fet_tensor *a, const fet_tensor *b, fet_tensor *dst)
{
    fet_op_kind op = node->op;
    bool as_c = fet_node_int(node, FET_ATTR_FMOD, 0) != 0;
    int64_t strides[2][FET_MAX_RANK], at[FET_MAX_RANK] = {0}, offsets[2] = {0, 0}, elements = fet_tensor_elements(dst);
    strides_of(&a->shape, dst->shape.rank, strides[0]);
    strides_of(&b->shape, dst->shape.rank, strides[1]);
    for (int64_t i = 0; i < elements; i++) {
        if (is_float(a->dtype)) {
            double x = load(a, offsets[0]), y = load(b, offsets[1]);
            store(dst, i, op == FET_OP_MOD ? modulo_float(x, y, as_c) : binary_float(op, x, y));
        } else {
            int64_t x = load_int(a, offsets[0]), y = load_int(b, offsets[1]);
            store_int(dst, i, op == FET_OP_MOD ? modulo_int(x, y, as_c) : binary_int(op, x, y));
        }
        advance(&dst->shape, at, 2, (const int64_t(*)[FET_MAX_RANK])strides, offsets);
    }
}

static void where(const fet_tensor *condition, const fet_tensor *a, const fet_tensor *b, fet_tensor *dst)
{
    int64_t strides[3][FET_MAX_RANK], at[FET_MAX_RANK] = {0}, offsets[3] = {0, 0, 0}, elements = fet_tensor_elements(dst);
    size_t item = fet_dtype_bytes(dst->dtype);
    strides_of(&condition->shape, dst->shape.rank, strides[0]);
    strides_of(&a->shape, dst->shape.rank, strides[1]);
    strides_of(&b->shape, dst->shape.rank, strides[2]);
    for (int64_t i = 0; i < elements; i++) {
        bool first = load_int(condition, offsets[0]) != 0;
        memcpy((char *)dst->data + (size_t)i * item, (const char *)(first ? a : b)->data + (size_t)offsets[first ? 1 : 2] * item, item);
        advance(&dst->shape, at, 3, (const int64_t(*)[FET_MAX_RANK])strides, offsets);
    }
}

static double unary(fet_op_kind op, double x)
{
    switch (op) {
    case FET_OP_NEG: return -x;
    case FET_OP_ABS: return fabs(x);
    case FET_OP_FLOOR: return floor(x);
    case FET_OP_CEIL: return ceil(x);
    case FET_OP_ROUND: return nearbyint(x); /* half to even, as ONNX */
    case FET_OP_SQRT: return sqrt(x);
    case FET_OP_EXP: return exp(x);
    case FET_OP_LOG: return log(x);
    case FET_OP_RECIPROCAL: return 1.0 / x;
    case FET_OP_NOT: return x == 0;
    default: return x; /* CAST */
    }
}

/* Whole steps back into numbers; one size of step, or one an entry of the axis. zero of dtype NONE: left out. */
static void dequantise(const fet_node *node, const fet_tensor *src, const fet_tensor *scale, const fet_tensor *zero, fet_tensor *dst)
{
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, 1), inner = 1, n = fet_tensor_elements(scale), elements = fet_tensor_elements(dst);
    if (axis < 0) axis += src->shape.rank;
    for (int64_t a = axis + 1; a < src->shape.rank; a++) inner *= src->shape.dim[a];
    for (int64_t i = 0; i < elements; i++) {
        int64_t k = n == 1 ? 0 : i / inner % n, offset = zero->dtype == FET_DTYPE_NONE ? 0 : load_int(zero, k);
        /* In f32, as whoever runs the file does it. */
        store(dst, i, (double)((float)(load_int(src, i) - offset) * (float)load(scale, k)));
    }
}

/* Elementwise on one input; a cast between integers stays exact in 64 bits. */
static void map(fet_op_kind op, const fet_tensor *src, fet_tensor *dst)
{
    int64_t elements = fet_tensor_elements(dst);
    bool exact = op == FET_OP_CAST && !is_float(src->dtype) && !is_float(dst->dtype);
    for (int64_t i = 0; i < elements; i++) {
        if (exact) store_int(dst, i, load_int(src, i));
        else if (op == FET_OP_NEG && !is_float(src->dtype)) store_int(dst, i, wrap_multiply(load_int(src, i), -1));
        else store(dst, i, unary(op, load(src, i)));
    }
}

/* Sum, product, extremes and mean over the axes that the output does not have, on integers or doubles. */
static void reduce(fet_op_kind op, const fet_shape *kept, const fet_tensor *src, fet_tensor *dst)
{
    int64_t strides[1][FET_MAX_RANK], at[FET_MAX_RANK] = {0}, offset = 0, elements = fet_tensor_elements(src), n = fet_tensor_elements(dst);
    bool whole = !is_float(src->dtype);
    strides_of(kept, kept->rank, strides[0]);
    double first = op == FET_OP_REDUCE_PROD ? 1 : op == FET_OP_REDUCE_MIN ? INFINITY : op == FET_OP_REDUCE_MAX ? -INFINITY : 0;
    for (int64_t i = 0; i < n; i++)
        if (whole) store_int(dst, i, op == FET_OP_REDUCE_MIN ? INT64_MAX : op == FET_OP_REDUCE_MAX ? INT64_MIN : op == FET_OP_REDUCE_PROD);
        else store(dst, i, first);
    fet_op_kind step = op == FET_OP_REDUCE_PROD  ? FET_OP_MUL
                       : op == FET_OP_REDUCE_MIN ? FET_OP_MIN
                       : op == FET_OP_REDUCE_MAX ? FET_OP_MAX
                                                 : FET_OP_ADD;
    for (int64_t i = 0; i < elements; i++) {
        if (whole) store_int(dst, offset, binary_int(step, load_int(dst, offset), load_int(src, i)));
        else store(dst, offset, binary_float(step, load(dst, offset), load(src, i)));
        advance(&src->shape, at, 1, (const int64_t(*)[FET_MAX_RANK])strides, &offset);
    }
    for (int64_t i = 0; op == FET_OP_REDUCE_MEAN && i < n; i++) store(dst, i, load(dst, i) / ((double)elements / (double)n));
}

static void fill(fet_tensor *dst, const fet_tensor *value)
{
    size_t item = fet_dtype_bytes(dst->dtype);
    int64_t elements = fet_tensor_elements(dst);
    for (int64_t i = 0; value && i < elements; i++) memcpy((char *)dst->data + (size_t)i * item, value->data, item);
}

static void range(const fet_tensor *start, const fet_tensor *delta, fet_tensor *dst)
{
    int64_t elements = fet_tensor_elements(dst);
    for (int64_t i = 0; i < elements; i++) {
        if (is_float(dst->dtype)) store(dst, i, load(start, 0) + (double)i * load(delta, 0));
        else store_int(dst, i, wrap_add(load_int(start, 0), wrap_multiply(i, load_int(delta, 0))));
    }
}

/* The output's shape with the reduced axes kept as 1, whatever keepdims says. */
static bool kept_shape(const fet_graph *graph, const fet_node *node, const fet_tensor *src, const fet_tensor *dst, fet_shape *out_shape)
{
    *out_shape = dst->shape;
    if (dst->shape.rank == src->shape.rank) return true;
    int64_t axes[FET_MAX_RANK];
    uint32_t n = 0, mask = 0;
    bool found = false;
    if (fet_op_ints_of_attr(node, FET_ATTR_AXES, FET_MAX_RANK, axes, &n, &found) != FET_OK) return false;
    if (!found && fet_node_input(graph, node, 1) && fet_op_ints_of_input(graph, node, 1, "axes", FET_MAX_RANK, axes, &n) != FET_OK)
        return false;
    if (fet_op_axes(node, axes, n, src->shape.rank, &mask) != FET_OK) return false;
    *out_shape = src->shape;
    for (uint32_t i = 0; i < src->shape.rank; i++)
        if (n == 0 || mask >> i & 1u) out_shape->dim[i] = 1;
    return true;
}

static bool is_binary(const fet_node *node)
{
    if (node->n_inputs != 2) return false;
    switch (node->op) {
    case FET_OP_ADD:
    case FET_OP_SUB:
    case FET_OP_MUL:
    case FET_OP_DIV:
    case FET_OP_MOD:
    case FET_OP_MIN:
    case FET_OP_MAX:
    case FET_OP_EQUAL:
    case FET_OP_GREATER:
    case FET_OP_LESS:
    case FET_OP_GREATER_OR_EQUAL:
    case FET_OP_LESS_OR_EQUAL:
    case FET_OP_AND:
    case FET_OP_OR: return true;
    default: return false;
    }
}

/* *out_done: false when the operator is not computed here. */
static fet_status compute(const fet_graph *graph, const fet_node *node, const fet_tensor *const in[3], fet_tensor *dst, bool *out_done)
{
    *out_done = true;
    if (is_binary(node)) {
        *out_done = is_number(in[0]->dtype) && in[0]->dtype == in[1]->dtype;
        if (*out_done) binary(node, in[0], in[1], dst);
        return FET_OK;
    }
    int64_t strides[FET_MAX_RANK];
    fet_shape kept;
    switch (node->op) {
    case FET_OP_SHAPE:
        for (int64_t i = 0; i < dst->shape.dim[0]; i++) fet_tensor_s64(dst)[i] = fet_op_src(graph, node, 0)->shape.dim[i];
        return FET_OK;
    case FET_OP_RESHAPE:
    case FET_OP_FLATTEN:
    case FET_OP_SQUEEZE:
    case FET_OP_UNSQUEEZE:
    case FET_OP_IDENTITY: memcpy(dst->data, in[0]->data, dst->bytes); return FET_OK;
    case FET_OP_TRANSPOSE: transpose(node, in[0], dst); return FET_OK;
    case FET_OP_EXPAND:
        strides_of(&in[0]->shape, dst->shape.rank, strides);
        copy_strided(in[0], strides, 0, dst);
        return FET_OK;
    case FET_OP_SLICE: return slice(graph, node, in[0], dst);
    case FET_OP_TILE: tile(in[0], dst); return FET_OK;
    case FET_OP_GATHER: return gather(node, in[0], in[1], dst);
    case FET_OP_CONCAT: concat(graph, node, dst); return FET_OK;
    case FET_OP_WHERE: where(in[0], in[1], in[2], dst); return FET_OK;
    case FET_OP_CONSTANT_OF_SHAPE: {
        const fet_attr *value = fet_node_attr(node, FET_ATTR_VALUE);
        if (value && (value->type != FET_ATTR_TYPE_TENSOR || fet_tensor_elements(value->tensor) != 1))
            return fet_op_fail(node, FET_ERROR_ARG, "attribute value is no tensor of one element");
        fill(dst, value ? value->tensor : NULL);
        return FET_OK;
    }
    case FET_OP_RANGE: range(in[0], in[2], dst); return FET_OK;
    case FET_OP_DEQUANTIZE_LINEAR:
        *out_done = is_number(in[0]->dtype) && in[1]->dtype == FET_DTYPE_F32;
        if (*out_done) dequantise(node, in[0], in[1], in[2], dst);
        return FET_OK;
    case FET_OP_NEG:
    case FET_OP_ABS:
    case FET_OP_FLOOR:
    case FET_OP_CEIL:
    case FET_OP_ROUND:
    case FET_OP_SQRT:
    case FET_OP_EXP:
    case FET_OP_LOG:
    case FET_OP_RECIPROCAL:
    case FET_OP_NOT:
    case FET_OP_CAST:
        *out_done = is_number(in[0]->dtype) && is_number(dst->dtype);
        if (*out_done) map(node->op, in[0], dst);
        return FET_OK;
    case FET_OP_REDUCE_SUM:
    case FET_OP_REDUCE_PROD:
    case FET_OP_REDUCE_MIN:
    case FET_OP_REDUCE_MAX:
    case FET_OP_REDUCE_MEAN:
        *out_done = is_number(in[0]->dtype) && fet_tensor_elements(in[0]) > 0 && kept_shape(graph, node, in[0], dst, &kept);
        if (*out_done) reduce(node->op, &kept, in[0], dst);
        return FET_OK;
    default: *out_done = false; return FET_OK;
    }
}

fet_status fet_op_evaluate(const fet_graph *graph, const fet_node *node, fet_tensor **out_tensor)
{
    const fet_value *value = &graph->values[node->outputs[0]];
    static int64_t zero = 0; /* stands for inputs left out; never read by an operator that was inferred */
    static const fet_tensor nothing = {.dtype = FET_DTYPE_NONE, .data = &zero};
    const fet_tensor *in[3] = {&nothing, &nothing, &nothing};
    for (uint32_t i = 0; i < node->n_inputs && i < 3; i++) {
        const fet_tensor *constant = fet_graph_constant(graph, node->inputs[i]);
        if (constant) in[i] = constant;
    }
    fet_auto(fet_tensor) dst = NULL;
    bool done = false;
    FET_TRY(fet_tensor_create(value->dtype, &value->shape, &dst));
    FET_TRY(compute(graph, node, in, dst, &done));
    *out_tensor = done ? fet_take(dst) : NULL;
    return FET_OK;
}
