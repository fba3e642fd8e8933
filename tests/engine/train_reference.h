// SPDX-License-Identifier: Apache-2.0
/*
 * What a training graph computes, by definition, in f64 and plain order: the slow obvious reference of the trainer's tests. Central
 * differences of it are exact to about 1e-8, so a gradient of the trainer is checked against the definition of a derivative.
 */
#ifndef FET_TESTS_ENGINE_TRAIN_REFERENCE_H
#define FET_TESTS_ENGINE_TRAIN_REFERENCE_H

#include "op/conv.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct reference {
    const fet_graph *graph;
    int64_t batch;
    fet_shape *shape; /* of each value, with the batch */
    double **value;
    bool frozen; /* batch norm by its running statistics */
} reference;

static inline int64_t ref_count(const reference *r, fet_id v)
{
    return fet_shape_elements(&r->shape[v]);
}

/* Room for every value; parameters get the graph's numbers. */
static inline reference reference_make(const fet_graph *graph, int64_t batch)
{
    reference r = {.graph = graph, .batch = batch};
    r.shape = calloc(graph->n_values, sizeof *r.shape);
    r.value = calloc(graph->n_values, sizeof *r.value);
    for (fet_id v = 0; v < graph->n_values; v++) {
        r.shape[v] = graph->values[v].shape;
        bool activation = graph->values[v].kind != FET_VALUE_PARAM;
        if (activation && r.shape[v].rank) r.shape[v].dim[0] = batch;
        r.value[v] = calloc((size_t)ref_count(&r, v) + 1, sizeof(double));
        const fet_tensor *tensor = fet_graph_constant(graph, v);
        for (int64_t i = 0; tensor && i < fet_tensor_elements(tensor); i++)
            r.value[v][i] = tensor->dtype == FET_DTYPE_F32 ? (double)fet_tensor_f32(tensor)[i] : (double)fet_tensor_s64(tensor)[i];
    }
    return r;
}

static inline void reference_free(reference *r)
{
    for (fet_id v = 0; v < r->graph->n_values; v++) free(r->value[v]);
    free(r->value);
    free(r->shape);
}

/* Dimensions of a feature map or kernel; one with one spatial dimension has height 1. */
static inline void ref_two_dimensions(const fet_shape *shape, int64_t dim[4])
{
    bool flat = shape->rank == 3;
    dim[0] = shape->dim[0], dim[1] = shape->dim[1], dim[2] = flat ? 1 : shape->dim[2], dim[3] = shape->dim[flat ? 2 : 3];
}

static inline void ref_conv(const reference *r, const fet_node *n)
{
    fet_window w;
    CHECK_OK(fet_op_window(r->graph, n, &w));
    int64_t s[4], d[4], k[4];
    ref_two_dimensions(&r->shape[n->inputs[0]], s), ref_two_dimensions(&r->shape[n->outputs[0]], d);
    ref_two_dimensions(&r->shape[n->inputs[1]], k);
    const double *x = r->value[n->inputs[0]], *wt = r->value[n->inputs[1]];
    const double *bias = n->n_inputs > 2 && n->inputs[2] != FET_NONE ? r->value[n->inputs[2]] : NULL;
    double *y = r->value[n->outputs[0]];
    int64_t per_group = d[1] / w.group;
    for (int64_t b = 0; b < d[0]; b++)
        for (int64_t o = 0; o < d[1]; o++)
            for (int64_t oy = 0; oy < d[2]; oy++)
                for (int64_t ox = 0; ox < d[3]; ox++) {
                    double sum = bias ? bias[o] : 0;
                    for (int64_t i = 0; i < k[1]; i++)
                        for (int64_t ky = 0; ky < k[2]; ky++)
                            for (int64_t kx = 0; kx < k[3]; kx++) {
                                int64_t iy = oy * w.stride[0] - w.pad_begin[0] + ky * w.dilation[0];
                                int64_t ix = ox * w.stride[1] - w.pad_begin[1] + kx * w.dilation[1];
                                if (iy < 0 || ix < 0 || iy >= s[2] || ix >= s[3]) continue;
                                int64_t c = o / per_group * k[1] + i;
                                sum += x[((b * s[1] + c) * s[2] + iy) * s[3] + ix] * wt[((o * k[1] + i) * k[2] + ky) * k[3] + kx];
                            }
                    y[((b * d[1] + o) * d[2] + oy) * d[3] + ox] = sum;
                }
}

