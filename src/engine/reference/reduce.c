// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/families.h"

#include <math.h>

/* The element's share: what is summed, multiplied or compared. */
static double term(fet_op_kind op, double x)
{
    if (op == FET_OP_REDUCE_L1) return fabs(x);
    return op == FET_OP_REDUCE_L2 || op == FET_OP_REDUCE_SUM_SQUARE ? x * x : x;
}

static double combine(fet_op_kind op, double so_far, double x)
{
    switch (op) {
    case FET_OP_REDUCE_MAX: return x > so_far ? x : so_far;
    case FET_OP_REDUCE_MIN: return x < so_far ? x : so_far;
    case FET_OP_REDUCE_PROD: return so_far * x;
    default: return so_far + x;
    }
}

static double start(fet_op_kind op)
{
    switch (op) {
    case FET_OP_REDUCE_MAX: return -INFINITY;
    case FET_OP_REDUCE_MIN: return INFINITY;
    case FET_OP_REDUCE_PROD: return 1.0;
    default: return 0.0;
    }
}

void fet_reference_reduce(const fet_reference_call *call)
{
    const fet_shape *in = fet_reference_in(call, 0);
    int64_t axes[FET_MAX_RANK], outer[FET_MAX_RANK], inner[FET_MAX_RANK];
    uint32_t n = fet_reference_ints(call, 1, FET_ATTR_AXES, FET_MAX_RANK, axes), mask = n ? 0 : (1u << in->rank) - 1u;
    for (uint32_t i = 0; i < n; i++) mask |= 1u << (axes[i] < 0 ? axes[i] + in->rank : axes[i]);
    fet_strides strides = fet_strides_row_major(in);
    fet_shape kept = {0}, gone = {0};
    for (uint32_t i = 0; i < in->rank; i++) {
        if (mask >> i & 1u) inner[gone.rank] = strides.at[i], gone.dim[gone.rank++] = in->dim[i];
        else outer[kept.rank] = strides.at[i], kept.dim[kept.rank++] = in->dim[i];
    }
    int64_t n_out = fet_shape_elements(&kept), n_in = fet_shape_elements(&gone);
    fet_op_kind op = call->node->op;
    for (int64_t o = 0; o < n_out; o++) {
        int64_t first = 0, rest = o;
        for (uint32_t i = kept.rank; i-- > 0; rest /= kept.dim[i]) first += rest % kept.dim[i] * outer[i];
        double sum = start(op);
        for (int64_t k = 0; k < n_in; k++) {
            int64_t at = first;
            rest = k;
            for (uint32_t i = gone.rank; i-- > 0; rest /= gone.dim[i]) at += rest % gone.dim[i] * inner[i];
            sum = combine(op, sum, term(op, (double)call->src[0][at]));
        }
        if (op == FET_OP_REDUCE_MEAN) sum /= (double)n_in;
        if (op == FET_OP_REDUCE_L2) sum = sqrt(sum);
        call->dst[0][o] = (float)sum;
    }
}

void fet_reference_arg(const fet_reference_call *call)
{
    fet_lines l = fet_lines_of(fet_reference_in(call, 0), fet_node_int(call->node, FET_ATTR_AXIS, 0));
    bool largest = call->node->op == FET_OP_ARG_MAX, last = fet_node_int(call->node, FET_ATTR_SELECT_LAST_INDEX, 0) != 0;
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++) {
            const float *x = call->src[0] + o * l.length * l.inner + i;
            int64_t best = 0;
            for (int64_t k = 1; k < l.length; k++) {
                float a = x[k * l.inner], b = x[best * l.inner];
                if ((largest ? a > b : a < b) || (last && a == b)) best = k;
            }
            call->dst[0][o * l.inner + i] = (float)best;
        }
}
