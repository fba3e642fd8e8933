// SPDX-License-Identifier: Apache-2.0
/* Shape rules of everything but windows, over random shapes, against definitions written the long way round.
 * Covers op/concat.c, op/constant.c, op/elementwise.c, op/normalize.c, op/reduce.c, op/reshape.c. */
#include "one_node.h"

static fet_rng rng;

/* numpy's rule by elements: each position from the end takes the larger of two sizes, which must be equal or 1. */
static bool broadcast_by_definition(const fet_shape *a, const fet_shape *b, fet_shape *out)
{
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (uint32_t back = 1; back <= out->rank; back++) {
        int64_t x = back <= a->rank ? a->dim[a->rank - back] : 1, y = back <= b->rank ? b->dim[b->rank - back] : 1;
        if (x != y && x != 1 && y != 1) return false;
        out->dim[out->rank - back] = x == 1 ? y : x;
    }
    return true;
}

static void broadcasting(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_ADD, FET_OP_SUB, FET_OP_MUL, FET_OP_DIV, FET_OP_MAX, FET_OP_LESS, FET_OP_POW};
    for (int round = 0; round < 3000; round++) {
        fet_shape a = random_shape(&rng, (uint32_t)between(&rng, 0, 4), 1, 2), b = random_shape(&rng, (uint32_t)between(&rng, 0, 4), 1, 2),
                  want;
        for (uint32_t i = 0; i < 4; i++) a.dim[i] = a.dim[i] == 2 ? 5 : 1, b.dim[i] = b.dim[i] == 2 ? (round % 3 ? 5 : 4) : 1;
        fet_op_kind op = ops[round % 7];
        one_node one = one_begin();
        one_f32(&one, a);
        one_f32(&one, b);
        one_op(&one, op, 1);
        if (!broadcast_by_definition(&a, &b, &want)) {
            one_refused(&one, FET_ERROR_SHAPE);
            continue;
        }
        CHECK_OK(fet_graph_infer(one.graph));
        assert_int_equal(one_output(&one, 0)->dtype, op == FET_OP_LESS ? FET_DTYPE_BOOL : FET_DTYPE_F32);
        one_expect(&one, want);
    }
}

static void types_must_agree(void **state)
{
    (void)state;
    one_node one = one_begin();
    one_f32(&one, fet_shape_1d(3));
    one_input(&one, FET_DTYPE_S64, fet_shape_1d(3));
    one_op(&one, FET_OP_ADD, 1);
    one_refused(&one, FET_ERROR_SHAPE);

    one = one_begin();
    one_input(&one, FET_DTYPE_BOOL, fet_shape_1d(3));
    one_f32(&one, fet_shape_2d(4, 1));
    one_f32(&one, fet_shape_1d(1));
    one_op(&one, FET_OP_WHERE, 1);
    one_expect(&one, fet_shape_2d(4, 3));

    one = one_begin();
    for (int i = 0; i < 3; i++) one_f32(&one, fet_shape_1d(3));
    one_op(&one, FET_OP_WHERE, 1);
    one_refused(&one, FET_ERROR_SHAPE);
}

static void matmul(void **state)
{
    (void)state;
    for (int round = 0; round < 500; round++) {
        fet_shape lead_a = random_shape(&rng, (uint32_t)between(&rng, 0, 2), 1, 1),
                  lead_b = random_shape(&rng, (uint32_t)between(&rng, 0, 2), 1, 1), want;
        for (uint32_t i = 0; i < 2; i++) lead_a.dim[i] = fet_rng_below(&rng, 2) ? 3 : 1, lead_b.dim[i] = fet_rng_below(&rng, 2) ? 3 : 1;
        int64_t m = between(&rng, 1, 9), k = between(&rng, 1, 9), n = between(&rng, 1, 9);
        assert_true(broadcast_by_definition(&lead_a, &lead_b, &want));
        want.dim[want.rank++] = m, want.dim[want.rank++] = n;
        lead_a.dim[lead_a.rank++] = m, lead_a.dim[lead_a.rank++] = k;
        lead_b.dim[lead_b.rank++] = k, lead_b.dim[lead_b.rank++] = n;
        one_node one = one_begin();
        one_f32(&one, lead_a);
        one_f32(&one, lead_b);
        one_op(&one, FET_OP_MATMUL, 1);
        one_expect(&one, want);
    }
    one_node one = one_begin(); /* vectors */
    one_f32(&one, fet_shape_1d(4));
    one_f32(&one, fet_shape_2d(4, 5));
    one_op(&one, FET_OP_MATMUL, 1);
    one_expect(&one, fet_shape_1d(5));
    one = one_begin();
    one_f32(&one, fet_shape_1d(4));
    one_f32(&one, fet_shape_1d(4));
    one_op(&one, FET_OP_MATMUL, 1);
    one_expect(&one, (fet_shape){0});
    one = one_begin();
    one_f32(&one, fet_shape_2d(3, 4));
    one_f32(&one, fet_shape_2d(5, 4));
    one_op(&one, FET_OP_MATMUL, 1);
    one_refused(&one, FET_ERROR_SHAPE);
}

