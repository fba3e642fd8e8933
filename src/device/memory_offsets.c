// SPDX-License-Identifier: Apache-2.0
/*
 * Offsets of buffers with fixed live ranges (dynamic storage allocation, NP-hard). Each try takes the buffers in some order and puts each
 * into the smallest gap that fits among those alive with it (first by size, largest first: Pisarchyk and Lee 2020). Most networks reach the
 * lower bound in the first try; if not, other orders are tried, then the buffer that sticks out is moved forward in the best order, again
 * and again; tiny networks are then searched exhaustively, within a limit.
 */
#include "device/memory_internal.h"

#include <string.h>

enum { REPAIR_TRIES = 24, EXACT_BUFFERS = 16, EXACT_NODES = 4000 };

typedef struct packing {
    const fet_memory_buffer *buffers;
    uint32_t n;
    uint32_t *by_offset; /* placed buffers, by rising offset */
    uint64_t *offset;    /* [n] of the current try */
} packing;

static bool alive_together(const fet_memory_buffer *a, const fet_memory_buffer *b)
{
    return a->first_step <= b->last_step && b->first_step <= a->last_step;
}

/* The smallest gap that holds buffer i below the top of those alive with it, else on top of them. */
static uint64_t find_offset(const packing *p, uint32_t i, uint32_t n_placed, bool first_fit)
{
    const fet_memory_buffer *wanted = &p->buffers[i];
    uint64_t top = 0, best = UINT64_MAX, best_gap = UINT64_MAX;
    for (uint32_t j = 0; j < n_placed; j++) {
        uint32_t other = p->by_offset[j];
        if (!alive_together(wanted, &p->buffers[other])) continue;
        uint64_t start = p->offset[other], end = start + p->buffers[other].bytes;
        if (start > top && start - top >= wanted->bytes && start - top < best_gap) {
            best = top;
            best_gap = start - top;
            if (first_fit) return best;
        }
        if (end > top) top = end;
    }
    return best == UINT64_MAX ? top : best;
}

/* Places all buffers in `order`. Gives up (UINT64_MAX) as soon as the arena would be `limit` or more. *out_tallest: the buffer that ends
 * last. */
static uint64_t pack(packing *p, const uint32_t *order, bool first_fit, uint64_t limit, uint32_t *out_tallest)
{
    uint64_t arena = 0;
    for (uint32_t placed = 0; placed < p->n; placed++) {
        uint32_t i = order[placed];
        uint64_t offset = find_offset(p, i, placed, first_fit);
        uint64_t end = offset + p->buffers[i].bytes;
        if (end > arena) {
            arena = end;
            *out_tallest = placed;
        }
        if (arena >= limit) return UINT64_MAX;
        p->offset[i] = offset;
        uint32_t at = placed;
        while (at > 0 && p->offset[p->by_offset[at - 1]] > offset) {
            p->by_offset[at] = p->by_offset[at - 1];
            at--;
        }
        p->by_offset[at] = i;
    }
    return arena;
}

/* Sorting criteria of the tries; larger goes first. */
static uint64_t weight_of(const fet_memory_buffer *b, int criterion)
{
    uint64_t steps = b->last_step - b->first_step + 1;
    switch (criterion) {
    case 0: return b->bytes;
    case 1: return b->bytes * steps;
    case 2: return steps;
    case 3: return UINT64_MAX - b->first_step;
    default: return b->last_step;
    }
}
enum { N_CRITERIA = 5 };

/* Insertion sort of at most some hundred items, nearly sorted in later tries; equal ones longest-lived first, then as they come. */
static void sort_by(const packing *p, int criterion, uint32_t *order, uint64_t *weight)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const fet_memory_buffer *b = &p->buffers[i];
        uint64_t w = weight_of(b, criterion), steps = b->last_step - b->first_step;
        uint32_t at = i;
        for (; at > 0; at--) {
            const fet_memory_buffer *before = &p->buffers[order[at - 1]];
            if (weight[at - 1] > w || (weight[at - 1] == w && before->last_step - before->first_step >= steps)) break;
            order[at] = order[at - 1];
            weight[at] = weight[at - 1];
        }
        order[at] = i;
        weight[at] = w;
    }
}

