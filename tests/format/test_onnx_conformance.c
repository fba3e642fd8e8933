// SPDX-License-Identifier: Apache-2.0
/*
 * ONNX's own test cases (Debian's libonnx-testdata): one operator each, with inputs and the outputs they must give. Each is read in two
 * ways. With every input made a constant, folding must give the right numbers or leave the node. With all but the first made constants,
 * inference must give the right shapes and our engine the right numbers. What we do not support must say so; how many cases come through is
 * checked, so that this cannot pass by refusing everything.
 */
#include "check.h"

#include "base/file.h"
#include "engine/executor.h"
#include "format/onnx/onnx.h"
#include "format/onnx/wire.h"
#include "op/op.h"

#include <dirent.h>
#include <math.h>
#include <string.h>

static const char *const root = "/usr/share/libonnx-testdata/data/node";
enum { MAX_VALUES = 16 };

/* ONNX compares with rtol 1e-3 and atol 1e-7; ours is relative to the largest number, which is stricter for all but tiny ones. */
static const double tolerance = 1e-5;
/* Results of 16 bits are rounded by ONNX, and not by our engine. */
static const double tolerance_half = 4e-3;

/* Cases that we read and answer differently, each for a reason. */
static const struct {
    const char *name, *why;
} exceptions[] = {
    {"test_resize_downsample_scales_cubic_align_corners", "ONNX 1.12 took the length before rounding; ONNX Runtime and later ONNX do not"},
    {"test_resize_downsample_scales_linear_align_corners", "the same"},
    {"test_split_zero_size_splits", "an input of size 0; a first dimension of 0 is read as open, as old exporters write it"},
};

typedef struct example {
    Onnx__ModelProto *model;
    Onnx__TensorProto *inputs[MAX_VALUES], *outputs[MAX_VALUES];
    uint32_t n_inputs, n_outputs;
} example;

static Onnx__TensorProto *read_tensor(const char *folder, const char *kind, uint32_t i)
{
    char path[768];
    void *data = NULL;
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%u.pb", folder, kind, i);
    if (!fet_file_exists(path)) return NULL;
    CHECK_OK(fet_file_read(path, (size_t)64 << 20, &data, &bytes));
    Onnx__TensorProto *tensor = onnx__tensor_proto__unpack(NULL, bytes, data);
    fet_free(data);
    return tensor;
}

/* false when it is no case of plain tensors. */
static bool load(const char *folder, example *e)
{
    char path[768];
    void *data = NULL;
    size_t bytes = 0;
    memset(e, 0, sizeof *e);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (fet_file_read(path, (size_t)64 << 20, &data, &bytes) != FET_OK) return false;
    e->model = onnx__model_proto__unpack(NULL, bytes, data);
    fet_free(data);
    if (!e->model || e->model->graph->n_input > MAX_VALUES || e->model->graph->n_output > MAX_VALUES) return false;
    for (; e->n_inputs < e->model->graph->n_input; e->n_inputs++)
        if (!(e->inputs[e->n_inputs] = read_tensor(folder, "input", e->n_inputs))) return false;
    for (; e->n_outputs < e->model->graph->n_output; e->n_outputs++)
        if (!(e->outputs[e->n_outputs] = read_tensor(folder, "output", e->n_outputs))) return false;
    return true;
}

static void unload(example *e)
{
    for (uint32_t i = 0; i < MAX_VALUES; i++) {
        if (e->inputs[i]) onnx__tensor_proto__free_unpacked(e->inputs[i], NULL);
        if (e->outputs[i]) onnx__tensor_proto__free_unpacked(e->outputs[i], NULL);
    }
    if (e->model) onnx__model_proto__free_unpacked(e->model, NULL);
}

/* A bfloat16 is stored in the data files as a uint16; the model says what it is. (Results of that type were truncated by ONNX 1.12, not
 * rounded.) */
static void name_bfloats(const Onnx__ValueInfoProto *info, Onnx__TensorProto *tensor)
{
    bool bfloat = info->type && info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && info->type->tensor_type->elem_type == 16;
    if (bfloat && tensor->data_type == 4) tensor->data_type = 16;
}

/*
 * A case says the opset in which its operator got its present form, which may be 1 or 6; the same file is right as opset 7, the lowest that
 * we read.
 */
static void prepare(example *e)
{
    for (uint32_t i = 0; i < e->n_inputs; i++) name_bfloats(e->model->graph->input[i], e->inputs[i]);
    for (size_t i = 0; i < e->model->n_opset_import; i++)
        if (e->model->opset_import[i]->version < FET_ONNX_OPSET_LOWEST) e->model->opset_import[i]->version = FET_ONNX_OPSET_LOWEST;
}

