// SPDX-License-Identifier: Apache-2.0
/*
 * Conv and ConvTranspose over one or two spatial dimensions, and the window they share with pooling. One spatial dimension is a window of
 * height 1.
 */
#include "op/infer.h"

#include <string.h>

enum { WINDOW_LIMIT = 1 << 20 }; /* of kernel, stride, dilation and padding: keeps every product below in 63 bits */

typedef struct window_attrs {
    const fet_attr *kernel, *strides, *pads, *dilations, *auto_pad, *output_padding, *output_shape;
    int64_t group;
    bool ceil_mode, count_include_pad;
} window_attrs;

/* One pass over the attributes, because this is asked for each node of each candidate. */
static window_attrs read_attrs(const fet_node *node)
{
    window_attrs found = {.group = 1};
    for (uint32_t a = 0; a < node->n_attrs; a++) {
        const fet_attr *attr = &node->attrs[a];
        switch (attr->key) {
        case FET_ATTR_KERNEL_SHAPE: found.kernel = attr; break;
        case FET_ATTR_STRIDES: found.strides = attr; break;
        case FET_ATTR_PADS: found.pads = attr; break;
        case FET_ATTR_DILATIONS: found.dilations = attr; break;
        case FET_ATTR_AUTO_PAD: found.auto_pad = attr; break;
        case FET_ATTR_OUTPUT_PADDING: found.output_padding = attr; break;
        case FET_ATTR_OUTPUT_SHAPE: found.output_shape = attr; break;
        case FET_ATTR_GROUP: found.group = attr->i; break;
        case FET_ATTR_CEIL_MODE: found.ceil_mode = attr->i != 0; break;
        case FET_ATTR_COUNT_INCLUDE_PAD: found.count_include_pad = attr->i != 0; break;
        default: break;
        }
    }
    return found;
}

/* The `spatial` numbers of an attribute into the last places of out[2]. */
static fet_status read_pair(const fet_node *node, const fet_attr *attr, uint32_t spatial, uint32_t first, int64_t lowest, int64_t out[2])
{
    if (!attr) return FET_OK;
    if (attr->type != FET_ATTR_TYPE_INTS || attr->count < first + spatial)
        return fet_op_fail(node, FET_ERROR_ARG, "attribute %s needs %u integers", attr->name, first + spatial);
    for (uint32_t i = 0; i < spatial; i++) {
        int64_t value = attr->ints[first + i];
        if (value < lowest || value > WINDOW_LIMIT)
            return fet_op_fail(node, FET_ERROR_ARG, "attribute %s holds %" PRId64 ", expected %" PRId64 " to %d", attr->name, value, lowest,
                               WINDOW_LIMIT);
        out[2 - spatial + i] = value;
    }
    return FET_OK;
}

typedef enum auto_pad { PAD_EXPLICIT, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER } auto_pad;

