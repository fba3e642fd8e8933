// SPDX-License-Identifier: Apache-2.0
/* The ONNX reader and writer: every form of every operator through read, write and read again; symbolic sizes; and that bad files are
 * refused by name. */
#include "cases.h"
#include "same_graph.h"

#include "base/file.h"
#include "format/onnx/onnx.h"
#include "op/builder.h"
#include "op/op.h"

#include <dirent.h>
#include <unistd.h>

static fet_status read_model(model *m, const fet_onnx_options *options, fet_graph **out_graph)
{
    size_t bytes = 0;
    const void *data = model_pack(m, &bytes);
    return fet_onnx_read_buffer(data, bytes, "test.onnx", options, out_graph);
}

/* read -> write at `opset` -> read gives the same; for an opset that lacks an operator, from the second time on. */
static void round_trip(const fet_graph *graph, int64_t opset, bool same_at_once, const fet_onnx_options *options)
{
    fet_auto(fet_graph) again = NULL;
    fet_auto(fet_graph) third = NULL;
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_onnx_write_buffer(graph, opset, &data, &bytes));
    CHECK_OK(fet_onnx_read_buffer(data, bytes, "again.onnx", options, &again));
    fet_free(data);
    if (same_at_once) same_graph(graph, again);
    CHECK_OK(fet_onnx_write_buffer(again, opset, &data, &bytes));
    CHECK_OK(fet_onnx_read_buffer(data, bytes, "third.onnx", options, &third));
    fet_free(data);
    same_graph(again, third);
}

static void every_form(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODEL_CASES; i++) {
        const model_case *c = &model_cases[i];
        for (int64_t opset = c->opset_low; opset <= c->opset_high; opset++) {
            model m;
            fet_auto(fet_graph) graph = NULL;
            model_begin(&m, opset);
            c->build(&m);
            fet_status status = read_model(&m, NULL, &graph);
            if (status != FET_OK) fail_msg("%s, opset %d: %s", c->name, (int)opset, fet_error_message());
            assert_int_equal(graph->n_inputs, 1);
            assert_int_equal(graph->n_outputs, m.graph.n_output);
            for (uint32_t o = 0; o < graph->n_outputs; o++)
                assert_string_equal(graph->values[graph->outputs[o]].name, m.graph.output[o]->name);
            bool young = strcmp(c->name, "layer_norm") == 0;
            for (int64_t written = 13; written <= 18; written += 5) round_trip(graph, written, !young || written >= 17, NULL);
            model_end(&m);
        }
    }
}

/* What was normalised has the form of opset 13. */
static void normal_forms(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fet_op_kind op;
        uint32_t n_inputs, n_attrs;
    } forms[] = {
        {"clip_attr", FET_OP_CLIP, 3, 0},   {"squeeze_attr", FET_OP_SQUEEZE, 2, 0}, {"split_attr", FET_OP_SPLIT, 2, 1},
        {"slice_attr", FET_OP_SLICE, 4, 0}, {"pad_attr", FET_OP_PAD, 3, 0},         {"upsample", FET_OP_RESIZE, 3, 3},
    };
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
        for (int i = 0; i < N_MODEL_CASES; i++) {
            if (strcmp(model_cases[i].name, forms[f].name) != 0) continue;
            model m;
            fet_auto(fet_graph) graph = NULL;
            model_begin(&m, model_cases[i].opset_low);
            model_cases[i].build(&m);
            CHECK_OK(read_model(&m, NULL, &graph));
            assert_int_equal(graph->nodes[0].op, forms[f].op);
            assert_int_equal(graph->nodes[0].n_inputs, forms[f].n_inputs);
            assert_int_equal(graph->nodes[0].n_attrs, forms[f].n_attrs);
            model_end(&m);
        }
}

