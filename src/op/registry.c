// SPDX-License-Identifier: Apache-2.0
/* The table of operators: graph/ops.def expanded into names and pointers to each operator's fet_op_info. */
#include "op/infer.h"

#define FET_OP(id, info, onnx_name, min, max) const char fet_op_name_##info[] = onnx_name;
#include "graph/ops.def"
#undef FET_OP

static fet_status infer_nothing(fet_graph *graph, fet_id node)
{
    (void)graph, (void)node;
    return FET_OK;
}

/* A removed node, which waits for fet_graph_compact. */
static const fet_op_info removed = {.op = FET_OP_NONE, .onnx_name = "(removed)", .flags = FET_OP_VIEW, .infer = infer_nothing};

static const fet_op_info *const infos[FET_OP_COUNT] = {
    [FET_OP_NONE] = &removed,
#define FET_OP(id, info, onnx_name, min, max) [FET_OP_##id] = &fet_op_##info,
#include "graph/ops.def"
#undef FET_OP
};

const fet_op_info *fet_op_find(fet_op_kind op)
{
    return infos[op];
}