static fet_status read_auto_pad(const fet_node *node, const fet_attr *attr, auto_pad *out)
{
    static const char *const names[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    *out = PAD_EXPLICIT;
    if (!attr) return FET_OK;
    for (int i = 0; attr->type == FET_ATTR_TYPE_STRING && i < 4; i++)
        if (strcmp(attr->string, names[i]) == 0) {
            *out = (auto_pad)i;
            return FET_OK;
        }
    return fet_op_fail(node, FET_ERROR_ARG, "auto_pad is \"%s\", expected NOTSET, VALID, SAME_UPPER or SAME_LOWER",
                       attr->type == FET_ATTR_TYPE_STRING ? attr->string : "?");
}

/* A ConvTranspose may be asked for more than its windows reach; the rest stands behind the end, as output_padding does: a negative pad_end.
 */
static void split_pad(fet_window *window, int i, int64_t total, bool upper, bool transposed)
{
    if (total < 0) {
        window->pad_begin[i] = 0;
        window->pad_end[i] = transposed ? total : 0;
        return;
    }
    window->pad_begin[i] = upper ? total / 2 : total - total / 2;
    window->pad_end[i] = total - window->pad_begin[i];
}

/* Size of input 0 along window axis i. */
static int64_t size_in(const fet_shape *src, int i)
{
    return src->rank == 4 ? src->dim[2 + i] : i == 0 ? 1 : src->dim[2];
}

static fet_status resolve_auto_pad(const fet_node *node, const window_attrs *attrs, const fet_shape *src, fet_window *window)
{
    auto_pad mode;
    FET_TRY(read_auto_pad(node, attrs->auto_pad, &mode));
    if (mode == PAD_EXPLICIT) return FET_OK;
    int64_t out_padding[2] = {0, 0};
    FET_TRY(read_pair(node, attrs->output_padding, src->rank - 2, 0, 0, out_padding));
    for (int i = 0; i < 2; i++) {
        int64_t reach = window->dilation[i] * (window->kernel[i] - 1) + 1, in = size_in(src, i), total = 0;
        if (mode == PAD_VALID) total = 0;
        else if (node->op == FET_OP_CONV_TRANSPOSE) /* the output is input * stride */
            total = window->stride[i] * (in - 1) + out_padding[i] + reach - in * window->stride[i];
        else total = ((in + window->stride[i] - 1) / window->stride[i] - 1) * window->stride[i] + reach - in;
        split_pad(window, i, total, mode == PAD_SAME_UPPER, node->op == FET_OP_CONV_TRANSPOSE);
    }
    return FET_OK;
}

/* ConvTranspose with output_shape: the padding is what makes it so. */
static fet_status resolve_output_shape(const fet_node *node, const window_attrs *attrs, const fet_shape *src, fet_window *window)
{
    int64_t wanted[2] = {1, 1}, out_padding[2] = {0, 0};
    auto_pad mode;
    FET_TRY(read_auto_pad(node, attrs->auto_pad, &mode));
    uint32_t spatial = src->rank - 2;
    /* Some writers give N and C as well. */
    uint32_t first = attrs->output_shape->type == FET_ATTR_TYPE_INTS && attrs->output_shape->count == spatial + 2 ? 2 : 0;
    FET_TRY(read_pair(node, attrs->output_shape, spatial, first, 1, wanted));
    FET_TRY(read_pair(node, attrs->output_padding, spatial, 0, 0, out_padding));
    for (int i = 0; i < 2; i++) {
        int64_t reach = window->dilation[i] * (window->kernel[i] - 1) + 1;
        int64_t total = window->stride[i] * (size_in(src, i) - 1) + out_padding[i] + reach - wanted[i];
        if (total <= -window->stride[i])
            return fet_op_fail(node, FET_ERROR_SHAPE, "output_shape %" PRId64 " is larger than the %" PRId64 " it can reach", wanted[i],
                               total + wanted[i]);
        /* ONNX: the larger half stands at the beginning, except for SAME_UPPER. */
        split_pad(window, i, total, mode == PAD_SAME_UPPER, true);
    }
    return FET_OK;
}

/* What the window is before padding is resolved; checks the kernel against the weights. */
static fet_status read_kernel(const fet_graph *graph, const fet_node *node, const window_attrs *attrs, uint32_t rank, fet_window *window)
{
    bool has_weights = node->op == FET_OP_CONV || node->op == FET_OP_CONV_TRANSPOSE;
    if (attrs->kernel) {
        FET_TRY(read_pair(node, attrs->kernel, rank - 2, 0, 1, window->kernel));
    } else if (!has_weights) {
        return fet_op_fail(node, FET_ERROR_ARG, "attribute kernel_shape is missing");
    }
    if (!has_weights) return FET_OK;
    const fet_shape *weights = &fet_op_src(graph, node, 1)->shape;
    if (weights->rank != rank) return fet_op_fail(node, FET_ERROR_SHAPE, "weights of rank %u for an input of rank %u", weights->rank, rank);
    for (uint32_t i = 2; i < rank; i++) {
        int64_t *kernel = &window->kernel[i + 2 - rank];
        if (attrs->kernel ? *kernel != weights->dim[i] : weights->dim[i] < 1 || weights->dim[i] > WINDOW_LIMIT) {
            char text[FET_SHAPE_TEXT_BYTES];
            return fet_op_fail(node, FET_ERROR_SHAPE, "weights are %s, kernel_shape is %" PRId64 "x%" PRId64,
                               fet_shape_print(weights, text, sizeof text), window->kernel[0], window->kernel[1]);
        }
        *kernel = weights->dim[i];
    }
    return FET_OK;
}

fet_status fet_op_window(const fet_graph *graph, const fet_node *node, fet_window *out_window)
{
    const fet_shape *src = &fet_op_src(graph, node, 0)->shape;
    if (src->rank < 3) {
        char text[FET_SHAPE_TEXT_BYTES];
        return fet_op_fail(node, FET_ERROR_SHAPE, "its input is %s, expected N,C,W or N,C,H,W", fet_shape_print(src, text, sizeof text));
    }
    if (src->rank > 4) return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "%u spatial dimensions; one and two are supported", src->rank - 2);
    window_attrs attrs = read_attrs(node);
    fet_window window = {.kernel = {1, 1},
                         .stride = {1, 1},
                         .dilation = {1, 1},
                         .group = attrs.group,
                         .ceil_mode = attrs.ceil_mode,
                         .count_include_pad = attrs.count_include_pad};
    uint32_t spatial = src->rank - 2;
    if (window.group < 1) return fet_op_fail(node, FET_ERROR_ARG, "group is %" PRId64 ", expected 1 or more", window.group);
    FET_TRY(read_kernel(graph, node, &attrs, src->rank, &window));
    FET_TRY(read_pair(node, attrs.strides, spatial, 0, 1, window.stride));
    FET_TRY(read_pair(node, attrs.dilations, spatial, 0, 1, window.dilation));
    FET_TRY(read_pair(node, attrs.pads, spatial, 0, 0, window.pad_begin));
    FET_TRY(read_pair(node, attrs.pads, spatial, spatial, 0, window.pad_end));
    if (attrs.output_shape && node->op == FET_OP_CONV_TRANSPOSE) FET_TRY(resolve_output_shape(node, &attrs, src, &window));
    else if (attrs.auto_pad) FET_TRY(resolve_auto_pad(node, &attrs, src, &window));
    *out_window = window;
    return FET_OK;
}

