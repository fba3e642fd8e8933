// SPDX-License-Identifier: Apache-2.0
/*
 * Small graphs in the forms that exporters write (PyTorch, tf2onnx, Keras), each with one f32 input "x". What a form is about stands in its
 * name; tests/format/test_forms.c runs them.
 */
#ifndef FET_TESTS_FORMAT_FORMS_H
#define FET_TESTS_FORMAT_FORMS_H

#include "model.h"

typedef struct model_form {
    const char *name;
    int64_t opset;
    void (*build)(model *);
    bool quantise; /* also run in bf16 and int8 */
} model_form;

#define X(...) model_input(m, "x", MODEL_DIMS(__VA_ARGS__))
#define FORM(name) static inline void name(model *m)

static inline void form_conv(model *m, const char *in, const char *out, int64_t oc, int64_t ic_g, int64_t k, int64_t stride, int64_t group)
{
    char w[32], inputs[64];
    snprintf(w, sizeof w, "w_%s", out);
    snprintf(inputs, sizeof inputs, "%s,%s", in, w);
    model_weights(m, w, false, MODEL_DIMS(oc, ic_g, k, k));
    Onnx__NodeProto *n = model_node(m, "Conv", inputs, out);
    attr_ints(m, n, "strides", MODEL_DIMS(stride, stride)), attr_int(m, n, "group", group);
}

/* Keras: explicit padding before strided convolutions; one that two read, one that is not of zeros, one before a pooling. */
FORM(form_explicit_pads)
{
    X(1, 3, 17, 18);
    model_ints(m, "end", MODEL_DIMS(0, 0, 0, 0, 0, 0, 1, 1)), model_ints(m, "around", MODEL_DIMS(0, 0, 1, 2, 0, 0, 1, 0));
    model_scalar(m, "half", 0.5f), model_scalar(m, "six", 6.0f), model_scalar(m, "zero", 0.0f);
    model_node(m, "Pad", "x,end", "p0");
    form_conv(m, "p0", "c0", 8, 3, 3, 2, 1);
    model_node(m, "Clip", "c0,zero,six", "r0");
    model_node(m, "Pad", "r0,around,zero", "p1");
    form_conv(m, "p1", "c1", 8, 1, 3, 2, 8);
    model_node(m, "Pad", "c1,around", "p2"); /* two readers */
    form_conv(m, "p2", "c2", 6, 8, 3, 1, 1);
    Onnx__NodeProto *n = model_node(m, "MaxPool", "p2", "m2");
    attr_ints(m, n, "kernel_shape", MODEL_DIMS(3, 3)), attr_ints(m, n, "strides", MODEL_DIMS(1, 1));
    model_node(m, "Pad", "c2,around,half", "p3");
    form_conv(m, "p3", "c3", 5, 6, 2, 1, 1);
    model_output(m, "c3", 1), model_output(m, "m2", 1);
}

/* ShuffleNet, SINet: PRelu, channel shuffle, slices of channels. */
FORM(form_shuffle)
{
    X(2, 6, 7, 9);
    model_weights(m, "slope", false, MODEL_DIMS(12, 1, 1)), model_weights(m, "one", false, MODEL_DIMS(1, 1, 1));
    model_ints(m, "apart", MODEL_DIMS(2, 3, 4, 7, 9)), model_ints(m, "together", MODEL_DIMS(2, 12, 7, 9));
    model_ints(m, "s0", MODEL_DIMS(2)), model_ints(m, "e0", MODEL_DIMS(7)), model_ints(m, "s1", MODEL_DIMS(-5)),
        model_ints(m, "e1", MODEL_DIMS(INT64_MAX)), model_ints(m, "a0", MODEL_DIMS(1)), model_ints(m, "a1", MODEL_DIMS(-3));
    form_conv(m, "x", "c0", 12, 6, 1, 1, 1);
    model_node(m, "PRelu", "c0,slope", "r0");
    model_node(m, "Reshape", "r0,apart", "v0");
    Onnx__NodeProto *n = model_node(m, "Transpose", "v0", "t0");
    attr_ints(m, n, "perm", MODEL_DIMS(0, 2, 1, 3, 4));
    model_node(m, "Reshape", "t0,together", "v1");
    model_node(m, "PRelu", "v1,one", "r1");
    model_node(m, "Slice", "r1,s0,e0,a0", "left");
    model_node(m, "Slice", "r1,s1,e1,a1", "right");
    form_conv(m, "left", "c1", 5, 5, 3, 1, 1);
    form_conv(m, "right", "c2", 5, 5, 3, 1, 1);
    model_node(m, "Add", "c1,c2", "y");
    model_output(m, "y", 1), model_output(m, "v1", 1);
}

static inline void form_resize(model *m, const char *in, const char *out, const char *mode, const char *coordinates, const char *nearest,
                               int64_t h, int64_t w)
{
    char sizes[32], inputs[96];
    int64_t to[4] = {1, 0, h, w};
    snprintf(sizes, sizeof sizes, "sizes_%s", out);
    snprintf(inputs, sizeof inputs, "%s,,,%s", in, sizes);
    to[1] = strcmp(in, "few") == 0 ? 2 : 9;
    model_ints(m, sizes, to, 4);
    Onnx__NodeProto *n = model_node(m, "Resize", inputs, out);
    attr_text(m, n, "mode", mode), attr_text(m, n, "coordinate_transformation_mode", coordinates);
    if (nearest) attr_text(m, n, "nearest_mode", nearest);
}

FORM(form_resizes)
{
    X(1, 3, 6, 7);
    form_conv(m, "x", "c", 9, 3, 1, 1, 1);
    form_conv(m, "x", "few", 2, 3, 1, 1, 1);
    form_resize(m, "c", "y0", "linear", "align_corners", NULL, 12, 14);
    form_resize(m, "few", "y1", "linear", "align_corners", NULL, 15, 11);
    form_resize(m, "c", "y2", "cubic", "half_pixel", NULL, 9, 14);
    form_resize(m, "few", "y3", "cubic", "align_corners", NULL, 12, 5);
    form_resize(m, "c", "y4", "nearest", "asymmetric", "ceil", 9, 11);
    form_resize(m, "c", "y5", "linear", "asymmetric", NULL, 12, 14);
    form_resize(m, "c", "y6", "nearest", "align_corners", "round_prefer_floor", 13, 9);
    form_resize(m, "c", "y7", "linear", "pytorch_half_pixel", NULL, 12, 14);
    form_resize(m, "few", "y8", "nearest", "half_pixel", "floor", 13, 9);
    for (int i = 0; i < 9; i++) {
        char name[8];
        snprintf(name, sizeof name, "y%d", i);
        model_output(m, name, 1);
    }
}

#undef X
#undef FORM

static const model_form model_forms[] = {
    {"explicit pads", 13, form_explicit_pads, true},
    {"channel shuffle and slices", 13, form_shuffle, true},
    {"resizes in the fast layout", 13, form_resizes, true},
};
enum { N_MODEL_FORMS = sizeof model_forms / sizeof *model_forms };

#endif
