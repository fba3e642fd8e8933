// SPDX-License-Identifier: Apache-2.0
/* What holds for every machine: names, peaks, ranges, and which compute model makes its plans. */
#include "device/simulate/internal.h"

const char *fet_sim_bound_name(fet_sim_bound bound)
{
    static const char *const names[] = {"compute", "sram", "external", "command"};
    return names[bound];
}

const char *fet_sim_precision_name(fet_sim_precision precision)
{
    static const char *const names[] = {"int8", "int16", "fp16", "bf16"};
    return precision < FET_SIM_N_PRECISIONS ? names[precision] : "f32";
}

fet_sim_precision fet_sim_precision_of(const fet_sim_machine *machine, fet_dtype precision)
{
    fet_sim_precision p = FET_SIM_N_PRECISIONS;
    if (precision == FET_DTYPE_S8 || precision == FET_DTYPE_U8) p = FET_SIM_INT8;
    if (precision == FET_DTYPE_F16) p = FET_SIM_FP16;
    if (precision == FET_DTYPE_BF16) p = FET_SIM_BF16;
    return p < FET_SIM_N_PRECISIONS && machine->array[p].out > 0 ? p : FET_SIM_N_PRECISIONS;
}

double fet_sim_peak(const fet_sim_machine *machine, fet_sim_precision precision)
{
    const fet_sim_parallelism *a = &machine->array[precision];
    return (double)a->out * a->in * a->pixels;
}

static fet_status check_positive(const fet_sim_machine *machine, const char *field, double value)
{
    if (value > 0 && value < 1e15) return FET_OK;
    return fet_fail(FET_ERROR_ARG, "device %s: %s is %g: expected more than 0", machine->name, field, value);
}

fet_status fet_sim_machine_check(const fet_sim_machine *machine)
{
    const struct {
        const char *field;
        double value;
    } fields[] = {
        {"clock", machine->clock_hz},
        {"sram.size", (double)machine->sram_bytes},
        {"sram.bytes_per_cycle", machine->sram.bytes_per_cycle},
        {"external.bytes_per_cycle", machine->external.bytes_per_cycle},
        {"sram.burst", machine->sram.burst_bytes},
        {"external.burst", machine->external.burst_bytes},
        {"array.accumulators", machine->accumulators},
        {"vector.lanes", machine->vector_lanes},
        {"vector.table_slowdown", machine->table_slowdown},
        {"memory.channel_rounding", machine->channel_rounding},
        {"memory.weight_compression", machine->weight_compression},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) FET_TRY(check_positive(machine, fields[i].field, fields[i].value));
    double units = 0;
    for (uint32_t p = 0; p < FET_SIM_N_PRECISIONS; p++) {
        const fet_sim_parallelism *a = &machine->array[p];
        if ((a->out == 0) != (a->in == 0) || (a->out == 0) != (a->pixels == 0))
            return fet_fail(FET_ERROR_ARG, "device %s: array.%s: expected out, in and pixels, all of them", machine->name,
                            fet_sim_precision_name((fet_sim_precision)p));
        units += fet_sim_peak(machine, (fet_sim_precision)p);
    }
    FET_TRY(check_positive(machine, "MACs a cycle of all precisions together", units));
    if (machine->dataflow != FET_SIM_BLOCKS) return FET_OK;
    const fet_sim_blocks *b = &machine->blocks;
    const uint32_t counts[] = {b->ublock_w,     b->ublock_h, b->ublock_d,    b->ifm_ublock_w, b->ifm_ublock_h,
                               b->ifm_ublock_d, b->cores,    b->shram_banks, b->ifm_granule,  b->acc_granule};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) FET_TRY(check_positive(machine, "a number of \"blocks\"", counts[i]));
    return FET_OK;
}

fet_status fet_sim_plan_make(const fet_sim_machine *machine, const fet_kernel_key *key, fet_sim_work *out_work, fet_sim_plan *out_plan)
{
    FET_TRY(fet_sim_work_of_key(machine, key, out_work));
    if (machine->dataflow == FET_SIM_BLOCKS && out_work->kind != FET_SIM_WORK_FALLBACK) fet_sim_plan_blocks(machine, out_work, out_plan);
    else fet_sim_plan_array(machine, out_work, out_plan);
    return FET_OK;
}
