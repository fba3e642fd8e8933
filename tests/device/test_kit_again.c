// SPDX-License-Identifier: Apache-2.0
/*
 * Doubtful kernels found and measured again (device/kit/suspect.h, again.h, samples.h): the host device, whose measuring process is this
 * program, answering by a formula; FET_TEST_SLOW is by how much everything is slower at that time, without a pulse that tells.
 */
#include "check.h"

#include "base/file.h"
#include "device/host/host.h"
#include "device/kit/again.h"
#include "engine/engine.h"
#include "estimate/synthetic.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 320, SLOW_FROM = 128, SLOW_TO = 160, ODD = 40 };

static char folder[64], command[128];
static fet_estimate_sample samples[N];

static void set_slow(const char *factor)
{
    setenv("FET_TEST_SLOW", factor, 1);
}

/* One kernel is really slower than its neighbours. */
static double true_ms(const fet_kernel_key *key)
{
    return synthetic_ms(key) * (fet_kernel_key_equal(key, &samples[ODD].key) ? 1.5 : 1);
}

static int play(void)
{
    char line[4096];
    const char *slow = getenv("FET_TEST_SLOW");
    printf("ok %s\n", fet_engine_isa_name());
    while (fflush(stdout) == 0 && fgets(line, sizeof line, stdin)) {
        fet_kernel_key key;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "kernel ", 7) != 0 || fet_kernel_key_parse(line + 7, &key) != FET_OK) return 1;
        uint64_t hash = fet_kernel_key_hash(&key);
        double noise = 1 + 0.01 * ((double)(hash % 1000) / 1000 - 0.5);
        printf("ok %.9g 0.005 50 formula 1.001\n", true_ms(&key) * noise * (slow ? strtod(slow, NULL) : 1));
    }
    return 0;
}

static fet_device *opened(void)
{
    fet_device *device = NULL;
    fet_device_options options = {.name = "host", .precision = FET_DTYPE_S8, .isa = "auto", .cache = folder, .rounds = 1};
    CHECK_OK(fet_device_open(&options, &device));
    return device;
}

static void measure(uint32_t from, uint32_t to, const char *slow)
{
    fet_auto(fet_device) device = opened();
    fet_kernel_key keys[N];
    for (uint32_t i = from; i < to; i++) keys[i - from] = samples[i].key;
    set_slow(slow);
    CHECK_OK(fet_device_measure(device, keys, to - from, NULL, NULL));
}

static int make_table(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fet-again-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    measure(0, SLOW_FROM, "1");
    measure(SLOW_FROM, SLOW_TO, "1.25");
    measure(SLOW_TO, N, "1");
    return 0;
}