typedef struct best_try {
    uint64_t arena;
    uint64_t *offset;
    uint32_t *order;
    uint32_t tallest;
} best_try;

static void try_order(packing *p, const uint32_t *order, bool first_fit, best_try *best)
{
    uint32_t tallest = 0;
    uint64_t arena = pack(p, order, first_fit, best->arena, &tallest);
    if (arena == UINT64_MAX) return;
    best->arena = arena;
    best->tallest = tallest;
    memcpy(best->offset, p->offset, p->n * sizeof *p->offset);
    memcpy(best->order, order, p->n * sizeof *order);
}

/*
 * The buffer whose end is the arena's is moved to an earlier place, nearer and nearer, until that gives a smaller arena; then again from
 * there. A packing in the order of an optimal solution's offsets is optimal, so moving single buffers walks towards one.
 */
static void repair(packing *p, uint64_t bound, uint32_t *order, best_try *best)
{
    for (uint32_t tries = 0, back = 0; best->arena > bound && tries < REPAIR_TRIES && back < best->tallest; tries++) {
        uint32_t from = best->tallest, to = back;
        memcpy(order, best->order, p->n * sizeof *order);
        memmove(order + to + 1, order + to, (from - to) * sizeof *order);
        order[to] = best->order[from];
        uint64_t before = best->arena;
        try_order(p, order, true, best);
        back = best->arena < before ? 0 : back + 1;
    }
}

/*
 * Every packing in which each buffer lies as low as it can can be made by placing the buffers in the order of their offsets. So: depth
 * first over all orders in which offsets do not fall, dropping those that grow as tall as the best known. order[0..placed) are placed and
 * serve as p->by_offset. Recursion: at most EXACT_BUFFERS.
 */
static void try_all(packing *p, uint32_t *order, uint32_t placed, uint64_t top, uint64_t bound, uint32_t *nodes, best_try *best)
{
    if (placed == p->n) {
        best->arena = top; /* smaller: taller ones were dropped below */
        memcpy(best->offset, p->offset, p->n * sizeof *p->offset);
        return;
    }
    for (uint32_t i = placed; i < p->n && best->arena > bound && *nodes > 0; i++, --*nodes) {
        uint32_t b = order[i];
        uint64_t offset = find_offset(p, b, placed, true), end = offset + p->buffers[b].bytes;
        if (end >= best->arena || (placed > 0 && offset < p->offset[order[placed - 1]])) continue;
        order[i] = order[placed];
        order[placed] = b;
        p->offset[b] = offset;
        try_all(p, order, placed + 1, end > top ? end : top, bound, nodes, best);
        order[placed] = order[i];
        order[i] = b;
    }
}

fet_status fet_memory_offsets_assign(fet_memory_buffer *buffers, uint32_t n, uint64_t bound, fet_arena *scratch, uint64_t *out_arena_bytes)
{
    uint64_t *wide = fet_arena_alloc(scratch, 3 * (size_t)n * sizeof *wide);
    uint32_t *narrow = fet_arena_alloc(scratch, 3 * (size_t)n * sizeof *narrow);
    if (!wide || !narrow) return fet_arena_full();
    packing p = {.buffers = buffers, .n = n, .by_offset = narrow, .offset = wide};
    best_try best = {.arena = UINT64_MAX, .offset = wide + n, .order = narrow + n};
    uint64_t *weight = wide + 2 * (size_t)n;
    uint32_t *order = narrow + 2 * (size_t)n;
    for (int t = 0; t < 2 * N_CRITERIA && best.arena > bound; t++) {
        if (t % 2 == 0) sort_by(&p, t / 2, order, weight);
        try_order(&p, order, t % 2 == 1, &best);
    }
    repair(&p, bound, order, &best);
    uint32_t nodes = EXACT_NODES;
    if (best.arena > bound && n <= EXACT_BUFFERS) {
        memcpy(order, best.order, n * sizeof *order);
        p.by_offset = order;
        try_all(&p, order, 0, 0, bound, &nodes, &best);
    }
    for (uint32_t i = 0; i < n; i++) buffers[i].offset_bytes = best.offset[i];
    *out_arena_bytes = n ? best.arena : 0;
    return FET_OK;
}
