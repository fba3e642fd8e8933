// SPDX-License-Identifier: Apache-2.0
/* ReduceMean and ReduceSum over axes other than the batch, and softmax along one: numbers that share something, in plain order. */
#include "engine/train/boundary.h"
#include "engine/train/kernels.h"
#include "engine/train/operators.h"

#include <math.h>
#include <string.h>

typedef struct reduce {
    uint32_t *map; /* [plain items of the source] plain place in the output, for one sample */
    float factor;
    int64_t length, inner; /* softmax: numbers along the axis, and how far apart */
} reduce;

static int64_t plain_items(const fet_trainer *trainer, fet_id value)
{
    return fet_shape_elements(&trainer->values[value].shape) / trainer->batch;
}

static fet_status reduced_axes(const fet_trainer *trainer, const fet_train_step *step, bool *reduced)
{
    const fet_shape *s = &trainer->values[step->inputs[0]].shape;
    const fet_attr *attr = fet_node_attr(step->node, FET_ATTR_AXES);
    const fet_tensor *input =
        step->node->n_inputs > 1 && step->node->inputs[1] != FET_NONE ? fet_graph_constant(trainer->graph, step->node->inputs[1]) : NULL;
    int64_t count = attr ? attr->count : input ? fet_tensor_elements(input) : 0;
    for (uint32_t a = 0; a < s->rank; a++) reduced[a] = count == 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = attr ? attr->ints[i] : fet_tensor_s64(input)[i];
        reduced[axis < 0 ? axis + (int64_t)s->rank : axis] = true;
    }
    if (reduced[0])
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s over the batch cannot be trained", step->name,
                        fet_op_onnx_name(step->node->op));
    return FET_OK;
}

static fet_status plan_reduce(fet_trainer *trainer, fet_train_step *step)
{
    reduce *r = fet_train_state(trainer, sizeof *r);
    if (!r) return fet_arena_full();
    step->state = r;
    const fet_shape *s = &trainer->values[step->inputs[0]].shape;
    bool reduced[FET_MAX_RANK] = {false};
    FET_TRY(reduced_axes(trainer, step, reduced));
    int64_t in = plain_items(trainer, step->inputs[0]), out = plain_items(trainer, step->dst);
    r->factor = step->node->op == FET_OP_REDUCE_MEAN ? (float)out / (float)in : 1.0f;
    r->map = fet_train_state(trainer, ((size_t)in + 1) * sizeof *r->map);
    if (!r->map) return fet_arena_full();
    for (int64_t i = 0; i < in; i++) {
        int64_t rest = i, at = 0, step_out = 1;
        for (uint32_t a = s->rank; a-- > 1; rest /= s->dim[a]) {
            if (reduced[a]) continue;
            at += rest % s->dim[a] * step_out;
            step_out *= s->dim[a];
        }
        r->map[i] = (uint32_t)at;
    }
    return FET_OK;
}

static fet_status plan_softmax(fet_trainer *trainer, fet_train_step *step)
{
    reduce *r = fet_train_state(trainer, sizeof *r);
    if (!r) return fet_arena_full();
    step->state = r;
    const fet_shape *s = &trainer->values[step->inputs[0]].shape;
    int64_t axis = fet_node_int(step->node, FET_ATTR_AXIS, -1);
    if (axis < 0) axis += s->rank;
    if (axis == 0)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s over the batch cannot be trained", step->name,
                        fet_op_onnx_name(step->node->op));
    r->length = s->dim[axis];
    r->inner = 1;
    for (uint32_t a = (uint32_t)axis + 1; a < s->rank; a++) r->inner *= s->dim[a];
    step->needs_dst = true;
    return FET_OK;
}

/* Source and output of a chunk in plain f32, and the same for a gradient. */
static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    int64_t chunk = step->chunk[0] > step->chunk[1] ? step->chunk[0] : step->chunk[1];
    int64_t items = 2 * plain_items(trainer, step->inputs[0]) + plain_items(trainer, step->dst);
    return fet_train_room(trainer, (size_t)(items * chunk) * sizeof(float));
}

