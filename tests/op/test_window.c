// SPDX-License-Identifier: Apache-2.0
/* Convolutions and pools: output sizes against counting windows one by one, automatic padding, and what is refused. Covers op/pool.c. */
#include "one_node.h"

#include "op/conv.h"

typedef struct axis {
    int64_t in, kernel, stride, dilation, begin, end;
} axis;

static axis random_axis(fet_rng *rng)
{
    axis a = {.in = between(rng, 1, 20), .kernel = between(rng, 1, 5), .stride = between(rng, 1, 4), .dilation = between(rng, 1, 3)};
    int64_t reach = a.dilation * (a.kernel - 1) + 1;
    a.begin = between(rng, 0, reach - 1);
    a.end = between(rng, 0, reach - 1);
    return a;
}

/* Places where a whole window fits; with `ceil`, also a last one that hangs over the end but starts inside image or leading padding. */
static int64_t count_windows(const axis *a, bool ceil)
{
    int64_t reach = a->dilation * (a->kernel - 1) + 1, padded = a->begin + a->in + a->end, count = 0;
    if (reach > padded) return 0;
    for (int64_t at = 0; at < padded; at += a->stride) {
        bool whole = at + reach <= padded, previous_reached_the_end = at > 0 && at - a->stride + reach >= padded;
        if (whole || (ceil && !previous_reached_the_end && at < a->begin + a->in)) count++;
    }
    return count;
}

static void set_window(fet_graph *graph, fet_id node, const axis *axes, uint32_t n)
{
    int64_t kernel[2], stride[2], dilation[2], pads[4];
    for (uint32_t i = 0; i < n; i++)
        kernel[i] = axes[i].kernel, stride[i] = axes[i].stride, dilation[i] = axes[i].dilation, pads[i] = axes[i].begin,
        pads[i + n] = axes[i].end;
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_KERNEL_SHAPE, kernel, n));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_STRIDES, stride, n));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_DILATIONS, dilation, n));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_PADS, pads, 2 * n));
}

static fet_shape with_axes(int64_t n, int64_t c, const int64_t *sizes, uint32_t spatial)
{
    fet_shape shape = {.rank = 2 + spatial, .dim = {n, c}};
    for (uint32_t i = 0; i < spatial; i++) shape.dim[2 + i] = sizes[i];
    return shape;
}

static void conv_counts_windows(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int round = 0; round < 2000; round++) {
        uint32_t spatial = (uint32_t)between(&rng, 1, 2);
        axis axes[2] = {random_axis(&rng), random_axis(&rng)};
        int64_t group = between(&rng, 1, 3), ic = group * between(&rng, 1, 3), oc = group * between(&rng, 1, 3);
        int64_t in[2] = {axes[0].in, axes[1].in}, kernel[2] = {axes[0].kernel, axes[1].kernel}, out[2];
        bool fits = true;
        for (uint32_t i = 0; i < spatial; i++) fits &= (out[i] = count_windows(&axes[i], false)) > 0;
        one_node one = one_begin();
        one_f32(&one, with_axes(2, ic, in, spatial));
        one_f32(&one, with_axes(oc, ic / group, kernel, spatial));
        one_f32(&one, fet_shape_1d(oc));
        one_op(&one, FET_OP_CONV, 1);
        set_window(one.graph, one.node, axes, spatial);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_GROUP, group));
        if (fits) one_expect(&one, with_axes(2, oc, out, spatial));
        else one_refused(&one, FET_ERROR_SHAPE);
    }
}

static void pool_counts_windows(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    for (int round = 0; round < 2000; round++) {
        uint32_t spatial = (uint32_t)between(&rng, 1, 2);
        axis axes[2] = {random_axis(&rng), random_axis(&rng)};
        bool ceil = fet_rng_below(&rng, 2), max = fet_rng_below(&rng, 2), fits = true;
        int64_t in[2] = {axes[0].in, axes[1].in}, out[2];
        for (uint32_t i = 0; i < spatial; i++) fits &= (out[i] = count_windows(&axes[i], ceil)) > 0;
        one_node one = one_begin();
        one_f32(&one, with_axes(1, 3, in, spatial));
        one_op(&one, max ? FET_OP_MAX_POOL : FET_OP_AVERAGE_POOL, max ? 2 : 1);
        set_window(one.graph, one.node, axes, spatial);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_CEIL_MODE, ceil));
        if (!fits) {
            one_refused(&one, FET_ERROR_SHAPE);
            continue;
        }
        CHECK_OK(fet_graph_infer(one.graph));
        if (max) { /* the indices */
            assert_int_equal(one_output(&one, 1)->dtype, FET_DTYPE_S64);
            check_shape(&one_output(&one, 1)->shape, &one_output(&one, 0)->shape);
        }
        one_expect(&one, with_axes(1, 3, out, spatial));
    }
}

