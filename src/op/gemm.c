// SPDX-License-Identifier: Apache-2.0
/* Gemm and MatMul. */
#include "op/infer.h"

static fet_status mismatch(const fet_node *node, const fet_shape *a, const fet_shape *b)
{
    char text_a[FET_SHAPE_TEXT_BYTES], text_b[FET_SHAPE_TEXT_BYTES];
    return fet_op_fail(node, FET_ERROR_SHAPE, "%s times %s does not fit", fet_shape_print(a, text_a, sizeof text_a),
                       fet_shape_print(b, text_b, sizeof text_b));
}

static fet_status infer_gemm(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *a = fet_op_src(graph, node, 0), *b = fet_op_src(graph, node, 1), *c = fet_node_input(graph, node, 2);
    if (a->shape.rank != 2 || b->shape.rank != 2) return mismatch(node, &a->shape, &b->shape);
    uint32_t trans_a = fet_node_int(node, FET_ATTR_TRANS_A, 0) != 0, trans_b = fet_node_int(node, FET_ATTR_TRANS_B, 0) != 0;
    if (a->shape.dim[1 - trans_a] != b->shape.dim[trans_b]) return mismatch(node, &a->shape, &b->shape);
    fet_shape dst = fet_shape_2d(a->shape.dim[trans_a], b->shape.dim[1 - trans_b]);
    if (c) { /* stretched to the result, never the other way round */
        fet_shape both = dst;
        if (c->shape.rank > 2) return mismatch(node, &c->shape, &dst);
        FET_TRY(fet_op_broadcast(node, &dst, &c->shape, &both));
        if (!fet_shape_equal(&both, &dst)) return mismatch(node, &c->shape, &dst);
    }
    return fet_op_set(graph, node, 0, a->dtype, &dst);
}

static void work_gemm(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    const fet_value *a = fet_op_src(graph, node, 0);
    int64_t elements = fet_op_elements_out(graph, node);
    work->macs = elements * a->shape.dim[fet_node_int(node, FET_ATTR_TRANS_A, 0) ? 0 : 1];
    work->other_ops = fet_node_input(graph, node, 2) ? elements : 0;
}

static fet_status infer_matmul(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *a = fet_op_src(graph, node, 0), *b = fet_op_src(graph, node, 1);
    if (a->shape.rank == 0 || b->shape.rank == 0) return mismatch(node, &a->shape, &b->shape);
    /* Vectors get a dimension of 1 that is taken away again; leading dimensions broadcast. */
    fet_shape x = a->shape, y = b->shape, lead = {0};
    bool vector_a = x.rank == 1, vector_b = y.rank == 1;
    if (vector_a) x = fet_shape_2d(1, x.dim[0]);
    if (vector_b) y = fet_shape_2d(y.dim[0], 1);
    int64_t m = x.dim[x.rank - 2], n = y.dim[y.rank - 1];
    if (x.dim[x.rank - 1] != y.dim[y.rank - 2]) return mismatch(node, &a->shape, &b->shape);
    x.rank -= 2;
    y.rank -= 2;
    FET_TRY(fet_op_broadcast(node, &x, &y, &lead));
    if (!vector_a) lead.dim[lead.rank++] = m;
    if (!vector_b) lead.dim[lead.rank++] = n;
    return fet_op_set(graph, node, 0, a->dtype, &lead);
}

static void work_matmul(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    const fet_shape *a = &fet_op_src(graph, node, 0)->shape;
    work->macs = fet_op_elements_out(graph, node) * a->dim[a->rank - 1];
}

FET_OP_INFO(GEMM, gemm, 1, 0, infer_gemm, work_gemm);
FET_OP_INFO(MATMUL, matmul, 1, 0, infer_matmul, work_matmul);
