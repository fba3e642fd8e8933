// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/families.h"

#include <math.h>

void fet_reference_softmax(const fet_reference_call *call)
{
    fet_lines l = fet_lines_of(fet_reference_in(call, 0), fet_node_int(call->node, FET_ATTR_AXIS, -1));
    bool logarithm = call->node->op == FET_OP_LOG_SOFTMAX;
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++) {
            const float *x = call->src[0] + o * l.length * l.inner + i;
            float *y = call->dst[0] + o * l.length * l.inner + i;
            float largest = -INFINITY, sum = 0.0f;
            for (int64_t k = 0; k < l.length; k++) largest = fmaxf(largest, x[k * l.inner]);
            for (int64_t k = 0; k < l.length; k++) {
                float e = expf(x[k * l.inner] - largest);
                y[k * l.inner] = e;
                sum += e;
            }
            float factor = 1.0f / sum, log_sum = logf(sum);
            for (int64_t k = 0; k < l.length; k++)
                y[k * l.inner] = logarithm ? x[k * l.inner] - largest - log_sum : y[k * l.inner] * factor;
        }
}

/* One map of numbers, y = x * scale + shift. */
static void affine(const float *x, float *y, int64_t count, double scale, double shift)
{
    for (int64_t i = 0; i < count; i++) y[i] = (float)((double)x[i] * scale + shift);
}

void fet_reference_batch_norm(const fet_reference_call *call)
{
    const fet_shape *shape = fet_reference_in(call, 0);
    int64_t channels = shape->rank > 1 ? shape->dim[1] : 1, image = fet_lines_of(shape, 1).inner, maps = shape->dim[0] * channels;
    double epsilon = (double)fet_node_float(call->node, FET_ATTR_EPSILON, 1e-5f);
    for (int64_t m = 0; m < maps; m++) {
        int64_t c = m % channels;
        double scale = (double)call->src[1][c] / sqrt((double)call->src[4][c] + epsilon);
        affine(call->src[0] + m * image, call->dst[0] + m * image, image, scale, (double)call->src[2][c] - (double)call->src[3][c] * scale);
    }
}

static void mean_and_variance(const float *x, int64_t count, double *mean, double *variance)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < count; i++) sum += (double)x[i];
    *mean = sum / (double)count;
    for (int64_t i = 0; i < count; i++) squares += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *variance = squares / (double)count;
}

void fet_reference_instance_norm(const fet_reference_call *call)
{
    const fet_shape *shape = fet_reference_in(call, 0);
    int64_t channels = shape->dim[1], image = fet_lines_of(shape, 1).inner, maps = shape->dim[0] * channels;
    double epsilon = (double)fet_node_float(call->node, FET_ATTR_EPSILON, 1e-5f);
    for (int64_t m = 0; m < maps; m++) {
        double mean, variance;
        mean_and_variance(call->src[0] + m * image, image, &mean, &variance);
        double scale = (double)call->src[1][m % channels] / sqrt(variance + epsilon);
        affine(call->src[0] + m * image, call->dst[0] + m * image, image, scale, (double)call->src[2][m % channels] - mean * scale);
    }
}

void fet_reference_layer_norm(const fet_reference_call *call)
{
    fet_lines l = fet_lines_of(fet_reference_in(call, 0), fet_node_int(call->node, FET_ATTR_AXIS, -1));
    int64_t length = l.length * l.inner;
    double epsilon = (double)fet_node_float(call->node, FET_ATTR_EPSILON, 1e-5f);
    const float *bias = fet_reference_src(call, 2);
    for (int64_t o = 0; o < l.outer; o++) {
        const float *x = call->src[0] + o * length;
        double mean, variance;
        mean_and_variance(x, length, &mean, &variance);
        for (int64_t i = 0; i < length; i++)
            call->dst[0][o * length + i] =
                (float)(((double)x[i] - mean) / sqrt(variance + epsilon) * (double)call->src[1][i] + (bias ? (double)bias[i] : 0.0));
    }
}

void fet_reference_lp_norm(const fet_reference_call *call)
{
    fet_lines l = fet_lines_of(fet_reference_in(call, 0), fet_node_int(call->node, FET_ATTR_AXIS, -1));
    bool absolute = fet_node_int(call->node, FET_ATTR_P, 2) == 1;
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++) {
            const float *x = call->src[0] + o * l.length * l.inner + i;
            double sum = 0.0;
            for (int64_t k = 0; k < l.length; k++)
                sum += absolute ? fabs((double)x[k * l.inner]) : (double)x[k * l.inner] * (double)x[k * l.inner];
            double norm = absolute ? sum : sqrt(sum);
            for (int64_t k = 0; k < l.length; k++)
                call->dst[0][(o * l.length + k) * l.inner + i] = norm > 0.0 ? (float)((double)x[k * l.inner] / norm) : 0.0f;
        }
}

/* Across channels: y = x / (bias + alpha / size * sum of squares of the channels around) ^ beta. */
void fet_reference_lrn(const fet_reference_call *call)
{
    fet_lines l = fet_lines_of(fet_reference_in(call, 0), 1);
    int64_t size = fet_node_int(call->node, FET_ATTR_SIZE, 1);
    double alpha = (double)fet_node_float(call->node, FET_ATTR_ALPHA, 1e-4f),
           beta = (double)fet_node_float(call->node, FET_ATTR_BETA, 0.75f);
    double bias = (double)fet_node_float(call->node, FET_ATTR_BIAS, 1.0f);
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t c = 0; c < l.length; c++) {
            int64_t first = c - (size - 1) / 2, last = c + size / 2;
            if (first < 0) first = 0;
            if (last > l.length - 1) last = l.length - 1;
            for (int64_t i = 0; i < l.inner; i++) {
                const float *x = call->src[0] + o * l.length * l.inner + i;
                double sum = 0.0;
                for (int64_t k = first; k <= last; k++) sum += (double)x[k * l.inner] * (double)x[k * l.inner];
                call->dst[0][(o * l.length + c) * l.inner + i] =
                    (float)((double)x[c * l.inner] / pow(bias + alpha / (double)size * sum, beta));
            }
        }
}
