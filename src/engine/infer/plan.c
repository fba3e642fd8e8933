// SPDX-License-Identifier: Apache-2.0
#include "engine/infer/plan.h"

#include "engine/infer/calibration.h"
#include "engine/infer/numbers.h"

#include <math.h>
#include <string.h>

enum { SLOT_ALIGNMENT = 64 };

static const fet_operand no_operand = {.slot = FET_SLOT_NONE};

static void enter(fet_plan *plan, fet_dtype precision)
{
    plan->precision = precision;
    plan->fast = plan->forms[fet_kernel_world(precision)];
}

static fet_id viewed(const fet_plan *plan, fet_id value)
{
    const fet_value *v = &plan->graph->values[value];
    if (v->kind != FET_VALUE_COMPUTED || !fet_kernel_is_view(plan->graph->nodes[v->node].op)) return FET_NONE;
    return plan->graph->nodes[v->node].inputs[0];
}

static const fet_shape *shape_of(const fet_plan *plan, fet_id value)
{
    return &plan->graph->values[value].shape;
}

static uint32_t find_plain(const fet_plan *plan, fet_id value)
{
    for (fet_id v = value; v != FET_NONE; v = viewed(plan, v)) {
        if (plan->plain[v] != FET_SLOT_NONE) return plan->plain[v];
        for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++)
            if (plan->forms[w][v] != FET_SLOT_NONE && fet_kernel_fast_is_plain(shape_of(plan, v), fet_kernel_world_precision(w)))
                return plan->forms[w][v];
    }
    return FET_SLOT_NONE;
}

static uint32_t find_fast(const fet_plan *plan, fet_id value)
{
    for (fet_id v = value;;) {
        if (plan->fast[v] != FET_SLOT_NONE) return plan->fast[v];
        fet_id source = viewed(plan, v);
        if (source == FET_NONE || !fet_kernel_fast_is_row_major(shape_of(plan, v)) || !fet_kernel_fast_is_row_major(shape_of(plan, source)))
            break;
        v = source;
    }
    return fet_kernel_fast_is_plain(shape_of(plan, value), plan->precision) ? find_plain(plan, value) : FET_SLOT_NONE;
}

/* A slot as this value sees it: type and scale are the memory's, the shape the value's. */
static fet_operand as_fast(const fet_plan *plan, fet_id value, uint32_t slot)
{
    if (slot == FET_SLOT_NONE) return no_operand;
    const fet_format *memory = &plan->slots[slot].format;
    fet_format format = fet_format_fast(shape_of(plan, value), plan->precision, memory->dtype == FET_DTYPE_U8);
    format.dtype = memory->dtype;
    format.scale = memory->scale;
    return (fet_operand){.slot = slot, .format = format};
}

static fet_operand as_plain(const fet_plan *plan, fet_id value, uint32_t slot)
{
    if (slot == FET_SLOT_NONE) return no_operand;
    return (fet_operand){.slot = slot, .format = fet_format_plain(shape_of(plan, value))};
}

fet_operand fet_plan_find(const fet_plan *plan, fet_id value)
{
    fet_plan at = *plan;
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++) {
        enter(&at, fet_kernel_world_precision(w));
        uint32_t fast = find_fast(&at, value);
        if (fast != FET_SLOT_NONE) return as_fast(&at, value, fast);
    }
    return as_plain(plan, value, find_plain(plan, value));
}

uint32_t fet_plan_memory(const fet_plan *plan, uint32_t slot)
{
    while (plan->slots[slot].merged != FET_SLOT_NONE) slot = plan->slots[slot].merged;
    return slot;
}

