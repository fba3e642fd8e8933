// SPDX-License-Identifier: Apache-2.0
/*
 * What layers of an int8 network are computed in (fet_node.precision): a decision a block, for all its layers together, and one a layer of
 * no block; or, finer, one a layer. From one precision to another a value is converted, so single layers rarely pay: a block is the usual
 * step. An option is a table line. What a candidate's layers are computed in is written into its nodes when it is derived; kernels, cost,
 * memory, the int8 executor and files go by that.
 */
#include "rewrite/mark_precision.h"
#include "space/internal.h"

/* By rising bits, as options of a decision stand. */
static const struct {
    fet_dtype mark; /* of a node */
    fet_dtype precision;
    const char *label;
    double bits;
} table[] = {
    {FET_DTYPE_NONE, FET_DTYPE_S8, "int8", 8}, {FET_DTYPE_BF16, FET_DTYPE_BF16, "bf16", 16}, {FET_DTYPE_F32, FET_DTYPE_F32, "f32", 32}};
enum { N_TABLE = sizeof table / sizeof *table };

/* --- which layers there are --- */

/* Nodes on a path from the block's input to its output get the block's number. Nodes stand in running order. */
static fet_status claim_nodes(const fet_space *space, uint32_t b, uint32_t *block_of)
{
    const fet_graph *graph = space->base;
    const fet_block *block = &space->blocks.items[b];
    enum { BEHIND = 1, BEFORE = 2 };
    uint8_t *reached = fet_arena_zalloc(space->arena, graph->n_values + 1, 1);
    if (!reached) return fet_arena_full();
    reached[block->input] = BEHIND;
    reached[block->output] = BEFORE;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        bool behind = false;
        for (uint32_t i = 0; node->op != FET_OP_NONE && i < node->n_inputs; i++)
            behind = behind || (node->inputs[i] != FET_NONE && reached[node->inputs[i]] & BEHIND);
        for (uint32_t o = 0; behind && o < node->n_outputs; o++)
            if (node->outputs[o] != FET_NONE) reached[node->outputs[o]] |= BEHIND;
    }
    for (fet_id n = graph->n_nodes; n-- > 0;) {
        const fet_node *node = &graph->nodes[n];
        bool before = false;
        for (uint32_t o = 0; node->op != FET_OP_NONE && o < node->n_outputs; o++)
            before = before ||
                     (node->outputs[o] != FET_NONE && node->outputs[o] != block->input && reached[node->outputs[o]] == (BEHIND | BEFORE));
        if (!before) continue;
        if (block_of[n] == FET_NONE) block_of[n] = b;
        for (uint32_t i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] != FET_NONE) reached[node->inputs[i]] |= BEFORE;
    }
    return FET_OK;
}

/* Layers that the job has decided about: the first and the last ones. */
static fet_status find_ends(const fet_space *space, const fet_space_options *options, bool *is_end)
{
    const fet_graph *base = space->base;
    fet_auto(fet_graph) copy = NULL;
    fet_dtype first = options->first != FET_DTYPE_NONE ? FET_DTYPE_F32 : FET_DTYPE_NONE;
    fet_dtype last = options->last != FET_DTYPE_NONE ? FET_DTYPE_F32 : FET_DTYPE_NONE;
    if (first == FET_DTYPE_NONE && last == FET_DTYPE_NONE) return FET_OK;
    FET_TRY(fet_graph_copy(base, NULL, 0, &copy));
    for (fet_id n = 0; n < copy->n_nodes; n++) copy->nodes[n].precision = FET_DTYPE_NONE;
    FET_TRY(fet_mark_precision_ends(copy, first, last));
    for (fet_id n = 0; n < copy->n_nodes; n++) is_end[n] = copy->nodes[n].precision != FET_DTYPE_NONE;
    return FET_OK;
}

/* Forms of its block in which the layer is not there any more, as bits. */
static uint64_t forms_without(const fet_space *space, const space_layer *layer)
{
    uint64_t forms = 0;
    uint32_t form = layer->block == FET_NONE ? FET_NONE : space->sites[layer->block].form;
    if (form == FET_NONE) return 0;
    for (uint32_t o = 0; o < space->decisions[form].n_options; o++) {
        uint32_t patch = space->patch_of[form][o];
        for (uint32_t n = 0; patch != FET_NONE && n < space->patches[patch].n_drop_nodes; n++)
            if (space->patches[patch].drop_nodes[n] == layer->node) forms |= (uint64_t)1 << o;
    }
    return forms;
}

fet_status space_find_layers(fet_space *space, const fet_space_options *options)
{
    const fet_graph *base = space->base;
    uint32_t *block_of = fet_arena_alloc(space->arena, (base->n_nodes + 1) * sizeof *block_of);
    bool *is_end = fet_arena_zalloc(space->arena, base->n_nodes + 1, sizeof *is_end);
    space->layers = fet_arena_zalloc(space->arena, base->n_nodes + 1, sizeof *space->layers);
    if (!block_of || !is_end || !space->layers) return fet_arena_full();
    for (fet_id n = 0; n < base->n_nodes; n++) block_of[n] = FET_NONE;
    for (uint32_t b = 0; b < space->blocks.count; b++) FET_TRY(claim_nodes(space, b, block_of));
    FET_TRY(find_ends(space, options, is_end));
    uint32_t number = 0;
    for (fet_id n = 0; n < base->n_nodes; n++) {
        const fet_node *node = &base->nodes[n];
        if (node->op == FET_OP_NONE || !fet_mark_precision_is_layer(base, node)) continue;
        number++;
        if (is_end[n]) continue;
        space->layers[space->n_layers++] = (space_layer){.node = n, .number = number, .block = block_of[n], .decision = FET_NONE};
    }
    return FET_OK;
}

