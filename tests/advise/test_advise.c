// SPDX-License-Identifier: Apache-2.0
/*
 * Advice, checked by what it says of itself: gains are those of costing the changed network anew, whatever is left out gains too little or
 * is beaten, pairs beat their parts, and what is said to keep the function does (run on random numbers). combine.c: several at once.
 */
#include "probed.h"

#include "advise/advise.h"
#include "engine/executor.h"
#include "engine/init.h"

static fet_genome genome_of(const probed *p, const fet_advice *advice)
{
    fet_genome genome;
    fet_space_base_genome(p->space, &genome);
    for (uint32_t i = 0; i < advice->n_decisions; i++) genome.option[advice->decision[i]] = advice->option[i];
    fet_space_canonicalise(p->space, &genome);
    return genome;
}

static double gain_of(const probed *p, const fet_genome *genome)
{
    fet_genome base;
    fet_space_base_genome(p->space, &base);
    return 1 - cost_of_genome(p, genome).metric[FET_METRIC_LATENCY] / cost_of_genome(p, &base).metric[FET_METRIC_LATENCY];
}

static double gain_alone(const probed *p, uint32_t decision, uint8_t option)
{
    fet_advice one = {.decision = {decision}, .option = {option}, .n_decisions = 1};
    fet_genome genome = genome_of(p, &one);
    return gain_of(p, &genome);
}

static bool is_listed(const fet_advices *advices, uint32_t decision, uint8_t option)
{
    for (uint32_t i = 0; i < advices->count; i++)
        if (advices->items[i].n_decisions == 1 && advices->items[i].decision[0] == decision && advices->items[i].option[0] == option)
            return true;
    return false;
}

/* A listed option of the decision with at least the gain, the weights and the MACs. */
static bool has_better(const probed *p, const fet_advices *advices, uint32_t decision, uint8_t option)
{
    fet_advice one = {.decision = {decision}, .option = {option}, .n_decisions = 1};
    fet_genome genome = genome_of(p, &one);
    fet_candidate_cost cost = cost_of_genome(p, &genome);
    for (uint32_t i = 0; i < advices->count; i++) {
        const fet_advice *a = &advices->items[i];
        if (a->n_decisions != 1 || a->decision[0] != decision || a->option[0] == option) continue;
        fet_genome other_genome = genome_of(p, a);
        fet_candidate_cost other = cost_of_genome(p, &other_genome);
        if (other.metric[FET_METRIC_LATENCY] <= cost.metric[FET_METRIC_LATENCY] &&
            other.metric[FET_METRIC_PARAMS] >= cost.metric[FET_METRIC_PARAMS] && other.macs >= cost.macs)
            return true;
    }
    return false;
}

static void check_device(const char *device)
{
    probed p = probe_on(device, NULL, 0);
    fet_advice_options options = fet_advice_default_options();
    fet_advices advices;
    options.most_pairs = 60;
    CHECK_OK(fet_advise(p.probe, &options, NULL, NULL, p.arena, &advices));
    assert_true(advices.count > 3 && advices.n_costed >= advices.count);
    for (uint32_t i = 0; i < advices.count; i++) {
        const fet_advice *a = &advices.items[i];
        fet_genome genome = genome_of(&p, a);
        CHECK_NEAR(a->gain, gain_of(&p, &genome), 1e-12);
        assert_true(a->gain >= options.least_gain && a->noise == 0);
        if (i) assert_true(a->gain <= advices.items[i - 1].gain);
        assert_true(fet_genome_equal(&fet_probe_get(p.probe, a->net)->genome, &genome));
        assert_true(strlen(a->text) > 5 && strlen(a->reason) > 20);
        if (a->n_decisions < 2) continue;
        double x = gain_alone(&p, a->decision[0], a->option[0]), y = gain_alone(&p, a->decision[1], a->option[1]);
        assert_true(a->gain >= fmax(x, 0) + fmax(y, 0) + options.least_gain);
    }
    for (uint32_t d = 0; d < fet_space_n_decisions(p.space); d++) {
        const fet_decision *decision = fet_space_decision(p.space, d);
        for (uint8_t o = 0; o < decision->n_options && decision->kind != FET_DECISION_WIDTH; o++)
            if (o != decision->base_option && !is_listed(&advices, d, o) && !has_better(&p, &advices, d, o))
                assert_true(gain_alone(&p, d, o) < options.least_gain);
    }
    probed_clear(&p);
}

static void gains(void **state)
{
    (void)state;
    check_device("npu-16");
    check_device("npu-64");
    check_device("ethos-u55-128");
}

/* Largest difference of the outputs over the largest output. */
static double difference(const probed *p, const fet_genome *genome)
{
    enum { OUTPUTS = 5 };
    float input[2 * 12 * 10], out[2][OUTPUTS];
    fet_graph *graph = NULL;
    fet_rng rng;
    fet_rng_init(&rng, 8, 0, FET_RNG_TEST);
    for (size_t i = 0; i < sizeof input / sizeof *input; i++) input[i] = (float)fet_rng_uniform(&rng);
    CHECK_OK(fet_space_derive(p->space, genome, p->arena, &graph));
    CHECK_OK(fet_graph_init_params(graph, p->base, 1));
    const fet_graph *both[2] = {p->base, graph};
    for (int g = 0; g < 2; g++) {
        fet_auto(fet_executor) executor = NULL;
        fet_executor_options options = fet_executor_default_options();
        options.precision = FET_DTYPE_F32;
        options.batch = 1;
        CHECK_OK(fet_executor_create(both[g], &options, &executor));
        CHECK_OK(fet_executor_run(executor, (const float *const[]){input}, (float *const[]){out[g]}));
    }
    fet_graph_destroy(graph);
    double largest = 0, off = 0;
    for (int o = 0; o < OUTPUTS; o++) {
        largest = fmax(largest, fabs((double)out[0][o]));
        off = fmax(off, fabs((double)out[0][o] - (double)out[1][o]));
    }
    return off / largest;
}

