// SPDX-License-Identifier: Apache-2.0
/* The estimator's file (file.c, file_read.c): there and back, every cut and many changed bytes, later versions, allocation faults. */
#include "check.h"

#include "base/alloc.h"
#include "base/file.h"
#include "estimate/file.h"
#include "synthetic.h"

enum { N = 90 };

static fet_estimate_sample samples[N];
static char *text;
static size_t bytes;

static int fill(void **state)
{
    (void)state;
    fet_auto(fet_estimator) estimator = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    synthetic_fill(31, 3, 0.01, samples, N);
    options.device = "a formula, 3 GHz";
    options.trees = 3;
    options.depth = 2;
    options.parallelism = (fet_parallelism){16, 4};
    options.outside = FET_ESTIMATE_WIDEN;
    CHECK_OK(fet_estimator_fit(&options, samples, N, &estimator));
    CHECK_OK(fet_estimator_set_between(estimator, "1 2 3 0.5 0.1"));
    CHECK_OK(fet_estimator_add_base(estimator, 0x00c0ffee, "1 1 1 0.5 0.1"));
    CHECK_OK(fet_estimator_add_base(estimator, 0xdeadbeef, "7"));
    CHECK_OK(fet_estimator_add_base(estimator, 0xdeadbeef, "2 2 2 0.5 0.1")); /* instead */
    CHECK_OK(fet_estimator_print(estimator, &text, &bytes));
    return 0;
}

static int empty(void **state)
{
    (void)state;
    fet_free(text);
    return 0;
}

static void test_round_trip(void **state)
{
    (void)state;
    fet_auto(fet_estimator) one = NULL;
    fet_auto(fet_estimator) two = NULL;
    char *again = NULL, path[] = "/tmp/fet-estimate-XXXXXX";
    size_t again_bytes = 0;
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    CHECK_OK(fet_estimator_parse("text", text, bytes, &one));
    CHECK_OK(fet_estimator_write(one, path));
    CHECK_OK(fet_estimator_read(path, &two));
    unlink(path);
    CHECK_OK(fet_estimator_print(two, &again, &again_bytes));
    assert_int_equal(bytes, again_bytes);
    assert_memory_equal(text, again, bytes);
    assert_string_equal(fet_estimator_between(two), "1 2 3 0.5 0.1");
    assert_string_equal(fet_estimator_device(two), "a formula, 3 GHz");
    assert_int_equal(fet_estimator_parallelism(two).out_channels, 16);
    fet_free(again);
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_estimator_read(path, &one));
    CHECK_FAILS(FET_ERROR_ARG, fet_estimator_set_between(two, "1\n2"));
    uint32_t base = 0;
    assert_int_equal(fet_estimator_bases(two), 2);
    assert_string_equal(fet_estimator_base(two, 0, &base), "1 1 1 0.5 0.1");
    assert_int_equal(base, 0x00c0ffee);
    assert_string_equal(fet_estimator_base(two, 1, &base), "2 2 2 0.5 0.1");
    for (uint32_t i = 2; i < FET_ESTIMATE_BASES_MAX; i++) CHECK_OK(fet_estimator_add_base(two, i, "1"));
    CHECK_FAILS(FET_ERROR_LIMIT, fet_estimator_add_base(two, 0x1000, "1"));
}

/* A file as version 1 wrote it, with a prior, trees, and a kernel that was measured: every later version reads it, and says the same. */
static void test_version_1(void **state)
{
    (void)state;
    fet_auto(fet_estimator) estimator = NULL;
    static const double expected[3][3] = {
        {0.00991311255, 0.00838157656, 0.0117245007}, {0.00212652381, 0.00182189256, 0.00248209122}, {0.25, 0.25 / 1.02, 0.255}};
    fet_kernel_key keys[3] = {synthetic_conv(20, 24, 14, 3, 1), synthetic_conv(20, 24, 14, 1, 1)};
    fet_estimate e[3];
    CHECK_OK(fet_kernel_key_parse("add s8 1x64x28x28>64x28x28", &keys[2]));
    CHECK_OK(fet_estimator_read("tests/estimate/version1.estimate", &estimator));
    CHECK_OK(fet_estimator_predict(estimator, keys, 3, e));
    for (int i = 0; i < 3; i++) { /* nine digits were noted; exp may differ in the last ones of its own */
        CHECK_NEAR(e[i].latency_ms, expected[i][0], 1e-7 * expected[i][0]);
        CHECK_NEAR(e[i].low_ms, expected[i][1], 1e-7 * expected[i][1]);
        CHECK_NEAR(e[i].high_ms, expected[i][2], 1e-7 * expected[i][2]);
    }
    assert_string_equal(fet_estimator_device(estimator), "version 1, a formula");
    assert_string_equal(fet_estimator_between(estimator), "1e-05 0 0 0.05 0.01");
}

