// SPDX-License-Identifier: Apache-2.0
/*
 * Resize in every mode: nearest, linear, cubic; every way of mapping an output position to an input position but tf_crop_and_resize (its
 * region would have to be read first). An output element is a weighted sum over 1, 2 or 4 taps on each axis.
 */
#include "engine/reference/families.h"

#include <math.h>
#include <string.h>

/*
 * Input position of output position x on an axis. In single precision, as ONNX Runtime has it: where a position falls on the border between
 * two pixels, "nearest" takes the same one.
 */
static double source_of(const char *mode, float x, float scale, int64_t in, int64_t out)
{
    float at = (x + 0.5f) / scale - 0.5f;
    if (strcmp(mode, "align_corners") == 0) at = out > 1 ? x * (float)(in - 1) / (float)(out - 1) : 0.0f;
    else if (strcmp(mode, "asymmetric") == 0) at = x / scale;
    else if (strcmp(mode, "pytorch_half_pixel") == 0) at = out > 1 ? at : 0.0f;
    else if (strcmp(mode, "tf_half_pixel_for_nn") == 0) at = (x + 0.5f) / scale;
    return (double)at;
}

static int64_t clamp(int64_t at, int64_t size)
{
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

static int64_t nearest(const char *mode, double x)
{
    if (strcmp(mode, "floor") == 0) return (int64_t)floor(x);
    if (strcmp(mode, "ceil") == 0) return (int64_t)ceil(x);
    if (strcmp(mode, "round_prefer_ceil") == 0) return (int64_t)floor(x + 0.5);
    return (int64_t)ceil(x - 0.5);
}

/* Keys' kernel with parameter a, distances 1 + t, t, 1 - t, 2 - t. */
static void cubic_weights(double t, double a, double weight[4])
{
    double d0 = 1.0 + t, d1 = t, d2 = 1.0 - t, d3 = 2.0 - t;
    weight[0] = ((a * d0 - 5.0 * a) * d0 + 8.0 * a) * d0 - 4.0 * a;
    weight[1] = ((a + 2.0) * d1 - (a + 3.0)) * d1 * d1 + 1.0;
    weight[2] = ((a + 2.0) * d2 - (a + 3.0)) * d2 * d2 + 1.0;
    weight[3] = ((a * d3 - 5.0 * a) * d3 + 8.0 * a) * d3 - 4.0 * a;
}

static fet_resize_taps cubic(const fet_node *node, double x, int64_t in)
{
    fet_resize_taps taps = {.n = 4};
    int64_t first = (int64_t)floor(x);
    double sum = 0.0;
    cubic_weights(x - floor(x), (double)fet_node_float(node, FET_ATTR_CUBIC_COEFF_A, -0.75f), taps.weight);
    bool exclude = fet_node_int(node, FET_ATTR_EXCLUDE_OUTSIDE, 0) != 0;
    for (int k = 0; k < 4; k++) {
        int64_t at = first - 1 + k;
        if (exclude && (at < 0 || at >= in)) taps.weight[k] = 0.0;
        taps.at[k] = clamp(at, in);
        sum += taps.weight[k];
    }
    for (int k = 0; exclude && k < 4; k++) taps.weight[k] /= sum;
    return taps;
}

fet_resize_taps fet_reference_resize_taps(const fet_reference_call *call, uint32_t axis, int64_t x)
{
    const fet_node *node = call->node;
    int64_t in = fet_reference_in(call, 0)->dim[axis], out = fet_reference_out(call, 0)->dim[axis];
    if (in == out) return (fet_resize_taps){.n = 1, .at = {x}, .weight = {1.0}};
    const float *scales = fet_reference_src(call, 2);
    bool given = scales && fet_shape_elements(fet_reference_in(call, 2)) > 0;
    float scale = given ? scales[axis] : (float)out / (float)in;
    double at = source_of(fet_node_string(node, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "half_pixel"), (float)x, scale, in, out);
    const char *mode = fet_node_string(node, FET_ATTR_MODE, "nearest");
    if (mode[0] == 'n')
        return (fet_resize_taps){
            .n = 1, .at = {clamp(nearest(fet_node_string(node, FET_ATTR_NEAREST_MODE, "round_prefer_floor"), at), in)}, .weight = {1.0}};
    if (mode[0] == 'c') return cubic(node, at, in);
    at = fmin(fmax(at, 0.0), (double)(in - 1));
    int64_t first = (int64_t)floor(at);
    return (fet_resize_taps){.n = 2, .at = {first, clamp(first + 1, in)}, .weight = {1.0 - (at - (double)first), at - (double)first}};
}

static double sum_taps(const fet_resize_taps *taps, const fet_strides *strides, uint32_t axis, uint32_t rank, const float *src)
{
    if (axis == rank) return (double)*src;
    double sum = 0.0;
    for (int k = 0; k < taps[axis].n; k++)
        if (taps[axis].weight[k] != 0.0)
            sum += taps[axis].weight[k] * sum_taps(taps, strides, axis + 1, rank, src + taps[axis].at[k] * strides->at[axis]);
    return sum;
}

void fet_reference_resize(const fet_reference_call *call)
{
    const fet_shape *out = fet_reference_out(call, 0);
    fet_strides strides = fet_strides_row_major(fet_reference_in(call, 0));
    int64_t count = fet_shape_elements(out);
    fet_resize_taps taps[FET_MAX_RANK];
    int64_t last[FET_MAX_RANK];
    for (uint32_t i = 0; i < FET_MAX_RANK; i++) last[i] = -1;
    for (int64_t o = 0; o < count; o++) {
        int64_t rest = o;
        for (uint32_t i = out->rank; i-- > 0; rest /= out->dim[i]) {
            int64_t x = rest % out->dim[i];
            if (x != last[i]) taps[i] = fet_reference_resize_taps(call, i, x), last[i] = x;
        }
        call->dst[0][o] = (float)sum_taps(taps, &strides, 0, out->rank, call->src[0]);
    }
}
