// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/reference.h"

#include "engine/reference/families.h"

fet_reference_fn fet_reference_find(fet_op_kind op)
{
    switch (op) {
    case FET_OP_SOFTMAX: return fet_reference_softmax;
    default: return NULL;
    }
}
