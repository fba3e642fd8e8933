// SPDX-License-Identifier: Apache-2.0
/* How a job's networks become int8: every field, as the job's text gives it back, and every mistake on one line. */
#include "check.h"

#include "base/file.h"
#include "run/job.h"

#include <string.h>
#include <unistd.h>

#define DATA "task: {data: {path: /data}}\n"
#define MIXED "device: {name: npu-32-bf16}\n"

static fet_status parse(const char *text, fet_job **job)
{
    return fet_job_read_text("/jobs/night/job.yaml", text, strlen(text), job);
}

/* The completed text says the same, and is itself complete. */
static fet_job *read_twice(const char *text)
{
    fet_auto(fet_job) job = NULL;
    fet_job *again = NULL;
    CHECK_OK(parse(text, &job));
    CHECK_OK(fet_job_parse("study", job->text, strlen(job->text), &again));
    assert_string_equal(again->text, job->text);
    return again;
}

static void test_defaults(void **state)
{
    (void)state;
    fet_auto(fet_job) job = read_twice(DATA);
    assert_ptr_equal(job->quantise.method, fet_calibration_default);
    assert_int_equal(job->quantise.batches, 0);
    assert_false(job->quantise.keep_shift);
    assert_int_equal(job->quantise.first, FET_DTYPE_NONE);
    assert_int_equal(job->quantise.last, FET_DTYPE_NONE);
    assert_int_equal(job->kinds & FET_SPACE_PRECISIONS, 0);
    /* Studies of jobs that say nothing stay equal to their jobs. */
    assert_null(strstr(job->text, "first"));
    assert_null(strstr(job->text, "bias_correction"));
}

static void test_fields(void **state)
{
    (void)state;
    fet_auto(fet_job) job =
        read_twice(DATA "device: {calibrate: min-max, calibration: 3, bias_correction: false, first: f32, last: f32}\n");
    assert_string_equal(job->quantise.method->name, "min-max");
    assert_int_equal(job->quantise.batches, 3);
    assert_true(job->quantise.keep_shift);
    assert_int_equal(job->quantise.first, FET_DTYPE_F32);
    assert_int_equal(job->quantise.last, FET_DTYPE_F32);
    fet_auto(fet_job) other = read_twice(DATA "device: {name: npu-32-bf16, bias_correction: true, first: bf16, last: int8}\n");
    assert_int_equal(other->quantise.first, FET_DTYPE_BF16);
    assert_int_equal(other->quantise.last, FET_DTYPE_NONE);
}

static void test_decision(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t kinds, n;
        fet_dtype first;
        const char *printed;
    } cases[] = {
        {MIXED "space: {decisions: [{precision: blocks}]}\n", FET_SPACE_PRECISION, 1, FET_DTYPE_BF16,
         "{precision: blocks, options: [int8, bf16]}"},
        {MIXED "space: {decisions: [{precision: layers, options: [bf16, int8]}]}\n", FET_SPACE_LAYER_PRECISION, 1, FET_DTYPE_BF16,
         "{precision: layers, options: [int8, bf16]}"},
        {"space: {decisions: [{precision: blocks, options: [f32, int8]}]}\n", FET_SPACE_PRECISION, 1, FET_DTYPE_F32,
         "{precision: blocks, options: [int8, f32]}"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char text[512];
        snprintf(text, sizeof text, DATA "%s", cases[c].text);
        fet_auto(fet_job) job = read_twice(text);
        assert_int_equal(job->kinds & FET_SPACE_PRECISIONS, cases[c].kinds);
        assert_int_equal(job->n_precisions, cases[c].n);
        assert_int_equal(job->precisions[0], cases[c].first);
        assert_int_equal(job->n_variants, 1); /* no widths: V2 alone */
        assert_string_equal(job->variants[0].name, "V2");
        if (!strstr(job->text, cases[c].printed)) fail_msg("%s", job->text);
    }
}

