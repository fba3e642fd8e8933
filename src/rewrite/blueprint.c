// SPDX-License-Identifier: Apache-2.0
#include "rewrite/blueprint.h"

#include "op/conv.h"
#include "rewrite/blueprint_make.h"
#include "rewrite/importance.h"
#include "rewrite/set_width.h"

#include <string.h>

fet_param_plan fet_param_plan_same(const fet_graph *base, const fet_channel_groups *groups, fet_id param)
{
    fet_param_plan plan = {.shape = base->values[base->params[param].value].shape};
    plan.origin = (fet_origin){.rule = FET_ORIGIN_SAME, .base = {param, FET_NONE, FET_NONE, FET_NONE}};
    for (uint32_t a = 0; a < FET_ORIGIN_AXES; a++) plan.dim[a] = *fet_channel_param_dim(groups, param, a);
    return plan;
}

/* --- init --- */

static fet_status order_channels(fet_blueprint *blueprint, fet_arena *arena)
{
    uint32_t n = blueprint->groups->n_groups;
    uint32_t **order = fet_arena_zalloc(arena, n + 1, sizeof *order), **rank = fet_arena_zalloc(arena, n + 1, sizeof *rank);
    fet_auto(fet_arena) scratch = NULL;
    FET_TRY(fet_arena_create(&scratch));
    if (!order || !rank) return fet_arena_full();
    for (uint32_t g = 0; g < n; g++) {
        uint32_t channels = blueprint->groups->groups[g].channels;
        if (blueprint->groups->groups[g].fixed) continue;
        order[g] = fet_arena_alloc(arena, channels * sizeof **order);
        rank[g] = fet_arena_alloc(arena, channels * sizeof **rank);
        if (!order[g] || !rank[g]) return fet_arena_full();
        fet_arena_reset(scratch);
        FET_TRY(fet_channel_order(blueprint->base, blueprint->groups, g, scratch, order[g]));
        for (uint32_t c = 0; c < channels; c++) rank[g][order[g][c]] = c;
    }
    blueprint->order = order;
    blueprint->rank = rank;
    return FET_OK;
}

static fet_status plan_params(fet_blueprint *blueprint, fet_arena *arena)
{
    const fet_graph *base = blueprint->base;
    fet_param_plan *plans = fet_arena_alloc(arena, (base->n_params + 1) * sizeof *plans);
    uint8_t *keeps = fet_arena_zalloc(arena, base->n_params + 1, 1);
    if (!plans || !keeps) return fet_arena_full();
    for (fet_id p = 0; p < base->n_params; p++) {
        plans[p] = fet_param_plan_same(base, blueprint->groups, p);
        keeps[p] = !base->params[p].trainable;
    }
    /* Running statistics are not trained either, but they are no constants. */
    for (fet_id n = 0; n < base->n_nodes; n++)
        for (uint32_t i = 1; i < base->nodes[n].n_inputs && base->nodes[n].op == FET_OP_BATCH_NORMALIZATION; i++)
            if (base->values[base->nodes[n].inputs[i]].kind == FET_VALUE_PARAM) keeps[base->values[base->nodes[n].inputs[i]].param] = 0;
    blueprint->plans = plans;
    blueprint->keeps_tensor = keeps;
    return FET_OK;
}

static fet_status plan_nodes(fet_blueprint *blueprint, fet_arena *arena)
{
    const fet_graph *base = blueprint->base;
    uint8_t *follows = fet_arena_zalloc(arena, base->n_nodes + 1, 1);
    fet_id *with_tensor = fet_arena_alloc(arena, (base->n_nodes + 1) * sizeof *with_tensor);
    if (!follows || !with_tensor) return fet_arena_full();
    for (fet_id n = 0; n < base->n_nodes; n++) {
        const fet_node *node = &base->nodes[n];
        if (node->op == FET_OP_CONV) follows[n] = fet_op_is_depthwise(base, node);
        if (node->op == FET_OP_CONV_TRANSPOSE) {
            int64_t group = fet_node_int(node, FET_ATTR_GROUP, 1);
            follows[n] = group > 1 && group == base->values[node->inputs[0]].shape.dim[1];
        }
        bool tensor = false;
        for (uint32_t a = 0; a < node->n_attrs; a++) tensor |= node->attrs[a].type == FET_ATTR_TYPE_TENSOR;
        if (tensor) with_tensor[blueprint->n_tensor_nodes++] = n;
    }
    blueprint->follows_group = follows;
    blueprint->tensor_nodes = with_tensor;
    return FET_OK;
}