static void test_cut_off(void **state)
{
    (void)state;
    for (size_t n = 0; n < bytes; n += n < 2000 ? 1 : 97) {
        fet_auto(fet_estimator) estimator = NULL;
        fet_status status = fet_estimator_parse("f.estimate", text, n, &estimator);
        /* Cut at a line's end behind the first family it is an estimator of fewer families. */
        if (status == FET_OK) assert_true(text[n - 1] == '\n');
        else assert_non_null(strstr(fet_error_message(), "f.estimate"));
    }
}

/* A changed byte is found or does no harm: never a crash, never a latency that is none. */
static void test_changed_bytes(void **state)
{
    (void)state;
    fet_rng rng;
    char *copy = fet_malloc(bytes);
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    assert_non_null(copy);
    for (int i = 0; i < 3000; i++) {
        fet_auto(fet_estimator) estimator = NULL;
        fet_estimate e;
        memcpy(copy, text, bytes);
        copy[fet_rng_below(&rng, (uint32_t)bytes)] = (char)fet_rng_below(&rng, 256);
        if (fet_estimator_parse("f.estimate", copy, bytes, &estimator) != FET_OK) continue;
        if (fet_estimator_predict(estimator, &samples[i % N].key, 1, &e) == FET_OK) assert_true(e.latency_ms >= 0);
    }
    fet_free(copy);
}

/* The text with one line replaced by another; NULL: left out. */
static fet_status parse_with(const char *line, const char *instead)
{
    fet_auto(fet_estimator) estimator = NULL;
    const char *at = strstr(text, line);
    assert_non_null(at);
    const char *end = strchr(at, '\n') + 1;
    size_t room = bytes + (instead ? strlen(instead) : 0) + 2;
    char *copy = fet_calloc(room, 1);
    int n = snprintf(copy, room, "%.*s%s%s%s", (int)(at - text), text, instead ? instead : "", instead ? "\n" : "", end);
    fet_status status = fet_estimator_parse("f.estimate", copy, (size_t)n, &estimator);
    fet_free(copy);
    return status;
}

static void test_wrong_lines(void **state)
{
    (void)state;
    CHECK_OK(parse_with("outside", "# a remark"));
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, parse_with("# fettle", "# fettle estimator 3"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("# fettle", "# fettle estimator x"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("precision", "precision s9"));
    assert_non_null(strstr(fet_error_message(), "f.estimate:3"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("precision", NULL));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("features", "features ic oven"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("features", "features ic ic"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("features", "features ic"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("features", NULL));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("coverage", "coverage 2"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("family conv", "family oven 3"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("family conv", NULL));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("family pointwise", "family conv 3"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("roofline", "roofline 0 1 1 1 1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("roofline", "roofline 1 1 nan 1 1"));
    CHECK_OK(parse_with("roofline", "roofline 1 1 1 1 1\nvariant MaxPool 0 0 0 1 1 1 1 1 1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("roofline", "roofline 1 1 1 1 1 1 1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("roofline", "roofline 1 1 1 1 1 -1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("roofline", "variant Oven 0 0 0 1 1 1 1 1 1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("roofline", "variant MaxPool 0 0 3 1 1 1 1 1 1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("roofline", "variant MaxPool 0 0 0 0 1 1 1 1 1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("roofline", "variant MaxPool x 0 0 1 1 1 1 1 1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("precision", "variant MaxPool 0 0 0 1 1 1 1 1 1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("roofline", "scale 1 1")); /* without a prior */
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("range ic", "range ic 3 2"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("operators", "operators Oven"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("activations", "activations oven"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("error 0.5", "error 0.55 1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("ratio", "ratio {}"));
    assert_non_null(strstr(fet_error_message(), "f.estimate:"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("known", "known 0 0 add s8 1x4x1x1>4x1x1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("known", "known 1 0 add s9 1x4x1x1>4x1x1"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("known", "known 1 0 add s8 1x4x1x1>4x1x1\nknown 1 0 add s8 1x4x1x1>4x1x1"));
    assert_non_null(strstr(fet_error_message(), "twice"));
    char many[2048] = "roofline 1 1 1 1 1";
    for (size_t used = strlen(many), v = 0; v <= FET_VARIANTS_MAX; v++)
        used += (size_t)snprintf(many + used, sizeof many - used, "\nvariant MaxPool 0 %zx 0 1 1 1 1 1 1", v);
    CHECK_FAILS(FET_ERROR_LIMIT, parse_with("roofline", many));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("seed", "prior"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse_with("seed", "oven 3"));
}

static void test_faults(void **state)
{
    (void)state;
    for (uint64_t n = 0;; n++) {
        fet_auto(fet_estimator) estimator = NULL;
        char *again = NULL;
        size_t again_bytes = 0;
        fet_alloc_fail_after(n);
        fet_status status = fet_estimator_parse("text", text, bytes, &estimator);
        if (status == FET_OK) status = fet_estimator_print(estimator, &again, &again_bytes);
        bool hit = fet_alloc_fail_after(UINT64_MAX) > n;
        fet_free(again);
        if (!hit) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_version_1),
                                       cmocka_unit_test(test_cut_off),     cmocka_unit_test(test_changed_bytes),
                                       cmocka_unit_test(test_wrong_lines), cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests_name("estimator file", tests, fill, empty);
}