/* Reads the model with inputs first .. as initializers. */
static fet_status read_with_constants(example *e, uint32_t first, fet_graph **out_graph)
{
    Onnx__GraphProto *graph = e->model->graph;
    Onnx__TensorProto *list[MAX_VALUES];
    char *names[MAX_VALUES];
    size_t n = 0, n_old = graph->n_initializer;
    Onnx__TensorProto **old = graph->initializer;
    if (n_old > 0) return fet_fail(FET_ERROR_UNSUPPORTED, "the case has initializers of its own");
    for (uint32_t i = first; i < e->n_inputs; i++) {
        names[n] = e->inputs[i]->name;
        e->inputs[i]->name = graph->input[i]->name;
        list[n++] = e->inputs[i];
    }
    graph->initializer = list, graph->n_initializer = n;
    size_t bytes = onnx__model_proto__get_packed_size(e->model);
    uint8_t *data = malloc(bytes);
    onnx__model_proto__pack(e->model, data);
    graph->initializer = old, graph->n_initializer = n_old;
    for (size_t i = 0; i < n; i++) list[i]->name = names[i];
    fet_status status = fet_onnx_read_buffer(data, bytes, "case.onnx", NULL, out_graph);
    free(data);
    return status;
}

static bool same_numbers(const fet_tensor *is, const fet_tensor *want)
{
    if (is->dtype != want->dtype || !fet_shape_equal(&is->shape, &want->shape)) return false;
    if (is->dtype != FET_DTYPE_F32) return memcmp(is->data, want->data, want->bytes) == 0;
    double largest = 1e-6;
    int64_t n = fet_tensor_elements(want);
    for (int64_t i = 0; i < n; i++)
        if (isfinite(fet_tensor_f32(want)[i])) largest = fmax(largest, fabs((double)fet_tensor_f32(want)[i]));
    for (int64_t i = 0; i < n; i++) {
        float a = fet_tensor_f32(is)[i], b = fet_tensor_f32(want)[i];
        if (!(a == b || (isnan(a) && isnan(b)) || fabs((double)a - (double)b) <= tolerance * largest)) return false;
    }
    return true;
}

/* Every output that became a constant has the right numbers. Gives how many did. */
static uint32_t check_folded(example *e, const char *name)
{
    fet_auto(fet_graph) graph = NULL;
    uint32_t folded = 0;
    if (read_with_constants(e, 0, &graph) != FET_OK) return 0;
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        fet_auto(fet_tensor) want = NULL;
        const fet_tensor *is = fet_graph_constant(graph, graph->outputs[o]);
        if (!is || fet_onnx_tensor(e->outputs[o], name, &want) != FET_OK) continue;
        if (!same_numbers(is, want)) fail_msg("%s: output %u was folded to other numbers", name, o);
        folded++;
    }
    return folded;
}

static double number(const fet_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case FET_DTYPE_F32: return (double)((const float *)t->data)[i];
    case FET_DTYPE_F64: return ((const double *)t->data)[i];
    case FET_DTYPE_F16: return (double)fet_f32_from_f16(((const uint16_t *)t->data)[i]);
    case FET_DTYPE_BF16: return (double)fet_f32_from_bf16(((const uint16_t *)t->data)[i]);
    case FET_DTYPE_S8: return ((const int8_t *)t->data)[i];
    case FET_DTYPE_S16: return ((const int16_t *)t->data)[i];
    case FET_DTYPE_S32: return ((const int32_t *)t->data)[i];
    case FET_DTYPE_S64: return (double)((const int64_t *)t->data)[i];
    case FET_DTYPE_U8:
    case FET_DTYPE_BOOL: return ((const uint8_t *)t->data)[i];
    default: return (double)NAN;
    }
}

/* The engine computes in f32 whatever the type is called; so every number of `want` must come out, to the digits that both types have. */
static bool same_as_f32(const fet_tensor *f32, const fet_tensor *want)
{
    bool half = want->dtype == FET_DTYPE_F16 || want->dtype == FET_DTYPE_BF16;
    double largest = 1e-6, share = half ? tolerance_half : tolerance;
    int64_t n = fet_tensor_elements(want);
    for (int64_t i = 0; i < n; i++)
        if (isfinite(number(want, i))) largest = fmax(largest, fabs(number(want, i)));
    for (int64_t i = 0; i < n; i++) {
        double a = (double)fet_tensor_f32(f32)[i], b = number(want, i);
        if (!(a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= share * largest)) return false;
    }
    return true;
}