fet_status fet_blueprint_init(const fet_graph *base, const fet_channel_groups *groups, const fet_patch *patches, uint32_t n_patches,
                              fet_arena *arena, fet_blueprint *out_blueprint)
{
    fet_blueprint blueprint = {.base = base, .groups = groups, .patches = patches, .n_patches = n_patches};
    FET_TRY(order_channels(&blueprint, arena));
    FET_TRY(plan_params(&blueprint, arena));
    FET_TRY(plan_nodes(&blueprint, arena));
    *out_blueprint = blueprint;
    return FET_OK;
}

fet_status fet_blueprint_rebase(const fet_blueprint *blueprint, const fet_graph *resized, fet_arena *arena, fet_blueprint *out_blueprint)
{
    fet_blueprint rebased = *blueprint;
    fet_channel_groups *groups = fet_arena_alloc(arena, sizeof *groups);
    fet_param_plan *plans = fet_arena_copy(arena, blueprint->plans, resized->n_params * sizeof *plans);
    if (!groups || !plans) return fet_arena_full();
    FET_TRY(fet_channel_groups_find(resized, arena, groups));
    if (!fet_channel_groups_same(groups, blueprint->groups))
        return fet_fail(FET_ERROR_SHAPE, "other dimensions change together at another input size");
    /* Constants that name a size have numbers of their own there. */
    for (fet_id p = 0; p < resized->n_params; p++)
        if (resized->params[p].tensor != blueprint->base->params[p].tensor) plans[p].origin = (fet_origin){.rule = FET_ORIGIN_FRESH};
    rebased.base = resized;
    rebased.groups = groups;
    rebased.plans = plans;
    *out_blueprint = rebased;
    return FET_OK;
}

/* --- make --- */

static fet_status choose_channels(maker *m)
{
    const fet_channel_groups *groups = m->blueprint->groups;
    m->kept = fet_arena_zalloc(m->arena, groups->n_groups + 1, sizeof *m->kept);
    if (!m->kept) return fet_arena_full();
    for (uint32_t g = 0; g < groups->n_groups; g++) {
        uint32_t base = groups->groups[g].channels, wanted = m->channels[g];
        if (wanted == base) continue;
        if (groups->groups[g].fixed || wanted == 0)
            return fet_fail(FET_ERROR_ARG, "channel group %u of %u channels cannot have %u: %s", g, base, wanted,
                            wanted ? "an input, an output or an operator we do not trace hangs on it" : "at least one is needed");
        uint32_t *index = fet_arena_alloc(m->arena, wanted * sizeof *index);
        float *scale = wanted > base ? fet_arena_alloc(m->arena, wanted * sizeof *scale) : NULL;
        if (!index || (wanted > base && !scale)) return fet_arena_full();
        fet_channel_choose(m->blueprint->order[g], m->blueprint->rank[g], base, wanted, index, scale);
        m->kept[g] = (fet_origin_axis){.count = wanted, .index = index, .scale = scale};
    }
    return FET_OK;
}

/* Entries of an axis of several groups, or of channels of several entries. */
static fet_status expand_axis(const maker *m, const fet_channel_dim *dim, int64_t size, fet_origin_axis *out_axis)
{
    uint32_t *index = fet_arena_alloc(m->arena, (size_t)size * sizeof *index);
    float *scale = dim->summed ? fet_arena_alloc(m->arena, (size_t)size * sizeof *scale) : NULL;
    if (!index || (dim->summed && !scale)) return fet_arena_full();
    uint32_t to = 0, from = 0;
    for (uint32_t r = 0; r < dim->n_runs; r++) {
        uint32_t group = dim->runs[r].group, inner = dim->runs[r].inner;
        const fet_origin_axis *kept = &m->kept[group];
        for (uint32_t c = 0; c < m->channels[group]; c++)
            for (uint32_t i = 0; i < inner; i++, to++) {
                index[to] = from + (kept->index ? kept->index[c] : c) * inner + i;
                if (scale) scale[to] = kept->scale ? kept->scale[c] : 1.0f;
            }
        from += m->blueprint->groups->groups[group].channels * inner;
    }
    *out_axis = (fet_origin_axis){.count = (uint32_t)size, .index = index, .scale = scale};
    return FET_OK;
}