static void gemm(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        int64_t m = between(&rng, 1, 6), k = between(&rng, 1, 6), n = between(&rng, 2, 6);
        bool ta = fet_rng_below(&rng, 2), tb = fet_rng_below(&rng, 2);
        fet_shape cs[] = {fet_shape_1d(n), fet_shape_2d(1, n), fet_shape_2d(m, 1), fet_shape_2d(m, n), {0}};
        one_node one = one_begin();
        one_f32(&one, ta ? fet_shape_2d(k, m) : fet_shape_2d(m, k));
        one_f32(&one, tb ? fet_shape_2d(n, k) : fet_shape_2d(k, n));
        one_f32(&one, cs[round % 5]);
        one_op(&one, FET_OP_GEMM, 1);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_TRANS_A, ta));
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_TRANS_B, tb));
        one_expect(&one, fet_shape_2d(m, n));
    }
    one_node one = one_begin(); /* C may not stretch the result */
    one_f32(&one, fet_shape_2d(1, 4));
    one_f32(&one, fet_shape_2d(4, 5));
    one_f32(&one, fet_shape_2d(3, 5));
    one_op(&one, FET_OP_GEMM, 1);
    one_refused(&one, FET_ERROR_SHAPE);
}

/* The indices of a slice as Python's range gives them: walk from start to end and count those inside. */
static int64_t slice_by_definition(int64_t dim, int64_t start, int64_t end, int64_t step)
{
    int64_t count = 0;
    if (start < 0) start += dim;
    if (end < 0) end += dim;
    if (step > 0) {
        if (start < 0) start = 0;
        for (int64_t i = start; i < end && i < dim; i += step) count++;
    } else {
        if (start >= dim) start = dim - 1;
        if (start < 0) start = 0; /* ONNX clamps here where Python gives nothing */
        for (int64_t i = start; i > end && i >= 0; i += step) count++;
    }
    return count;
}

static void slice(void **state)
{
    (void)state;
    for (int round = 0; round < 3000; round++) {
        int64_t dim = between(&rng, 1, 9), start = between(&rng, -12, 12), end = between(&rng, -12, 12), step = between(&rng, 1, 4);
        if (fet_rng_below(&rng, 2)) step = -step;
        one_node one = one_begin();
        one_f32(&one, fet_shape_2d(3, dim));
        one_ints(&one, &start, 1);
        one_ints(&one, &end, 1);
        one_ints(&one, (int64_t[]){-1}, 1);
        one_ints(&one, &step, 1);
        one_op(&one, FET_OP_SLICE, 1);
        one_expect(&one, fet_shape_2d(3, slice_by_definition(dim, start, end, step)));
    }
    const int64_t far[4] = {INT64_MIN, INT64_MAX, -1, 0};
    for (int i = 0; i < 64; i++) { /* extremes must not overflow */
        one_node one = one_begin();
        one_f32(&one, fet_shape_1d(7));
        one_ints(&one, &far[i & 3], 1);
        one_ints(&one, &far[i >> 2 & 3], 1);
        one_ints(&one, (int64_t[]){0}, 1);
        one_ints(&one, &far[i >> 4 & 3], 1);
        one_op(&one, FET_OP_SLICE, 1);
        fet_status status = fet_graph_infer(one.graph);
        assert_int_equal(status, far[i >> 4 & 3] == 0 ? FET_ERROR_ARG : FET_OK);
        one_end(&one);
    }
}

