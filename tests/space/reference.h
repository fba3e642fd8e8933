// SPDX-License-Identifier: Apache-2.0
/* Runs a graph in double precision, one loop an operator, slowly and obviously. Only what the tests' networks contain; anything else fails
 * the test. */
#ifndef FET_TESTS_SPACE_REFERENCE_H
#define FET_TESTS_SPACE_REFERENCE_H

#include "check.h"

#include "op/conv.h"
#include "op/op.h"

#include <math.h>
#include <string.h>

typedef struct reference {
    const fet_graph *graph;
    double **values; /* by value id */
} reference;

static inline double *reference_room(const fet_value *value)
{
    double *room = calloc((size_t)fet_shape_elements(&value->shape) + 1, sizeof *room);
    assert_non_null(room);
    return room;
}

static inline double reference_number(const reference *r, const fet_node *node, uint32_t input, int64_t i)
{
    return r->values[node->inputs[input]][i];
}

static inline void reference_conv(const reference *r, const fet_node *node, double *dst)
{
    const fet_graph *g = r->graph;
    const int64_t *s = g->values[node->inputs[0]].shape.dim, *w = g->values[node->inputs[1]].shape.dim,
                  *d = g->values[node->outputs[0]].shape.dim;
    fet_window win;
    CHECK_OK(fet_op_window(g, node, &win));
    int64_t ocg = w[0] / win.group, icg = w[1];
    for (int64_t n = 0; n < d[0]; n++)
        for (int64_t o = 0; o < d[1]; o++)
            for (int64_t y = 0; y < d[2]; y++)
                for (int64_t x = 0; x < d[3]; x++) {
                    double sum = node->n_inputs > 2 ? reference_number(r, node, 2, o) : 0;
                    for (int64_t i = 0; i < icg; i++)
                        for (int64_t ky = 0; ky < w[2]; ky++)
                            for (int64_t kx = 0; kx < w[3]; kx++) {
                                int64_t sy = y * win.stride[0] - win.pad_begin[0] + ky * win.dilation[0];
                                int64_t sx = x * win.stride[1] - win.pad_begin[1] + kx * win.dilation[1];
                                if (sy < 0 || sx < 0 || sy >= s[2] || sx >= s[3]) continue;
                                int64_t c = o / ocg * icg + i;
                                sum += reference_number(r, node, 0, ((n * s[1] + c) * s[2] + sy) * s[3] + sx) *
                                       reference_number(r, node, 1, ((o * icg + i) * w[2] + ky) * w[3] + kx);
                            }
                    *dst++ = sum;
                }
}

static inline void reference_gemm(const reference *r, const fet_node *node, double *dst)
{
    const int64_t *s = r->graph->values[node->inputs[0]].shape.dim, *d = r->graph->values[node->outputs[0]].shape.dim;
    bool transposed = fet_node_int(node, FET_ATTR_TRANS_B, 0) != 0;
    for (int64_t n = 0; n < d[0]; n++)
        for (int64_t o = 0; o < d[1]; o++) {
            double sum = node->n_inputs > 2 ? reference_number(r, node, 2, o) : 0;
            for (int64_t k = 0; k < s[1]; k++)
                sum += reference_number(r, node, 0, n * s[1] + k) * reference_number(r, node, 1, transposed ? o * s[1] + k : k * d[1] + o);
            *dst++ = sum;
        }
}

static inline void reference_per_channel(const reference *r, const fet_node *node, double *dst)
{
    const fet_shape *shape = &r->graph->values[node->outputs[0]].shape;
    int64_t inner = 1, n = fet_shape_elements(shape);
    for (uint32_t a = 2; a < shape->rank; a++) inner *= shape->dim[a];
    for (int64_t i = 0; i < n; i++) {
        int64_t c = i / inner % shape->dim[1];
        double scale =
            reference_number(r, node, 1, c) / sqrt(reference_number(r, node, 4, c) + (double)fet_node_float(node, FET_ATTR_EPSILON, 1e-5f));
        dst[i] = (reference_number(r, node, 0, i) - reference_number(r, node, 3, c)) * scale + reference_number(r, node, 2, c);
    }
}

/* Operands of one shape, or of one number a channel. */
static inline void reference_binary(const reference *r, const fet_node *node, double *dst)
{
    const fet_shape *shape = &r->graph->values[node->outputs[0]].shape;
    int64_t n = fet_shape_elements(shape), inner = 1;
    for (uint32_t a = 2; a < shape->rank; a++) inner *= shape->dim[a];
    for (int64_t i = 0; i < n; i++) {
        double x[2];
        for (uint32_t k = 0; k < 2; k++) {
            int64_t have = fet_shape_elements(&r->graph->values[node->inputs[k]].shape);
            assert_true(have == n || have == shape->dim[1] || have == shape->dim[0] * shape->dim[1]);
            x[k] = reference_number(r, node, k, have == n ? i : i / inner % have);
        }
        dst[i] = node->op == FET_OP_ADD ? x[0] + x[1] : x[0] * x[1];
    }
}

