// SPDX-License-Identifier: Apache-2.0
#include "rewrite/fuse_ibn.h"

#include "op/conv.h"
#include "rewrite/plan.h"

#include <string.h>

enum { PARTS = 4, MOST_DROPPED = PARTS * 8 }; /* nodes, and values of four nodes with at most five inputs and one output each */

static fet_id weight_of(const fet_graph *graph, fet_id conv)
{
    return graph->nodes[conv].inputs[1];
}

static bool is_param(const fet_graph *graph, fet_id value)
{
    return value != FET_NONE && graph->values[value].kind == FET_VALUE_PARAM;
}

bool fet_fuse_ibn_applies(const fet_graph *graph, const fet_block *block)
{
    if (block->kind != FET_BLOCK_IBN) return false;
    if (block->expand.norm != FET_NONE) {
        const fet_node *norm = &graph->nodes[block->expand.norm];
        if (!is_param(graph, norm->inputs[1]) || !is_param(graph, norm->inputs[4])) return false;
    }
    const fet_value *depthwise = &graph->values[weight_of(graph, block->depthwise.conv)];
    const fet_value *expand = &graph->values[weight_of(graph, block->expand.conv)];
    return depthwise->shape.dim[0] == expand->shape.dim[0] && depthwise->shape.dim[1] == 1 && depthwise->shape.rank == 4 &&
           expand->shape.rank == 4 && plan_readers(graph, weight_of(graph, block->depthwise.conv)) == 1 &&
           plan_readers(graph, weight_of(graph, block->expand.conv)) == 1;
}

static fet_status plan_drops(const fet_graph *graph, const fet_block *block, fet_arena *arena, fet_patch *patch)
{
    fet_id *nodes = fet_arena_alloc(arena, MOST_DROPPED * sizeof *nodes), *values = fet_arena_alloc(arena, MOST_DROPPED * sizeof *values);
    if (!nodes || !values) return fet_arena_full();
    const fet_id parts[PARTS] = {block->expand.conv, block->expand.norm, block->expand.activation, block->pad};
    for (int p = 0; p < PARTS; p++) {
        if (parts[p] == FET_NONE) continue;
        const fet_node *node = &graph->nodes[parts[p]];
        nodes[patch->n_drop_nodes++] = parts[p];
        values[patch->n_drop_values++] = node->outputs[0];
        for (uint32_t i = 1; i < node->n_inputs; i++)
            if (is_param(graph, node->inputs[i]) && plan_readers(graph, node->inputs[i]) == 1)
                values[patch->n_drop_values++] = node->inputs[i];
    }
    patch->drop_nodes = nodes;
    patch->drop_values = values;
    return FET_OK;
}

/* Attributes of the dense convolution: the depthwise's in one group, with the padding of a Pad that stood before it as its own. */
static fet_status plan_attrs(const fet_graph *graph, const fet_block *block, fet_arena *arena, fet_node_edit *edit)
{
    const fet_node *depthwise = &graph->nodes[block->depthwise.conv];
    fet_attr *attrs = fet_arena_alloc(arena, (depthwise->n_attrs + 1u) * sizeof *attrs);
    int64_t *pads = fet_arena_alloc(arena, 4 * sizeof *pads);
    if (!attrs || !pads) return fet_arena_full();
    bool padded = block->pad != FET_NONE;
    edit->attrs = attrs;
    for (uint32_t a = 0; a < depthwise->n_attrs; a++) {
        const fet_attr *attr = &depthwise->attrs[a];
        if (padded && (attr->key == FET_ATTR_PADS || attr->key == FET_ATTR_AUTO_PAD)) continue;
        attrs[edit->n_attrs] = *attr;
        if (attr->key == FET_ATTR_GROUP) attrs[edit->n_attrs].i = 1;
        edit->n_attrs++;
    }
    if (!padded) return FET_OK;
    fet_window window;
    FET_TRY(fet_op_window(graph, depthwise, &window));
    const int64_t *sizes = fet_tensor_s64(fet_graph_constant(graph, graph->nodes[block->pad].inputs[1]));
    for (int i = 0; i < 2; i++) {
        pads[i] = window.pad_begin[i] + sizes[2 + i];
        pads[2 + i] = window.pad_end[i] + sizes[6 + i];
    }
    attrs[edit->n_attrs++] =
        (fet_attr){.key = FET_ATTR_PADS, .type = FET_ATTR_TYPE_INTS, .name = fet_attr_onnx_name(FET_ATTR_PADS), .count = 4, .ints = pads};
    return FET_OK;
}