static int remove_table(void **state)
{
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void find(const fet_device *device, uint32_t most, fet_kit_suspects *suspects)
{
    fet_estimator_options options = fet_kit_estimator_options(device);
    CHECK_OK(fet_kit_find_suspects(device, &options, most, NULL, NULL, suspects));
}

static uint32_t index_of(const fet_kernel_key *key)
{
    for (uint32_t i = 0; i < N; i++)
        if (fet_kernel_key_equal(&samples[i].key, key)) return i;
    fail_msg("a kernel that was never measured");
    return N;
}

static bool was_slow(uint32_t i)
{
    return i >= SLOW_FROM && i < SLOW_TO;
}

static const fet_kit_again_options at_once = {.apart_s = 0.001, .wait_s = 0.001, .seed = 1};

static void test_the_slow_ones_are_found(void **state)
{
    (void)state;
    fet_auto(fet_device) device = opened();
    fet_kit_suspects suspects = {.n = 0}, few = {.n = 0};
    uint32_t slow = 0, others = 0;
    bool odd = false;
    find(device, N, &suspects);
    assert_int_equal(suspects.n, N);
    for (uint32_t s = 0; s < suspects.n; s++) {
        uint32_t i = index_of(&suspects.items[s].key);
        if (s > 0) assert_true(suspects.items[s].doubt <= suspects.items[s - 1].doubt);
        if (suspects.items[s].reason == FET_KIT_DOUBT_ONCE) continue;
        assert_true(suspects.items[s].doubt > 1);
        slow += was_slow(i), others += !was_slow(i) && i != ODD, odd |= i == ODD;
    }
    assert_true(slow >= (SLOW_TO - SLOW_FROM) * 3 / 4);
    assert_true(others <= N / 8); /* an interval of 90% leaves a tenth outside */
    assert_true(odd);
    assert_true(suspects.n_anchors >= 16);
    for (uint32_t a = 0; a < suspects.n_anchors; a++) {
        assert_false(was_slow(index_of(&suspects.anchors[a])));
        for (uint32_t s = 0; s < suspects.n; s++)
            if (fet_kernel_key_equal(&suspects.anchors[a], &suspects.items[s].key))
                assert_int_equal(suspects.items[s].reason, FET_KIT_DOUBT_ONCE);
    }
    find(device, 5, &few);
    assert_int_equal(few.n, 5);
    for (uint32_t s = 0; s < 5; s++) assert_true(fet_kernel_key_equal(&few.items[s].key, &suspects.items[s].key));
    fet_kit_suspects_clear(&suspects);
    fet_kit_suspects_clear(&few);
}

static bool never(void *context, size_t done, size_t total)
{
    (void)context, (void)done, (void)total;
    return false;
}

/* While the anchors are slow nothing is kept, however often it is tried; nor when the caller stops. */
static void test_a_bad_time_changes_nothing(void **state)
{
    (void)state;
    fet_auto(fet_device) device = opened();
    fet_kit_suspects suspects = {.n = 0};
    fet_kit_again again;
    find(device, N, &suspects);
    set_slow("1.25");
    CHECK_OK(fet_kit_measure_again(device, &suspects, &at_once, NULL, NULL, NULL, &again));
    assert_true(again.groups > 0 && again.dropped == again.groups && again.anchor_visits == 0);
    assert_int_equal(again.fates[FET_KIT_LEFT], suspects.n);
    CHECK_OK(fet_kit_measure_again(device, &suspects, &at_once, never, NULL, NULL, &again));
    assert_int_equal(again.outcome, FET_KIT_STOPPED);
    assert_int_equal(again.fates[FET_KIT_LEFT], suspects.n);
    for (uint32_t i = 0; i < N; i++) {
        fet_repeat repeats[FET_REPEATS_MAX];
        assert_int_equal(fet_device_repeats(device, &samples[i].key, repeats), 1);
    }
    fet_kit_suspects_clear(&suspects);
}

/* At a good time what was slow is replaced; what is odd and true is confirmed, far from its prediction as it is. Then nothing is left. */
static void test_measurements_decide(void **state)
{
    (void)state;
    fet_kit_suspects suspects = {.n = 0};
    fet_kit_again again;
    fet_kit_fate fates[N];
    uint32_t n = 0;
    set_slow("1");
    {
        fet_auto(fet_device) device = opened();
        find(device, N, &suspects);
        CHECK_OK(fet_kit_measure_again(device, &suspects, &at_once, NULL, NULL, fates, &again));
        n = suspects.n;
    }
    assert_int_equal(again.outcome, FET_KIT_DONE);
    assert_int_equal(again.fates[FET_KIT_CONFIRMED] + again.fates[FET_KIT_REPLACED], n);
    assert_int_equal(again.quicker, again.fates[FET_KIT_REPLACED]);
    assert_true(again.dropped == 0 && again.anchor_visits > 0 && again.anchors_moved == 0);
    fet_auto(fet_device) device = opened(); /* from the file */
    for (uint32_t s = 0; s < n; s++) {
        uint32_t i = index_of(&suspects.items[s].key);
        fet_cost cost;
        assert_true(fet_device_lookup(device, &samples[i].key, &cost));
        assert_true(fabs(cost.latency_ms / true_ms(&samples[i].key) - 1) < 0.01);
        assert_int_equal(fates[s], was_slow(i) ? FET_KIT_REPLACED : FET_KIT_CONFIRMED);
        if (i == ODD) assert_true(cost.latency_ms > 1.2 * suspects.items[s].predicted_ms);
    }
    fet_kit_suspects_clear(&suspects);
    find(device, N, &suspects);
    assert_int_equal(suspects.n, 0);
    fet_kit_suspects_clear(&suspects);
}

static void test_others_cannot(void **state)
{
    (void)state;
    fet_device *device = NULL;
    fet_kernel_key keys[FET_DEVICE_REPEAT_MAX + 1] = {samples[0].key};
    fet_repeat repeat = {.latency_ms = 1}, many[FET_DEVICE_REPEAT_MAX + 1];
    fet_device_options options = {.name = "npu-16", .precision = FET_DTYPE_S8};
    CHECK_OK(fet_device_open(&options, &device));
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_device_repeat(device, keys, 1, NULL, NULL, many));
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_device_keep_repeat(device, keys, &repeat));
    assert_int_equal(fet_device_repeats(device, keys, many), 0);
    fet_device_close(device);
    device = opened();
    CHECK_FAILS(FET_ERROR_ARG, fet_device_repeat(device, keys, FET_DEVICE_REPEAT_MAX + 1, NULL, NULL, many));
    fet_kernel_key unknown = synthetic_conv(3, 999, 5, 3, 1);
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_device_keep_repeat(device, &unknown, &repeat));
    fet_device_close(device);
}

static void test_without_memory(void **state)
{
    (void)state;
    fet_auto(fet_device) device = opened();
    fet_estimator_options options = fet_kit_estimator_options(device);
    options.trees = 2, options.intervals = false;
    for (uint64_t n = 0;; n += 1 + n / 8) {
        fet_kit_suspects suspects = {.n = 0};
        fet_alloc_fail_after(n);
        fet_status status = fet_kit_find_suspects(device, &options, 5, NULL, NULL, &suspects);
        bool failed = fet_alloc_fail_after(UINT64_MAX) > n;
        fet_kit_suspects_clear(&suspects);
        if (!failed) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    synthetic_fill(77, 3, 0, samples, N);
    if (fet_host_is_measure_command(argc, argv)) return play();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_slow_ones_are_found), cmocka_unit_test(test_a_bad_time_changes_nothing),
        cmocka_unit_test(test_measurements_decide),     cmocka_unit_test(test_others_cannot),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests_name("kernels measured again", tests, make_table, remove_table);
}
