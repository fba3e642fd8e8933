// SPDX-License-Identifier: Apache-2.0
#include "rewrite/channel_groups.h"

#include "rewrite/channel_trace.h"

#include <assert.h>
#include <string.h>

/* --- classes --- */

uint32_t channel_find(channel_trace *trace, uint32_t class)
{
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a label has a class, so there are classes
    while (trace->parent[class] != class) class = trace->parent[class] = trace->parent[trace->parent[class]];
    return class;
}

/* The lower number wins, so classes stay in the order of their first appearance. */
void channel_unite(channel_trace *trace, uint32_t a, uint32_t b)
{
    a = channel_find(trace, a), b = channel_find(trace, b);
    if (a == b) return;
    uint32_t root = a < b ? a : b;
    trace->parent[a] = trace->parent[b] = root;
    trace->fixed[root] = trace->fixed[a] | trace->fixed[b];
    trace->mixed[root] = (uint8_t)(trace->mixed[a] | trace->mixed[b]);
}

void channel_fix(channel_trace *trace, const channel_labels *labels)
{
    for (uint32_t i = 0; labels->label && i < labels->count; i++) trace->fixed[channel_find(trace, labels->label[i])] = 1;
}

void channel_mark(channel_trace *trace, const channel_labels *labels, uint8_t bits)
{
    for (uint32_t i = 0; labels->label && i < labels->count; i++) trace->mixed[channel_find(trace, labels->label[i])] |= bits;
}

static fet_status grow(channel_trace *trace, uint32_t needed)
{
    if (needed <= trace->capacity) return FET_OK;
    uint32_t capacity = trace->capacity * 2 > needed ? trace->capacity * 2 : needed + 1024;
    uint32_t *parent = fet_arena_alloc(trace->arena, capacity * sizeof *parent);
    uint8_t *fixed = fet_arena_zalloc(trace->arena, capacity, 1), *mixed = fet_arena_zalloc(trace->arena, capacity, 1);
    if (!parent || !fixed || !mixed) return fet_arena_full();
    if (trace->n_classes) {
        memcpy(parent, trace->parent, trace->n_classes * sizeof *parent);
        memcpy(fixed, trace->fixed, trace->n_classes);
        memcpy(mixed, trace->mixed, trace->n_classes);
    }
    trace->parent = parent;
    trace->mixed = mixed;
    trace->fixed = fixed;
    trace->capacity = capacity;
    return FET_OK;
}

fet_status channel_labels_alloc(channel_trace *trace, uint32_t count, uint32_t axis, channel_labels *out_labels)
{
    uint32_t *label = fet_arena_alloc(trace->arena, ((size_t)count + 1) * sizeof *label);
    if (!label) return fet_arena_full();
    *out_labels = (channel_labels){.label = label, .count = count, .first = (uint8_t)axis, .span = 1, .axis = (uint8_t)axis, .divide = 1};
    return FET_OK;
}

fet_status channel_fresh(channel_trace *trace, uint32_t count, channel_labels *out_labels)
{
    FET_TRY(grow(trace, trace->n_classes + count));
    FET_TRY(channel_labels_alloc(trace, count, 1, out_labels));
    for (uint32_t i = 0; i < count; i++) {
        trace->parent[trace->n_classes] = trace->n_classes;
        out_labels->label[i] = trace->n_classes++;
    }
    return FET_OK;
}

fet_status channel_state_param(channel_trace *trace, fet_id value, uint32_t axis, const channel_labels *labels, bool summed)
{
    const fet_value *v = &trace->graph->values[value];
    channel_labels *stated = &trace->params[(size_t)v->param * FET_ORIGIN_AXES + axis];
    assert(v->kind == FET_VALUE_PARAM && axis < FET_ORIGIN_AXES && v->shape.dim[axis] == labels->count);
    if (!stated->label) {
        *stated = *labels;
        stated->summed = summed;
        return FET_OK;
    }
    /* Shared by two nodes: what one may drop the other must drop too. Shared in two roles, repeating a channel has no right scale: fixed.
     */
    for (uint32_t i = 0; i < labels->count; i++) channel_unite(trace, stated->label[i], labels->label[i]);
    if (stated->summed != summed) channel_fix(trace, labels);
    return FET_OK;
}

