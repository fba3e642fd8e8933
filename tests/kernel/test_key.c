// SPDX-License-Identifier: Apache-2.0
/* Kernel keys: printing and parsing are inverses over random keys, one key has one text, damaged texts are refused; MACs by definition. */
#include "check.h"

#include "base/rng.h"
#include "kernel/kernel.h"

#include <string.h>

static uint32_t some(fet_rng *rng, uint32_t limit)
{
    return fet_rng_below(rng, 3) == 0 ? 0 : 1 + fet_rng_below(rng, limit);
}

static fet_kernel_key random_key(fet_rng *rng)
{
    fet_kernel_key k;
    memset(&k, 0, sizeof k);
    static const uint8_t precisions[] = {FET_DTYPE_F32, FET_DTYPE_BF16, FET_DTYPE_S8};
    k.op = (uint16_t)(1 + fet_rng_below(rng, FET_OP_COUNT - 1));
    k.precision = precisions[fet_rng_below(rng, 3)];
    k.activation = (uint8_t)fet_rng_below(rng, FET_ACTIVATION_COUNT);
    k.flags = fet_rng_below(rng, 256);
    k.n = some(rng, 64), k.ic = some(rng, 2048), k.ih = some(rng, 512), k.iw = some(rng, UINT32_MAX - 1);
    k.oc = some(rng, 2048), k.oh = some(rng, 512), k.ow = some(rng, 512);
    k.group = some(rng, 2048);
    k.kh = (uint16_t)some(rng, 11), k.kw = (uint16_t)some(rng, 11), k.sh = (uint16_t)some(rng, 3), k.sw = (uint16_t)some(rng, 3);
    k.dh = (uint16_t)some(rng, 2), k.dw = (uint16_t)some(rng, 2);
    k.pad_top = (uint16_t)some(rng, 4), k.pad_left = (uint16_t)some(rng, 4), k.pad_bottom = (uint16_t)some(rng, 65534);
    k.pad_right = (uint16_t)some(rng, 4);
    k.extra = fet_rng_below(rng, 2) ? fet_rng_u32(rng) : 0;
    return k;
}

static void test_print_and_parse_are_inverses(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int i = 0; i < 20000; i++) {
        fet_kernel_key key = random_key(&rng), back;
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        fet_kernel_key_print(&key, text, sizeof text);
        assert_true(strlen(text) + 1 < sizeof text); /* nothing was cut off */
        CHECK_OK(fet_kernel_key_parse(text, &back));
        if (!fet_kernel_key_equal(&key, &back)) fail_msg("\"%s\" came back as another key", text);
        assert_int_equal(fet_kernel_key_hash(&key), fet_kernel_key_hash(&back));
    }
}

static void test_canonical_text(void **state)
{
    (void)state;
    fet_kernel_key key;
    memset(&key, 0, sizeof key);
    key.op = FET_OP_CONV, key.precision = FET_DTYPE_S8, key.activation = FET_ACTIVATION_RELU, key.flags = FET_KERNEL_BIAS;
    key.n = 1, key.ic = 64, key.ih = key.iw = 28, key.oc = 128, key.oh = key.ow = 28, key.group = 1;
    key.kh = key.kw = 3, key.sh = key.sw = key.dh = key.dw = 1, key.pad_top = key.pad_left = key.pad_bottom = key.pad_right = 1;
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    assert_string_equal(fet_kernel_key_print(&key, text, sizeof text), "conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias");
    char small[16];
    fet_kernel_key_print(&key, small, sizeof small); /* cut, but terminated and within bounds */
    assert_int_equal(strlen(small), sizeof small - 1);
}

/* Every text that differs in one place is either refused or is the text of the key it parses to. */
static void test_damaged_texts(void **state)
{
    (void)state;
    const char *good = "conv s8 1x64x28x28>128x28x28 k3x3 s2x2 d2x2 p1,1,1,1 g1 clip+bias+add+signed x0000ab12";
    fet_kernel_key key;
    CHECK_OK(fet_kernel_key_parse(good, &key));
    const char *bad[] = {"",
                         "conv",
                         "conv s8",
                         "conv s8 1x64x28x28",
                         "conf s8 1x64x28x28>128x28x28",
                         "conv s9 1x64x28x28>128x28x28",
                         "conv s8 1x64x28x28>128x28",
                         "conv s8 1x64x28x28>128x28x28 relu+relu",
                         "conv s8 1x64x28x28>128x28x28 bias+relu",
                         "conv s8 01x64x28x28>128x28x28",
                         "conv s8 1x64x28x28>128x28x28 k3x3 d1x1",
                         "conv s8 1x64x28x28>128x28x28 p1,1,1",
                         "conv s8 1x64x28x28>128x28x28 k3x99999",
                         "conv s8 1x64x28x28>128x28x28 x123",
                         "conv  s8 1x64x28x28>128x28x28",
                         "conv s8 1x64x28x28>128x28x28 ",
                         "conv s8 99999999999x64x28x28>128x28x28"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_FAILS(FET_ERROR_CORRUPT, fet_kernel_key_parse(bad[i], &key));
    fet_rng rng;
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    for (int i = 0; i < 20000; i++) {
        char text[FET_KERNEL_KEY_TEXT_BYTES], again[FET_KERNEL_KEY_TEXT_BYTES];
        snprintf(text, sizeof text, "%s", good);
        size_t at = fet_rng_below(&rng, (uint32_t)strlen(good));
        text[at] = (char)(fet_rng_below(&rng, 4) ? 32 + fet_rng_below(&rng, 95) : 0);
        if (fet_kernel_key_parse(text, &key) == FET_OK) assert_string_equal(fet_kernel_key_print(&key, again, sizeof again), text);
    }
    char longer[400];
    memset(longer, 'x', sizeof longer);
    longer[399] = '\0';
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_kernel_key_parse(longer, &key));
}

static void test_macs(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t macs;
    } cases[] = {
        {"conv f32 2x64x28x28>128x14x14 k3x3 s2x2 p1,1,1,1 g1", 2ll * 128 * 14 * 14 * 64 * 9},
        {"conv f32 1x64x28x28>64x28x28 k5x5 s1x1 p2,2,2,2 g64", 64ll * 28 * 28 * 25},
        {"conv_transpose f32 1x32x7x7>16x14x14 k2x2 s2x2 g1", 32ll * 7 * 7 * 16 * 4},
        {"gemm s8 8x100x2x2>10x1x1 bias", 8ll * 400 * 10},
        {"matmul f32 4x100x1x1>10x1x1", 4ll * 100 * 10},
        {"add f32 1x64x28x28>64x28x28", 0},
        {"cast s8 1x3x32x32>3x32x32 plain", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fet_kernel_key key;
        CHECK_OK(fet_kernel_key_parse(cases[i].text, &key));
        assert_int_equal(fet_kernel_key_macs(&key), cases[i].macs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_and_parse_are_inverses),
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_damaged_texts),
        cmocka_unit_test(test_macs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
