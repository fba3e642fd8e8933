// SPDX-License-Identifier: Apache-2.0
#include "slow.h"

#include "check.h"
#include "op/conv.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef struct call {
    const fet_graph *g;
    const fet_node *node;
    const float *x[8];
    const fet_shape *xs[8];
    float *y;
    const fet_shape *ys;
} call;

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

void slow_fill(fet_graph *graph, uint64_t seed)
{
    for (fet_id p = 0; p < graph->n_params; p++) {
        if (graph->params[p].tensor) continue;
        const fet_value *value = &graph->values[graph->params[p].value];
        fet_rng rng;
        fet_rng_init(&rng, seed, p, FET_RNG_TEST);
        fet_tensor *tensor = NULL;
        CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &value->shape, &tensor));
        int64_t count = fet_tensor_elements(tensor);
        double fan_in = value->shape.rank > 1 ? (double)count / (double)value->shape.dim[0] : 1.0;
        for (int64_t i = 0; i < count; i++) {
            double x = fet_rng_normal(&rng);
            if (ends_with(value->name, ".variance")) x = 0.5 + fet_rng_uniform(&rng);
            else if (ends_with(value->name, ".gamma")) x = 0.75 + 0.5 * fet_rng_uniform(&rng);
            else if (ends_with(value->name, ".weight")) x *= 1.4 / sqrt(fan_in);
            else x *= 0.3;
            fet_tensor_f32(tensor)[i] = (float)x;
        }
        fet_graph_set_tensor(graph, p, tensor);
        fet_tensor_release(tensor);
    }
}

static void conv(const call *c)
{
    fet_window w;
    CHECK_OK(fet_op_window(c->g, c->node, &w));
    bool transposed = c->node->op == FET_OP_CONV_TRANSPOSE;
    int64_t n_n = c->xs[0]->dim[0], ic = c->xs[0]->dim[1], ih = c->xs[0]->dim[2], iw = c->xs[0]->dim[3];
    int64_t oc = c->ys->dim[1], oh = c->ys->dim[2], ow = c->ys->dim[3], ig = ic / w.group, og = oc / w.group;
    double *sum = malloc((size_t)(oc * oh * ow) * sizeof *sum);
    for (int64_t n = 0; n < n_n; n++) {
        for (int64_t i = 0; i < oc * oh * ow; i++) sum[i] = c->x[2] ? (double)c->x[2][i / (oh * ow)] : 0.0;
        for (int64_t o = 0; o < oc; o++)
            for (int64_t i = 0; i < ig; i++)
                for (int64_t ky = 0; ky < w.kernel[0]; ky++)
                    for (int64_t kx = 0; kx < w.kernel[1]; kx++) {
                        int64_t g = o / og, at = transposed ? ((g * ig + i) * og + o % og) : o * ig + i;
                        double weight = (double)c->x[1][(at * w.kernel[0] + ky) * w.kernel[1] + kx];
                        const float *map = c->x[0] + ((n * ic) + g * ig + i) * ih * iw;
                        for (int64_t y = 0; y < (transposed ? ih : oh); y++)
                            for (int64_t x = 0; x < (transposed ? iw : ow); x++) {
                                int64_t fy = y * w.stride[0] + ky * w.dilation[0] - w.pad_begin[0];
                                int64_t fx = x * w.stride[1] + kx * w.dilation[1] - w.pad_begin[1];
                                if (fy < 0 || fx < 0 || fy >= (transposed ? oh : ih) || fx >= (transposed ? ow : iw)) continue;
                                if (transposed) sum[(o * oh + fy) * ow + fx] += weight * (double)map[y * iw + x];
                                else sum[(o * oh + y) * ow + x] += weight * (double)map[fy * iw + fx];
                            }
                    }
        for (int64_t i = 0; i < oc * oh * ow; i++) c->y[n * oc * oh * ow + i] = (float)sum[i];
    }
    free(sum);
}

static void batch_norm(const call *c)
{
    int64_t channels = c->xs[0]->dim[1], image = fet_shape_elements(c->xs[0]) / c->xs[0]->dim[0] / channels;
    double epsilon = (double)fet_node_float(c->node, FET_ATTR_EPSILON, 1e-5f);
    for (int64_t i = 0; i < fet_shape_elements(c->xs[0]); i++) {
        int64_t k = i / image % channels;
        c->y[i] = (float)(((double)c->x[0][i] - (double)c->x[3][k]) / sqrt((double)c->x[4][k] + epsilon) * (double)c->x[1][k] +
                          (double)c->x[2][k]);
    }
}

