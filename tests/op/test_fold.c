// SPDX-License-Identifier: Apache-2.0
/* Folding of constants: numbers against definitions by coordinates, what stays, and the budget. */
#include "one_node.h"

#include <math.h>

static fet_rng rng;
static const size_t plenty = 1 << 20;

/* Coordinates of element i of a shape, and back; positions outside of `shape`'s rank or stretched count as 0. */
static void coordinates(const fet_shape *shape, int64_t i, int64_t at[FET_MAX_RANK])
{
    for (uint32_t d = shape->rank; d-- > 0;) at[d] = i % shape->dim[d], i /= shape->dim[d];
}

static int64_t position(const fet_shape *shape, const int64_t *at)
{
    int64_t i = 0;
    for (uint32_t d = 0; d < shape->rank; d++) i = i * shape->dim[d] + at[d];
    return i;
}

/* Position in a smaller shape that is stretched to rank `rank`. */
static int64_t stretched(const fet_shape *shape, uint32_t rank, const int64_t *at)
{
    int64_t own[FET_MAX_RANK];
    for (uint32_t d = 0; d < shape->rank; d++) own[d] = shape->dim[d] == 1 ? 0 : at[d + rank - shape->rank];
    return position(shape, own);
}

static double number(const fet_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case FET_DTYPE_F32: return (double)fet_tensor_f32(t)[i];
    case FET_DTYPE_S64: return (double)fet_tensor_s64(t)[i];
    case FET_DTYPE_S32: return ((const int32_t *)t->data)[i];
    case FET_DTYPE_BOOL: return ((const uint8_t *)t->data)[i];
    default: fail_msg("type"); return 0;
    }
}

/* Folds the one node; its output must have become a constant. */
static const fet_tensor *folded(one_node *one)
{
    size_t left = plenty;
    fet_id dst = one->graph->nodes[one->node].outputs[0];
    CHECK_OK(fet_graph_fold(one->graph, &left));
    const fet_tensor *tensor = fet_graph_constant(one->graph, dst);
    if (!tensor) fail_msg("was not folded");
    assert_int_equal(plenty - left, tensor->bytes);
    assert_int_equal(one->graph->nodes[one->node].op, FET_OP_NONE);
    CHECK_OK(fet_graph_compact(one->graph));
    assert_int_equal(one->graph->n_nodes, 0);
    CHECK_OK(fet_graph_verify(one->graph));
    return tensor;
}

static fet_dtype some_dtype(void)
{
    static const fet_dtype dtypes[] = {FET_DTYPE_F32, FET_DTYPE_S64, FET_DTYPE_S32};
    return dtypes[fet_rng_below(&rng, 3)];
}

static void transpose(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        fet_shape src = random_shape(&rng, (uint32_t)between(&rng, 1, 4), 1, 4);
        uint32_t order[4] = {0, 1, 2, 3};
        int64_t perm[4], at[FET_MAX_RANK], from[FET_MAX_RANK];
        one_node one = one_begin();
        const fet_tensor *in = one_random(&one, &rng, some_dtype(), src);
        fet_rng_shuffle(&rng, order, src.rank);
        for (uint32_t i = 0; i < src.rank; i++) perm[i] = order[i];
        one_op(&one, FET_OP_TRANSPOSE, 1);
        CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_PERM, perm, src.rank));
        fet_auto(fet_tensor) keep = fet_tensor_retain((fet_tensor *)(uintptr_t)in); /* compacting drops the unused input */
        const fet_tensor *out = folded(&one);
        for (int64_t i = 0; i < fet_tensor_elements(out); i++) {
            coordinates(&out->shape, i, at);
            for (uint32_t d = 0; d < src.rank; d++) from[perm[d]] = at[d];
            assert_true(number(out, i) == number(keep, position(&src, from)));
        }
        one_end(&one);
    }
}

static double apply(fet_op_kind op, double a, double b, bool whole)
{
    switch (op) {
    case FET_OP_ADD: return a + b;
    case FET_OP_SUB: return a - b;
    case FET_OP_MUL: return a * b;
    case FET_OP_DIV: return whole ? trunc(a / b) : a / b;
    case FET_OP_MOD: return a - b * floor(a / b); /* exact for the small whole numbers here and their quarters */
    case FET_OP_MIN: return fmin(a, b);
    case FET_OP_MAX: return fmax(a, b);
    case FET_OP_EQUAL: return a == b;
    case FET_OP_GREATER: return a > b;
    case FET_OP_LESS: return a < b;
    case FET_OP_GREATER_OR_EQUAL: return a >= b;
    default: return a <= b;
    }
}

