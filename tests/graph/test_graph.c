// SPDX-License-Identifier: Apache-2.0
/* The IR itself: attributes, copies that do not touch their source, compaction against a slow reference, cycles, uses, memory. */
#include "check.h"

#include "base/rng.h"
#include "graph/graph.h"
#include "graph/limits.h"

#include <string.h>

/* A random acyclic graph of Add and Relu over one input and some parameters; node and value names say what they are. */
static fet_graph *random_graph(fet_rng *rng, uint32_t n_nodes, fet_arena *arena)
{
    fet_graph *graph = NULL;
    fet_id values[256], v = FET_NONE, node = FET_NONE;
    uint32_t n = 0;
    char name[32];
    fet_shape shape = fet_shape_1d(4);
    CHECK_OK(fet_graph_create(arena, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &values[n++]));
    for (int p = 0; p < 5; p++) {
        fet_auto(fet_tensor) tensor = NULL;
        CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &shape, &tensor));
        snprintf(name, sizeof name, "p%d", p);
        CHECK_OK(fet_graph_add_param(graph, name, FET_DTYPE_F32, &shape, p < 3 ? tensor : NULL, p & 1, &values[n++]));
    }
    for (uint32_t i = 0; i < n_nodes; i++) {
        fet_id inputs[2] = {values[fet_rng_below(rng, n)], values[fet_rng_below(rng, n)]};
        bool binary = fet_rng_below(rng, 2);
        snprintf(name, sizeof name, "n%u", i);
        CHECK_OK(fet_graph_add_node(graph, binary ? FET_OP_ADD : FET_OP_RELU, name, inputs, binary ? 2 : 1, 1, &node));
        CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_AXIS, (int64_t)i));
        v = graph->nodes[node].outputs[0];
        if (n < 256) values[n++] = v;
    }
    CHECK_OK(fet_graph_add_output(graph, v));
    return graph;
}

/* The expression that computes a value, as text; stands for meaning when ids change. Depth is limited by sharing few levels. */
static uint64_t meaning(const fet_graph *graph, fet_id v)
{
    const fet_value *value = &graph->values[v];
    uint64_t hash = 1469598103934665603u;
    for (const char *c = value->name; *c; c++) hash = (hash ^ (uint64_t)*c) * 1099511628211u;
    if (value->kind != FET_VALUE_COMPUTED) return hash;
    const fet_node *node = &graph->nodes[value->node];
    for (uint32_t i = 0; i < node->n_inputs; i++) hash = (hash ^ meaning(graph, node->inputs[i])) * 1099511628211u;
    return (hash ^ (uint64_t)node->op ^ (uint64_t)fet_node_int(node, FET_ATTR_AXIS, 0) << 8) * 1099511628211u;
}

static void check_consistent(const fet_graph *graph)
{
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        assert_int_not_equal(node->op, FET_OP_NONE);
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            const fet_value *value = &graph->values[node->inputs[i]];
            assert_true(node->inputs[i] < graph->n_values);
            if (value->kind == FET_VALUE_COMPUTED) assert_true(value->node < n); /* topological */
            if (value->kind == FET_VALUE_PARAM) assert_int_equal(graph->params[value->param].value, node->inputs[i]);
        }
        for (uint32_t i = 0; i < node->n_outputs; i++) assert_int_equal(graph->values[node->outputs[i]].node, n);
    }
}

