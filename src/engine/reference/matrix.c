// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/families.h"

/* y[m, n] = sum over k of a[m, k] b[k, n], each with strides of its own. */
static void multiply(const float *a, int64_t a_m, int64_t a_k, const float *b, int64_t b_k, int64_t b_n, float *y, int64_t m_n, int64_t n_n,
                     int64_t k_n)
{
    for (int64_t m = 0; m < m_n; m++)
        for (int64_t n = 0; n < n_n; n++) {
            double sum = 0.0;
            for (int64_t k = 0; k < k_n; k++) sum += (double)a[m * a_m + k * a_k] * (double)b[k * b_k + n * b_n];
            y[m * n_n + n] = (float)sum;
        }
}

void fet_reference_gemm(const fet_reference_call *call)
{
    const fet_shape *a = fet_reference_in(call, 0), *b = fet_reference_in(call, 1), *out = fet_reference_out(call, 0);
    bool at = fet_node_int(call->node, FET_ATTR_TRANS_A, 0) != 0, bt = fet_node_int(call->node, FET_ATTR_TRANS_B, 0) != 0;
    float alpha = fet_node_float(call->node, FET_ATTR_ALPHA, 1.0f), beta = fet_node_float(call->node, FET_ATTR_BETA, 1.0f);
    int64_t m_n = out->dim[0], n_n = out->dim[1], k_n = a->dim[at ? 0 : 1];
    multiply(call->src[0], at ? 1 : a->dim[1], at ? a->dim[1] : 1, call->src[1], bt ? 1 : b->dim[1], bt ? b->dim[1] : 1, call->dst[0], m_n,
             n_n, k_n);
    const float *c = fet_reference_src(call, 2);
    fet_strides strides = {{0}};
    if (c) strides = fet_strides_broadcast(fet_reference_in(call, 2), out);
    for (int64_t m = 0; m < m_n; m++)
        for (int64_t n = 0; n < n_n; n++) {
            float *y = &call->dst[0][m * n_n + n];
            *y = alpha * *y + (c ? beta * c[m * strides.at[0] + n * strides.at[1]] : 0.0f);
        }
}

/* numpy's rule: a vector becomes a matrix of one row (left) or one column (right); dimensions before the last two broadcast. */
void fet_reference_matmul(const fet_reference_call *call)
{
    const fet_shape *a = fet_reference_in(call, 0), *b = fet_reference_in(call, 1);
    int64_t m_n = a->rank > 1 ? a->dim[a->rank - 2] : 1, k_n = a->dim[a->rank - 1], n_n = b->rank > 1 ? b->dim[b->rank - 1] : 1;
    fet_shape a_batch = *a, b_batch = *b, batch = {0};
    a_batch.rank = a->rank > 2 ? a->rank - 2 : 0;
    b_batch.rank = b->rank > 2 ? b->rank - 2 : 0;
    batch.rank = a_batch.rank > b_batch.rank ? a_batch.rank : b_batch.rank;
    for (uint32_t i = 0; i < batch.rank; i++) {
        int64_t x = i < a_batch.rank ? a_batch.dim[a_batch.rank - 1 - i] : 1, y = i < b_batch.rank ? b_batch.dim[b_batch.rank - 1 - i] : 1;
        batch.dim[batch.rank - 1 - i] = x > y ? x : y;
    }
    fet_strides a_at = fet_strides_broadcast(&a_batch, &batch), b_at = fet_strides_broadcast(&b_batch, &batch);
    int64_t count = fet_shape_elements(&batch);
    for (int64_t at = 0; at < count; at++) {
        int64_t from_a = 0, from_b = 0, rest = at;
        for (uint32_t i = batch.rank; i-- > 0; rest /= batch.dim[i]) {
            from_a += rest % batch.dim[i] * a_at.at[i];
            from_b += rest % batch.dim[i] * b_at.at[i];
        }
        multiply(call->src[0] + from_a * m_n * k_n, k_n, 1, call->src[1] + from_b * k_n * n_n, n_n, 1, call->dst[0] + at * m_n * n_n, m_n,
                 n_n, k_n);
    }
}
