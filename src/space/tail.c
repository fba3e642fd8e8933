// SPDX-License-Identifier: Apache-2.0
/*
 * Work at the end that the answer may not need (rewrite/trim_tail.h): a softmax whose largest entry alone is asked for, a map made large
 * before the largest class of each place is taken. It is cut off the finished candidate, so it goes with every other decision. An option is
 * a table line.
 */
#include "rewrite/trim_tail.h"
#include "space/internal.h"

static fet_status resize_behind(fet_graph *graph, uint32_t *out_n)
{
    return fet_trim_resize(graph, false, out_n);
}

static fet_status nearest_behind(fet_graph *graph, uint32_t *out_n)
{
    return fet_trim_resize(graph, true, out_n);
}

static const struct tail_way {
    const char *label;
    fet_status (*trim)(fet_graph *graph, uint32_t *out_n);
    bool keeps_function;
} ways[] = {
    {"logits", fet_trim_softmax, false},       /* other numbers, the same order */
    {"resize_classes", resize_behind, true},   /* of a resize by nearest neighbour */
    {"nearest_classes", nearest_behind, false} /* any resize: borders between classes move by less than a pixel of the source */
};
enum { N_WAYS = sizeof ways / sizeof *ways };

/* How many places of the base a way changes. */
static fet_status count(const fet_space *space, const struct tail_way *way, uint32_t *out_n)
{
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_graph_copy(space->base, arena, 0, &graph));
    return way->trim(graph, out_n);
}

fet_status space_add_tail(fet_space *space)
{
    fet_decision decision = {.name = "tail", .kind = FET_DECISION_TAIL, .n_options = 1};
    fet_option *options = decision.options = fet_arena_zalloc(space->arena, N_WAYS + 1, sizeof *options);
    uint32_t n_before = 0;
    if (!options) return fet_arena_full();
    options[0] = (fet_option){.label = "keep", .keeps_function = true};
    for (uint32_t w = 0; w < N_WAYS; w++) {
        uint32_t n = 0;
        FET_TRY(count(space, &ways[w], &n));
        /* The last way does what the one before does, and more, or it is no option of its own. */
        bool is_new = n > 0 && !(w == N_WAYS - 1 && n == n_before);
        if (is_new) options[decision.n_options++] = (fet_option){ways[w].label, w + 1, ways[w].keeps_function, false};
        n_before = n;
    }
    return decision.n_options < 2 ? FET_OK : space_add_decision(space, &decision, &space->tail);
}

fet_status space_trim_tail(const fet_space *space, const fet_genome *genome, fet_graph *graph)
{
    uint32_t n = 0;
    if (space->tail == FET_NONE || genome->option[space->tail] == 0) return FET_OK;
    return ways[(uint32_t)space->decisions[space->tail].options[genome->option[space->tail]].value - 1].trim(graph, &n);
}