static void attributes(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = NULL;
    fet_id node = FET_NONE;
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONV, "c", NULL, 0, 1, &node));
    int64_t pads[4] = {1, 2, 3, 4};
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_GROUP, 3));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_PADS, pads, 4));
    CHECK_OK(fet_graph_set_float(graph, node, FET_ATTR_ALPHA, 0.5f));
    CHECK_OK(fet_graph_set_string(graph, node, FET_ATTR_AUTO_PAD, "VALID"));
    CHECK_OK(fet_graph_set_attr(graph, node, &(fet_attr){.name = "mine", .type = FET_ATTR_TYPE_INT, .i = 7}));
    CHECK_OK(fet_graph_set_attr(graph, node, &(fet_attr){.name = "yours", .type = FET_ATTR_TYPE_INT, .i = 8}));
    pads[0] = 99; /* it was copied */
    const fet_node *n = &graph->nodes[node];
    assert_int_equal(n->n_attrs, 6);
    assert_int_equal(fet_node_int(n, FET_ATTR_GROUP, 1), 3);
    assert_int_equal(fet_node_int(n, FET_ATTR_AXIS, -5), -5);
    assert_int_equal(fet_node_int(n, FET_ATTR_ALPHA, -5), -5); /* of another type */
    assert_true(fet_node_float(n, FET_ATTR_ALPHA, 0) == 0.5f);
    assert_string_equal(fet_node_string(n, FET_ATTR_AUTO_PAD, "NOTSET"), "VALID");
    assert_int_equal(fet_node_attr(n, FET_ATTR_PADS)->ints[0], 1);
    assert_string_equal(fet_node_attr(n, FET_ATTR_PADS)->name, "pads");
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_GROUP, 4)); /* replaced, not doubled */
    assert_int_equal(graph->nodes[node].n_attrs, 6);
    assert_int_equal(fet_node_int(&graph->nodes[node], FET_ATTR_GROUP, 1), 4);
    /* Tensors are retained, and let go when replaced or removed. */
    fet_tensor *tensor = NULL;
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &(fet_shape){0}, &tensor));
    CHECK_OK(fet_graph_set_attr(graph, node, &(fet_attr){.key = FET_ATTR_VALUE, .type = FET_ATTR_TYPE_TENSOR, .tensor = tensor}));
    assert_int_equal(tensor->references, 2);
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_VALUE, 1));
    assert_int_equal(tensor->references, 1);
    CHECK_OK(fet_graph_set_attr(graph, node, &(fet_attr){.key = FET_ATTR_VALUE, .type = FET_ATTR_TYPE_TENSOR, .tensor = tensor}));
    CHECK_OK(fet_graph_remove_attr(graph, node, FET_ATTR_VALUE));
    assert_int_equal(tensor->references, 1);
    CHECK_OK(fet_graph_remove_attr(graph, node, FET_ATTR_VALUE)); /* gone already */
    assert_int_equal(graph->nodes[node].n_attrs, 6);
    assert_int_equal(fet_node_int(&graph->nodes[node], FET_ATTR_GROUP, 1), 4);
    fet_tensor_release(tensor);
    for (int i = 0; i < FET_NODE_LIMIT_ATTRS - 6; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        CHECK_OK(fet_graph_set_attr(graph, node, &(fet_attr){.name = name, .type = FET_ATTR_TYPE_INT}));
    }
    CHECK_FAILS(FET_ERROR_LIMIT, fet_graph_set_attr(graph, node, &(fet_attr){.name = "more", .type = FET_ATTR_TYPE_INT}));
}

static void names(void **state)
{
    (void)state;
    for (int op = FET_OP_NONE + 1; op < FET_OP_COUNT; op++) assert_int_equal(fet_op_by_onnx_name(fet_op_onnx_name((fet_op_kind)op)), op);
    for (int key = FET_ATTR_OTHER + 1; key < FET_ATTR_COUNT; key++)
        assert_int_equal(fet_attr_by_onnx_name(fet_attr_onnx_name((fet_attr_key)key)), key);
    assert_int_equal(fet_op_by_onnx_name("Nothing"), FET_OP_NONE);
    assert_int_equal(fet_attr_by_onnx_name("nothing"), FET_ATTR_OTHER);
}

