// SPDX-License-Identifier: Apache-2.0
/* Splitting: what fuses and what must not, every node in exactly one kernel, sources made before they are read, one cast a crossing; cost
 * of the hot path. */
#include "check.h"

#include "base/clock.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "op/builder.h"
#include "op/op.h"

#include <string.h>

static fet_graph *g;
static int n_names;

static const char *name(void)
{
    static char text[16];
    snprintf(text, sizeof text, "n%d", n_names++);
    return text;
}

static fet_id begin(int64_t n, int64_t c, int64_t h, int64_t w)
{
    fet_id x = FET_NONE;
    fet_shape shape = fet_shape_4d(n, c, h, w);
    CHECK_OK(fet_graph_create(NULL, &g));
    n_names = 0;
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &shape, &x));
    return x;
}

static fet_id conv(fet_id x, int64_t out, int64_t kernel, int64_t stride, int64_t group)
{
    fet_id y = FET_NONE;
    CHECK_OK(
        fet_build_conv(g, name(), x, &(fet_conv_options){.out_channels = out, .kernel = kernel, .stride = stride, .group = group}, &y));
    return y;
}
static fet_id bn(fet_id x)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_batch_norm(g, name(), x, &y));
    return y;
}
static fet_id unary(fet_op_kind op, fet_id x)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_unary(g, op, name(), x, &y));
    return y;
}
static fet_id relu6(fet_id x)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_relu6(g, name(), x, &y));
    return y;
}
static fet_id binary(fet_op_kind op, fet_id a, fet_id b)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_binary(g, op, name(), a, b, &y));
    return y;
}
static fet_id gemm(fet_id x, int64_t out)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_gemm(g, name(), x, out, &y));
    return y;
}

static char list[4096]; /* the keys, one a line */
static fet_kernels kernels;
static fet_arena *arena;

/* Splits and checks what must hold for any graph; gives the keys as text. */
static const char *split(fet_dtype precision)
{
    fet_arena_reset(arena);
    CHECK_OK(fet_kernels_split(g, &fet_fusion_rules_host, precision, arena, &kernels));
    uint32_t *times = fet_arena_zalloc(arena, g->n_nodes, sizeof *times);
    uint8_t *made = fet_arena_zalloc(arena, g->n_values, 1); /* 1: plain or fast, by anybody */
    for (uint32_t i = 0; i < g->n_inputs; i++) made[g->inputs[i]] = 1;
    list[0] = '\0';
    for (uint32_t k = 0; k < kernels.count; k++) {
        const fet_kernel *kernel = &kernels.items[k];
        const fet_id nodes[] = {kernel->anchor, kernel->batch_norm, kernel->add_node, kernel->activation_node, kernel->pad};
        for (int i = 0; i < 5; i++)
            if (nodes[i] != FET_NONE && !(i == 3 && nodes[i] == kernel->anchor)) times[nodes[i]]++;
        assert_true(made[fet_kernel_view_root(g, kernel->src)]);
        if (kernel->residual != FET_NONE) assert_true(made[fet_kernel_view_root(g, kernel->residual)]);
        made[fet_kernel_view_root(g, kernel->dst)] = 1; /* a shuffle's result is a Reshape of its Transpose's */
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        fet_kernel_key back;
        CHECK_OK(fet_kernel_key_parse(fet_kernel_key_print(&kernel->key, text, sizeof text), &back));
        assert_true(fet_kernel_key_equal(&back, &kernel->key));
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s\n", text);
    }
    for (uint32_t n = 0; n < g->n_nodes; n++)
        if (times[n] != (fet_kernel_is_view(g->nodes[n].op) ? 0u : 1u))
            fail_msg("node %s (%s) is in %u kernels", g->nodes[n].name, fet_op_onnx_name(g->nodes[n].op), times[n]);
    for (uint32_t o = 0; o < g->n_outputs; o++) assert_true(made[fet_kernel_view_root(g, g->outputs[o])]);
    return list;
}

