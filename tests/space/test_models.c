// SPDX-License-Identifier: Apache-2.0
/*
 * Spaces and channel groups of real networks. Each free group at half its width and one channel wider must give a graph that a fresh
 * inference accepts; random candidates of the space too, with every kind of decision, and of small networks they run; the base genome is
 * the base. Networks that are not on this machine are skipped.
 */
#include "spaces.h"

#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "rewrite/run.h"
#include "rewrite/set_width.h"

#include <unistd.h>

static const struct {
    const char *path;
    uint32_t widths, forms, free; /* decisions of a kind, free groups: at least so many */
} models[] = {
    {"models/derived-mnv2-035-96/model.onnx", 7, 16, 24},
    {"models/derived-vww-float/model.onnx", 12, 0, 13},
    {"models/mnist-cnn/model.onnx", 0, 0, 1},
    {"models/onnx-light/light_densenet121.onnx", 0, 0, 120},
    {"models/onnx-light/light_inception_v1.onnx", 0, 0, 51},
    {"models/onnx-light/light_inception_v2.onnx", 0, 0, 65},
    {"models/onnx-light/light_resnet50.onnx", 3, 0, 36},
    {"models/onnx-light/light_shufflenet.onnx", 0, 0, 0},
    {"models/onnx-light/light_squeezenet.onnx", 0, 0, 25},
    {"models/sinet-portrait/model.onnx", 0, 0, 0},
    {"models/stm-flowers-mobilenetv2-035/model.onnx", 7, 16, 25},
    {"models/stm-person-mobilenetv2/model.onnx", 7, 16, 24},
    {"models/stm-ssd-mobilenetv1-025/model.onnx", 16, 0, 17},
    {"models/stm-yamnet-256/model.onnx", 5, 0, 6},
    {"models/ultraface-rfb-320-simplified/model.onnx", 12, 1, 25},
    {"models/ultraface-rfb-320/model.onnx", 12, 1, 25},
    {"models/yunet-n-320/model.onnx", 7, 5, 22},
};

static void check_groups(const char *path, const fet_graph *base, uint32_t least)
{
    fet_arena *arena = NULL, *scratch = NULL;
    fet_channel_groups groups;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_arena_create(&scratch));
    CHECK_OK(fet_channel_groups_find(base, arena, &groups));
    fet_blueprint blueprint;
    CHECK_OK(fet_blueprint_init(base, &groups, NULL, 0, arena, &blueprint));
    uint32_t n_free = 0, *wanted = fet_arena_alloc(arena, (groups.n_groups + 1) * sizeof *wanted);
    for (uint32_t g = 0; g < groups.n_groups; g++) wanted[g] = groups.groups[g].channels;
    for (uint32_t g = 0; g < groups.n_groups; g++) {
        uint32_t channels = groups.groups[g].channels;
        if (groups.groups[g].fixed) continue;
        n_free++;
        for (int way = 0; way < 2; way++) {
            fet_graph *graph = NULL;
            wanted[g] = way ? channels + 1 : (channels + 1) / 2;
            CHECK_OK(fet_blueprint_make(&blueprint, wanted, NULL, scratch, &graph));
            if (fet_graph_verify(graph) != FET_OK)
                fail_msg("%s: group %u of %u to %u: %s", path, g, channels, wanted[g], fet_error_message());
            fet_graph_destroy(graph);
            fet_arena_reset(scratch);
        }
        wanted[g] = channels;
    }
    if (n_free < least) fail_msg("%s: %u free groups, expected at least %u", path, n_free, least);
    fet_arena_destroy(scratch);
    fet_arena_destroy(arena);
}

static bool is_small(const fet_graph *base)
{
    enum { LIMIT_MACS = 40 * 1000 * 1000 };
    fet_op_work work;
    fet_graph_work(base, &work);
    return work.macs <= LIMIT_MACS;
}

static void check_genomes(const fet_space *space, const fet_graph *base)
{
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int i = 0; i < 20; i++) {
        fet_genome genome;
        fet_graph *graph = NULL;
        if (i == 0) fet_space_base_genome(space, &genome);
        else fet_space_sample(space, &rng, &genome);
        CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
        if (fet_graph_verify(graph) != FET_OK) {
            char text[FET_GENOME_TEXT_BYTES];
            fail_msg("genome %s: %s", fet_genome_print(&genome, text, sizeof text), fet_error_message());
        }
        if (i == 0) assert_true(fet_graph_hash(graph) == fet_graph_hash(base));
        if (i % 5 == 1 && is_small(base)) {
            CHECK_OK(fet_graph_init_params(graph, base, 1));
            run_result result = run_graph(graph, 1);
            if (isnan(result.largest)) fail_msg("a candidate gives outputs that are not finite");
            free(result.data);
        }
        fet_graph_destroy(graph);
        fet_arena_reset(arena);
    }
    fet_arena_destroy(arena);
}

static void check_space(const char *path, const fet_graph *base, uint32_t widths, uint32_t forms)
{
    fet_space *space = space_of(base, NULL);
    uint32_t n[FET_DECISION_TABLE + 1] = {0};
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++) n[fet_space_decision(space, d)->kind]++;
    if (n[FET_DECISION_WIDTH] < widths || n[FET_DECISION_BLOCK_FORM] < forms)
        fail_msg("%s: %u widths and %u forms, expected at least %u and %u", path, n[FET_DECISION_WIDTH], n[FET_DECISION_BLOCK_FORM], widths,
                 forms);
    check_genomes(space, base);
    fet_space_destroy(space);
    /* Every kind of decision, on the same network. */
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL | FET_SPACE_INNER_WIDTH;
    space = space_of(base, &options);
    assert_true(fet_space_n_decisions(space) < FET_SPACE_MAX_DECISIONS); /* none was left out for want of room */
    print_message("# %s: %u decisions, %u of them widths and forms by default\n", path, fet_space_n_decisions(space),
                  n[FET_DECISION_WIDTH] + n[FET_DECISION_BLOCK_FORM]);
    check_genomes(space, base);
    fet_space_destroy(space);
}

static void real_networks(void **state)
{
    (void)state;
    uint32_t n_found = 0;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        bool there = false;
        const char *path = check_shared_path(models[i].path, &there);
        if (!there) continue;
        n_found++;
        fet_graph *base = NULL;
        CHECK_OK(fet_onnx_read(path, NULL, &base));
        check_groups(models[i].path, base, models[i].free);
        check_space(models[i].path, base, models[i].widths, models[i].forms);
        fet_graph_destroy(base);
    }
    /* cmocka 1.1.5 writes a skipped case as "not ok # SKIP", which Meson takes for a failure. */
    if (n_found == 0) print_message("# skipped: no models in ../shared/models of this checkout\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
