// SPDX-License-Identifier: Apache-2.0
/*
 * Operators that only move numbers: Concat, Split, Slice, Transpose, Pad with zeros, nearest Resize, DepthToSpace, Expand, ... What goes
 * where is learnt once, by running the operator's reference on numbers that say where they stand; then it is a list of runs between the
 * physical layouts.
 */
#include "engine/reference/reference.h"
#include "engine/train/boundary.h"
#include "engine/train/kernels.h"
#include "engine/train/operators.h"
#include "graph/limits.h"

#include <string.h>

enum { LARGEST_INDEX = 1 << 24 }; /* beyond it f32 skips integers */

typedef struct run {
    uint32_t dst, src, length, input; /* numbers of a sample, physical */
} run;

typedef struct move {
    run *runs;
    uint32_t n_runs;
    bool covers; /* every number of the output is in a run */
} move;

static int64_t graph_items(const fet_trainer *trainer, fet_id value)
{
    return fet_shape_elements(&trainer->graph->values[value].shape);
}

/* Numbers of a constant, of any type the reference takes. */
static void read_constant(const fet_tensor *tensor, float *to)
{
    for (int64_t i = 0; i < fet_tensor_elements(tensor); i++)
        to[i] = tensor->dtype == FET_DTYPE_S64   ? (float)fet_tensor_s64(tensor)[i]
                : tensor->dtype == FET_DTYPE_S32 ? (float)((const int32_t *)tensor->data)[i]
                                                 : fet_tensor_f32(tensor)[i];
}

/* Runs the reference with activations numbered 1, 2, ... (or all zero) and gives what comes out. */
static fet_status trace(fet_trainer *trainer, const fet_train_step *step, bool numbered, float **out_dst)
{
    const fet_node *node = step->node;
    const float *src[FET_NODE_LIMIT_INPUTS] = {NULL};
    float *dst[FET_NODE_LIMIT_INPUTS] = {NULL};
    float next = 1.0f;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == FET_NONE) continue;
        float *data = fet_train_state(trainer, ((size_t)graph_items(trainer, node->inputs[i]) + 1) * sizeof *data);
        if (!data) return fet_arena_full();
        const fet_tensor *constant = fet_graph_constant(trainer->graph, node->inputs[i]);
        if (constant && constant->dtype != FET_DTYPE_F32 && constant->dtype != FET_DTYPE_S64 && constant->dtype != FET_DTYPE_S32)
            return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": input %u is %s", step->name, i, fet_dtype_name(constant->dtype));
        if (constant) read_constant(constant, data);
        else
            for (int64_t k = 0; numbered && k < graph_items(trainer, node->inputs[i]); k++) data[k] = next++;
        src[i] = data;
    }
    if (next > (float)LARGEST_INDEX)
        return fet_fail(FET_ERROR_LIMIT, "node \"%s\": too many numbers to train %s", step->name, fet_op_onnx_name(node->op));
    float *result = fet_train_state(trainer, ((size_t)graph_items(trainer, step->dst) + 1) * sizeof *result);
    if (!result) return fet_arena_full();
    dst[step->output] = result;
    fet_reference_call call = {.graph = trainer->graph, .node = node, .src = src, .dst = dst};
    fet_reference_find(node->op)(&call);
    *out_dst = result;
    return FET_OK;
}

/* The input and the place in its sample that a number stands for. */
static bool source_of(const fet_trainer *trainer, const fet_train_step *step, int64_t number, uint32_t *out_input, int64_t *out_at)
{
    int64_t at = number - 1;
    for (uint32_t i = 0; i < step->n_inputs; i++) {
        if (step->inputs[i] == FET_NONE || fet_graph_constant(trainer->graph, step->inputs[i])) continue;
        int64_t items = graph_items(trainer, step->inputs[i]);
        if (at < items) {
            *out_input = i, *out_at = at;
            return at < items / trainer->graph->values[step->inputs[i]].shape.dim[0]; /* of the first sample */
        }
        at -= items;
    }
    return false;
}

