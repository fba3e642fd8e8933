// SPDX-License-Identifier: Apache-2.0
/*
 * In which worlds each value is in memory, and the CAST kernels that bring it into another.
 *
 * Some forms are the same memory (kernel.h: row-major maps, one channel): making one makes the other. A crossing between two fast worlds
 * is one CAST if plain is not there already.
 */
#include "kernel/split.h"

#include <string.h>

void fet_split_enter(fet_split *s, fet_dtype precision)
{
    s->precision = precision;
    s->fast = s->forms[fet_kernel_world(precision)];
}

void fet_split_enter_where(fet_split *s, fet_id value)
{
    fet_dtype order[FET_KERNEL_WORLDS + 1] = {s->network};
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++) order[w + 1] = fet_kernel_world_precision(w);
    for (uint32_t i = 0; i <= FET_KERNEL_WORLDS; i++)
        if (s->forms[fet_kernel_world(order[i])][value] & (FET_SPLIT_HAS_FAST | FET_SPLIT_FAST_F32)) {
            fet_split_enter(s, order[i]);
            return;
        }
}

fet_kernel *fet_split_append(fet_split *s)
{
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity * 2;
        fet_kernel *items = fet_arena_alloc(s->arena, capacity * sizeof *items);
        if (!items) return NULL;
        memcpy(items, s->items, s->count * sizeof *items);
        s->items = items;
        s->capacity = capacity;
    }
    fet_kernel *kernel = &s->items[s->count++];
    memset(kernel, 0, sizeof *kernel);
    kernel->anchor = kernel->batch_norm = kernel->activation_node = kernel->add_node = kernel->residual = kernel->pad = FET_NONE;
    return kernel;
}

void fet_split_made_fast(fet_split *s, fet_id value, bool is_unsigned)
{
    s->fast[value] |= FET_SPLIT_HAS_FAST | (is_unsigned ? FET_SPLIT_UNSIGNED : 0);
    if (fet_kernel_fast_is_plain(&s->graph->values[value].shape, s->precision)) s->known[value] |= FET_SPLIT_HAS_PLAIN;
}

void fet_split_made_plain(fet_split *s, fet_id value)
{
    s->known[value] |= FET_SPLIT_HAS_PLAIN;
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++)
        if (fet_kernel_fast_is_plain(&s->graph->values[value].shape, fet_kernel_world_precision(w)))
            s->forms[w][value] |= FET_SPLIT_HAS_FAST;
}

/* The value that a view looks at, or FET_NONE. */
static fet_id viewed(const fet_split *s, fet_id value)
{
    const fet_value *v = &s->graph->values[value];
    if (v->kind != FET_VALUE_COMPUTED || s->classes[v->node] != FET_CLASS_VIEW) return FET_NONE;
    return s->graph->nodes[v->node].inputs[0];
}

bool fet_split_sees_fast(const fet_split *s, fet_id value)
{
    if (s->fast[value] & FET_SPLIT_HAS_FAST) return true;
    fet_id source = viewed(s, value);
    return source != FET_NONE && s->fast[source] & FET_SPLIT_HAS_FAST && fet_kernel_fast_is_row_major(&s->graph->values[value].shape) &&
           fet_kernel_fast_is_row_major(&s->graph->values[source].shape);
}

static fet_status add_cast(fet_split *s, fet_id value, uint32_t flags)
{
    fet_kernel *kernel = fet_split_append(s);
    if (!kernel) return fet_arena_full();
    fet_kernel_fill_cast_key(&s->graph->values[value].shape, s->precision, &kernel->key);
    uint8_t known = s->fast[value];
    kernel->key.flags = flags;
    if (flags & FET_KERNEL_F32_DST && known & FET_SPLIT_FAST_F32) kernel->key.extra = 1;
    else if (flags & FET_KERNEL_F32_DST && s->precision == FET_DTYPE_S8 && !(known & FET_SPLIT_UNSIGNED))
        kernel->key.flags |= FET_KERNEL_SIGNED_SRC;
    kernel->src = kernel->dst = value;
    return FET_OK;
}

fet_status fet_split_need_plain(fet_split *s, fet_id value)
{
    if (s->known[value] & (FET_SPLIT_HAS_PLAIN | FET_SPLIT_CONSTANT)) return FET_OK;
    fet_id source = viewed(s, value);
    if (source != FET_NONE && s->known[source] & FET_SPLIT_CONSTANT) return FET_OK;
    if (source != FET_NONE) {
        FET_TRY(fet_split_need_plain(s, source));
    } else {
        fet_dtype precision = s->precision;
        if (!(s->fast[value] & (FET_SPLIT_HAS_FAST | FET_SPLIT_FAST_F32))) fet_split_enter_where(s, value);
        FET_TRY(add_cast(s, value, FET_KERNEL_F32_DST));
        fet_split_enter(s, precision);
    }
    fet_split_made_plain(s, value);
    return FET_OK;
}

/* From another precision's fast world, the first in order that has the value. False: there is none, or plain is there already. */
static bool is_fast_elsewhere(const fet_split *s, fet_id value, uint32_t *out_world)
{
    if (s->known[value] & (FET_SPLIT_HAS_PLAIN | FET_SPLIT_CONSTANT)) return false;
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++)
        if (s->forms[w] != s->fast && s->forms[w][value] & (FET_SPLIT_HAS_FAST | FET_SPLIT_FAST_F32)) {
            *out_world = w;
            return true;
        }
    return false;
}

static fet_status add_crossing(fet_split *s, fet_id value, uint32_t from)
{
    uint8_t form = s->forms[from][value];
    fet_dtype source = form & FET_SPLIT_FAST_F32 ? FET_DTYPE_F32 : fet_kernel_world_precision(from);
    FET_TRY(add_cast(s, value, 0));
    fet_kernel_key *key = &s->items[s->count - 1].key;
    key->flags = source == FET_DTYPE_S8 && !(form & FET_SPLIT_UNSIGNED) ? FET_KERNEL_SIGNED_SRC : 0;
    key->extra = (uint32_t)source << 1;
    return FET_OK;
}

fet_status fet_split_need_fast(fet_split *s, fet_id value)
{
    uint32_t from = 0;
    if (s->fast[value] & FET_SPLIT_HAS_FAST) return FET_OK;
    if (fet_split_sees_fast(s, value)) {
        fet_split_made_fast(s, value, s->fast[viewed(s, value)] & FET_SPLIT_UNSIGNED);
        return FET_OK;
    }
    if (is_fast_elsewhere(s, value, &from)) {
        FET_TRY(add_crossing(s, value, from));
    } else {
        FET_TRY(fet_split_need_plain(s, value));
        if (s->fast[value] & FET_SPLIT_HAS_FAST) return FET_OK;
        FET_TRY(add_cast(s, value, FET_KERNEL_PLAIN_SRC));
    }
    bool is_unsigned = s->precision == FET_DTYPE_S8 && s->known[fet_kernel_view_root(s->graph, value)] & FET_SPLIT_NONNEGATIVE;
    s->items[s->count - 1].dst_unsigned = is_unsigned;
    fet_split_made_fast(s, value, is_unsigned);
    return FET_OK;
}
