// SPDX-License-Identifier: Apache-2.0
#include "device/host/target.h"

#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

/*
 * Parallelism factors, output / input channels: the width of the unit that computes them, so a layer costs as if its channels were rounded
 * up to it. AMX multiplies 16 x 16 tiles with 64-byte rows (64 int8, 32 bf16); VNNI adds up 4 bytes in each of 16 lanes; f32 has no
 * grouping of inputs. A search finds them by a staircase over channels (device/parallelism.h); this is the one place where they are stated,
 * for what a staircase cannot tell.
 */
static const struct {
    const char *name, *isa;
    fet_parallelism s8, bf16, f32; /* 0, 0: not on this instruction set */
} isas[] = {
    {"amx", "AVX512_CORE_AMX", {16, 64}, {16, 32}, {16, 1}},
    {"avx512_bf16", "AVX512_CORE_BF16", {16, 4}, {16, 2}, {16, 1}},
    {"avx512_vnni", "AVX512_CORE_VNNI", {16, 4}, {16, 2}, {16, 1}},
    {"avx512", "AVX512_CORE", {16, 4}, {16, 2}, {16, 1}},
    {"avx2_vnni", "AVX2_VNNI", {8, 4}, {0, 0}, {8, 1}},
    {"avx2", "AVX2", {8, 4}, {0, 0}, {8, 1}},
    /* Another architecture: oneDNN runs, we know nothing about its units. */
    {"other", "OTHER", {1, 1}, {1, 1}, {1, 1}},
};
enum { N_ISAS = sizeof isas / sizeof *isas };

fet_status fet_host_target_find(const fet_device_options *options, fet_host_target *out_target)
{
    bool by_itself = !options->isa || strcmp(options->isa, "auto") == 0;
    const char *wanted = by_itself ? fet_engine_isa_name() : options->isa;
    int found = -1;
    for (int i = 0; i < N_ISAS && found < 0; i++)
        if (strcmp(by_itself ? isas[i].isa : isas[i].name, wanted) == 0) found = i;
    if (found < 0 && !by_itself)
        return fet_fail(FET_ERROR_ARG,
                        "\"%s\" is no instruction set: expected amx, avx512_bf16, avx512_vnni, avx512, avx2_vnni, avx2 or auto",
                        options->isa);
    if (found < 0) found = N_ISAS - 1;
    fet_dtype precision = options->precision;
    fet_host_target target = {.precision = precision, .isa = isas[found].isa};
    target.parallelism = precision == FET_DTYPE_S8     ? isas[found].s8
                         : precision == FET_DTYPE_BF16 ? isas[found].bf16
                         : precision == FET_DTYPE_F32  ? isas[found].f32
                                                       : (fet_parallelism){0, 0};
    if (target.parallelism.out_channels == 0)
        return fet_fail(FET_ERROR_UNSUPPORTED, "the host does not compute in %s on %s: expected %s", fet_dtype_name(precision),
                        isas[found].isa, isas[found].bf16.out_channels ? "s8, bf16 or f32" : "s8 or f32");
    *out_target = target;
    return FET_OK;
}

/* The "model name" of the first processor, or what an ARM kernel says instead. */
static void cpu_name(char *name, size_t bytes)
{
    static const char *const keys[] = {"model name", "CPU part"};
    char line[512];
    snprintf(name, bytes, "unknown processor");
    for (int k = 0; k < 2; k++) {
        FILE *file = fopen("/proc/cpuinfo", "re");
        if (!file) return;
        bool found = false;
        while (!found && fgets(line, sizeof line, file)) {
            const char *colon = strchr(line, ':');
            if (strncmp(line, keys[k], strlen(keys[k])) != 0 || !colon || strlen(colon) < 3) continue;
            snprintf(name, bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            found = true;
        }
        fclose(file);
        if (found) return;
    }
}

const char *fet_host_target_print(const fet_host_target *target, char *text, size_t bytes)
{
    char cpu[256];
    const dnnl_version_t *version = dnnl_version();
    cpu_name(cpu, sizeof cpu);
    snprintf(text, bytes, "host %s %s, %s, oneDNN %d.%d.%d", fet_dtype_name(target->precision), target->isa, cpu, version->major,
             version->minor, version->patch);
    return text;
}