static void gates_become_activations(void **state)
{
    (void)state;
    static const fet_op_kind want[] = {FET_OP_SWISH,   FET_OP_HARD_SWISH, FET_OP_HARD_SIGMOID, FET_OP_MUL,
                                       FET_OP_SIGMOID, FET_OP_MUL,        FET_OP_SIGMOID,      FET_OP_MUL};
    model m;
    fet_auto(fet_graph) graph = NULL;
    model_begin(&m, 13);
    case_gates(&m);
    CHECK_OK(read_model(&m, NULL, &graph));
    assert_int_equal(graph->n_nodes, sizeof want / sizeof *want);
    for (fet_id n = 0; n < graph->n_nodes; n++) assert_int_equal(graph->nodes[n].op, want[n]);
    model_end(&m);
}

static void shared_models(void **state)
{
    (void)state;
    static const char *const folders[] = {"models", "models/onnx-light"};
    fet_onnx_options options = fet_onnx_default_options();
    options.fold_limit_bytes = (size_t)48 << 20; /* the giants keep their ConstantOfShape, the others get weights */
    uint32_t count = 0;
    for (int f = 0; f < 2; f++) {
        char folder[1024], path[2048];
        snprintf(folder, sizeof folder, "%s", check_shared(folders[f]));
        DIR *dir = opendir(folder);
        assert_non_null(dir);
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            snprintf(path, sizeof path, f == 0 ? "%s/%s/model.onnx" : "%s/%s", folder, entry->d_name);
            if (!strstr(path, ".onnx") || !fet_file_exists(path)) continue;
            fet_auto(fet_graph) graph = NULL;
            CHECK_OK(fet_onnx_read(path, &options, &graph));
            bool whole = true; /* a giant that was not folded whole would be folded further the next time */
            for (fet_id n = 0; n < graph->n_nodes; n++) whole &= graph->nodes[n].op != FET_OP_CONSTANT_OF_SHAPE;
            if (whole) round_trip(graph, 13, true, &options), count++;
            CHECK_OK(fet_graph_set_batch(graph, 3));
            assert_int_equal(graph->values[graph->inputs[0]].shape.dim[0], 3);
        }
        closedir(dir);
    }
    print_message("%u files through read, write, read\n", count);
    assert_true(count >= 15);
}

static void symbolic_sizes(void **state)
{
    (void)state;
    model m;
    fet_auto(fet_graph) graph = NULL;
    model_begin(&m, 13);
    model_input(&m, "x", MODEL_DIMS(-1, 3, -2, -2));
    model_node(&m, "Relu", "x", "y");
    model_output(&m, "y", 1);
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, read_model(&m, NULL, &graph));
    if (!strstr(fet_error_message(), "height=SIZE")) fail_msg("%s", fet_error_message());
    fet_onnx_binding height = {"height", fet_shape_1d(17)};
    fet_onnx_options options = fet_onnx_default_options();
    options.bindings = &height, options.n_bindings = 1;
    CHECK_OK(read_model(&m, &options, &graph));
    fet_shape want = fet_shape_4d(1, 3, 17, 17);
    assert_true(fet_shape_equal(&graph->values[graph->outputs[0]].shape, &want));
    fet_graph_destroy(fet_take(graph));

    fet_onnx_binding whole[2] = {{"x", fet_shape_4d(4, 3, 5, 6)}, {"batch", fet_shape_1d(9)}};
    options.bindings = whole, options.n_bindings = 2;
    CHECK_OK(read_model(&m, &options, &graph));
    want = whole[0].shape;
    assert_true(fet_shape_equal(&graph->values[graph->outputs[0]].shape, &want));
    fet_graph_destroy(fet_take(graph));

    whole[0].shape = fet_shape_2d(4, 3);
    CHECK_FAILS(FET_ERROR_ARG, read_model(&m, &options, &graph));
    options.n_bindings = 0, options.batch = 0;
    CHECK_FAILS(FET_ERROR_ARG, read_model(&m, &options, &graph));
    model_end(&m);
}