static void binary_with_stretching(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_ADD,           FET_OP_SUB,   FET_OP_MUL,     FET_OP_DIV,  FET_OP_MIN,
                                      FET_OP_MAX,           FET_OP_EQUAL, FET_OP_GREATER, FET_OP_LESS, FET_OP_GREATER_OR_EQUAL,
                                      FET_OP_LESS_OR_EQUAL, FET_OP_MOD};
    enum { N_OPS = sizeof ops / sizeof *ops };
    for (int round = 0; round < 600; round++) {
        fet_shape whole = random_shape(&rng, (uint32_t)between(&rng, 0, 4), 1, 4), a = whole, b = whole;
        for (uint32_t d = 0; d < whole.rank; d++) {
            uint32_t choice = fet_rng_below(&rng, 4);
            if (choice == 0) a.dim[d] = 1;
            if (choice == 1) b.dim[d] = 1;
        }
        fet_op_kind op = ops[round % N_OPS];
        fet_dtype dtype = some_dtype();
        one_node one = one_begin();
        fet_auto(fet_tensor) x = fet_tensor_retain(one_random(&one, &rng, dtype, a));
        fet_auto(fet_tensor) y = fet_tensor_retain(one_random(&one, &rng, dtype, b));
        bool divides = op == FET_OP_DIV || op == FET_OP_MOD;
        for (int64_t i = 0; divides && i < fet_tensor_elements(y); i++) /* no division by zero here */
            if (number(y, i) == 0 && dtype == FET_DTYPE_F32) fet_tensor_f32(y)[i] = 3;
            else if (number(y, i) == 0 && dtype == FET_DTYPE_S64) fet_tensor_s64(y)[i] = 3;
            else if (number(y, i) == 0) ((int32_t *)y->data)[i] = 3;
        one_op(&one, op, 1);
        const fet_tensor *out = folded(&one);
        for (int64_t i = 0; i < fet_tensor_elements(out); i++) {
            int64_t at[FET_MAX_RANK];
            coordinates(&out->shape, i, at);
            double want = apply(op, number(x, stretched(&a, out->shape.rank, at)), number(y, stretched(&b, out->shape.rank, at)),
                                dtype != FET_DTYPE_F32);
            assert_true(number(out, i) == (out->dtype == FET_DTYPE_F32 ? (double)(float)want : want));
        }
        one_end(&one);
    }
}

static void slices_and_gathers(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        fet_shape src = random_shape(&rng, (uint32_t)between(&rng, 1, 3), 1, 5);
        uint32_t axis = fet_rng_below(&rng, src.rank);
        int64_t dim = src.dim[axis], picked[16], at[FET_MAX_RANK], step = between(&rng, 1, 3) * (fet_rng_below(&rng, 2) ? 1 : -1);
        int64_t start = between(&rng, 0, dim - 1), end = step > 0 ? dim : -dim - 1;
        uint32_t n = 0;
        bool by_slice = fet_rng_below(&rng, 2);
        one_node one = one_begin();
        fet_auto(fet_tensor) in = fet_tensor_retain(one_random(&one, &rng, some_dtype(), src));
        if (by_slice) {
            for (int64_t i = start; i >= 0 && i < dim; i += step) picked[n++] = i;
            one_ints(&one, &start, 1);
            one_ints(&one, &end, 1);
            one_ints(&one, (int64_t[]){(int64_t)axis - src.rank}, 1);
            one_ints(&one, &step, 1);
            one_op(&one, FET_OP_SLICE, 1);
        } else {
            n = (uint32_t)between(&rng, 1, 6);
            int64_t written[16];
            for (uint32_t i = 0; i < n; i++)
                picked[i] = between(&rng, 0, dim - 1), written[i] = picked[i] - (fet_rng_below(&rng, 2) ? dim : 0);
            one_ints(&one, written, n);
            one_op(&one, FET_OP_GATHER, 1);
            CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_AXIS, axis));
        }
        const fet_tensor *out = folded(&one);
        assert_int_equal(out->shape.dim[axis], n);
        for (int64_t i = 0; i < fet_tensor_elements(out); i++) {
            coordinates(&out->shape, i, at);
            at[axis] = picked[at[axis]];
            assert_true(number(out, i) == number(in, position(&src, at)));
        }
        one_end(&one);
    }
    one_node one = one_begin(); /* an index outside */
    one_random(&one, &rng, FET_DTYPE_F32, fet_shape_1d(3));
    one_ints(&one, (int64_t[]){3}, 1);
    one_op(&one, FET_OP_GATHER, 1);
    size_t left = plenty;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_graph_fold(one.graph, &left));
    one_end(&one);
}

