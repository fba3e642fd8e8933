// SPDX-License-Identifier: Apache-2.0
/* The memory planner by definition: what lives together never overlaps, and on tiny graphs nothing better exists. */
#include "check.h"

#include "base/rng.h"
#include "device/memory.h"

#include <string.h>

enum { MAX_KERNELS = 64, MAX_TENSORS = 128 };

/* A random network of kernels, kept beside the graph in the simplest form for the slow reference. */
typedef struct toy {
    fet_graph *graph;
    fet_kernel items[MAX_KERNELS];
    fet_kernels kernels;
    uint64_t bytes[MAX_TENSORS]; /* by tensor */
    fet_id value[MAX_TENSORS];
    int producer[MAX_TENSORS]; /* kernel, -1: the input */
    bool output[MAX_TENSORS];
    int n_tensors;
    int reads[MAX_KERNELS][4], n_reads[MAX_KERNELS];
    bool in_place[MAX_KERNELS][4];
} toy;

static int toy_tensor(toy *t, fet_id value, int producer)
{
    t->value[t->n_tensors] = value;
    t->producer[t->n_tensors] = producer;
    t->bytes[t->n_tensors] = ((uint64_t)fet_shape_elements(&t->graph->values[value].shape) + 15) / 16 * 16;
    return t->n_tensors++;
}

static void toy_reads(toy *t, int k, int tensor)
{
    for (int i = 0; i < t->n_reads[k]; i++)
        if (t->reads[k][i] == tensor) return;
    t->reads[k][t->n_reads[k]++] = tensor;
}

/* A value to read: the tensor itself or a view of it. */
static fet_id toy_operand(toy *t, fet_rng *rng, int tensor)
{
    if (fet_rng_below(rng, 4)) return t->value[tensor];
    fet_id node = FET_NONE;
    CHECK_OK(fet_graph_add_node(t->graph, FET_OP_RESHAPE, "view", &t->value[tensor], 1, 1, &node));
    fet_value *view = &t->graph->values[t->graph->nodes[node].outputs[0]];
    view->dtype = FET_DTYPE_F32;
    view->shape = fet_shape_1d(fet_shape_elements(&t->graph->values[t->value[tensor]].shape));
    return t->graph->nodes[node].outputs[0];
}

/* Appends a kernel: a convolution, perhaps with a residual, an Add, a Concat or a Split. */
static void toy_kernel(toy *t, fet_rng *rng, int window)
{
    static const fet_op_kind ops[] = {FET_OP_CONV, FET_OP_CONV, FET_OP_ADD, FET_OP_CONCAT, FET_OP_SPLIT};
    int k = (int)t->kernels.count++, operand[4] = {0};
    fet_op_kind op = ops[fet_rng_below(rng, 5)];
    uint32_t n_inputs = op == FET_OP_ADD ? 2 : op == FET_OP_CONCAT ? 1 + fet_rng_below(rng, 3) : 1, n_outputs = op == FET_OP_SPLIT ? 2 : 1;
    bool residual = op == FET_OP_CONV && fet_rng_below(rng, 2);
    fet_id inputs[4], node = FET_NONE;
    for (uint32_t i = 0; i < n_inputs + residual; i++) {
        int back = (int)fet_rng_below(rng, (uint32_t)(t->n_tensors < window ? t->n_tensors : window));
        operand[i] = t->n_tensors - 1 - back;
        inputs[i] = toy_operand(t, rng, operand[i]);
        toy_reads(t, k, operand[i]);
    }
    CHECK_OK(fet_graph_add_node(t->graph, op, "kernel", inputs, n_inputs, n_outputs, &node));
    t->items[k] = (fet_kernel){.anchor = node, .src = inputs[0], .residual = FET_NONE, .batch_norm = FET_NONE, .pad = FET_NONE};
    if (residual) {
        t->items[k].residual = inputs[1];
        t->items[k].key.flags = FET_KERNEL_ADD;
    }
    for (uint32_t i = 0; i < n_outputs; i++) {
        fet_value *value = &t->graph->values[t->graph->nodes[node].outputs[i]];
        value->dtype = FET_DTYPE_F32;
        value->shape = fet_shape_4d(1, 1 + fet_rng_below(rng, 6), 7, 10);
        /* Often the operand's shape, so that writing in place happens. */
        if (fet_rng_below(rng, 2)) value->shape = t->graph->values[t->value[operand[n_inputs + residual - 1]]].shape;
    }
    t->items[k].dst = t->graph->nodes[node].outputs[0];
    int first = t->n_tensors;
    for (uint32_t i = 0; i < n_outputs; i++) toy_tensor(t, t->graph->nodes[node].outputs[i], k);
    for (int i = 0; i < t->n_reads[k]; i++) {
        bool same = t->bytes[t->reads[k][i]] == t->bytes[first];
        bool over_residual = residual && operand[0] != operand[1] && t->reads[k][i] == operand[1];
        t->in_place[k][i] = same && n_outputs == 1 && (op == FET_OP_ADD || over_residual);
    }
}

