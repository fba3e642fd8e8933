// SPDX-License-Identifier: Apache-2.0
#include "rewrite/recognise_activation.h"

#include <math.h>

static const float NEAR = 1e-5f; /* exporters round 1/6 in different ways */

static bool near(float a, float b)
{
    return fabsf(a - b) <= NEAR * fmaxf(1, fabsf(b));
}

static fet_node *maker_of(const fet_graph *graph, fet_id value)
{
    if (value == FET_NONE || graph->values[value].kind != FET_VALUE_COMPUTED || graph->values[value].node == FET_NONE) return NULL;
    return &graph->nodes[graph->values[value].node];
}

/* One number, whatever its shape. */
static bool scalar_at(const fet_graph *graph, const fet_node *node, uint32_t input, float *out_number)
{
    const fet_tensor *tensor =
        input < node->n_inputs && node->inputs[input] != FET_NONE ? fet_graph_constant(graph, node->inputs[input]) : NULL;
    if (!tensor || tensor->dtype != FET_DTYPE_F32 || fet_tensor_elements(tensor) != 1) return false;
    *out_number = fet_tensor_f32(tensor)[0];
    return true;
}

/* Whether only one node reads the value and the user does not. Looked up anew: nodes change under way. */
static bool is_private(const fet_graph *graph, fet_id value)
{
    uint32_t readers = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs && graph->nodes[n].op != FET_OP_NONE; i++)
            readers += graph->nodes[n].inputs[i] == value;
    for (uint32_t o = 0; o < graph->n_outputs; o++) readers += graph->outputs[o] == value ? 2 : 0;
    return readers == 1;
}

/* value = slope * x + offset over Add, Sub, Mul, Div with numbers; walks up as far as the parts are private. */
typedef struct line {
    fet_id x;
    float slope, offset;
    uint32_t n_steps;
} line;

static line read_line(const fet_graph *graph, fet_id value)
{
    enum { MOST_STEPS = 3 };
    line l = {.x = value, .slope = 1};
    while (l.n_steps < MOST_STEPS) {
        const fet_node *node = maker_of(graph, l.x);
        float c = 0;
        if (!node || node->n_inputs != 2 || !is_private(graph, l.x)) break;
        uint32_t side = scalar_at(graph, node, 1, &c) ? 0 : 1;
        if (side == 1 && (!scalar_at(graph, node, 0, &c) || (node->op != FET_OP_ADD && node->op != FET_OP_MUL))) break;
        /* y = slope * (step of x) + offset */
        if (node->op == FET_OP_ADD) l.offset += l.slope * c;
        else if (node->op == FET_OP_SUB) l.offset -= l.slope * c;
        else if (node->op == FET_OP_MUL) l.slope *= c;
        else if (node->op == FET_OP_DIV && c != 0) l.slope /= c;
        else break;
        l.x = node->inputs[side];
        l.n_steps++;
    }
    return l;
}

/* The value is max(0, min(c, slope * x + offset)): c, slope, offset, x. */
static bool read_ramp(const fet_graph *graph, fet_id value, line *out_line, float *out_top)
{
    const fet_node *clip = maker_of(graph, value);
    float low = 1;
    if (!clip || clip->op != FET_OP_CLIP || !scalar_at(graph, clip, 1, &low) || low != 0 || !scalar_at(graph, clip, 2, out_top))
        return false;
    if (!(*out_top > 0) || !isfinite(*out_top)) return false;
    *out_line = read_line(graph, clip->inputs[0]);
    return out_line->slope > 0;
}

/* The number that a Mul or Div with a constant multiplies by, and its other input. */
static bool read_scale(const fet_graph *graph, const fet_node *node, fet_id *out_value, float *out_scale)
{
    float c = 0;
    if (node->n_inputs != 2 || (node->op != FET_OP_MUL && node->op != FET_OP_DIV)) return false;
    if (scalar_at(graph, node, 1, &c) && (node->op == FET_OP_MUL || c != 0)) {
        *out_value = node->inputs[0];
        *out_scale = node->op == FET_OP_MUL ? c : 1 / c;
        return true;
    }
    if (node->op != FET_OP_MUL || !scalar_at(graph, node, 0, &c)) return false;
    *out_value = node->inputs[1];
    *out_scale = c;
    return true;
}

static fet_status become(fet_graph *graph, fet_id node, fet_op_kind op, fet_id x)
{
    FET_TRY(fet_graph_set_inputs(graph, node, &x, 1));
    graph->nodes[node].op = op;
    while (graph->nodes[node].n_attrs > 0) FET_TRY(fet_graph_remove_attr(graph, node, graph->nodes[node].attrs[0].key));
    return FET_OK;
}