static uint32_t add_slot(fet_plan *plan, const fet_format *format, uint32_t step)
{
    size_t bytes = (fet_format_bytes(format) + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
    plan->slots[plan->n_slots] = (fet_slot){.format = *format,
                                            .bytes = bytes,
                                            .first = step,
                                            .last = step,
                                            .merged = FET_SLOT_NONE,
                                            .input = FET_SLOT_NONE,
                                            .output = FET_SLOT_NONE};
    return plan->n_slots++;
}

static void touch(fet_plan *plan, uint32_t slot, uint32_t step)
{
    if (slot != FET_SLOT_NONE && plan->slots[slot].last < step) plan->slots[slot].last = step;
}

/* The scale of an int8 value from what was seen of it. One step more than nothing for a value that is always zero. */
static fet_status scale_of(const fet_plan *plan, fet_id value, const fet_activation *activation, bool is_unsigned, float *out_scale)
{
    float range = 0.0f;
    FET_TRY(fet_calibration_range(plan->calibration, plan->graph->values[value].name, is_unsigned, &range));
    if (activation->kind == FET_ACTIVATION_CLIP && is_unsigned) range = fminf(range, activation->beta);
    *out_scale = range > 0.0f ? range / (is_unsigned ? 255.0f : 127.0f) : 1.0f;
    return FET_OK;
}

/* Operators whose int8 result is in the source's units. */
static bool keeps_scale(const fet_kernel_key *key)
{
    return key->op == FET_OP_MAX_POOL || key->op == FET_OP_AVERAGE_POOL || key->op == FET_OP_RESIZE || key->op == FET_OP_GLOBAL_MAX_POOL ||
           key->op == FET_OP_PAD || key->op == FET_OP_TRANSPOSE || key->op == FET_OP_SLICE;
}

static fet_status add_fast_result(fet_plan *plan, const fet_kernel *kernel, const fet_operand *src, uint32_t step, fet_operand *out)
{
    fet_format format = fet_format_fast(shape_of(plan, kernel->dst), plan->precision, kernel->dst_unsigned);
    bool to_f32 = kernel->key.flags & FET_KERNEL_F32_DST;
    if (to_f32) {
        format.dtype = FET_DTYPE_F32;
    } else if (plan->precision == FET_DTYPE_S8) {
        if (keeps_scale(&kernel->key)) format.scale = src->format.scale;
        else FET_TRY(scale_of(plan, kernel->dst, &kernel->activation, kernel->dst_unsigned, &format.scale));
    }
    uint32_t slot = add_slot(plan, &format, step);
    bool plain = to_f32 && fet_kernel_fast_is_row_major(shape_of(plan, kernel->dst));
    if (plain) plan->plain[kernel->dst] = slot;
    else plan->fast[kernel->dst] = slot;
    *out = (fet_operand){.slot = slot, .format = format};
    return FET_OK;
}

/* The form of a value in another precision's fast world, the first in order, as the split chose it. */
static fet_operand find_elsewhere(const fet_plan *plan, fet_id value)
{
    fet_plan at = *plan;
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++) {
        if (plan->forms[w] == plan->fast) continue;
        enter(&at, fet_kernel_world_precision(w));
        uint32_t slot = find_fast(&at, value);
        if (slot != FET_SLOT_NONE) return as_fast(&at, value, slot);
    }
    return no_operand;
}

static fet_status plan_cast(fet_plan *plan, const fet_kernel *kernel, fet_plan_step *step, uint32_t at)
{
    fet_id v = kernel->src;
    fet_operand *src = &step->operands[0], *dst = &step->operands[1];
    bool crosses = fet_kernel_cast_source(&kernel->key) != FET_DTYPE_NONE;
    if (crosses || kernel->key.flags & FET_KERNEL_PLAIN_SRC) {
        *src = crosses ? find_elsewhere(plan, v) : as_plain(plan, v, find_plain(plan, v));
        dst->format = fet_format_fast(shape_of(plan, v), plan->precision, kernel->dst_unsigned);
        fet_id root = fet_kernel_view_root(plan->graph, v);
        if (plan->precision == FET_DTYPE_S8) FET_TRY(scale_of(plan, root, &(fet_activation){0}, kernel->dst_unsigned, &dst->format.scale));
        plan->fast[v] = dst->slot = add_slot(plan, &dst->format, at);
    } else {
        src->slot = plan->fast[v];
        src->format = plan->slots[src->slot].format;
        dst->format = fet_format_plain(shape_of(plan, v));
        plan->plain[v] = dst->slot = add_slot(plan, &dst->format, at);
    }
    return FET_OK;
}

static fet_status plan_plain(fet_plan *plan, const fet_kernel *kernel, fet_plan_step *step, uint32_t at)
{
    const fet_node *node = &plan->graph->nodes[kernel->anchor];
    for (uint32_t i = 0; i < step->n_src; i++) {
        fet_id v = node->inputs[i];
        step->operands[i] = v == FET_NONE ? no_operand : as_plain(plan, v, find_plain(plan, v));
        if (v == FET_NONE || step->operands[i].slot != FET_SLOT_NONE) continue;
        step->operands[i].format = fet_format_plain(shape_of(plan, v));
        FET_TRY(fet_numbers_constant(plan->graph, v, plan->arena, &step->operands[i].constant));
    }
    for (uint32_t o = 0; o < step->n_dst; o++) {
        fet_operand *dst = &step->operands[step->n_src + o];
        *dst = no_operand;
        if (node->outputs[o] == FET_NONE) continue;
        dst->format = fet_format_plain(shape_of(plan, node->outputs[o]));
        plan->plain[node->outputs[o]] = dst->slot = add_slot(plan, &dst->format, at);
    }
    return FET_OK;
}