static void reshape(void **state)
{
    (void)state;
    static const struct {
        int64_t target[4];
        uint32_t n;
        fet_status status;
        fet_shape want;
    } cases[] = {
        {{2, 12}, 2, FET_OK, {2, {2, 12}}},
        {{0, -1}, 2, FET_OK, {2, {2, 12}}},
        {{-1}, 1, FET_OK, {1, {24}}},
        {{0, 0, 2, 2}, 4, FET_OK, {4, {2, 3, 2, 2}}},
        {{4, -1, 2}, 3, FET_OK, {3, {4, 3, 2}}},
        {{-1, -1}, 2, FET_ERROR_SHAPE, {0}},
        {{5, -1}, 2, FET_ERROR_SHAPE, {0}},
        {{23}, 1, FET_ERROR_SHAPE, {0}},
        {{1, 2, 3, 0}, 4, FET_ERROR_SHAPE, {0}},
        {{-2, 12}, 2, FET_ERROR_SHAPE, {0}},
        {{INT64_MAX, INT64_MAX}, 2, FET_ERROR_SHAPE, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one_node one = one_begin();
        one_f32(&one, (fet_shape){3, {2, 3, 4}});
        one_ints(&one, cases[i].target, cases[i].n);
        one_op(&one, FET_OP_RESHAPE, 1);
        if (cases[i].status == FET_OK) one_expect(&one, cases[i].want);
        else one_refused(&one, cases[i].status);
    }
    one_node one = one_begin(); /* a computed target */
    one_f32(&one, fet_shape_1d(4));
    one_input(&one, FET_DTYPE_S64, fet_shape_1d(2));
    one_op(&one, FET_OP_RESHAPE, 1);
    one_refused(&one, FET_ERROR_UNSUPPORTED);
}

static void squeeze_and_back(void **state)
{
    (void)state;
    for (int round = 0; round < 500; round++) {
        fet_shape small = random_shape(&rng, (uint32_t)between(&rng, 0, 3), 2, 5), big = {0};
        int64_t axes[4];
        uint32_t n = 0, from = 0;
        for (uint32_t i = 0; from < small.rank || fet_rng_below(&rng, 2); i++) {
            if (n < 4 && fet_rng_below(&rng, 2)) axes[n++] = i, big.dim[big.rank++] = 1;
            else if (from < small.rank) big.dim[big.rank++] = small.dim[from++];
            else break;
        }
        for (uint32_t i = 0; i < n; i++)
            if (fet_rng_below(&rng, 2)) axes[i] -= big.rank;
        bool as_attr = fet_rng_below(&rng, 2);
        for (int back = 0; back < 2; back++) {
            one_node one = one_begin();
            one_f32(&one, back ? big : small);
            if (!as_attr) one_ints(&one, axes, n);
            one_op(&one, back ? FET_OP_SQUEEZE : FET_OP_UNSQUEEZE, 1);
            if (as_attr) CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_AXES, axes, n));
            one_expect(&one, back ? small : big);
        }
    }
    one_node one = one_begin();
    one_f32(&one, fet_shape_2d(1, 3));
    one_ints(&one, (int64_t[]){1}, 1);
    one_op(&one, FET_OP_SQUEEZE, 1);
    one_refused(&one, FET_ERROR_SHAPE);
    one = one_begin();
    one_f32(&one, fet_shape_2d(1, 3));
    one_ints(&one, (int64_t[]){0, -3}, 2);
    one_op(&one, FET_OP_UNSQUEEZE, 1); /* 0 and -4 + 1: axis 1 is free, axis 0 is not named twice */
    one_expect(&one, (fet_shape){4, {1, 1, 1, 3}});
}

