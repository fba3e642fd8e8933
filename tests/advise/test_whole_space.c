// SPDX-License-Identifier: Apache-2.0
/* Every decision of a network; of one that has too many, fewer kinds, which is said. */
#include "space/networks.h"

#include "advise/whole_space.h"

static bool has_kind(const fet_space *space, fet_decision_kind kind)
{
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++)
        if (fet_space_decision(space, d)->kind == kind) return true;
    return false;
}

static void whole(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space *space = NULL;
    const char *left_out = NULL, *lock = "stage2.block0=fused", *wrong = "stage9.block0=fused";
    CHECK_OK(fet_whole_space_create(base, (fet_parallelism){1, 1}, 0, NULL, 0, &space, &left_out));
    assert_string_equal(left_out, "");
    static const fet_decision_kind kinds[] = {FET_DECISION_BLOCK_FORM, FET_DECISION_WIDTH, FET_DECISION_MULTIPLIER, FET_DECISION_KERNEL,
                                              FET_DECISION_SKIP};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) assert_true(has_kind(space, kinds[k]));
    fet_space_destroy(space);
    CHECK_OK(fet_whole_space_create(base, (fet_parallelism){1, 1}, 0, &lock, 1, &space, &left_out));
    fet_space_destroy(space);
    CHECK_FAILS(FET_ERROR_ARG, fet_whole_space_create(base, (fet_parallelism){1, 1}, 0, &wrong, 1, &space, &left_out));
    fet_graph_destroy(base);
}

static void too_many(void **state)
{
    (void)state;
    fet_template_options options = small_options();
    /* Three stages of about so many blocks: 3 decisions a block are too many; in the second network also the 2 that are left without
     * kernels. */
    const uint32_t blocks[] = {FET_SPACE_MAX_DECISIONS / 9 + 1, FET_SPACE_MAX_DECISIONS / 6 + 1};
    for (size_t n = 0; n < sizeof blocks / sizeof *blocks; n++) {
        fet_graph *base = NULL;
        fet_space *space = NULL;
        const char *left_out = NULL;
        for (uint32_t s = 0; s < 3; s++) options.stages[s].blocks = blocks[n] + s;
        CHECK_OK(fet_template_build("ibn_classifier", &options, &base));
        CHECK_OK(fet_whole_space_create(base, (fet_parallelism){1, 1}, 0, NULL, 0, &space, &left_out));
        assert_true(left_out[0] != '\0');
        assert_false(has_kind(space, FET_DECISION_KERNEL));
        assert_true(has_kind(space, FET_DECISION_BLOCK_FORM));
        fet_space_destroy(space);
        fet_graph_destroy(base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole), cmocka_unit_test(too_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