/* --- bad files --- */
static void bad_operator(model *m)
{
    model_node(m, "TopK", "x", "y")->name = model_text(m, "top");
}
static void bad_domain(model *m)
{
    model_node(m, "Relu", "x", "y")->domain = model_text(m, "com.microsoft");
}
static void bad_old(model *m)
{
    m->opset.version = 6;
    model_node(m, "Relu", "x", "y");
}
static void bad_new(model *m)
{
    m->opset.version = 99;
    model_node(m, "Relu", "x", "y");
}
static void bad_external(model *m)
{
    float value = 1;
    Onnx__TensorProto *t = model_tensor(m, "w", 1, NULL, 0, &value, 4);
    Onnx__StringStringEntryProto *entry = model_room(m, sizeof *entry);
    onnx__string_string_entry_proto__init(entry);
    entry->key = model_text(m, "location"), entry->value = model_text(m, "weights.bin");
    t->has_raw_data = 0, t->has_data_location = 1, t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    t->n_external_data = 1, t->external_data = model_room(m, sizeof entry), t->external_data[0] = entry;
    model_initializer(m, t);
    model_node(m, "Mul", "x,w", "y");
}
static void bad_bytes(model *m)
{
    float value[3] = {1, 2, 3};
    int64_t dims[1] = {4};
    model_initializer(m, model_tensor(m, "w", 1, dims, 1, value, sizeof value));
    model_node(m, "Mul", "x,w", "y");
}
static void bad_huge(model *m)
{
    float value = 1;
    int64_t dims[3] = {1 << 30, 1 << 30, 1 << 30};
    model_initializer(m, model_tensor(m, "w", 1, dims, 3, &value, 4));
    model_node(m, "Mul", "x,w", "y");
}
static void bad_type(model *m)
{
    int64_t dims[1] = {1};
    model_initializer(m, model_tensor(m, "w", 8, dims, 1, "text", 4));
    model_node(m, "Mul", "x,w", "y");
}
static void bad_unknown_input(model *m)
{
    model_node(m, "Add", "x,nowhere", "y");
}
static void bad_cycle(model *m)
{
    model_node(m, "Add", "x,b", "a");
    model_node(m, "Relu", "a", "b");
    model_node(m, "Relu", "b", "y");
}
static void bad_twice(model *m)
{
    model_node(m, "Relu", "x", "y");
    model_node(m, "Tanh", "x", "y");
}
static void bad_output(model *m)
{
    model_node(m, "Relu", "x", "z");
}
static void bad_shape(model *m)
{
    model_ints(m, "target", MODEL_DIMS(7, -1));
    model_node(m, "Reshape", "x,target", "y")->name = model_text(m, "view");
}
static void bad_computed_target(model *m)
{
    Onnx__NodeProto *n = model_node(m, "Cast", "x", "target");
    attr_int(m, n, "to", 7);
    model_node(m, "Reshape", "x,target", "y");
}
static void bad_training(model *m)
{
    int64_t dims[1] = {3};
    const char *names[4] = {"s", "b", "mean", "var"};
    for (int i = 0; i < 4; i++) model_weights(m, names[i], true, dims, 1);
    Onnx__NodeProto *n = model_node(m, "BatchNormalization", "x,s,b,mean,var", "y");
    attr_int(m, n, "training_mode", 1);
}
static void bad_subgraph(model *m)
{
    Onnx__NodeProto *n = model_node(m, "Relu", "x", "y");
    Onnx__AttributeProto *attr = model_attr(m, n, "body", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
    attr->g = model_room(m, sizeof *attr->g);
    onnx__graph_proto__init(attr->g);
}
static void bad_input_type(model *m)
{
    m->graph.input[0]->type->tensor_type->elem_type = 8;
    model_node(m, "Relu", "x", "y");
}
static void bad_rank(model *m)
{
    model_input(m, "deep", MODEL_DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1));
    model_node(m, "Relu", "deep", "y");
}
static void bad_arity(model *m)
{
    model_node(m, "Add", "x", "y");
}