static toy *toy_create(uint64_t seed, int n_kernels, int window)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    toy *t = calloc(1, sizeof *t);
    fet_shape shape = fet_shape_4d(1, 3, 7, 10);
    fet_id input = FET_NONE;
    CHECK_OK(fet_graph_create(NULL, &t->graph));
    CHECK_OK(fet_graph_add_input(t->graph, "input", FET_DTYPE_F32, &shape, &input));
    t->kernels.items = t->items;
    toy_tensor(t, input, -1);
    for (int k = 0; k < n_kernels; k++) toy_kernel(t, &rng, window);
    for (int i = 0; i < t->n_tensors; i++) {
        bool last = i == t->n_tensors - 1;
        if (!last && fet_rng_below(&rng, 12)) continue;
        t->output[i] = true;
        CHECK_OK(fet_graph_add_output(t->graph, t->value[i]));
    }
    return t;
}

static void toy_destroy(toy *t)
{
    fet_graph_destroy(t->graph);
    free(t);
}

typedef struct ranges {
    int first[MAX_TENSORS], last[MAX_TENSORS]; /* of tensors */
    int buffer[MAX_TENSORS];                   /* first tensor in the same place */
    int buffer_last[MAX_TENSORS];
} ranges;

/* Live ranges in an order (step -> kernel), straight from the definition. */
static void slow_ranges(const toy *t, const uint32_t *order, ranges *r)
{
    int n = (int)t->kernels.count;
    for (int i = 0; i < t->n_tensors; i++) {
        r->first[i] = r->last[i] = 0;
        for (int s = 0; s < n; s++)
            if ((int)order[s] == t->producer[i]) r->first[i] = r->last[i] = s;
        for (int s = 0; s < n; s++)
            for (int j = 0; j < t->n_reads[order[s]]; j++)
                if (t->reads[order[s]][j] == i && s > r->last[i]) r->last[i] = s;
        if (t->output[i]) r->last[i] = n - 1;
        r->buffer[i] = i;
        r->buffer_last[i] = r->last[i];
    }
    for (int s = 0; s < n; s++) {
        int k = (int)order[s];
        for (int j = 0; j < t->n_reads[k]; j++) {
            int operand = t->reads[k][j];
            if (!t->in_place[k][j] || t->output[operand] || r->last[operand] != s) continue;
            for (int i = 0; i < t->n_tensors; i++)
                if (t->producer[i] == k) {
                    r->buffer[i] = r->buffer[operand];
                    r->buffer_last[r->buffer[i]] = r->last[i];
                }
            break;
        }
    }
}

static uint64_t slow_peak(const toy *t, const ranges *r)
{
    uint64_t peak = 0;
    for (int s = 0; s < (int)t->kernels.count; s++) {
        uint64_t alive = 0;
        for (int i = 0; i < t->n_tensors; i++)
            if (r->buffer[i] == i && r->first[i] <= s && s <= r->buffer_last[i]) alive += t->bytes[i];
        if (alive > peak) peak = alive;
    }
    return peak;
}

static bool order_is_legal(const toy *t, const uint32_t *order)
{
    int at[MAX_KERNELS];
    memset(at, 0xff, sizeof at);
    for (int s = 0; s < (int)t->kernels.count; s++) at[order[s]] = s;
    for (int k = 0; k < (int)t->kernels.count; k++) {
        if (at[k] < 0) return false;
        for (int j = 0; j < t->n_reads[k]; j++) {
            int producer = t->producer[t->reads[k][j]];
            if (producer >= 0 && at[producer] >= at[k]) return false;
        }
    }
    return true;
}

static bool overlap(const fet_memory_buffer *a, const fet_memory_buffer *b)
{
    bool in_time = a->first_step <= b->last_step && b->first_step <= a->last_step;
    bool in_space = a->offset_bytes < b->offset_bytes + b->bytes && b->offset_bytes < a->offset_bytes + a->bytes;
    return in_time && in_space;
}