/* Of every option, whether it is advised or not: with a negative least gain all are. */
static void what_keeps_the_function(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", NULL, 0);
    fet_advice_options options = {.least_gain = -1e9, .keep_beaten = true};
    fet_advices advices;
    CHECK_OK(fet_advise(p.probe, &options, NULL, NULL, p.arena, &advices));
    uint32_t kept = 0, changed = 0;
    for (uint32_t i = 0; i < advices.count; i++) {
        const fet_advice *a = &advices.items[i];
        fet_genome genome = genome_of(&p, a);
        fet_decision_kind kind = fet_space_decision(p.space, a->decision[0])->kind;
        if (kind == FET_DECISION_RESOLUTION) continue; /* another input */
        double off = difference(&p, &genome);
        if (a->keeps_function && off > 1e-4) fail_msg("%s is said to keep the function and is off by %g", a->text, off);
        if (!a->keeps_function && off < 1e-6) fail_msg("%s is said to change the function and is off by %g", a->text, off);
        kept += a->keeps_function, changed += !a->keeps_function;
    }
    assert_true(kept > 3 && changed > 3);
    probed_clear(&p);
}

static uint32_t number_of(const fet_advices *advices, const char *text)
{
    for (uint32_t i = 0; i < advices->count; i++)
        if (strcmp(advices->items[i].text, text) == 0) return i + 1;
    fail_msg("there is no advice \"%s\"", text);
    return 0;
}

static void several_at_once(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", NULL, 0);
    fet_advice_options options = {.least_gain = -1e9, .keep_beaten = true};
    fet_advices advices;
    fet_genome genome, both;
    CHECK_OK(fet_advise(p.probe, &options, NULL, NULL, p.arena, &advices));
    uint32_t fuse = number_of(&advices, "fuse stage2.block1"), skip = number_of(&advices, "leave out stage2.block1"),
             other = number_of(&advices, "fuse stage2.block0"), half = number_of(&advices, "all widths x0.5"),
             more = number_of(&advices, "all widths x0.75");
    CHECK_OK(fet_advice_combine(p.space, &advices, (uint32_t[]){fuse, other}, 2, &genome));
    fet_space_base_genome(p.space, &both);
    both.option[advices.items[fuse - 1].decision[0]] = advices.items[fuse - 1].option[0];
    both.option[advices.items[other - 1].decision[0]] = advices.items[other - 1].option[0];
    assert_true(fet_genome_equal(&genome, &both));
    CHECK_OK(fet_advice_combine(p.space, &advices, (uint32_t[]){half, fuse}, 2, &genome));
    CHECK_FAILS(FET_ERROR_ARG, fet_advice_combine(p.space, &advices, (uint32_t[]){half, more}, 2, &genome));
    assert_non_null(strstr(fet_error_message(), "(all widths x0.75) cannot both be applied: both decide multiplier"));
    CHECK_FAILS(FET_ERROR_ARG, fet_advice_combine(p.space, &advices, (uint32_t[]){fuse, skip}, 2, &genome));
    assert_non_null(strstr(fet_error_message(), "(leave out stage2.block1) and"));
    assert_non_null(strstr(fet_error_message(), "the first leaves nothing of stage2.block1.form"));
    CHECK_FAILS(FET_ERROR_ARG, fet_advice_combine(p.space, &advices, (uint32_t[]){fuse, fuse}, 2, &genome));
    CHECK_FAILS(FET_ERROR_ARG, fet_advice_combine(p.space, &advices, (uint32_t[]){advices.count + 1}, 1, &genome));
    CHECK_FAILS(FET_ERROR_ARG, fet_advice_combine(p.space, &advices, (uint32_t[]){0}, 1, &genome));
    probed_clear(&p);
}

/* A base that the device cannot hold has no latency that a change could be measured against. */
static void base_does_not_fit(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", NULL, 0);
    FILE *file = fopen("/tmp/fettle-advise-tiny.yaml", "w");
    assert_non_null(file);
    fputs("clock: 1 MHz\narray: {dataflow: output-stationary, int8: {out: 4, in: 4}}\nsram: {size: 1 KiB, bytes_per_cycle: 1}\n"
          "fallback_cycles_per_byte: 1\nexternal: {bytes_per_cycle: 1, maps: false}\n",
          file);
    fclose(file);
    fet_probe *probe = NULL;
    fet_device *tiny = NULL;
    fet_advices advices;
    fet_device_options options = {.name = "/tmp/fettle-advise-tiny.yaml", .precision = FET_DTYPE_S8};
    CHECK_OK(fet_device_open(&options, &tiny));
    CHECK_OK(fet_probe_create(p.space, tiny, &probe));
    CHECK_FAILS(FET_ERROR_LIMIT, fet_advise(probe, NULL, NULL, NULL, p.arena, &advices));
    assert_non_null(strstr(fet_error_message(), "does not fit into the memory"));
    fet_probe_destroy(probe);
    fet_device_close(tiny);
    unlink("/tmp/fettle-advise-tiny.yaml");
    probed_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gains), cmocka_unit_test(what_keeps_the_function),
                                       cmocka_unit_test(several_at_once), cmocka_unit_test(base_does_not_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