static void end(fet_id output)
{
    if (output != FET_NONE) CHECK_OK(fet_graph_add_output(g, output));
    CHECK_OK(fet_graph_infer(g));
}

static void test_inverted_bottleneck(void **state)
{
    (void)state;
    fet_id x = relu6(bn(conv(begin(1, 3, 32, 32), 16, 3, 2, 1)));
    fet_id y = bn(conv(relu6(bn(conv(relu6(bn(conv(x, 64, 1, 1, 1))), 64, 3, 1, 64))), 16, 1, 1, 1));
    y = binary(FET_OP_ADD, y, x);
    y = gemm(unary(FET_OP_FLATTEN, unary(FET_OP_GLOBAL_AVERAGE_POOL, y)), 10);
    end(y);
    assert_string_equal(split(FET_DTYPE_S8), "cast s8 1x3x32x32>3x32x32 plain\n"
                                             "conv s8 1x3x32x32>16x16x16 k3x3 s2x2 p1,1,1,1 g1 clip+bias+signed\n"
                                             "conv s8 1x16x16x16>64x16x16 k1x1 s1x1 g1 clip+bias\n"
                                             "conv s8 1x64x16x16>64x16x16 k3x3 s1x1 p1,1,1,1 g64 clip+bias\n"
                                             "conv s8 1x64x16x16>16x16x16 k1x1 s1x1 g1 bias+add\n"
                                             "global_average_pool s8 1x16x16x16>16x1x1 signed\n"
                                             "gemm s8 1x16x1x1>10x1x1 bias+f32_dst+signed\n");
    assert_string_equal(split(FET_DTYPE_F32), "cast f32 1x3x32x32>3x32x32 plain\n"
                                              "conv f32 1x3x32x32>16x16x16 k3x3 s2x2 p1,1,1,1 g1 clip+bias\n"
                                              "conv f32 1x16x16x16>64x16x16 k1x1 s1x1 g1 clip+bias\n"
                                              "conv f32 1x64x16x16>64x16x16 k3x3 s1x1 p1,1,1,1 g64 clip+bias\n"
                                              "conv f32 1x64x16x16>16x16x16 k1x1 s1x1 g1 bias+add\n"
                                              "global_average_pool f32 1x16x16x16>16x1x1\n"
                                              "gemm f32 1x16x1x1>10x1x1 bias\n");
    fet_graph_destroy(g);
}

/* From one precision to another by one cast that says what it reads; behind it whoever has no weights follows what it reads. */
static void test_crossings(void **state)
{
    (void)state;
    fet_id x = begin(1, 3, 16, 16), y = FET_NONE;
    x = conv(x, 8, 3, 1, 1);
    CHECK_OK(fet_build_unary(g, FET_OP_RELU, name(), x, &x));
    y = conv(x, 8, 3, 1, 8);
    x = conv(y, 8, 1, 1, 1);
    CHECK_OK(fet_build_unary(g, FET_OP_FLATTEN, name(), x, &x));
    CHECK_OK(fet_build_gemm(g, name(), x, 4, &x));
    g->nodes[g->values[y].node].precision = FET_DTYPE_BF16;
    end(x);
    assert_string_equal(split(FET_DTYPE_S8), "cast s8 1x3x16x16>3x16x16 plain\n"
                                             "conv s8 1x3x16x16>8x16x16 k3x3 s1x1 p1,1,1,1 g1 relu+signed\n"
                                             "cast bf16 1x8x16x16>8x16x16 x0000000a\n" /* from s8, without a sign */
                                             "conv bf16 1x8x16x16>8x16x16 k3x3 s1x1 p1,1,1,1 g8\n"
                                             "cast s8 1x8x16x16>8x16x16 x00000004\n" /* from bf16 */
                                             "conv s8 1x8x16x16>8x16x16 k1x1 s1x1 g1 signed\n"
                                             "gemm s8 1x8x16x16>4x1x1 bias+f32_dst+signed\n");
    fet_graph_destroy(g);
}

