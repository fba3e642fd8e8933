// SPDX-License-Identifier: Apache-2.0
/*
 * Creating: copy the graph at its batch, split it into kernels, plan memory, build one step a kernel, bind everything that stays. Running
 * binds the caller's buffers where they changed, runs the steps and copies the few outputs that no step could write in place. Nothing is
 * allocated in a run.
 */
#include "engine/executor.h"

#include "engine/infer/calibration.h"
#include "engine/infer/numbers.h"
#include "engine/infer/plan.h"
#include "engine/infer/step.h"
#include "op/op.h"

#include <inttypes.h>
#include <string.h>

enum { BUFFER_ALIGNMENT = 64 };

/* An operand that is the caller's: bound again whenever the caller's pointer changes. */
typedef struct binding {
    uint32_t step, operand;
    uint32_t input, output; /* one of them */
} binding;

struct fet_executor {
    fet_graph *graph;
    fet_arena *arena; /* kernels, plan, names */
    fet_plan plan;
    fet_kernels kernels;
    fet_step **steps;
    const char **names; /* key texts */
    uint32_t n_steps;   /* built */
    unsigned char *activations;
    void *scratch;
    binding *bindings;
    uint32_t n_bindings;
    void **bound_inputs, **bound_outputs; /* what the bindings point to now */
    dnnl_stream_t stream;
};

fet_executor_options fet_executor_default_options(void)
{
    return (fet_executor_options){.precision = FET_DTYPE_F32, .batch = 1};
}

static fet_status check_options(const fet_executor_options *options)
{
    fet_dtype p = options->precision;
    if (p != FET_DTYPE_F32 && p != FET_DTYPE_BF16 && p != FET_DTYPE_S8)
        return fet_fail(FET_ERROR_ARG, "an executor of precision %s: expected f32, bf16 or s8", fet_dtype_name(p));
    if (options->batch < 1) return fet_fail(FET_ERROR_ARG, "an executor of batch %" PRId64 ": expected 1 or more", options->batch);
    if (p == FET_DTYPE_S8 && !options->calibration) return fet_fail(FET_ERROR_ARG, "an s8 executor needs a calibration");
    return FET_OK;
}

/* What the calibration found int8 to add to the means is taken off the bias. */
static fet_status correct_bias(const fet_executor *executor, const fet_kernel *kernel, fet_numbers *numbers)
{
    const char *name = executor->graph->values[executor->graph->nodes[kernel->anchor].outputs[0]].name;
    bool wanted = false;
    const float *shift = fet_calibration_shift(executor->plan.calibration, name, kernel->key.oc, &wanted);
    if (!wanted) return FET_OK;
    if (!numbers->bias) FET_TRY(fet_alloc_zeroed(kernel->key.oc, sizeof(float), "a bias", &numbers->bias));
    for (uint32_t o = 0; shift && o < kernel->key.oc; o++) numbers->bias[o] -= shift[o];
    return FET_OK;
}