static void pool(const call *c)
{
    fet_window w;
    CHECK_OK(fet_op_window(c->g, c->node, &w));
    bool maximum = c->node->op == FET_OP_MAX_POOL;
    int64_t maps = c->xs[0]->dim[0] * c->xs[0]->dim[1], ih = c->xs[0]->dim[2], iw = c->xs[0]->dim[3], oh = c->ys->dim[2],
            ow = c->ys->dim[3];
    for (int64_t m = 0; m < maps; m++)
        for (int64_t y = 0; y < oh; y++)
            for (int64_t x = 0; x < ow; x++) {
                double sum = 0.0, best = -INFINITY;
                int count = 0;
                for (int64_t ky = 0; ky < w.kernel[0]; ky++)
                    for (int64_t kx = 0; kx < w.kernel[1]; kx++) {
                        int64_t fy = y * w.stride[0] + ky * w.dilation[0] - w.pad_begin[0],
                                fx = x * w.stride[1] + kx * w.dilation[1] - w.pad_begin[1];
                        if (fy < 0 || fx < 0 || fy >= ih || fx >= iw) continue;
                        double v = (double)c->x[0][(m * ih + fy) * iw + fx];
                        sum += v, best = v > best ? v : best, count++;
                    }
                if (w.count_include_pad) count = (int)(w.kernel[0] * w.kernel[1]);
                c->y[(m * oh + y) * ow + x] = (float)(maximum ? best : sum / count);
            }
}

static void global_pool(const call *c)
{
    int64_t maps = c->xs[0]->dim[0] * c->xs[0]->dim[1], image = fet_shape_elements(c->xs[0]) / maps;
    for (int64_t m = 0; m < maps; m++) {
        double sum = 0.0, best = -INFINITY;
        for (int64_t i = 0; i < image; i++) {
            double v = (double)c->x[0][m * image + i];
            sum += v, best = v > best ? v : best;
        }
        c->y[m] = (float)(c->node->op == FET_OP_GLOBAL_MAX_POOL ? best : sum / (double)image);
    }
}

static void gemm(const call *c)
{
    bool transposed = c->node->op == FET_OP_GEMM && fet_node_int(c->node, FET_ATTR_TRANS_B, 0);
    int64_t m_n = c->ys->dim[0], o_n = c->ys->dim[1], k_n = c->xs[0]->dim[1];
    double alpha = c->node->op == FET_OP_GEMM ? (double)fet_node_float(c->node, FET_ATTR_ALPHA, 1.0f) : 1.0;
    double beta = (double)fet_node_float(c->node, FET_ATTR_BETA, 1.0f);
    for (int64_t m = 0; m < m_n; m++)
        for (int64_t o = 0; o < o_n; o++) {
            double sum = 0.0;
            for (int64_t k = 0; k < k_n; k++) sum += (double)c->x[0][m * k_n + k] * (double)c->x[1][transposed ? o * k_n + k : k * o_n + o];
            c->y[m * o_n + o] = (float)(alpha * sum + (c->x[2] ? beta * (double)c->x[2][o] : 0.0));
        }
}

static double unary(const call *c, double x)
{
    double alpha = (double)fet_node_float(c->node, FET_ATTR_ALPHA, 0.0f), beta = (double)fet_node_float(c->node, FET_ATTR_BETA, 0.0f);
    switch (c->node->op) {
    case FET_OP_RELU: return x > 0 ? x : 0;
    case FET_OP_CLIP: {
        double low = c->x[1] ? (double)c->x[1][0] : -INFINITY, high = c->x[2] ? (double)c->x[2][0] : INFINITY;
        return fmin(high, fmax(low, x));
    }
    case FET_OP_LEAKY_RELU: return x > 0 ? x : (alpha != 0 ? alpha : 0.01) * x;
    case FET_OP_ELU: return x > 0 ? x : (alpha != 0 ? alpha : 1) * (exp(x) - 1);
    case FET_OP_SIGMOID: return 1 / (1 + exp(-x));
    case FET_OP_HARD_SIGMOID: return fmin(1, fmax(0, (alpha != 0 ? alpha : 0.2) * x + (beta != 0 ? beta : 0.5)));
    case FET_OP_HARD_SWISH: return x * fmin(1, fmax(0, x / 6 + 0.5));
    case FET_OP_SWISH: return x / (1 + exp(-(alpha != 0 ? alpha : 1) * x));
    case FET_OP_GELU: return 0.5 * x * (1 + erf(x / sqrt(2.0)));
    case FET_OP_TANH: return tanh(x);
    default: fail_msg("the slow interpreter has no %s", fet_op_onnx_name(c->node->op)); return 0;
    }
}

