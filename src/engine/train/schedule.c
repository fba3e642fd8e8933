// SPDX-License-Identifier: Apache-2.0
/*
 * Cuts the steps into groups between the barriers of batch norm, decides for every value whether it is kept, lives in scratch or is made
 * again, how many samples a group takes at once, and gives every value its memory.
 */
#include "engine/train/batch_norm.h"
#include "engine/train/train.h"

enum { NO_GROUP = -1, MANY_GROUPS = -2, ALIGNMENT = 64 };

/* The numbers of a value in either pass, or its gradient. */
typedef enum slot { DATA_FORWARD = FET_FORWARD, DATA_BACKWARD = FET_BACKWARD, DIFF, SLOTS } slot;
typedef void (*visitor)(void *context, fet_id value, slot where);

/* In which one group a value is touched, and where in scratch it then lies. */
typedef struct usage {
    int group[SLOTS];
    bool placed[SLOTS];
    size_t offset[SLOTS];
} usage;

static fet_id diff_root(const fet_trainer *trainer, fet_id value)
{
    while (trainer->values[value].diff_of != FET_NONE) value = trainer->values[value].diff_of;
    return value;
}

static bool is_value(const fet_trainer *trainer, fet_id value)
{
    return value != FET_NONE && trainer->values[value].dtype != FET_DTYPE_NONE;
}

static void visit_entry(const fet_trainer *trainer, int pass, const fet_train_entry *entry, visitor visit, void *context)
{
    const fet_train_step *step = entry->step;
    bool forward = entry->run == step->op->forward, backward = entry->run == step->op->backward;
    for (uint32_t i = 0; i < step->n_inputs; i++) {
        if (!is_value(trainer, step->inputs[i])) continue;
        bool sums = !forward && !backward && i == 0;
        if (forward || sums || (backward && step->needs[i])) visit(context, step->inputs[i], (slot)pass);
        if (backward && step->wants[i]) visit(context, diff_root(trainer, step->inputs[i]), DIFF);
    }
    if (step->dst == FET_NONE) return;
    if (forward || (entry->run != step->op->observe && step->needs_dst)) visit(context, step->dst, (slot)pass);
    if (backward || entry->run == step->op->reduce) visit(context, diff_root(trainer, step->dst), DIFF);
}

/* --- entries and groups --- */

static void close_group(fet_train_schedule *s, fet_train_entry finish)
{
    uint32_t first = s->n_groups ? s->groups[s->n_groups - 1].first_entry + s->groups[s->n_groups - 1].n_entries : 0;
    if (first == s->n_entries && !finish.run) return;
    s->groups[s->n_groups++] = (fet_train_group){.first_entry = first, .n_entries = s->n_entries - first, .finish = finish};
}

static void push(fet_train_schedule *s, fet_train_step *step, fet_train_run run)
{
    s->entries[s->n_entries++] = (fet_train_entry){step, run};
}

static void push_step(fet_train_schedule *s, fet_train_step *step, fet_train_run sums, fet_train_run finish, fet_train_run run)
{
    if (sums) {
        push(s, step, sums);
        close_group(s, (fet_train_entry){step, finish});
    }
    push(s, step, run);
}

static fet_status make_room(fet_trainer *trainer, fet_train_schedule *s)
{
    uint32_t inputs = 0;
    for (uint32_t i = 0; i < trainer->n_steps; i++) inputs += trainer->steps[i].n_inputs;
    s->entries = fet_train_state(trainer, (2 * (size_t)trainer->n_steps + inputs + 1) * sizeof *s->entries);
    s->groups = fet_train_state(trainer, ((size_t)trainer->n_steps + 2) * sizeof *s->groups);
    return s->entries && s->groups ? FET_OK : fet_arena_full();
}

static fet_status build_forward(fet_trainer *trainer)
{
    fet_train_schedule *s = &trainer->schedule[FET_FORWARD];
    FET_TRY(make_room(trainer, s));
    for (uint32_t i = 0; i < trainer->n_steps; i++) {
        fet_train_step *step = &trainer->steps[i];
        push_step(s, step, step->op->observe, step->op->observe_finish, step->op->forward);
    }
    close_group(s, (fet_train_entry){0});
    return FET_OK;
}

static fet_status build_backward(fet_trainer *trainer, fet_train_step *const *producer)
{
    fet_train_schedule *s = &trainer->schedule[FET_BACKWARD];
    FET_TRY(make_room(trainer, s));
    for (uint32_t i = trainer->n_steps; i-- > 0;) {
        fet_train_step *step = &trainer->steps[i];
        if (!step->live_backward) continue;
        if (step->op->reduce) {
            push_step(s, step, step->op->reduce, step->op->reduce_finish, step->op->backward);
            continue;
        }
        for (uint32_t k = 0; k < step->n_inputs; k++)
            if (is_value(trainer, step->inputs[k]) && step->needs[k] && trainer->values[step->inputs[k]].remade)
                push(s, producer[step->inputs[k]], producer[step->inputs[k]]->op->forward);
        push(s, step, step->op->backward);
    }
    close_group(s, (fet_train_entry){0});
    return FET_OK;
}

