// SPDX-License-Identifier: Apache-2.0
#include "rewrite/set_width.h"

#include <string.h>

static const float SPREAD = 0.2f; /* of the shares of copies: enough to part them, little enough that none starts unimportant */

void fet_channel_choose(const uint32_t *order, const uint32_t *rank, uint32_t n_base, uint32_t n_wanted, uint32_t *out_index,
                        float *out_scale)
{
    if (n_wanted < n_base) {
        /* Written always, kept by advancing: a branch here would be a coin toss. One place beyond the end is never written, since n_wanted
         * <= c then. */
        uint32_t kept = 0;
        for (uint32_t c = 0; c < n_base && kept < n_wanted; c++) {
            out_index[kept] = c;
            kept += rank[c] < n_wanted;
        }
        return;
    }
    for (uint32_t i = 0; i < n_base; i++) out_index[i] = i;
    if (n_wanted == n_base || n_base == 0) return;
    for (uint32_t i = n_base; i < n_wanted; i++) out_index[i] = order[(i - n_base) % n_base];
    uint32_t rounds = (n_wanted - n_base) / n_base, more = (n_wanted - n_base) % n_base;
    for (uint32_t i = 0; i < n_wanted; i++) {
        uint32_t copies = 1 + rounds + (rank[out_index[i]] < more);
        uint32_t copy = i < n_base ? 0 : 1 + (i - n_base) / n_base;
        float t = copies > 1 ? 1.0f - 2.0f * (float)copy / (float)(copies - 1) : 0.0f;
        out_scale[i] = (1.0f + SPREAD * t) / (float)copies;
    }
}

fet_status fet_set_width(const fet_graph *base, const fet_channel_groups *groups, uint32_t group, uint32_t channels, fet_arena *arena,
                         fet_graph **out_graph)
{
    fet_blueprint blueprint;
    FET_TRY(fet_blueprint_init(base, groups, NULL, 0, arena, &blueprint));
    uint32_t *wanted = fet_arena_alloc(arena, (groups->n_groups + 1) * sizeof *wanted);
    if (!wanted) return fet_arena_full();
    for (uint32_t g = 0; g < groups->n_groups; g++) wanted[g] = g == group ? channels : groups->groups[g].channels;
    return fet_blueprint_make(&blueprint, wanted, NULL, arena, out_graph);
}
