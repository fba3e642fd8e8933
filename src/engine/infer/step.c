// SPDX-License-Identifier: Apache-2.0
#include "engine/infer/build.h"

#include <string.h>

typedef fet_status (*builder)(const fet_step_spec *, fet_step *);

/* By anchor; a plain kernel, whatever its operator, goes to build_plain. */
static builder builder_of(const fet_kernel_key *key)
{
    bool plain = key->flags & FET_KERNEL_PLAIN_SRC && key->op != FET_OP_CAST;
    if (plain) return fet_step_build_plain;
    switch ((fet_op_kind)key->op) {
    case FET_OP_CONV: return fet_step_build_conv;
    case FET_OP_CONV_TRANSPOSE: return fet_step_build_deconv;
    case FET_OP_GEMM:
    case FET_OP_MATMUL: return fet_step_build_gemm;
    case FET_OP_BATCH_NORMALIZATION: return fet_step_build_scale;
    case FET_OP_ADD:
    case FET_OP_SUB:
    case FET_OP_MUL:
    case FET_OP_DIV: return key->flags & FET_KERNEL_CONST ? fet_step_build_scale : fet_step_build_binary;
    case FET_OP_MAX_POOL:
    case FET_OP_AVERAGE_POOL: return fet_step_build_pool;
    case FET_OP_GLOBAL_AVERAGE_POOL:
    case FET_OP_GLOBAL_MAX_POOL: return fet_step_build_global;
    case FET_OP_CONCAT: return fet_step_build_concat;
    case FET_OP_RESIZE: return fet_step_build_resize;
    case FET_OP_PRELU: return fet_step_build_prelu;
    case FET_OP_PAD: return fet_step_build_pad;
    case FET_OP_TRANSPOSE:
    case FET_OP_SLICE: return fet_step_build_channels;
    case FET_OP_CAST: return fet_step_build_cast;
    default: return key->activation ? fet_step_build_activation : fet_step_build_plain;
    }
}

fet_status fet_step_create(const fet_step_spec *spec, fet_step **out_step)
{
    fet_auto(fet_step) step = NULL;
    dnnl_engine_t engine;
    FET_TRY(fet_alloc_zeroed(1, sizeof *step, "an executor step", &step));
    FET_TRY(fet_engine_get(&engine, &step->stream));
    bool residual = spec->key->flags & FET_KERNEL_ADD;
    if (spec->key->flags & FET_KERNEL_ADD_AFTER)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": an addition behind the activation is not fused here", spec->name);
    step->n_src = spec->n_src;
    step->n_operands = spec->n_src + spec->n_dst + (residual && !spec->residual_in_place);
    if (residual && !spec->residual_in_place) step->copy_bytes = fet_format_bytes(&spec->residual);
    FET_TRY(fet_alloc_zeroed(step->n_operands, sizeof *step->data, "operands of a step", &step->data));
    FET_TRY(fet_alloc_zeroed(step->n_operands, sizeof *step->memory, "operands of a step", &step->memory));
    FET_TRY(builder_of(spec->key)(spec, step));
    *out_step = fet_take(step);
    return FET_OK;
}

void fet_step_destroy(fet_step *step)
{
    if (!step) return;
    if (step->primitive) dnnl_primitive_destroy(step->primitive);
    for (uint32_t i = 0; step->memory && i < step->n_operands; i++)
        if (step->memory[i]) dnnl_memory_destroy(step->memory[i]);
    for (int i = 0; i < step->n_constants; i++) dnnl_memory_destroy(step->constants[i]);
    if (step->scratch) dnnl_memory_destroy(step->scratch);
    fet_free(step->memory);
    fet_free(step->data);
    fet_free(step->state);
    fet_free(step->implementation_text);
    fet_free(step);
}

fet_status fet_step_bind(fet_step *step, uint32_t operand, void *data)
{
    step->data[operand] = data;
    if (!step->memory[operand]) return FET_OK;
    return fet_engine_check(dnnl_memory_set_data_handle(step->memory[operand], data), "bind a buffer");
}

size_t fet_step_scratch_bytes(const fet_step *step)
{
    return step->scratch_bytes;
}

fet_status fet_step_bind_scratch(fet_step *step, void *scratch)
{
    if (!step->scratch) return FET_OK;
    return fet_engine_check(dnnl_memory_set_data_handle(step->scratch, scratch), "bind a scratchpad");
}

fet_status fet_step_add_to_bias(fet_step *step, const float *added, uint32_t n)
{
    float *bias = NULL;
    for (int a = 0; a < step->n_args; a++)
        if (step->args[a].arg == DNNL_ARG_BIAS)
            FET_DNNL_TRY(dnnl_memory_get_data_handle(step->args[a].memory, (void **)&bias), "find a bias");
    if (!bias) return fet_fail(FET_ERROR_STATE, "a step without a bias cannot be corrected");
    for (uint32_t o = 0; o < n; o++) bias[o] += added[o];
    return FET_OK;
}