static void transpose_and_flatten(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        fet_shape src = random_shape(&rng, (uint32_t)between(&rng, 1, 5), 1, 6), want = {.rank = src.rank};
        uint32_t order[5] = {0, 1, 2, 3, 4};
        int64_t perm[5];
        fet_rng_shuffle(&rng, order, src.rank);
        for (uint32_t i = 0; i < src.rank; i++) perm[i] = order[i], want.dim[i] = src.dim[order[i]];
        one_node one = one_begin();
        one_f32(&one, src);
        one_op(&one, FET_OP_TRANSPOSE, 1);
        CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_PERM, perm, src.rank));
        one_expect(&one, want);

        int64_t axis = between(&rng, -(int64_t)src.rank, src.rank), left = 1, right = 1;
        for (int64_t i = 0; i < src.rank; i++)
            if (i < (axis < 0 ? axis + src.rank : axis)) left *= src.dim[i];
            else right *= src.dim[i];
        one = one_begin();
        one_f32(&one, src);
        one_op(&one, FET_OP_FLATTEN, 1);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_AXIS, axis));
        one_expect(&one, fet_shape_2d(left, right));
    }
    one_node one = one_begin();
    one_f32(&one, fet_shape_2d(2, 3));
    one_op(&one, FET_OP_TRANSPOSE, 1);
    CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_PERM, (int64_t[]){0, 0}, 2));
    one_refused(&one, FET_ERROR_SHAPE);
}

static void concat_and_split(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        fet_shape base = random_shape(&rng, (uint32_t)between(&rng, 1, 4), 1, 5), whole = base;
        uint32_t axis = fet_rng_below(&rng, base.rank), n = (uint32_t)between(&rng, 1, 5);
        int64_t sizes[5];
        one_node one = one_begin();
        whole.dim[axis] = 0;
        for (uint32_t i = 0; i < n; i++) {
            fet_shape part = base;
            whole.dim[axis] += part.dim[axis] = sizes[i] = between(&rng, 1, 5);
            one_f32(&one, part);
        }
        one_op(&one, FET_OP_CONCAT, 1);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_AXIS, (int64_t)axis - (round & 1 ? base.rank : 0)));
        one_expect(&one, whole);

        one = one_begin();
        one_f32(&one, whole);
        one_ints(&one, sizes, n);
        one_op(&one, FET_OP_SPLIT, n);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_AXIS, axis));
        CHECK_OK(fet_graph_infer(one.graph));
        for (uint32_t i = 0; i < n; i++) {
            fet_shape part = base;
            part.dim[axis] = sizes[i];
            check_shape(&one_output(&one, i)->shape, &part);
        }
        one_end(&one);
    }
    one_node one = one_begin();
    one_f32(&one, fet_shape_1d(6));
    one_ints(&one, (int64_t[]){2, 3}, 2);
    one_op(&one, FET_OP_SPLIT, 2);
    one_refused(&one, FET_ERROR_SHAPE);
    one = one_begin();
    one_f32(&one, fet_shape_2d(2, 6));
    one_f32(&one, fet_shape_2d(3, 6));
    one_op(&one, FET_OP_CONCAT, 1);
    one_refused(&one, FET_ERROR_SHAPE); /* axis 1 */
}

static void reductions(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_REDUCE_MEAN, FET_OP_REDUCE_SUM, FET_OP_REDUCE_MAX, FET_OP_REDUCE_L2};
    for (int round = 0; round < 400; round++) {
        fet_shape src = random_shape(&rng, (uint32_t)between(&rng, 1, 5), 2, 6), want = {0};
        bool keep = fet_rng_below(&rng, 2), as_attr = fet_rng_below(&rng, 2);
        int64_t axes[5];
        uint32_t n = 0;
        for (uint32_t i = 0; i < src.rank; i++) {
            bool reduced = fet_rng_below(&rng, 2);
            if (reduced) axes[n++] = fet_rng_below(&rng, 2) ? (int64_t)i - src.rank : i;
            if (!reduced || keep) want.dim[want.rank++] = reduced ? 1 : src.dim[i];
        }
        if (n == 0) { /* none named: all */
            want.rank = keep ? src.rank : 0;
            for (uint32_t i = 0; i < want.rank; i++) want.dim[i] = 1;
        }
        one_node one = one_begin();
        one_f32(&one, src);
        if (!as_attr && n) one_ints(&one, axes, n);
        one_op(&one, ops[round % 4], 1);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_KEEPDIMS, keep));
        if (as_attr && n) CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_AXES, axes, n));
        one_expect(&one, want);
    }
    one_node one = one_begin();
    one_f32(&one, fet_shape_4d(2, 3, 4, 5));
    one_op(&one, FET_OP_ARG_MAX, 1);
    CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_AXIS, 1));
    CHECK_OK(fet_graph_infer(one.graph));
    assert_int_equal(one_output(&one, 0)->dtype, FET_DTYPE_S64);
    one_expect(&one, fet_shape_4d(2, 1, 4, 5));
}