/* --- who is touched where --- */

typedef struct noting {
    usage *usages;
    int group;
} noting;

static void note(void *context, fet_id value, slot where)
{
    noting *n = context;
    int *group = &n->usages[value].group[where];
    *group = *group == NO_GROUP || *group == n->group ? n->group : MANY_GROUPS;
}

static void note_pass(const fet_trainer *trainer, usage *usages, int pass)
{
    const fet_train_schedule *s = &trainer->schedule[pass];
    for (uint32_t g = 0; g < s->n_groups; g++) {
        noting context = {.usages = usages, .group = (int)g};
        for (uint32_t e = 0; e < s->groups[g].n_entries; e++)
            visit_entry(trainer, pass, &s->entries[s->groups[g].first_entry + e], note, &context);
    }
}

/* A value that one step reads, in the group that makes it, need not be kept for the backward pass: a batch norm makes it again from its
 * input. */
static void choose_remade(fet_trainer *trainer, const usage *usages, fet_train_step *const *producer)
{
    for (fet_id v = 0; v < trainer->graph->n_values; v++) {
        if (!producer[v] || producer[v]->op != &fet_train_batch_normalization || producer[v]->n_inputs > 5) continue;
        uint32_t readers = 0;
        for (uint32_t s = 0; s < trainer->n_steps; s++)
            for (uint32_t i = 0; i < trainer->steps[s].n_inputs; i++) readers += trainer->steps[s].inputs[i] == v;
        trainer->values[v].remade = readers == 1 && usages[v].group[DATA_FORWARD] >= 0;
    }
}

/* --- chunks --- */

typedef struct weighing {
    const fet_trainer *trainer;
    size_t bytes;
} weighing;

static void weigh(void *context, fet_id value, slot where)
{
    (void)where;
    weighing *w = context;
    w->bytes += w->trainer->values[value].image_bytes;
}

/* The largest divisor of the batch with which two neighbouring entries stay in the cache. */
static int64_t choose_chunk(const fet_trainer *trainer, int pass, const fet_train_group *group)
{
    const fet_train_schedule *s = &trainer->schedule[pass];
    size_t most = 1, before = 0;
    for (uint32_t e = 0; e < group->n_entries; e++) {
        weighing w = {.trainer = trainer};
        visit_entry(trainer, pass, &s->entries[group->first_entry + e], weigh, &w);
        if (before + w.bytes > most) most = before + w.bytes;
        before = w.bytes;
    }
    int64_t fits = (int64_t)(trainer->cache_bytes / most), best = 1;
    for (int64_t d = 1; d <= trainer->batch; d++)
        if (trainer->batch % d == 0 && d <= fits) best = d;
    return best;
}

static void choose_chunks(fet_trainer *trainer, int pass)
{
    fet_train_schedule *s = &trainer->schedule[pass];
    for (uint32_t g = 0; g < s->n_groups; g++) {
        fet_train_group *group = &s->groups[g];
        group->chunk = choose_chunk(trainer, pass, group);
        for (uint32_t e = 0; e < group->n_entries; e++) {
            fet_train_entry *entry = &s->entries[group->first_entry + e];
            bool own = entry->run == (pass == FET_FORWARD ? entry->step->op->forward : entry->step->op->backward);
            if (own) entry->step->chunk[pass] = group->chunk;
        }
    }
}

/* --- memory --- */

