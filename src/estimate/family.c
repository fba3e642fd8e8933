// SPDX-License-Identifier: Apache-2.0
#include "estimate/family.h"

#include <string.h>

static const char *const names[FET_FAMILY_COUNT] = {
    [FET_FAMILY_CONV] = "conv",       [FET_FAMILY_POINTWISE] = "pointwise",     [FET_FAMILY_DEPTHWISE] = "depthwise",
    [FET_FAMILY_GROUPED] = "grouped", [FET_FAMILY_TRANSPOSED] = "transposed",   [FET_FAMILY_MATMUL] = "matmul",
    [FET_FAMILY_POOL] = "pool",       [FET_FAMILY_ELEMENTWISE] = "elementwise", [FET_FAMILY_MOVE] = "move",
    [FET_FAMILY_PLAIN] = "plain"};

static fet_family of_conv(const fet_kernel_key *key)
{
    if (key->group > 1) return key->group == key->ic ? FET_FAMILY_DEPTHWISE : FET_FAMILY_GROUPED;
    return key->kh * key->kw > 1 ? FET_FAMILY_CONV : FET_FAMILY_POINTWISE;
}

fet_family fet_family_of(const fet_kernel_key *key)
{
    if (key->op != FET_OP_CAST && key->flags & FET_KERNEL_PLAIN_SRC) return FET_FAMILY_PLAIN;
    switch ((fet_op_kind)key->op) {
    case FET_OP_CONV: return of_conv(key);
    case FET_OP_CONV_TRANSPOSE: return FET_FAMILY_TRANSPOSED;
    case FET_OP_GEMM:
    case FET_OP_MATMUL: return FET_FAMILY_MATMUL;
    case FET_OP_AVERAGE_POOL:
    case FET_OP_MAX_POOL:
    case FET_OP_GLOBAL_AVERAGE_POOL:
    case FET_OP_GLOBAL_MAX_POOL: return FET_FAMILY_POOL;
    case FET_OP_CAST:
    case FET_OP_CONCAT:
    case FET_OP_PAD:
    case FET_OP_SLICE:
    case FET_OP_TRANSPOSE:
    case FET_OP_RESIZE: return FET_FAMILY_MOVE;
    default: return FET_FAMILY_ELEMENTWISE;
    }
}

const char *fet_family_name(fet_family family)
{
    return names[family];
}

fet_family fet_family_parse(const char *name)
{
    for (int f = 0; f < FET_FAMILY_COUNT; f++)
        if (strcmp(names[f], name) == 0) return (fet_family)f;
    return FET_FAMILY_COUNT;
}