static void gather_pad_tile_expand(void **state)
{
    (void)state;
    one_node one = one_begin();
    one_f32(&one, (fet_shape){3, {4, 5, 6}});
    one_input(&one, FET_DTYPE_S64, fet_shape_2d(2, 3));
    one_op(&one, FET_OP_GATHER, 1);
    CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_AXIS, -2));
    one_expect(&one, (fet_shape){4, {4, 2, 3, 6}});

    one = one_begin(); /* a scalar index takes the axis away */
    one_f32(&one, (fet_shape){3, {4, 5, 6}});
    one_input(&one, FET_DTYPE_S64, (fet_shape){0});
    one_op(&one, FET_OP_GATHER, 1);
    one_expect(&one, fet_shape_2d(5, 6));

    one = one_begin();
    one_f32(&one, fet_shape_2d(4, 5));
    one_ints(&one, (int64_t[]){1, 0, 2, -3}, 4);
    one_op(&one, FET_OP_PAD, 1);
    one_expect(&one, fet_shape_2d(7, 2));

    one = one_begin();
    one_f32(&one, fet_shape_2d(4, 5));
    one_ints(&one, (int64_t[]){0, 0, 0, INT64_MAX}, 4);
    one_op(&one, FET_OP_PAD, 1);
    one_refused(&one, FET_ERROR_SHAPE);

    one = one_begin();
    one_f32(&one, fet_shape_2d(4, 5));
    one_ints(&one, (int64_t[]){3, 2}, 2);
    one_op(&one, FET_OP_TILE, 1);
    one_expect(&one, fet_shape_2d(12, 10));

    one = one_begin(); /* more than a tensor may hold */
    one_f32(&one, fet_shape_2d(4, 5));
    one_ints(&one, (int64_t[]){1 << 30, 1 << 30}, 2);
    one_op(&one, FET_OP_TILE, 1);
    one_refused(&one, FET_ERROR_LIMIT);

    one = one_begin();
    one_f32(&one, fet_shape_2d(4, 1));
    one_ints(&one, (int64_t[]){3, 1, 5}, 3);
    one_op(&one, FET_OP_EXPAND, 1);
    one_expect(&one, (fet_shape){3, {3, 4, 5}});
}

static void resize_and_blocks(void **state)
{
    (void)state;
    one_node one = one_begin(); /* by sizes */
    one_f32(&one, fet_shape_4d(1, 8, 5, 7));
    one_missing(&one);
    one_missing(&one);
    one_ints(&one, (int64_t[]){1, 8, 10, 21}, 4);
    one_op(&one, FET_OP_RESIZE, 1);
    one_expect(&one, fet_shape_4d(1, 8, 10, 21));

    one = one_begin(); /* by scales: rounded down */
    one_f32(&one, fet_shape_4d(1, 8, 5, 7));
    one_missing(&one);
    fet_shape four = fet_shape_1d(4);
    fet_tensor *scales = NULL;
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &four, &scales));
    memcpy(scales->data, (float[]){1, 1, 2.5f, 0.5f}, 16);
    CHECK_OK(fet_graph_add_param(one.graph, "scales", FET_DTYPE_F32, &four, scales, false, &one.inputs[one.n_inputs++]));
    fet_tensor_release(scales);
    one_op(&one, FET_OP_RESIZE, 1);
    one_expect(&one, fet_shape_4d(1, 8, 12, 3));

    one = one_begin();
    one_f32(&one, fet_shape_4d(1, 8, 5, 7));
    one_op(&one, FET_OP_RESIZE, 1);
    one_refused(&one, FET_ERROR_ARG);

    one = one_begin();
    one_f32(&one, fet_shape_4d(2, 12, 5, 7));
    one_op(&one, FET_OP_DEPTH_TO_SPACE, 1);
    CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_BLOCKSIZE, 2));
    one_expect(&one, fet_shape_4d(2, 3, 10, 14));

    one = one_begin();
    one_f32(&one, fet_shape_4d(2, 3, 10, 14));
    one_op(&one, FET_OP_SPACE_TO_DEPTH, 1);
    CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_BLOCKSIZE, 2));
    one_expect(&one, fet_shape_4d(2, 12, 5, 7));

    one = one_begin();
    one_f32(&one, fet_shape_4d(2, 10, 5, 7));
    one_op(&one, FET_OP_DEPTH_TO_SPACE, 1);
    CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_BLOCKSIZE, 2));
    one_refused(&one, FET_ERROR_SHAPE);
}