static const struct {
    void (*build)(model *);
    fet_status status;
    const char *says[4];
} bad_files[] = {
    {bad_operator, FET_ERROR_UNSUPPORTED, {"test.onnx", "\"top\"", "TopK (opset 13)", "ArgMax"}},
    {bad_domain, FET_ERROR_UNSUPPORTED, {"test.onnx", "com.microsoft.Relu", "\"y\"", "ai.onnx"}},
    {bad_old, FET_ERROR_UNSUPPORTED, {"test.onnx", "opset 6", "7 to 18", "version_converter"}},
    {bad_new, FET_ERROR_UNSUPPORTED, {"test.onnx", "opset 99", "7 to 18", ""}},
    {bad_external, FET_ERROR_UNSUPPORTED, {"test.onnx", "\"w\"", "weights.bin", ""}},
    {bad_bytes, FET_ERROR_CORRUPT, {"test.onnx", "\"w\"", "12 bytes", "expected 16"}},
    {bad_huge, FET_ERROR_LIMIT, {"test.onnx", "\"w\"", "", ""}},
    {bad_type, FET_ERROR_UNSUPPORTED, {"test.onnx", "\"w\"", "string", ""}},
    {bad_unknown_input, FET_ERROR_CORRUPT, {"test.onnx", "\"nowhere\"", "", ""}},
    {bad_cycle, FET_ERROR_CORRUPT, {"test.onnx", "itself", "", ""}},
    {bad_twice, FET_ERROR_CORRUPT, {"test.onnx", "\"y\"", "twice", ""}},
    {bad_output, FET_ERROR_CORRUPT, {"test.onnx", "\"y\"", "output", ""}},
    {bad_shape, FET_ERROR_SHAPE, {"test.onnx", "\"view\"", "Reshape", "1x3x4x5"}},
    {bad_computed_target, FET_ERROR_UNSUPPORTED, {"test.onnx", "Reshape", "\"target\"", "constant"}},
    {bad_training, FET_ERROR_UNSUPPORTED, {"test.onnx", "BatchNormalization", "evaluation", ""}},
    {bad_subgraph, FET_ERROR_UNSUPPORTED, {"test.onnx", "\"y\"", "body", ""}},
    {bad_input_type, FET_ERROR_UNSUPPORTED, {"test.onnx", "\"x\"", "string", ""}},
    {bad_rank, FET_ERROR_LIMIT, {"test.onnx", "\"deep\"", "rank 9", ""}},
    {bad_arity, FET_ERROR_ARG, {"test.onnx", "Add", "1 inputs", "expected 2"}},
};

static void bad_files_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        model m;
        fet_graph *graph = NULL;
        model_begin(&m, 13);
        model_input(&m, "x", MODEL_DIMS(1, 3, 4, 5));
        model_output(&m, "y", 1);
        bad_files[i].build(&m);
        CHECK_FAILS(bad_files[i].status, read_model(&m, NULL, &graph));
        assert_null(graph);
        for (int s = 0; s < 4; s++)
            if (!strstr(fet_error_message(), bad_files[i].says[s]))
                fail_msg("\"%s\" does not say \"%s\"", fet_error_message(), bad_files[i].says[s]);
        model_end(&m);
    }
}

static void unknown_attributes_are_kept(void **state)
{
    (void)state;
    model m;
    fet_auto(fet_graph) graph = NULL;
    model_begin(&m, 13);
    model_input(&m, "x", MODEL_DIMS(2, 3));
    Onnx__NodeProto *n = model_node(&m, "Relu", "x", "y");
    attr_int(&m, n, "fancy", 42), attr_text(&m, n, "note", "hello"), attr_floats(&m, n, "many", (float[]){1, 2}, 2);
    model_output(&m, "y", 1);
    CHECK_OK(read_model(&m, NULL, &graph));
    assert_int_equal(graph->nodes[0].n_attrs, 3);
    assert_string_equal(graph->nodes[0].attrs[1].string, "hello");
    round_trip(graph, 13, true, NULL);
    model_end(&m);
}