static fet_status plan_fast(fet_plan *plan, const fet_kernel *kernel, fet_plan_step *step, uint32_t at)
{
    const fet_node *node = &plan->graph->nodes[kernel->anchor];
    for (uint32_t i = 0; i < step->n_src; i++) {
        /* Binary ones of one map and one N x C x 1 x 1: the map first. */
        uint32_t at_input =
            step->n_src == 2 && node->op != FET_OP_CONCAT && !fet_shape_equal(shape_of(plan, node->inputs[0]), shape_of(plan, kernel->dst))
                ? 1 - i
                : i;
        if (step->n_src == 1 && kernel->key.flags & FET_KERNEL_CONST && plan->graph->values[node->inputs[0]].kind == FET_VALUE_PARAM)
            at_input = 1;
        fet_id v = fet_kernel_operand(plan->graph, kernel, at_input);
        step->operands[i] = as_fast(plan, v, find_fast(plan, v));
        if (step->operands[i].slot == FET_SLOT_NONE) { /* a Gemm that looks through a Flatten, a shuffle */
            fet_id root = fet_kernel_view_root(plan->graph, v);
            step->operands[i] = as_fast(plan, root, plan->fast[root]);
        }
    }
    FET_TRY(add_fast_result(plan, kernel, &step->operands[0], at, &step->operands[step->n_src]));
    if (step->has_residual) step->operands[step->n_src + 1] = as_fast(plan, kernel->residual, find_fast(plan, kernel->residual));
    return FET_OK;
}

static fet_status plan_step(fet_plan *plan, const fet_kernel *kernel, uint32_t at)
{
    fet_plan_step *step = &plan->steps[at];
    bool cast = kernel->anchor == FET_NONE;
    const fet_node *node = cast ? NULL : &plan->graph->nodes[kernel->anchor];
    bool plain = !cast && kernel->key.flags & FET_KERNEL_PLAIN_SRC;
    if (!plain) enter(plan, (fet_dtype)kernel->key.precision);
    bool binary = (kernel->key.op == FET_OP_ADD || kernel->key.op == FET_OP_SUB || kernel->key.op == FET_OP_MUL) &&
                  !(kernel->key.flags & FET_KERNEL_CONST);
    bool all = plain || (!cast && (binary || kernel->key.op == FET_OP_CONCAT));
    *step = (fet_plan_step){.kernel = kernel, .n_src = all ? node->n_inputs : 1, .n_dst = plain ? node->n_outputs : 1};
    step->has_residual = kernel->residual != FET_NONE;
    step->operands = fet_arena_zalloc(plan->arena, step->n_src + step->n_dst + 1u, sizeof *step->operands);
    if (!step->operands) return fet_arena_full();
    FET_TRY(cast ? plan_cast(plan, kernel, step, at) : plain ? plan_plain(plan, kernel, step, at) : plan_fast(plan, kernel, step, at));
    uint32_t n_operands = step->n_src + step->n_dst + step->has_residual;
    for (uint32_t i = 0; i < n_operands; i++) touch(plan, step->operands[i].slot, at);
    return FET_OK;
}

/* A residual that dies here, is ours and is not read as the source too gives its memory to the result. */
static void merge_residuals(fet_plan *plan)
{
    for (uint32_t at = 0; at < plan->n_steps && !plan->keep_all; at++) {
        fet_plan_step *step = &plan->steps[at];
        if (!step->has_residual) continue;
        uint32_t dst = step->operands[step->n_src].slot, src = fet_plan_memory(plan, step->operands[0].slot);
        uint32_t residual = fet_plan_memory(plan, step->operands[step->n_src + 1].slot);
        fet_slot *from = &plan->slots[residual], *to = &plan->slots[dst];
        bool ours = from->input == FET_SLOT_NONE && from->output == FET_SLOT_NONE && to->output == FET_SLOT_NONE;
        if (!ours || from->last != at || from->bytes != to->bytes || src == residual) continue;
        to->merged = residual;
        from->last = to->last;
        step->residual_in_place = true;
    }
}

