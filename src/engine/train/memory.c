// SPDX-License-Identifier: Apache-2.0
/* What a trainer owns: heap buffers, oneDNN primitives and memories; and the physical form of its values. */
#include "engine/train/kernels.h"
#include "engine/train/train.h"

#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

fet_status fet_train_alloc(fet_trainer *trainer, size_t bytes, const char *what, void *out_pointer)
{
    FET_TRY(fet_grow(&trainer->buffers, &trainer->capacity_buffers, trainer->n_buffers + 1, sizeof *trainer->buffers));
    bool large = bytes >= (size_t)HUGE_PAGE / 2;
    if (large) bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE; /* no small pages at the end */
    void *data = fet_aligned_malloc(large ? HUGE_PAGE : ALIGNMENT, bytes);
    if (!data) return fet_fail(FET_ERROR_NOMEM, "no memory for %s of a training (%zu bytes)", what, bytes);
#ifdef MADV_HUGEPAGE
    /* A third more bandwidth; where the kernel does not want to, nothing is lost. */
    if (large) (void)madvise(data, bytes, MADV_HUGEPAGE);
#endif
    memset(data, 0, bytes);
    trainer->buffers[trainer->n_buffers++] = data;
    memcpy(out_pointer, &data, sizeof data);
    return FET_OK;
}

fet_status fet_train_room(fet_trainer *trainer, size_t bytes)
{
    if (bytes <= trainer->room_bytes) return FET_OK;
    FET_TRY(fet_train_alloc(trainer, bytes, "working space", &trainer->room)); /* the smaller one lives on until the end */
    trainer->room_bytes = bytes;
    return FET_OK;
}

void *fet_train_state(fet_trainer *trainer, size_t bytes)
{
    return fet_arena_zalloc(trainer->arena, 1, bytes);
}

fet_status fet_train_describe(const fet_trainer *trainer, const_dnnl_op_desc_t desc, const_dnnl_primitive_desc_t hint, const char *what,
                              dnnl_primitive_desc_t *out_descriptor)
{
    dnnl_primitive_attr_t attr = NULL;
    FET_DNNL_TRY(dnnl_primitive_attr_create(&attr), "create attributes");
    dnnl_status_t status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success) status = dnnl_primitive_desc_create(out_descriptor, desc, attr, trainer->engine, hint);
    dnnl_primitive_attr_destroy(attr);
    return fet_engine_check(status, what);
}

fet_status fet_train_execute(const fet_trainer *trainer, dnnl_primitive_t primitive, const dnnl_exec_arg_t *args, int n_args)
{
    dnnl_exec_arg_t all[FET_TRAIN_ARGS + 1];
    memcpy(all, args, (size_t)n_args * sizeof *args);
    all[n_args] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, trainer->workspace};
    FET_DNNL_TRY(dnnl_primitive_execute(primitive, trainer->stream, n_args + 1, all), "run a primitive");
    return FET_OK;
}

fet_status fet_train_point(dnnl_memory_t memory, void *data)
{
    FET_DNNL_TRY(dnnl_memory_set_data_handle(memory, data), "point a memory at its data");
    return FET_OK;
}

static fet_status keep_primitive(fet_trainer *trainer, dnnl_primitive_desc_t descriptor, const char *name, bool depthwise,
                                 dnnl_primitive_t *out_primitive)
{
    const char *implementation = fet_engine_implementation(descriptor);
    FET_TRY(fet_engine_refuse_fallback(implementation, name, depthwise));
    FET_TRY(fet_grow(&trainer->primitives, &trainer->capacity_primitives, trainer->n_primitives + 1, sizeof *trainer->primitives));
    FET_TRY(fet_grow(&trainer->implementations, &trainer->capacity_implementations, trainer->n_primitives + 1,
                     sizeof *trainer->implementations));
    const char *text = fet_arena_printf(trainer->arena, "%s %s", name, implementation);
    if (!text) return fet_arena_full();
    dnnl_primitive_t primitive = NULL;
    FET_DNNL_TRY(dnnl_primitive_create(&primitive, descriptor), name);
    const dnnl_memory_desc_t *scratchpad = dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    size_t bytes = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
    if (bytes > trainer->workspace_bytes) trainer->workspace_bytes = bytes;
    trainer->implementations[trainer->n_primitives] = text;
    trainer->primitives[trainer->n_primitives++] = primitive;
    *out_primitive = primitive;
    return FET_OK;
}

fet_status fet_train_primitive(fet_trainer *trainer, dnnl_primitive_desc_t descriptor, const char *name, bool depthwise,
                               dnnl_primitive_t *out_primitive)
{
    fet_status status = keep_primitive(trainer, descriptor, name, depthwise, out_primitive);
    dnnl_primitive_desc_destroy(descriptor);
    return status;
}

fet_status fet_train_memory(fet_trainer *trainer, const dnnl_memory_desc_t *desc, void *data, dnnl_memory_t *out_memory)
{
    FET_TRY(fet_grow(&trainer->memories, &trainer->capacity_memories, trainer->n_memories + 1, sizeof *trainer->memories));
    dnnl_memory_t memory = NULL;
    FET_DNNL_TRY(dnnl_memory_create(&memory, desc, trainer->engine, data ? data : DNNL_MEMORY_NONE), "create a memory");
    trainer->memories[trainer->n_memories++] = memory;
    *out_memory = memory;
    return FET_OK;
}

fet_status fet_train_desc(const fet_trainer *trainer, fet_id value, int64_t count, dnnl_memory_desc_t *out_desc)
{
    const fet_train_value *v = &trainer->values[value];
    dnnl_dims_t dims = {0};
    for (uint32_t a = 0; a < v->shape.rank; a++) dims[a] = v->shape.dim[a];
    dims[0] = count;
    if (v->shape.rank > 1) dims[1] = fet_train_channels(trainer, value);
    static const dnnl_format_tag_t plain[] = {dnnl_format_tag_undef, dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd, dnnl_abcde, dnnl_abcdef};
    if (v->shape.rank >= sizeof plain / sizeof *plain)
        return fet_fail(FET_ERROR_UNSUPPORTED, "value \"%s\" has %u dimensions", trainer->graph->values[value].name, v->shape.rank);
    dnnl_format_tag_t tag = plain[v->shape.rank];
    if (v->layout == FET_TRAIN_NHWC) tag = dnnl_nhwc;
    if (v->layout == FET_TRAIN_BLOCKED) tag = trainer->block == 16 ? dnnl_nChw16c : dnnl_nChw8c;
    FET_DNNL_TRY(dnnl_memory_desc_init_by_tag(out_desc, (int)v->shape.rank, dims, fet_train_dnnl_type(v->dtype), tag), "describe a value");
    return FET_OK;
}

void *fet_train_diff_begin(const fet_trainer *trainer, const fet_train_step *step, uint32_t input, const fet_train_range *range)
{
    return step->accumulate[input] ? trainer->temporary[input & 1] : fet_train_diff(trainer, step->inputs[input], range);
}

void fet_train_diff_end(const fet_trainer *trainer, const fet_train_step *step, uint32_t input, const fet_train_range *range)
{
    if (!step->accumulate[input]) return;
    const fet_train_value *v = &trainer->values[step->inputs[input]];
    void *diff = fet_train_diff(trainer, step->inputs[input], range);
    fet_train_simd_get()->add(v->dtype, range->count * v->items, diff, trainer->temporary[input & 1], diff);
}