static inline void ref_conv_transpose(const reference *r, const fet_node *n)
{
    fet_window w;
    CHECK_OK(fet_op_window(r->graph, n, &w));
    const int64_t *s = r->shape[n->inputs[0]].dim, *d = r->shape[n->outputs[0]].dim, *k = r->shape[n->inputs[1]].dim;
    const double *x = r->value[n->inputs[0]], *wt = r->value[n->inputs[1]];
    const double *bias = n->n_inputs > 2 && n->inputs[2] != FET_NONE ? r->value[n->inputs[2]] : NULL;
    double *y = r->value[n->outputs[0]];
    int64_t image = d[2] * d[3], in_group = s[1] / w.group;
    for (int64_t i = 0; i < d[0] * d[1] * image; i++) y[i] = bias ? bias[i / image % d[1]] : 0;
    for (int64_t b = 0; b < s[0]; b++)
        for (int64_t c = 0; c < s[1]; c++)
            for (int64_t iy = 0; iy < s[2]; iy++)
                for (int64_t ix = 0; ix < s[3]; ix++)
                    for (int64_t o = 0; o < k[1]; o++)
                        for (int64_t ky = 0; ky < k[2]; ky++)
                            for (int64_t kx = 0; kx < k[3]; kx++) {
                                int64_t oy = iy * w.stride[0] - w.pad_begin[0] + ky * w.dilation[0];
                                int64_t ox = ix * w.stride[1] - w.pad_begin[1] + kx * w.dilation[1];
                                if (oy < 0 || ox < 0 || oy >= d[2] || ox >= d[3]) continue;
                                int64_t channel = c / in_group * k[1] + o;
                                y[((b * d[1] + channel) * d[2] + oy) * d[3] + ox] +=
                                    x[((b * s[1] + c) * s[2] + iy) * s[3] + ix] * wt[((c * k[1] + o) * k[2] + ky) * k[3] + kx];
                            }
}

static inline void ref_matrix(const reference *r, const fet_node *n)
{
    bool transposed = n->op == FET_OP_GEMM && fet_node_int(n, FET_ATTR_TRANS_B, 0) != 0;
    int64_t rows = r->shape[n->inputs[0]].dim[0], k = r->shape[n->inputs[0]].dim[1], m = r->shape[n->outputs[0]].dim[1];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < m; j++) {
            double sum = n->n_inputs > 2 && n->inputs[2] != FET_NONE ? r->value[n->inputs[2]][j] : 0;
            for (int64_t q = 0; q < k; q++)
                sum += r->value[n->inputs[0]][i * k + q] * r->value[n->inputs[1]][transposed ? j * k + q : q * m + j];
            r->value[n->outputs[0]][i * m + j] = sum;
        }
}

static inline void ref_batch_norm(const reference *r, const fet_node *n)
{
    const fet_shape *s = &r->shape[n->inputs[0]];
    int64_t channels = s->dim[1], image = s->rank == 4 ? s->dim[2] * s->dim[3] : 1, m = s->dim[0] * image;
    double epsilon = (double)fet_node_float(n, FET_ATTR_EPSILON, 1e-5f);
    const double *x = r->value[n->inputs[0]];
    for (int64_t c = 0; c < channels; c++) {
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < m; i++) mean += x[(i / image * channels + c) * image + i % image] / (double)m;
        for (int64_t i = 0; i < m; i++) variance += pow(x[(i / image * channels + c) * image + i % image] - mean, 2) / (double)m;
        if (r->frozen) mean = r->value[n->inputs[3]][c], variance = r->value[n->inputs[4]][c];
        for (int64_t i = 0; i < m; i++) {
            int64_t at = (i / image * channels + c) * image + i % image;
            r->value[n->outputs[0]][at] = (x[at] - mean) / sqrt(variance + epsilon) * r->value[n->inputs[1]][c] + r->value[n->inputs[2]][c];
        }
    }
}