/* A list that names precisions asks for that decision. */
static void test_space_file(void **state)
{
    (void)state;
    char path[] = "/tmp/fettle-job-precision-XXXXXX", text[512];
    static const char lines[] = "locks:\n  - stage1.block0.precision=int8,bf16\n  - stage1.width=16,24\n";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    CHECK_OK(fet_file_replace(path, lines, sizeof lines - 1));
    snprintf(text, sizeof text, DATA MIXED "space: {file: %s}\n", path);
    fet_auto(fet_job) job = read_twice(text);
    assert_int_equal(job->kinds, FET_SPACE_ALL | FET_SPACE_PRECISION);
    assert_int_equal(job->n_precisions, 1);
    fet_job *none = NULL;
    snprintf(text, sizeof text, DATA "device: {name: npu-16}\nspace: {file: %s}\n", path);
    CHECK_FAILS(FET_ERROR_ARG, parse(text, &none));
    assert_non_null(strstr(fet_error_message(), "field \"space.file\": npu-16 does not compute in bf16"));
    unlink(path);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"device: {name: ethos-u55-128}\nspace: {decisions: [{precision: blocks}]}\n",
         "field \"space.decisions[0].precision\": ethos-u55-128 does not compute in bf16: expected a device that has it beside int8"},
        {"device: {name: npu-32-bf16}\nspace: {decisions: [{precision: blocks, options: [int8, f32]}]}\n",
         "field \"space.decisions[0].options\": npu-32-bf16 does not compute in f32"},
        {"device: {name: ethos-u55-128, first: bf16}\n", "field \"device.first\": ethos-u55-128 does not compute in bf16"},
        {"device: {name: edge-tpu-like, last: f32}\n", "field \"device.last\": edge-tpu-like does not compute in f32"},
        {"device: {isa: avx2, last: bf16}\n", "field \"device.last\": host does not compute in bf16"},
        {"device: {precision: f32}\nspace: {decisions: [{precision: blocks}]}\n",
         "field \"space.decisions[0].precision\": the device computes in f32: expected int8"},
        {"device: {precision: f32, first: bf16}\n",
         "field \"device.first\": the device computes in f32: expected nothing, it belongs to int8"},
        {"device: {precision: f32, bias_correction: false}\n", "field \"device.bias_correction\": the device computes in f32"},
        {"device: {precision: f32, calibration: 4}\n", "field \"device.calibration\": the device computes in f32"},
        {"device: {first: int9}\n", "field \"device.first\": \"int9\" is no precision"},
        {"device: {calibration: 0}\n", "field \"device.calibration\""},
        {"device: {bias_correction: maybe}\n", "field \"device.bias_correction\""},
        {MIXED "space: {decisions: [{precision: stages}]}\n", "\"stages\" is no site of a decision"},
        {MIXED "space: {decisions: [{precision: blocks, options: bf16}]}\n", "expected a list of precisions, such as [int8, bf16]"},
        {MIXED "space: {decisions: [{precision: blocks, options: [bf16]}]}\n", "int8 is not among them"},
        {MIXED "space: {decisions: [{precision: blocks, options: [int8]}]}\n", "int8 alone is no choice"},
        {MIXED "space: {decisions: [{precision: blocks, options: [int8, bf16, bf16]}]}\n", "\"bf16\" stands there twice"},
        {MIXED "space: {decisions: [{precision: blocks, options: [int8, [bf16]]}]}\n", "expected precisions in the list"},
        {MIXED "space: {decisions: [{precision: blocks, options: [int8, fp16]}]}\n", "\"fp16\" is no precision"},
        {"space: {decisions: [{width: stages, options: [1, 2]}]}\n", "expected a range such as 0.5..1.5"},
        {"space: {decisions: [{fuse: blocks, options: 0.5..1}]}\n",
         "\"options\" belongs to {width: stages}, {resolution: network} and {precision: blocks} alone"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        fet_job *job = NULL;
        char text[512];
        snprintf(text, sizeof text, DATA "%s", cases[c].text);
        CHECK_FAILS(FET_ERROR_ARG, parse(text, &job));
        if (!strstr(fet_error_message(), cases[c].message)) fail_msg("%s\nexpected \"%s\"", fet_error_message(), cases[c].message);
        assert_null(strchr(fet_error_message(), '\n'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_fields), cmocka_unit_test(test_decision),
                                       cmocka_unit_test(test_space_file), cmocka_unit_test(test_mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