static fet_status plan_outputs(fet_plan *plan)
{
    const fet_graph *g = plan->graph;
    for (uint32_t o = 0; o < g->n_outputs; o++) {
        fet_operand from = as_plain(plan, g->outputs[o], find_plain(plan, g->outputs[o]));
        if (from.slot == FET_SLOT_NONE) {
            from.format = fet_format_plain(shape_of(plan, g->outputs[o]));
            FET_TRY(fet_numbers_constant(g, g->outputs[o], plan->arena, &from.constant));
        }
        fet_slot *slot = from.slot == FET_SLOT_NONE ? NULL : &plan->slots[from.slot];
        if (slot && slot->input == FET_SLOT_NONE && slot->output == FET_SLOT_NONE && !plan->keep_all) {
            slot->output = o;
            continue;
        }
        if (slot) slot->last = plan->n_steps;
        plan->copies[plan->n_copies++] = (fet_plan_copy){.output = o, .from = from};
    }
    return FET_OK;
}

/* First fit in order of first use: a slot takes the lowest place that is free during its whole life. */
static fet_status place_slots(fet_plan *plan)
{
    uint32_t *placed = fet_arena_alloc(plan->arena, (plan->n_slots + 1) * sizeof *placed);
    if (!placed) return fet_arena_full();
    uint32_t n_placed = 0;
    for (uint32_t s = 0; s < plan->n_slots; s++) {
        fet_slot *slot = &plan->slots[s];
        if (slot->input != FET_SLOT_NONE || slot->output != FET_SLOT_NONE || slot->merged != FET_SLOT_NONE) continue;
        if (plan->keep_all) slot->first = 0, slot->last = plan->n_steps;
        size_t offset = 0;
        uint32_t at = 0;
        while (at < n_placed) { /* `placed` is sorted by offset */
            const fet_slot *other = &plan->slots[placed[at]];
            bool together = other->first <= slot->last && slot->first <= other->last;
            if (together && other->offset >= offset + slot->bytes) break;
            if (together && other->offset + other->bytes > offset) offset = other->offset + other->bytes;
            at++;
        }
        slot->offset = offset;
        at = n_placed++;
        for (; at > 0 && plan->slots[placed[at - 1]].offset > offset; at--) placed[at] = placed[at - 1];
        placed[at] = s;
        if (offset + slot->bytes > plan->activation_bytes) plan->activation_bytes = offset + slot->bytes;
    }
    return FET_OK;
}

static fet_status allocate(fet_plan *plan, const fet_kernels *kernels)
{
    const fet_graph *g = plan->graph;
    size_t n_slots = g->n_inputs;
    for (uint32_t k = 0; k < kernels->count; k++)
        n_slots += kernels->items[k].anchor == FET_NONE ? 1u : (size_t)g->nodes[kernels->items[k].anchor].n_outputs;
    plan->slots = fet_arena_zalloc(plan->arena, n_slots + 1, sizeof *plan->slots);
    bool forms = true;
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++)
        forms = (plan->forms[w] = fet_arena_alloc(plan->arena, (g->n_values + 1) * sizeof *plan->fast)) && forms;
    plan->plain = fet_arena_alloc(plan->arena, (g->n_values + 1) * sizeof *plan->plain);
    plan->steps = fet_arena_zalloc(plan->arena, kernels->count + 1, sizeof *plan->steps);
    plan->copies = fet_arena_zalloc(plan->arena, g->n_outputs + 1, sizeof *plan->copies);
    if (!plan->slots || !forms || !plan->plain || !plan->steps || !plan->copies) return fet_arena_full();
    for (uint32_t v = 0; v < g->n_values; v++) {
        plan->plain[v] = FET_SLOT_NONE;
        for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++) plan->forms[w][v] = FET_SLOT_NONE;
    }
    return FET_OK;
}

fet_status fet_plan_make(const fet_graph *graph, const fet_kernels *kernels, const fet_executor_options *options, fet_arena *arena,
                         fet_plan *out_plan)
{
    fet_plan plan = {
        .graph = graph, .keep_all = options->keep_all, .calibration = options->calibration, .arena = arena, .n_steps = kernels->count};
    FET_TRY(allocate(&plan, kernels));
    enter(&plan, options->precision);
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        fet_format format = fet_format_plain(shape_of(&plan, graph->inputs[i]));
        plan.plain[graph->inputs[i]] = add_slot(&plan, &format, 0);
        plan.slots[plan.n_slots - 1].input = i;
    }
    for (uint32_t k = 0; k < kernels->count; k++) FET_TRY(plan_step(&plan, &kernels->items[k], k));
    FET_TRY(plan_outputs(&plan));
    merge_residuals(&plan);
    FET_TRY(place_slots(&plan));
    *out_plan = plan;
    return FET_OK;
}