static inline double ref_unary(const reference *r, const fet_node *n, double x)
{
    double alpha = (double)fet_node_float(n, FET_ATTR_ALPHA,
                                          n->op == FET_OP_LEAKY_RELU     ? 0.01f
                                          : n->op == FET_OP_HARD_SIGMOID ? 0.2f
                                                                         : 1.0f);
    double beta = (double)fet_node_float(n, FET_ATTR_BETA, 0.5f);
    switch (n->op) {
    case FET_OP_RELU: return fmax(x, 0);
    case FET_OP_CLIP:
        if (n->n_inputs > 1 && n->inputs[1] != FET_NONE) x = fmax(x, r->value[n->inputs[1]][0]);
        if (n->n_inputs > 2 && n->inputs[2] != FET_NONE) x = fmin(x, r->value[n->inputs[2]][0]);
        return x;
    case FET_OP_LEAKY_RELU: return x < 0 ? alpha * x : x;
    case FET_OP_ELU: return x < 0 ? alpha * (exp(x) - 1) : x;
    case FET_OP_SELU: return 1.05070102214813232421875 * (x < 0 ? 1.67326319217681884765625 * (exp(x) - 1) : x);
    case FET_OP_CELU: return fmax(0, x) + fmin(0, alpha * (exp(x / alpha) - 1));
    case FET_OP_SIGMOID: return 1 / (1 + exp(-x));
    case FET_OP_HARD_SIGMOID: return fmax(0, fmin(1, alpha * x + beta));
    case FET_OP_HARD_SWISH: return x * fmax(0, fmin(1, x / 6 + 0.5));
    case FET_OP_SWISH: return x / (1 + exp(-alpha * x));
    case FET_OP_GELU:
        if (strcmp(fet_node_string(n, FET_ATTR_APPROXIMATE, "none"), "tanh") == 0)
            return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
        return 0.5 * x * (1 + erf(x / sqrt(2)));
    case FET_OP_TANH: return tanh(x);
    case FET_OP_SOFTPLUS: return log(exp(x) + 1);
    case FET_OP_SOFTSIGN: return x / (1 + fabs(x));
    case FET_OP_ABS: return fabs(x);
    case FET_OP_NEG: return -x;
    case FET_OP_EXP: return exp(x);
    case FET_OP_LOG: return log(x);
    case FET_OP_SQRT: return sqrt(x);
    case FET_OP_RECIPROCAL: return 1 / x;
    case FET_OP_ERF: return erf(x);
    default: return x; /* views */
    }
}

/* Where element i of `shape` reads in an operand that is broadcast to it. */
static inline int64_t ref_broadcast(const fet_shape *shape, const fet_shape *operand, int64_t i)
{
    int64_t at = 0, step = 1;
    for (uint32_t a = shape->rank; a-- > 0;) {
        int64_t index = i % shape->dim[a];
        i /= shape->dim[a];
        int64_t axis = (int64_t)a - ((int64_t)shape->rank - (int64_t)operand->rank);
        if (axis < 0) continue;
        if (operand->dim[axis] > 1) at += index * step;
        step *= operand->dim[axis];
    }
    return at;
}

static inline void ref_elementwise(const reference *r, const fet_node *n)
{
    fet_id y = n->outputs[0];
    for (int64_t i = 0; i < ref_count(r, y); i++) {
        double a = r->value[n->inputs[0]][ref_broadcast(&r->shape[y], &r->shape[n->inputs[0]], i)];
        double b = n->n_inputs > 1 ? r->value[n->inputs[1]][ref_broadcast(&r->shape[y], &r->shape[n->inputs[1]], i)] : 0;
        double *out = &r->value[y][i];
        switch (n->op) {
        case FET_OP_ADD: *out = a + b; break;
        case FET_OP_SUB: *out = a - b; break;
        case FET_OP_MUL: *out = a * b; break;
        case FET_OP_DIV: *out = a / b; break;
        case FET_OP_PRELU: *out = a < 0 ? a * b : a; break;
        default: *out = 0; break;
        }
    }
}

