// SPDX-License-Identifier: Apache-2.0
/*
 * From the pool to the list: 1. families, by name; 2. how many of each: in proportion to the square root of what it has, so that a family
 * of thousands does not crowd out one of ten, at least a few; 3. which: in turns the most frequent one left and one drawn; 4. sweeps around
 * kernels drawn from the families that can be swept; 5. the order: each family's i-th of n stands at (i + 1/2) / n of the way.
 */
#include "device/kit/pool.h"

#include <math.h>
#include <stdlib.h>

enum { LEAST = 8, SWEEP_TRIES = 16 };

fet_kit_plan_options fet_kit_plan_default_options(void)
{
    return (fet_kit_plan_options){.n_kernels = 1500, .sweep_share = 0.25, .n_out = 16, .n_in = 4, .seed = 1};
}

typedef struct maker {
    const fet_kit_pool *pool;
    const fet_kit_plan_options *options;
    fet_kit_plan *plan;
    fet_kit_set chosen; /* grows into the plan's list */
    double *place;      /* of each chosen one, on the way from 0 to 1; asked for: -1 */
    size_t place_room;
    uint32_t *members; /* pool indices, family by family */
    uint32_t first[FET_KIT_MAX_FAMILIES + 1];
    uint32_t quota[FET_KIT_MAX_FAMILIES];
    fet_rng rng;
} maker;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const fet_kit_family *)a)->name, ((const fet_kit_family *)b)->name);
}

static uint32_t find_family(const fet_kit_plan *plan, const fet_kernel_key *key)
{
    fet_kit_family wanted;
    fet_kit_family_print(key, wanted.name);
    const fet_kit_family *found = bsearch(&wanted, plan->families, plan->n_families, sizeof wanted, by_name);
    return found ? (uint32_t)(found - plan->families) : FET_NONE;
}

static fet_status list_families(maker *m)
{
    fet_kit_plan *plan = m->plan;
    for (uint32_t i = 0; i < m->pool->set.n; i++) {
        char name[FET_KIT_FAMILY_BYTES];
        uint32_t f = 0;
        fet_kit_family_print(&m->pool->set.items[i].key, name);
        while (f < plan->n_families && strcmp(plan->families[f].name, name) != 0) f++;
        if (f == FET_KIT_MAX_FAMILIES)
            return fet_fail(FET_ERROR_LIMIT, "kernels of more than %d families, the last one \"%s\"", (int)FET_KIT_MAX_FAMILIES, name);
        if (f == plan->n_families) memcpy(plan->families[plan->n_families++].name, name, sizeof name);
    }
    qsort(plan->families, plan->n_families, sizeof *plan->families, by_name);
    return FET_OK;
}

/* Members of each family, in the pool's order. */
static fet_status sort_into_families(maker *m)
{
    const fet_kit_set *set = &m->pool->set;
    uint32_t used[FET_KIT_MAX_FAMILIES] = {0};
    FET_TRY(fet_alloc_zeroed((size_t)set->n + 1, sizeof *m->members, "kernels by family", &m->members));
    for (uint32_t i = 0; i < set->n; i++) m->plan->families[find_family(m->plan, &set->items[i].key)].pool++;
    for (uint32_t f = 0; f < m->plan->n_families; f++) m->first[f + 1] = m->first[f] + m->plan->families[f].pool;
    for (uint32_t i = 0; i < set->n; i++) {
        uint32_t f = find_family(m->plan, &set->items[i].key);
        m->members[m->first[f] + used[f]++] = i;
    }
    return FET_OK;
}

static fet_status choose(maker *m, const fet_kit_item *item, fet_kit_reason reason, double place, bool *out_new)
{
    fet_kit_item *made = NULL;
    uint32_t before = m->chosen.n, family = find_family(m->plan, &item->key);
    *out_new = false;
    if (family == FET_NONE) return FET_OK; /* a sweep into what no network has */
    FET_TRY(fet_kit_set_add(&m->chosen, &item->key, &made));
    if (m->chosen.n == before) return FET_OK;
    *made = *item;
    made->reason = reason, made->family = family;
    FET_TRY(fet_grow(&m->place, &m->place_room, m->chosen.n, sizeof *m->place));
    m->place[before] = place;
    if (reason == FET_KIT_SWEEP) m->plan->families[family].swept++;
    else m->plan->families[family].planned++;
    *out_new = true;
    return FET_OK;
}

static fet_status choose_asked(maker *m)
{
    bool new = false;
    for (uint32_t i = 0; i < m->pool->set.n; i++)
        if (m->pool->set.items[i].reason == FET_KIT_ASKED) FET_TRY(choose(m, &m->pool->set.items[i], FET_KIT_ASKED, -1, &new));
    return FET_OK;
}

/* Shares of `room` by square roots, no family above what it has left; what one leaves over goes to the others. */
static void set_quotas(maker *m, uint32_t room)
{
    uint32_t n = m->plan->n_families;
    for (bool again = true; again && room > 0;) {
        double weights = 0;
        uint32_t given = 0;
        for (uint32_t f = 0; f < n; f++)
            if (m->plan->families[f].pool > m->plan->families[f].planned + m->quota[f]) weights += sqrt(m->plan->families[f].pool);
        again = false;
        for (uint32_t f = 0; f < n && given < room && weights > 0; f++) {
            uint32_t left = m->plan->families[f].pool - m->plan->families[f].planned - m->quota[f];
            double share = sqrt(m->plan->families[f].pool) / weights * room;
            uint32_t part = share < LEAST ? LEAST : (uint32_t)share;
            part = part > left ? left : part;
            part = part > room - given ? room - given : part;
            m->quota[f] += part, given += part;
            again |= part > 0;
        }
        room -= given;
    }
}

