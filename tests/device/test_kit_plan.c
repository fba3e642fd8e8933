// SPDX-License-Identifier: Apache-2.0
/* Plans by what they promise: each kernel once, the same list again, families spread from the first to the last, valid staircases. For
 * device/kit/plan.h (plan.c, pool.c, sweep.c). */
#include "check.h"

#include "base/alloc.h"
#include "device/kit/plan.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "space/template/template.h"

#include <math.h>
#include <string.h>

static fet_graph *network(void)
{
    fet_graph *graph = NULL;
    fet_template_options options = {.channels = 3,
                                    .height = 32,
                                    .width = 32,
                                    .n_classes = 4,
                                    .stem_channels = 16,
                                    .stem_kernel = 3,
                                    .stem_stride = 2,
                                    .n_stages = 2,
                                    .head_channels = 64};
    options.stages[0] = (fet_template_stage){.blocks = 2, .channels = 16, .expansion = 3, .stride = 1, .kernel = 3};
    options.stages[1] = (fet_template_stage){.blocks = 2, .channels = 32, .expansion = 3, .stride = 2, .kernel = 5};
    CHECK_OK(fet_template_build("ibn_classifier", &options, &graph));
    return graph;
}

static fet_space *space_of(const fet_graph *graph)
{
    fet_space *space = NULL;
    fet_space_options options = fet_space_default_options();
    options.search_block_form = options.search_width = true;
    options.parallelism = (fet_parallelism){8, 1};
    CHECK_OK(fet_space_create(graph, &options, &space));
    return space;
}

static fet_kit_pool *pool_of(const fet_space *space, uint32_t n_whole)
{
    fet_kit_pool *pool = NULL;
    CHECK_OK(fet_kit_pool_create(&fet_fusion_rules_host, FET_DTYPE_S8, &pool));
    CHECK_OK(fet_kit_pool_add_space(pool, space, 60, n_whole, 7));
    return pool;
}

static bool has(const fet_kit_plan *plan, const fet_kernel_key *key, uint32_t below)
{
    for (uint32_t i = 0; i < below; i++)
        if (fet_kernel_key_equal(&plan->items[i].key, key)) return true;
    return false;
}

