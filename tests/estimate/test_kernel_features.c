// SPDX-License-Identifier: Apache-2.0
/* What a kernel computes and moves, by definition; families (family.c); names there and back. */
#include "check.h"

#include "estimate/family.h"
#include "synthetic.h"

static fet_kernel_key parse(const char *text)
{
    fet_kernel_key key;
    CHECK_OK(fet_kernel_key_parse(text, &key));
    return key;
}

static void test_families(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        fet_family family;
    } cases[] = {{"conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias", FET_FAMILY_CONV},
                 {"conv s8 1x64x28x28>128x28x28 k1x1 s1x1 g1 bias", FET_FAMILY_POINTWISE},
                 {"conv s8 1x64x28x28>64x28x28 k3x3 s1x1 p1,1,1,1 g64 bias", FET_FAMILY_DEPTHWISE},
                 {"conv s8 1x64x28x28>64x28x28 k3x3 s1x1 p1,1,1,1 g8 bias", FET_FAMILY_GROUPED},
                 {"conv s8 1x1x28x28>64x28x28 k3x3 s1x1 p1,1,1,1 g1 bias", FET_FAMILY_CONV},
                 {"conv_transpose f32 1x64x28x28>64x56x56 k2x2 s2x2 g1 bias", FET_FAMILY_TRANSPOSED},
                 {"gemm s8 1x64x1x1>10x1x1 bias", FET_FAMILY_MATMUL},
                 {"max_pool s8 1x64x28x28>64x14x14 k2x2 s2x2", FET_FAMILY_POOL},
                 {"global_average_pool s8 1x64x28x28>64x1x1", FET_FAMILY_POOL},
                 {"add s8 1x64x28x28>64x28x28", FET_FAMILY_ELEMENTWISE},
                 {"cast s8 1x1x28x28>1x28x28 plain", FET_FAMILY_MOVE},
                 {"softmax f32 1x10x1x1>10x1x1 plain x00000001", FET_FAMILY_PLAIN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fet_kernel_key key = parse(cases[i].key);
        assert_string_equal(fet_family_name(fet_family_of(&key)), fet_family_name(cases[i].family));
    }
    for (int f = 0; f < FET_FAMILY_COUNT; f++) assert_int_equal(fet_family_parse(fet_family_name((fet_family)f)), f);
    assert_int_equal(fet_family_parse("convolution"), FET_FAMILY_COUNT);
}

/* Work is MACs wherever a kernel has any. */
static void test_work_is_macs(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "conv s8 1x64x28x28>128x14x14 k3x3 s2x2 p1,1,1,1 g1 relu+bias", "conv bf16 2x65x9x7>33x9x7 k1x1 s1x1 g1 bias",
        "conv s8 1x64x28x28>64x28x28 k3x3 s1x1 p1,1,1,1 g64 bias",      "conv f32 1x64x28x28>32x28x28 k3x3 s1x1 p1,1,1,1 g8 bias",
        "conv_transpose f32 1x64x28x28>48x56x56 k2x2 s2x2 g1 bias",     "gemm s8 1x640x1x1>10x1x1 bias"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        fet_kernel_key key = parse(keys[i]);
        CHECK_NEAR(fet_workload_of(&key).work, (double)fet_kernel_key_macs(&key), 0);
    }
}

static void test_bytes_and_rounding(void **state)
{
    (void)state;
    fet_kernel_key key = parse("conv s8 1x65x28x28>33x28x28 k3x3 s1x1 p1,1,1,1 g1 bias+add");
    fet_workload w = fet_workload_of(&key);
    CHECK_NEAR(w.src_bytes, (65 + 33) * 784.0, 0); /* the residual is read as well */
    CHECK_NEAR(w.dst_bytes, 33 * 784.0, 0);
    CHECK_NEAR(w.weight_bytes, 65 * 33 * 9.0, 0);
    CHECK_NEAR(fet_workload_rounded(&w, 16, 64), 784.0 * 9 * 48 * 128, 0);
    CHECK_NEAR(fet_workload_rounded(&w, 1, 1), w.work, 0);
    key = parse("conv s8 1x65x28x28>65x28x28 k3x3 s1x1 p1,1,1,1 g65 bias");
    w = fet_workload_of(&key);
    CHECK_NEAR(fet_workload_rounded(&w, 16, 64), 784.0 * 9 * 80, 0); /* depthwise sums no channels */
    key = parse("conv bf16 1x16x8x8>16x8x8 k1x1 s1x1 g1 f32_dst");
    CHECK_NEAR(fet_workload_of(&key).dst_bytes, 16 * 64 * 4.0, 0);
    key = parse("cast s8 1x3x8x8>3x8x8 plain");
    w = fet_workload_of(&key);
    CHECK_NEAR(w.bytes, 3 * 64 * 5.0, 0);
}

static void test_features(void **state)
{
    (void)state;
    fet_kernel_key key = synthetic_conv(20, 24, 14, 3, 1);
    fet_workload w = fet_workload_of(&key);
    float f[FET_FEATURE_COUNT];
    fet_features_fill(&key, &w, &(fet_feature_context){.baseline_ms = 2, .compute_share = 0.5, .prior_ms = 3}, f);
    assert_true(f[FET_FEATURE_ic] == 20 && f[FET_FEATURE_oc] == 24 && f[FET_FEATURE_kh] == 3 && f[FET_FEATURE_bias] == 1);
    CHECK_NEAR(f[FET_FEATURE_out_filled_16], 24 / 32.0, 1e-6);
    CHECK_NEAR(f[FET_FEATURE_in_filled_64], 20 / 64.0, 1e-6);
    CHECK_NEAR(f[FET_FEATURE_tiles_64], 4, 0); /* 196 pixels, 24 channels */
    CHECK_NEAR(f[FET_FEATURE_prior_ratio], 1.5, 1e-6);
    for (uint32_t i = 0; i < FET_FEATURE_COUNT; i++) {
        assert_true(isfinite(f[i]));
        assert_int_equal(fet_feature_parse(fet_feature_name(i)), i);
    }
    assert_int_equal(fet_feature_parse("oven"), FET_FEATURE_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_families), cmocka_unit_test(test_work_is_macs),
                                       cmocka_unit_test(test_bytes_and_rounding), cmocka_unit_test(test_features)};
    return cmocka_run_group_tests_name("kernel features", tests, NULL, NULL);
}
