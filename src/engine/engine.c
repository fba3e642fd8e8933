// SPDX-License-Identifier: Apache-2.0
/*
 * The one oneDNN engine and stream of a process. oneDNN fixes its instruction set at the first call that asks for it, so a limit must be
 * set before; that is why the engine is made lazily and remembered here, the only state of a process besides the error record.
 */
#include "engine/engine.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* AMX convolutions hold 0.8 to 1.4 MB each; oneDNN's default of 1024 cached primitives would be a gigabyte in a long search. */
enum { PRIMITIVE_CACHE_CAPACITY = 128 };

static dnnl_engine_t the_engine;
static dnnl_stream_t the_stream;

static const struct {
    dnnl_cpu_isa_t isa;
    const char *name;
    bool amx, vnni, avx512;
} isas[] = {
    {dnnl_cpu_isa_sse41, "SSE41", false, false, false},
    {dnnl_cpu_isa_avx, "AVX", false, false, false},
    {dnnl_cpu_isa_avx2, "AVX2", false, false, false},
    {dnnl_cpu_isa_avx2_vnni, "AVX2_VNNI", false, true, false},
    {dnnl_cpu_isa_avx512_mic, "AVX512_MIC", false, false, true},
    {dnnl_cpu_isa_avx512_mic_4ops, "AVX512_MIC_4OPS", false, false, true},
    {dnnl_cpu_isa_avx512_core, "AVX512_CORE", false, false, true},
    {dnnl_cpu_isa_avx512_core_vnni, "AVX512_CORE_VNNI", false, true, true},
    {dnnl_cpu_isa_avx512_core_bf16, "AVX512_CORE_BF16", false, true, true},
    {dnnl_cpu_isa_avx512_core_amx, "AVX512_CORE_AMX", true, true, true},
};
enum { N_ISAS = sizeof isas / sizeof *isas };

static const struct {
    const char *name;
    dnnl_cpu_isa_t isa;
} limits[] = {
    {"amx", dnnl_cpu_isa_avx512_core_amx},
    {"avx512_bf16", dnnl_cpu_isa_avx512_core_bf16},
    {"avx512_vnni", dnnl_cpu_isa_avx512_core_vnni},
    {"avx512", dnnl_cpu_isa_avx512_core},
    {"avx2_vnni", dnnl_cpu_isa_avx2_vnni},
    {"avx2", dnnl_cpu_isa_avx2},
    {"all", dnnl_cpu_isa_all},
};

#ifdef __has_feature
#define FET_HAS_FEATURE(x) __has_feature(x)
#else
#define FET_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || FET_HAS_FEATURE(address_sanitizer)
/*
 * While it generates an AMX convolution, oneDNN 2.6.3 reads one element behind the end of a vector (the number is not used). With
 * AddressSanitizer's allocator that place may be unmapped, so there AMX is used only when it is asked for.
 */
__attribute__((constructor)) static void avoid_amx(void)
{
    setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", 0);
}
#endif

/* Index into isas of what oneDNN uses; -1 for one we have no line for (another architecture, a newer oneDNN). */
static int effective(void)
{
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    for (int i = 0; i < N_ISAS; i++)
        if (isas[i].isa == isa) return i;
    return -1;
}

const char *fet_engine_isa_name(void)
{
    int i = effective();
    return i < 0 ? "OTHER" : isas[i].name;
}

bool fet_engine_has_amx(void)
{
    int i = effective();
    return i >= 0 && isas[i].amx;
}

bool fet_engine_has_vnni(void)
{
    int i = effective();
    return i >= 0 && isas[i].vnni;
}

int fet_engine_channel_block(void)
{
    int i = effective();
    return i >= 0 && isas[i].avx512 ? 16 : 8;
}

bool fet_engine_has_bf16(void)
{
    return fet_engine_channel_block() == 16;
}

/*
 * AMD's cores do a dot product of bf16 pairs as fast as an f32 multiply-add, so in twice the numbers; Intel's off the tiles take four times
 * as long over it (ADR 8). Nothing that is timed may decide this: it changes results.
 */
static bool has_quick_bf16_pairs(void)
{
#if defined(__x86_64__)
    int i = effective();
    return i >= 0 && isas[i].isa == dnnl_cpu_isa_avx512_core_bf16 && __builtin_cpu_is("amd");
#else
    return false;
#endif
}