/* 0 refused, 1 shapes are right, 2 the engine's numbers are right too. */
static int check_run(example *e, const char *name)
{
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_executor) executor = NULL;
    fet_tensor *in = NULL, *want[MAX_VALUES] = {NULL}, *is[MAX_VALUES] = {NULL};
    fet_status status = read_with_constants(e, 1, &graph);
    if (status != FET_OK) {
        if (status != FET_ERROR_UNSUPPORTED && status != FET_ERROR_LIMIT) fail_msg("%s: %s", name, fet_error_message());
        return 0;
    }
    bool one = graph->n_inputs == 1;
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        const fet_value *value = &graph->values[graph->outputs[o]];
        if (fet_onnx_tensor(e->outputs[o], name, &want[o]) != FET_OK) return 0; /* a type that we do not have */
        if (value->dtype != want[o]->dtype || !fet_shape_equal(&value->shape, &want[o]->shape)) {
            char a[FET_SHAPE_TEXT_BYTES], b[FET_SHAPE_TEXT_BYTES];
            fail_msg("%s: output %u is inferred as %s %s, expected %s %s", name, o, fet_dtype_name(value->dtype),
                     fet_shape_print(&value->shape, a, sizeof a), fet_dtype_name(want[o]->dtype),
                     fet_shape_print(&want[o]->shape, b, sizeof b));
        }
    }
    int result = 1;
    fet_executor_options options = fet_executor_default_options();
    options.precision = FET_DTYPE_F32;
    options.batch = one && graph->values[graph->inputs[0]].shape.rank ? graph->values[graph->inputs[0]].shape.dim[0] : 0;
    fet_auto(fet_tensor) typed = NULL;
    bool readable = e->n_inputs > 0 && fet_onnx_tensor(e->inputs[0], name, &typed) == FET_OK; /* not the 16 bits of a bfloat as uint16 */
    if (readable && options.batch > 0 && fet_executor_create(graph, &options, &executor) == FET_OK) {
        float *dst[MAX_VALUES];
        CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &typed->shape, &in));
        for (int64_t i = 0; i < fet_tensor_elements(in); i++) fet_tensor_f32(in)[i] = (float)number(typed, i);
        const float *src[1] = {fet_tensor_f32(in)};
        for (uint32_t o = 0; o < graph->n_outputs; o++) {
            CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &want[o]->shape, &is[o]));
            dst[o] = fet_tensor_f32(is[o]);
        }
        CHECK_OK(fet_executor_run(executor, src, dst));
        bool right = true;
        for (uint32_t o = 0; o < graph->n_outputs; o++) {
            bool same = want[o]->dtype == FET_DTYPE_F32 ? same_numbers(is[o], want[o]) : same_as_f32(is[o], want[o]);
            if (!same && want[o]->dtype == FET_DTYPE_F32 && typed->dtype == FET_DTYPE_F32)
                fail_msg("%s: the engine gives other numbers for output %u", name, o);
            right = right && same;
        }
        result = right ? 2 : 1;
    }
    fet_tensor_release(in);
    for (uint32_t o = 0; o < MAX_VALUES; o++) fet_tensor_release(want[o]), fet_tensor_release(is[o]);
    return result;
}

static bool is_numbers(const Onnx__ValueInfoProto *info)
{
    return info->type && info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && info->type->tensor_type->elem_type != 8;
}

/* Texts, sequences and optional values are nothing that an operator of ours computes with. */
static bool has_other_types(const example *e)
{
    const Onnx__GraphProto *g = e->model->graph;
    for (size_t i = 0; i < g->n_input; i++)
        if (!is_numbers(g->input[i])) return true;
    for (size_t i = 0; i < g->n_output; i++)
        if (!is_numbers(g->output[i])) return true;
    return false;
}

/* Every node's operator is one of ops.def: then the case counts. */
static bool is_listed(const example *e)
{
    for (size_t n = 0; n < e->model->graph->n_node; n++) {
        const Onnx__NodeProto *node = e->model->graph->node[n];
        bool standard = !node->domain || !*node->domain;
        if (!standard || fet_op_by_onnx_name(node->op_type) == FET_OP_NONE) return false;
    }
    return true;
}

static void cases_of_onnx(void **state)
{
    (void)state;
    DIR *dir = opendir(root);
    if (!dir) {
        print_message("skipped: %s is not on this machine (Debian: libonnx-testdata)\n", root);
        skip();
    }
    uint32_t cases = 0, folded = 0, shaped = 0, ran = 0, listed = 0, right = 0, others = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        example e;
        char folder[512];
        bool excepted = strncmp(entry->d_name, "test_", 5) != 0;
        for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) excepted |= strstr(entry->d_name, exceptions[i].name) != NULL;
        if (excepted) continue;
        snprintf(folder, sizeof folder, "%s/%.200s", root, entry->d_name);
        if (load(folder, &e)) {
            prepare(&e);
            fet_error_clear();
            int result = check_run(&e, entry->d_name);
            char why[400];
            snprintf(why, sizeof why, "%s", fet_error_message());
            uint32_t n_folded = check_folded(&e, entry->d_name);
            cases++, shaped += result >= 1, ran += result == 2, folded += n_folded;
            if (is_listed(&e) && has_other_types(&e)) {
                others++;
            } else if (is_listed(&e)) {
                bool passed = result == 2 || n_folded == e.n_outputs;
                listed++, right += passed;
                if (!passed) print_message("not passed: %s: %s\n", entry->d_name, why);
            }
        }
        unload(&e);
    }
    closedir(dir);
    print_message("%u cases of tensors: %u read with the right shapes, %u of these run with the right numbers; %u outputs folded rightly\n",
                  cases, shaped, ran, folded);
    print_message("%u of %u cases of the operators in ops.def pass (%.1f %%); %u more are of texts, sequences or optional values\n", right,
                  listed, 100.0 * right / listed, others);
    assert_true(100 * right >= 95 * listed);
    assert_true(shaped >= 100 && folded >= 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases_of_onnx)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