fet_status fet_step_run(fet_step *step)
{
    if (step->copy_bytes) memcpy(step->data[step->n_src], step->data[step->n_src + 1], step->copy_bytes);
    if (step->own) {
        step->own(step);
        return FET_OK;
    }
    dnnl_status_t status = dnnl_primitive_execute(step->primitive, step->stream, step->n_args, step->args);
    return status == dnnl_success ? FET_OK : fet_engine_check(status, "run a kernel");
}

const char *fet_step_implementation(const fet_step *step)
{
    return step->implementation;
}

bool fet_step_is_own(const fet_step *step)
{
    return step->own != NULL;
}

fet_status fet_step_set_own(fet_step *step, void (*own)(const fet_step *), size_t state_bytes)
{
    if (state_bytes) FET_TRY(fet_alloc_zeroed(1, state_bytes, "the state of a step", &step->state));
    step->own = own;
    step->implementation = "own";
    return FET_OK;
}

fet_status fet_step_describe(const fet_step_spec *spec, const void *operation, const_dnnl_primitive_attr_t attr,
                             dnnl_primitive_desc_t *out_descriptor)
{
    dnnl_engine_t engine;
    FET_TRY(fet_engine_get(&engine, NULL));
    dnnl_status_t status = dnnl_primitive_desc_create(out_descriptor, operation, attr, engine, NULL);
    if (status == dnnl_success) return FET_OK;
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    return fet_note(fet_engine_check(status, "make this kernel on this instruction set"), "node \"%s\", %s", spec->name,
                    fet_kernel_key_print(spec->key, text, sizeof text));
}

static fet_status add_arg(fet_step *step, int arg, dnnl_memory_t memory)
{
    if (step->n_args == FET_STEP_MAX_ARGS) return fet_fail(FET_ERROR_LIMIT, "a step of more than %d arguments", FET_STEP_MAX_ARGS);
    step->args[step->n_args++] = (dnnl_exec_arg_t){.arg = arg, .memory = memory};
    return FET_OK;
}

fet_status fet_step_set_primitive(fet_step *step, const fet_step_spec *spec, const_dnnl_primitive_desc_t descriptor, bool depthwise)
{
    dnnl_engine_t engine;
    FET_TRY(fet_engine_get(&engine, NULL));
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    const char *implementation = fet_engine_implementation(descriptor);
    FET_TRY(fet_engine_refuse_fallback(implementation, fet_kernel_key_print(spec->key, text, sizeof text), depthwise));
    fet_free(step->implementation_text); /* of a form tried before that could not be made after all */
    step->implementation_text = NULL;
    FET_TRY(fet_strdup_checked(implementation, &step->implementation_text));
    step->implementation = step->implementation_text;
    FET_DNNL_TRY(dnnl_primitive_create(&step->primitive, descriptor), "create a primitive");
    const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    step->scratch_bytes = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
    if (step->scratch_bytes == 0) return FET_OK;
    FET_DNNL_TRY(dnnl_memory_create(&step->scratch, scratch, engine, DNNL_MEMORY_NONE), "describe a scratchpad");
    return add_arg(step, DNNL_ARG_SCRATCHPAD, step->scratch);
}

fet_status fet_step_add_operand(fet_step *step, uint32_t operand, int arg, const dnnl_memory_desc_t *desc)
{
    dnnl_engine_t engine;
    FET_TRY(fet_engine_get(&engine, NULL));
    if (!step->memory[operand])
        FET_DNNL_TRY(dnnl_memory_create(&step->memory[operand], desc, engine, DNNL_MEMORY_NONE), "describe an operand");
    return add_arg(step, arg, step->memory[operand]);
}

fet_status fet_step_add_constant(fet_step *step, int arg, const dnnl_memory_desc_t *given, const void *numbers,
                                 const dnnl_memory_desc_t *desc)
{
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    FET_TRY(fet_engine_get(&engine, &stream));
    dnnl_memory_t from = NULL, to = NULL;
    dnnl_primitive_desc_t descriptor = NULL;
    dnnl_primitive_t reorder = NULL;
    union {
        const void *in;
        void *out;
    } source = {.in = numbers}; /* oneDNN's handles are not const; it only reads this one */
    dnnl_status_t status = dnnl_memory_create(&to, desc, engine, DNNL_MEMORY_ALLOCATE);
    if (status == dnnl_success) step->constants[step->n_constants++] = to;
    if (status == dnnl_success) status = dnnl_memory_create(&from, given, engine, source.out);
    if (status == dnnl_success) status = dnnl_reorder_primitive_desc_create(&descriptor, given, engine, desc, engine, NULL);
    if (status == dnnl_success) status = dnnl_primitive_create(&reorder, descriptor);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    if (status == dnnl_success) status = dnnl_primitive_execute(reorder, stream, 2, args);
    if (status == dnnl_success) status = dnnl_stream_wait(stream);
    if (reorder) dnnl_primitive_destroy(reorder);
    if (descriptor) dnnl_primitive_desc_destroy(descriptor);
    if (from) dnnl_memory_destroy(from);
    FET_DNNL_TRY(status, "bring weights into its layout");
    return add_arg(step, arg, to);
}