/* A copy has the same meaning; changing it leaves the source as it was, and tensors are shared. */
static void copies(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int round = 0; round < 50; round++) {
        fet_auto(fet_graph) source = random_graph(&rng, 12, NULL);
        fet_auto(fet_arena) arena = NULL;
        fet_auto(fet_graph) shallow = NULL;
        fet_graph *deep = NULL;
        uint64_t before = meaning(source, source->outputs[0]);
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(fet_graph_copy(source, arena, 4, &shallow));
        CHECK_OK(fet_graph_copy(source, NULL, 0, &deep));
        assert_true(meaning(shallow, shallow->outputs[0]) == before && meaning(deep, deep->outputs[0]) == before);
        assert_ptr_equal(shallow->params[0].tensor, source->params[0].tensor);
        assert_int_equal(source->params[0].tensor->references, 3);
        /* Change everything that a copy may share. */
        for (fet_id n = 0; n < shallow->n_nodes; n++) {
            CHECK_OK(fet_graph_set_int(shallow, n, FET_ATTR_AXIS, 1000));
            shallow->nodes[n].inputs[0] = shallow->inputs[0];
        }
        fet_graph_set_tensor(shallow, 0, NULL);
        fet_id node = FET_NONE;
        CHECK_OK(fet_graph_add_node(shallow, FET_OP_RELU, "more", &shallow->outputs[0], 1, 1, &node));
        assert_true(meaning(source, source->outputs[0]) == before);
        assert_int_equal(source->params[0].tensor->references, 2);
        assert_int_equal(source->n_nodes, 12);
        /* A deep copy lives on when its source is gone. */
        fet_graph_destroy(fet_take(shallow));
        fet_graph_destroy(fet_take(source));
        assert_true(meaning(deep, deep->outputs[0]) == before);
        fet_graph_destroy(deep);
    }
}

static void origins_are_copied(void **state)
{
    (void)state;
    fet_graph *source = NULL, *deep = NULL;
    fet_id value = FET_NONE;
    fet_shape shape = fet_shape_1d(3);
    CHECK_OK(fet_graph_create(NULL, &source));
    CHECK_OK(fet_graph_add_param(source, "p", FET_DTYPE_F32, &shape, NULL, true, &value));
    uint32_t index[3] = {4, 2, 0};
    float scale[3] = {1, 0.5f, 0.5f};
    source->params[0].origin.rule = FET_ORIGIN_SLICE;
    source->params[0].origin.axis[0] = (fet_origin_axis){.count = 3,
                                                         .index = fet_arena_copy(source->arena, index, sizeof index),
                                                         .scale = fet_arena_copy(source->arena, scale, sizeof scale)};
    CHECK_OK(fet_graph_copy(source, NULL, 0, &deep));
    fet_graph_destroy(source);
    assert_memory_equal(deep->params[0].origin.axis[0].index, index, sizeof index);
    assert_memory_equal(deep->params[0].origin.axis[0].scale, scale, sizeof scale);
    assert_int_equal(deep->params[0].origin.base[0], FET_NONE);
    fet_graph_destroy(deep);
}

/* Remove random nodes (their readers are rewired), shuffle the rest, compact: the meaning of the output is as before, unused things are
 * gone. */