bool fet_op_is_depthwise(const fet_graph *graph, const fet_node *node)
{
    if (node->op != FET_OP_CONV) return false;
    int64_t group = fet_node_int(node, FET_ATTR_GROUP, 1), channels = fet_op_src(graph, node, 0)->shape.dim[1];
    return group > 1 && group == channels;
}

/* Bias of OC numbers, if there is one. */
static fet_status check_bias(const fet_graph *graph, const fet_node *node, int64_t out_channels)
{
    const fet_value *bias = fet_node_input(graph, node, 2);
    if (!bias || (bias->shape.rank == 1 && bias->shape.dim[0] == out_channels)) return FET_OK;
    char text[FET_SHAPE_TEXT_BYTES];
    return fet_op_fail(node, FET_ERROR_SHAPE, "bias is %s, expected %" PRId64, fet_shape_print(&bias->shape, text, sizeof text),
                       out_channels);
}

static fet_status infer_conv(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    fet_window window;
    FET_TRY(fet_op_window(graph, node, &window));
    const fet_value *src = fet_op_src(graph, node, 0), *weights = fet_op_src(graph, node, 1);
    int64_t oc = weights->shape.dim[0];
    if (src->shape.dim[1] != weights->shape.dim[1] * window.group || oc % window.group != 0 || oc < 1) {
        char text_s[FET_SHAPE_TEXT_BYTES], text_w[FET_SHAPE_TEXT_BYTES];
        return fet_op_fail(node, FET_ERROR_SHAPE, "input %s, weights %s and group %" PRId64 " do not fit together",
                           fet_shape_print(&src->shape, text_s, sizeof text_s), fet_shape_print(&weights->shape, text_w, sizeof text_w),
                           window.group);
    }
    FET_TRY(check_bias(graph, node, oc));
    uint32_t rank = src->shape.rank;
    fet_shape dst = {.rank = rank, .dim = {src->shape.dim[0], oc}};
    for (uint32_t i = 2; i < rank; i++) {
        uint32_t w = i + 2 - rank;
        int64_t room = src->shape.dim[i] + window.pad_begin[w] + window.pad_end[w] - window.dilation[w] * (window.kernel[w] - 1) - 1;
        if (room < 0)
            return fet_op_fail(node, FET_ERROR_SHAPE,
                               "a window of %" PRId64 " (dilation %" PRId64 ") does not fit into %" PRId64 " padded by %" PRId64
                               " and %" PRId64,
                               window.kernel[w], window.dilation[w], src->shape.dim[i], window.pad_begin[w], window.pad_end[w]);
        dst.dim[i] = room / window.stride[w] + 1;
    }
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static void work_conv(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    const fet_shape *weights = &fet_op_src(graph, node, 1)->shape;
    int64_t elements = fet_op_elements_out(graph, node);
    work->macs = elements * (fet_shape_elements(weights) / weights->dim[0]);
    work->other_ops = fet_node_input(graph, node, 2) ? elements : 0;
}

static fet_status infer_conv_transpose(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    fet_window window;
    FET_TRY(fet_op_window(graph, node, &window));
    const fet_value *src = fet_op_src(graph, node, 0), *weights = fet_op_src(graph, node, 1);
    if (src->shape.dim[1] != weights->shape.dim[0] || src->shape.dim[1] % window.group != 0) {
        char text_s[FET_SHAPE_TEXT_BYTES], text_w[FET_SHAPE_TEXT_BYTES];
        return fet_op_fail(node, FET_ERROR_SHAPE, "input %s, weights %s and group %" PRId64 " do not fit together",
                           fet_shape_print(&src->shape, text_s, sizeof text_s), fet_shape_print(&weights->shape, text_w, sizeof text_w),
                           window.group);
    }
    uint32_t rank = src->shape.rank;
    int64_t out_padding[2] = {0, 0};
    FET_TRY(read_pair(node, fet_node_attr(node, FET_ATTR_OUTPUT_PADDING), rank - 2, 0, 0, out_padding));
    fet_shape dst = {.rank = rank, .dim = {src->shape.dim[0]}};
    if (__builtin_mul_overflow(weights->shape.dim[1], window.group, &dst.dim[1]))
        return fet_op_fail(node, FET_ERROR_SHAPE, "group %" PRId64 " is too large", window.group);
    FET_TRY(check_bias(graph, node, dst.dim[1]));
    for (uint32_t i = 2; i < rank; i++) {
        uint32_t w = i + 2 - rank;
        dst.dim[i] = window.stride[w] * (src->shape.dim[i] - 1) + out_padding[w] + window.dilation[w] * (window.kernel[w] - 1) + 1 -
                     window.pad_begin[w] - window.pad_end[w];
        if (dst.dim[i] < 1) return fet_op_fail(node, FET_ERROR_SHAPE, "padding leaves nothing of spatial dimension %u", i - 2);
    }
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static void work_conv_transpose(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    const fet_shape *weights = &fet_op_src(graph, node, 1)->shape;
    work->macs = fet_shape_elements(&fet_op_src(graph, node, 0)->shape) * (fet_shape_elements(weights) / weights->dim[0]);
    work->other_ops = fet_node_input(graph, node, 2) ? fet_op_elements_out(graph, node) : 0;
}

FET_OP_INFO(CONV, conv, 1, 0, infer_conv, work_conv);
FET_OP_INFO(CONV_TRANSPOSE, conv_transpose, 1, 0, infer_conv_transpose, work_conv_transpose);
