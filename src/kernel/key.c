// SPDX-License-Identifier: Apache-2.0
/*
 * Filling a key from a node. What `extra` means by operator:
 *   AveragePool  bit 0: padding counts
 *   Resize       bit 0: linear, bit 2: cubic, else nearest; bit 1: centres or sizes that need weights of their own
 *   Transpose    of channels only (a shuffle): number of groups
 *   Slice        of channels only: the first one
 *   Concat       number of inputs; `ic` is the channels of the first, `oc` their sum
 *   Cast         bit 0: the source is f32 in the fast layout; from bit 1 on: fast to fast, the fet_dtype of the source
 *   plain ones   hash of attributes and of all shapes
 */
#include "kernel/internal.h"

#include "base/hash.h"
#include "op/conv.h"
#include "op/op.h"

#include <string.h>

void fet_kernel_dims4(const fet_shape *shape, uint32_t out_dims[4])
{
    uint32_t dims[4] = {1, 1, 1, 1};
    uint32_t rank = shape->rank;
    for (uint32_t i = 0; i < rank; i++) {
        uint32_t at = rank == 3 && i == 2 ? 3 : i < 3 ? i : 3;
        dims[at] *= (uint32_t)shape->dim[i];
    }
    memcpy(out_dims, dims, sizeof dims);
}

static void set_shapes(const fet_shape *src, const fet_shape *dst, fet_kernel_key *key)
{
    uint32_t s[4], d[4];
    fet_kernel_dims4(src, s);
    fet_kernel_dims4(dst, d);
    key->n = s[0], key->ic = s[1], key->ih = s[2], key->iw = s[3];
    key->oc = d[1], key->oh = d[2], key->ow = d[3];
}

static uint16_t narrow(int64_t value, bool *fits)
{
    if (value < 0 || value > UINT16_MAX) *fits = false;
    return (uint16_t)value;
}

/* Padding at the end that makes the output exactly this large; a window in ceil mode may hang over further than the node says. */
static int64_t reach(uint32_t out, int64_t stride, int64_t kernel, int64_t dilation, uint32_t in, int64_t pad_begin)
{
    return ((int64_t)out - 1) * stride + (kernel - 1) * dilation + 1 - (int64_t)in - pad_begin;
}

static fet_status set_window(const fet_graph *graph, const fet_node *node, fet_kernel_key *key)
{
    fet_window window;
    FET_TRY(fet_op_window(graph, node, &window));
    uint32_t in[4]; /* behind a folded Pad */
    fet_kernel_dims4(&graph->values[node->inputs[0]].shape, in);
    bool fits = true;
    key->kh = narrow(window.kernel[0], &fits), key->kw = narrow(window.kernel[1], &fits);
    key->sh = narrow(window.stride[0], &fits), key->sw = narrow(window.stride[1], &fits);
    key->dh = narrow(window.dilation[0], &fits), key->dw = narrow(window.dilation[1], &fits);
    key->pad_top = narrow(window.pad_begin[0], &fits), key->pad_left = narrow(window.pad_begin[1], &fits);
    int64_t bottom = window.pad_end[0], right = window.pad_end[1];
    if (node->op != FET_OP_CONV_TRANSPOSE) {
        int64_t least_bottom = reach(key->oh, window.stride[0], window.kernel[0], window.dilation[0], in[2], window.pad_begin[0]);
        int64_t least_right = reach(key->ow, window.stride[1], window.kernel[1], window.dilation[1], in[3], window.pad_begin[1]);
        bottom = bottom > least_bottom ? bottom : least_bottom;
        right = right > least_right ? right : least_right;
    }
    key->pad_bottom = narrow(bottom, &fits), key->pad_right = narrow(right, &fits);
    key->group = (uint32_t)window.group;
    if (!fits) return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": a window, stride or padding beyond %d", node->name, UINT16_MAX);
    return FET_OK;
}

static uint32_t hash_plain(const fet_graph *graph, const fet_node *node)
{
    uint64_t hash = node->op;
    for (uint32_t a = 0; a < node->n_attrs; a++) {
        const fet_attr *attr = &node->attrs[a];
        hash = fet_hash_combine(hash, attr->key);
        if (attr->type == FET_ATTR_TYPE_INT) hash = fet_hash_combine(hash, (uint64_t)attr->i);
        if (attr->type == FET_ATTR_TYPE_INTS) hash = fet_hash_combine(hash, fet_hash(attr->ints, attr->count * sizeof *attr->ints));
        if (attr->type == FET_ATTR_TYPE_STRING) hash = fet_hash_combine(hash, fet_hash(attr->string, attr->count));
    }
    for (uint32_t i = 0; i < node->n_inputs + node->n_outputs; i++) {
        fet_id v = i < node->n_inputs ? node->inputs[i] : node->outputs[i - node->n_inputs];
        if (v == FET_NONE) continue;
        const fet_shape *shape = &graph->values[v].shape;
        hash = fet_hash_combine(hash, fet_hash(shape->dim, shape->rank * sizeof *shape->dim));
    }
    return (uint32_t)(hash ^ hash >> 32);
}

