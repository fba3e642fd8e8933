// SPDX-License-Identifier: Apache-2.0
/* Forms that compute more for no more latency are taken, and only those: by trying every other form of what came out. */
#include "check.h"

#include "run/free_capacity.h"
#include "space/template/template.h"

static fet_graph *network(void)
{
    fet_graph *graph = NULL;
    fet_template_options options = {
        .channels = 1, .height = 28, .width = 28, .n_classes = 10, .stem_channels = 16, .stem_kernel = 3, .stem_stride = 1, .n_stages = 2};
    options.stages[0] = (fet_template_stage){.blocks = 2, .channels = 32, .expansion = 4, .stride = 2, .kernel = 3};
    options.stages[1] = (fet_template_stage){.blocks = 2, .channels = 64, .expansion = 4, .stride = 2, .kernel = 3};
    CHECK_OK(fet_template_build("ibn_classifier", &options, &graph));
    return graph;
}

typedef struct fixture {
    fet_device *device;
    fet_graph *base;
    fet_space *space;
    fet_costs *costs;
    const fet_encoding *encoding;
    fet_candidate_cost base_cost;
} fixture;

static void set_up(fixture *f, const char *name)
{
    fet_device_options device = {.name = name, .precision = FET_DTYPE_S8};
    fet_space_options options = fet_space_default_options();
    fet_genome genome;
    f->base = network();
    CHECK_OK(fet_device_open(&device, &f->device));
    options.search_block_form = options.search_width = true;
    options.parallelism = fet_device_parallelism(f->device);
    CHECK_OK(fet_space_create(f->base, &options, &f->space));
    CHECK_OK(fet_costs_create(f->space, f->device, &f->costs));
    f->encoding = fet_space_encoding(f->space);
    fet_space_base_genome(f->space, &genome);
    CHECK_OK(fet_costs_of(f->costs, &genome, &f->base_cost));
}

static void tear_down(fixture *f)
{
    fet_costs_destroy(f->costs);
    fet_space_destroy(f->space);
    fet_device_close(f->device);
    fet_graph_destroy(f->base);
}

typedef struct tally {
    uint32_t n_fused_free, n_stayed; /* blocks whose form changed, and plain ones whose fused form costs more */
} tally;

/* The definition, decision by decision, on what came out of `drawn`. */
static void check_one(fixture *f, const fet_job *job, const fet_genome *drawn, const fet_genome *taken, tally *count)
{
    fet_candidate_cost before, after, other;
    CHECK_OK(fet_costs_of(f->costs, drawn, &before));
    CHECK_OK(fet_costs_of(f->costs, taken, &after));
    assert_true(after.metric[FET_METRIC_LATENCY] <= before.metric[FET_METRIC_LATENCY] && after.macs >= before.macs);
    for (uint32_t d = 0; d < f->encoding->n_decisions; d++) {
        const fet_decision *decision = &f->encoding->decisions[d];
        if (decision->kind != FET_DECISION_BLOCK_FORM) {
            assert_int_equal(taken->option[d], drawn->option[d]);
            continue;
        }
        count->n_fused_free += taken->option[d] != drawn->option[d];
        for (uint8_t o = 0; o < decision->n_options; o++) {
            fet_genome changed = *taken;
            if (o == taken->option[d]) continue;
            changed.option[d] = o;
            CHECK_OK(fet_costs_of(f->costs, &changed, &other));
            bool is_larger = other.macs > after.macs, costs_more = other.metric[FET_METRIC_LATENCY] > after.metric[FET_METRIC_LATENCY];
            bool is_kept_out = fet_costs_violation(job, &other, &f->base_cost) > fet_costs_violation(job, &after, &f->base_cost);
            assert_true(!is_larger || costs_more || is_kept_out);
            count->n_stayed += is_larger && costs_more;
        }
    }
}

static tally check_draws(fixture *f, const fet_job *job)
{
    tally count = {0, 0};
    fet_rng rng;
    fet_rng_init(&rng, 5, 0, FET_RNG_TEST);
    for (int i = 0; i < 60; i++) {
        fet_genome drawn, taken, again;
        fet_space_sample(f->space, &rng, &drawn);
        taken = drawn;
        CHECK_OK(fet_free_capacity_take(f->costs, f->encoding, job, &f->base_cost, &taken));
        check_one(f, job, &drawn, &taken, &count);
        again = taken;
        CHECK_OK(fet_free_capacity_take(f->costs, f->encoding, job, &f->base_cost, &again));
        assert_true(fet_genome_equal(&again, &taken));
    }
    return count;
}

/* On a wide array some fused blocks are free and some are not, by their widths. */
static void test_takes_what_is_free(void **state)
{
    (void)state;
    fixture f;
    fet_job job = {.n_objectives = 2, .objectives = {FET_METRIC_QUALITY, FET_METRIC_LATENCY}};
    set_up(&f, "systolic-32x32");
    tally count = check_draws(&f, &job);
    assert_true(count.n_fused_free > 0 && count.n_stayed > 0);
    tear_down(&f);
}

/* More weights are no gift where weights are what the job minimises, or limits. */
static void test_other_costs_count(void **state)
{
    (void)state;
    fixture f;
    fet_job job = {.n_objectives = 3, .objectives = {FET_METRIC_QUALITY, FET_METRIC_LATENCY, FET_METRIC_PARAMS}};
    set_up(&f, "systolic-32x32");
    fet_rng rng;
    fet_rng_init(&rng, 6, 0, FET_RNG_TEST);
    for (int i = 0; i < 30; i++) {
        fet_genome drawn, taken;
        fet_space_sample(f.space, &rng, &drawn);
        taken = drawn;
        CHECK_OK(fet_free_capacity_take(f.costs, f.encoding, &job, &f.base_cost, &taken));
        assert_true(fet_genome_equal(&taken, &drawn)); /* every fused block of these has more weights */
    }
    job = (fet_job){.n_objectives = 2, .objectives = {FET_METRIC_QUALITY, FET_METRIC_LATENCY}, .n_limits = 1};
    job.limits[0] = (fet_limit){.metric = FET_METRIC_PARAMS, .relative = true, .value = 1.0};
    tally count = check_draws(&f, &job);
    assert_true(count.n_stayed > 0);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_what_is_free),
        cmocka_unit_test(test_other_costs_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
