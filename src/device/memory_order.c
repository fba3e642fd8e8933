// SPDX-License-Identifier: Apache-2.0
/*
 * The running order with the least peak. Which tensors are alive depends only on the set of kernels that have run, so one path to each set
 * is enough: the one with the least peak so far (dynamic programming over the sets that are closed under "runs before"; Ahn et al.,
 * Ordering chaos, MLSys 2020). Level k holds the sets of k kernels; a network without branches has one set a level. Where a level would
 * hold more than BEAM sets, those with the least peak, then the least memory alive, are kept, and the answer is a good order instead of the
 * best one.
 */
#include "device/memory_internal.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { BEAM = 256 };

typedef struct state {
    uint64_t peak, alive; /* alive: bytes between two kernels */
    uint32_t parent;      /* index in the level before */
    uint32_t kernel;      /* that was run to get here */
} state;

typedef struct level {
    state *states;
    uint64_t *sets; /* [capacity * words] */
    uint32_t count;
    bool first; /* sets of one kernel */
} level;

typedef struct search {
    const fet_memory_net *net;
    uint32_t words;          /* of a set */
    uint64_t *before;        /* [n_kernels * words] the kernels that each one needs to have run */
    uint32_t capacity;       /* states a level before the beam is cut */
    uint64_t best_peak;      /* of a complete order known already: states as bad are dropped */
    uint64_t inputs, unread; /* bytes of graph inputs; of those nobody reads, there in the first step only */
    uint32_t *slots;         /* hash table of the level being made: index + 1 */
    uint32_t n_slots;        /* power of two */
} search;

static bool contains(const uint64_t *set, uint32_t k)
{
    return set[k / 64] >> (k % 64) & 1;
}

static bool can_run(const uint64_t *done, const uint64_t *before, uint32_t words, uint32_t k)
{
    if (contains(done, k)) return false;
    for (uint32_t w = 0; w < words; w++)
        if (before[w] & ~done[w]) return false;
    return true;
}

/* Nobody but k still has to read t. */
static bool dies_at(const fet_memory_net *net, const uint64_t *done, uint32_t k, uint32_t t)
{
    const fet_memory_tensor *tensor = &net->tensors[t];
    if (tensor->output) return false;
    for (uint32_t i = 0; i < tensor->n_readers; i++) {
        uint32_t reader = net->readers[tensor->first_reader + i];
        if (reader != k && !contains(done, reader)) return false;
    }
    return true;
}

/* Bytes alive during and after kernel k, run when `done` have run and `alive` bytes are held. */
static void run_kernel(const fet_memory_net *net, const uint64_t *done, uint32_t k, uint64_t alive, uint64_t *out_during,
                       uint64_t *out_after)
{
    const fet_memory_kernel *kernel = &net->kernels[k];
    uint64_t during = alive, dying = 0, unread = 0;
    bool overwritten = false;
    for (uint32_t i = 0; i < kernel->n_writes; i++) {
        const fet_memory_tensor *tensor = &net->tensors[kernel->first_write + i];
        during += tensor->bytes;
        if (tensor->n_readers == 0 && !tensor->output) unread += tensor->bytes;
    }
    for (uint32_t i = 0; i < kernel->n_reads; i++) {
        const fet_memory_read *read = &net->reads[kernel->first_read + i];
        if (!dies_at(net, done, k, read->tensor)) continue;
        if (read->in_place && !overwritten) {
            during -= net->tensors[read->tensor].bytes;
            overwritten = true;
        } else {
            dying += net->tensors[read->tensor].bytes;
        }
    }
    *out_during = during;
    *out_after = during - dying - unread;
}

uint64_t fet_memory_kernel_need(const fet_memory_net *net, uint32_t k)
{
    const fet_memory_kernel *kernel = &net->kernels[k];
    uint64_t need = 0, overwritten = 0;
    for (uint32_t i = 0; i < kernel->n_writes; i++) need += net->tensors[kernel->first_write + i].bytes;
    for (uint32_t i = 0; i < kernel->n_reads; i++) {
        const fet_memory_read *read = &net->reads[kernel->first_read + i];
        need += net->tensors[read->tensor].bytes;
        if (read->in_place) overwritten = net->tensors[read->tensor].bytes;
    }
    return need - overwritten;
}

static int by_promise(const void *a, const void *b)
{
    const state *x = a, *y = b;
    if (x->peak != y->peak) return x->peak < y->peak ? -1 : 1;
    if (x->alive != y->alive) return x->alive < y->alive ? -1 : 1;
    if (x->parent != y->parent) return x->parent < y->parent ? -1 : 1;
    return x->kernel < y->kernel ? -1 : x->kernel > y->kernel;
}

/* Adds "run k after parent" to `next`, or improves the same set reached another way. */
static void add_state(const search *s, const level *previous, uint32_t parent, uint32_t k, level *next, uint64_t *set)
{
    uint64_t during = 0, after = 0;
    const state *from = &previous->states[parent];
    memcpy(set, previous->sets + (size_t)parent * s->words, s->words * sizeof *set);
    run_kernel(s->net, set, k, from->alive, &during, &after);
    if (next->first) during += s->unread;
    uint64_t peak = during > from->peak ? during : from->peak;
    if (peak >= s->best_peak) return;
    set[k / 64] |= (uint64_t)1 << (k % 64);
    uint32_t slot = (uint32_t)fet_hash(set, s->words * sizeof *set) & (s->n_slots - 1);
    for (; s->slots[slot]; slot = (slot + 1) & (s->n_slots - 1)) {
        uint32_t i = s->slots[slot] - 1;
        if (memcmp(next->sets + (size_t)i * s->words, set, s->words * sizeof *set) != 0) continue;
        if (peak < next->states[i].peak) next->states[i] = (state){.peak = peak, .alive = after, .parent = parent, .kernel = k};
        return;
    }
    if (next->count == s->capacity) return;
    memcpy(next->sets + (size_t)next->count * s->words, set, s->words * sizeof *set);
    next->states[next->count] = (state){.peak = peak, .alive = after, .parent = parent, .kernel = k};
    s->slots[slot] = ++next->count;
}

