// SPDX-License-Identifier: Apache-2.0
/* How far a space reaches, against every network of a small one; and what a decision is about, against the nodes of its block. */
#include "probed.h"

#include "advise/extent.h"

static const char *const LOCKS[] = {"stage1.block0=separable",
                                    "stage1.block0.kernel=3",
                                    "stage2.block0.form=ibn,dense",
                                    "stage2.block0.kernel=3",
                                    "stage2.block1.form=ibn,fused",
                                    "stage2.block1.kernel=3",
                                    "stage3.block0=ibn",
                                    "stage3.block0.kernel=5",
                                    "stage3.block1=ibn",
                                    "stage3.block1.kernel=3,5",
                                    "stage3.block2=ibn",
                                    "stage3.block2.kernel=5",
                                    "multiplier=x0.5,x1"};
enum { N_LOCKS = sizeof LOCKS / sizeof *LOCKS };

typedef struct bounds {
    double least[FET_METRIC_COUNT], most[FET_METRIC_COUNT];
    uint64_t n;
} bounds;

/* Every allowed genome from decision `d` on. */
static void enumerate(const probed *p, uint32_t d, fet_genome *genome, bounds *b)
{
    if (d == fet_space_n_decisions(p->space)) {
        fet_genome whole = *genome;
        fet_space_canonicalise(p->space, &whole);
        fet_candidate_cost cost = cost_of_genome(p, &whole);
        for (int m = 1; m < FET_METRIC_COUNT; m++) {
            if (b->n == 0 || cost.metric[m] < b->least[m]) b->least[m] = cost.metric[m];
            if (b->n == 0 || cost.metric[m] > b->most[m]) b->most[m] = cost.metric[m];
        }
        b->n++;
        return;
    }
    const fet_decision *decision = fet_space_decision(p->space, d);
    for (uint8_t o = 0; o < decision->n_options; o++) {
        if (decision->options[o].removed) continue;
        genome->option[d] = o;
        enumerate(p, d + 1, genome, b);
    }
}

static void against_every_network(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", LOCKS, N_LOCKS);
    fet_extent extent;
    bounds b = {.n = 0};
    fet_genome genome;
    CHECK_OK(fet_extent_find(p.probe, NULL, NULL, p.arena, &extent));
    fet_space_base_genome(p.space, &genome);
    fet_candidate_cost base = cost_of_genome(&p, &genome);
    assert_memory_equal(&base, &extent.base, sizeof base);
    enumerate(&p, 0, &genome, &b);
    assert_true(b.n > 50 && b.n < 20000);
    for (int m = 1; m < FET_METRIC_COUNT; m++) {
        assert_true(extent.least.metric[m] >= b.least[m] && extent.most.metric[m] <= b.most[m]);
        assert_true(extent.least.metric[m] <= base.metric[m] && base.metric[m] <= extent.most.metric[m]);
    }
    /* Nearly additive, so the descent gets close; and the fastest is a network of that cost. */
    assert_true(extent.least.metric[FET_METRIC_LATENCY] <= 1.05 * b.least[FET_METRIC_LATENCY]);
    assert_true(extent.most.metric[FET_METRIC_LATENCY] >= 0.95 * b.most[FET_METRIC_LATENCY]);
    fet_candidate_cost fastest = cost_of_genome(&p, &extent.fastest);
    assert_memory_equal(&fastest, &extent.fastest_cost, sizeof fastest);
    CHECK_NEAR(fastest.metric[FET_METRIC_LATENCY], extent.least.metric[FET_METRIC_LATENCY], 0);
    probed_clear(&p);
}

/* Nodes of the template carry their block's name. */
static void sites(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", NULL, 0);
    fet_extent extent;
    uint32_t n_blocks = 0;
    CHECK_OK(fet_extent_find(p.probe, NULL, NULL, p.arena, &extent));
    for (uint32_t d = 0; d < fet_space_n_decisions(p.space); d++) {
        const char *name = fet_space_decision(p.space, d)->name;
        const fet_extent_site *site = &extent.sites[d];
        assert_true(site->n_layers > 0 && site->latency_ms > 0);
        if (!fet_space_block(p.space, d)) continue;
        int64_t macs = 0;
        size_t length = (size_t)(strrchr(name, '.') - name) + 1; /* "stage2.block0." */
        for (uint32_t n = 0; n < p.base->n_nodes; n++) {
            fet_op_work work;
            fet_graph_work_of_node(p.base, n, &work);
            bool conv = p.base->nodes[n].op == FET_OP_CONV;
            if (conv && strncmp(p.base->nodes[n].name, name, length) == 0) macs += work.macs;
        }
        assert_true(site->macs == macs);
        assert_int_equal(strncmp(site->first, name, length), 0);
        assert_int_equal(strncmp(site->last, name, length), 0);
        n_blocks++;
    }
    assert_true(n_blocks > 6);
    probed_clear(&p);
}

static bool stop(void *context, size_t done, size_t total)
{
    (void)context, (void)done, (void)total;
    return false;
}

/* A described device measures nothing, so it asks nobody; the call goes through. */
static void progress_is_passed_on(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", LOCKS, N_LOCKS);
    fet_extent extent;
    CHECK_OK(fet_extent_find(p.probe, stop, NULL, p.arena, &extent));
    probed_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_every_network), cmocka_unit_test(sites),
                                       cmocka_unit_test(progress_is_passed_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
