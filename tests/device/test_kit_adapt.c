// SPDX-License-Identifier: Apache-2.0
/*
 * Adaptive rounds (device/kit/adapt.h) on the host device, whose measuring process is this program, answering by a formula: what is asked
 * for is new and once, a round that was interrupted goes on, the error falls, the ends; and the rounds' file.
 */
#include "check.h"

#include "base/alloc.h"
#include "base/file.h"
#include "device/host/host.h"
#include "device/kit/adapt.h"
#include "engine/engine.h"
#include "estimate/synthetic.h"
#include "space/template/template.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POOL = 240, PLANNED = 70 };

static char folder[64], command[128], path[96];
static fet_estimate_sample samples[POOL];
static fet_kit_item items[PLANNED];
static const fet_kit_plan plan = {.items = items, .n = PLANNED};
static fet_kit_pool *pool;

static int play(void)
{
    char line[4096];
    printf("ok %s\n", fet_engine_isa_name());
    while (fflush(stdout) == 0 && fgets(line, sizeof line, stdin)) {
        fet_kernel_key key;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "kernel ", 7) != 0 || fet_kernel_key_parse(line + 7, &key) != FET_OK) return 1;
        printf("ok %.9g 0.005 50 formula 1.001\n", synthetic_ms(&key));
    }
    return 0;
}

static fet_device *opened(void)
{
    fet_device *device = NULL;
    fet_device_options options = {.name = "host", .precision = FET_DTYPE_S8, .isa = "auto", .cache = folder};
    CHECK_OK(fet_device_open(&options, &device));
    return device;
}

/* The pool as if networks had them; the first ones are planned, and measured. */
static int setup(void **state)
{
    (void)state;
    fet_kernel_key keys[PLANNED];
    snprintf(folder, sizeof folder, "/tmp/fet-adapt-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/a.rounds", folder);
    CHECK_OK(fet_kit_pool_create(&fet_fusion_rules_host, FET_DTYPE_S8, &pool));
    for (uint32_t i = 0; i < PLANNED; i++) {
        items[i] = (fet_kit_item){.key = samples[i].key, .count = 1 + i % 7, .reason = i % 10 ? FET_KIT_NETWORK : FET_KIT_SWEEP};
        keys[i] = samples[i].key;
    }
    fet_auto(fet_device) device = opened();
    CHECK_OK(fet_device_measure(device, keys, PLANNED, NULL, NULL));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fet_kit_pool_destroy(pool);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static fet_kit_adapt_options options_of(uint32_t rounds)
{
    fet_kit_adapt_options options = fet_kit_adapt_default_options();
    options.rounds = rounds, options.batch = 12, options.path = path;
    return options;
}

static uint32_t known(const fet_device *device)
{
    uint32_t n = 0;
    fet_kernel_key key;
    fet_cost cost;
    while (fet_device_known(device, n, &key, &cost)) n++;
    return n;
}

typedef struct stop {
    uint32_t round;
    size_t done;
} stop;

static bool until(void *context, uint32_t round, bool fits, size_t done, size_t total)
{
    const stop *s = context;
    (void)total;
    return fits || round < s->round || done < s->done;
}

/* Stopped in the midst of the second round and called again: as if it had never been. */
static void test_rounds(void **state)
{
    (void)state;
    fet_auto(fet_device) device = opened();
    fet_kit_adapt_options options = options_of(3);
    fet_kit_adapted one, two, three;
    stop midst = {.round = 2, .done = 5};
    CHECK_OK(fet_kit_adapt(device, pool, &plan, &options, until, &midst, &one));
    assert_int_equal(one.end, FET_KIT_ADAPT_STOPPED);
    assert_int_equal(one.n, 2);
    assert_int_equal(one.n_asked, options.batch);
    uint32_t before = known(device);
    assert_true(before >= PLANNED + options.batch && before < PLANNED + 2 * options.batch);
    CHECK_OK(fet_kit_adapt(device, pool, &plan, &options, NULL, NULL, &two));
    assert_int_equal(two.end, FET_KIT_ADAPT_DONE);
    assert_int_equal(two.n, 4);
    assert_int_equal(known(device), PLANNED + 3 * options.batch); /* each new, each once */
    assert_int_equal(two.measured, known(device) - before);
    for (uint32_t r = 0; r < 4; r++) assert_int_equal(two.rounds[r].known, PLANNED + r * options.batch);
    for (uint32_t r = 0; r < 2; r++) assert_true(two.rounds[r].mape == one.rounds[r].mape);
    assert_true(two.rounds[3].mape < two.rounds[0].mape && two.rounds[3].weighted < two.rounds[0].weighted);
    CHECK_OK(fet_kit_adapt(device, pool, &plan, &options, NULL, NULL, &three)); /* over: shown, nothing done */
    assert_true(three.end == FET_KIT_ADAPT_DONE && three.n == 4 && three.measured == 0);
    assert_true(three.rounds[3].mape == two.rounds[3].mape);
    fet_kit_adapted_clear(&one);
    fet_kit_adapted_clear(&two);
    fet_kit_adapted_clear(&three);
}

static void test_ends(void **state)
{
    (void)state;
    fet_auto(fet_device) device = opened();
    fet_kit_adapt_options options = options_of(8);
    fet_kit_adapted adapted;
    options.until = 10; /* any error is small enough */
    CHECK_OK(fet_kit_adapt(device, pool, &plan, &options, NULL, NULL, &adapted));
    assert_true(adapted.end == FET_KIT_ADAPT_REACHED && adapted.measured == 0);
    fet_kit_adapted_clear(&adapted);
    options.until = 0, options.budget_s = 1e-6;
    CHECK_OK(fet_kit_adapt(device, pool, &plan, &options, NULL, NULL, &adapted));
    assert_true(adapted.end == FET_KIT_ADAPT_BUDGET && adapted.measured == 0);
    fet_kit_adapted_clear(&adapted);
    options.batch = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_kit_adapt(device, pool, &plan, &options, NULL, NULL, &adapted));
    options = options_of(1);
    const fet_kit_plan few = {.items = items, .n = 20};
    CHECK_FAILS(FET_ERROR_ARG, fet_kit_adapt(device, pool, &few, &options, NULL, NULL, &adapted));
}