/* Files cut at many places, and thousands of damaged ones: an error with a message, or a graph that verifies; never a crash. */
static void cut_and_damaged(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int i = 0; i < N_MODEL_CASES; i++) {
        model m;
        size_t bytes = 0;
        model_begin(&m, model_cases[i].opset_high);
        model_cases[i].build(&m);
        const uint8_t *data = model_pack(&m, &bytes);
        for (size_t cut = 0; cut < bytes; cut += 1 + bytes / 200) {
            fet_graph *graph = NULL;
            fet_error_clear();
            if (fet_onnx_read_buffer(data, cut, "cut.onnx", NULL, &graph) != FET_OK) assert_true(fet_error_message()[0]);
            fet_graph_destroy(graph);
        }
        for (int round = 0; round < 80; round++) {
            fet_graph *graph = NULL;
            uint8_t *copy = model_room(&m, bytes);
            memcpy(copy, data, bytes);
            for (uint32_t k = 0; k <= fet_rng_below(&rng, 3); k++) copy[fet_rng_below(&rng, (uint32_t)bytes)] = (uint8_t)fet_rng_u32(&rng);
            if (fet_onnx_read_buffer(copy, bytes, "damaged.onnx", NULL, &graph) == FET_OK) CHECK_OK(fet_graph_verify(graph));
            fet_graph_destroy(graph);
        }
        model_end(&m);
    }
    fet_graph *graph = NULL;
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_onnx_read_buffer("", 0, "empty.onnx", NULL, &graph));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_onnx_read_buffer("<html>not found</html>", 22, "page.onnx", NULL, &graph));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_onnx_read("/nowhere/model.onnx", NULL, &graph));
}

/* One message inside another, `depth` times: graph > node > attribute > graph > ... */
static void nested_and_repeated(void **state)
{
    (void)state;
    enum { DEPTH = 20000 };
    static const uint8_t tags[3] = {1 << 3 | 2, 5 << 3 | 2, 6 << 3 | 2};
    size_t room = DEPTH * 6 + 16, at = room;
    uint8_t *bytes = malloc(room);
    for (int d = DEPTH; d >= 0; d--) {
        size_t inside = room - at;
        uint8_t varint[5];
        int n = 0;
        for (; inside >= 128; inside >>= 7) varint[n++] = (uint8_t)(inside | 128);
        varint[n++] = (uint8_t)inside;
        at -= (size_t)n;
        memcpy(bytes + at, varint, (size_t)n);
        bytes[--at] = d == 0 ? (7 << 3 | 2) : tags[(d - 1) % 3];
        if (at < 8) break;
    }
    fet_graph *graph = NULL;
    CHECK_FAILS(FET_ERROR_LIMIT, fet_onnx_read_buffer(bytes + at, room - at, "deep.onnx", NULL, &graph));
    /* The graph twice: protobuf would merge them, in time that grows with the square. */
    const uint8_t twice[] = {7 << 3 | 2, 0, 7 << 3 | 2, 0};
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_onnx_read_buffer(twice, sizeof twice, "twice.onnx", NULL, &graph));
    free(bytes);
}

static fet_graph *trained_network(void)
{
    fet_graph *graph = NULL;
    fet_shape src = fet_shape_4d(1, 3, 8, 8);
    fet_id v = FET_NONE;
    fet_rng rng;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &src, &v));
    CHECK_OK(fet_build_conv(graph, "stem", v, &(fet_conv_options){.out_channels = 4, .kernel = 3}, &v));
    CHECK_OK(fet_build_batch_norm(graph, "stem.bn", v, &v));
    CHECK_OK(fet_build_relu6(graph, "stem.relu", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_FLATTEN, "flatten", v, &v));
    CHECK_OK(fet_build_gemm(graph, "logits", v, 10, &v));
    CHECK_OK(fet_graph_add_output(graph, v));
    for (fet_id p = 0; p < graph->n_params; p++) {
        if (graph->params[p].tensor) continue;
        fet_auto(fet_tensor) tensor = NULL;
        CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &graph->values[graph->params[p].value].shape, &tensor));
        for (int64_t i = 0; i < fet_tensor_elements(tensor); i++) fet_tensor_f32(tensor)[i] = (float)fet_rng_normal(&rng);
        fet_graph_set_tensor(graph, p, tensor);
    }
    return graph;
}

