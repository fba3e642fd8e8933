// SPDX-License-Identifier: Apache-2.0
/*
 * What can be decided at a block, and for the whole network: one table line an option. A line says which kind it belongs to, when it
 * applies and how its patch is planned. Lines of one decision stand together, by rising value; the option that leaves the base alone is put
 * in where its value belongs. A decision without a line that applies is none.
 */
#include "rewrite/fuse_ibn.h"
#include "rewrite/kernel_size.h"
#include "rewrite/skip_block.h"
#include "rewrite/split_fused.h"
#include "rewrite/swap_activation.h"
#include "rewrite/widen_depthwise.h"
#include "space/internal.h"

typedef struct site_option {
    fet_space_kind kind;
    fet_decision_kind decision;
    const char *label;
    double value;
    bool (*applies)(const fet_graph *graph, const fet_block *block, double value);
    fet_status (*plan)(const fet_space *space, const fet_block *block, double value, fet_patch *out_patch);
    bool (*keeps)(const fet_block *block, double value, double base); /* the base's function; NULL: never */
} site_option;

enum { CHANNELS_OF_GROUP = 8, GROUPS_OF_BLOCK = 4 };

static bool fused_applies(const fet_graph *graph, const fet_block *block, double value)
{
    (void)value;
    return fet_fuse_ibn_applies(graph, block);
}

static fet_status fused_plan(const fet_space *space, const fet_block *block, double value, fet_patch *out_patch)
{
    (void)value;
    return fet_fuse_ibn_plan(space->base, &space->groups, block, space->arena, out_patch);
}

static fet_status group_ibn_plan(const fet_space *space, const fet_block *block, double value, fet_patch *out_patch)
{
    (void)value;
    return fet_group_ibn_plan(space->base, &space->groups, block, GROUPS_OF_BLOCK, space->arena, out_patch);
}

static bool dense_applies(const fet_graph *graph, const fet_block *block, double value)
{
    (void)value;
    return fet_widen_depthwise_applies(graph, block);
}

static fet_status dense_plan(const fet_space *space, const fet_block *block, double value, fet_patch *out_patch)
{
    (void)value;
    return fet_widen_depthwise_plan(space->base, &space->groups, block, FET_WIDEN_ALL, space->arena, out_patch);
}

static fet_status grouped_plan(const fet_space *space, const fet_block *block, double value, fet_patch *out_patch)
{
    (void)value;
    return fet_widen_depthwise_plan(space->base, &space->groups, block, CHANNELS_OF_GROUP, space->arena, out_patch);
}

static bool kernel_applies(const fet_graph *graph, const fet_block *block, double value)
{
    return fet_kernel_size_applies(graph, block, (uint32_t)value);
}

static fet_status kernel_plan(const fet_space *space, const fet_block *block, double value, fet_patch *out_patch)
{
    return fet_kernel_size_plan(space->base, block, (uint32_t)value, space->arena, out_patch);
}

static bool skip_applies(const fet_graph *graph, const fet_block *block, double value)
{
    (void)value;
    return fet_skip_block_applies(graph, block);
}

static fet_status skip_plan(const fet_space *space, const fet_block *block, double value, fet_patch *out_patch)
{
    (void)value;
    return fet_skip_block_plan(space->base, block, space->arena, out_patch);
}

static bool activation_applies(const fet_graph *graph, const fet_block *block, double value)
{
    (void)block, (void)value;
    return fet_swap_activation_applies(graph);
}

static fet_status activation_plan(const fet_space *space, const fet_block *block, double value, fet_patch *out_patch)
{
    (void)block;
    return fet_swap_activation_plan(space->base, value == 1, space->arena, out_patch);
}

static bool always(const fet_block *block, double value, double base)
{
    (void)block, (void)value, (void)base;
    return true;
}

static bool without_activation(const fet_block *block, double value, double base)
{
    (void)value, (void)base;
    return block->expand.activation == FET_NONE;
}

static bool when_larger(const fet_block *block, double value, double base)
{
    (void)block;
    return value > base;
}

static bool split_applies(const fet_graph *graph, const fet_block *block, double value)
{
    (void)value;
    return fet_split_fused_applies(graph, block);
}

/* Done to the finished candidate, see derive.c: a patch cannot put nodes in. */
static fet_status split_plan(const fet_space *space, const fet_block *block, double value, fet_patch *out_patch)
{
    (void)space, (void)block, (void)value;
    *out_patch = (fet_patch){0};
    return FET_OK;
}