fet_status channel_state_size(channel_trace *trace, const fet_node *node, uint32_t input, uint32_t entry, const channel_labels *labels)
{
    if (trace->n_sizes == trace->capacity_sizes) {
        uint32_t capacity = trace->capacity_sizes * 2 + 16;
        channel_size *sizes = fet_arena_alloc(trace->arena, capacity * sizeof *sizes);
        if (!sizes) return fet_arena_full();
        if (trace->n_sizes) memcpy(sizes, trace->sizes, trace->n_sizes * sizeof *sizes);
        trace->sizes = sizes;
        trace->capacity_sizes = capacity;
    }
    channel_size size = {
        .value = node->inputs[input], .node = (fet_id)(node - trace->graph->nodes), .input = input, .entry = entry, .labels = *labels};
    /* One number that two nodes read: they change together. */
    for (uint32_t i = 0; i < trace->n_sizes; i++) {
        const channel_size *other = &trace->sizes[i];
        if (other->value != size.value || other->entry != entry) continue;
        bool alike = other->labels.count == labels->count && other->labels.divide == labels->divide;
        for (uint32_t c = 0; alike && c < labels->count; c++) channel_unite(trace, other->labels.label[c], labels->label[c]);
        if (!alike) {
            channel_fix(trace, labels);
            channel_fix(trace, &other->labels);
        }
    }
    trace->sizes[trace->n_sizes++] = size;
    return FET_OK;
}

static bool is_stated(const channel_trace *trace, fet_id node, uint32_t input, uint32_t entry)
{
    for (uint32_t i = 0; i < trace->n_sizes; i++)
        if (trace->sizes[i].node == node && trace->sizes[i].input == input && trace->sizes[i].entry == entry) return true;
    return false;
}

/* A constant that somebody reads for another purpose must stay as it is. */
static fet_status check_sizes(channel_trace *trace)
{
    const fet_graph *graph = trace->graph;
    if (trace->n_sizes == 0) return FET_OK;
    fet_graph_uses uses;
    FET_TRY(fet_graph_uses_create(graph, trace->arena, &uses));
    for (uint32_t s = 0; s < trace->n_sizes; s++) {
        const channel_size *size = &trace->sizes[s];
        for (uint32_t u = uses.first[size->value]; u < uses.first[size->value + 1]; u++) {
            const fet_node *node = &graph->nodes[uses.nodes[u]];
            for (uint32_t i = 0; i < node->n_inputs; i++)
                if (node->inputs[i] == size->value && !is_stated(trace, uses.nodes[u], i, size->entry)) channel_fix(trace, &size->labels);
        }
    }
    return FET_OK;
}

/* --- from classes to groups --- */

#define UNSEEN UINT32_MAX      /* no neighbour noted yet */
#define BREAK (UINT32_MAX - 1) /* an end, or another neighbour elsewhere */

/* Where each class stands: its neighbours, equal everywhere or BREAK, then its group and place in it. By class. */
typedef struct order {
    uint32_t *next, *previous, *group, *place;
} order;

static void note_neighbour(uint32_t *neighbour, uint32_t class)
{
    if (*neighbour == UNSEEN) *neighbour = class;
    else if (*neighbour != class) *neighbour = BREAK;
}

/* Labels become classes; equal neighbours are one channel of that many entries, and only channels of equally many go together. */
static void note_dim(channel_trace *trace, channel_labels *labels, order *by)
{
    if (!labels->label) return;
    for (uint32_t i = 0; i < labels->count; i++) labels->label[i] = channel_find(trace, labels->label[i]);
    uint32_t before = BREAK, entries_before = 0;
    for (uint32_t i = 0, end; i < labels->count; i = end) {
        for (end = i + 1; end < labels->count && labels->label[end] == labels->label[i];) end++;
        bool joined = before != BREAK && end - i == entries_before;
        note_neighbour(&by->previous[labels->label[i]], joined ? before : BREAK);
        if (before != BREAK) note_neighbour(&by->next[before], joined ? labels->label[i] : BREAK);
        before = labels->label[i], entries_before = end - i;
    }
    if (before != BREAK) note_neighbour(&by->next[before], BREAK);
}

static bool linked(const order *by, uint32_t a, uint32_t b)
{
    return b < BREAK && by->next[a] == b && by->previous[b] == a;
}

