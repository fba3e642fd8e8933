// SPDX-License-Identifier: Apache-2.0
/* What a kernel computes, from its key. */
#include "device/simulate/internal.h"

#include <string.h>

static fet_sim_function function_of(fet_activation_kind kind)
{
    switch (kind) {
    case FET_ACTIVATION_NONE: return FET_SIM_FUNCTION_NONE;
    case FET_ACTIVATION_RELU:
    case FET_ACTIVATION_CLIP: return FET_SIM_FUNCTION_CLAMP;
    default: return FET_SIM_FUNCTION_TABLE;
    }
}

static uint32_t at_least_one(uint32_t value)
{
    return value ? value : 1;
}

static void set_shapes(const fet_kernel_key *key, fet_sim_work *work)
{
    uint32_t n = at_least_one(key->n);
    work->ic = at_least_one(key->ic), work->ih = at_least_one(key->ih) * n, work->iw = at_least_one(key->iw);
    work->oc = at_least_one(key->oc), work->oh = at_least_one(key->oh) * n, work->ow = at_least_one(key->ow);
    work->kh = work->kw = work->sh = work->sw = work->reach_h = work->reach_w = work->repeats = work->operands = 1;
}

static void set_window(const fet_kernel_key *key, fet_sim_work *work)
{
    work->kh = at_least_one(key->kh), work->kw = at_least_one(key->kw);
    work->sh = at_least_one(key->sh), work->sw = at_least_one(key->sw);
    work->reach_h = (work->kh - 1) * at_least_one(key->dh) + 1;
    work->reach_w = (work->kw - 1) * at_least_one(key->dw) + 1;
}

static void set_conv(const fet_kernel_key *key, fet_sim_work *work)
{
    uint32_t group = at_least_one(key->group);
    set_window(key, work);
    uint32_t of_group = work->ic / group; /* groups divide the channels */
    work->weights = (double)work->oc * of_group * work->kh * work->kw;
    if (key->op == FET_OP_CONV_TRANSPOSE) {
        /* A stride spreads the input with zeros between: a convolution of stride 1 at the output's size. */
        work->ih = work->oh, work->iw = work->ow, work->sh = work->sw = 1;
    }
    work->kind = group > 1 && group == work->ic ? FET_SIM_WORK_DEPTHWISE : FET_SIM_WORK_CONV;
    if (work->kind == FET_SIM_WORK_DEPTHWISE || group == 1) return;
    work->repeats = group;
    work->ic /= group, work->oc /= group;
}

static bool set_operation(const fet_kernel_key *key, fet_sim_work *work)
{
    switch ((fet_op_kind)key->op) {
    case FET_OP_CONV:
    case FET_OP_CONV_TRANSPOSE: set_conv(key, work); return true;
    case FET_OP_GEMM:
    case FET_OP_MATMUL:
        work->kind = FET_SIM_WORK_CONV;
        work->oh = work->ih, work->ow = work->iw;
        work->weights = (double)work->ic * work->oc;
        return true;
    case FET_OP_MAX_POOL:
    case FET_OP_AVERAGE_POOL:
        work->kind = FET_SIM_WORK_POOL;
        set_window(key, work);
        work->stage = key->op == FET_OP_MAX_POOL ? FET_SIM_STAGE_MAX : FET_SIM_STAGE_OTHER;
        return true;
    case FET_OP_GLOBAL_AVERAGE_POOL:
    case FET_OP_GLOBAL_MAX_POOL:
        work->kind = FET_SIM_WORK_POOL;
        work->kh = work->reach_h = at_least_one(key->ih), work->kw = work->reach_w = work->iw;
        work->sh = work->kh, work->sw = work->kw;
        work->stage = key->op == FET_OP_GLOBAL_MAX_POOL ? FET_SIM_STAGE_MAX : FET_SIM_STAGE_OTHER;
        return true;
    case FET_OP_CONCAT:
    case FET_OP_RESIZE:
    case FET_OP_PAD:
    case FET_OP_TRANSPOSE:
    case FET_OP_SLICE:
    case FET_OP_CAST: work->kind = FET_SIM_WORK_MOVE; return true;
    case FET_OP_ADD:
    case FET_OP_SUB: work->stage = FET_SIM_STAGE_ADD; break;
    case FET_OP_MUL:
    case FET_OP_DIV:
    case FET_OP_PRELU:
    case FET_OP_BATCH_NORMALIZATION: work->stage = FET_SIM_STAGE_MUL; break;
    case FET_OP_RELU:
    case FET_OP_CLIP: work->function = FET_SIM_FUNCTION_CLAMP; break;
    case FET_OP_LEAKY_RELU:
    case FET_OP_ELU:
    case FET_OP_SIGMOID:
    case FET_OP_HARD_SIGMOID:
    case FET_OP_HARD_SWISH:
    case FET_OP_SWISH:
    case FET_OP_GELU:
    case FET_OP_TANH: work->function = FET_SIM_FUNCTION_TABLE; break;
    default: return false;
    }
    work->kind = FET_SIM_WORK_ELEMENTWISE;
    bool constant = (key->flags & (FET_KERNEL_CONST | FET_KERNEL_BROADCAST)) != 0;
    work->operands = work->stage != FET_SIM_STAGE_OTHER && !constant ? 2 : 1;
    return true;
}

static fet_status unsupported(const fet_sim_machine *machine, const fet_kernel_key *key, const char *what)
{
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    return fet_fail(FET_ERROR_UNSUPPORTED, "device %s %s kernel \"%s\"", machine->name, what, fet_kernel_key_print(key, text, sizeof text));
}

fet_status fet_sim_work_of_key(const fet_sim_machine *machine, const fet_kernel_key *key, fet_sim_work *out_work)
{
    fet_sim_work work;
    static const uint32_t bits[FET_SIM_N_PRECISIONS] = {8, 16, 16, 16};
    if (key->n > 4096) return unsupported(machine, key, "runs batches up to 4096, not"); /* and folded heights stay within 32 bits */
    memset(&work, 0, sizeof work);
    set_shapes(key, &work);
    bool plain = (key->flags & FET_KERNEL_PLAIN_SRC) != 0 && key->op != FET_OP_CAST;
    work.precision = plain ? FET_SIM_N_PRECISIONS : fet_sim_precision_of(machine, (fet_dtype)key->precision);
    work.function = function_of((fet_activation_kind)key->activation);
    bool known = !plain && set_operation(key, &work);
    if (!known) {
        if (machine->fallback_cycles_per_byte <= 0)
            return unsupported(machine, key, "has no model (and no \"fallback_cycles_per_byte\") for");
        work.kind = FET_SIM_WORK_FALLBACK;
    } else if (work.precision == FET_SIM_N_PRECISIONS) {
        return unsupported(machine, key, "does not have the precision of");
    }
    work.residuals = (key->flags & (FET_KERNEL_ADD | FET_KERNEL_ADD_AFTER)) ? 1 : 0;
    work.bits = work.precision < FET_SIM_N_PRECISIONS ? bits[work.precision] : 32;
    /* From one precision to another every number passes in the wider one. */
    fet_sim_precision crossed = fet_sim_precision_of(machine, fet_kernel_cast_source(key));
    if (crossed < FET_SIM_N_PRECISIONS && bits[crossed] > work.bits) work.bits = bits[crossed];
    work.macs = known ? (double)fet_kernel_key_macs(key) : 0;
    *out_work = work;
    return FET_OK;
}