static void check_plan(const toy *t, const fet_memory_plan *plan)
{
    ranges r;
    assert_int_equal(plan->n_steps, t->kernels.count);
    assert_true(order_is_legal(t, plan->order));
    slow_ranges(t, plan->order, &r);
    uint32_t n_buffers = 0;
    uint64_t top = 0;
    for (int i = 0; i < t->n_tensors; i++) {
        const fet_memory_buffer *found = NULL;
        for (uint32_t b = 0; b < plan->n_buffers; b++)
            if (plan->buffers[b].value == t->value[i]) found = &plan->buffers[b];
        assert_int_equal(found != NULL, r.buffer[i] == i);
        if (!found) continue;
        n_buffers++;
        assert_int_equal(found->bytes, t->bytes[i]);
        assert_int_equal(found->first_step, r.first[i]);
        assert_int_equal(found->last_step, r.buffer_last[i]);
    }
    assert_int_equal(n_buffers, plan->n_buffers);
    for (uint32_t b = 0; b < plan->n_buffers; b++) {
        assert_int_equal(plan->buffers[b].offset_bytes % 16, 0);
        for (uint32_t c = 0; c < b; c++) assert_false(overlap(&plan->buffers[b], &plan->buffers[c]));
        uint64_t end = plan->buffers[b].offset_bytes + plan->buffers[b].bytes;
        if (end > top) top = end;
    }
    assert_int_equal(plan->arena_bytes, top);
    assert_int_equal(plan->lower_bound_bytes, slow_peak(t, &r));
    assert_true(plan->arena_bytes >= plan->lower_bound_bytes);
}

static void plan_toy(const toy *t, fet_arena *arena, fet_memory_plan *plan)
{
    fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
    CHECK_OK(fet_memory_plan_make(t->graph, &t->kernels, &options, arena, plan));
}

static void test_random_plans_hold_by_definition(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    for (uint64_t seed = 0; seed < 100; seed++) {
        toy *t = toy_create(seed, 3 + (int)(seed % 30), seed % 3 ? 3 : 12);
        fet_memory_plan plan;
        fet_arena_reset(arena);
        plan_toy(t, arena, &plan);
        check_plan(t, &plan);
        toy_destroy(t);
    }
}

/* All topological orders, by recursion. */
static void least_peak(const toy *t, uint32_t *order, int depth, uint32_t used, uint64_t *best)
{
    int n = (int)t->kernels.count;
    if (depth == n) {
        ranges r;
        slow_ranges(t, order, &r);
        uint64_t peak = slow_peak(t, &r);
        if (peak < *best) *best = peak;
        return;
    }
    for (int k = 0; k < n; k++) {
        bool ready = !(used >> k & 1);
        for (int j = 0; j < t->n_reads[k] && ready; j++) {
            int producer = t->producer[t->reads[k][j]];
            ready = producer < 0 || (used >> producer & 1);
        }
        if (!ready) continue;
        order[depth] = (uint32_t)k;
        least_peak(t, order, depth + 1, used | 1u << k, best);
    }
}

/* The least arena for given live ranges: the lowest free place for each buffer, over all orders of placing. */
static void least_arena(fet_memory_buffer *buffers, uint32_t placed, uint32_t n, uint64_t top, uint64_t *best)
{
    if (top >= *best) return;
    if (placed == n) *best = top;
    for (uint32_t i = placed; i < n; i++) {
        fet_memory_buffer swap = buffers[i];
        buffers[i] = buffers[placed];
        buffers[placed] = swap;
        fet_memory_buffer *b = &buffers[placed];
        b->offset_bytes = 0;
        for (uint32_t j = 0; j < placed; j++)
            if (overlap(b, &buffers[j])) {
                b->offset_bytes = buffers[j].offset_bytes + buffers[j].bytes;
                j = UINT32_MAX; /* again from the first: offsets only rise */
            }
        uint64_t end = b->offset_bytes + b->bytes;
        least_arena(buffers, placed + 1, n, end > top ? end : top, best);
        buffers[placed] = buffers[i];
        buffers[i] = swap;
    }
}

static void test_tiny_graphs_reach_the_optimum(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    int n_tight = 0;
    for (uint64_t seed = 1000; seed < 1240; seed++) {
        toy *t = toy_create(seed, 3 + (int)(seed % 4), 8);
        fet_memory_plan plan;
        fet_arena_reset(arena);
        plan_toy(t, arena, &plan);
        check_plan(t, &plan);
        uint32_t order[MAX_KERNELS];
        uint64_t peak = UINT64_MAX, smallest = UINT64_MAX;
        least_peak(t, order, 0, 0, &peak);
        assert_int_equal(plan.lower_bound_bytes, peak);
        fet_memory_buffer copy[16];
        if (plan.n_buffers <= 7) {
            memcpy(copy, plan.buffers, plan.n_buffers * sizeof *copy);
            least_arena(copy, 0, plan.n_buffers, 0, &smallest);
            assert_int_equal(plan.arena_bytes, smallest);
            n_tight++;
        }
        toy_destroy(t);
    }
    assert_true(n_tight > 100);
}