/* Automatic padding by its definition: ceil(in / stride) outputs, both sides differ by at most one, the odd one as the name says. */
static void auto_pad_by_definition(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    for (int round = 0; round < 500; round++) {
        axis a = random_axis(&rng);
        bool upper = fet_rng_below(&rng, 2);
        int64_t in[2] = {a.in, a.in}, kernel[2] = {a.kernel, a.kernel}, out = (a.in + a.stride - 1) / a.stride;
        one_node one = one_begin();
        one_f32(&one, with_axes(1, 2, in, 2));
        one_f32(&one, with_axes(4, 2, kernel, 2));
        one_op(&one, FET_OP_CONV, 1);
        CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_STRIDES, (int64_t[]){a.stride, a.stride}, 2));
        CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_DILATIONS, (int64_t[]){a.dilation, a.dilation}, 2));
        CHECK_OK(fet_graph_set_string(one.graph, one.node, FET_ATTR_AUTO_PAD, upper ? "SAME_UPPER" : "SAME_LOWER"));
        fet_window window;
        CHECK_OK(fet_op_window(one.graph, &one.graph->nodes[one.node], &window));
        int64_t reach = a.dilation * (a.kernel - 1) + 1, total = (out - 1) * a.stride + reach - a.in;
        assert_int_equal(window.pad_begin[0] + window.pad_end[0], total > 0 ? total : 0);
        assert_true(upper ? window.pad_end[0] - window.pad_begin[0] <= 1 && window.pad_end[0] >= window.pad_begin[0]
                          : window.pad_begin[0] - window.pad_end[0] <= 1 && window.pad_begin[0] >= window.pad_end[0]);
        one_expect(&one, fet_shape_4d(1, 4, out, out));
    }
}

/* A transposed convolution undoes a convolution's shape: every input element of it is reached by some window. */
static void conv_transpose_sizes(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    for (int round = 0; round < 1000; round++) {
        axis a = random_axis(&rng);
        int64_t extra = between(&rng, 0, a.stride - 1), reach = a.dilation * (a.kernel - 1) + 1;
        int64_t furthest = 0; /* the last element that any window writes, plus 1 */
        for (int64_t i = 0; i < a.in; i++)
            if (i * a.stride + reach > furthest) furthest = i * a.stride + reach;
        int64_t out = furthest + extra - a.begin - a.end;
        one_node one = one_begin();
        one_f32(&one, (fet_shape){.rank = 3, .dim = {1, 4, a.in}});
        one_f32(&one, (fet_shape){.rank = 3, .dim = {4, 3, a.kernel}});
        one_op(&one, FET_OP_CONV_TRANSPOSE, 1);
        set_window(one.graph, one.node, &a, 1);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_GROUP, 2));
        CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_OUTPUT_PADDING, &extra, 1));
        if (out < 1) one_refused(&one, FET_ERROR_SHAPE);
        else one_expect(&one, (fet_shape){.rank = 3, .dim = {1, 6, out}});
    }
}

static void conv_transpose_with_output_shape(void **state)
{
    (void)state;
    one_node one = one_begin();
    one_f32(&one, fet_shape_4d(1, 4, 5, 5));
    one_f32(&one, fet_shape_4d(4, 3, 3, 3));
    one_op(&one, FET_OP_CONV_TRANSPOSE, 1);
    CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_STRIDES, (int64_t[]){2, 2}, 2));
    CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_OUTPUT_SHAPE, (int64_t[]){10, 9}, 2));
    one_expect(&one, fet_shape_4d(1, 3, 10, 9));
    for (int64_t size = 11; size <= 13; size++) { /* windows reach 11; up to a stride more is zeros at the end */
        one = one_begin();
        one_f32(&one, fet_shape_4d(1, 4, 5, 5));
        one_f32(&one, fet_shape_4d(4, 3, 3, 3));
        one_op(&one, FET_OP_CONV_TRANSPOSE, 1);
        CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_STRIDES, (int64_t[]){2, 2}, 2));
        CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_OUTPUT_SHAPE, (int64_t[]){size, 9}, 2));
        if (size < 13) one_expect(&one, fet_shape_4d(1, 3, size, 9));
        else one_refused(&one, FET_ERROR_SHAPE);
    }
}