static size_t align(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool kept_for_backward(const fet_trainer *trainer, const usage *u, fet_id value)
{
    return u->group[DATA_BACKWARD] != NO_GROUP && !trainer->values[value].remade;
}

static bool in_scratch(const fet_trainer *trainer, const usage *u, fet_id value, slot where)
{
    return u->group[where] >= 0 && (where == DIFF || !kept_for_backward(trainer, u, value));
}

/* Offsets in scratch for the values of one group, from zero for each group: the same lines of the cache serve them all. */
typedef struct placing {
    const fet_trainer *trainer;
    usage *usages;
    const fet_train_group *group;
    size_t used;
} placing;

static void place_value(void *context, fet_id value, slot where)
{
    placing *p = context;
    usage *u = &p->usages[value];
    if (!in_scratch(p->trainer, u, value, where) || u->placed[where]) return;
    u->placed[where] = true;
    u->offset[where] = p->used;
    p->used += align((size_t)p->group->chunk * p->trainer->values[value].image_bytes);
}

static size_t place_scratch(const fet_trainer *trainer, usage *usages, int pass)
{
    const fet_train_schedule *s = &trainer->schedule[pass];
    size_t most = 0;
    for (uint32_t g = 0; g < s->n_groups; g++) {
        placing p = {.trainer = trainer, .usages = usages, .group = &s->groups[g]};
        for (uint32_t e = 0; e < s->groups[g].n_entries; e++)
            visit_entry(trainer, pass, &s->entries[s->groups[g].first_entry + e], place_value, &p);
        if (p.used > most) most = p.used;
    }
    return most;
}

/* Scratch where one group touches a value; else memory of its own, the same in both passes. */
static fet_status give_memory(fet_trainer *trainer, const usage *u, fet_id value)
{
    fet_train_value *v = &trainer->values[value];
    size_t bytes = (size_t)trainer->batch * v->image_bytes;
    char *kept = NULL;
    for (int pass = 0; pass < 2; pass++) {
        if (u->group[pass] == NO_GROUP) continue;
        if (u->placed[pass]) {
            v->data[pass] = trainer->scratch + u->offset[pass];
            continue;
        }
        if (!kept) FET_TRY(fet_train_alloc(trainer, bytes, "activations", &kept));
        v->data[pass] = kept;
        v->data_step[pass] = v->image_bytes;
    }
    if (u->placed[DIFF]) {
        v->diff = trainer->scratch + u->offset[DIFF];
    } else if (u->group[DIFF] != NO_GROUP) {
        FET_TRY(fet_train_alloc(trainer, bytes, "gradients", &v->diff));
        v->diff_step = v->image_bytes;
    }
    return FET_OK;
}

/* Gradients that are written apart and then added. */
static fet_status make_temporaries(fet_trainer *trainer)
{
    size_t most = 0;
    for (uint32_t s = 0; s < trainer->n_steps; s++)
        for (uint32_t i = 0; i < trainer->steps[s].n_inputs; i++) {
            if (!is_value(trainer, trainer->steps[s].inputs[i])) continue;
            size_t bytes = (size_t)trainer->steps[s].chunk[FET_BACKWARD] * trainer->values[trainer->steps[s].inputs[i]].image_bytes;
            if (bytes > most) most = bytes;
        }
    FET_TRY(fet_train_alloc(trainer, most, "gradients", &trainer->temporary[0]));
    return fet_train_alloc(trainer, most, "gradients", &trainer->temporary[1]);
}

static fet_status place_all(fet_trainer *trainer, usage *usages)
{
    size_t bytes = 1;
    for (int pass = 0; pass < 2; pass++) {
        choose_chunks(trainer, pass);
        size_t most = place_scratch(trainer, usages, pass);
        if (most > bytes) bytes = most;
    }
    FET_TRY(fet_train_alloc(trainer, bytes, "scratch values", &trainer->scratch));
    for (fet_id v = 0; v < trainer->graph->n_values; v++) FET_TRY(give_memory(trainer, &usages[v], v));
    for (fet_id v = 0; v < trainer->graph->n_values; v++) {
        fet_id root = diff_root(trainer, v);
        trainer->values[v].diff = trainer->values[root].diff;
        trainer->values[v].diff_step = trainer->values[root].diff_step;
    }
    return make_temporaries(trainer);
}

fet_status fet_train_schedule_build(fet_trainer *trainer)
{
    size_t n = (size_t)trainer->graph->n_values + 1;
    usage *usages = fet_train_state(trainer, n * sizeof *usages);
    fet_train_step **producer = fet_train_state(trainer, n * sizeof *producer);
    if (!usages || !producer) return fet_arena_full();
    for (size_t v = 0; v < n; v++)
        for (int i = 0; i < SLOTS; i++) usages[v].group[i] = NO_GROUP;
    for (uint32_t s = 0; s < trainer->n_steps; s++)
        if (trainer->steps[s].dst != FET_NONE) producer[trainer->steps[s].dst] = &trainer->steps[s];
    FET_TRY(build_forward(trainer));
    note_pass(trainer, usages, FET_FORWARD);
    choose_remade(trainer, usages, producer);
    FET_TRY(build_backward(trainer, producer));
    note_pass(trainer, usages, FET_BACKWARD);
    return place_all(trainer, usages);
}

fet_status fet_train_schedule_run(fet_trainer *trainer, int pass)
{
    const fet_train_schedule *s = &trainer->schedule[pass];
    for (uint32_t g = 0; g < s->n_groups; g++) {
        const fet_train_group *group = &s->groups[g];
        for (int64_t first = 0; first < trainer->batch; first += group->chunk) {
            fet_train_range range = {.first = first, .count = group->chunk, .pass = pass};
            for (uint32_t e = 0; e < group->n_entries; e++) {
                const fet_train_entry *entry = &s->entries[group->first_entry + e];
                FET_TRY(entry->run(trainer, entry->step, &range));
            }
        }
        fet_train_range all = {.first = 0, .count = trainer->batch, .pass = pass};
        if (group->finish.run) FET_TRY(group->finish.run(trainer, group->finish.step, &all));
    }
    return FET_OK;
}
