// SPDX-License-Identifier: Apache-2.0
/* Functions of one number that no batch norm took with it. Tiles of f32 that stay in the L1 cache, whatever the layout. */
#include "engine/train/kernels.h"
#include "engine/train/operators.h"

#include <math.h>
#include <string.h>

enum { TILE = 1024 };

typedef struct activation {
    float a, b;
    bool moves_zero; /* f(0) != 0: the padding channels must be cleared again */
} activation;

static fet_status bound(const fet_trainer *trainer, const fet_train_step *step, uint32_t i, float *bound)
{
    if (i >= step->n_inputs || step->inputs[i] == FET_NONE) return FET_OK;
    const fet_tensor *tensor = fet_graph_constant(trainer->graph, step->inputs[i]);
    if (!tensor || tensor->dtype != FET_DTYPE_F32 || fet_tensor_elements(tensor) != 1)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": bound %u of a Clip is no f32 constant", step->name, i);
    *bound = fet_tensor_f32(tensor)[0];
    return FET_OK;
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    activation *s = fet_train_state(trainer, sizeof *s);
    if (!s) return fet_arena_full();
    step->state = s;
    step->needs[0] = true;
    const fet_node *node = step->node;
    switch (node->op) {
    case FET_OP_CLIP:
        s->a = -INFINITY, s->b = INFINITY;
        FET_TRY(bound(trainer, step, 1, &s->a));
        FET_TRY(bound(trainer, step, 2, &s->b));
        break;
    case FET_OP_LEAKY_RELU: s->a = fet_node_float(node, FET_ATTR_ALPHA, 0.01f); break;
    case FET_OP_SELU:
        s->a = fet_node_float(node, FET_ATTR_ALPHA, 1.6732632f), s->b = fet_node_float(node, FET_ATTR_GAMMA, 1.0507010f);
        break;
    case FET_OP_HARD_SIGMOID: s->a = fet_node_float(node, FET_ATTR_ALPHA, 0.2f), s->b = fet_node_float(node, FET_ATTR_BETA, 0.5f); break;
    case FET_OP_GELU: s->a = strcmp(fet_node_string(node, FET_ATTR_APPROXIMATE, "none"), "tanh") == 0 ? 1.0f : 0.0f; break;
    default: s->a = fet_node_float(node, FET_ATTR_ALPHA, 1.0f); break;
    }
    const float zero = 0.0f;
    float image = 0.0f;
    fet_train_simd_plain.unary(node->op, s->a, s->b, 1, &zero, &image);
    s->moves_zero = image != 0.0f; /* also when it is NaN or infinite */
    return FET_OK;
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const activation *s = step->state;
    const fet_train_value *v = &trainer->values[step->dst];
    const fet_train_simd *simd = fet_train_simd_get();
    const char *src = fet_train_data(trainer, step->inputs[0], range);
    char *dst = fet_train_data(trainer, step->dst, range);
    size_t item = fet_dtype_bytes(v->dtype);
    float x[TILE], y[TILE];
    for (int64_t at = 0, left = range->count * v->items; left > 0; at += TILE, left -= TILE) {
        int64_t n = left < TILE ? left : TILE;
        simd->to_f32(v->dtype, n, src + (size_t)at * item, x);
        simd->unary(step->node->op, s->a, s->b, n, x, y);
        simd->from_f32(v->dtype, n, y, dst + (size_t)at * item);
    }
    if (s->moves_zero) fet_train_clear_padding(trainer, step->dst, range->count, dst);
    return FET_OK;
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const activation *s = step->state;
    const fet_train_value *v = &trainer->values[step->dst];
    const fet_train_simd *simd = fet_train_simd_get();
    const char *src = fet_train_data(trainer, step->inputs[0], range), *diff_dst = fet_train_diff(trainer, step->dst, range);
    char *diff_src = fet_train_diff_begin(trainer, step, 0, range);
    size_t item = fet_dtype_bytes(v->dtype);
    float x[TILE], dy[TILE], dx[TILE];
    for (int64_t at = 0, left = range->count * v->items; left > 0; at += TILE, left -= TILE) {
        int64_t n = left < TILE ? left : TILE;
        simd->to_f32(v->dtype, n, src + (size_t)at * item, x);
        simd->to_f32(v->dtype, n, diff_dst + (size_t)at * item, dy);
        simd->unary_backward(step->node->op, s->a, s->b, n, x, dy, dx);
        simd->from_f32(v->dtype, n, dx, diff_src + (size_t)at * item);
    }
    if (s->moves_zero) fet_train_clear_padding(trainer, step->inputs[0], range->count, diff_src); /* 0 times an infinite slope */
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

const fet_train_op fet_train_activation = {.plan = plan, .forward = forward, .backward = backward};
