// SPDX-License-Identifier: Apache-2.0
/* Peaks: a described device's is its array times its clock; a recorded one's the best of what it knows, or none. */
#include "check.h"

#include "device/peak.h"

static void stated(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double macs_per_s;
    } cases[] = {{"npu-16", 16 * 16 * 800e6}, {"ethos-u55-128", 128 * 500e6}, {"systolic-32x32", 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        fet_auto(fet_device) device = NULL;
        fet_device_options options = {.name = cases[c].name, .precision = FET_DTYPE_S8};
        fet_device_peak peak;
        CHECK_OK(fet_device_open(&options, &device));
        CHECK_OK(fet_device_find_peak(&options, device, NULL, NULL, &peak));
        assert_int_equal(peak.source, FET_COST_SIMULATED);
        if (cases[c].macs_per_s > 0) CHECK_NEAR(peak.macs_per_s, cases[c].macs_per_s, 1);
        else assert_true(peak.macs_per_s > 0);
    }
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void recorded(void **state)
{
    (void)state;
    char folder[] = "/tmp/fettle-peak-XXXXXX", yaml[64], csv[64];
    assert_non_null(mkdtemp(folder));
    snprintf(yaml, sizeof yaml, "%s/d.yaml", folder);
    snprintf(csv, sizeof csv, "%s/d.csv", folder);
    write_text(yaml, "kind: recorded\ntable: d.csv\n");
    static const char other[] = "kernel,latency_ms\n\"conv s8 1x8x4x4>8x4x4 k1x1 s1x1 g1\",0.5\n";
    static const char known[] = "kernel,latency_ms\n\"conv s8 1x256x28x28>256x28x28 k1x1 s1x1 g1 relu+bias\",0.5\n";
    for (int round = 0; round < 2; round++) {
        fet_auto(fet_device) device = NULL;
        fet_device_options options = {.name = yaml, .precision = FET_DTYPE_S8};
        fet_device_peak peak;
        write_text(csv, round ? known : other);
        CHECK_OK(fet_device_open(&options, &device));
        CHECK_OK(fet_device_find_peak(&options, device, NULL, NULL, &peak));
        CHECK_NEAR(peak.macs_per_s, round ? 256.0 * 256 * 28 * 28 / 0.5e-3 : 0, 1);
    }
    unlink(yaml), unlink(csv), rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stated), cmocka_unit_test(recorded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