static fet_status plan_node(const fet_graph *graph, const fet_block *block, bool grouped, fet_arena *arena, fet_patch *patch)
{
    const fet_node *depthwise = &graph->nodes[block->depthwise.conv];
    fet_node_edit *edit = fet_arena_zalloc(arena, 1, sizeof *edit);
    const char *name = plan_name(arena, depthwise->name, grouped ? "grouped" : "fused");
    if (!edit || !name) return fet_arena_full();
    *edit = (fet_node_edit){.node = block->depthwise.conv, .name = name, .input = 0, .value = block->input, .regroup = grouped};
    FET_TRY(plan_attrs(graph, block, arena, edit));
    patch->node_edits = edit;
    patch->n_node_edits = 1;
    return FET_OK;
}

static fet_status plan_weight(const fet_graph *graph, const fet_channel_groups *groups, const fet_block *block, uint32_t n_groups,
                              fet_arena *arena, fet_patch *patch)
{
    fet_id expand = graph->values[weight_of(graph, block->expand.conv)].param;
    fet_id depthwise = graph->values[weight_of(graph, block->depthwise.conv)].param;
    const fet_shape *e = &graph->values[graph->params[expand].value].shape, *d = &graph->values[graph->params[depthwise].value].shape;
    fet_param_edit *edit = fet_arena_zalloc(arena, 1, sizeof *edit);
    const char *name = fet_arena_printf(arena, "%s.weight", patch->node_edits[0].name);
    if (!edit || !name) return fet_arena_full();
    fet_origin origin = {.rule = FET_ORIGIN_COMPOSE, .base = {expand, FET_NONE, FET_NONE, depthwise}};
    if (block->expand.norm != FET_NONE) {
        const fet_node *norm = &graph->nodes[block->expand.norm];
        origin.base[1] = graph->values[norm->inputs[1]].param;
        origin.base[2] = graph->values[norm->inputs[4]].param;
        origin.epsilon = fet_node_float(norm, FET_ATTR_EPSILON, 1e-5f);
    }
    *edit = (fet_param_edit){.param = depthwise, .name = name};
    edit->plan = (fet_param_plan){.origin = origin, .shape = fet_shape_4d(e->dim[0], e->dim[1], d->dim[2], d->dim[3])};
    edit->plan.grouped = n_groups;
    edit->plan.dim[0] = *fet_channel_param_dim(groups, expand, 0);
    edit->plan.dim[1] = *fet_channel_param_dim(groups, expand, 1);
    patch->param_edits = edit;
    patch->n_param_edits = 1;
    return FET_OK;
}

/* n_groups 0: one dense kernel. */
static fet_status plan(const fet_graph *graph, const fet_channel_groups *groups, const fet_block *block, uint32_t n_groups,
                       fet_arena *arena, fet_patch *out_patch)
{
    if (!fet_fuse_ibn_applies(graph, block))
        return fet_fail(FET_ERROR_ARG, "the block at \"%s\" cannot be fused: it is no inverted bottleneck with weights of its own",
                        graph->nodes[block->depthwise.conv].name);
    fet_patch patch = {0};
    FET_TRY(plan_drops(graph, block, arena, &patch));
    FET_TRY(plan_node(graph, block, n_groups > 0, arena, &patch));
    FET_TRY(plan_weight(graph, groups, block, n_groups, arena, &patch));
    *out_patch = patch;
    return FET_OK;
}

fet_status fet_fuse_ibn_plan(const fet_graph *graph, const fet_channel_groups *groups, const fet_block *block, fet_arena *arena,
                             fet_patch *out_patch)
{
    return plan(graph, groups, block, 0, arena, out_patch);
}

fet_status fet_group_ibn_plan(const fet_graph *graph, const fet_channel_groups *groups, const fet_block *block, uint32_t n_groups,
                              fet_arena *arena, fet_patch *out_patch)
{
    if (n_groups < 2) return fet_fail(FET_ERROR_ARG, "an inverted bottleneck in %u groups: expected at least 2", n_groups);
    return plan(graph, groups, block, n_groups, arena, out_patch);
}