/* Size and origin of one axis; an axis of unchanged groups stays the identity. */
static fet_status fill_axis(const maker *m, const fet_channel_dim *dim, int64_t *size, fet_origin_axis *axis)
{
    bool changed = false;
    for (uint32_t r = 0; r < dim->n_runs; r++) changed |= m->kept[dim->runs[r].group].index != NULL;
    if (!changed) return FET_OK;
    *size = fet_channel_dim_size(dim, m->channels);
    if (dim->n_runs > 1 || dim->runs[0].inner > 1) return expand_axis(m, dim, *size, axis);
    *axis = m->kept[dim->runs[0].group];
    if (!dim->summed) axis->scale = NULL;
    return FET_OK;
}

static uint32_t largest_divisor(int64_t a, int64_t b, uint32_t most)
{
    for (int64_t d = most < a ? most : a; d > 1; d--)
        if (a % d == 0 && b % d == 0) return (uint32_t)d;
    return 1;
}

fet_status maker_fill_param(const maker *m, const fet_param_plan *plan, fet_param *param)
{
    fet_shape *shape = &m->graph->values[param->value].shape;
    param->origin = plan->origin;
    *shape = plan->shape;
    for (uint32_t a = 0; a < shape->rank && a < FET_ORIGIN_AXES; a++)
        if (plan->dim[a].n_runs) FET_TRY(fill_axis(m, &plan->dim[a], &shape->dim[a], &param->origin.axis[a]));
    if (plan->origin.rule == FET_ORIGIN_SPREAD) shape->dim[1] = largest_divisor(shape->dim[0], shape->dim[0], plan->grouped);
    else if (plan->grouped) shape->dim[1] /= largest_divisor(shape->dim[1], shape->dim[0], plan->grouped);
    if (param->origin.rule != FET_ORIGIN_SAME) return FET_OK;
    for (uint32_t a = 0; a < FET_ORIGIN_AXES; a++)
        if (param->origin.axis[a].index) param->origin.rule = FET_ORIGIN_SLICE;
    return FET_OK;
}

/* New ids, in the old order; FET_NONE for what the patches drop. */
static fet_status number(maker *m, const uint8_t *patch_on)
{
    const fet_graph *base = m->blueprint->base;
    m->values = fet_arena_zalloc(m->arena, base->n_values + 1, sizeof *m->values);
    m->nodes = fet_arena_zalloc(m->arena, base->n_nodes + 1, sizeof *m->nodes);
    m->params = fet_arena_zalloc(m->arena, base->n_params + 1, sizeof *m->params);
    m->scalars = fet_arena_zalloc(m->arena, m->blueprint->n_patches + 1, sizeof *m->scalars);
    if (!m->values || !m->nodes || !m->params || !m->scalars) return fet_arena_full();
    for (uint32_t i = 0; patch_on && i < m->blueprint->n_patches; i++) {
        const fet_patch *patch = &m->blueprint->patches[i];
        if (!patch_on[i]) continue;
        for (uint32_t n = 0; n < patch->n_drop_nodes; n++) m->nodes[patch->drop_nodes[n]] = FET_NONE;
        for (uint32_t v = 0; v < patch->n_drop_values; v++) {
            m->values[patch->drop_values[v]] = FET_NONE;
            if (base->values[patch->drop_values[v]].kind == FET_VALUE_PARAM)
                m->params[base->values[patch->drop_values[v]].param] = FET_NONE;
        }
    }
    fet_graph *graph = m->graph;
    for (fet_id v = 0; v < base->n_values; v++) m->values[v] = m->values[v] == FET_NONE ? FET_NONE : graph->n_values++;
    for (fet_id n = 0; n < base->n_nodes; n++)
        m->nodes[n] = m->nodes[n] == FET_NONE || base->nodes[n].op == FET_OP_NONE ? FET_NONE : graph->n_nodes++;
    for (fet_id p = 0; p < base->n_params; p++) m->params[p] = m->params[p] == FET_NONE ? FET_NONE : graph->n_params++;
    for (uint32_t i = 0; patch_on && i < m->blueprint->n_patches; i++) {
        const fet_patch *patch = &m->blueprint->patches[i];
        if (!patch_on[i]) continue;
        for (uint32_t a = 0; a < patch->n_aliases; a++) m->values[patch->aliases[a].from] = m->values[patch->aliases[a].to];
        m->scalars[i] = graph->n_values;
        graph->n_values += patch->n_scalars;
        graph->n_params += patch->n_scalars;
    }
    return FET_OK;
}

