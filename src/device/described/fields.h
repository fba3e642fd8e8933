// SPDX-License-Identifier: Apache-2.0
/*
 * Every number of a device file, once: F(section, key, kind, member of fet_sim_machine, default, lowest, highest). From it follow the
 * file's schema, its reading, and `--sweep section.key=...`. A default of NAN means the field must be there. Kinds: REAL, WHOLE, BOOL,
 * BYTES (a unit may follow: 512 KiB), HZ (500 MHz).
 */
#ifndef FET_DEVICE_DESCRIBED_FIELDS_H
#define FET_DEVICE_DESCRIBED_FIELDS_H

#define FET_DEVICE_TOP(F)                                                                                                                  \
    F(top, clock, HZ, clock_hz, NAN, 1e3, 1e11)                                                                                            \
    F(top, command_cycles, REAL, command_cycles, 0, 0, 1e9)                                                                                \
    F(top, fallback_cycles_per_byte, REAL, fallback_cycles_per_byte, 0, 0, 1e6)

#define FET_DEVICE_ARRAY(F)                                                                                                                \
    F(array, systolic, BOOL, systolic, 0, 0, 1)                                                                                            \
    F(array, accumulators, WHOLE, accumulators, 32, 1, 1048576)

#define FET_DEVICE_UNIT(F, precision, index)                                                                                               \
    F(precision, out, WHOLE, array[index].out, 0, 1, 65536)                                                                                \
    F(precision, in, WHOLE, array[index].in, 0, 1, 65536)                                                                                  \
    F(precision, pixels, WHOLE, array[index].pixels, 0, 1, 65536)

#define FET_DEVICE_BLOCKS(F)                                                                                                               \
    F(blocks, ublock_w, WHOLE, blocks.ublock_w, 0, 1, 64)                                                                                  \
    F(blocks, ublock_h, WHOLE, blocks.ublock_h, 0, 1, 32)                                                                                  \
    F(blocks, ublock_d, WHOLE, blocks.ublock_d, 0, 1, 128)                                                                                 \
    F(blocks, ifm_ublock_d, WHOLE, blocks.ifm_ublock_d, 8, 1, 32)                                                                          \
    F(blocks, cores, WHOLE, blocks.cores, 1, 1, 64)                                                                                        \
    F(blocks, shram_banks, WHOLE, blocks.shram_banks, 0, 8, 65536)                                                                         \
    F(blocks, ifm_granule, WHOLE, blocks.ifm_granule, 8, 1, 1024)                                                                          \
    F(blocks, acc_granule, WHOLE, blocks.acc_granule, 16, 1, 1024)                                                                         \
    F(blocks, out_mul, REAL, blocks.out_mul, 0, 0, 1e3)                                                                                    \
    F(blocks, out_add, REAL, blocks.out_add, 0, 0, 1e3)                                                                                    \
    F(blocks, out_max, REAL, blocks.out_max, 0, 0, 1e3)                                                                                    \
    F(blocks, out_other, REAL, blocks.out_other, 0, 0, 1e3)                                                                                \
    F(blocks, act_clamp, REAL, blocks.act_clamp, 0, 0, 1e3)                                                                                \
    F(blocks, act_table, REAL, blocks.act_table, 0, 0, 1e3)

#define FET_DEVICE_VECTOR(F)                                                                                                               \
    F(vector, lanes, REAL, vector_lanes, 16, 1e-3, 1e6)                                                                                    \
    F(vector, table_slowdown, REAL, table_slowdown, 4, 1, 1e4)

#define FET_DEVICE_SRAM(F)                                                                                                                 \
    F(sram, size, BYTES, sram_bytes, NAN, 1024, 1e12)                                                                                      \
    F(sram, bytes_per_cycle, REAL, sram.bytes_per_cycle, NAN, 1e-3, 1e6)                                                                   \
    F(sram, burst, REAL, sram.burst_bytes, 32, 1, 65536)                                                                                   \
    F(sram, read_latency, REAL, sram.read_latency, 0, 0, 1e6)                                                                              \
    F(sram, write_latency, REAL, sram.write_latency, 0, 0, 1e6)                                                                            \
    F(sram, input_share, REAL, sram_split[0], 0, 0, 1)                                                                                     \
    F(sram, weight_share, REAL, sram_split[1], 0, 0, 1)                                                                                    \
    F(sram, output_share, REAL, sram_split[2], 0, 0, 1)

#define FET_DEVICE_EXTERNAL(F)                                                                                                             \
    F(external, bytes_per_cycle, REAL, external.bytes_per_cycle, NAN, 1e-6, 1e6)                                                           \
    F(external, burst, REAL, external.burst_bytes, 64, 1, 65536)                                                                           \
    F(external, read_latency, REAL, external.read_latency, 100, 0, 1e6)                                                                    \
    F(external, write_latency, REAL, external.write_latency, 100, 0, 1e6)                                                                  \
    F(external, maps, BOOL, maps_external, 1, 0, 1)

#define FET_DEVICE_MEMORY(F)                                                                                                               \
    F(memory, channel_rounding, WHOLE, channel_rounding, 1, 1, 4096)                                                                       \
    F(memory, weight_compression, REAL, weight_compression, 1, 0.01, 4)                                                                    \
    F(memory, cascade, BOOL, cascade, 0, 0, 1)

#define FET_DEVICE_ENERGY(F)                                                                                                               \
    F(energy, int8_pj, REAL, pj_per_mac[FET_SIM_INT8], 0, 0, 1e6)                                                                          \
    F(energy, int16_pj, REAL, pj_per_mac[FET_SIM_INT16], 0, 0, 1e6)                                                                        \
    F(energy, fp16_pj, REAL, pj_per_mac[FET_SIM_FP16], 0, 0, 1e6)                                                                          \
    F(energy, bf16_pj, REAL, pj_per_mac[FET_SIM_BF16], 0, 0, 1e6)                                                                          \
    F(energy, vector_pj, REAL, pj_per_vector_op, 0, 0, 1e6)                                                                                \
    F(energy, sram_pj_per_byte, REAL, pj_per_sram_byte, 0, 0, 1e6)                                                                         \
    F(energy, external_pj_per_byte, REAL, pj_per_external_byte, 0, 0, 1e6)                                                                 \
    F(energy, static_mw, REAL, static_mw, 0, 0, 1e9)

#define FET_DEVICE_FUSION(F)                                                                                                               \
    F(fusion, batch_norm, BOOL, fusion.batch_norm, 1, 0, 1)                                                                                \
    F(fusion, add, BOOL, fusion.add, 0, 0, 1)                                                                                              \
    F(fusion, activation_after_add, BOOL, fusion.activation_after_add, 0, 0, 1)                                                            \
    F(fusion, add_after_activation, BOOL, fusion.add_after_activation, 0, 0, 1)                                                            \
    F(fusion, activation_after_pool, BOOL, fusion.activation_after_pool, 0, 0, 1)

#endif
