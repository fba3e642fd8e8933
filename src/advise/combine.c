// SPDX-License-Identifier: Apache-2.0
/* What a change is called, and several changes at once. */
#include "advise/advise.h"

#include <string.h>

/* "stage1.block0" of "stage1.block0.form". */
static int site_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return (int)(dot ? (size_t)(dot - name) : strlen(name));
}

const char *fet_advice_text(const fet_space *space, uint32_t d, uint8_t option, fet_arena *arena)
{
    const fet_decision *decision = fet_space_decision(space, d);
    const char *name = decision->name, *from = decision->options[decision->base_option].label, *to = decision->options[option].label;
    int site = site_length(name);
    switch (decision->kind) {
    case FET_DECISION_BLOCK_FORM:
        if (strcmp(to, "fused") == 0) return fet_arena_printf(arena, "fuse %.*s", site, name);
        if (strcmp(to, "dense") == 0) return fet_arena_printf(arena, "depthwise -> standard convolution in %.*s", site, name);
        if (strcmp(from, "fused") == 0 && strcmp(to, "ibn") == 0)
            return fet_arena_printf(arena, "fused -> inverted bottleneck in %.*s", site, name);
        return fet_arena_printf(arena, "%s -> %s in %.*s", from, to, site, name);
    case FET_DECISION_WIDTH: return fet_arena_printf(arena, "widths %s -> %s in %.*s", from, to, site, name);
    case FET_DECISION_MULTIPLIER: return fet_arena_printf(arena, "all widths %s", to);
    case FET_DECISION_KERNEL: return fet_arena_printf(arena, "kernel %sx%s -> %sx%s in %.*s", from, from, to, to, site, name);
    case FET_DECISION_SKIP: return fet_arena_printf(arena, "leave out %.*s", site, name);
    case FET_DECISION_PRECISION: return fet_arena_printf(arena, "%.*s in %s", site, name, to);
    case FET_DECISION_TAIL:
        return fet_arena_printf(arena,
                                strcmp(to, "logits") == 0 ? "leave out the softmax at the end" : "argmax before the resize at the end");
    case FET_DECISION_RESOLUTION: return fet_arena_printf(arena, "input %s -> %s", from, to);
    case FET_DECISION_ACTIVATION: return fet_arena_printf(arena, "smooth activations -> %s", to);
    default: return fet_arena_printf(arena, "%s: %s -> %s", name, from, to);
    }
}

static void put(const fet_advice *advice, fet_genome *genome)
{
    for (uint32_t i = 0; i < advice->n_decisions; i++) genome->option[advice->decision[i]] = advice->option[i];
}

/* Two that set one decision to different options. */
static const char *contradiction(const fet_space *space, const fet_advice *a, const fet_advice *b)
{
    for (uint32_t i = 0; i < a->n_decisions; i++)
        for (uint32_t j = 0; j < b->n_decisions; j++)
            if (a->decision[i] == b->decision[j] && a->option[i] != b->option[j]) return fet_space_decision(space, a->decision[i])->name;
    return NULL;
}

/* One leaves out the block that the other works on. */
static const char *left_out(const fet_space *space, const fet_advice *a, const fet_advice *b)
{
    for (uint32_t i = 0; i < a->n_decisions; i++) {
        if (fet_space_decision(space, a->decision[i])->kind != FET_DECISION_SKIP) continue;
        const fet_block *block = fet_space_block(space, a->decision[i]);
        for (uint32_t j = 0; j < b->n_decisions; j++)
            if (block && b->decision[j] != a->decision[i] && fet_space_block(space, b->decision[j]) == block)
                return fet_space_decision(space, b->decision[j])->name;
    }
    return NULL;
}

static fet_status check_pair(const fet_space *space, const fet_advices *advices, uint32_t x, uint32_t y)
{
    const fet_advice *a = &advices->items[x - 1], *b = &advices->items[y - 1];
    const char *name = contradiction(space, a, b);
    if (name) return fet_fail(FET_ERROR_ARG, "%u (%s) and %u (%s) cannot both be applied: both decide %s", x, a->text, y, b->text, name);
    name = left_out(space, a, b);
    if (!name && (name = left_out(space, b, a))) return check_pair(space, advices, y, x);
    if (name)
        return fet_fail(FET_ERROR_ARG, "%u (%s) and %u (%s) cannot both be applied: the first leaves nothing of %s", x, a->text, y, b->text,
                        name);
    return FET_OK;
}

fet_status fet_advice_combine(const fet_space *space, const fet_advices *advices, const uint32_t *numbers, uint32_t n,
                              fet_genome *out_genome)
{
    fet_genome genome;
    fet_space_base_genome(space, &genome);
    for (uint32_t i = 0; i < n; i++) {
        if (numbers[i] < 1 || numbers[i] > advices->count)
            return fet_fail(FET_ERROR_ARG, "there is no change number %u: the list has %u", numbers[i], advices->count);
        for (uint32_t j = 0; j < i; j++) {
            if (numbers[i] == numbers[j]) return fet_fail(FET_ERROR_ARG, "change number %u stands twice", numbers[i]);
            FET_TRY(check_pair(space, advices, numbers[j], numbers[i]));
        }
        put(&advices->items[numbers[i] - 1], &genome);
    }
    fet_space_canonicalise(space, &genome);
    *out_genome = genome;
    return FET_OK;
}
