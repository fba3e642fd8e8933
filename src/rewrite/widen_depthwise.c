// SPDX-License-Identifier: Apache-2.0
#include "rewrite/widen_depthwise.h"

#include "rewrite/plan.h"

bool fet_widen_depthwise_applies(const fet_graph *graph, const fet_block *block)
{
    if (block->kind != FET_BLOCK_IBN && block->kind != FET_BLOCK_SEPARABLE) return false;
    const fet_node *node = &graph->nodes[block->depthwise.conv];
    const fet_value *weight = &graph->values[node->inputs[1]];
    return weight->kind == FET_VALUE_PARAM && weight->shape.rank == 4 && weight->shape.dim[1] == 1 && weight->shape.dim[0] > 1 &&
           weight->shape.dim[0] == graph->values[node->inputs[0]].shape.dim[1] && plan_readers(graph, node->inputs[1]) == 1;
}

fet_status fet_widen_depthwise_plan(const fet_graph *graph, const fet_channel_groups *groups, const fet_block *block, uint32_t channels,
                                    fet_arena *arena, fet_patch *out_patch)
{
    const fet_node *node = &graph->nodes[block->depthwise.conv];
    if (channels < 2 || !fet_widen_depthwise_applies(graph, block))
        return fet_fail(FET_ERROR_ARG, "the convolution \"%s\" cannot have groups of %u channels: %s", node->name, channels,
                        channels < 2 ? "expected at least 2" : "it is no depthwise convolution with weights of its own");
    fet_node_edit *edit = fet_arena_zalloc(arena, 1, sizeof *edit);
    fet_param_edit *weights = fet_arena_zalloc(arena, 1, sizeof *weights);
    const char *name = plan_name(arena, node->name, channels == FET_WIDEN_ALL ? "dense" : "grouped");
    const char *weight_name = name ? fet_arena_printf(arena, "%s.weight", name) : NULL;
    if (!edit || !weights || !weight_name) return fet_arena_full();
    *edit = (fet_node_edit){.node = block->depthwise.conv,
                            .name = name,
                            .attrs = node->attrs,
                            .n_attrs = node->n_attrs,
                            .input = 0,
                            .value = node->inputs[0],
                            .regroup = true};
    fet_id param = graph->values[node->inputs[1]].param;
    *weights = (fet_param_edit){.param = param, .name = weight_name, .plan = fet_param_plan_same(graph, groups, param)};
    weights->plan.origin.rule = FET_ORIGIN_SPREAD;
    weights->plan.grouped = channels;
    *out_patch = (fet_patch){.node_edits = edit, .n_node_edits = 1, .param_edits = weights, .n_param_edits = 1};
    return FET_OK;
}