static void normalisations(void **state)
{
    (void)state;
    fet_shape src = fet_shape_4d(2, 6, 4, 4);
    one_node one = one_begin();
    one_f32(&one, src);
    for (int i = 0; i < 4; i++) one_f32(&one, fet_shape_1d(6));
    one_op(&one, FET_OP_BATCH_NORMALIZATION, 1);
    one_expect(&one, src);
    one = one_begin();
    one_f32(&one, src);
    for (int i = 0; i < 4; i++) one_f32(&one, fet_shape_1d(i == 2 ? 5 : 6));
    one_op(&one, FET_OP_BATCH_NORMALIZATION, 1);
    one_refused(&one, FET_ERROR_SHAPE);
    one = one_begin(); /* the training form has more outputs */
    one_f32(&one, src);
    for (int i = 0; i < 4; i++) one_f32(&one, fet_shape_1d(6));
    one_op(&one, FET_OP_BATCH_NORMALIZATION, 3);
    one_refused(&one, FET_ERROR_UNSUPPORTED);
    one = one_begin();
    one_f32(&one, src);
    one_f32(&one, fet_shape_2d(4, 4));
    one_op(&one, FET_OP_LAYER_NORMALIZATION, 1);
    CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_AXIS, 2));
    one_expect(&one, src);
}

/* Every operator refuses too few, missing and too many inputs by name. */
static void arity(void **state)
{
    (void)state;
    for (int op = FET_OP_NONE + 1; op < FET_OP_COUNT; op++) {
        const fet_op_info *info = fet_op_find((fet_op_kind)op);
        assert_int_equal(info->op, op);
        assert_string_equal(info->onnx_name, fet_op_onnx_name((fet_op_kind)op));
        assert_non_null(info->infer);
        one_node one = one_begin();
        for (uint32_t i = 0; i + 1 < info->min_inputs; i++) one_f32(&one, fet_shape_4d(1, 1, 1, 1));
        one_op(&one, (fet_op_kind)op, 1);
        one_refused(&one, FET_ERROR_ARG);
        if (info->max_inputs < 16) {
            one = one_begin();
            for (uint32_t i = 0; i <= info->max_inputs; i++) one_f32(&one, fet_shape_4d(1, 1, 1, 1));
            one_op(&one, (fet_op_kind)op, 1);
            one_refused(&one, FET_ERROR_ARG);
        }
        one = one_begin();
        for (uint32_t i = 0; i < info->min_inputs; i++) one_missing(&one);
        one_op(&one, (fet_op_kind)op, 1);
        one_refused(&one, FET_ERROR_ARG);
    }
}

static int setup(void **state)
{
    (void)state;
    fet_rng_init(&rng, 7, 0, FET_RNG_TEST);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broadcasting),
        cmocka_unit_test(types_must_agree),
        cmocka_unit_test(matmul),
        cmocka_unit_test(gemm),
        cmocka_unit_test(slice),
        cmocka_unit_test(reshape),
        cmocka_unit_test(squeeze_and_back),
        cmocka_unit_test(transpose_and_flatten),
        cmocka_unit_test(concat_and_split),
        cmocka_unit_test(reductions),
        cmocka_unit_test(gather_pad_tile_expand),
        cmocka_unit_test(resize_and_blocks),
        cmocka_unit_test(normalisations),
        cmocka_unit_test(arity),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