static void concat_tile_expand_where(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        fet_shape a = random_shape(&rng, (uint32_t)between(&rng, 1, 3), 1, 4), b = a;
        uint32_t axis = fet_rng_below(&rng, a.rank);
        int64_t at[FET_MAX_RANK], repeats[3];
        b.dim[axis] = between(&rng, 0, 3);
        one_node one = one_begin();
        fet_auto(fet_tensor) x = fet_tensor_retain(one_random(&one, &rng, FET_DTYPE_F32, a));
        fet_auto(fet_tensor) y = fet_tensor_retain(one_random(&one, &rng, FET_DTYPE_F32, b));
        one_op(&one, FET_OP_CONCAT, 1);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_AXIS, axis));
        const fet_tensor *out = folded(&one);
        for (int64_t i = 0; i < fet_tensor_elements(out); i++) {
            coordinates(&out->shape, i, at);
            bool first = at[axis] < a.dim[axis];
            if (!first) at[axis] -= a.dim[axis];
            assert_true(number(out, i) == (first ? number(x, position(&a, at)) : number(y, position(&b, at))));
        }
        one_end(&one);

        one = one_begin();
        fet_auto(fet_tensor) t = fet_tensor_retain(one_random(&one, &rng, FET_DTYPE_S64, a));
        for (uint32_t d = 0; d < a.rank; d++) repeats[d] = between(&rng, 1, 3);
        one_ints(&one, repeats, a.rank);
        one_op(&one, FET_OP_TILE, 1);
        out = folded(&one);
        for (int64_t i = 0; i < fet_tensor_elements(out); i++) {
            coordinates(&out->shape, i, at);
            for (uint32_t d = 0; d < a.rank; d++) at[d] %= a.dim[d];
            assert_true(number(out, i) == number(t, position(&a, at)));
        }
        one_end(&one);

        one = one_begin();
        fet_shape wide = {.rank = 1 + a.rank, .dim = {2}};
        for (uint32_t d = 0; d < a.rank; d++) wide.dim[1 + d] = a.dim[d] == 1 ? 3 : a.dim[d];
        fet_auto(fet_tensor) c = fet_tensor_retain(one_random(&one, &rng, FET_DTYPE_BOOL, wide));
        fet_auto(fet_tensor) p = fet_tensor_retain(one_random(&one, &rng, FET_DTYPE_F32, a));
        fet_auto(fet_tensor) q = fet_tensor_retain(one_random(&one, &rng, FET_DTYPE_F32, (fet_shape){0}));
        one_op(&one, FET_OP_WHERE, 1);
        out = folded(&one);
        for (int64_t i = 0; i < fet_tensor_elements(out); i++) {
            coordinates(&out->shape, i, at);
            double wanted = number(c, i) != 0 ? number(p, stretched(&a, wide.rank, at)) : number(q, 0);
            assert_true(number(out, i) == wanted);
        }
        one_end(&one);

        one = one_begin();
        fet_auto(fet_tensor) e = fet_tensor_retain(one_random(&one, &rng, FET_DTYPE_S32, a));
        one_ints(&one, wide.dim, wide.rank);
        one_op(&one, FET_OP_EXPAND, 1);
        out = folded(&one);
        check_shape(&out->shape, &wide);
        for (int64_t i = 0; i < fet_tensor_elements(out); i++) {
            coordinates(&out->shape, i, at);
            assert_true(number(out, i) == number(e, stretched(&a, wide.rank, at)));
        }
        one_end(&one);
    }
}