static inline void reference_concat(const reference *r, const fet_node *node, double *dst)
{
    const fet_shape *shape = &r->graph->values[node->outputs[0]].shape;
    int64_t inner = 1;
    for (uint32_t a = 2; a < shape->rank; a++) inner *= shape->dim[a];
    for (int64_t n = 0; n < shape->dim[0]; n++)
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            int64_t part = r->graph->values[node->inputs[k]].shape.dim[1] * inner;
            for (int64_t i = 0; i < part; i++) *dst++ = reference_number(r, node, k, n * part + i);
        }
}

static inline void reference_unary(const reference *r, const fet_node *node, double *dst)
{
    const fet_shape *src = &r->graph->values[node->inputs[0]].shape;
    int64_t n = fet_shape_elements(&r->graph->values[node->outputs[0]].shape);
    int64_t window = node->op == FET_OP_GLOBAL_AVERAGE_POOL ? fet_shape_elements(src) / n : 1;
    for (int64_t i = 0; i < n; i++) {
        double x = 0;
        for (int64_t k = 0; k < window; k++) x += reference_number(r, node, 0, i * window + k) / (double)window;
        switch (node->op) {
        case FET_OP_RELU: x = x > 0 ? x : 0; break;
        case FET_OP_CLIP: x = fmin(fmax(x, reference_number(r, node, 1, 0)), reference_number(r, node, 2, 0)); break;
        case FET_OP_SIGMOID: x = 1 / (1 + exp(-x)); break;
        case FET_OP_GLOBAL_AVERAGE_POOL:
        case FET_OP_FLATTEN:
        case FET_OP_RESHAPE:
        case FET_OP_IDENTITY: break;
        default: fail_msg("the reference does not know %s", fet_op_onnx_name(node->op));
        }
        dst[i] = x;
    }
}

/* The first output of the graph for `src` as its first input; free() it. */
static inline double *reference_run(const fet_graph *graph, const float *src)
{
    reference r = {.graph = graph, .values = calloc(graph->n_values + 1, sizeof(double *))};
    assert_non_null(r.values);
    for (fet_id v = 0; v < graph->n_values; v++) {
        const fet_tensor *tensor = fet_graph_constant(graph, v);
        r.values[v] = reference_room(&graph->values[v]);
        if (tensor && tensor->dtype == FET_DTYPE_F32)
            for (int64_t i = 0; i < fet_tensor_elements(tensor); i++) r.values[v][i] = (double)fet_tensor_f32(tensor)[i];
        else if (graph->values[v].kind == FET_VALUE_PARAM && graph->values[v].dtype == FET_DTYPE_F32)
            fail_msg("parameter %s has no numbers", graph->values[v].name);
    }
    int64_t n = fet_shape_elements(&graph->values[graph->inputs[0]].shape);
    for (int64_t i = 0; i < n; i++) r.values[graph->inputs[0]][i] = (double)src[i];
    for (fet_id i = 0; i < graph->n_nodes; i++) {
        const fet_node *node = &graph->nodes[i];
        double *dst = node->op == FET_OP_NONE ? NULL : r.values[node->outputs[0]];
        switch (node->op) {
        case FET_OP_NONE: break;
        case FET_OP_CONV: reference_conv(&r, node, dst); break;
        case FET_OP_GEMM: reference_gemm(&r, node, dst); break;
        case FET_OP_BATCH_NORMALIZATION: reference_per_channel(&r, node, dst); break;
        case FET_OP_ADD:
        case FET_OP_MUL: reference_binary(&r, node, dst); break;
        case FET_OP_CONCAT: reference_concat(&r, node, dst); break;
        default: reference_unary(&r, node, dst); break;
        }
    }
    double *result = r.values[graph->outputs[0]];
    r.values[graph->outputs[0]] = NULL;
    for (fet_id v = 0; v < graph->n_values; v++) free(r.values[v]);
    free(r.values);
    return result;
}

/* Random numbers for a graph's first input; free() it. */
static inline float *reference_input(const fet_graph *graph, uint64_t seed)
{
    int64_t n = fet_shape_elements(&graph->values[graph->inputs[0]].shape);
    float *src = calloc((size_t)n, sizeof *src);
    assert_non_null(src);
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    for (int64_t i = 0; i < n; i++) src[i] = (float)fet_rng_normal(&rng);
    return src;
}

/* Largest difference of two graphs' first outputs over the largest output of the first, on one random input. */
static inline double reference_difference(const fet_graph *a, const fet_graph *b, uint64_t seed)
{
    float *src = reference_input(a, seed);
    double *x = reference_run(a, src), *y = reference_run(b, src), largest = 0, difference = 0;
    int64_t n = fet_shape_elements(&a->values[a->outputs[0]].shape);
    assert_int_equal(n, fet_shape_elements(&b->values[b->outputs[0]].shape));
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(x[i])), difference = fmax(difference, fabs(x[i] - y[i]));
    free(src), free(x), free(y);
    assert_true(largest > 0);
    return difference / largest;
}

#endif
