// SPDX-License-Identifier: Apache-2.0
/* Convolutions and pooling with every stride, dilation, padding and group, over maps of rank 3 or 4. */
#include "engine/reference/families.h"
#include "op/conv.h"

#include <math.h>
#include <string.h>

typedef struct map_size {
    int64_t n, c, h, w;
} map_size;

static map_size size_of(const fet_shape *shape)
{
    bool line = shape->rank == 3;
    return (map_size){shape->dim[0], shape->dim[1], line ? 1 : shape->dim[2], line ? shape->dim[2] : shape->dim[3]};
}

/* The node was inferred, so its window is valid. */
static fet_window window_of(const fet_reference_call *call)
{
    fet_window window = {0};
    if (fet_op_window(call->graph, call->node, &window) != FET_OK)
        window = (fet_window){.group = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    return window;
}

void fet_reference_conv(const fet_reference_call *call)
{
    fet_window w = window_of(call);
    map_size in = size_of(fet_reference_in(call, 0)), out = size_of(fet_reference_out(call, 0));
    int64_t in_g = in.c / w.group, out_g = out.c / w.group, taps = w.kernel[0] * w.kernel[1];
    const float *bias = fet_reference_src(call, 2);
    float *dst = call->dst[0];
    for (int64_t n = 0; n < out.n; n++)
        for (int64_t oc = 0; oc < out.c; oc++)
            for (int64_t y = 0; y < out.h; y++)
                for (int64_t x = 0; x < out.w; x++) {
                    double sum = bias ? (double)bias[oc] : 0.0;
                    for (int64_t i = 0; i < in_g; i++) {
                        const float *map = call->src[0] + (n * in.c + oc / out_g * in_g + i) * in.h * in.w;
                        const float *weights = call->src[1] + (oc * in_g + i) * taps;
                        for (int64_t k = 0; k < taps; k++) {
                            int64_t iy = y * w.stride[0] + k / w.kernel[1] * w.dilation[0] - w.pad_begin[0];
                            int64_t ix = x * w.stride[1] + k % w.kernel[1] * w.dilation[1] - w.pad_begin[1];
                            if (iy >= 0 && ix >= 0 && iy < in.h && ix < in.w) sum += (double)map[iy * in.w + ix] * (double)weights[k];
                        }
                    }
                    *dst++ = (float)sum;
                }
}

/* Gathers: output (y, x) receives from every input position whose stride and tap lead to it. */
void fet_reference_conv_transpose(const fet_reference_call *call)
{
    fet_window w = window_of(call);
    map_size in = size_of(fet_reference_in(call, 0)), out = size_of(fet_reference_out(call, 0));
    int64_t in_g = in.c / w.group, out_g = out.c / w.group, taps = w.kernel[0] * w.kernel[1];
    const float *bias = fet_reference_src(call, 2);
    float *dst = call->dst[0];
    for (int64_t n = 0; n < out.n; n++)
        for (int64_t oc = 0; oc < out.c; oc++)
            for (int64_t y = 0; y < out.h; y++)
                for (int64_t x = 0; x < out.w; x++) {
                    double sum = bias ? (double)bias[oc] : 0.0;
                    for (int64_t i = 0; i < in_g; i++) {
                        int64_t ic = oc / out_g * in_g + i;
                        const float *map = call->src[0] + (n * in.c + ic) * in.h * in.w;
                        const float *weights = call->src[1] + (ic * out_g + oc % out_g) * taps;
                        for (int64_t k = 0; k < taps; k++) {
                            int64_t ty = y + w.pad_begin[0] - k / w.kernel[1] * w.dilation[0];
                            int64_t tx = x + w.pad_begin[1] - k % w.kernel[1] * w.dilation[1];
                            if (ty < 0 || tx < 0 || ty % w.stride[0] || tx % w.stride[1]) continue;
                            int64_t iy = ty / w.stride[0], ix = tx / w.stride[1];
                            if (iy < in.h && ix < in.w) sum += (double)map[iy * in.w + ix] * (double)weights[k];
                        }
                    }
                    *dst++ = (float)sum;
                }
}

/* storage_order = 1: places are counted down the columns. */
static bool in_columns(const fet_node *node)
{
    for (uint32_t a = 0; a < node->n_attrs; a++)
        if (node->attrs[a].type == FET_ATTR_TYPE_INT && strcmp(node->attrs[a].name, "storage_order") == 0) return node->attrs[a].i != 0;
    return false;
}

void fet_reference_pool(const fet_reference_call *call)
{
    fet_window w = window_of(call);
    map_size in = size_of(fet_reference_in(call, 0)), out = size_of(fet_reference_out(call, 0));
    bool maximum = call->node->op == FET_OP_MAX_POOL;
    bool columns = in_columns(call->node);
    float *dst = call->dst[0], *place = call->node->n_outputs > 1 ? call->dst[1] : NULL;
    for (int64_t m = 0; m < out.n * out.c; m++)
        for (int64_t y = 0; y < out.h; y++)
            for (int64_t x = 0; x < out.w; x++) {
                const float *map = call->src[0] + m * in.h * in.w;
                double sum = 0.0, best = -INFINITY;
                int64_t count = 0, at = 0;
                for (int64_t k = 0; k < w.kernel[0] * w.kernel[1]; k++) {
                    int64_t iy = y * w.stride[0] + k / w.kernel[1] * w.dilation[0] - w.pad_begin[0];
                    int64_t ix = x * w.stride[1] + k % w.kernel[1] * w.dilation[1] - w.pad_begin[1];
                    bool inside = iy >= 0 && ix >= 0 && iy < in.h && ix < in.w;
                    /* Padding counts as far as the padded image goes; what ceil mode adds behind it does not. */
                    count += inside || (w.count_include_pad && iy < in.h + w.pad_end[0] && ix < in.w + w.pad_end[1]);
                    if (!inside) continue;
                    double v = (double)map[iy * in.w + ix];
                    sum += v;
                    if (v > best) best = v, at = m * in.h * in.w + (columns ? ix * in.h + iy : iy * in.w + ix);
                }
                *dst++ = (float)(maximum ? best : sum / (double)count);
                if (place) *place++ = (float)at;
            }
}

void fet_reference_global_pool(const fet_reference_call *call)
{
    const fet_shape *in = fet_reference_in(call, 0);
    int64_t image = fet_lines_of(in, 1).inner, maps = in->dim[0] * in->dim[1];
    for (int64_t m = 0; m < maps; m++) {
        double sum = 0.0, best = -INFINITY;
        for (int64_t i = 0; i < image; i++) {
            double v = (double)call->src[0][m * image + i];
            sum += v;
            best = v > best ? v : best;
        }
        call->dst[0][m] = (float)(call->node->op == FET_OP_GLOBAL_MAX_POOL ? best : sum / (double)image);
    }
}