static void reductions(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_REDUCE_SUM, FET_OP_REDUCE_PROD, FET_OP_REDUCE_MIN, FET_OP_REDUCE_MAX, FET_OP_REDUCE_MEAN};
    for (int round = 0; round < 300; round++) {
        fet_shape src = random_shape(&rng, (uint32_t)between(&rng, 1, 3), 1, 4);
        fet_op_kind op = ops[round % 5];
        fet_dtype dtype = fet_rng_below(&rng, 2) && op != FET_OP_REDUCE_MEAN ? FET_DTYPE_S64 : FET_DTYPE_F32;
        int64_t axes[3], at[FET_MAX_RANK], kept[FET_MAX_RANK];
        uint32_t n = 0, mask = 0;
        for (uint32_t d = 0; d < src.rank; d++)
            if (fet_rng_below(&rng, 2)) axes[n++] = d, mask |= 1u << d;
        if (n == 0) mask = 7;
        bool keep = fet_rng_below(&rng, 2);
        one_node one = one_begin();
        fet_auto(fet_tensor) in = fet_tensor_retain(one_random(&one, &rng, dtype, src));
        one_op(&one, op, 1);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_KEEPDIMS, keep));
        if (n) CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_AXES, axes, n));
        const fet_tensor *out = folded(&one);
        fet_shape keepers = {0};
        for (uint32_t d = 0; d < src.rank; d++)
            if (!(mask >> d & 1u)) keepers.dim[keepers.rank++] = src.dim[d];
        assert_int_equal(fet_tensor_elements(out), fet_shape_elements(&keepers));
        for (int64_t o = 0; o < fet_tensor_elements(out); o++) {
            double sum = 0, product = 1, low = INFINITY, high = -INFINITY, count = 0;
            for (int64_t i = 0; i < fet_tensor_elements(in); i++) {
                uint32_t k = 0;
                coordinates(&src, i, at);
                for (uint32_t d = 0; d < src.rank; d++)
                    if (!(mask >> d & 1u)) kept[k++] = at[d];
                if (position(&keepers, kept) != o) continue;
                double x = number(in, i);
                sum += x, product *= x, low = fmin(low, x), high = fmax(high, x), count++;
            }
            double want = op == FET_OP_REDUCE_SUM    ? sum
                          : op == FET_OP_REDUCE_PROD ? product
                          : op == FET_OP_REDUCE_MIN  ? low
                          : op == FET_OP_REDUCE_MAX  ? high
                                                     : sum / count;
            CHECK_NEAR(number(out, o), want, 1e-5 * fabs(want) + 1e-6);
        }
        one_end(&one);
    }
}

static void casts_and_ranges(void **state)
{
    (void)state;
    one_node one = one_begin();
    fet_tensor *in = one_random(&one, &rng, FET_DTYPE_F32, fet_shape_1d(5));
    memcpy(in->data, (float[]){1.9f, -1.9f, NAN, 1e30f, -1e30f}, 20);
    one_op(&one, FET_OP_CAST, 1);
    CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_TO, 7)); /* int64 */
    const fet_tensor *out = folded(&one);
    const int64_t want[5] = {1, -1, 0, INT64_MAX, INT64_MIN};
    assert_memory_equal(out->data, want, sizeof want);
    one_end(&one);

    one = one_begin();
    for (int i = 0; i < 3; i++) {
        fet_tensor *scalar = one_random(&one, &rng, FET_DTYPE_S64, (fet_shape){0});
        fet_tensor_s64(scalar)[0] = (int64_t[]){10, 1, -3}[i];
    }
    one_op(&one, FET_OP_RANGE, 1);
    out = folded(&one);
    assert_int_equal(fet_tensor_elements(out), 3);
    for (int i = 0; i < 3; i++) assert_int_equal(fet_tensor_s64(out)[i], 10 - 3 * i);
    one_end(&one);
}

/* Integer arithmetic at its edges is defined: it wraps, and dividing by zero gives 0. */
static void integer_edges(void **state)
{
    (void)state;
    const int64_t numbers[] = {INT64_MIN, INT64_MAX, -1, 0, 1};
    static const fet_op_kind ops[] = {FET_OP_ADD, FET_OP_SUB, FET_OP_MUL, FET_OP_DIV, FET_OP_MOD};
    for (int i = 0; i < 125; i++) {
        one_node one = one_begin();
        one_ints(&one, &numbers[i % 5], 1);
        one_ints(&one, &numbers[i / 5 % 5], 1);
        one_op(&one, ops[i / 25], 1);
        folded(&one);
        one_end(&one);
    }
}

/* With fmod the remainder has the sign of the dividend. */
static void modulo_as_c(void **state)
{
    (void)state;
    const int64_t a[] = {7, -7, 7, -7}, b[] = {3, 3, -3, -3}, python[] = {1, 2, -2, -1}, c[] = {1, -1, 1, -1};
    for (int as_c = 0; as_c < 2; as_c++) {
        one_node one = one_begin();
        one_ints(&one, a, 4);
        one_ints(&one, b, 4);
        one_op(&one, FET_OP_MOD, 1);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_FMOD, as_c));
        assert_memory_equal(fet_tensor_s64(folded(&one)), as_c ? c : python, sizeof c);
        one_end(&one);
    }
}