/* Neighbours on both sides become one run. */
static void append(move *m, run next)
{
    run *last = m->n_runs ? &m->runs[m->n_runs - 1] : NULL;
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): runs was checked when it was made
    if (last && last->input == next.input && last->dst + last->length == next.dst && last->src + last->length == next.src) last->length++;
    else m->runs[m->n_runs++] = next; // NOLINT(clang-analyzer-core.NullDereference)
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    move *m = fet_train_state(trainer, sizeof *m);
    if (!m) return fet_arena_full();
    step->state = m;
    float *numbered = NULL, *zero = NULL;
    FET_TRY(trace(trainer, step, true, &numbered));
    FET_TRY(trace(trainer, step, false, &zero));
    int64_t items = fet_shape_elements(&trainer->values[step->dst].shape) / trainer->batch, physical = trainer->values[step->dst].items;
    uint32_t *position = NULL, *plain = fet_train_state(trainer, ((size_t)physical + 1) * sizeof *plain);
    uint32_t *source_position[FET_NODE_LIMIT_INPUTS] = {NULL};
    m->runs = fet_train_state(trainer, ((size_t)items + 1) * sizeof *m->runs);
    if (!m->runs || !plain) return fet_arena_full();
    FET_TRY(fet_train_positions(trainer, step->dst, &position));
    for (int64_t i = 0; i < items; i++) plain[position[i]] = (uint32_t)i + 1; /* 0: padding */
    int64_t covered = 0;
    for (int64_t d = 0; d < physical; d++) {
        if (!plain[d]) continue;
        float from = numbered[plain[d] - 1], nothing = zero[plain[d] - 1];
        if (from == nothing) {
            if (nothing != 0.0f)
                return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s that puts in %g cannot be trained", step->name,
                                fet_op_onnx_name(step->node->op), (double)nothing);
            continue;
        }
        uint32_t input = 0;
        int64_t at = 0;
        if (!source_of(trainer, step, (int64_t)from, &input, &at) || from != (float)(int64_t)from)
            return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s that does not keep samples apart, or computes, cannot be trained",
                            step->name, fet_op_onnx_name(step->node->op));
        if (!source_position[input]) FET_TRY(fet_train_positions(trainer, step->inputs[input], &source_position[input]));
        append(m, (run){(uint32_t)d, source_position[input][at], 1, input});
        covered++;
    }
    m->covers = covered == physical;
    return FET_OK;
}

static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    size_t most = 0;
    for (uint32_t i = 0; i < step->n_inputs; i++)
        if (step->wants[i] && (size_t)trainer->values[step->inputs[i]].items > most) most = (size_t)trainer->values[step->inputs[i]].items;
    return fet_train_room(trainer, most * sizeof(float));
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const move *m = step->state;
    const fet_train_value *d = &trainer->values[step->dst];
    size_t item = fet_dtype_bytes(d->dtype);
    char *dst = fet_train_data(trainer, step->dst, range);
    if (!m->covers) memset(dst, 0, (size_t)range->count * d->image_bytes);
    for (int64_t n = 0; n < range->count; n++, dst += d->image_bytes)
        for (uint32_t r = 0; r < m->n_runs; r++) {
            const run *q = &m->runs[r];
            fet_id input = step->inputs[q->input];
            const char *src = fet_train_data(trainer, input, range);
            memcpy(dst + q->dst * item, src + (size_t)n * trainer->values[input].image_bytes + q->src * item, q->length * item);
        }
    return FET_OK;
}

/* A number that went to several places gets the sum of their gradients, in f32. */
static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const move *m = step->state;
    const fet_train_value *d = &trainer->values[step->dst];
    bool half = d->dtype == FET_DTYPE_BF16;
    for (uint32_t i = step->n_inputs; i-- > 0;) {
        if (!step->wants[i]) continue;
        const fet_train_value *s = &trainer->values[step->inputs[i]];
        const char *diff_dst = fet_train_diff(trainer, step->dst, range);
        char *diff_src = fet_train_diff_begin(trainer, step, i, range);
        for (int64_t n = 0; n < range->count; n++, diff_dst += d->image_bytes, diff_src += s->image_bytes) {
            memset(trainer->room, 0, (size_t)s->items * sizeof(float));
            for (uint32_t r = 0; r < m->n_runs; r++) {
                const run *q = &m->runs[r];
                if (q->input != i) continue;
                float *to = trainer->room + q->src;
                for (uint32_t k = 0; k < q->length; k++)
                    to[k] += half ? fet_f32_from_bf16(((const uint16_t *)diff_dst)[q->dst + k]) : ((const float *)diff_dst)[q->dst + k];
            }
            fet_train_simd_get()->from_f32(s->dtype, s->items, trainer->room, diff_src);
        }
        fet_train_diff_end(trainer, step, i, range);
    }
    return FET_OK;
}

const fet_train_op fet_train_move = {.plan = plan, .prepare = prepare, .forward = forward, .backward = backward};