/* Fixed order: the given one is kept. */
static void test_order_is_kept_when_asked(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    toy *t = toy_create(7, 20, 12);
    fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
    options.search_order = false;
    fet_memory_plan kept, searched;
    CHECK_OK(fet_memory_plan_make(t->graph, &t->kernels, &options, arena, &kept));
    for (uint32_t s = 0; s < kept.n_steps; s++) assert_int_equal(kept.order[s], s);
    check_plan(t, &kept);
    plan_toy(t, arena, &searched);
    assert_true(searched.lower_bound_bytes <= kept.lower_bound_bytes);
    toy_destroy(t);
}

/* expand 1x1, depthwise, project, with a residual where the width stays: the networks of a search. */
static void add_block(toy *t, int64_t expanded, int64_t out, int64_t size, bool residual)
{
    fet_id source = t->n_tensors ? t->value[t->n_tensors - 1] : FET_NONE;
    int from = t->n_tensors - 1;
    int64_t channels[3] = {expanded, expanded, out};
    for (int i = 0; i < 3; i++) {
        int k = (int)t->kernels.count++;
        fet_id node = FET_NONE, input = t->value[t->n_tensors - 1];
        CHECK_OK(fet_graph_add_node(t->graph, FET_OP_CONV, "conv", &input, 1, 1, &node));
        fet_value *value = &t->graph->values[t->graph->nodes[node].outputs[0]];
        value->dtype = FET_DTYPE_F32;
        value->shape = fet_shape_4d(1, channels[i], size, size);
        t->items[k] =
            (fet_kernel){.anchor = node, .src = input, .residual = FET_NONE, .pad = FET_NONE, .dst = t->graph->nodes[node].outputs[0]};
        toy_reads(t, k, t->n_tensors - 1);
        if (residual && i == 2) {
            t->items[k].residual = source;
            toy_reads(t, k, from);
            t->in_place[k][1] = true;
        }
        toy_tensor(t, t->items[k].dst, k);
    }
}

static toy *ibn_network(uint64_t seed, int n_stages)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 1, FET_RNG_TEST);
    toy *t = calloc(1, sizeof *t);
    fet_id input = FET_NONE;
    int64_t size = 56, width = 16;
    fet_shape shape = fet_shape_4d(1, 3, size, size);
    CHECK_OK(fet_graph_create(NULL, &t->graph));
    CHECK_OK(fet_graph_add_input(t->graph, "input", FET_DTYPE_F32, &shape, &input));
    t->kernels.items = t->items;
    toy_tensor(t, input, -1);
    for (int stage = 0; stage < n_stages; stage++) {
        size /= 1 + stage % 2;
        width += 8 * (1 + fet_rng_below(&rng, 4));
        for (int block = 0; block < 4; block++) add_block(t, width * (2 + fet_rng_below(&rng, 5)), width, size, block > 0);
    }
    t->output[t->n_tensors - 1] = true;
    CHECK_OK(fet_graph_add_output(t->graph, t->value[t->n_tensors - 1]));
    return t;
}

static void test_ibn_networks_reach_the_bound(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    for (uint64_t seed = 0; seed < 50; seed++) {
        toy *t = ibn_network(seed, 5);
        fet_memory_plan plan;
        fet_arena_reset(arena);
        plan_toy(t, arena, &plan);
        check_plan(t, &plan);
        assert_true((double)plan.arena_bytes <= 1.02 * (double)plan.lower_bound_bytes);
        toy_destroy(t);
    }
}

/* Once the arena is warm, planning a candidate never calls the heap. */
static void test_no_heap_in_the_hot_path(void **state)
{
    (void)state;
#ifdef FET_ARENA_DEBUG
    skip(); /* every piece is a malloc of its own here */
#endif
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    toy *t = ibn_network(3, 5);
    fet_memory_plan plan;
    plan_toy(t, arena, &plan);
    fet_arena_reset(arena);
    fet_alloc_fail_after(UINT64_MAX);
    plan_toy(t, arena, &plan);
    assert_int_equal(fet_alloc_fail_after(UINT64_MAX), 0);
    toy_destroy(t);
}