static const site_option table[] = {
    {FET_SPACE_FUSE, FET_DECISION_BLOCK_FORM, "fused", 1, fused_applies, fused_plan, without_activation},
    {FET_SPACE_DENSE, FET_DECISION_BLOCK_FORM, "dense", 2, dense_applies, dense_plan, always},
    {FET_SPACE_GROUP, FET_DECISION_BLOCK_FORM, "grouped8", 3, dense_applies, grouped_plan, always},
    {FET_SPACE_GROUP, FET_DECISION_BLOCK_FORM, "fused4", 4, fused_applies, group_ibn_plan, NULL},
    {FET_SPACE_FUSE, FET_DECISION_BLOCK_FORM, "ibn", SPACE_FORM_SPLIT, split_applies, split_plan, NULL},
    {FET_SPACE_KERNEL, FET_DECISION_KERNEL, "3", 3, kernel_applies, kernel_plan, when_larger},
    {FET_SPACE_KERNEL, FET_DECISION_KERNEL, "5", 5, kernel_applies, kernel_plan, when_larger},
    {FET_SPACE_KERNEL, FET_DECISION_KERNEL, "7", 7, kernel_applies, kernel_plan, when_larger},
    {FET_SPACE_SKIP, FET_DECISION_SKIP, "skip", 1, skip_applies, skip_plan, NULL},
    {FET_SPACE_ACTIVATION, FET_DECISION_ACTIVATION, "relu6", 1, activation_applies, activation_plan, NULL},
    {FET_SPACE_ACTIVATION, FET_DECISION_ACTIVATION, "relu", 2, activation_applies, activation_plan, NULL},
};

enum { N_TABLE = sizeof table / sizeof *table };

uint32_t space_most_patches(uint32_t n_blocks)
{
    return N_TABLE * (n_blocks + 1);
}

/* The option that leaves the base alone. */
static fet_status base_option(const fet_space *space, fet_decision_kind kind, const fet_block *block, fet_option *out_option)
{
    static const char *const forms[FET_BLOCK_KINDS] = {"", "ibn", "separable", "fused", "bottleneck", "basic"};
    *out_option = (fet_option){.label = kind == FET_DECISION_SKIP ? "keep" : "base", .keeps_function = true};
    if (kind == FET_DECISION_BLOCK_FORM) out_option->label = forms[block->kind];
    if (kind != FET_DECISION_KERNEL) return FET_OK;
    const fet_node *node = &space->base->nodes[block->depthwise.conv];
    int64_t size = space->base->values[node->inputs[1]].shape.dim[2];
    out_option->value = (double)size;
    out_option->label = fet_arena_printf(space->arena, "%d", (int)size);
    return out_option->label ? FET_OK : fet_arena_full();
}

/* *out_index: FET_NONE when there is nothing to decide. `block`: NULL for the network. */
static fet_status add_site(fet_space *space, fet_decision_kind kind, const char *name, const fet_block *block,
                           const fet_space_options *options, uint32_t *out_index)
{
    uint32_t patch_of[N_TABLE + 1], n_patches = space->n_patches;
    fet_decision decision = {.name = name, .kind = kind};
    fet_option all[N_TABLE + 1], base;
    bool placed = false;
    *out_index = FET_NONE;
    FET_TRY(base_option(space, kind, block, &base));
    for (uint32_t i = 0; i <= N_TABLE; i++) {
        const site_option *line = i < N_TABLE ? &table[i] : NULL;
        if (line && (line->decision != kind || !(options->kinds & line->kind) || !line->applies(space->base, block, line->value))) continue;
        if (!placed && (!line || line->value > base.value)) {
            decision.base_option = decision.n_options;
            patch_of[decision.n_options] = FET_NONE;
            all[decision.n_options++] = base;
            placed = true;
        }
        if (!line) break;
        FET_TRY(line->plan(space, block, line->value, &space->patches[n_patches]));
        patch_of[decision.n_options] = n_patches++;
        all[decision.n_options++] = (fet_option){
            .label = line->label, .value = line->value, .keeps_function = line->keeps && line->keeps(block, line->value, base.value)};
    }
    if (decision.n_options < 2) return FET_OK;
    decision.options = fet_arena_copy(space->arena, all, decision.n_options * sizeof *all);
    uint32_t *kept = fet_arena_copy(space->arena, patch_of, decision.n_options * sizeof *kept);
    if (!decision.options || !kept) return fet_arena_full();
    uint32_t index = 0;
    FET_TRY(space_add_decision(space, &decision, &index));
    space->n_patches = n_patches;
    space->patch_of[index] = kept;
    *out_index = index;
    return FET_OK;
}

fet_status space_add_block(fet_space *space, uint32_t block, uint32_t number_in_stage, const fet_space_options *options)
{
    space_sites *sites = &space->sites[block];
    sites->inner = sites->precision = FET_NONE; /* discover.c */
    /* Forms before kernels: a kernel edit comes behind what else its convolution becomes. */
    const struct {
        fet_decision_kind kind;
        const char *suffix;
        uint32_t *index;
    } kinds[] = {{FET_DECISION_BLOCK_FORM, "form", &sites->form},
                 {FET_DECISION_KERNEL, "kernel", &sites->kernel},
                 {FET_DECISION_SKIP, "skip", &sites->skip}};
    for (uint32_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const char *name =
            fet_arena_printf(space->arena, "stage%u.block%u.%s", space->block_stage[block] + 1, number_in_stage, kinds[k].suffix);
        if (!name) return fet_arena_full();
        FET_TRY(add_site(space, kinds[k].kind, name, &space->blocks.items[block], options, kinds[k].index));
    }
    return FET_OK;
}

fet_status space_add_network(fet_space *space, const fet_space_options *options)
{
    uint32_t index = FET_NONE;
    return add_site(space, FET_DECISION_ACTIVATION, "activation", NULL, options, &index);
}
