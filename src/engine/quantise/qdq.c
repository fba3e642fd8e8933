// SPDX-License-Identifier: Apache-2.0
/*
 * Follows the plan of an int8 executor step by step: (1) what a step converts from f32 gets a pair that only int8 steps read; (2) what an
 * int8 step reads is such a pair where there is one; (3) weights and bias become the numbers that the step has, the batch norm folded into
 * them goes; (4) an int8 result gets a pair that everybody reads.
 */
#include "engine/quantise/qdq.h"

#include "engine/infer/calibration.h"
#include "engine/quantise/qdq_weights.h"
#include "op/op.h"

typedef struct maker {
    const fet_graph *graph; /* the executor's: ids of values and nodes are those of `out` */
    const fet_calibration *calibration;
    fet_graph *out;
    fet_id *whole; /* by value: the dequantised one that everybody reads instead; FET_NONE */
    fet_id *fast;  /* by value: the one that int8 steps read; FET_NONE */
} maker;

/* Of f32 or u8. */
static fet_status add_scalar(fet_graph *graph, const char *what, const char *of, fet_dtype dtype, float value, fet_id *out_value)
{
    fet_auto(fet_tensor) tensor = NULL;
    fet_shape scalar = {0};
    FET_TRY(fet_tensor_create(dtype, &scalar, &tensor));
    if (dtype == FET_DTYPE_F32) fet_tensor_f32(tensor)[0] = value;
    else *(uint8_t *)tensor->data = (uint8_t)value;
    const char *name = fet_arena_printf(graph->arena, "%s/%s", of, what);
    if (!name) return fet_arena_full();
    return fet_graph_add_param(graph, name, dtype, &scalar, tensor, false, out_value);
}

/*
 * QuantizeLinear and DequantizeLinear of `value`. Always u8: what is s8 in the executor has 128 for its zero, the same steps. Runtimes have
 * integer kernels for sources and results of one type.
 */
static fet_status add_pair(maker *m, fet_id value, const fet_format *format, fet_id *out_value)
{
    fet_graph *g = m->out;
    const char *name = g->values[value].name;
    const char *q_name = fet_arena_printf(g->arena, "%s/quantize", name), *d_name = fet_arena_printf(g->arena, "%s/dequantize", name);
    fet_id inputs[3] = {value}, node = FET_NONE;
    if (!q_name || !d_name) return fet_arena_full();
    FET_TRY(add_scalar(g, "scale", name, FET_DTYPE_F32, format->scale, &inputs[1]));
    FET_TRY(add_scalar(g, "zero", name, FET_DTYPE_U8, format->dtype == FET_DTYPE_S8 ? 128.0f : 0.0f, &inputs[2]));
    FET_TRY(fet_graph_add_node(g, FET_OP_QUANTIZE_LINEAR, q_name, inputs, 3, 1, &node));
    inputs[0] = g->nodes[node].outputs[0];
    FET_TRY(fet_graph_add_node(g, FET_OP_DEQUANTIZE_LINEAR, d_name, inputs, 3, 1, &node));
    *out_value = g->nodes[node].outputs[0];
    return FET_OK;
}

/* (4) Everybody reads the pair; an output of the graph keeps its name. */
static fet_status replace_whole(maker *m, fet_id value, const fet_format *format)
{
    fet_graph *g = m->out;
    FET_TRY(add_pair(m, value, format, &m->whole[value]));
    fet_id pair = m->whole[value], quantise = g->nodes[g->values[pair].node].inputs[0];
    fet_graph_replace_uses(g, value, pair);
    g->nodes[g->values[quantise].node].inputs[0] = value;
    for (uint32_t o = 0; o < g->n_outputs; o++) {
        if (g->outputs[o] != pair) continue;
        const char *name = g->values[value].name;
        g->values[value].name = fet_arena_printf(g->arena, "%s/f32", name);
        if (!g->values[value].name) return fet_arena_full();
        g->values[pair].name = name;
        break;
    }
    return FET_OK;
}