/* What networks have and nobody knows is half of what is asked for; the rest are neighbours. */
static void test_the_pool_comes_in(void **state)
{
    (void)state;
    fet_auto(fet_device) device = opened();
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_kit_pool) full = NULL;
    fet_auto(fet_kit_plan) all = NULL;
    fet_kit_adapt_options options = options_of(1);
    fet_kit_plan_options every = fet_kit_plan_default_options();
    fet_kit_adapted adapted;
    uint32_t of_pool = 0;
    fet_template_options network = {.channels = 3,
                                    .height = 32,
                                    .width = 32,
                                    .n_classes = 4,
                                    .stem_channels = 16,
                                    .stem_kernel = 3,
                                    .stem_stride = 2,
                                    .n_stages = 1,
                                    .head_channels = 64};
    network.stages[0] = (fet_template_stage){.blocks = 6, .channels = 24, .expansion = 3, .stride = 1, .kernel = 3};
    CHECK_OK(fet_template_build("ibn_classifier", &network, &graph));
    CHECK_OK(fet_kit_pool_create(&fet_fusion_rules_host, FET_DTYPE_S8, &full));
    CHECK_OK(fet_kit_pool_add_graph(full, graph));
    every.n_kernels = 10000, every.sweep_share = 0;
    CHECK_OK(fet_kit_plan_make(full, &every, &all));
    options.path = NULL;
    stop first = {.round = 1, .done = 0};
    CHECK_OK(fet_kit_adapt(device, full, &plan, &options, until, &first, &adapted));
    assert_true(adapted.end == FET_KIT_ADAPT_STOPPED && adapted.n_asked == options.batch);
    for (uint32_t i = 0; i < adapted.n_asked; i++) {
        fet_cost cost;
        assert_false(fet_device_lookup(device, &adapted.asked[i], &cost));
        for (uint32_t k = 0; k < all->n; k++) of_pool += fet_kernel_key_equal(&all->items[k].key, &adapted.asked[i]);
    }
    assert_true(of_pool >= (all->n < options.batch / 2 ? all->n : options.batch / 2));
    fet_kit_adapted_clear(&adapted);
}

