// SPDX-License-Identifier: Apache-2.0
/* cmd_device fit (device_fit.c) as a user runs it: a CSV of kernels becomes a device; its next kernels; bad input. */
#include "program.h"

#include "estimate/synthetic.h"

#include <jansson.h>

enum { KERNELS = 90 };

static char folder[] = "/tmp/fet-fit-XXXXXX", command[1024];

/* Dense and pointwise convolutions as columns, depthwise ones as keys. */
static int setup(void **state)
{
    (void)state;
    static fet_estimate_sample samples[KERNELS];
    char path[64], text[FET_KERNEL_KEY_TEXT_BYTES];
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/kernels.csv", folder);
    FILE *file = fopen(path, "w");
    if (!file) return 1;
    synthetic_fill(51, 3, 0.02, samples, KERNELS);
    fprintf(file, "kernel,latency_ms,spread\n");
    for (int i = 0; i < KERNELS; i++)
        fprintf(file, "\"%s\",%.9g,0.01\n", fet_kernel_key_print(&samples[i].key, text, sizeof text), samples[i].latency_ms);
    return fclose(file);
}

static int teardown(void **state)
{
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static const char *with_folder(const char *format)
{
    snprintf(command, sizeof command, format, folder, folder, folder);
    return command;
}

static void test_fit(void **state)
{
    (void)state;
    json_error_t error;
    check_run(with_folder("device fit %s/kernels.csv --output %s/a.estimate --splits 2 --plot %s/a.svg"), 0, "depthwise");
    check_run(with_folder("device show %s/a.estimate"), 0, "roofline");
    check_run(with_folder("device check %s/a.estimate --json"), 0, "\"estimated\"");
    check_run(with_folder("device fit %s/kernels.csv --output %s/b.estimate --splits 2 --json"), 0, "{");
    json_t *root = json_loads(output, 0, &error);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "kernels")), KERNELS);
    json_t *families = json_object_get(root, "families"), *all = json_array_get(families, json_array_size(families) - 1);
    assert_string_equal(json_string_value(json_object_get(all, "family")), "all");
    double mape = json_number_value(json_object_get(all, "mape"));
    assert_true(mape > 0 && mape < 0.3);
    json_decref(root);
    assert_int_equal(system(with_folder("cmp %s/a.estimate %s/b.estimate")), 0); /* the same data, the same file */
    assert_int_equal(system(with_folder("grep -q '<circle' %s/a.svg")), 0);
    check_run(with_folder("device fit %s/kernels.csv --prior %s/a.estimate --output %s/c.estimate --splits 1"), 0, "Wrote");
    check_run(with_folder("device show %s/c.estimate"), 0, "prior, scaled");
}

/* One canonical key a line, and nothing else. */
static void test_suggest(void **state)
{
    (void)state;
    fet_kernel_key key;
    uint32_t n = 0;
    check_run(with_folder("device fit %s/kernels.csv --suggest 7 --splits 1 --quiet"), 0, "conv s8");
    for (char *line = output, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
        *end = '\0';
        CHECK_OK(fet_kernel_key_parse(line, &key));
    }
    assert_int_equal(n, 7);
}

static void test_bad_input(void **state)
{
    (void)state;
    check_refused(with_folder("device fit %s/kernels.csv"), "--output");
    check_refused(with_folder("device fit %s/kernels.csv --output %s/a.yaml"), ".estimate");
    check_refused(with_folder("device fit %s/none.csv --output %s/a.estimate"), "none.csv");
    check_refused(with_folder("device fit npu-16 --output %s/a.estimate"), "no measured kernels");
    check_refused(with_folder("device fit %s/kernels.csv --output %s/d.estimate --prior %s/kernels.csv"), "kernels.csv:1");
    check_refused(with_folder("device fit %s/kernels.csv --output %s/d.estimate --coverage 2"), "coverage");
    check_refused("device fit", "a device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fit), cmocka_unit_test(test_suggest), cmocka_unit_test(test_bad_input)};
    return cmocka_run_group_tests_name("device fit", tests, setup, teardown);
}
