// SPDX-License-Identifier: Apache-2.0
/* Genomes that mean the same network become one. */
#include "spaces.h"

static uint64_t hash_of(const fet_space *space, const fet_genome *genome, fet_arena *arena)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_space_derive(space, genome, arena, &graph));
    uint64_t hash = fet_graph_hash(graph);
    fet_graph_destroy(graph);
    fet_arena_reset(arena);
    return hash;
}

enum { N_DRAWS = 3000 };

typedef struct drawn {
    uint64_t hash;
    fet_genome genome;
} drawn;

static int by_hash(const void *a, const void *b)
{
    const drawn *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Any genome and its canonical one are the same network; two canonical genomes are the same only if their networks are, and the other way
 * round. */
static void canonical_genomes(void **state)
{
    (void)state;
    static drawn drawns[N_DRAWS];
    fet_graph *base = small_network();
    for (int locked = 0; locked < 2; locked++) {
        fet_space_options options = fet_space_default_options();
        options.parallelism = (fet_parallelism){4, 8};
        options.locks = (const char *const[]){"stage2.width!=8", "multiplier!=x1", "stage3.block0=fused"};
        options.n_locks = locked ? 3 : 0;
        fet_space *space = space_of(base, &options);
        fet_arena *arena = NULL;
        CHECK_OK(fet_arena_create(&arena));
        fet_rng rng;
        fet_rng_init(&rng, 8, 0, FET_RNG_TEST);
        uint32_t n_settled = 0;
        for (int i = 0; i < N_DRAWS; i++) {
            fet_genome raw = {.n = (uint8_t)fet_space_n_decisions(space)}; /* drawn here, for what the space gives is canonical already */
            for (uint32_t d = 0; d < raw.n; d++) {
                do raw.option[d] = (uint8_t)fet_rng_below(&rng, fet_space_decision(space, d)->n_options);
                while (fet_space_decision(space, d)->options[raw.option[d]].removed);
            }
            fet_genome canonical = raw, again;
            fet_space_canonicalise(space, &canonical);
            n_settled += !fet_genome_equal(&raw, &canonical);
            again = canonical;
            fet_space_canonicalise(space, &again);
            assert_true(fet_genome_equal(&again, &canonical));
            for (uint32_t d = 0; d < raw.n; d++) assert_false(fet_space_decision(space, d)->options[canonical.option[d]].removed);
            drawns[i] = (drawn){hash_of(space, &raw, arena), canonical};
            assert_true(drawns[i].hash == hash_of(space, &canonical, arena));
        }
        assert_true(n_settled > N_DRAWS / 20); /* the case is not an empty one */
        qsort(drawns, N_DRAWS, sizeof *drawns, by_hash);
        uint32_t n_same = 0;
        for (int i = 1; i < N_DRAWS; i++) {
            assert_int_equal(drawns[i].hash == drawns[i - 1].hash, fet_genome_equal(&drawns[i].genome, &drawns[i - 1].genome));
            n_same += drawns[i].hash == drawns[i - 1].hash;
        }
        assert_true(n_same > 0);
        fet_arena_destroy(arena);
        fet_space_destroy(space);
    }
    fet_graph_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_genomes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
