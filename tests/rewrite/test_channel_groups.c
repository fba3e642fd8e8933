// SPDX-License-Identifier: Apache-2.0
/*
 * Channel groups and the rules of channel_rules.c against brute force: mark one entry of one dimension as gone, let every operator say what
 * else must then go, until nothing changes. The closure must be exactly the entries that the groups call by the same channel.
 */
#include "zoo.h"

#include "space/networks.h"

#include "op/conv.h"
#include "rewrite/channel_groups.h"

typedef struct closure {
    const fet_graph *graph;
    bool **values;       /* [value][entry of dimension 1] */
    bool **params;       /* [param * AXES + axis][entry] */
    bool changed, stuck; /* stuck: reached what must not change */
} closure;

static int64_t size_of(const closure *c, fet_id value, uint32_t axis)
{
    const fet_shape *shape = &c->graph->values[value].shape;
    return axis < shape->rank ? shape->dim[axis] : 0;
}

static bool *entry(closure *c, fet_id value, uint32_t axis, int64_t i)
{
    const fet_value *v = &c->graph->values[value];
    if (v->kind == FET_VALUE_PARAM) return &c->params[v->param * FET_ORIGIN_AXES + axis][i];
    assert_int_equal(axis, 1);
    return &c->values[value][i];
}

static void tie(closure *c, bool *a, bool *b)
{
    if (*a == *b) return;
    *a = *b = c->changed = true;
}

/* Dimension 1 of `dst` is made of dimension `axis` of `src`, `inner` entries each. */
static void tie_all(closure *c, fet_id dst, fet_id src, uint32_t axis, int64_t inner)
{
    for (int64_t i = 0; i < size_of(c, dst, 1); i++) tie(c, entry(c, dst, 1, i), entry(c, src, axis, i / inner));
}

static void spread_conv(closure *c, const fet_node *node)
{
    fet_id src = node->inputs[0], weight = node->inputs[1], dst = node->outputs[0];
    int64_t group = fet_node_int(node, FET_ATTR_GROUP, 1), in = size_of(c, src, 1), out = size_of(c, dst, 1);
    for (int64_t o = 0; o < out; o++) {
        tie(c, entry(c, dst, 1, o), entry(c, weight, 0, o));
        if (node->n_inputs > 2) tie(c, entry(c, dst, 1, o), entry(c, node->inputs[2], 0, o));
        if (group > 1 && group == in) tie(c, entry(c, dst, 1, o), entry(c, src, 1, o / (out / in)));
        else tie(c, entry(c, dst, 1, o), entry(c, dst, 1, o % (out / group)));
    }
    for (int64_t i = 0; i < in && !(group > 1 && group == in); i++) tie(c, entry(c, src, 1, i), entry(c, weight, 1, i % (in / group)));
}

static void spread_gemm(closure *c, const fet_node *node)
{
    tie_all(c, node->outputs[0], node->inputs[1], 0, 1); /* transB = 1 */
    tie_all(c, node->inputs[0], node->inputs[1], 1, 1);
    tie_all(c, node->outputs[0], node->inputs[2], 0, 1);
}

static void spread_concat(closure *c, const fet_node *node)
{
    int64_t at = 0;
    for (uint32_t k = 0; k < node->n_inputs; at += size_of(c, node->inputs[k], 1), k++)
        for (int64_t i = 0; i < size_of(c, node->inputs[k], 1); i++)
            tie(c, entry(c, node->outputs[0], 1, at + i), entry(c, node->inputs[k], 1, i));
}

static void spread(closure *c, const fet_node *node)
{
    fet_id dst = node->outputs[0];
    switch (node->op) {
    case FET_OP_CONV: spread_conv(c, node); break;
    case FET_OP_GEMM: spread_gemm(c, node); break;
    case FET_OP_CONCAT: spread_concat(c, node); break;
    case FET_OP_BATCH_NORMALIZATION:
        for (uint32_t i = 1; i < 5; i++) tie_all(c, dst, node->inputs[i], 0, 1);
        tie_all(c, dst, node->inputs[0], 1, 1);
        break;
    case FET_OP_ADD:
    case FET_OP_MUL:
        for (uint32_t i = 0; i < 2; i++) {
            const fet_value *v = &c->graph->values[node->inputs[i]];
            tie_all(c, dst, node->inputs[i], v->shape.rank == 3 ? 0 : 1, 1);
        }
        break;
    case FET_OP_FLATTEN: tie_all(c, dst, node->inputs[0], 1, size_of(c, dst, 1) / size_of(c, node->inputs[0], 1)); break;
    case FET_OP_RELU:
    case FET_OP_CLIP:
    case FET_OP_SIGMOID:
    case FET_OP_GLOBAL_AVERAGE_POOL: tie_all(c, dst, node->inputs[0], 1, 1); break;
    case FET_OP_SOFTMAX: /* cuts */
        for (int64_t i = 0; i < size_of(c, dst, 1); i++) c->stuck |= *entry(c, dst, 1, i) || *entry(c, node->inputs[0], 1, i);
        break;
    default: fail_msg("brute force does not know %s", fet_op_onnx_name(node->op));
    }
}