static fet_id mapped(const fet_id *map, fet_id id)
{
    return id == FET_NONE ? FET_NONE : map[id];
}

static fet_status write_values(maker *m)
{
    const fet_graph *base = m->blueprint->base;
    m->graph->capacity_values = m->graph->n_values;
    fet_value *to = m->graph->values = fet_arena_alloc(m->arena, m->graph->n_values * sizeof *to);
    if (!to) return fet_arena_full();
    for (fet_id v = 0; v < base->n_values; v++) {
        if (m->values[v] != (fet_id)(to - m->graph->values)) continue; /* dropped, or now another's name */
        *to = base->values[v];
        to->node = mapped(m->nodes, to->node);
        to->param = mapped(m->params, to->param);
        const fet_channel_dim *dim = &m->blueprint->groups->values[v];
        if (dim->n_runs) to->shape.dim[dim->axis] = fet_channel_dim_size(dim, m->channels) / dim->divide;
        to++;
    }
    return FET_OK;
}

static fet_status write_params(maker *m)
{
    const fet_graph *base = m->blueprint->base;
    m->graph->capacity_params = m->graph->n_params;
    fet_param *to = m->graph->params = fet_arena_alloc(m->arena, m->graph->n_params * sizeof *to);
    if (!to) return fet_arena_full();
    for (fet_id p = 0; p < base->n_params; p++) {
        if (m->params[p] == FET_NONE) continue;
        to->value = m->values[base->params[p].value];
        to->trainable = base->params[p].trainable;
        FET_TRY(maker_fill_param(m, &m->blueprint->plans[p], to));
        bool as_it_is = to->origin.rule == FET_ORIGIN_SAME || to->origin.rule == FET_ORIGIN_FRESH;
        to->tensor = m->blueprint->keeps_tensor[p] && as_it_is ? base->params[p].tensor : NULL;
        to++;
    }
    return FET_OK;
}

/* The attribute list is shared with the base until the number of groups changes. */
static fet_status follow_group(const maker *m, fet_id n, fet_node *node)
{
    int64_t channels = m->graph->values[node->inputs[0]].shape.dim[1];
    if (channels == m->blueprint->base->values[m->blueprint->base->nodes[n].inputs[0]].shape.dim[1]) return FET_OK;
    fet_attr *attrs = fet_arena_copy(m->arena, node->attrs, node->n_attrs * sizeof *attrs);
    if (!attrs) return fet_arena_full();
    for (uint32_t a = 0; a < node->n_attrs; a++)
        if (attrs[a].key == FET_ATTR_GROUP) attrs[a].i = channels;
    node->attrs = attrs;
    return FET_OK;
}

static fet_status write_nodes(maker *m)
{
    const fet_graph *base = m->blueprint->base;
    size_t n_ids = 0;
    for (fet_id n = 0; n < base->n_nodes; n++)
        if (m->nodes[n] != FET_NONE) n_ids += (size_t)base->nodes[n].n_inputs + base->nodes[n].n_outputs;
    m->graph->capacity_nodes = m->graph->n_nodes;
    fet_node *to = m->graph->nodes = fet_arena_alloc(m->arena, m->graph->n_nodes * sizeof *to);
    fet_id *ids = fet_arena_alloc(m->arena, n_ids * sizeof *ids);
    if (!to || !ids) return fet_arena_full();
    for (fet_id n = 0; n < base->n_nodes; n++) {
        if (m->nodes[n] == FET_NONE) continue;
        const fet_node *from = &base->nodes[n];
        *to = *from;
        if (m->blueprint->precisions) to->precision = m->blueprint->precisions[n];
        to->inputs = ids;
        for (uint32_t i = 0; i < from->n_inputs; i++) *ids++ = mapped(m->values, from->inputs[i]);
        to->outputs = ids;
        for (uint32_t i = 0; i < from->n_outputs; i++) *ids++ = mapped(m->values, from->outputs[i]);
        /* A dropped input is replaced by the node's edit, which also says what its attributes are. */
        if (m->blueprint->follows_group[n] && to->inputs[0] != FET_NONE) FET_TRY(follow_group(m, n, to));
        to++;
    }
    return FET_OK;
}

