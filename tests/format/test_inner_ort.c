// SPDX-License-Identifier: Apache-2.0
/*
 * Inside networks that others trained: tensors spread over the graph must hold what ONNX Runtime computes for them without optimisations,
 * within 1e-4 of the largest number, so that errors which the last layers even out are seen. The tensors are made additional outputs of
 * the file itself, and of our graph of the same file.
 */
#include "model.h"
#include "ort.h"

#include "engine/executor.h"
#include "format/onnx/onnx.h"

#include <glob.h>

static const double tolerance = 1e-4;

/* As in test_engine_ort: ONNX Runtime's sigmoid is good to 1e-7, but not to 1e-7 of a small result. */
static const double smallest_scale = 1e-2;

enum { INNER = 10, MAX_MODELS = 64, MAX_OUTPUTS = 32 };

typedef struct inspected {
    fet_graph *graph;
    uint32_t n_own, n_inner; /* outputs of the file; tensors that were added behind them */
} inspected;

static bool makes(const Onnx__GraphProto *graph, const char *name)
{
    for (size_t n = 0; n < graph->n_node; n++)
        for (size_t o = 0; o < graph->node[n]->n_output; o++)
            if (strcmp(graph->node[n]->output[o], name) == 0) return true;
    return false;
}

static bool is_output(const fet_graph *graph, fet_id value)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        if (graph->outputs[o] == value) return true;
    return false;
}

/* f32 tensors that a node of the file makes and a node of ours too, in the order of the graph. */
static fet_id *list_inner(const fet_graph *graph, const Onnx__GraphProto *file, uint32_t *out_n)
{
    fet_id *inner = malloc((graph->n_values + 1) * sizeof *inner);
    uint32_t n = 0;
    assert_non_null(inner);
    for (fet_id node = 0; node < graph->n_nodes; node++)
        for (uint32_t o = 0; o < graph->nodes[node].n_outputs; o++) {
            fet_id v = graph->nodes[node].outputs[o];
            const fet_value *value = &graph->values[v];
            if (value->dtype == FET_DTYPE_F32 && fet_shape_elements(&value->shape) > 0 && !is_output(graph, v) && makes(file, value->name))
                inner[n++] = v;
        }
    *out_n = n;
    return inner;
}

/* Adds the tensors to both and writes the file anew at `path`. */
static void add_inner(inspected *net, Onnx__ModelProto *proto, model *m, const char *path)
{
    uint32_t n = 0;
    fet_id *inner = list_inner(net->graph, proto->graph, &n);
    Onnx__GraphProto *file = proto->graph;
    Onnx__ValueInfoProto **own = file->output, *outputs[MAX_OUTPUTS];
    size_t n_own = file->n_output;
    net->n_own = net->graph->n_outputs;
    net->n_inner = n < INNER ? n : INNER;
    assert_true(n > 0 && n_own == net->n_own && n_own + INNER <= MAX_OUTPUTS);
    for (size_t o = 0; o < n_own; o++) outputs[o] = own[o];
    for (uint32_t i = 0; i < net->n_inner; i++) {
        /* The middle of each tenth. */
        fet_id value = inner[(2 * (uint64_t)i + 1) * n / (2 * (uint64_t)net->n_inner)];
        outputs[n_own + i] = model_info(m, net->graph->values[value].name, 1, NULL, 0);
        CHECK_OK(fet_graph_add_output(net->graph, value));
    }
    file->output = outputs, file->n_output = n_own + net->n_inner;
    size_t bytes = onnx__model_proto__get_packed_size(proto);
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    onnx__model_proto__pack(proto, data);
    CHECK_OK(fet_file_replace(path, data, bytes));
    file->output = own, file->n_output = n_own;
    free(data);
    free(inner);
}

static void prepare(inspected *net, const char *source, const char *path)
{
    void *data = NULL;
    size_t bytes = 0;
    model m;
    model_begin(&m, 13);
    CHECK_OK(fet_file_read(source, (size_t)1 << 30, &data, &bytes));
    Onnx__ModelProto *proto = onnx__model_proto__unpack(NULL, bytes, data);
    assert_non_null(proto);
    CHECK_OK(fet_onnx_read(source, NULL, &net->graph));
    add_inner(net, proto, &m, path);
    onnx__model_proto__free_unpacked(proto, NULL);
    fet_free(data);
    model_end(&m);
}

/* Runs the network in our engine; the largest difference over the tensors that were added. */
static double compare(const ort_jobs *jobs, const inspected *net, const char *prefix, const char *path)
{
    const fet_graph *graph = net->graph;
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = fet_executor_default_options();
    float *dst[MAX_OUTPUTS];
    double worst = 0;
    assert_true(graph->n_inputs == 1);
    options.precision = FET_DTYPE_F32;
    options.batch = graph->values[graph->inputs[0]].shape.dim[0];
    fet_status status = fet_executor_create(graph, &options, &executor);
    if (status != FET_OK) fail_msg("%s: %s", path, fet_error_message());
    fet_auto(fet_tensor) in = ort_input(graph, 0, 1);
    const float *src[1] = {fet_tensor_f32(in)};
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        dst[o] = malloc((size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape) * sizeof **dst);
    CHECK_OK(fet_executor_run(executor, src, dst));
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        const fet_value *value = &graph->values[graph->outputs[o]];
        int64_t elements = fet_shape_elements(&value->shape);
        float *want = ort_output(jobs, prefix, o, (size_t)elements * sizeof *want);
        double difference = ort_difference(dst[o], want, smallest_scale, elements);
        if (!(difference <= tolerance))
            fail_msg("%s, %s %s: off by %.3g of the largest", path, o < net->n_own ? "output" : "inner tensor", value->name, difference);
        if (o >= net->n_own && difference > worst) worst = difference;
        fet_free(want);
        free(dst[o]);
    }
    return worst;
}

static void inner_tensors(void **state)
{
    (void)state;
    static inspected nets[MAX_MODELS];
    char pattern[1100], prefix[16], file[32], path[256];
    ort_jobs jobs;
    glob_t found;
    uint32_t total = 0;
    snprintf(pattern, sizeof pattern, "%s/*/*.onnx", check_shared("models"));
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc <= MAX_MODELS);
    ort_begin(&jobs);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        snprintf(prefix, sizeof prefix, "m%zu_", i);
        snprintf(file, sizeof file, "m%zu.onnx", i);
        ort_path(&jobs, file, path);
        prepare(&nets[i], found.gl_pathv[i], path);
        ort_add(&jobs, path, prefix, nets[i].graph, 1);
    }
    ort_run(&jobs);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        snprintf(prefix, sizeof prefix, "m%zu_", i);
        const char *name = found.gl_pathv[i] + strlen(pattern) - strlen("*/*.onnx");
        double difference = compare(&jobs, &nets[i], prefix, name);
        print_message("%s: %u inner tensors, within %.2g\n", name, nets[i].n_inner, difference);
        total += nets[i].n_inner;
        fet_graph_destroy(nets[i].graph);
    }
    print_message("%u inner tensors of %zu networks\n", total, found.gl_pathc);
    globfree(&found);
    ort_end(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(inner_tensors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
