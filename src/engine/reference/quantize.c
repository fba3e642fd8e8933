// SPDX-License-Identifier: Apache-2.0
/* QuantizeLinear and DequantizeLinear, whole numbers held as f32: exact up to 2^24, which no 8-bit number reaches. */
#include "engine/reference/families.h"

#include <math.h>

/* Elements behind the axis, so that element i belongs to entry i / inner % n of the scale. */
static int64_t inner_of(const fet_reference_call *call, int64_t *out_n)
{
    const fet_shape *src = fet_reference_in(call, 0);
    int64_t axis = fet_node_int(call->node, FET_ATTR_AXIS, 1), inner = 1;
    *out_n = fet_shape_elements(fet_reference_in(call, 1));
    if (axis < 0) axis += src->rank;
    for (int64_t a = axis + 1; a < src->rank; a++) inner *= src->dim[a];
    return inner;
}

void fet_reference_quantize(const fet_reference_call *call)
{
    int64_t n, inner = inner_of(call, &n), count = fet_shape_elements(fet_reference_in(call, 0));
    const float *zero = call->node->n_inputs > 2 && call->node->inputs[2] != FET_NONE ? call->src[2] : NULL;
    bool is_signed = call->graph->values[call->node->outputs[0]].dtype == FET_DTYPE_S8;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = n == 1 ? 0 : i / inner % n;
        float steps = nearbyintf(call->src[0][i] / call->src[1][k]) + (zero ? zero[k] : 0.0f);
        call->dst[0][i] = fminf(is_signed ? 127.0f : 255.0f, fmaxf(is_signed ? -128.0f : 0.0f, steps));
    }
}

void fet_reference_dequantize(const fet_reference_call *call)
{
    int64_t n, inner = inner_of(call, &n), count = fet_shape_elements(fet_reference_in(call, 0));
    const float *zero = call->node->n_inputs > 2 && call->node->inputs[2] != FET_NONE ? call->src[2] : NULL;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = n == 1 ? 0 : i / inner % n;
        call->dst[0][i] = (call->src[0][i] - (zero ? zero[k] : 0.0f)) * call->src[1][k];
    }
}