static void run_closure(closure *c)
{
    c->stuck = false;
    do {
        c->changed = false;
        for (fet_id n = 0; n < c->graph->n_nodes; n++) spread(c, &c->graph->nodes[n]);
    } while (c->changed);
    for (uint32_t i = 0; i < c->graph->n_inputs; i++)
        for (int64_t e = 0; e < size_of(c, c->graph->inputs[i], 1); e++) c->stuck |= *entry(c, c->graph->inputs[i], 1, e);
    for (uint32_t o = 0; o < c->graph->n_outputs; o++)
        for (int64_t e = 0; e < size_of(c, c->graph->outputs[o], 1); e++) c->stuck |= *entry(c, c->graph->outputs[o], 1, e);
}

/* Compares one dimension's marks with its runs; marks only the first entry found when `seed`. */
static bool visit_dim(bool *marks, int64_t size, const fet_channel_dim *dim, const fet_channel_groups *groups, uint32_t group,
                      uint32_t channel, bool seed)
{
    int64_t at = 0;
    for (uint32_t r = 0; r < dim->n_runs; r++) {
        const fet_channel_group *g = &groups->groups[dim->runs[r].group];
        for (int64_t i = 0; i < (int64_t)g->channels * dim->runs[r].inner; i++) {
            bool is = dim->runs[r].group == group && i / dim->runs[r].inner == channel;
            if (seed && is) return marks[at + i] = true;
            if (!seed && marks[at + i] != is) fail_msg("entry %d: gone %d, in the channel %d", (int)(at + i), marks[at + i], is);
        }
        at += (int64_t)g->channels * dim->runs[r].inner;
    }
    if (dim->n_runs) assert_int_equal(at, size);
    for (int64_t i = 0; i < size && !dim->n_runs && !seed; i++) assert_false(marks[i]);
    return false;
}

static bool visit_all(closure *c, const fet_channel_groups *groups, uint32_t group, uint32_t channel, bool seed)
{
    for (fet_id v = 0; v < c->graph->n_values; v++)
        if (c->graph->values[v].kind != FET_VALUE_PARAM && c->graph->values[v].shape.rank > 1 &&
            visit_dim(c->values[v], c->graph->values[v].shape.dim[1], &groups->values[v], groups, group, channel, seed))
            return true;
    for (fet_id p = 0; p < c->graph->n_params; p++)
        for (uint32_t a = 0; a < c->graph->values[c->graph->params[p].value].shape.rank; a++)
            if (visit_dim(c->params[p * FET_ORIGIN_AXES + a], c->graph->values[c->graph->params[p].value].shape.dim[a],
                          fet_channel_param_dim(groups, p, a), groups, group, channel, seed))
                return true;
    return false;
}

static void clear_marks(closure *c)
{
    for (fet_id v = 0; v < c->graph->n_values; v++) memset(c->values[v], 0, (size_t)size_of(c, v, 1) + 1);
    for (fet_id p = 0; p < c->graph->n_params; p++)
        for (uint32_t a = 0; a < FET_ORIGIN_AXES; a++)
            memset(c->params[p * FET_ORIGIN_AXES + a], 0, (size_t)size_of(c, c->graph->params[p].value, a) + 1);
}

static void check_network(const fet_graph *graph, uint32_t n_free_expected)
{
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_channel_groups groups;
    CHECK_OK(fet_channel_groups_find(graph, arena, &groups));
    closure c = {.graph = graph};
    c.values = fet_arena_zalloc(arena, graph->n_values, sizeof *c.values);
    c.params = fet_arena_zalloc(arena, graph->n_params * FET_ORIGIN_AXES, sizeof *c.params);
    for (fet_id v = 0; v < graph->n_values; v++) c.values[v] = fet_arena_zalloc(arena, (size_t)size_of(&c, v, 1) + 1, 1);
    for (fet_id p = 0; p < graph->n_params; p++)
        for (uint32_t a = 0; a < FET_ORIGIN_AXES; a++)
            c.params[p * FET_ORIGIN_AXES + a] = fet_arena_zalloc(arena, (size_t)size_of(&c, graph->params[p].value, a) + 1, 1);
    uint32_t n_free = 0;
    for (uint32_t g = 0; g < groups.n_groups; g++) {
        bool stuck = false;
        for (uint32_t channel = 0; channel < groups.groups[g].channels; channel++) {
            clear_marks(&c);
            assert_true(visit_all(&c, &groups, g, channel, true));
            run_closure(&c);
            visit_all(&c, &groups, g, channel, false);
            stuck |= c.stuck;
        }
        assert_int_equal(groups.groups[g].fixed, stuck);
        n_free += !stuck;
    }
    assert_int_equal(n_free, n_free_expected);
    fet_arena_destroy(arena);
}