fet_dtype fet_engine_training_dtype(void)
{
    return fet_engine_has_amx() || has_quick_bf16_pairs() ? FET_DTYPE_BF16 : FET_DTYPE_F32;
}

fet_status fet_engine_limit_isa(const char *name)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (strcmp(limits[i].name, name) != 0) continue;
        if (dnnl_set_max_cpu_isa(limits[i].isa) == dnnl_success) return FET_OK;
        return fet_fail(FET_ERROR_STATE, "instruction set \"%s\": oneDNN was used already in this process, a limit must be set before",
                        name);
    }
    return fet_fail(FET_ERROR_ARG, "\"%s\" is no instruction set: expected amx, avx512_bf16, avx512_vnni, avx512, avx2_vnni, avx2 or all",
                    name);
}

static const char *status_text(dnnl_status_t status)
{
    switch (status) {
    case dnnl_success: return "success";
    case dnnl_out_of_memory: return "out of memory";
    case dnnl_invalid_arguments: return "invalid arguments";
    case dnnl_unimplemented: return "unimplemented";
    case dnnl_iterator_ends: return "no further implementation";
    case dnnl_runtime_error: return "runtime error";
    case dnnl_not_required: return "not required";
    }
    return "unknown status";
}

fet_status fet_engine_check(dnnl_status_t status, const char *doing)
{
    if (status == dnnl_success) return FET_OK;
    fet_status code = status == dnnl_out_of_memory       ? FET_ERROR_NOMEM
                      : status == dnnl_unimplemented     ? FET_ERROR_UNSUPPORTED
                      : status == dnnl_iterator_ends     ? FET_ERROR_UNSUPPORTED
                      : status == dnnl_invalid_arguments ? FET_ERROR_ARG
                                                         : FET_ERROR_STATE;
    return fet_fail(code, "oneDNN could not %s: %s", doing, status_text(status));
}

/*
 * One thread, unless the user says otherwise: two processes of one thread do more than one of two, one thread is bit-reproducible, and
 * oneDNN's threads spin while they wait for each other, which beside another busy process makes it tens of times slower. OpenMP comes with
 * oneDNN, we do not link it ourselves.
 */
static void limit_threads(void)
{
    if (getenv("OMP_NUM_THREADS")) return;
    void *symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    void (*set_num_threads)(int) = NULL;
    memcpy(&set_num_threads, &symbol, sizeof symbol); /* ISO C has no cast from data to function pointers */
    if (set_num_threads) set_num_threads(1);
}

fet_status fet_engine_get(dnnl_engine_t *out_engine, dnnl_stream_t *out_stream)
{
    if (!the_stream) {
        limit_threads();
        dnnl_engine_t engine = the_engine;
        if (!engine) FET_DNNL_TRY(dnnl_engine_create(&engine, dnnl_cpu, 0), "create a CPU engine");
        the_engine = engine;
        FET_DNNL_TRY(dnnl_set_primitive_cache_capacity(PRIMITIVE_CACHE_CAPACITY), "set the capacity of its primitive cache");
        FET_DNNL_TRY(dnnl_stream_create(&the_stream, the_engine, dnnl_stream_default_flags), "create a stream");
    }
    *out_engine = the_engine;
    if (out_stream) *out_stream = the_stream;
    return FET_OK;
}

const char *fet_engine_implementation(const_dnnl_primitive_desc_t descriptor)
{
    const char *text = NULL;
    if (dnnl_primitive_desc_query(descriptor, dnnl_query_impl_info_str, 0, &text) != dnnl_success || !text) return "unknown";
    return text;
}

/* "ref:any", "ref_int8:any" and friends; plain loops for nhwc batch norm; im2col + gemm of one channel at a time for depthwise. */
bool fet_engine_is_fallback(const char *implementation, bool depthwise)
{
    if (strncmp(implementation, "ref", 3) == 0) return true;
    if (strncmp(implementation, "nspc_bnorm", 10) == 0) return true;
    return depthwise && strstr(implementation, "gemm") && !strstr(implementation, "brgemm");
}

fet_status fet_engine_refuse_fallback(const char *implementation, const char *primitive, bool depthwise)
{
    if (!fet_engine_is_fallback(implementation, depthwise)) return FET_OK;
    return fet_fail(FET_ERROR_STATE, "%s: oneDNN chose the slow implementation \"%s\" on %s", primitive, implementation,
                    fet_engine_isa_name());
}
