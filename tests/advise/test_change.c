// SPDX-License-Identifier: Apache-2.0
/* What differs between two networks: with what stays the same, gone and came make up the two; and the words for it. */
#include "probed.h"

#include "advise/change.h"

static uint32_t count_key(const fet_probe_net *net, const fet_kernel_key *key)
{
    uint32_t n = 0;
    for (uint32_t l = 0; l < net->n_layers; l++) n += fet_kernel_key_equal(&net->layers[l].key, key);
    return n;
}

static uint32_t count_in(const fet_change_side *side, const fet_kernel_key *key)
{
    uint32_t n = 0;
    for (uint32_t l = 0; l < side->n; l++) n += fet_kernel_key_equal(&side->layers[l]->key, key);
    return n;
}

static void check_side(const fet_change_side *side)
{
    double ms = 0;
    int64_t macs = 0;
    for (uint32_t l = 0; l < side->n; l++) {
        ms += side->layers[l]->latency_ms;
        macs += fet_kernel_key_macs(&side->layers[l]->key);
    }
    CHECK_NEAR(ms, side->latency_ms, 1e-12);
    assert_true(macs == side->macs);
}

static void differences(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", NULL, 0);
    fet_rng rng;
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    for (int round = 0; round < 30; round++) {
        fet_genome genomes[2];
        uint32_t nets[2];
        fet_change change;
        for (int g = 0; g < 2; g++) {
            fet_space_sample(p.space, &rng, &genomes[g]);
            if (round == 0) genomes[g] = genomes[0];
            CHECK_OK(fet_probe_add(p.probe, &genomes[g], &nets[g]));
        }
        CHECK_OK(fet_probe_run(p.probe, NULL, NULL));
        const fet_probe_net *from = fet_probe_get(p.probe, nets[0]), *to = fet_probe_get(p.probe, nets[1]);
        CHECK_OK(fet_change_find(from, to, p.arena, &change));
        check_side(&change.gone);
        check_side(&change.came);
        if (round == 0) assert_int_equal(change.gone.n + change.came.n, 0);
        /* No kernel is in both, and counts of each agree. */
        for (uint32_t l = 0; l < from->n_layers; l++) {
            const fet_kernel_key *key = &from->layers[l].key;
            uint32_t gone = count_in(&change.gone, key), came = count_in(&change.came, key);
            assert_true(gone == 0 || came == 0);
            assert_int_equal(count_key(from, key) - gone, count_key(to, key) - came);
        }
    }
    probed_clear(&p);
}

static const char *words_of(const char *key_text)
{
    static char text[FET_LAYER_TEXT_BYTES];
    fet_kernel_key key;
    CHECK_OK(fet_kernel_key_parse(key_text, &key));
    return fet_layer_describe(&key, text, sizeof text);
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(words_of("conv s8 1x48x64x64>48x32x32 k3x3 s2x2 p1,1,1,1 g48 relu+bias"), "depthwise 3x3 of 48");
    assert_string_equal(words_of("conv s8 1x8x64x64>48x64x64 k1x1 s1x1 g1 relu+bias"), "1x1 8>48");
    assert_string_equal(words_of("conv s8 1x48x64x64>64x64x64 k3x3 s1x1 p1,1,1,1 g4 bias"), "3x3 48>64 in 4 groups");
    assert_string_equal(words_of("softmax f32 1x1000x1x1>1000x1x1 plain"), "Softmax of 1000x1x1");
}

static void shares(void **state)
{
    (void)state;
    CHECK_NEAR(fet_channel_fill(24, 16), 0.75, 1e-12);
    CHECK_NEAR(fet_channel_fill(32, 16), 1, 0);
    CHECK_NEAR(fet_channel_fill(1, 16), 1.0 / 16, 1e-12);
    CHECK_NEAR(fet_channel_fill(7, 1), 1, 0);
    CHECK_NEAR(fet_layer_utilisation(1000000, 1, 4e9), 0.25, 1e-12);
    CHECK_NEAR(fet_layer_utilisation(1000000, 1, 0), 0, 0);
}

static fet_probe_layer layer(const char *key, double ms)
{
    fet_probe_layer l = {.name = "x", .node = FET_NONE, .latency_ms = ms};
    CHECK_OK(fet_kernel_key_parse(key, &l.key));
    l.macs = fet_kernel_key_macs(&l.key);
    return l;
}

/* The figures in a sentence are those of the layers. */
static void reasons(void **state)
{
    (void)state;
    fet_arena *arena = NULL;
    fet_change change;
    CHECK_OK(fet_arena_create(&arena));
    fet_probe_layer depthwise = layer("conv s8 1x32x10x10>32x10x10 k3x3 s1x1 p1,1,1,1 g32 relu+bias", 0.09),
                    project = layer("conv s8 1x32x10x10>8x10x10 k1x1 s1x1 g1 bias", 0.01),
                    fused = layer("conv s8 1x8x10x10>32x10x10 k3x3 s1x1 p1,1,1,1 g1 relu+bias", 0.02),
                    narrow = layer("conv s8 1x16x10x10>8x10x10 k1x1 s1x1 g1 bias", 0.006);
    fet_probe_net before = {.layers = (fet_probe_layer[]){depthwise, project}, .n_layers = 2},
                  after = {.layers = (fet_probe_layer[]){fused, project}, .n_layers = 2}, none = {0},
                  thin = {.layers = (fet_probe_layer[]){depthwise, narrow}, .n_layers = 2};
    CHECK_OK(fet_change_find(&before, &after, arena, &change));
    /* 28,800 MACs in 90 us are 0.32% of 1e11; 230,400 in 20 us 11.5%. */
    assert_string_equal(
        fet_change_reason(&change, 1e11, arena),
        "8x the MACs in 22% of the time: depthwise 3x3 of 32 (90 us, 0.3% of the peak) left the array idle, 3x3 8>32 (20 us, "
        "12% of the peak) fills it.");
    CHECK_OK(fet_change_find(&before, &thin, arena, &change));
    assert_string_equal(fet_change_reason(&change, 0, arena), "0.0256 MMACs in 10 us become 0.0128 MMACs in 6 us.");
    CHECK_OK(fet_change_find(&before, &none, arena, &change));
    assert_string_equal(fet_change_reason(&change, 0, arena),
                        "2 kernels of 0.0544 MMACs in 100 us fall away; most time took depthwise 3x3 of 32 (90 us).");
    CHECK_OK(fet_change_find(&before, &before, arena, &change));
    assert_string_equal(fet_change_reason(&change, 0, arena), "No kernel changes.");
    fet_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(differences), cmocka_unit_test(words), cmocka_unit_test(shares),
                                       cmocka_unit_test(reasons)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