static void template_groups(void **state)
{
    (void)state;
    fet_graph *graph = small_network();
    /* stem, 3 trunks, 2 + 3 hidden, head; the block of expansion 1 hides nothing of its own */
    check_network(graph, 1 + 3 + 5 + 1);
    fet_graph_destroy(graph);
}

static void zoo_groups(void **state)
{
    (void)state;
    fet_graph *graph = zoo_network();
    /* a, b, c and the input of the grouped convolution; its output, twice, excite, scale; squeeze; wide; side; hidden */
    check_network(graph, 6);
    fet_graph_destroy(graph);
}

static void expected_runs(void **state)
{
    (void)state;
    fet_graph *graph = zoo_network();
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_channel_groups groups;
    CHECK_OK(fet_channel_groups_find(graph, arena, &groups));
    const fet_channel_dim *cat = &groups.values[fet_graph_find_value(graph, "cat")],
                          *flat = &groups.values[fet_graph_find_value(graph, "flat")];
    assert_int_equal(cat->n_runs, 4); /* 12 channels as 4 parts of the 3 that the grouped convolution's groups share */
    assert_int_equal(groups.groups[cat->runs[0].group].channels, 3);
    assert_int_equal(flat->n_runs, 2);
    assert_int_equal(flat->runs[0].inner, 30);
    assert_int_equal(groups.groups[flat->runs[0].group].channels, 7);
    assert_int_equal(groups.groups[flat->runs[1].group].channels, 5);
    assert_int_equal(fet_channel_group_of_value(&groups, fet_graph_find_value(graph, "flat")), FET_NONE);
    assert_int_equal(fet_channel_group_of_value(&groups, fet_graph_find_value(graph, "wide")), flat->runs[0].group);
    fet_arena_destroy(arena);
    fet_graph_destroy(graph);
}

/* Shared weights tie both users; what softmax sees is fixed, as are a graph output's channels in the middle. */
static void shared_and_cut(void **state)
{
    (void)state;
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 1, 4, 4);
    fet_id image = FET_NONE, node = FET_NONE;
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &image));
    fet_id a = zoo_conv(graph, "a", image, 6, 3, 1); /* one input channel: dense, not depthwise */
    fet_id b = zoo_conv(graph, "b", a, 6, 3, 1);
    fet_id weight = graph->nodes[graph->values[b].node].inputs[1], bias = graph->nodes[graph->values[b].node].inputs[2];
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONV, "again", (fet_id[]){b, weight, bias}, 3, 1, &node));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_PADS, (int64_t[]){1, 1, 1, 1}, 4));
    CHECK_OK(fet_graph_infer_node(graph, node));
    fet_id again = graph->nodes[node].outputs[0];
    fet_id soft = zoo_unary(graph, FET_OP_SOFTMAX, "soft", zoo_conv(graph, "d", again, 5, 1, 1));
    CHECK_OK(fet_graph_set_int(graph, graph->values[soft].node, FET_ATTR_AXIS, 1));
    CHECK_OK(fet_graph_add_output(graph, zoo_conv(graph, "e", soft, 3, 1, 1)));
    CHECK_OK(fet_graph_verify(graph));
    check_network(graph, 1); /* a = b's inputs = b = again */
    fet_graph_destroy(graph);
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    fet_graph *graph = zoo_network();
    for (uint64_t n = 0;; n++) {
        fet_arena *arena = NULL;
        CHECK_OK(fet_arena_create(&arena));
        fet_channel_groups groups;
        fet_alloc_fail_after(n);
        fet_status status = fet_channel_groups_find(graph, arena, &groups);
        fet_alloc_fail_after(SIZE_MAX);
        fet_arena_destroy(arena);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
    fet_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(template_groups),
        cmocka_unit_test(zoo_groups),
        cmocka_unit_test(expected_runs),
        cmocka_unit_test(shared_and_cut),
        cmocka_unit_test(fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