static void refusals(void **state)
{
    (void)state;
    one_node one = one_begin(); /* channels that do not match the weights */
    one_f32(&one, fet_shape_4d(1, 3, 8, 8));
    one_f32(&one, fet_shape_4d(8, 4, 3, 3));
    one_op(&one, FET_OP_CONV, 1);
    one_refused(&one, FET_ERROR_SHAPE);

    one = one_begin(); /* groups that do not divide the outputs */
    one_f32(&one, fet_shape_4d(1, 4, 8, 8));
    one_f32(&one, fet_shape_4d(7, 2, 3, 3));
    one_op(&one, FET_OP_CONV, 1);
    CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_GROUP, 2));
    one_refused(&one, FET_ERROR_SHAPE);

    one = one_begin(); /* three spatial dimensions */
    one_f32(&one, (fet_shape){.rank = 5, .dim = {1, 4, 8, 8, 8}});
    one_f32(&one, (fet_shape){.rank = 5, .dim = {4, 4, 3, 3, 3}});
    one_op(&one, FET_OP_CONV, 1);
    one_refused(&one, FET_ERROR_UNSUPPORTED);

    one = one_begin(); /* a bias of the wrong length */
    one_f32(&one, fet_shape_4d(1, 4, 8, 8));
    one_f32(&one, fet_shape_4d(8, 4, 1, 1));
    one_f32(&one, fet_shape_1d(7));
    one_op(&one, FET_OP_CONV, 1);
    one_refused(&one, FET_ERROR_SHAPE);

    one = one_begin(); /* a stride of 0 */
    one_f32(&one, fet_shape_4d(1, 4, 8, 8));
    one_f32(&one, fet_shape_4d(8, 4, 1, 1));
    one_op(&one, FET_OP_CONV, 1);
    CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_STRIDES, (int64_t[]){0, 1}, 2));
    one_refused(&one, FET_ERROR_ARG);

    one = one_begin(); /* kernel_shape against the weights */
    one_f32(&one, fet_shape_4d(1, 4, 8, 8));
    one_f32(&one, fet_shape_4d(8, 4, 3, 3));
    one_op(&one, FET_OP_CONV, 1);
    CHECK_OK(fet_graph_set_ints(one.graph, one.node, FET_ATTR_KERNEL_SHAPE, (int64_t[]){3, 5}, 2));
    one_refused(&one, FET_ERROR_SHAPE);

    one = one_begin();
    one_f32(&one, fet_shape_4d(1, 4, 8, 8));
    one_op(&one, FET_OP_MAX_POOL, 1);
    one_refused(&one, FET_ERROR_ARG); /* no kernel_shape */

    one = one_begin();
    one_f32(&one, fet_shape_4d(1, 4, 8, 8));
    one_f32(&one, fet_shape_4d(8, 4, 3, 3));
    one_op(&one, FET_OP_CONV, 1);
    CHECK_OK(fet_graph_set_string(one.graph, one.node, FET_ATTR_AUTO_PAD, "SAME"));
    one_refused(&one, FET_ERROR_ARG);
}

static void depthwise(void **state)
{
    (void)state;
    one_node one = one_begin();
    one_f32(&one, fet_shape_4d(1, 8, 6, 6));
    one_f32(&one, fet_shape_4d(16, 1, 3, 3));
    one_op(&one, FET_OP_CONV, 1);
    assert_false(fet_op_is_depthwise(one.graph, &one.graph->nodes[one.node]));
    CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_GROUP, 8));
    assert_true(fet_op_is_depthwise(one.graph, &one.graph->nodes[one.node]));
    one_expect(&one, fet_shape_4d(1, 16, 4, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_counts_windows),
        cmocka_unit_test(pool_counts_windows),
        cmocka_unit_test(auto_pad_by_definition),
        cmocka_unit_test(conv_transpose_sizes),
        cmocka_unit_test(conv_transpose_with_output_shape),
        cmocka_unit_test(refusals),
        cmocka_unit_test(depthwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
