// SPDX-License-Identifier: Apache-2.0
/* What patches change in a candidate: see patch.h. Attribute lists are shared with the base and the patches until one is written. */
#include "rewrite/blueprint_make.h"

#include <string.h>

/* A list of the candidate's own with one more place; *out_attr is the attribute of `key`, added as an integer where there was none. */
static fet_status own_attr(const maker *m, fet_node *node, fet_attr_key key, fet_attr **out_attr)
{
    fet_attr *attrs = fet_arena_alloc(m->arena, (node->n_attrs + 1u) * sizeof *attrs);
    if (!attrs) return fet_arena_full();
    if (node->n_attrs) memcpy(attrs, node->attrs, node->n_attrs * sizeof *attrs);
    node->attrs = attrs;
    for (uint32_t a = 0; a < node->n_attrs; a++)
        if (attrs[a].key == key) {
            *out_attr = &attrs[a];
            return FET_OK;
        }
    attrs[node->n_attrs] = (fet_attr){.key = key, .type = FET_ATTR_TYPE_INT, .name = fet_attr_onnx_name(key)};
    *out_attr = &attrs[node->n_attrs++];
    return FET_OK;
}

static fet_status set_ints(const maker *m, fet_node *node, fet_attr_key key, const int64_t *values, uint32_t count)
{
    fet_attr *attr = NULL;
    FET_TRY(own_attr(m, node, key, &attr));
    int64_t *ints = fet_arena_copy(m->arena, values, count * sizeof *ints);
    if (!ints) return fet_arena_full();
    attr->type = FET_ATTR_TYPE_INTS;
    attr->count = count;
    attr->ints = ints;
    return FET_OK;
}

static fet_status edit_node(const maker *m, const fet_node_edit *edit)
{
    fet_graph *graph = m->graph;
    if (m->nodes[edit->node] == FET_NONE) return FET_OK;
    fet_node *node = &graph->nodes[m->nodes[edit->node]];
    node->name = edit->name;
    node->attrs = edit->attrs;
    node->n_attrs = edit->n_attrs;
    node->inputs[edit->input] = m->values[edit->value];
    graph->values[node->outputs[0]].name = edit->name;
    if (!edit->regroup) return FET_OK;
    fet_attr *group = NULL;
    FET_TRY(own_attr(m, node, FET_ATTR_GROUP, &group));
    group->i = graph->values[node->inputs[0]].shape.dim[1] / graph->values[node->inputs[1]].shape.dim[1];
    return FET_OK;
}

static fet_status edit_kernel(const maker *m, const fet_kernel_edit *edit)
{
    if (m->nodes[edit->node] == FET_NONE || m->params[edit->param] == FET_NONE) return FET_OK;
    fet_node *node = &m->graph->nodes[m->nodes[edit->node]];
    fet_param *param = &m->graph->params[m->params[edit->param]];
    for (uint32_t a = 2; a < 4; a++) {
        param->origin.axis[a] = (fet_origin_axis){.count = edit->size, .index = edit->index};
        m->graph->values[param->value].shape.dim[a] = edit->size;
    }
    if (param->origin.rule == FET_ORIGIN_SAME) param->origin.rule = FET_ORIGIN_SLICE;
    const int64_t kernel[2] = {edit->size, edit->size};
    FET_TRY(set_ints(m, node, FET_ATTR_KERNEL_SHAPE, kernel, 2));
    if (strncmp(fet_node_string(node, FET_ATTR_AUTO_PAD, "NOTSET"), "SAME", 4) == 0) return FET_OK;
    const fet_attr *old = fet_node_attr(node, FET_ATTR_PADS);
    int64_t pads[4];
    for (uint32_t i = 0; i < 4; i++) pads[i] = edit->more + (old && old->count == 4 ? old->ints[i] : 0);
    return set_ints(m, node, FET_ATTR_PADS, pads, 4);
}

static fet_status edit_op(const maker *m, const fet_op_edit *edit, fet_id scalars)
{
    if (m->nodes[edit->node] == FET_NONE) return FET_OK;
    fet_node *node = &m->graph->nodes[m->nodes[edit->node]];
    fet_id *inputs = fet_arena_alloc(m->arena, (1 + edit->n_scalars) * sizeof *inputs);
    if (!inputs) return fet_arena_full();
    inputs[0] = node->inputs[0];
    for (uint32_t i = 0; i < edit->n_scalars; i++) inputs[1 + i] = scalars + i;
    node->op = edit->op;
    node->inputs = inputs;
    node->n_inputs = (uint16_t)(1 + edit->n_scalars);
    node->attrs = NULL;
    node->n_attrs = 0;
    return FET_OK;
}

/* Scalars stand behind the base's values and parameters, in the same order. */
static fet_id scalar_param(const maker *m, uint32_t patch, uint32_t i)
{
    return m->graph->n_params - (m->graph->n_values - (m->scalars[patch] + i));
}

static void write_scalars(const maker *m, uint32_t patch_index)
{
    const fet_patch *patch = &m->blueprint->patches[patch_index];
    for (uint32_t i = 0; i < patch->n_scalars; i++) {
        fet_id value = m->scalars[patch_index] + i, param = scalar_param(m, patch_index, i);
        m->graph->values[value] =
            (fet_value){.name = patch->scalar_name[i], .kind = FET_VALUE_PARAM, .dtype = FET_DTYPE_F32, .node = FET_NONE, .param = param};
        m->graph->params[param] = (fet_param){.value = value, .origin = {.rule = FET_ORIGIN_FRESH}};
    }
}

fet_status maker_apply(const maker *m, uint32_t patch_index)
{
    const fet_patch *patch = &m->blueprint->patches[patch_index];
    write_scalars(m, patch_index);
    for (uint32_t i = 0; i < patch->n_param_edits; i++) {
        const fet_param_edit *edit = &patch->param_edits[i];
        if (m->params[edit->param] == FET_NONE) continue;
        fet_param *param = &m->graph->params[m->params[edit->param]];
        m->graph->values[param->value].name = edit->name;
        FET_TRY(maker_fill_param(m, &edit->plan, param));
    }
    for (uint32_t i = 0; i < patch->n_node_edits; i++) FET_TRY(edit_node(m, &patch->node_edits[i]));
    for (uint32_t i = 0; i < patch->n_kernel_edits; i++) FET_TRY(edit_kernel(m, &patch->kernel_edits[i]));
    for (uint32_t i = 0; i < patch->n_op_edits; i++) FET_TRY(edit_op(m, &patch->op_edits[i], m->scalars[patch_index]));
    return FET_OK;
}

fet_status maker_fill_scalars(const maker *m, uint32_t patch_index)
{
    const fet_patch *patch = &m->blueprint->patches[patch_index];
    for (uint32_t i = 0; i < patch->n_scalars; i++) {
        fet_auto(fet_tensor) tensor = NULL;
        fet_shape none = {0};
        FET_TRY(fet_tensor_create(FET_DTYPE_F32, &none, &tensor));
        fet_tensor_f32(tensor)[0] = patch->scalar[i];
        fet_graph_set_tensor(m->graph, scalar_param(m, patch_index, i), tensor);
    }
    return FET_OK;
}