static double binary(fet_op_kind op, double a, double b)
{
    switch (op) {
    case FET_OP_SUM:
    case FET_OP_ADD: return a + b;
    case FET_OP_SUB: return a - b;
    case FET_OP_MUL: return a * b;
    case FET_OP_DIV: return a / b;
    case FET_OP_MAX: return a > b ? a : b;
    default: fail_msg("the slow interpreter has no %s", fet_op_onnx_name(op)); return 0;
    }
}

/* Where element `at` of the output stands in a broadcast input. */
static int64_t broadcast_at(const fet_shape *out, const fet_shape *in, int64_t at)
{
    int64_t index = 0, step = 1;
    for (uint32_t i = 0; i < out->rank; i++) {
        uint32_t axis = out->rank - 1 - i;
        int64_t position = at % out->dim[axis];
        at /= out->dim[axis];
        if (i >= in->rank) continue;
        int64_t size = in->dim[in->rank - 1 - i];
        index += size == 1 ? 0 : position * step;
        step *= size;
    }
    return index;
}

static void softmax(const call *c)
{
    int64_t axis = fet_node_int(c->node, FET_ATTR_AXIS, -1);
    if (axis < 0) axis += c->xs[0]->rank;
    int64_t inner = 1, length = c->xs[0]->dim[axis], count = fet_shape_elements(c->xs[0]);
    for (uint32_t i = (uint32_t)axis + 1; i < c->xs[0]->rank; i++) inner *= c->xs[0]->dim[i];
    for (int64_t at = 0; at < count; at++) {
        int64_t first = at / (inner * length) * inner * length + at % inner;
        double sum = 0.0;
        for (int64_t k = 0; k < length; k++) sum += exp((double)c->x[0][first + k * inner]);
        c->y[at] = (float)(exp((double)c->x[0][at]) / sum);
    }
}

static void concat(const call *c)
{
    int64_t out = c->ys->dim[1], image = fet_shape_elements(c->ys) / c->ys->dim[0] / out, first = 0;
    for (uint32_t i = 0; i < c->node->n_inputs; i++) {
        int64_t channels = c->xs[i]->dim[1];
        for (int64_t n = 0; n < c->ys->dim[0]; n++)
            memcpy(c->y + (n * out + first) * image, c->x[i] + n * channels * image, (size_t)(channels * image) * sizeof(float));
        first += channels;
    }
}

/* Half-pixel centres; nearest for whole multiples. */
/* Where a pixel of the result lies in the source, by the operator's text: by the scale as it is given, not by the ratio of the sizes. */
static double source_of(const call *c, uint32_t axis, int64_t x, int64_t in, int64_t out)
{
    const char *mode = fet_node_string(c->node, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "half_pixel");
    const fet_tensor *scales =
        c->node->n_inputs > 2 && c->node->inputs[2] != FET_NONE ? fet_graph_constant(c->g, c->node->inputs[2]) : NULL;
    double scale = scales ? (double)fet_tensor_f32(scales)[axis] : (double)out / (double)in;
    double at = strcmp(mode, "align_corners") == 0 ? (double)x * (double)(in - 1) / (double)(out - 1) : ((double)x + 0.5) / scale - 0.5;
    return fmin(fmax(0, at), (double)(in - 1));
}