/* By definition: what the same draws split into, counted with loops. */
static void test_pool_is_what_the_networks_have(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = network();
    fet_auto(fet_space) space = space_of(graph);
    fet_auto(fet_kit_pool) pool = pool_of(space, 0);
    fet_auto(fet_kit_plan) plan = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_kit_plan_options options = fet_kit_plan_default_options();
    uint32_t distinct = 0, all = 0, counted = 0;
    fet_rng rng;
    options.n_kernels = 100000, options.sweep_share = 0;
    CHECK_OK(fet_kit_plan_make(pool, &options, &plan));
    fet_kernel_key *seen = calloc(20000, sizeof *seen);
    assert_non_null(seen);
    CHECK_OK(fet_arena_create(&arena));
    fet_rng_init(&rng, 7, 1, FET_RNG_SAMPLE);
    for (int n = 0; n < 60; n++) {
        fet_genome genome;
        fet_kernels kernels;
        fet_auto(fet_graph) one = NULL;
        if (n == 0) fet_space_base_genome(space, &genome);
        else fet_space_sample(space, &rng, &genome);
        fet_arena_reset(arena);
        CHECK_OK(fet_space_derive(space, &genome, arena, &one));
        CHECK_OK(fet_kernels_split(one, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
        all += kernels.count;
        for (uint32_t k = 0; k < kernels.count; k++) {
            bool known = false;
            for (uint32_t i = 0; i < distinct && !known; i++) known = fet_kernel_key_equal(&seen[i], &kernels.items[k].key);
            if (!known) seen[distinct++] = kernels.items[k].key;
        }
    }
    assert_int_equal(fet_kit_pool_count(pool), distinct);
    assert_int_equal(plan->n, distinct);
    for (uint32_t i = 0; i < distinct; i++) assert_true(has(plan, &seen[i], plan->n));
    for (uint32_t i = 0; i < plan->n; i++) counted += plan->items[i].count;
    assert_int_equal(counted, all);
    free(seen);
}

static void test_plans_repeat_and_hold_each_kernel_once(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = network();
    fet_auto(fet_space) space = space_of(graph);
    fet_auto(fet_kit_pool) pool = pool_of(space, 0);
    fet_auto(fet_kit_plan) one = NULL;
    fet_auto(fet_kit_plan) two = NULL;
    fet_auto(fet_kit_plan) other = NULL;
    fet_kit_plan_options options = fet_kit_plan_default_options();
    options.n_kernels = 120;
    CHECK_OK(fet_kit_plan_make(pool, &options, &one));
    CHECK_OK(fet_kit_plan_make(pool, &options, &two));
    assert_int_equal(one->n, 120);
    assert_int_equal(two->n, one->n);
    assert_memory_equal(one->items, two->items, one->n * sizeof *one->items);
    for (uint32_t i = 0; i < one->n; i++) assert_false(has(one, &one->items[i].key, i));
    options.seed = 2;
    CHECK_OK(fet_kit_plan_make(pool, &options, &other));
    assert_int_equal(other->n, 120);
    uint32_t shared = 0;
    for (uint32_t i = 0; i < other->n; i++) shared += has(one, &other->items[i].key, one->n);
    assert_true(shared < 120);
}

/* Every family has its few, and the first half of the list has about half of each. */
static void test_any_beginning_is_spread(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = network();
    fet_auto(fet_space) space = space_of(graph);
    fet_auto(fet_kit_pool) pool = pool_of(space, 0);
    fet_auto(fet_kit_plan) plan = NULL;
    fet_kit_plan_options options = fet_kit_plan_default_options();
    options.n_kernels = 120;
    CHECK_OK(fet_kit_plan_make(pool, &options, &plan));
    uint32_t swept = 0;
    for (uint32_t f = 0; f < plan->n_families; f++) {
        uint32_t first = 0, whole = 0;
        const fet_kit_family *family = &plan->families[f];
        for (uint32_t i = 0; i < plan->n; i++) {
            const fet_kit_item *item = &plan->items[i];
            char name[FET_KIT_FAMILY_BYTES];
            assert_string_equal(fet_kit_family_print(&item->key, name), plan->families[item->family].name);
            if (item->family != f || item->reason == FET_KIT_SWEEP) continue;
            assert_true(item->count > 0);
            whole++, first += i < plan->n / 2;
        }
        swept += family->swept;
        assert_int_equal(whole, family->planned);
        assert_true(whole >= (family->pool < 8 ? family->pool : 8));
        assert_true(fabs(first - 0.5 * whole) <= 0.5 * 0.2 * whole + 1.5);
    }
    assert_true(swept >= 25 && swept <= 35); /* a quarter of 120 */
}

static void test_what_is_asked_for_comes_first(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = network();
    fet_auto(fet_space) space = space_of(graph);
    fet_auto(fet_kit_pool) pool = pool_of(space, 1);
    fet_auto(fet_kit_plan) plan = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_kernels kernels;
    fet_kernel_key given;
    fet_kit_plan_options options = fet_kit_plan_default_options();
    CHECK_OK(fet_kernel_key_parse("conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias", &given));
    CHECK_OK(fet_kit_pool_add_key(pool, &given));
    options.n_kernels = 1; /* too few: what is asked for is there all the same */
    CHECK_OK(fet_kit_plan_make(pool, &options, &plan));
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_kernels_split(graph, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
    assert_true(has(plan, &given, plan->n));
    for (uint32_t k = 0; k < kernels.count; k++) assert_true(has(plan, &kernels.items[k].key, plan->n));
    assert_true(plan->n <= kernels.count + 1);
    for (uint32_t i = 0; i < plan->n; i++) assert_int_equal(plan->items[i].reason, FET_KIT_ASKED);
}

/* Staircases are kernels that can run, of the same operator, that differ from their origin in one dimension. */
static void test_staircases(void **state)
{
    (void)state;
    static const char *const texts[] = {"conv s8 1x64x14x14>128x14x14 k3x3 s1x1 p1,1,1,1 g1 relu+bias",
                                        "conv s8 1x1x28x28>16x14x14 k3x3 s2x2 p1,1,1,1 g1 relu+bias+signed",
                                        "conv f32 1x40x7x7>240x7x7 k1x1 s1x1 g1 bias+add",
                                        "conv s8 1x48x10x10>48x5x5 k5x5 s2x2 p2,2,2,2 g48 relu+bias",
                                        "gemm s8 1x256x1x1>10x1x1 bias+f32_dst",
                                        "max_pool s8 1x32x20x20>32x10x10 k2x2 s2x2 g1",
                                        "average_pool bf16 1x64x8x8>64x7x7 k2x2 s1x1 g1",
                                        "global_average_pool s8 1x320x7x7>320x1x1",
                                        "add s8 1x48x20x20>48x20x20",
                                        "cast s8 1x3x64x64>3x64x64 plain",
                                        "cast s8 1x256x1x1>256x1x1 f32_dst",
                                        "resize s8 1x48x10x10>48x20x20"};
    bool below = false, at = false, above = false;
    fet_rng rng;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        for (int again = 0; again < 12; again++) {
            fet_kernel_key key, keys[FET_KIT_SWEEP_POINTS];
            CHECK_OK(fet_kernel_key_parse(texts[t], &key));
            if (key.precision == FET_DTYPE_BF16 && !fet_engine_has_bf16()) continue;
            uint32_t n = fet_kit_sweep(&key, 16, 4, &rng, keys);
            assert_true(n >= 3 && n <= FET_KIT_SWEEP_POINTS);
            for (uint32_t i = 0; i < n; i++) {
                char text[FET_KERNEL_KEY_TEXT_BYTES];
                fet_kernel_key parsed;
                fet_auto(fet_kernel_runner) runner = NULL;
                CHECK_OK(fet_kernel_key_parse(fet_kernel_key_print(&keys[i], text, sizeof text), &parsed));
                bool depthwise = key.group > 1, together = depthwise || (key.op != FET_OP_CONV && key.op != FET_OP_GEMM);
                int changed = (keys[i].ih != key.ih || keys[i].iw != key.iw) +
                              (together ? keys[i].oc != key.oc : (keys[i].ic != key.ic) + (keys[i].oc != key.oc));
                assert_int_equal(changed, 1);
                if (together) assert_int_equal(keys[i].ic, keys[i].oc);
                if (depthwise) assert_true(keys[i].group == keys[i].ic && keys[i].ic == keys[i].oc);
                if (again == 0 || keys[i].ih != key.ih) CHECK_OK(fet_kernel_runner_create(&keys[i], &runner));
                if (keys[i].oc != key.oc) below |= keys[i].oc % 16 == 15, at |= keys[i].oc % 16 == 0, above |= keys[i].oc % 16 == 1;
            }
        }
    assert_true(below && at && above);
    /* What has more to fit together than one dimension, or a hash of it, stays as it is. */
    static const char *const fixed[] = {"sigmoid f32 1x100x1x1>100x1x1 sigmoid+plain xcb372374", "add f32 1x2x1x1>2x1x1 plain xa6f0a4b4",
                                        "conv s8 1x64x14x14>64x14x14 k3x3 s1x1 p1,1,1,1 g4 bias"};
    for (size_t f = 0; f < sizeof fixed / sizeof *fixed; f++) {
        fet_kernel_key key, keys[FET_KIT_SWEEP_POINTS];
        CHECK_OK(fet_kernel_key_parse(fixed[f], &key));
        assert_int_equal(fet_kit_sweep(&key, 16, 4, &rng, keys), 0);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = network();
    fet_auto(fet_space) space = space_of(graph);
    for (uint64_t n = 0;; n++) {
        fet_kit_pool *pool = NULL;
        fet_kit_plan *plan = NULL;
        fet_kit_plan_options options = fet_kit_plan_default_options();
        options.n_kernels = 60;
        fet_alloc_fail_after(n);
        fet_status status = fet_kit_pool_create(&fet_fusion_rules_host, FET_DTYPE_S8, &pool);
        if (status == FET_OK) status = fet_kit_pool_add_space(pool, space, 3, 1, 1);
        if (status == FET_OK) status = fet_kit_plan_make(pool, &options, &plan);
        fet_alloc_fail_after(UINT64_MAX);
        fet_kit_plan_destroy(plan);
        fet_kit_pool_destroy(pool);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
        assert_true(n < 5000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_is_what_the_networks_have),
        cmocka_unit_test(test_plans_repeat_and_hold_each_kernel_once),
        cmocka_unit_test(test_any_beginning_is_spread),
        cmocka_unit_test(test_what_is_asked_for_comes_first),
        cmocka_unit_test(test_staircases),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests_name("probing plans", tests, NULL, NULL);
}