/* The form of a spec that steps want: formats of sources in one list. */
static fet_status build_step(fet_executor *executor, const fet_plan_step *planned, fet_step **out_step)
{
    const fet_kernel *kernel = planned->kernel;
    fet_format *src = fet_arena_zalloc(executor->arena, planned->n_src, sizeof *src);
    if (!src) return fet_arena_full();
    for (uint32_t i = 0; i < planned->n_src; i++) src[i] = planned->operands[i].format;
    const fet_node *node = kernel->anchor == FET_NONE ? NULL : &executor->graph->nodes[kernel->anchor];
    fet_step_spec spec = {.key = &kernel->key,
                          .activation = kernel->activation,
                          .name = node ? node->name : executor->graph->values[kernel->src].name,
                          .src = src,
                          .n_src = planned->n_src,
                          .dst = planned->operands[planned->n_src].format,
                          .residual_in_place = planned->residual_in_place,
                          .n_dst = planned->n_dst,
                          .graph = executor->graph,
                          .node = node};
    if (planned->has_residual) spec.residual = planned->operands[planned->n_src + 1].format;
    fet_numbers numbers = {0};
    bool weighted = node && !(kernel->key.flags & FET_KERNEL_PLAIN_SRC) &&
                    (kernel->key.op == FET_OP_CONV || kernel->key.op == FET_OP_CONV_TRANSPOSE || kernel->key.op == FET_OP_GEMM ||
                     kernel->key.op == FET_OP_MATMUL || kernel->key.flags & FET_KERNEL_CONST);
    if (weighted) FET_TRY(fet_numbers_fold(executor->graph, kernel, &numbers));
    fet_status status = weighted && fet_kernel_is_correctable(kernel) ? correct_bias(executor, kernel, &numbers) : FET_OK;
    spec.weights = numbers.weights;
    spec.bias = numbers.bias;
    if (status == FET_OK) status = fet_step_create(&spec, out_step);
    fet_numbers_free(&numbers);
    return status;
}

/* Where an operand's memory is, if it is not the caller's. */
static void *memory_of(const fet_executor *executor, const fet_operand *operand)
{
    if (operand->slot == FET_SLOT_NONE) {
        union {
            const void *in;
            void *out;
        } constant = {.in = operand->constant};
        return constant.out;
    }
    /* A slot of an operand is one of the plan's, so there are some. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    return executor->activations + executor->plan.slots[fet_plan_memory(&executor->plan, operand->slot)].offset;
}

static fet_status bind_step(fet_executor *executor, uint32_t at)
{
    const fet_plan_step *planned = &executor->plan.steps[at];
    uint32_t n = planned->n_src + planned->n_dst + (planned->has_residual && !planned->residual_in_place);
    for (uint32_t i = 0; i < n; i++) {
        const fet_operand *operand = &planned->operands[i];
        const fet_slot *slot =
            operand->slot == FET_SLOT_NONE ? NULL : &executor->plan.slots[fet_plan_memory(&executor->plan, operand->slot)];
        if (slot && (slot->input != FET_SLOT_NONE || slot->output != FET_SLOT_NONE)) {
            executor->bindings[executor->n_bindings++] = (binding){at, i, slot->input, slot->output};
            continue;
        }
        FET_TRY(fet_step_bind(executor->steps[at], i, memory_of(executor, operand)));
    }
    return fet_step_bind_scratch(executor->steps[at], executor->scratch);
}

static fet_status aligned(size_t bytes, const char *what, void *out_pointer)
{
    void *pointer = fet_aligned_malloc(BUFFER_ALIGNMENT, bytes);
    if (!pointer) return fet_fail(FET_ERROR_NOMEM, "no memory for %s (%zu bytes)", what, bytes);
    memset(pointer, 0, bytes);
    memcpy(out_pointer, &pointer, sizeof pointer);
    return FET_OK;
}

static fet_status build(fet_executor *executor, const fet_executor_options *options, const fet_fusion_rules *rules)
{
    FET_TRY(fet_kernels_split(executor->graph, rules, options->precision, executor->arena, &executor->kernels));
    FET_TRY(fet_plan_make(executor->graph, &executor->kernels, options, executor->arena, &executor->plan));
    uint32_t n = executor->plan.n_steps;
    size_t n_operands = 0, scratch_bytes = 0;
    executor->steps = fet_arena_zalloc(executor->arena, n + 1, sizeof(fet_step *));
    executor->names = fet_arena_zalloc(executor->arena, n + 1, sizeof *executor->names);
    executor->bound_inputs = fet_arena_zalloc(executor->arena, executor->graph->n_inputs + 1, sizeof(void *));
    executor->bound_outputs = fet_arena_zalloc(executor->arena, executor->graph->n_outputs + 1, sizeof(void *));
    if (!executor->steps || !executor->names || !executor->bound_inputs || !executor->bound_outputs) return fet_arena_full();
    for (uint32_t s = 0; s < n; s++) {
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        FET_TRY(build_step(executor, &executor->plan.steps[s], &executor->steps[s]));
        executor->n_steps = s + 1;
        executor->names[s] =
            fet_arena_strdup(executor->arena, fet_kernel_key_print(&executor->plan.steps[s].kernel->key, text, sizeof text));
        if (!executor->names[s]) return fet_arena_full();
        size_t bytes = fet_step_scratch_bytes(executor->steps[s]);
        scratch_bytes = bytes > scratch_bytes ? bytes : scratch_bytes;
        n_operands += executor->plan.steps[s].n_src + executor->plan.steps[s].n_dst + 1;
    }
    executor->bindings = fet_arena_zalloc(executor->arena, n_operands + 1, sizeof *executor->bindings);
    if (!executor->bindings) return fet_arena_full();
    FET_TRY(aligned(executor->plan.activation_bytes, "activations", &executor->activations));
    FET_TRY(aligned(scratch_bytes, "a scratchpad", &executor->scratch));
    for (uint32_t s = 0; s < n; s++) FET_TRY(bind_step(executor, s));
    return FET_OK;
}

fet_status fet_executor_create(const fet_graph *graph, const fet_executor_options *options, fet_executor **out_executor)
{
    return fet_executor_create_by(graph, options, &fet_fusion_rules_host, out_executor);
}

fet_status fet_executor_create_by(const fet_graph *graph, const fet_executor_options *options, const fet_fusion_rules *rules,
                                  fet_executor **out_executor)
{
    fet_executor_options defaults = fet_executor_default_options();
    if (!options) options = &defaults;
    FET_TRY(check_options(options));
    fet_auto(fet_executor) executor = NULL;
    dnnl_engine_t engine;
    FET_TRY(fet_alloc_zeroed(1, sizeof *executor, "an executor", &executor));
    FET_TRY(fet_engine_get(&engine, &executor->stream));
    FET_TRY(fet_arena_create(&executor->arena));
    FET_TRY(fet_graph_copy(graph, NULL, 0, &executor->graph));
    FET_TRY(fet_graph_set_batch(executor->graph, options->batch));
    FET_TRY(build(executor, options, rules));
    executor->plan.calibration = NULL; /* borrowed for creation only */
    *out_executor = fet_take(executor);
    return FET_OK;
}