/* scale * clip(slope x + offset, 0, top) with scale * top = 1. */
static fet_status find_hard_sigmoid(fet_graph *graph, fet_id n, uint32_t *found)
{
    fet_id value = graph->nodes[n].outputs[0];
    float scale = 1, top = 0;
    line l;
    bool scaled = read_scale(graph, &graph->nodes[n], &value, &scale) && is_private(graph, value);
    if (!scaled && graph->nodes[n].op != FET_OP_CLIP) return FET_OK;
    if (!scaled) value = graph->nodes[n].outputs[0], scale = 1;
    if (!read_ramp(graph, value, &l, &top) || !near(scale * top, 1) || (!scaled && l.n_steps == 0)) return FET_OK;
    FET_TRY(become(graph, n, FET_OP_HARD_SIGMOID, l.x));
    FET_TRY(fet_graph_set_float(graph, n, FET_ATTR_ALPHA, l.slope * scale));
    ++*found;
    return fet_graph_set_float(graph, n, FET_ATTR_BETA, l.offset * scale);
}

/* What x * gate is when the gate is made of x; *out_top: what it is yet to be divided by. */
static fet_op_kind gate_of(const fet_graph *graph, fet_id x, fet_id gate, float *out_top)
{
    const fet_node *node = maker_of(graph, gate);
    line l;
    *out_top = 1;
    if (!node || !is_private(graph, gate)) return FET_OP_NONE;
    if (node->op == FET_OP_SIGMOID && node->inputs[0] == x) return FET_OP_SWISH;
    if (node->op == FET_OP_HARD_SIGMOID && node->inputs[0] == x)
        return near(fet_node_float(node, FET_ATTR_ALPHA, 0.2f), 1.0f / 6) && near(fet_node_float(node, FET_ATTR_BETA, 0.5f), 0.5f)
                   ? FET_OP_HARD_SWISH
                   : FET_OP_NONE;
    if (!read_ramp(graph, gate, &l, out_top) || l.x != x) return FET_OP_NONE;
    return near(l.slope / *out_top, 1.0f / 6) && near(l.offset / *out_top, 0.5f) ? FET_OP_HARD_SWISH : FET_OP_NONE;
}

/* x * gate, or that times the rest of 1 / 6. */
static fet_status find_product(fet_graph *graph, fet_id n, uint32_t *found)
{
    fet_id value = FET_NONE;
    float scale = 1, top = 0;
    const fet_node *product = &graph->nodes[n];
    if (read_scale(graph, product, &value, &scale)) product = is_private(graph, value) ? maker_of(graph, value) : NULL;
    if (!product || product->op != FET_OP_MUL || product->n_inputs != 2) return FET_OK;
    for (uint32_t side = 0; side < 2; side++) {
        fet_id x = product->inputs[side];
        fet_op_kind op = gate_of(graph, x, product->inputs[1 - side], &top);
        if (op == FET_OP_NONE || !near(scale * top, 1)) continue;
        FET_TRY(become(graph, n, op, x));
        ++*found;
        return FET_OK;
    }
    return FET_OK;
}

fet_status fet_recognise_activation(fet_graph *graph, uint32_t *out_found)
{
    uint32_t found = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (graph->nodes[n].op != FET_OP_MUL && graph->nodes[n].op != FET_OP_DIV && graph->nodes[n].op != FET_OP_CLIP) continue;
        uint32_t before = found;
        FET_TRY(find_product(graph, n, &found));
        if (found == before) FET_TRY(find_hard_sigmoid(graph, n, &found));
    }
    /* Parts that nobody reads any more, from the end. */
    for (fet_id n = graph->n_nodes; n-- > 0 && found > 0;) {
        bool read = graph->nodes[n].op == FET_OP_NONE;
        for (uint32_t o = 0; o < graph->nodes[n].n_outputs && !read; o++) {
            fet_id value = graph->nodes[n].outputs[o];
            for (uint32_t g = 0; g < graph->n_outputs; g++) read |= graph->outputs[g] == value;
            for (fet_id r = n + 1; r < graph->n_nodes && !read; r++)
                for (uint32_t i = 0; i < graph->nodes[r].n_inputs && graph->nodes[r].op != FET_OP_NONE; i++)
                    read |= graph->nodes[r].inputs[i] == value;
        }
        if (!read) fet_graph_remove_node(graph, n);
    }
    if (found > 0) FET_TRY(fet_graph_compact(graph));
    if (out_found) *out_found = found;
    return FET_OK;
}