static void test_options_change_sizes(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    toy *t = ibn_network(5, 2);
    fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
    fet_memory_plan plain, wide, rounded;
    CHECK_OK(fet_memory_plan_make(t->graph, &t->kernels, &options, arena, &plain));
    options.activation_dtype = FET_DTYPE_F32;
    CHECK_OK(fet_memory_plan_make(t->graph, &t->kernels, &options, arena, &wide));
    assert_int_equal(wide.lower_bound_bytes, 4 * plain.lower_bound_bytes);
    options.activation_dtype = FET_DTYPE_S8;
    options.channel_rounding = 64;
    CHECK_OK(fet_memory_plan_make(t->graph, &t->kernels, &options, arena, &rounded));
    assert_true(rounded.buffers[0].bytes == 64 * 56 * 56);
    assert_true(rounded.lower_bound_bytes > plain.lower_bound_bytes);
    toy_destroy(t);
}

/* conv 3 -> 8 with bias and batch norm folded, conv 8 -> 8 sharing nothing, one shared weight used twice. */
static void test_parameters_are_counted_as_stored(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape in = fet_shape_4d(1, 3, 8, 8), w1 = fet_shape_4d(8, 3, 3, 3), w2 = fet_shape_4d(8, 8, 1, 1), bias = fet_shape_1d(8);
    fet_id x = 0, p[3] = {0};
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &in, &x));
    CHECK_OK(fet_graph_add_param(graph, "w1", FET_DTYPE_F32, &w1, NULL, true, &p[0]));
    CHECK_OK(fet_graph_add_param(graph, "w2", FET_DTYPE_F32, &w2, NULL, true, &p[1]));
    CHECK_OK(fet_graph_add_param(graph, "b", FET_DTYPE_F32, &bias, NULL, true, &p[2]));
    fet_kernel items[3] = {0};
    for (int k = 0; k < 3; k++) {
        fet_id inputs[3] = {x, p[k > 0], p[2]}, node = 0;
        CHECK_OK(fet_graph_add_node(graph, FET_OP_CONV, "c", inputs, k == 0 ? 3 : 2, 1, &node));
        x = graph->nodes[node].outputs[0];
        graph->values[x].dtype = FET_DTYPE_F32;
        graph->values[x].shape = fet_shape_4d(1, 8, 8, 8);
        items[k] = (fet_kernel){.anchor = node, .src = inputs[0], .residual = FET_NONE, .pad = FET_NONE, .dst = x};
        items[k].key.flags = k == 0 ? FET_KERNEL_BIAS : 0;
        items[k].key.oc = 8;
    }
    CHECK_OK(fet_graph_add_output(graph, x));
    fet_kernels kernels = {.items = items, .count = 3};
    fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
    fet_memory_plan plan;
    CHECK_OK(fet_memory_plan_make(graph, &kernels, &options, arena, &plan));
    assert_int_equal(plan.param_bytes, 8 * 27 + 8 * 4 + 64);
    options = fet_memory_default_options(FET_DTYPE_BF16);
    CHECK_OK(fet_memory_plan_make(graph, &kernels, &options, arena, &plan));
    assert_int_equal(plan.param_bytes, 2 * (8 * 27 + 8 + 64));
}

static void test_networks_of_nothing(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_kernels none = {0};
    fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
    fet_memory_plan plan;
    CHECK_OK(fet_memory_plan_make(graph, &none, &options, arena, &plan));
    assert_int_equal(plan.arena_bytes, 0);
    fet_shape shape = fet_shape_1d(100);
    fet_id x = 0;
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &x));
    CHECK_OK(fet_graph_add_output(graph, x));
    CHECK_OK(fet_memory_plan_make(graph, &none, &options, arena, &plan));
    assert_int_equal(plan.arena_bytes, 112);
    assert_int_equal(plan.lower_bound_bytes, 112);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    toy *t = toy_create(4, 16, 12);
    fet_status status = FET_ERROR_NOMEM;
    int n_failures = 0;
    for (uint64_t n = 0; status != FET_OK; n++) {
        fet_auto(fet_arena) arena = NULL;
        CHECK_OK(fet_arena_create(&arena));
        fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
        fet_memory_plan plan;
        fet_alloc_fail_after(n);
        status = fet_memory_plan_make(t->graph, &t->kernels, &options, arena, &plan);
        fet_alloc_fail_after(UINT64_MAX);
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        n_failures += status != FET_OK;
    }
    assert_true(n_failures >= 3);
    toy_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_plans_hold_by_definition),
        cmocka_unit_test(test_tiny_graphs_reach_the_optimum),
        cmocka_unit_test(test_order_is_kept_when_asked),
        cmocka_unit_test(test_ibn_networks_reach_the_bound),
        cmocka_unit_test(test_no_heap_in_the_hot_path),
        cmocka_unit_test(test_options_change_sizes),
        cmocka_unit_test(test_parameters_are_counted_as_stored),
        cmocka_unit_test(test_networks_of_nothing),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