void fet_executor_destroy(fet_executor *executor)
{
    if (!executor) return;
    for (uint32_t s = 0; s < executor->n_steps; s++) fet_step_destroy(executor->steps[s]);
    fet_graph_destroy(executor->graph);
    fet_arena_destroy(executor->arena);
    fet_free(executor->activations);
    fet_free(executor->scratch);
    fet_free(executor);
}

/* Points the operands that are the caller's to these buffers. */
static fet_status rebind(fet_executor *executor, const float *const src[], float *const dst[])
{
    const fet_graph *g = executor->graph;
    bool same = true;
    for (uint32_t i = 0; i < g->n_inputs && same; i++) same = executor->bound_inputs[i] == (const void *)src[i];
    for (uint32_t o = 0; o < g->n_outputs && same; o++) same = executor->bound_outputs[o] == (const void *)dst[o];
    if (same) return FET_OK;
    for (uint32_t b = 0; b < executor->n_bindings; b++) {
        const binding *at = &executor->bindings[b];
        union {
            const float *in;
            void *out;
        } pointer = {.in = at->input != FET_SLOT_NONE ? src[at->input] : dst[at->output]};
        FET_TRY(fet_step_bind(executor->steps[at->step], at->operand, pointer.out));
    }
    memcpy(executor->bound_inputs, src, g->n_inputs * sizeof *src);
    memcpy(executor->bound_outputs, dst, g->n_outputs * sizeof *dst);
    return FET_OK;
}