static void resize(const call *c)
{
    bool linear = strcmp(fet_node_string(c->node, FET_ATTR_MODE, "nearest"), "linear") == 0;
    int64_t maps = c->xs[0]->dim[0] * c->xs[0]->dim[1], ih = c->xs[0]->dim[2], iw = c->xs[0]->dim[3], oh = c->ys->dim[2],
            ow = c->ys->dim[3];
    for (int64_t m = 0; m < maps; m++)
        for (int64_t y = 0; y < oh; y++)
            for (int64_t x = 0; x < ow; x++) {
                const float *map = c->x[0] + m * ih * iw;
                float *to = c->y + (m * oh + y) * ow + x;
                if (!linear) {
                    *to = map[y * ih / oh * iw + x * iw / ow];
                    continue;
                }
                double fy = source_of(c, 2, y, ih, oh), fx = source_of(c, 3, x, iw, ow);
                int64_t y0 = (int64_t)fy, x0 = (int64_t)fx, y1 = y0 + 1 < ih ? y0 + 1 : ih - 1, x1 = x0 + 1 < iw ? x0 + 1 : iw - 1;
                double ay = fy - (double)y0, ax = fx - (double)x0;
                *to = (float)((1 - ay) * ((1 - ax) * (double)map[y0 * iw + x0] + ax * (double)map[y0 * iw + x1]) +
                              ay * ((1 - ax) * (double)map[y1 * iw + x0] + ax * (double)map[y1 * iw + x1]));
            }
}

static void compute(const call *c)
{
    int64_t count = fet_shape_elements(c->ys);
    switch (c->node->op) {
    case FET_OP_CONV:
    case FET_OP_CONV_TRANSPOSE: conv(c); return;
    case FET_OP_BATCH_NORMALIZATION: batch_norm(c); return;
    case FET_OP_MAX_POOL:
    case FET_OP_AVERAGE_POOL: pool(c); return;
    case FET_OP_GLOBAL_AVERAGE_POOL:
    case FET_OP_GLOBAL_MAX_POOL: global_pool(c); return;
    case FET_OP_GEMM:
    case FET_OP_MATMUL: gemm(c); return;
    case FET_OP_SOFTMAX: softmax(c); return;
    case FET_OP_CONCAT: concat(c); return;
    case FET_OP_RESIZE: resize(c); return;
    case FET_OP_FLATTEN:
    case FET_OP_IDENTITY:
    case FET_OP_RESHAPE: memcpy(c->y, c->x[0], (size_t)count * sizeof(float)); return;
    case FET_OP_ADD:
    case FET_OP_SUM:
    case FET_OP_SUB:
    case FET_OP_MUL:
    case FET_OP_DIV:
    case FET_OP_MAX:
        for (int64_t i = 0; i < count; i++)
            c->y[i] = (float)binary(c->node->op, (double)c->x[0][broadcast_at(c->ys, c->xs[0], i)],
                                    (double)c->x[1][broadcast_at(c->ys, c->xs[1], i)]);
        return;
    default:
        for (int64_t i = 0; i < count; i++) c->y[i] = (float)unary(c, (double)c->x[0][i]);
    }
}

float **slow_run(const fet_graph *graph, const float *const src[])
{
    float **values = calloc(graph->n_values, sizeof *values);
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        size_t bytes = (size_t)fet_shape_elements(&graph->values[graph->inputs[i]].shape) * sizeof(float);
        values[graph->inputs[i]] = malloc(bytes);
        memcpy(values[graph->inputs[i]], src[i], bytes);
    }
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        call c = {.g = graph, .node = node, .ys = &graph->values[node->outputs[0]].shape};
        for (uint32_t i = 0; i < node->n_inputs && i < 8; i++) {
            if (node->inputs[i] == FET_NONE) continue;
            const fet_tensor *constant = fet_graph_constant(graph, node->inputs[i]);
            c.x[i] = constant ? fet_tensor_f32(constant) : values[node->inputs[i]];
            c.xs[i] = &graph->values[node->inputs[i]].shape;
        }
        c.y = values[node->outputs[0]] = malloc((size_t)fet_shape_elements(c.ys) * sizeof(float));
        compute(&c);
    }
    return values;
}

void slow_free(const fet_graph *graph, float **values)
{
    for (uint32_t v = 0; v < graph->n_values; v++) free(values[v]);
    free(values);
}

float *slow_normal(fet_rng *rng, int64_t count)
{
    float *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) x[i] = (float)fet_rng_normal(rng);
    return x;
}

float *slow_uniform(fet_rng *rng, int64_t count)
{
    float *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) x[i] = (float)fet_rng_uniform(rng);
    return x;
}

double slow_error(const float *a, const float *b, int64_t count)
{
    double largest = 1e-30, error = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= error)) error = d; /* NaN too */
        largest = fmax(largest, fabs((double)a[i]));
    }
    return error / largest;
}
