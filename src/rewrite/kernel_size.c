// SPDX-License-Identifier: Apache-2.0
#include "rewrite/kernel_size.h"

#include "op/conv.h"
#include "rewrite/plan.h"

/* What each pad must gain; false when this kernel cannot have the size. */
static bool pad_more(const fet_graph *graph, const fet_block *block, uint32_t size, int64_t *out_more)
{
    const fet_node *node = &graph->nodes[block->depthwise.conv];
    const fet_value *weight = &graph->values[node->inputs[1]];
    fet_window w;
    if (size % 2 == 0 || weight->kind != FET_VALUE_PARAM || weight->shape.rank != 4 || plan_readers(graph, node->inputs[1]) != 1)
        return false;
    if (fet_op_window(graph, node, &w) != FET_OK || w.kernel[0] != w.kernel[1] || w.kernel[0] % 2 == 0 || w.kernel[0] == size) return false;
    if (w.dilation[0] != w.dilation[1]) return false;
    *out_more = ((int64_t)size - w.kernel[0]) / 2 * w.dilation[0];
    for (int i = 0; i < 2; i++)
        if (w.pad_begin[i] + *out_more < 0 || w.pad_end[i] + *out_more < 0) return false;
    return true;
}

bool fet_kernel_size_applies(const fet_graph *graph, const fet_block *block, uint32_t size)
{
    int64_t more = 0;
    return pad_more(graph, block, size, &more);
}

fet_status fet_kernel_size_plan(const fet_graph *graph, const fet_block *block, uint32_t size, fet_arena *arena, fet_patch *out_patch)
{
    const fet_node *node = &graph->nodes[block->depthwise.conv];
    int64_t more = 0;
    if (!pad_more(graph, block, size, &more))
        return fet_fail(FET_ERROR_ARG, "the convolution \"%s\" cannot have a kernel of %u", node->name, size);
    fet_kernel_edit *edit = fet_arena_zalloc(arena, 1, sizeof *edit);
    uint32_t *index = fet_arena_alloc(arena, size * sizeof *index);
    if (!edit || !index) return fet_arena_full();
    int64_t old = graph->values[node->inputs[1]].shape.dim[2];
    for (uint32_t i = 0; i < size; i++) {
        int64_t at = (int64_t)i - ((int64_t)size - old) / 2;
        index[i] = at < 0 || at >= old ? FET_NONE : (uint32_t)at;
    }
    *edit = (fet_kernel_edit){
        .node = block->depthwise.conv, .param = graph->values[node->inputs[1]].param, .size = size, .index = index, .more = more};
    *out_patch = (fet_patch){.kernel_edits = edit, .n_kernel_edits = 1};
    return FET_OK;
}
