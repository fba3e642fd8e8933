// SPDX-License-Identifier: Apache-2.0
/* What a job says of its device: by name, by file, by estimate, and for every way to get it wrong one line. */
#include "check.h"
#include "job_check.h"

#include "base/file.h"

#include <unistd.h>

/* A device by name, by a path relative to the job, and this machine by another name. */
static void test_devices(void **state)
{
    (void)state;
    char folder[] = "/tmp/fet-job-XXXXXX", path[64], chip[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/job.yaml", folder);
    snprintf(chip, sizeof chip, "%s/my chip.yaml", folder);
    static const char text[] = DATA "device: {name: my chip.yaml}\n", here[] = "kind: measured\nisa: avx2\n",
                      array[] = "clock: 1 GHz\narray: {bf16: {out: 8, in: 4}}\nsram: {size: 1 MiB, bytes_per_cycle: 8}\n"
                                "external: {bytes_per_cycle: 4}\n";
    CHECK_OK(fet_file_replace(path, text, sizeof text - 1));
    for (int i = 0; i < 3; i++) {
        fet_auto(fet_job) job = NULL;
        fet_auto(fet_job) again = NULL;
        if (i == 0) CHECK_OK(job_of(DATA "device: {name: npu-64}\n", &job));
        if (i == 1) CHECK_OK(fet_file_replace(chip, here, sizeof here - 1));
        if (i == 2) CHECK_OK(fet_file_replace(chip, array, sizeof array - 1));
        if (i == 2) CHECK_FAILS(FET_ERROR_ARG, fet_job_read(path, &job)); /* int8 */
        if (i == 2) CHECK_OK(fet_file_replace(path, DATA "device: {name: my chip.yaml, precision: bf16}\n", sizeof text - 1 + 17));
        if (i > 0) CHECK_OK(fet_job_read(path, &job));
        assert_string_equal(job->device.name, i == 0 ? "npu-64" : i == 1 ? "host" : chip);
        assert_string_equal(job->device.isa, i == 1 ? "avx2" : "auto");
        fet_parallelism parallelism;
        CHECK_OK(fet_device_parallelism_of(&job->device, &parallelism));
        assert_int_equal(parallelism.out_channels, i == 0 ? 64 : 8);
        assert_int_equal(parallelism.in_channels, i == 0 ? 64 : 4);
        CHECK_OK(job_of(job->text, &again));
        assert_string_equal(job->text, again->text);
    }
    unlink(path);
    unlink(chip);
    rmdir(folder);
}

/* The file of an estimator is a device, in the precision that it was fitted to. */
static void test_estimated_device(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    fet_auto(fet_job) again = NULL;
    fet_job *none = NULL;
    char text[1024], file[512];
    const char *source = getenv("FETTLE_SOURCE");
    snprintf(file, sizeof file, "%s/tests/estimate/version1.estimate", source ? source : ".");
    snprintf(text, sizeof text, DATA "device: {name: %s}\n", file);
    CHECK_OK(job_of(text, &job));
    assert_string_equal(job->device.name, file);
    fet_parallelism parallelism;
    CHECK_OK(fet_device_parallelism_of(&job->device, &parallelism));
    assert_int_equal(parallelism.out_channels, 16);
    CHECK_OK(job_of(job->text, &again));
    assert_string_equal(job->text, again->text);
    snprintf(text, sizeof text, DATA "device: {name: %s, precision: bf16}\n", file);
    CHECK_FAILS(FET_ERROR_ARG, job_of(text, &none));
    assert_non_null(strstr(fet_error_message(), "fitted to kernels in s8"));
}

static const job_mistake mistakes[] = {
    {DATA "device:\n  precision: int9\n", "3: field \"device.precision\": \"int9\" is no precision: expected int8, bf16 or f32"},
    {DATA "device:\n  name: npu-46\n", "3: field \"device.name\": there is no device \"npu-46\", did you mean \"npu-16\"?: expected a "
                                       "file NAME.yaml in devices/ or " FET_DEVICE_DIR ", or a path to one (`fettle device list`)"},
    {DATA "device: {name: x.yaml}\n", "2: field \"device.name\": /jobs/night/x.yaml: there is no such device file"},
    {DATA "device: {name: x.estimate}\n", "2: field \"device.name\": /jobs/night/x.estimate: cannot open: No such file or directory"},
    {DATA "device: {name: npu-16, precision: bf16}\n",
     "2: field \"device.precision\": \"bf16\": npu-16 does not compute in it: expected int8"},
    {DATA "device: {name: npu-16, isa: amx}\n",
     "2: field \"device.isa\": \"amx\": npu-16 is a described device: expected none, it belongs to host"},
    {DATA "device: {isa: avx511}\n", "2: field \"device.isa\": \"avx511\" is no instruction set, did you mean \"avx512\"?: expected "
                                     "auto, amx, avx512_bf16, avx512_vnni, avx512, avx2_vnni "
                                     "or avx2"},
    {DATA "device: {calibrate: mes}\n", "2: field \"device.calibrate\": \"mes\" is no way to calibrate, did you mean \"mse\"?: expected "
                                        "mse, min-max, percentile, percentile-99.9 or percentile-99.999"},
    {DATA "device: {precision: bf16, calibrate: mse}\n",
     "2: field \"device.calibrate\": the device computes in bf16: expected nothing, it belongs to int8"},
};

static void test_mistakes(void **state)
{
    (void)state;
    check_job_mistakes(mistakes, sizeof mistakes / sizeof *mistakes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_estimated_device),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests_name("job_device", tests, NULL, NULL);
}