static fet_status number_groups(channel_trace *trace, order *by, fet_channel_groups *groups)
{
    uint32_t n = 0;
    for (uint32_t c = 0; c < trace->n_classes; c++)
        n += by->previous[c] != UNSEEN && !(by->previous[c] < BREAK && linked(by, by->previous[c], c));
    groups->groups = fet_arena_zalloc(trace->arena, n + 1, sizeof *groups->groups);
    if (!groups->groups) return fet_arena_full();
    for (uint32_t c = 0; c < trace->n_classes; c++) {
        if (by->previous[c] == UNSEEN || (by->previous[c] < BREAK && linked(by, by->previous[c], c))) continue;
        fet_channel_group *group = &groups->groups[groups->n_groups];
        for (uint32_t at = c;; at = by->next[at]) {
            by->group[at] = groups->n_groups;
            by->place[at] = group->channels++;
            group->fixed |= trace->fixed[at] != 0;
            group->mixed |= (trace->mixed[at] & CHANNEL_MIXED) != 0;
            if (!linked(by, at, by->next[at])) break;
        }
        /* The parts of a dimension that is all one channel cannot be told apart, so a copy would land in different places before and behind
         * a shuffle. */
        if (group->channels == 1 && (trace->mixed[c] & CHANNEL_TIED)) group->fixed = true;
        groups->n_groups++;
    }
    assert(groups->n_groups == n);
    return FET_OK;
}

static fet_status make_dim(const channel_trace *trace, const channel_labels *labels, const order *by, const fet_channel_groups *groups,
                           fet_channel_dim *out_dim)
{
    if (!labels->label) return FET_OK;
    uint32_t n_runs = 0;
    for (int pass = 0; pass < 2; pass++) {
        fet_channel_run *runs = pass ? fet_arena_alloc(trace->arena, n_runs * sizeof *runs) : NULL;
        if (pass && !runs) return fet_arena_full();
        n_runs = 0;
        for (uint32_t i = 0, inner; i < labels->count; i += groups->groups[by->group[labels->label[i]]].channels * inner) {
            assert(by->place[labels->label[i]] == 0);
            for (inner = 1; i + inner < labels->count && labels->label[i + inner] == labels->label[i];) inner++;
            if (pass) runs[n_runs] = (fet_channel_run){.group = by->group[labels->label[i]], .inner = inner};
            n_runs++;
        }
        if (pass)
            *out_dim =
                (fet_channel_dim){.runs = runs, .n_runs = n_runs, .summed = labels->summed, .axis = labels->axis, .divide = labels->divide};
    }
    return FET_OK;
}

/* A parameter's axis counts once for each group, however often the group stands in it. */
static bool first_of_group(const fet_channel_dim *dim, uint32_t run)
{
    for (uint32_t r = 0; r < run; r++)
        if (dim->runs[r].group == dim->runs[run].group) return false;
    return true;
}

static fet_status list_members(const channel_trace *trace, fet_channel_groups *groups)
{
    uint32_t n_axes = trace->graph->n_params * FET_ORIGIN_AXES;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t a = 0; a < n_axes; a++)
            for (uint32_t r = 0; r < groups->params[a].n_runs; r++) {
                fet_channel_group *group = &groups->groups[groups->params[a].runs[r].group];
                if (!first_of_group(&groups->params[a], r)) continue;
                if (pass)
                    ((fet_channel_member *)group->members)[group->n_members] =
                        (fet_channel_member){a / FET_ORIGIN_AXES, a % FET_ORIGIN_AXES};
                group->n_members++;
            }
        for (uint32_t g = 0; pass == 0 && g < groups->n_groups; g++) {
            fet_channel_member *members = fet_arena_alloc(trace->arena, (groups->groups[g].n_members + 1) * sizeof *members);
            if (!members) return fet_arena_full();
            groups->groups[g].members = members;
            groups->groups[g].n_members = 0;
        }
    }
    return FET_OK;
}