static void compaction(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    for (int round = 0; round < 300; round++) {
        fet_auto(fet_graph) graph = random_graph(&rng, 14, NULL);
        for (int k = 0; k < 3; k++) {
            fet_id n = fet_rng_below(&rng, graph->n_nodes);
            if (graph->nodes[n].op == FET_OP_NONE) continue;
            fet_graph_replace_uses(graph, graph->nodes[n].outputs[0], graph->nodes[n].inputs[0]);
            fet_graph_remove_node(graph, n);
        }
        if (graph->values[graph->outputs[0]].kind != FET_VALUE_COMPUTED) continue;
        uint64_t before = meaning(graph, graph->outputs[0]);
        uint32_t alive = 0, params_used = 0;
        for (fet_id n = 0; n < graph->n_nodes; n++) alive += graph->nodes[n].op != FET_OP_NONE;
        for (fet_id p = 0; p < graph->n_params; p++) {
            bool used = false;
            for (fet_id n = 0; n < graph->n_nodes; n++)
                for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++) used |= graph->nodes[n].inputs[i] == graph->params[p].value;
            params_used += used;
        }
        /* Out of order: swap two nodes, as a rewrite that appends does. */
        fet_id a = fet_rng_below(&rng, graph->n_nodes), b = fet_rng_below(&rng, graph->n_nodes);
        fet_node swap = graph->nodes[a];
        graph->nodes[a] = graph->nodes[b], graph->nodes[b] = swap;
        for (fet_id n = 0; n < graph->n_nodes; n++)
            for (uint32_t i = 0; i < graph->nodes[n].n_outputs; i++) graph->values[graph->nodes[n].outputs[i]].node = n;
        CHECK_OK(fet_graph_compact(graph));
        check_consistent(graph);
        assert_int_equal(graph->n_nodes, alive);
        assert_int_equal(graph->n_params, params_used);
        assert_true(meaning(graph, graph->outputs[0]) == before);
        CHECK_OK(fet_graph_compact(graph)); /* again: nothing changes */
        assert_true(meaning(graph, graph->outputs[0]) == before);
        assert_int_equal(graph->n_nodes, alive);
    }
}

/* Order is kept where it is valid already, so that printed graphs stay readable. */
static void compaction_is_stable(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    fet_auto(fet_graph) graph = random_graph(&rng, 30, NULL);
    CHECK_OK(fet_graph_compact(graph));
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", n);
        assert_string_equal(graph->nodes[n].name, name);
    }
}

static void cycles_and_long_chains(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = NULL;
    fet_id v = FET_NONE, node = FET_NONE, first = FET_NONE;
    fet_shape shape = fet_shape_1d(1);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &v));
    for (int i = 0; i < 50000; i++) { /* deeper than a stack of calls would like */
        CHECK_OK(fet_graph_add_node(graph, FET_OP_RELU, "r", &v, 1, 1, &node));
        if (i == 0) first = node;
        v = graph->nodes[node].outputs[0];
    }
    CHECK_OK(fet_graph_add_output(graph, v));
    for (fet_id a = 0, b = graph->n_nodes - 1; a < b; a++, b--) { /* backwards, the worst order */
        fet_node swap = graph->nodes[a];
        graph->nodes[a] = graph->nodes[b], graph->nodes[b] = swap;
        graph->values[graph->nodes[a].outputs[0]].node = a, graph->values[graph->nodes[b].outputs[0]].node = b;
    }
    CHECK_OK(fet_graph_compact(graph));
    check_consistent(graph);
    graph->nodes[first].inputs[0] = graph->outputs[0];
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_graph_compact(graph));
}

/* The list of readers against asking each node. */
static void uses(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    for (int round = 0; round < 50; round++) {
        fet_auto(fet_graph) graph = random_graph(&rng, 20, NULL);
        fet_auto(fet_arena) arena = NULL;
        fet_graph_uses u;
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(fet_graph_uses_create(graph, arena, &u));
        for (fet_id v = 0; v < graph->n_values; v++) {
            uint32_t at = u.first[v];
            for (fet_id n = 0; n < graph->n_nodes; n++)
                for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
                    if (graph->nodes[n].inputs[i] == v) assert_int_equal(u.nodes[at++], n);
            assert_int_equal(at, u.first[v + 1]);
        }
    }
}