static fet_status write_ends(maker *m)
{
    const fet_graph *base = m->blueprint->base;
    fet_graph *graph = m->graph;
    graph->name = base->name;
    graph->n_inputs = graph->capacity_inputs = base->n_inputs;
    graph->n_outputs = graph->capacity_outputs = base->n_outputs;
    graph->inputs = fet_arena_alloc(m->arena, base->n_inputs * sizeof *graph->inputs);
    graph->outputs = fet_arena_alloc(m->arena, base->n_outputs * sizeof *graph->outputs);
    if (!graph->inputs || !graph->outputs) return fet_arena_full();
    for (uint32_t i = 0; i < base->n_inputs; i++) graph->inputs[i] = m->values[base->inputs[i]];
    for (uint32_t o = 0; o < base->n_outputs; o++) graph->outputs[o] = m->values[base->outputs[o]];
    return FET_OK;
}

/* Behind all that allocates in the arena, so that a failure there leaves no count behind. */
static void retain_tensors(const maker *m)
{
    for (fet_id p = 0; p < m->graph->n_params; p++) fet_tensor_retain(m->graph->params[p].tensor);
    for (uint32_t i = 0; i < m->blueprint->n_tensor_nodes; i++) {
        if (m->nodes[m->blueprint->tensor_nodes[i]] == FET_NONE) continue;
        const fet_node *node = &m->graph->nodes[m->nodes[m->blueprint->tensor_nodes[i]]];
        for (uint32_t a = 0; a < node->n_attrs; a++)
            if (node->attrs[a].type == FET_ATTR_TYPE_TENSOR) fet_tensor_retain(node->attrs[a].tensor);
    }
}

/* A constant that names a size which changed becomes one of the candidate's own. */
static fet_status write_sizes(const maker *m)
{
    const fet_channel_groups *groups = m->blueprint->groups;
    for (uint32_t s = 0; s < groups->n_sizes; s++) {
        const fet_channel_size *size = &groups->sizes[s];
        fet_id p = m->params[size->param];
        bool changed = false;
        for (uint32_t r = 0; r < size->dim.n_runs; r++) changed |= m->kept[size->dim.runs[r].group].index != NULL;
        if (!changed || p == FET_NONE) continue;
        fet_param *param = &m->graph->params[p];
        if (param->tensor == m->blueprint->base->params[size->param].tensor) {
            fet_auto(fet_tensor) copy = NULL;
            FET_TRY(fet_tensor_copy(param->tensor, &copy));
            fet_graph_set_tensor(m->graph, p, copy);
            param->origin = (fet_origin){.rule = FET_ORIGIN_FRESH};
        }
        fet_tensor_s64(param->tensor)[size->entry] = fet_channel_dim_size(&size->dim, m->channels) / size->dim.divide;
    }
    return FET_OK;
}

fet_status fet_blueprint_make(const fet_blueprint *blueprint, const uint32_t *channels, const uint8_t *patch_on, fet_arena *arena,
                              fet_graph **out_graph)
{
    maker m = {.blueprint = blueprint, .channels = channels, .arena = arena};
    FET_TRY(fet_graph_create(arena, &m.graph));
    FET_TRY(choose_channels(&m));
    FET_TRY(number(&m, patch_on));
    FET_TRY(write_values(&m));
    FET_TRY(write_params(&m));
    FET_TRY(write_nodes(&m));
    for (uint32_t i = 0; patch_on && i < blueprint->n_patches; i++)
        if (patch_on[i]) FET_TRY(maker_apply(&m, i));
    FET_TRY(write_ends(&m));
    retain_tensors(&m);
    fet_auto(fet_graph) graph = m.graph;
    FET_TRY(write_sizes(&m));
    for (uint32_t i = 0; patch_on && i < blueprint->n_patches; i++)
        if (patch_on[i]) FET_TRY(maker_fill_scalars(&m, i));
    *out_graph = fet_take(graph);
    return FET_OK;
}