/* One channel in f32 is the same bytes in both worlds: no cast; the map at the end goes back to NCHW. */
static void test_no_cast_where_bytes_are_equal(void **state)
{
    (void)state;
    fet_id x = unary(FET_OP_RELU, conv(begin(2, 1, 8, 8), 4, 3, 1, 1));
    end(x);
    assert_string_equal(split(FET_DTYPE_F32), "conv f32 2x1x8x8>4x8x8 k3x3 s1x1 p1,1,1,1 g1 relu\ncast f32 2x4x8x8>4x8x8 f32_dst\n");
    assert_string_equal(split(FET_DTYPE_BF16), "cast bf16 2x1x8x8>1x8x8 plain\n"
                                               "conv bf16 2x1x8x8>4x8x8 k3x3 s1x1 p1,1,1,1 g1 relu+f32_dst\n"
                                               "cast bf16 2x4x8x8>4x8x8 f32_dst x00000001\n");
    fet_graph_destroy(g);
}

/* A value with two readers is not swallowed; an output is not swallowed; the activation behind an addition is. */
static void test_what_must_not_fuse(void **state)
{
    (void)state;
    fet_id a = conv(begin(1, 8, 8, 8), 8, 3, 1, 1);
    fet_id b = unary(FET_OP_RELU, a);    /* a is read twice: stands alone */
    fet_id c = binary(FET_OP_ADD, a, b); /* neither summand is a convolution that only it reads */
    fet_id d = conv(c, 8, 1, 1, 1);      /* an output too */
    fet_id e = unary(FET_OP_RELU, d);
    fet_id f = unary(FET_OP_RELU, binary(FET_OP_ADD, bn(conv(e, 8, 1, 1, 1)), c));
    CHECK_OK(fet_graph_add_output(g, d));
    end(f);
    split(FET_DTYPE_F32);
    assert_non_null(strstr(list, "\nrelu f32 1x8x8x8>8x8x8 relu\nadd f32 1x8x8x8>8x8x8\nconv"));
    assert_non_null(strstr(list, "conv f32 1x8x8x8>8x8x8 k1x1 s1x1 g1\n"));
    assert_non_null(strstr(list, "conv f32 1x8x8x8>8x8x8 k1x1 s1x1 g1 relu+bias+add\n"));
    fet_graph_destroy(g);
}

/* The tail of a detector: transposed, reshaped, softmax: all in the plain world, with one cast where it begins. */
static void test_plain_tail(void **state)
{
    (void)state;
    fet_id x = unary(FET_OP_RELU, conv(begin(1, 4, 6, 6), 8, 3, 1, 1)), y = FET_NONE;
    CHECK_OK(fet_graph_add_node(g, FET_OP_TRANSPOSE, name(), &x, 1, 1, &y));
    CHECK_OK(fet_graph_set_ints(g, y, FET_ATTR_PERM, (int64_t[]){0, 2, 3, 1}, 4));
    CHECK_OK(fet_graph_infer_node(g, y));
    fet_id z = unary(FET_OP_SOFTMAX, unary(FET_OP_FLATTEN, g->nodes[y].outputs[0]));
    end(unary(FET_OP_EXP, z));
    split(FET_DTYPE_S8);
    assert_int_equal(kernels.count, 6);
    assert_non_null(strstr(list, "relu+signed+f32_dst\n") == NULL ? strstr(list, "relu+f32_dst+signed\n") : NULL);
    assert_non_null(strstr(list, "\ncast s8 1x8x6x6>8x6x6 f32_dst x00000001\ntranspose f32 1x8x6x6>6x6x8 plain "));
    fet_graph_destroy(g);
}