/* --- decisions --- */

static bool is_wanted(const fet_space_options *options, fet_dtype precision)
{
    for (uint32_t p = 0; p < options->n_precisions; p++)
        if (options->precisions[p] == precision) return true;
    return false;
}

/* Layers of one decision that a file has marked differently stay as they are. */
static bool have_one_mark(const fet_space *space, const uint32_t *layers, uint32_t n)
{
    const fet_node *nodes = space->base->nodes;
    for (uint32_t i = 1; i < n; i++)
        if (nodes[space->layers[layers[i]].node].precision != nodes[space->layers[layers[0]].node].precision) return false;
    return n > 0;
}

static fet_status add_decision(fet_space *space, const uint32_t *layers, uint32_t n, const char *name, const fet_space_options *options,
                               uint32_t *out_index)
{
    fet_decision decision = {.name = name, .kind = FET_DECISION_PRECISION};
    *out_index = FET_NONE;
    if (!name) return fet_arena_full();
    if (!have_one_mark(space, layers, n)) return FET_OK;
    fet_dtype is = (fet_dtype)space->base->nodes[space->layers[layers[0]].node].precision;
    decision.options = fet_arena_zalloc(space->arena, N_TABLE, sizeof *decision.options);
    if (!decision.options) return fet_arena_full();
    for (uint32_t i = 0; i < N_TABLE; i++) {
        bool base = table[i].mark == is || table[i].precision == is;
        if (base) decision.base_option = decision.n_options;
        if (base || table[i].mark == FET_DTYPE_NONE || is_wanted(options, table[i].precision))
            decision.options[decision.n_options++] = (fet_option){.label = table[i].label, .value = table[i].bits, .keeps_function = true};
    }
    if (decision.n_options < 2) return FET_OK;
    FET_TRY(space_add_decision(space, &decision, out_index));
    space->decides_precision = true;
    for (uint32_t i = 0; i < n; i++) space->layers[layers[i]].decision = *out_index;
    return FET_OK;
}

fet_status space_add_block_precision(fet_space *space, uint32_t block, uint32_t number_in_stage, const fet_space_options *options)
{
    uint32_t n = 0, *layers = fet_arena_alloc(space->arena, (space->n_layers + 1) * sizeof *layers);
    if (!layers) return fet_arena_full();
    for (uint32_t l = 0; l < space->n_layers; l++)
        if (space->layers[l].block == block) layers[n++] = l;
    const char *name = fet_arena_printf(space->arena, "stage%u.block%u.precision", space->block_stage[block] + 1, number_in_stage);
    return add_decision(space, layers, n, name, options, &space->sites[block].precision);
}

fet_status space_add_layer_precisions(fet_space *space, const fet_space_options *options)
{
    for (uint32_t l = 0; l < space->n_layers; l++) {
        space_layer *layer = &space->layers[l];
        uint32_t index = FET_NONE;
        bool single = layer->block == FET_NONE || options->kinds & FET_SPACE_LAYER_PRECISION;
        if (!single || layer->decision != FET_NONE) continue;
        layer->gone = forms_without(space, layer);
        FET_TRY(add_decision(space, &l, 1, fet_arena_printf(space->arena, "layer%u.precision", layer->number), options, &index));
    }
    return FET_OK;
}

/* --- candidates --- */

static fet_dtype mark_of(const fet_option *option)
{
    for (uint32_t i = 0; i < N_TABLE; i++)
        if (table[i].bits == option->value) return table[i].mark;
    return FET_DTYPE_NONE;
}

fet_status space_precisions(const fet_space *space, const fet_genome *genome, fet_arena *arena, const uint16_t **out_precisions)
{
    const fet_graph *base = space->base;
    *out_precisions = NULL;
    if (!space->decides_precision) return FET_OK;
    uint16_t *precisions = fet_arena_alloc(arena, (base->n_nodes + 1) * sizeof *precisions);
    if (!precisions) return fet_arena_full();
    for (fet_id n = 0; n < base->n_nodes; n++) precisions[n] = base->nodes[n].precision;
    for (uint32_t l = 0; l < space->n_layers; l++) {
        uint32_t d = space->layers[l].decision;
        if (d != FET_NONE) precisions[space->layers[l].node] = (uint16_t)mark_of(&space->decisions[d].options[genome->option[d]]);
    }
    *out_precisions = precisions;
    return FET_OK;
}

bool fet_genome_is_base_network(const fet_space *space, const fet_genome *genome)
{
    for (uint32_t d = 0; d < genome->n; d++) {
        const fet_decision *decision = &space->decisions[d];
        if (decision->kind != FET_DECISION_PRECISION && genome->option[d] != decision->base_option) return false;
    }
    return genome->n == space->encoding.n_decisions;
}

void space_settle_precisions(const fet_space *space, fet_genome *genome)
{
    for (uint32_t l = 0; l < space->n_layers; l++) {
        const space_layer *layer = &space->layers[l];
        if (layer->decision == FET_NONE || layer->block == FET_NONE) continue;
        bool gone = space_is_skipped(space, genome, layer->block) ||
                    (layer->gone && layer->gone >> genome->option[space->sites[layer->block].form] & 1);
        if (gone) genome->option[layer->decision] = space->decisions[layer->decision].base_option;
    }
}