typedef struct ranked {
    uint32_t index, count;
} ranked;

static int more_frequent(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* In turns the most frequent one that is left, and one of a shuffled list. */
static fet_status choose_of_family(maker *m, uint32_t f)
{
    uint32_t n = m->plan->families[f].pool, taken = 0, quota = m->quota[f];
    const uint32_t *members = m->members + m->first[f];
    const fet_kit_item *items = m->pool->set.items;
    ranked *order = NULL;
    uint32_t *drawn = NULL;
    fet_status status = fet_alloc_zeroed((size_t)n + 1, sizeof *order, "kernels in order", &order);
    if (status == FET_OK) status = fet_alloc_zeroed((size_t)n + 1, sizeof *drawn, "kernels drawn", &drawn);
    for (uint32_t i = 0; i < n && status == FET_OK; i++) order[i] = (ranked){members[i], items[members[i]].count}, drawn[i] = members[i];
    if (status == FET_OK && n) qsort(order, n, sizeof *order, more_frequent);
    if (status == FET_OK) fet_rng_shuffle(&m->rng, drawn, n);
    for (uint32_t i = 0; i < n && taken < quota && status == FET_OK; i++)
        for (int side = 0; side < 2 && taken < quota && status == FET_OK; side++) {
            bool new = false;
            status = choose(m, &items[side ? drawn[i] : order[i].index], FET_KIT_NETWORK, (taken + 0.5) / quota, &new);
            taken += new;
        }
    fet_free(order);
    fet_free(drawn);
    return status;
}

/* Staircases around drawn members of the families in turns, until `room` are chosen or nothing new comes up. */
static fet_status choose_sweeps(maker *m, uint32_t room)
{
    uint32_t taken = 0, dry = 0, n = m->plan->n_families;
    for (uint32_t f = 0; taken < room && n > 0 && dry < SWEEP_TRIES * n; f = (f + 1) % n) {
        fet_kernel_key keys[FET_KIT_SWEEP_POINTS];
        uint32_t members = m->plan->families[f].pool, before = taken;
        uint32_t index = m->members[m->first[f] + (members > 1 ? fet_rng_below(&m->rng, members) : 0)];
        uint32_t n_keys = fet_kit_sweep(&m->pool->set.items[index].key, m->options->n_out, m->options->n_in, &m->rng, keys);
        for (uint32_t k = 0; k < n_keys && taken < room; k++) {
            bool new = false;
            FET_TRY(choose(m, &(fet_kit_item){.key = keys[k]}, FET_KIT_SWEEP, (taken + 0.5) / room, &new));
            taken += new;
        }
        dry = taken > before ? 0 : dry + 1;
    }
    return FET_OK;
}

typedef struct placed {
    double place;
    uint32_t index;
} placed;

static int by_place(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static fet_status put_in_order(maker *m)
{
    placed *order = NULL;
    uint32_t n = m->chosen.n;
    FET_TRY(fet_alloc_zeroed((size_t)n + 1, sizeof *m->plan->items, "a plan", &m->plan->items));
    FET_TRY(fet_alloc_zeroed((size_t)n + 1, sizeof *order, "a plan", &order));
    for (uint32_t i = 0; i < n; i++) order[i] = (placed){m->place[i], i};
    if (n) qsort(order, n, sizeof *order, by_place);
    for (uint32_t i = 0; i < n; i++) m->plan->items[i] = m->chosen.items[order[i].index];
    m->plan->n = n;
    fet_free(order);
    return FET_OK;
}

static fet_status make(maker *m)
{
    FET_TRY(list_families(m));
    FET_TRY(sort_into_families(m));
    FET_TRY(choose_asked(m));
    uint32_t room = m->options->n_kernels > m->chosen.n ? m->options->n_kernels - m->chosen.n : 0;
    uint32_t sweeps = (uint32_t)(m->options->sweep_share * room), before = m->chosen.n;
    set_quotas(m, room - sweeps);
    for (uint32_t f = 0; f < m->plan->n_families; f++) FET_TRY(choose_of_family(m, f));
    /* What the networks do not have goes to the staircases, if there are to be any. */
    if (sweeps) FET_TRY(choose_sweeps(m, room - (m->chosen.n - before)));
    return put_in_order(m);
}

fet_status fet_kit_plan_make(const fet_kit_pool *pool, const fet_kit_plan_options *options, fet_kit_plan **out_plan)
{
    fet_auto(fet_kit_plan) plan = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *plan, "a plan", &plan));
    maker m = {.pool = pool, .options = options, .plan = plan};
    fet_rng_init(&m.rng, options->seed, 2, FET_RNG_SAMPLE);
    fet_status status = make(&m);
    fet_kit_set_clear(&m.chosen);
    fet_free(m.place);
    fet_free(m.members);
    FET_TRY(status);
    *out_plan = fet_take(plan);
    return FET_OK;
}

void fet_kit_plan_destroy(fet_kit_plan *plan)
{
    if (!plan) return;
    fet_free(plan->items);
    fet_free(plan);
}