static void adopting_values(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = NULL;
    fet_id x, y, node = FET_NONE;
    fet_shape shape = fet_shape_1d(2);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &x));
    CHECK_OK(fet_graph_add_value(graph, "y", FET_DTYPE_F32, &y));
    CHECK_OK(fet_graph_add_node_to(graph, FET_OP_MAX_POOL, "m", &x, 1, (fet_id[]){y, FET_NONE}, 2, &node));
    assert_int_equal(graph->values[y].node, node);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_graph_add_node_to(graph, FET_OP_RELU, "again", &x, 1, &y, 1, &node)); /* made twice */
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_graph_add_node_to(graph, FET_OP_RELU, "input", &x, 1, &x, 1, &node));
    fet_auto(fet_tensor) tensor = NULL;
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &shape, &tensor));
    CHECK_FAILS(FET_ERROR_STATE, fet_graph_make_constant(graph, y, tensor));
    fet_graph_remove_node(graph, graph->values[y].node);
    CHECK_OK(fet_graph_make_constant(graph, y, tensor));
    assert_ptr_equal(fet_graph_constant(graph, y), tensor);
    assert_null(fet_graph_constant(graph, x));
    assert_null(fet_graph_constant(graph, FET_NONE));
    assert_int_equal(fet_graph_find_value(graph, "y"), y);
    assert_int_equal(fet_graph_find_value(graph, "z"), FET_NONE);
    assert_int_equal(fet_graph_find_node(graph, "m"), FET_NONE); /* removed */
    fet_id many[FET_NODE_LIMIT_INPUTS + 1];
    for (int i = 0; i <= FET_NODE_LIMIT_INPUTS; i++) many[i] = x;
    CHECK_FAILS(FET_ERROR_LIMIT, fet_graph_add_node(graph, FET_OP_CONCAT, "wide", many, FET_NODE_LIMIT_INPUTS + 1, 1, &node));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONCAT, "wide", many, FET_NODE_LIMIT_INPUTS, 1, &node));
    CHECK_FAILS(FET_ERROR_LIMIT, fet_graph_set_inputs(graph, node, many, FET_NODE_LIMIT_INPUTS + 1));
    CHECK_OK(fet_graph_set_inputs(graph, node, many, 2));
    assert_int_equal(graph->nodes[node].n_inputs, 2);
    fet_shape negative = fet_shape_1d(-1);
    CHECK_FAILS(FET_ERROR_LIMIT, fet_graph_add_input(graph, "n", FET_DTYPE_F32, &negative, &x));
}

static fet_status everything(fet_graph **out_graph)
{
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_graph) copy = NULL;
    fet_auto(fet_tensor) tensor = NULL;
    fet_graph_uses u;
    fet_id x, w, node;
    fet_shape shape = fet_shape_1d(4);
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &shape, &tensor));
    FET_TRY(fet_graph_create(NULL, &graph));
    FET_TRY(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &x));
    FET_TRY(fet_graph_add_param(graph, "w", FET_DTYPE_F32, &shape, tensor, true, &w));
    for (int i = 0; i < 40; i++) {
        FET_TRY(fet_graph_add_node(graph, FET_OP_ADD, "add", (fet_id[]){x, w}, 2, 1, &node));
        FET_TRY(fet_graph_set_attr(graph, node, &(fet_attr){.key = FET_ATTR_VALUE, .type = FET_ATTR_TYPE_TENSOR, .tensor = tensor}));
        FET_TRY(fet_graph_set_string(graph, node, FET_ATTR_MODE, "linear"));
    }
    FET_TRY(fet_graph_add_output(graph, graph->nodes[node].outputs[0]));
    FET_TRY(fet_graph_copy(graph, NULL, 3, &copy));
    fet_graph_remove_node(copy, 3);
    FET_TRY(fet_graph_compact(copy));
    FET_TRY(fet_graph_uses_create(copy, copy->arena, &u));
    *out_graph = fet_take(copy);
    return FET_OK;
}

static void no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 0;; n++) {
        fet_graph *graph = NULL;
        fet_alloc_fail_after(n);
        fet_status status = everything(&graph);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        fet_graph_destroy(graph);
        if (status == FET_OK) {
            assert_true(n >= calls);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
        assert_null(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes),
        cmocka_unit_test(names),
        cmocka_unit_test(copies),
        cmocka_unit_test(origins_are_copied),
        cmocka_unit_test(compaction),
        cmocka_unit_test(compaction_is_stable),
        cmocka_unit_test(cycles_and_long_chains),
        cmocka_unit_test(uses),
        cmocka_unit_test(adopting_values),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