/* The usual chain x -> Shape -> Gather -> Unsqueeze -> Concat -> Reshape comes out as a plain Reshape. */
static void shape_chain(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = NULL;
    fet_id x, zero, minus, node, shape, dim, list, axes, target;
    fet_shape src = fet_shape_4d(2, 3, 4, 5), scalar = {0}, one = fet_shape_1d(1);
    fet_auto(fet_tensor) t_zero = NULL;
    fet_auto(fet_tensor) t_minus = NULL;
    fet_auto(fet_tensor) t_axes = NULL;
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &scalar, &t_zero));
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &one, &t_minus));
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &one, &t_axes));
    fet_tensor_s64(t_minus)[0] = -1;
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &src, &x));
    CHECK_OK(fet_graph_add_param(graph, "zero", FET_DTYPE_S64, &scalar, t_zero, false, &zero));
    CHECK_OK(fet_graph_add_param(graph, "minus", FET_DTYPE_S64, &one, t_minus, false, &minus));
    CHECK_OK(fet_graph_add_param(graph, "axes", FET_DTYPE_S64, &one, t_axes, false, &axes));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_SHAPE, "shape", &x, 1, 1, &node));
    shape = graph->nodes[node].outputs[0];
    CHECK_OK(fet_graph_add_node(graph, FET_OP_GATHER, "gather", (fet_id[]){shape, zero}, 2, 1, &node));
    dim = graph->nodes[node].outputs[0];
    CHECK_OK(fet_graph_add_node(graph, FET_OP_UNSQUEEZE, "unsqueeze", (fet_id[]){dim, axes}, 2, 1, &node));
    list = graph->nodes[node].outputs[0];
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONCAT, "concat", (fet_id[]){list, minus}, 2, 1, &node));
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_AXIS, 0));
    target = graph->nodes[node].outputs[0];
    CHECK_OK(fet_graph_add_node(graph, FET_OP_RESHAPE, "reshape", (fet_id[]){x, target}, 2, 1, &node));
    CHECK_OK(fet_graph_add_output(graph, graph->nodes[node].outputs[0]));
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_graph_infer(graph)); /* the target is computed */
    size_t left = plenty;
    CHECK_OK(fet_graph_fold(graph, &left));
    CHECK_OK(fet_graph_compact(graph));
    assert_int_equal(graph->n_nodes, 1);
    assert_int_equal(graph->n_params, 1);
    assert_string_equal(graph->values[graph->nodes[0].inputs[1]].name, "concat");
    CHECK_OK(fet_graph_verify(graph));
    fet_shape want = fet_shape_2d(2, 60);
    check_shape(&graph->values[graph->outputs[0]].shape, &want);
    /* And a larger batch goes through it: the folded 2 means the batch. */
    CHECK_OK(fet_graph_set_batch(graph, 7));
    want = fet_shape_2d(7, 60);
    check_shape(&graph->values[graph->outputs[0]].shape, &want);
}

static void budget(void **state)
{
    (void)state;
    one_node one = one_begin();
    one_ints(&one, (int64_t[]){1024, 1024}, 2);
    one_op(&one, FET_OP_CONSTANT_OF_SHAPE, 1);
    size_t left = (4u << 20) - 1;
    CHECK_OK(fet_graph_fold(one.graph, &left));
    assert_int_equal(left, (4u << 20) - 1);
    assert_int_equal(one.graph->nodes[one.node].op, FET_OP_CONSTANT_OF_SHAPE); /* stays */
    left = 4u << 20;
    CHECK_OK(fet_graph_fold(one.graph, &left));
    assert_int_equal(left, 0);
    assert_int_equal(one.graph->nodes[one.node].op, FET_OP_NONE);
    one_end(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transpose),          cmocka_unit_test(binary_with_stretching),
        cmocka_unit_test(slices_and_gathers), cmocka_unit_test(concat_tile_expand_where),
        cmocka_unit_test(reductions),         cmocka_unit_test(casts_and_ranges),
        cmocka_unit_test(integer_edges),      cmocka_unit_test(modulo_as_c),
        cmocka_unit_test(shape_chain),        cmocka_unit_test(budget),
    };
    fet_rng_init(&rng, 11, 0, FET_RNG_TEST);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