static inline void ref_pool(const reference *r, const fet_node *n)
{
    const int64_t *s = r->shape[n->inputs[0]].dim, *d = r->shape[n->outputs[0]].dim;
    fet_window w = {.kernel = {s[2], s[3]}, .stride = {1, 1}, .dilation = {1, 1}};
    bool global = n->op == FET_OP_GLOBAL_AVERAGE_POOL || n->op == FET_OP_GLOBAL_MAX_POOL;
    bool most = n->op == FET_OP_GLOBAL_MAX_POOL || n->op == FET_OP_MAX_POOL;
    if (!global) CHECK_OK(fet_op_window(r->graph, n, &w));
    for (int64_t p = 0; p < d[0] * d[1]; p++)
        for (int64_t oy = 0; oy < d[2]; oy++)
            for (int64_t ox = 0; ox < d[3]; ox++) {
                double sum = 0, max = -INFINITY, count = 0;
                for (int64_t ky = 0; ky < w.kernel[0]; ky++)
                    for (int64_t kx = 0; kx < w.kernel[1]; kx++) {
                        int64_t iy = oy * w.stride[0] - w.pad_begin[0] + ky * w.dilation[0];
                        int64_t ix = ox * w.stride[1] - w.pad_begin[1] + kx * w.dilation[1];
                        if (iy < 0 || ix < 0 || iy >= s[2] || ix >= s[3]) continue;
                        double v = r->value[n->inputs[0]][(p * s[2] + iy) * s[3] + ix];
                        sum += v, count++;
                        if (v > max) max = v;
                    }
                if (w.count_include_pad) count = (double)(w.kernel[0] * w.kernel[1]);
                r->value[n->outputs[0]][(p * d[2] + oy) * d[3] + ox] = most ? max : sum / count;
            }
}

static inline void ref_softmax(const reference *r, const fet_node *n)
{
    const fet_shape *s = &r->shape[n->inputs[0]];
    int64_t axis = fet_node_int(n, FET_ATTR_AXIS, -1), inner = 1;
    if (axis < 0) axis += s->rank;
    for (uint32_t a = (uint32_t)axis + 1; a < s->rank; a++) inner *= s->dim[a];
    int64_t length = s->dim[axis];
    for (int64_t i = 0; i < ref_count(r, n->inputs[0]); i++) {
        int64_t first = i / (inner * length) * inner * length + i % inner;
        double sum = 0;
        for (int64_t k = 0; k < length; k++) sum += exp(r->value[n->inputs[0]][first + k * inner]);
        double x = r->value[n->inputs[0]][i];
        r->value[n->outputs[0]][i] = n->op == FET_OP_SOFTMAX ? exp(x) / sum : x - log(sum);
    }
}

static inline void ref_concat(const reference *r, const fet_node *n)
{
    const fet_shape *d = &r->shape[n->outputs[0]];
    int64_t axis = fet_node_int(n, FET_ATTR_AXIS, 0), inner = 1;
    if (axis < 0) axis += d->rank;
    for (uint32_t a = (uint32_t)axis + 1; a < d->rank; a++) inner *= d->dim[a];
    for (int64_t i = 0; i < ref_count(r, n->outputs[0]); i++) {
        int64_t at = i / inner % d->dim[axis], outer = i / (inner * d->dim[axis]);
        uint32_t k = 0;
        for (; at >= r->shape[n->inputs[k]].dim[axis]; k++) at -= r->shape[n->inputs[k]].dim[axis];
        r->value[n->outputs[0]][i] = r->value[n->inputs[k]][(outer * r->shape[n->inputs[k]].dim[axis] + at) * inner + i % inner];
    }
}

/* Where output x of an axis reads: nearest is tested as asymmetric and floor, the others as align_corners or half_pixel. */
static inline double ref_resize_position(const fet_node *n, int64_t x, int64_t in, int64_t out)
{
    if (strcmp(fet_node_string(n, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "half_pixel"), "align_corners") == 0)
        return out > 1 ? (double)(x * (in - 1)) / (double)(out - 1) : 0;
    return ((double)x + 0.5) * (double)in / (double)out - 0.5;
}

