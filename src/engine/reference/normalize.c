// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/families.h"

#include <math.h>

/* Elements before, along and behind an axis. */
typedef struct lines {
    int64_t outer, length, inner;
} lines;

static lines lines_of(const fet_shape *shape, int64_t axis)
{
    lines l = {1, 1, 1};
    if (axis < 0) axis += shape->rank;
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (i < axis) l.outer *= shape->dim[i];
        else if (i == axis) l.length = shape->dim[i];
        else l.inner *= shape->dim[i];
    }
    return l;
}

void fet_reference_softmax(const fet_reference_call *call)
{
    const fet_node *node = call->node;
    lines l = lines_of(&call->graph->values[node->inputs[0]].shape, fet_node_int(node, FET_ATTR_AXIS, -1));
    bool logarithm = node->op == FET_OP_LOG_SOFTMAX;
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++) {
            const float *x = call->src[0] + o * l.length * l.inner + i;
            float *y = call->dst[0] + o * l.length * l.inner + i;
            float largest = -INFINITY, sum = 0.0f;
            for (int64_t k = 0; k < l.length; k++) largest = fmaxf(largest, x[k * l.inner]);
            for (int64_t k = 0; k < l.length; k++) sum += expf(x[k * l.inner] - largest);
            for (int64_t k = 0; k < l.length; k++)
                y[k * l.inner] = logarithm ? x[k * l.inner] - largest - logf(sum) : expf(x[k * l.inner] - largest) / sum;
        }
}