fet_status fet_kernel_fill_key(const fet_graph *graph, const fet_node *node, fet_kernel_class class, fet_id src, bool fast,
                               fet_dtype precision, fet_kernel_key *key)
{
    key->op = (uint16_t)(fast && node->op == FET_OP_SUM ? FET_OP_ADD : node->op); /* a sum of two */
    key->precision = (uint8_t)(fast ? precision : FET_DTYPE_F32);
    set_shapes(&graph->values[src].shape, &graph->values[node->outputs[0]].shape, key);
    if (!fast) {
        key->flags |= FET_KERNEL_PLAIN_SRC;
        key->extra = hash_plain(graph, node);
        return FET_OK;
    }
    switch (class) {
    case FET_CLASS_CONV:
        if (node->n_inputs > 2 && node->inputs[2] != FET_NONE) key->flags |= FET_KERNEL_BIAS;
        return set_window(graph, node, key);
    case FET_CLASS_GEMM:
        if (node->op == FET_OP_GEMM && node->n_inputs > 2 && node->inputs[2] != FET_NONE) key->flags |= FET_KERNEL_BIAS;
        return FET_OK;
    case FET_CLASS_POOL:
        FET_TRY(set_window(graph, node, key));
        key->extra = node->op == FET_OP_AVERAGE_POOL && fet_node_int(node, FET_ATTR_COUNT_INCLUDE_PAD, 0) != 0;
        return FET_OK;
    case FET_CLASS_RESIZE: {
        const char *mode = fet_node_string(node, FET_ATTR_MODE, "nearest");
        key->extra = strcmp(mode, "linear") == 0 ? 1 : strcmp(mode, "cubic") == 0 ? 4 : 0;
        if (!fet_kernel_resize_is_simple(graph, node)) key->extra |= 2;
        return FET_OK;
    }
    case FET_CLASS_PAD: return fet_kernel_fold_pad(graph, node, key);
    case FET_CLASS_SHUFFLE:
        key->extra = (uint32_t)graph->values[node->inputs[0]].shape.dim[1];
        key->oc = key->ic, key->oh = key->ih, key->ow = key->iw;
        return FET_OK;
    case FET_CLASS_SLICE: key->extra = (uint32_t)fet_kernel_slice_start(graph, node); return FET_OK;
    case FET_CLASS_CONCAT: key->extra = node->n_inputs; return FET_OK;
    case FET_CLASS_PRELU:
    case FET_CLASS_SCALE: key->flags |= FET_KERNEL_CONST; return FET_OK;
    case FET_CLASS_BINARY: {
        const fet_value *other = fet_node_input(graph, node, 1 - fet_kernel_main_input(graph, node));
        if (!fet_shape_equal(&other->shape, &graph->values[node->outputs[0]].shape)) key->flags |= FET_KERNEL_BROADCAST;
        return FET_OK;
    }
    default: return FET_OK;
    }
}

fet_status fet_kernel_fold_pad(const fet_graph *graph, const fet_node *pad, fet_kernel_key *key)
{
    int64_t begin[2] = {0}, end[2] = {0};
    bool fits = fet_kernel_pads(graph, pad, begin, end);
    key->pad_top = narrow(key->pad_top + begin[0], &fits), key->pad_left = narrow(key->pad_left + begin[1], &fits);
    key->pad_bottom = narrow(key->pad_bottom + end[0], &fits), key->pad_right = narrow(key->pad_right + end[1], &fits);
    if (!fits) return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": padding beyond %d", pad->name, UINT16_MAX);
    return FET_OK;
}

void fet_kernel_fill_cast_key(const fet_shape *shape, fet_dtype precision, fet_kernel_key *key)
{
    key->op = FET_OP_CAST;
    key->precision = (uint8_t)precision;
    set_shapes(shape, shape, key);
}

bool fet_kernel_key_equal(const fet_kernel_key *a, const fet_kernel_key *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

uint64_t fet_kernel_key_hash(const fet_kernel_key *key)
{
    return fet_hash(key, sizeof *key);
}

int64_t fet_kernel_key_macs(const fet_kernel_key *key)
{
    int64_t n = key->n, ic = key->ic, oc = key->oc, group = key->group ? key->group : 1, window = (int64_t)key->kh * key->kw;
    switch ((fet_op_kind)key->op) {
    case FET_OP_CONV: return n * oc * key->oh * key->ow * (ic / group) * window;
    case FET_OP_CONV_TRANSPOSE: return n * ic * key->ih * key->iw * (oc / group) * window;
    case FET_OP_GEMM:
    case FET_OP_MATMUL: return key->flags & FET_KERNEL_PLAIN_SRC ? 0 : n * ic * key->ih * key->iw * oc;
    default: return 0;
    }
}

int64_t fet_kernel_macs(const fet_graph *graph, const fet_kernel *kernel)
{
    if (kernel->anchor == FET_NONE || !(kernel->key.flags & FET_KERNEL_PLAIN_SRC)) return fet_kernel_key_macs(&kernel->key);
    fet_op_work work;
    fet_graph_work_of_node(graph, kernel->anchor, &work);
    return work.macs;
}