/* All sets one kernel larger than those of `previous`, cut to the beam, into `next`. The sets are made anew after sorting. */
static void make_level(const search *s, const level *previous, level *next, uint64_t *set)
{
    next->count = 0;
    memset(s->slots, 0, s->n_slots * sizeof *s->slots);
    for (uint32_t parent = 0; parent < previous->count; parent++) {
        const uint64_t *done = previous->sets + (size_t)parent * s->words;
        for (uint32_t k = 0; k < s->net->n_kernels; k++)
            if (can_run(done, s->before + (size_t)k * s->words, s->words, k)) add_state(s, previous, parent, k, next, set);
    }
    qsort(next->states, next->count, sizeof *next->states, by_promise);
    if (next->count > BEAM) next->count = BEAM;
    for (uint32_t i = 0; i < next->count; i++) {
        uint64_t *to = next->sets + (size_t)i * s->words;
        memcpy(to, previous->sets + (size_t)next->states[i].parent * s->words, s->words * sizeof *to);
        to[next->states[i].kernel / 64] |= (uint64_t)1 << (next->states[i].kernel % 64);
    }
}

/* The peak of a given order: what the search has to beat. */
static uint64_t peak_of_order(const search *s, const uint32_t *order, uint64_t *set)
{
    uint64_t peak = 0, alive = s->inputs;
    for (uint32_t i = 0; i < s->net->n_kernels; i++) {
        uint64_t during = 0;
        run_kernel(s->net, set, order[i], alive, &during, &alive);
        if (i == 0) during += s->unread;
        if (during > peak) peak = during;
        set[order[i] / 64] |= (uint64_t)1 << (order[i] % 64);
    }
    return peak;
}

static fet_status search_levels(const search *s, uint32_t *order, uint64_t *best_peak, fet_arena *arena)
{
    uint32_t n = s->net->n_kernels;
    level pair[2] = {{0}, {0}};
    state **history = fet_arena_zalloc(arena, n + 1, sizeof *history);
    uint64_t *set = fet_arena_zalloc(arena, s->words, sizeof *set);
    for (int i = 0; i < 2; i++) {
        pair[i].states = fet_arena_alloc(arena, s->capacity * sizeof(state));
        pair[i].sets = fet_arena_zalloc(arena, (size_t)s->capacity * s->words, sizeof *set);
        if (!pair[i].states || !pair[i].sets) return fet_arena_full();
    }
    if (!history || !set) return fet_arena_full();
    pair[0].count = 1;
    pair[0].states[0] = (state){.peak = s->inputs, .alive = s->inputs};
    for (uint32_t k = 0; k < n; k++) {
        level *next = &pair[(k + 1) % 2];
        next->first = k == 0;
        make_level(s, &pair[k % 2], next, set);
        if (next->count == 0) return FET_OK; /* nothing beats the order we have */
        history[k + 1] = fet_arena_copy(arena, next->states, next->count * sizeof(state));
        if (!history[k + 1]) return fet_arena_full();
    }
    *best_peak = history[n][0].peak;
    for (uint32_t k = n, at = 0; k > 0; k--) {
        order[k - 1] = history[k][at].kernel;
        at = history[k][at].parent;
    }
    return FET_OK;
}

fet_status fet_memory_order_search(const fet_memory_net *net, uint32_t *order, uint64_t *out_peak)
{
    fet_auto(fet_arena) arena = NULL; /* of its own: thousands of states that the caller's must not keep */
    FET_TRY(fet_arena_create(&arena));
    search s = {.net = net, .words = (net->n_kernels + 63) / 64, .capacity = 4 * BEAM, .n_slots = 16 * BEAM};
    for (uint32_t t = 0; t < net->n_tensors && net->tensors[t].producer == FET_NONE; t++) {
        const fet_memory_tensor *tensor = &net->tensors[t];
        *(tensor->n_readers || tensor->output ? &s.inputs : &s.unread) += tensor->bytes;
    }
    s.before = fet_arena_zalloc(arena, net->n_kernels, s.words * sizeof *s.before);
    if (!s.before) return fet_arena_full();
    for (uint32_t k = 0; k < net->n_kernels; k++)
        for (uint32_t i = 0; i < net->kernels[k].n_reads; i++) {
            uint32_t producer = net->tensors[net->reads[net->kernels[k].first_read + i].tensor].producer;
            if (producer != FET_NONE) s.before[(size_t)k * s.words + producer / 64] |= (uint64_t)1 << (producer % 64);
        }
    uint64_t floor = 0;
    for (uint32_t k = 0; k < net->n_kernels; k++) {
        uint64_t need = fet_memory_kernel_need(net, k);
        if (need > floor) floor = need;
    }
    uint64_t *set = fet_arena_zalloc(arena, s.words, sizeof *set);
    s.slots = fet_arena_alloc(arena, s.n_slots * sizeof *s.slots);
    if (!set || !s.slots) return fet_arena_full();
    s.best_peak = peak_of_order(&s, order, set);
    uint64_t peak = s.best_peak;
    if (peak > floor) FET_TRY(search_levels(&s, order, &peak, arena));
    *out_peak = peak;
    return FET_OK;
}