/* Signs in int8: linear bottlenecks and inputs are signed, what stands behind a ReLU is not, a pool and a concat of such is not either. */
static void test_signs(void **state)
{
    (void)state;
    fet_id x = unary(FET_OP_RELU, conv(begin(1, 4, 8, 8), 8, 3, 1, 1)), y = conv(x, 8, 1, 1, 1), cat = FET_NONE;
    fet_id inputs[] = {x, unary(FET_OP_SIGMOID, y)};
    CHECK_OK(fet_graph_add_node(g, FET_OP_CONCAT, name(), inputs, 2, 1, &cat));
    CHECK_OK(fet_graph_set_int(g, cat, FET_ATTR_AXIS, 1));
    CHECK_OK(fet_graph_infer_node(g, cat));
    fet_id z = conv(g->nodes[cat].outputs[0], 4, 1, 1, 1);
    end(conv(z, 4, 1, 1, 1));
    split(FET_DTYPE_S8);
    assert_non_null(strstr(
        list,
        "concat s8 1x8x8x8>16x8x8 x00000002\nconv s8 1x16x8x8>4x8x8 k1x1 s1x1 g1\nconv s8 1x4x8x8>4x8x8 k1x1 s1x1 g1 f32_dst+signed\n"));
    fet_graph_destroy(g);
}

/* Constants, however deep, make no kernel. */
static void test_constants(void **state)
{
    (void)state;
    fet_id x = begin(1, 4, 8, 8), w = FET_NONE, n = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 4, 1, 1);
    CHECK_OK(fet_graph_add_param(g, "c", FET_DTYPE_F32, &shape, NULL, false, &w));
    fet_id folded = unary(FET_OP_NEG, unary(FET_OP_EXP, w));
    fet_id y = binary(FET_OP_MUL, conv(x, 4, 1, 1, 1), w);
    y = binary(FET_OP_ADD, y, folded);
    end(y);
    fet_arena_reset(arena);
    CHECK_OK(fet_kernels_split(g, &fet_fusion_rules_host, FET_DTYPE_F32, arena, &kernels));
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    for (uint32_t k = 0; k < kernels.count; k++)
        if (kernels.items[k].anchor != FET_NONE)
            for (n = 0; n < g->n_nodes; n++)
                if (g->nodes[n].op == FET_OP_NEG || g->nodes[n].op == FET_OP_EXP) assert_int_not_equal(kernels.items[k].anchor, n);
    assert_string_equal(fet_kernel_key_print(&kernels.items[2].key, text, sizeof text), "mul f32 1x4x8x8>4x8x8 const");
    CHECK_FAILS(FET_ERROR_ARG, fet_kernels_split(g, &fet_fusion_rules_host, FET_DTYPE_S32, arena, &kernels));
    fet_graph_destroy(g);
}

/* A network of inverted bottlenecks, unfused: 152 nodes. */
static void big(void)
{
    fet_id x = relu6(bn(conv(begin(1, 3, 64, 64), 16, 3, 2, 1)));
    for (int b = 0; b < 16; b++) {
        fet_id y = bn(conv(relu6(bn(conv(relu6(bn(conv(x, 96, 1, 1, 1))), 96, 3, 1, 96))), 16, 1, 1, 1));
        x = binary(FET_OP_ADD, y, x);
    }
    x = relu6(bn(conv(x, 128, 1, 1, 1)));
    end(gemm(unary(FET_OP_FLATTEN, unary(FET_OP_GLOBAL_AVERAGE_POOL, x)), 10));
}