/* Weight of the pixel at `distance`: a triangle, or Keys' cubic with a = -0.75. */
static inline double ref_resize_weight(bool cubic, double distance)
{
    double d = fabs(distance);
    if (!cubic) return d < 1 ? 1 - d : 0;
    const double a = -0.75;
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* Pixels outside have the numbers of the nearest inside. */
static inline void ref_resize(const reference *r, const fet_node *n)
{
    const int64_t *s = r->shape[n->inputs[0]].dim, *d = r->shape[n->outputs[0]].dim;
    char mode = fet_node_string(n, FET_ATTR_MODE, "nearest")[0];
    const double *from = r->value[n->inputs[0]];
    for (int64_t i = 0; i < ref_count(r, n->outputs[0]); i++) {
        int64_t p = i / (d[2] * d[3]), y = i / d[3] % d[2], x = i % d[3];
        double sum = 0;
        if (mode == 'n') {
            sum = from[(p * s[2] + y * s[2] / d[2]) * s[3] + x * s[3] / d[3]];
        } else {
            double at_y = ref_resize_position(n, y, s[2], d[2]), at_x = ref_resize_position(n, x, s[3], d[3]);
            for (int64_t ky = -3; ky < s[2] + 3; ky++)
                for (int64_t kx = -3; kx < s[3] + 3; kx++) {
                    int64_t iy = ky < 0 ? 0 : ky >= s[2] ? s[2] - 1 : ky, ix = kx < 0 ? 0 : kx >= s[3] ? s[3] - 1 : kx;
                    sum += ref_resize_weight(mode == 'c', at_y - (double)ky) * ref_resize_weight(mode == 'c', at_x - (double)kx) *
                           from[(p * s[2] + iy) * s[3] + ix];
                }
        }
        r->value[n->outputs[0]][i] = sum;
    }
}

static inline void ref_variadic(const reference *r, const fet_node *n)
{
    fet_id y = n->outputs[0];
    for (int64_t i = 0; i < ref_count(r, y); i++) {
        double result = 0;
        for (uint32_t k = 0; k < n->n_inputs; k++) {
            double x = r->value[n->inputs[k]][ref_broadcast(&r->shape[y], &r->shape[n->inputs[k]], i)];
            if (n->op == FET_OP_SUM) result += x;
            else if (n->op == FET_OP_MEAN) result += x / n->n_inputs;
            else if (k == 0 || (n->op == FET_OP_MAX ? x > result : x < result)) result = x;
        }
        r->value[y][i] = result;
    }
}

static inline void ref_lrn(const reference *r, const fet_node *n)
{
    const fet_shape *s = &r->shape[n->inputs[0]];
    int64_t area = s->dim[2] * s->dim[3], size = fet_node_int(n, FET_ATTR_SIZE, 1);
    double alpha = (double)fet_node_float(n, FET_ATTR_ALPHA, 1e-4f), beta = (double)fet_node_float(n, FET_ATTR_BETA, 0.75f);
    for (int64_t i = 0; i < ref_count(r, n->inputs[0]); i++) {
        int64_t c = i / area % s->dim[1];
        double sum = 0;
        for (int64_t k = c - (size - 1) / 2; k <= c + size / 2; k++)
            if (k >= 0 && k < s->dim[1]) sum += pow(r->value[n->inputs[0]][i + (k - c) * area], 2);
        r->value[n->outputs[0]][i] =
            r->value[n->inputs[0]][i] / pow((double)fet_node_float(n, FET_ATTR_BIAS, 1) + alpha / (double)size * sum, beta);
    }
}

static inline void ref_split(const reference *r, const fet_node *n)
{
    const fet_shape *s = &r->shape[n->inputs[0]];
    int64_t axis = fet_node_int(n, FET_ATTR_AXIS, 0), inner = 1, first = 0;
    for (uint32_t a = (uint32_t)axis + 1; a < s->rank; a++) inner *= s->dim[a];
    for (uint32_t o = 0; o < n->n_outputs; o++) {
        int64_t length = r->shape[n->outputs[o]].dim[axis];
        for (int64_t i = 0; i < ref_count(r, n->outputs[o]); i++)
            r->value[n->outputs[o]][i] =
                r->value[n->inputs[0]][(i / (length * inner) * s->dim[axis] + first + i / inner % length) * inner + i % inner];
        first += length;
    }
}

static inline void ref_transpose(const reference *r, const fet_node *n)
{
    const fet_attr *perm = fet_node_attr(n, FET_ATTR_PERM);
    const fet_shape *s = &r->shape[n->inputs[0]], *d = &r->shape[n->outputs[0]];
    for (int64_t i = 0; i < ref_count(r, n->outputs[0]); i++) {
        int64_t index[FET_MAX_RANK], rest = i, at = 0;
        for (uint32_t a = d->rank; a-- > 0; rest /= d->dim[a]) index[perm ? perm->ints[a] : (int64_t)(d->rank - 1 - a)] = rest % d->dim[a];
        for (uint32_t a = 0; a < s->rank; a++) at = at * s->dim[a] + index[a];
        r->value[n->outputs[0]][i] = r->value[n->inputs[0]][at];
    }
}

static inline void ref_reduce_mean(const reference *r, const fet_node *n)
{
    const fet_attr *axes = fet_node_attr(n, FET_ATTR_AXES);
    const fet_shape *s = &r->shape[n->inputs[0]];
    bool reduced[FET_MAX_RANK] = {0};
    for (uint32_t a = 0; a < axes->count; a++) reduced[axes->ints[a] < 0 ? axes->ints[a] + s->rank : axes->ints[a]] = true;
    int64_t in = ref_count(r, n->inputs[0]), out = ref_count(r, n->outputs[0]);
    memset(r->value[n->outputs[0]], 0, (size_t)out * sizeof(double));
    for (int64_t i = 0; i < in; i++) {
        int64_t rest = i, index[FET_MAX_RANK], at = 0;
        for (uint32_t a = s->rank; a-- > 0; rest /= s->dim[a]) index[a] = rest % s->dim[a];
        for (uint32_t a = 0; a < s->rank; a++)
            if (!reduced[a]) at = at * s->dim[a] + index[a];
        r->value[n->outputs[0]][at] += r->value[n->inputs[0]][i] * (double)out / (double)in;
    }
}

/* Computes every node from the inputs and parameters in r->value. */
static inline void reference_run(const reference *r)
{
    for (fet_id i = 0; i < r->graph->n_nodes; i++) {
        const fet_node *n = &r->graph->nodes[i];
        switch (n->op) {
        case FET_OP_NONE: break;
        case FET_OP_CONV: ref_conv(r, n); break;
        case FET_OP_CONV_TRANSPOSE: ref_conv_transpose(r, n); break;
        case FET_OP_GEMM:
        case FET_OP_MATMUL: ref_matrix(r, n); break;
        case FET_OP_BATCH_NORMALIZATION: ref_batch_norm(r, n); break;
        case FET_OP_ADD:
        case FET_OP_SUB:
        case FET_OP_MUL:
        case FET_OP_DIV:
        case FET_OP_PRELU: ref_elementwise(r, n); break;
        case FET_OP_MAX_POOL:
        case FET_OP_AVERAGE_POOL:
        case FET_OP_GLOBAL_AVERAGE_POOL:
        case FET_OP_GLOBAL_MAX_POOL: ref_pool(r, n); break;
        case FET_OP_SOFTMAX:
        case FET_OP_LOG_SOFTMAX: ref_softmax(r, n); break;
        case FET_OP_CONCAT: ref_concat(r, n); break;
        case FET_OP_RESIZE: ref_resize(r, n); break;
        case FET_OP_SUM:
        case FET_OP_MEAN:
        case FET_OP_MAX:
        case FET_OP_MIN: ref_variadic(r, n); break;
        case FET_OP_LRN: ref_lrn(r, n); break;
        case FET_OP_SPLIT: ref_split(r, n); break;
        case FET_OP_TRANSPOSE: ref_transpose(r, n); break;
        case FET_OP_REDUCE_MEAN: ref_reduce_mean(r, n); break;
        default:
            for (int64_t k = 0; k < ref_count(r, n->outputs[0]); k++)
                r->value[n->outputs[0]][k] = ref_unary(r, n, r->value[n->inputs[0]][k]);
            break;
        }
    }
}

/* sum over outputs of output * weight: a loss whose gradient by the outputs is `weight`. */
static inline double reference_loss(const reference *r, double *const weight[])
{
    reference_run(r);
    double loss = 0;
    for (uint32_t o = 0; o < r->graph->n_outputs; o++)
        for (int64_t i = 0; i < ref_count(r, r->graph->outputs[o]); i++) loss += weight[o][i] * r->value[r->graph->outputs[o]][i];
    return loss;
}

/* d loss / d number i of value v, by central differences. */
static inline double reference_slope(const reference *r, double *const weight[], fet_id v, int64_t i)
{
    const double step = 1e-5;
    double kept = r->value[v][i];
    r->value[v][i] = kept + step;
    double above = reference_loss(r, weight);
    r->value[v][i] = kept - step;
    double below = reference_loss(r, weight);
    r->value[v][i] = kept;
    return (above - below) / (2 * step);
}

#endif
