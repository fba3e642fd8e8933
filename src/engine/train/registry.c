// SPDX-License-Identifier: Apache-2.0
/* Which operators can be trained: one line each. */
#include "engine/train/batch_norm.h"
#include "engine/train/operators.h"

static const struct {
    fet_op_kind kind;
    const fet_train_op *op;
} registry[] = {
    {FET_OP_CONV, &fet_train_conv},
    {FET_OP_CONV_TRANSPOSE, &fet_train_conv_transpose},
    {FET_OP_GEMM, &fet_train_gemm},
    {FET_OP_MATMUL, &fet_train_matmul},
    {FET_OP_BATCH_NORMALIZATION, &fet_train_batch_normalization},
    {FET_OP_ADD, &fet_train_binary},
    {FET_OP_SUB, &fet_train_binary},
    {FET_OP_MUL, &fet_train_binary},
    {FET_OP_DIV, &fet_train_binary},
    {FET_OP_PRELU, &fet_train_binary},
    {FET_OP_SUM, &fet_train_variadic},
    {FET_OP_MEAN, &fet_train_variadic},
    {FET_OP_MAX, &fet_train_variadic},
    {FET_OP_MIN, &fet_train_variadic},
    {FET_OP_LRN, &fet_train_lrn},
    {FET_OP_MAX_POOL, &fet_train_pool},
    {FET_OP_AVERAGE_POOL, &fet_train_pool},
    {FET_OP_GLOBAL_MAX_POOL, &fet_train_pool},
    {FET_OP_GLOBAL_AVERAGE_POOL, &fet_train_global_average_pool},
    {FET_OP_REDUCE_MEAN, &fet_train_reduce},
    {FET_OP_REDUCE_SUM, &fet_train_reduce},
    {FET_OP_SOFTMAX, &fet_train_softmax},
    {FET_OP_LOG_SOFTMAX, &fet_train_softmax},
    {FET_OP_CONCAT, &fet_train_move},
    {FET_OP_SPLIT, &fet_train_move},
    {FET_OP_SLICE, &fet_train_move},
    {FET_OP_GATHER, &fet_train_move},
    {FET_OP_PAD, &fet_train_move},
    {FET_OP_TILE, &fet_train_move},
    {FET_OP_EXPAND, &fet_train_move},
    {FET_OP_TRANSPOSE, &fet_train_move},
    {FET_OP_RESIZE, &fet_train_move}, /* nearest */
    {FET_OP_DEPTH_TO_SPACE, &fet_train_move},
    {FET_OP_SPACE_TO_DEPTH, &fet_train_move},
    {FET_OP_FLATTEN, &fet_train_reshape},
    {FET_OP_RESHAPE, &fet_train_reshape},
    {FET_OP_SQUEEZE, &fet_train_reshape},
    {FET_OP_UNSQUEEZE, &fet_train_reshape},
    {FET_OP_IDENTITY, &fet_train_reshape},
    {FET_OP_DROPOUT, &fet_train_reshape},
    {FET_OP_RELU, &fet_train_activation},
    {FET_OP_CLIP, &fet_train_activation},
    {FET_OP_LEAKY_RELU, &fet_train_activation},
    {FET_OP_ELU, &fet_train_activation},
    {FET_OP_SELU, &fet_train_activation},
    {FET_OP_CELU, &fet_train_activation},
    {FET_OP_SIGMOID, &fet_train_activation},
    {FET_OP_HARD_SIGMOID, &fet_train_activation},
    {FET_OP_HARD_SWISH, &fet_train_activation},
    {FET_OP_SWISH, &fet_train_activation},
    {FET_OP_GELU, &fet_train_activation},
    {FET_OP_TANH, &fet_train_activation},
    {FET_OP_SOFTPLUS, &fet_train_activation},
    {FET_OP_SOFTSIGN, &fet_train_activation},
    {FET_OP_ABS, &fet_train_activation},
    {FET_OP_NEG, &fet_train_activation},
    {FET_OP_EXP, &fet_train_activation},
    {FET_OP_LOG, &fet_train_activation},
    {FET_OP_SQRT, &fet_train_activation},
    {FET_OP_RECIPROCAL, &fet_train_activation},
    {FET_OP_ERF, &fet_train_activation},
};

const fet_train_op *fet_train_find(const fet_trainer *trainer, const fet_node *node)
{
    if (node->op == FET_OP_CONV && fet_train_own_depthwise(trainer, node)) return &fet_train_depthwise;
    if (fet_train_computing_resize(node)) return &fet_train_resize;
    for (size_t i = 0; i < sizeof registry / sizeof *registry; i++)
        if (registry[i].kind == node->op) return registry[i].op;
    return NULL;
}
