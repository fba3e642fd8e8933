// SPDX-License-Identifier: Apache-2.0
/* Where a layer stands, against the names that the template gives its layers: in the base, and in candidates whose blocks were fused. */
#include "spaces.h"

/* "stage2.block1.project.conv" -> "stage2.block1"; "" outside of blocks. */
static void place_in_name(const char *name, char *place, size_t bytes)
{
    unsigned stage = 0, block = 0;
    place[0] = '\0';
    if (sscanf(name, "stage%u.block%u.", &stage, &block) == 2) snprintf(place, bytes, "stage%u.block%u", stage, block);
}

static uint32_t check_graph(const fet_space *space, const fet_graph *graph)
{
    uint32_t n_placed = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        char expected[64], place[64] = "";
        if (graph->nodes[n].op == FET_OP_NONE) continue;
        place_in_name(graph->nodes[n].name, expected, sizeof expected);
        bool found = fet_space_place(space, graph, n, place, sizeof place);
        assert_int_equal(found, expected[0] != '\0');
        assert_string_equal(place, expected);
        n_placed += found;
    }
    return n_placed;
}

static void test_template(void **state)
{
    (void)state;
    fet_auto(fet_graph) base = small_network();
    fet_auto(fet_arena) arena = NULL;
    fet_space_options options = fet_space_default_options();
    options.search_block_form = options.search_width = true;
    CHECK_OK(fet_arena_create(&arena));
    fet_auto(fet_space) space = space_of(base, &options);
    assert_true(check_graph(space, base) > 30);
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int i = 0; i < 20; i++) {
        fet_auto(fet_graph) graph = NULL;
        fet_genome genome;
        fet_space_sample(space, &rng, &genome);
        CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
        assert_true(check_graph(space, graph) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_template)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
