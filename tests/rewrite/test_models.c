// SPDX-License-Identifier: Apache-2.0
/*
 * Channel groups of real networks, run in f32: each free group at half its width gives finite outputs, all at full width the same bits, and
 * 1.5 times the channels keep the function. In networks of more than LIMIT_MACS all groups change in one run, after each has been verified
 * alone. Networks that are not on this machine are skipped.
 */
#include "real.h"
#include "run.h"
#include "space/networks.h"

#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "rewrite/blueprint.h"

#include <unistd.h>

enum { LIMIT_MACS = 40 * 1000 * 1000 };

static const char *const models[] = {
    "derived-mnv2-035-96/model.onnx",
    "derived-vww-float/model.onnx",
    "mnist-cnn/model.onnx",
    "sinet-portrait/model.onnx",
    "stm-flowers-mobilenetv2-035/model.onnx",
    "stm-person-mobilenetv2/model.onnx",
    "stm-ssd-mobilenetv1-025/model.onnx",
    "stm-yamnet-256/model.onnx",
    "ultraface-rfb-320-simplified/model.onnx",
    "ultraface-rfb-320/model.onnx",
    "yunet-n-320/model.onnx",
    "onnx-light/light_densenet121.onnx",
    "onnx-light/light_inception_v2.onnx",
    "onnx-light/light_resnet50.onnx",
    "onnx-light/light_shufflenet.onnx",
    "onnx-light/light_squeezenet.onnx",
};

typedef struct subject {
    const char *path;
    fet_graph *base;
    fet_arena *arena, *scratch;
    fet_channel_groups groups;
    fet_blueprint blueprint;
    uint32_t *wanted;
    run_result full;
} subject;

static fet_graph *make(subject *s)
{
    fet_graph *graph = NULL;
    fet_arena_reset(s->scratch);
    CHECK_OK(fet_blueprint_make(&s->blueprint, s->wanted, NULL, s->scratch, &graph));
    if (fet_graph_verify(graph) != FET_OK) fail_msg("%s: %s", s->path, fet_error_message());
    return graph;
}

static run_result run(subject *s)
{
    fet_graph *graph = make(s);
    CHECK_OK(fet_graph_init_params(graph, s->base, 1));
    run_result result = run_graph(graph, 1);
    fet_graph_destroy(graph);
    return result;
}

/* Groups from, from + step, ... at half or 1.5 times their width; how many. */
static uint32_t set(subject *s, uint32_t from, uint32_t step, bool grow)
{
    uint32_t n = 0;
    for (uint32_t g = 0; g < s->groups.n_groups; g++) {
        const fet_channel_group *group = &s->groups.groups[g];
        bool turn = g >= from && (g - from) % step == 0 && !group->fixed && !(grow && group->mixed);
        s->wanted[g] = !turn ? group->channels : grow ? group->channels + (group->channels + 1) / 2 : (group->channels + 1) / 2;
        n += turn;
    }
    return n;
}

static void check(subject *s)
{
    fet_op_work work;
    fet_graph_work(s->base, &work);
    bool small = work.macs <= LIMIT_MACS;
    uint32_t n = s->groups.n_groups, step = small ? n : 1;
    set(s, n, n, false);
    s->full = run_graph(s->base, 1);
    if (isnan(s->full.largest)) fail_msg("%s: outputs that are not finite", s->path);
    run_result same = run(s);
    assert_memory_equal(same.data, s->full.data, (unsigned)same.n * sizeof(float));
    free(same.data);
    double worst = 0;
    for (uint32_t g = 0; g < step; g++) {
        if (set(s, g, step, false) > 0) {
            run_result half = run(s);
            if (isnan(half.largest)) fail_msg("%s: group %u at half its width: outputs that are not finite", s->path, g);
            free(half.data);
        }
        if (set(s, g, step, true) > 0) {
            run_result grown = run(s);
            double difference = run_compare(&s->full, &grown);
            /* One group: the bar. All at once, rounding adds up over up to 120 layers. */
            if (!(difference < (small ? 1e-5 : 1e-4))) fail_msg("%s: group %u grown: outputs %g apart", s->path, g, difference);
            worst = fmax(worst, difference);
            free(grown.data);
        }
    }
    for (uint32_t g = 0; g < n && !small; g++)
        for (int grow = 0; grow < 2; grow++)
            if (set(s, g, n, grow) > 0) fet_graph_destroy(make(s));
    uint32_t n_free = 0;
    for (uint32_t g = 0; g < n; g++) n_free += !s->groups.groups[g].fixed;
    print_message("# %s: %u groups, %u free; grown, outputs at most %.1e apart\n", s->path, n, n_free, worst);
    free(s->full.data);
}

static void real_networks(void **state)
{
    (void)state;
    uint32_t n_found = 0;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char relative[256];
        bool there = false;
        snprintf(relative, sizeof relative, "models/%s", models[i]);
        const char *path = check_shared_path(relative, &there);
        if (!there) continue;
        n_found++;
        subject s = {.path = models[i]};
        CHECK_OK(fet_onnx_read(path, NULL, &s.base));
        if (strstr(path, "light")) {
            real_fill_weights(s.base);
            real_leave_out_softmax(s.base);
        }
        CHECK_OK(fet_arena_create(&s.arena));
        CHECK_OK(fet_arena_create(&s.scratch));
        CHECK_OK(fet_channel_groups_find(s.base, s.arena, &s.groups));
        CHECK_OK(fet_blueprint_init(s.base, &s.groups, NULL, 0, s.arena, &s.blueprint));
        s.wanted = fet_arena_alloc(s.arena, (s.groups.n_groups + 1) * sizeof *s.wanted);
        check(&s);
        fet_arena_destroy(s.scratch);
        fet_arena_destroy(s.arena);
        fet_graph_destroy(s.base);
    }
    /* cmocka 1.1.5 writes a skipped case as "not ok # SKIP", which Meson takes for a failure. */
    if (n_found == 0) print_message("# skipped: no models in ../shared/models of this checkout\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