#define HEAD "# fettle rounds 1\nplan 00000000000000ff\n"
#define ROUND "round 930 0.0412 0.0307 0.902 0.083\n"
#define ASK "ask conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias\n"

static void check_wrong(const char *text, const char *place)
{
    fet_kit_adapted adapted;
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_kit_adapt_parse("f.rounds", text, 0xff, &adapted));
    assert_memory_equal(fet_error_message(), place, strlen(place));
}

static void test_file(void **state)
{
    (void)state;
    fet_kit_adapted one, two;
    char file[128];
    CHECK_OK(fet_kit_adapt_parse("f", HEAD ROUND ROUND ASK ASK, 0xff, &one));
    assert_true(one.n == 2 && one.n_asked == 2 && one.rounds[1].known == 930);
    CHECK_NEAR(one.rounds[1].half_width, 0.083, 1e-12);
    snprintf(file, sizeof file, "%s/b.rounds", folder);
    CHECK_OK(fet_kit_adapt_write(file, 0xff, &one));
    CHECK_OK(fet_kit_adapt_read(file, 0xff, &two));
    assert_true(two.n == 2 && two.n_asked == 2 && fet_kernel_key_equal(&one.asked[1], &two.asked[1]));
    assert_memory_equal(one.rounds, two.rounds, 2 * sizeof *one.rounds);
    fet_kit_adapted_clear(&one);
    fet_kit_adapted_clear(&two);
    CHECK_OK(fet_kit_adapt_read(file, 0xfe, &two)); /* of another plan */
    assert_true(two.n == 0 && two.n_asked == 0);
    CHECK_OK(fet_kit_adapt_read("/nowhere/at.all", 0xff, &two));
    assert_int_equal(two.n, 0);
    check_wrong("", "f.rounds:0");
    check_wrong("# fettle rounds 2\n", "f.rounds:1");
    check_wrong("# fettle rounds 1\nplan x\n", "f.rounds:2");
    check_wrong(HEAD "round 930 0.0412 0.0307 1.902 0.083\n", "f.rounds:3");
    check_wrong(HEAD "round 930 0.0412 nan 0.902 0.083\n", "f.rounds:3");
    check_wrong(HEAD "round 930 0.0412 0.0307 0.902\n", "f.rounds:3");
    check_wrong(HEAD ASK, "f.rounds:3");
    check_wrong(HEAD ROUND ASK ROUND, "f.rounds:5");
    check_wrong(HEAD ROUND "ask conv s9\n", "f.rounds:4");
    check_wrong(HEAD "oven\n", "f.rounds:3");
}

static void test_without_memory(void **state)
{
    (void)state;
    fet_auto(fet_device) device = opened();
    fet_kit_adapt_options options = options_of(1);
    options.path = NULL, options.batch = 2;
    stop first = {.round = 1, .done = 0};
    for (uint64_t n = 0;; n += 1 + n / 4) {
        fet_kit_adapted adapted = {.n = 0};
        fet_alloc_fail_after(n);
        fet_status status = fet_kit_adapt(device, pool, &plan, &options, until, &first, &adapted);
        bool hit = fet_alloc_fail_after(UINT64_MAX) > n;
        if (status == FET_OK) fet_kit_adapted_clear(&adapted);
        if (!hit) {
            CHECK_OK(status);
            break;
        }
        assert_true(status == FET_OK || status == FET_ERROR_NOMEM);
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (fet_host_is_measure_command(argc, argv)) return play();
    synthetic_fill(78, 3, 0, samples, POOL);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounds), cmocka_unit_test(test_ends), cmocka_unit_test(test_the_pool_comes_in),
                                       cmocka_unit_test(test_file), cmocka_unit_test(test_without_memory)};
    return cmocka_run_group_tests_name("adaptive rounds", tests, setup, teardown);
}