/* A product of matrices that is not a fully connected layer runs plain; its MACs are those of the definition all the same. */
static void test_macs_of_plain_products(void **state)
{
    (void)state;
    const struct {
        fet_shape a, b;
        int64_t macs;
    } cases[] = {
        {{.rank = 3, .dim = {2, 5, 7}}, {.rank = 2, .dim = {7, 3}}, 2 * 5 * 3 * 7},
        {{.rank = 4, .dim = {1, 4, 5, 6}}, {.rank = 4, .dim = {1, 4, 6, 8}}, 4 * 5 * 8 * 6},
        {{.rank = 5, .dim = {2, 1, 4, 5, 6}}, {.rank = 5, .dim = {2, 1, 4, 6, 8}}, 2 * 4 * 5 * 8 * 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fet_id in[2], node = FET_NONE;
        CHECK_OK(fet_graph_create(NULL, &g));
        CHECK_OK(fet_graph_add_input(g, "a", FET_DTYPE_F32, &cases[i].a, &in[0]));
        CHECK_OK(fet_graph_add_input(g, "b", FET_DTYPE_F32, &cases[i].b, &in[1]));
        CHECK_OK(fet_graph_add_node(g, FET_OP_MATMUL, "product", in, 2, 1, &node));
        end(g->nodes[node].outputs[0]);
        split(FET_DTYPE_S8);
        int64_t macs = 0;
        for (uint32_t k = 0; k < kernels.count; k++) macs += fet_kernel_macs(g, &kernels.items[k]);
        assert_int_equal(macs, cases[i].macs);
        fet_graph_destroy(g);
    }
    /* And those of the fast ones are those of their keys. */
    big();
    split(FET_DTYPE_S8);
    for (uint32_t k = 0; k < kernels.count; k++)
        assert_int_equal(fet_kernel_macs(g, &kernels.items[k]), fet_kernel_key_macs(&kernels.items[k].key));
    fet_graph_destroy(g);
}

static void test_hot_path(void **state)
{
    (void)state;
    big();
    split(FET_DTYPE_S8);
    fet_arena_reset(arena);
    fet_alloc_fail_after(UINT64_MAX);
    double best = 1.0;
    for (int i = 0; i < 200; i++) {
        double start = fet_clock_monotonic_s();
        fet_arena_reset(arena);
        CHECK_OK(fet_kernels_split(g, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
        double took = fet_clock_monotonic_s() - start;
        best = took < best ? took : best;
    }
    print_message("# %u nodes into %u kernels in %.2f us\n", g->n_nodes, kernels.count, best * 1e6);
#ifndef FET_ARENA_DEBUG
    assert_int_equal(fet_alloc_fail_after(UINT64_MAX), 0); /* the arena is warm: no heap */
    assert_true(best < 100e-6);                            /* measured 6 us; a wide margin for a busy machine */
#endif
    fet_graph_destroy(g);
}

static void test_no_memory(void **state)
{
    (void)state;
    big();
    for (uint64_t n = 0;; n++) {
        fet_arena *fresh = NULL;
        CHECK_OK(fet_arena_create(&fresh));
        fet_alloc_fail_after(n);
        fet_status status = fet_kernels_split(g, &fet_fusion_rules_host, FET_DTYPE_F32, fresh, &kernels);
        fet_alloc_fail_after(UINT64_MAX);
        fet_arena_destroy(fresh);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
    fet_graph_destroy(g);
}

/* The table of views here and the flags of the operators say the same. */
static void test_views_agree(void **state)
{
    (void)state;
    for (int op = FET_OP_NONE + 1; op < FET_OP_COUNT; op++)
        assert_int_equal(fet_kernel_is_view((fet_op_kind)op), (fet_op_find((fet_op_kind)op)->flags & FET_OP_VIEW) != 0);
}

static fet_id ints(const int64_t *values, int64_t n)
{
    fet_id v = FET_NONE;
    fet_shape shape = {.rank = 1, .dim = {n}};
    fet_auto(fet_tensor) tensor = NULL;
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &shape, &tensor));
    memcpy(tensor->data, values, (size_t)n * sizeof *values);
    CHECK_OK(fet_graph_add_param(g, name(), FET_DTYPE_S64, &shape, tensor, false, &v));
    return v;
}

static fet_id node2(fet_op_kind op, fet_id a, fet_id b)
{
    fet_id n = FET_NONE;
    CHECK_OK(fet_graph_add_node(g, op, name(), (fet_id[]){a, b}, b == FET_NONE ? 1 : 2, 1, &n));
    CHECK_OK(fet_graph_infer_node(g, n));
    return g->nodes[n].outputs[0];
}

static fet_id pad(fet_id x, int64_t top, int64_t left, int64_t bottom, int64_t right)
{
    return node2(FET_OP_PAD, x, ints((const int64_t[]){0, 0, top, left, 0, 0, bottom, right}, 8));
}

/* A convolution does the zeros in front of it itself, if nobody else reads them; a plain source is brought to its world only once. */
static void test_explicit_pads(void **state)
{
    (void)state;
    fet_id x = conv(pad(begin(1, 3, 16, 16), 0, 0, 1, 1), 8, 3, 2, 1), shared = pad(x, 1, 1, 1, 1);
    end(binary(FET_OP_ADD, conv(shared, 8, 3, 1, 8), conv(shared, 8, 3, 1, 8)));
    static const char expected[] = "cast f32 1x3x16x16>3x16x16 plain\n"
                                   "conv f32 1x3x16x16>8x9x9 k3x3 s2x2 p1,1,2,2 g1\n"
                                   "pad f32 1x8x9x9>8x11x11 p1,1,1,1\n"
                                   "conv f32 1x8x11x11>8x11x11 k3x3 s1x1 p1,1,1,1 g8\n"
                                   "conv f32 1x8x11x11>8x11x11 k3x3 s1x1 p1,1,1,1 g8 add\n"
                                   "cast f32 1x8x11x11>8x11x11 f32_dst\n";
    assert_string_equal(split(FET_DTYPE_F32), expected);
    fet_graph_destroy(g);
}

/* Reshape, Transpose, Reshape between maps is one kernel in the fast world; with another reader of its middle it is not. */
static void test_shuffle(void **state)
{
    (void)state;
    for (int read = 0; read < 2; read++) {
        fet_id x = conv(begin(1, 3, 4, 5), 12, 1, 1, 1), perm = FET_NONE;
        fet_id apart = node2(FET_OP_RESHAPE, x, ints((const int64_t[]){1, 3, 4, 4, 5}, 5));
        CHECK_OK(fet_graph_add_node(g, FET_OP_TRANSPOSE, name(), &apart, 1, 1, &perm));
        CHECK_OK(fet_graph_set_ints(g, perm, FET_ATTR_PERM, (const int64_t[]){0, 2, 1, 3, 4}, 5));
        CHECK_OK(fet_graph_infer_node(g, perm));
        fet_id y = node2(FET_OP_RESHAPE, g->nodes[perm].outputs[0], ints((const int64_t[]){1, 12, 4, 5}, 4));
        if (read) CHECK_OK(fet_graph_add_output(g, g->nodes[perm].outputs[0]));
        end(conv(y, 6, 1, 1, 1));
        const char *keys = split(FET_DTYPE_F32);
        bool fast = strstr(keys, "transpose f32 1x12x4x5>12x4x5 x00000003\n") != NULL;
        assert_int_equal(fast, !read);
        assert_int_equal(strstr(keys, "transpose f32 1x3x4x20>4x3x20 plain") != NULL, read);
        fet_graph_destroy(g);
    }
}

static int setup(void **state)
{
    (void)state;
    return fet_arena_create(&arena) == FET_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fet_arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inverted_bottleneck),
        cmocka_unit_test(test_crossings),
        cmocka_unit_test(test_no_cast_where_bytes_are_equal),
        cmocka_unit_test(test_what_must_not_fuse),
        cmocka_unit_test(test_plain_tail),
        cmocka_unit_test(test_signs),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_macs_of_plain_products),
        cmocka_unit_test(test_hot_path),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_views_agree),
        cmocka_unit_test(test_explicit_pads),
        cmocka_unit_test(test_shuffle),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