fet_status fet_executor_run(fet_executor *executor, const float *const src[], float *const dst[])
{
    return fet_executor_run_watched(executor, src, dst, NULL, NULL);
}

fet_status fet_executor_run_watched(fet_executor *executor, const float *const src[], float *const dst[], fet_executor_before before,
                                    void *context)
{
    FET_TRY(rebind(executor, src, dst));
    for (uint32_t s = 0; s < executor->n_steps; s++) {
        if (before) FET_TRY(before(context, s));
        FET_TRY(fet_step_run(executor->steps[s]));
    }
    FET_DNNL_TRY(dnnl_stream_wait(executor->stream), "finish a run");
    for (uint32_t c = 0; c < executor->plan.n_copies; c++) {
        const fet_plan_copy *copy = &executor->plan.copies[c];
        const fet_slot *slot =
            copy->from.slot == FET_SLOT_NONE ? NULL : &executor->plan.slots[fet_plan_memory(&executor->plan, copy->from.slot)];
        const void *from = slot && slot->input != FET_SLOT_NONE    ? (const void *)src[slot->input]
                           : slot && slot->output != FET_SLOT_NONE ? (const void *)dst[slot->output]
                                                                   : memory_of(executor, &copy->from);
        memcpy(dst[copy->output], from, fet_format_bytes(&copy->from.format));
    }
    return FET_OK;
}

static fet_status find_kept(const fet_executor *executor, const char *name, fet_id *out_value, fet_operand *out_operand)
{
    fet_id value = fet_graph_find_value(executor->graph, name);
    if (!executor->plan.keep_all) return fet_fail(FET_ERROR_STATE, "value \"%s\": the executor was not created with keep_all", name);
    fet_operand operand = {.slot = FET_SLOT_NONE};
    if (value != FET_NONE) operand = fet_plan_find(&executor->plan, value);
    if (operand.slot == FET_SLOT_NONE || executor->plan.slots[operand.slot].input != FET_SLOT_NONE)
        return fet_fail(FET_ERROR_NOT_FOUND, "value \"%s\" is not computed by the executor: unknown, an input, or fused away", name);
    *out_value = value;
    *out_operand = operand;
    return FET_OK;
}

fet_status fet_executor_peek(const fet_executor *executor, const char *name, const float **out_numbers, int64_t *out_count)
{
    fet_id value = FET_NONE;
    fet_operand operand;
    FET_TRY(find_kept(executor, name, &value, &operand));
    if (operand.format.dtype != FET_DTYPE_F32) return fet_fail(FET_ERROR_STATE, "value \"%s\" is not f32 in memory", name);
    *out_numbers = memory_of(executor, &operand);
    *out_count = fet_shape_elements(&executor->graph->values[value].shape);
    return FET_OK;
}

fet_status fet_executor_value(fet_executor *executor, const char *name, fet_tensor **out_tensor)
{
    fet_id value = FET_NONE;
    fet_operand operand;
    FET_TRY(find_kept(executor, name, &value, &operand));
    fet_tensor *tensor = NULL;
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &executor->graph->values[value].shape, &tensor));
    fet_format_to_plain(&operand.format, memory_of(executor, &operand), fet_tensor_f32(tensor));
    *out_tensor = tensor;
    return FET_OK;
}

const fet_graph *fet_executor_graph(const fet_executor *executor)
{
    return executor->graph;
}

const fet_plan_step *fet_executor_planned(const fet_executor *executor, uint32_t step)
{
    return &executor->plan.steps[step];
}

fet_step *fet_executor_step(fet_executor *executor, uint32_t step)
{
    return executor->steps[step];
}

uint32_t fet_executor_n_steps(const fet_executor *executor)
{
    return executor->n_steps;
}

const char *fet_executor_step_implementation(const fet_executor *executor, uint32_t step)
{
    return fet_step_implementation(executor->steps[step]);
}

const char *fet_executor_step_name(const fet_executor *executor, uint32_t step)
{
    return executor->names[step];
}