static void own_networks(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = trained_network();
    fet_auto(fet_graph) again = NULL;
    char path[64] = "/tmp/fettle-onnx-XXXXXX";
    assert_non_null(mkdtemp(path));
    char file[96];
    snprintf(file, sizeof file, "%s/net.onnx", path);
    CHECK_OK(fet_onnx_write(graph, file, FET_ONNX_OPSET_WRITTEN));
    CHECK_OK(fet_onnx_read(file, NULL, &again));
    assert_int_equal(again->n_nodes, graph->n_nodes);
    assert_int_equal(fet_graph_hash(again), fet_graph_hash(graph));
    for (fet_id p = 0; p < graph->n_params; p++) {
        fet_id v = fet_graph_find_value(again, graph->values[graph->params[p].value].name);
        assert_int_not_equal(v, FET_NONE);
        same_tensor(graph->params[p].tensor, fet_graph_constant(again, v));
        assert_int_equal(graph->params[p].trainable, again->params[again->values[v].param].trainable);
    }
    /* Nothing else lies beside the file, and a folder that is not there is named. */
    unlink(file);
    assert_int_equal(rmdir(path), 0);
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_onnx_write(graph, file, 13));
    if (!strstr(fet_error_message(), file)) fail_msg("%s", fet_error_message());
    void *data = NULL;
    size_t bytes = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_onnx_write_buffer(graph, 12, &data, &bytes));
    graph->params[0].tensor->references++; /* keep it while the graph lets go */
    fet_tensor *kept = graph->params[0].tensor;
    fet_graph_set_tensor(graph, 0, NULL);
    CHECK_FAILS(FET_ERROR_STATE, fet_onnx_write_buffer(graph, 13, &data, &bytes));
    if (!strstr(fet_error_message(), "stem.weight")) fail_msg("%s", fet_error_message());
    fet_tensor_release(kept);
}

/* Ids may carry the same name, or none; a file may not. Outputs that are inputs or parameters, or stand twice, go through Identity. */
static void names_become_unique(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_graph) again = NULL;
    fet_shape src = fet_shape_2d(1, 4);
    fet_id x, a, b, c;
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &src, &x));
    CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "same", x, &a));
    CHECK_OK(fet_build_unary(graph, FET_OP_TANH, "same", a, &b));
    CHECK_OK(fet_build_unary(graph, FET_OP_EXP, "", b, &c));
    CHECK_OK(fet_graph_add_output(graph, c));
    CHECK_OK(fet_graph_add_output(graph, x));
    CHECK_OK(fet_graph_add_output(graph, c));
    CHECK_OK(fet_onnx_write_buffer(graph, 13, &data, &bytes));
    CHECK_OK(fet_onnx_read_buffer(data, bytes, "names.onnx", NULL, &again));
    fet_free(data);
    assert_int_equal(again->n_nodes, 5);
    assert_int_equal(again->n_outputs, 3);
    assert_string_equal(again->values[again->inputs[0]].name, "x");
}

static void no_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) source = trained_network();
    model m;
    size_t bytes = 0;
    model_begin(&m, 9);
    case_computed_weights(&m);
    const void *data = model_pack(&m, &bytes);
    for (uint64_t n = 0;; n++) {
        fet_graph *graph = NULL;
        fet_error_clear();
        fet_alloc_fail_after(n);
        fet_status status = fet_onnx_read_buffer(data, bytes, "test.onnx", NULL, &graph);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        fet_graph_destroy(graph);
        if (status == FET_OK) {
            assert_true(n >= calls);
            break;
        }
        assert_true(fet_error_message()[0]);
        assert_true(status == FET_ERROR_NOMEM || status == FET_ERROR_CORRUPT); /* protobuf-c does not tell one from the other */
        assert_null(graph);
    }
    model_end(&m);
    for (uint64_t n = 0;; n++) {
        void *out = NULL;
        size_t out_bytes = 0;
        fet_alloc_fail_after(n);
        fet_status status = fet_onnx_write_buffer(source, 13, &out, &out_bytes);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        fet_free(out);
        if (status == FET_OK) {
            assert_true(n >= calls);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form),
        cmocka_unit_test(normal_forms),
        cmocka_unit_test(gates_become_activations),
        cmocka_unit_test(shared_models),
        cmocka_unit_test(symbolic_sizes),
        cmocka_unit_test(bad_files_are_refused_by_name),
        cmocka_unit_test(unknown_attributes_are_kept),
        cmocka_unit_test(cut_and_damaged),
        cmocka_unit_test(nested_and_repeated),
        cmocka_unit_test(own_networks),
        cmocka_unit_test(names_become_unique),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