/* (2) A view of what was converted is converted itself: rounding and moving change places freely. */
static fet_status read_fast(maker *m, fet_id node, const fet_format *format)
{
    const fet_node *read = &m->graph->nodes[node];
    for (uint32_t i = 0; i < read->n_inputs; i++) {
        fet_id v = read->inputs[i];
        if (v == FET_NONE || m->whole[v] != FET_NONE) continue;
        fet_id root = fet_kernel_view_root(m->graph, v);
        if (m->fast[v] == FET_NONE && root != v && m->whole[root] == FET_NONE && m->fast[root] != FET_NONE)
            FET_TRY(add_pair(m, v, format, &m->fast[v]));
        if (m->fast[v] != FET_NONE) m->out->nodes[node].inputs[i] = m->fast[v];
    }
    return FET_OK;
}

/* (3) The batch norm's work is in the weights now: the anchor makes the batch norm's result. */
static void drop_batch_norm(maker *m, const fet_kernel *kernel)
{
    if (kernel->batch_norm == FET_NONE) return;
    fet_id result = m->graph->nodes[kernel->batch_norm].outputs[0];
    fet_graph_remove_node(m->out, kernel->batch_norm);
    m->out->nodes[kernel->anchor].outputs[0] = result;
    m->out->values[result].node = kernel->anchor;
    m->out->values[result].kind = FET_VALUE_COMPUTED;
}

static bool has_weights(const fet_kernel *kernel)
{
    return fet_kernel_is_correctable(kernel) || kernel->key.op == FET_OP_CONV_TRANSPOSE;
}

static fet_status add_step(maker *m, const fet_plan_step *planned)
{
    const fet_kernel *kernel = planned->kernel;
    const fet_format *src = &planned->operands[0].format, *dst = &planned->operands[planned->n_src].format;
    bool s8 = kernel->key.precision == FET_DTYPE_S8, plain = kernel->key.flags & FET_KERNEL_PLAIN_SRC;
    if (kernel->anchor == FET_NONE) {
        fet_id v = kernel->src, from = m->whole[v] != FET_NONE ? m->whole[v] : v;
        return s8 && !(kernel->key.flags & FET_KERNEL_F32_DST) ? add_pair(m, from, dst, &m->fast[v]) : FET_OK;
    }
    if (!s8 || plain) return FET_OK;
    FET_TRY(read_fast(m, kernel->anchor, src));
    if (kernel->add_node != FET_NONE) FET_TRY(read_fast(m, kernel->add_node, src));
    if (kernel->pad != FET_NONE) FET_TRY(read_fast(m, kernel->pad, src));
    if (has_weights(kernel)) {
        drop_batch_norm(m, kernel);
        FET_TRY(fet_qdq_set_weights(m->out, m->graph, kernel, src, m->calibration));
    }
    return kernel->key.flags & FET_KERNEL_F32_DST ? FET_OK : replace_whole(m, kernel->dst, dst);
}

static fet_status make(maker *m, const fet_executor *executor)
{
    m->graph = fet_executor_graph(executor);
    for (uint32_t s = 0; s < fet_executor_n_steps(executor); s++) FET_TRY(add_step(m, fet_executor_planned(executor, s)));
    FET_TRY(fet_graph_compact(m->out));
    FET_TRY(fet_graph_infer(m->out));
    return fet_graph_verify(m->out);
}

fet_status fet_quantise_to_qdq(const fet_graph *graph, const fet_calibration *calibration, fet_graph **out_graph)
{
    fet_auto(fet_executor) executor = NULL;
    fet_auto(fet_graph) out = NULL;
    fet_executor_options options = fet_executor_default_options();
    const fet_shape *input = graph->n_inputs ? &graph->values[graph->inputs[0]].shape : NULL;
    options.precision = FET_DTYPE_S8;
    options.calibration = calibration;
    options.batch = input && input->rank && input->dim[0] > 0 ? input->dim[0] : 1;
    FET_TRY(fet_executor_create(graph, &options, &executor));
    FET_TRY(fet_graph_copy(graph, NULL, 0, &out));
    fet_id *ids = NULL;
    uint32_t n = fet_executor_graph(executor)->n_values;
    FET_TRY(fet_alloc_zeroed(2 * (size_t)n + 1, sizeof *ids, "pairs", &ids));
    for (uint32_t i = 0; i < 2 * n; i++) ids[i] = FET_NONE;
    maker m = {.calibration = calibration, .out = out, .whole = ids, .fast = ids + n};
    fet_status status = make(&m, executor);
    fet_free(ids);
    FET_TRY(status);
    *out_graph = fet_take(out);
    return FET_OK;
}