static fet_status forward_reduce(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const reduce *r = step->state;
    int64_t in = plain_items(trainer, step->inputs[0]), out = plain_items(trainer, step->dst);
    float *x = trainer->room, *y = x + in * range->count;
    fet_train_unpack(trainer, step->inputs[0], range->count, fet_train_data(trainer, step->inputs[0], range), x);
    memset(y, 0, (size_t)(out * range->count) * sizeof *y);
    for (int64_t n = 0; n < range->count; n++)
        for (int64_t i = 0; i < in; i++) y[n * out + r->map[i]] += x[n * in + i];
    for (int64_t i = 0; i < out * range->count; i++) y[i] *= r->factor;
    fet_train_pack(trainer, step->dst, range->count, y, fet_train_data(trainer, step->dst, range));
    return FET_OK;
}

static fet_status backward_reduce(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const reduce *r = step->state;
    int64_t in = plain_items(trainer, step->inputs[0]), out = plain_items(trainer, step->dst);
    float *dx = trainer->room, *dy = dx + in * range->count;
    fet_train_unpack(trainer, step->dst, range->count, fet_train_diff(trainer, step->dst, range), dy);
    for (int64_t n = 0; n < range->count; n++)
        for (int64_t i = 0; i < in; i++) dx[n * in + i] = dy[n * out + r->map[i]] * r->factor;
    fet_train_pack(trainer, step->inputs[0], range->count, dx, fet_train_diff_begin(trainer, step, 0, range));
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

/* Softmax or its logarithm of `length` numbers, `inner` apart. */
static void softmax_line(bool logarithm, int64_t length, int64_t inner, const float *x, float *y)
{
    float most = x[0];
    for (int64_t k = 1; k < length; k++)
        if (x[k * inner] > most) most = x[k * inner];
    double sum = 0.0;
    for (int64_t k = 0; k < length; k++) sum += exp((double)(x[k * inner] - most));
    float shift = most + (float)log(sum);
    for (int64_t k = 0; k < length; k++) y[k * inner] = logarithm ? x[k * inner] - shift : expf(x[k * inner] - shift);
}

static fet_status forward_softmax(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const reduce *r = step->state;
    int64_t count = plain_items(trainer, step->dst) * range->count;
    float *x = trainer->room, *y = x + count;
    fet_train_unpack(trainer, step->inputs[0], range->count, fet_train_data(trainer, step->inputs[0], range), x);
    for (int64_t first = 0; first < count; first += r->length * r->inner)
        for (int64_t i = 0; i < r->inner; i++)
            softmax_line(step->node->op == FET_OP_LOG_SOFTMAX, r->length, r->inner, x + first + i, y + first + i);
    fet_train_pack(trainer, step->dst, range->count, y, fet_train_data(trainer, step->dst, range));
    return FET_OK;
}

/* softmax: dx = y (dy - sum(y dy)); log-softmax: dx = dy - e^y sum(dy). */
static fet_status backward_softmax(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const reduce *r = step->state;
    bool logarithm = step->node->op == FET_OP_LOG_SOFTMAX;
    int64_t count = plain_items(trainer, step->dst) * range->count;
    float *y = trainer->room, *dy = y + count, *dx = dy + count;
    fet_train_unpack(trainer, step->dst, range->count, fet_train_data(trainer, step->dst, range), y);
    fet_train_unpack(trainer, step->dst, range->count, fet_train_diff(trainer, step->dst, range), dy);
    for (int64_t first = 0; first < count; first += r->length * r->inner)
        for (int64_t i = first; i < first + r->inner; i++) {
            double sum = 0.0;
            for (int64_t k = 0; k < r->length; k++)
                sum += logarithm ? (double)dy[i + k * r->inner] : (double)y[i + k * r->inner] * (double)dy[i + k * r->inner];
            for (int64_t k = 0; k < r->length; k++) {
                int64_t at = i + k * r->inner;
                dx[at] = logarithm ? dy[at] - expf(y[at]) * (float)sum : y[at] * (dy[at] - (float)sum);
            }
        }
    fet_train_pack(trainer, step->inputs[0], range->count, dx, fet_train_diff_begin(trainer, step, 0, range));
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

const fet_train_op fet_train_reduce = {.plan = plan_reduce, .prepare = prepare, .forward = forward_reduce, .backward = backward_reduce};
const fet_train_op fet_train_softmax = {.plan = plan_softmax, .prepare = prepare, .forward = forward_softmax, .backward = backward_softmax};