/* Statements about one entry of one constant agree by now: the first counts. */
static fet_status list_sizes(channel_trace *trace, const order *by, fet_channel_groups *groups)
{
    groups->sizes = fet_arena_zalloc(trace->arena, trace->n_sizes + 1, sizeof *groups->sizes);
    if (!groups->sizes) return fet_arena_full();
    for (uint32_t s = 0; s < trace->n_sizes; s++) {
        const channel_size *size = &trace->sizes[s];
        fet_channel_size listed = {.param = trace->graph->values[size->value].param, .entry = size->entry};
        bool known = false;
        for (uint32_t i = 0; i < groups->n_sizes; i++)
            known |= groups->sizes[i].param == listed.param && groups->sizes[i].entry == listed.entry;
        if (known) continue;
        FET_TRY(make_dim(trace, &size->labels, by, groups, &listed.dim));
        groups->sizes[groups->n_sizes++] = listed;
    }
    return FET_OK;
}

static fet_status extract(channel_trace *trace, fet_channel_groups *groups)
{
    const fet_graph *graph = trace->graph;
    size_t n_axes = (size_t)graph->n_params * FET_ORIGIN_AXES, bytes = ((size_t)trace->n_classes + 1) * sizeof(uint32_t);
    order by = {fet_arena_alloc(trace->arena, bytes), fet_arena_alloc(trace->arena, bytes), fet_arena_alloc(trace->arena, bytes),
                fet_arena_alloc(trace->arena, bytes)};
    groups->values = fet_arena_zalloc(trace->arena, (size_t)graph->n_values + 1, sizeof *groups->values);
    groups->params = fet_arena_zalloc(trace->arena, n_axes + 1, sizeof *groups->params);
    if (!by.next || !by.previous || !by.group || !by.place || !groups->values || !groups->params) return fet_arena_full();
    memset(by.next, 0xff, bytes);
    memset(by.previous, 0xff, bytes);
    for (uint32_t v = 0; v < graph->n_values; v++) note_dim(trace, &trace->values[v], &by);
    for (size_t a = 0; a < n_axes; a++) note_dim(trace, &trace->params[a], &by);
    for (uint32_t i = 0; i < trace->n_sizes; i++) note_dim(trace, &trace->sizes[i].labels, &by);
    FET_TRY(number_groups(trace, &by, groups));
    for (uint32_t v = 0; v < graph->n_values; v++) FET_TRY(make_dim(trace, &trace->values[v], &by, groups, &groups->values[v]));
    for (size_t a = 0; a < n_axes; a++) FET_TRY(make_dim(trace, &trace->params[a], &by, groups, &groups->params[a]));
    FET_TRY(list_sizes(trace, &by, groups));
    return list_members(trace, groups);
}

fet_status fet_channel_groups_find(const fet_graph *graph, fet_arena *arena, fet_channel_groups *out_groups)
{
    channel_trace trace = {.graph = graph, .arena = arena};
    trace.values = fet_arena_zalloc(arena, (size_t)graph->n_values + 1, sizeof *trace.values);
    trace.params = fet_arena_zalloc(arena, (size_t)graph->n_params * FET_ORIGIN_AXES + 1, sizeof *trace.params);
    if (!trace.values || !trace.params) return fet_arena_full();
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        const fet_value *value = &graph->values[graph->inputs[i]];
        if (value->shape.rank < 2) continue;
        FET_TRY(channel_fresh(&trace, (uint32_t)value->shape.dim[1], &trace.values[graph->inputs[i]]));
        channel_fix(&trace, &trace.values[graph->inputs[i]]);
    }
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op != FET_OP_NONE) FET_TRY(channel_trace_node(&trace, &graph->nodes[n]));
    for (uint32_t o = 0; o < graph->n_outputs; o++) channel_fix(&trace, &trace.values[graph->outputs[o]]);
    FET_TRY(check_sizes(&trace));
    fet_channel_groups groups = {0};
    FET_TRY(extract(&trace, &groups));
    *out_groups = groups;
    return FET_OK;
}

uint32_t fet_channel_group_of_value(const fet_channel_groups *groups, fet_id value)
{
    const fet_channel_dim *dim = &groups->values[value];
    return dim->n_runs == 1 && dim->runs[0].inner == 1 && dim->axis == 1 && dim->divide == 1 ? dim->runs[0].group : FET_NONE;
}

bool fet_channel_groups_same(const fet_channel_groups *a, const fet_channel_groups *b)
{
    if (a->n_groups != b->n_groups) return false;
    for (uint32_t g = 0; g < a->n_groups; g++)
        if (a->groups[g].fixed != b->groups[g].fixed || (a->groups[g].channels != b->groups[g].channels && !a->groups[g].fixed))
            return false;
    return true;
}
