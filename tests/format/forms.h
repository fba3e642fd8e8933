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

/* PyTorch before opset 14: activations spelled out. */
FORM(form_spelled_activations)
{
    X(1, 4, 5, 6);
    model_scalar(m, "three", 3.0f), model_scalar(m, "six", 6.0f), model_scalar(m, "zero", 0.0f), model_scalar(m, "half", 0.5f);
    model_scalar(m, "one", 1.0f), model_scalar(m, "root2", 1.41421356f), model_scalar(m, "c1", 0.044715f),
        model_scalar(m, "c2", 0.7978845608f), model_scalar(m, "cube", 3.0f), model_scalar(m, "wide", 4.0f);
    model_node(m, "Mul", "x,wide", "w");
    model_node(m, "Add", "w,three", "a0"), model_node(m, "Clip", "a0,zero,six", "a1"), model_node(m, "Div", "a1,six", "hs");
    model_node(m, "Mul", "w,hs", "hswish");
    model_node(m, "Sigmoid", "w", "sg"), model_node(m, "Mul", "w,sg", "silu");
    model_node(m, "Div", "w,root2", "g0"), model_node(m, "Erf", "g0", "g1"), model_node(m, "Add", "g1,one", "g2"),
        model_node(m, "Mul", "w,g2", "g3"), model_node(m, "Mul", "g3,half", "gelu");
    model_node(m, "Pow", "w,cube", "t0"), model_node(m, "Mul", "t0,c1", "t1"), model_node(m, "Add", "w,t1", "t2"),
        model_node(m, "Mul", "t2,c2", "t3"), model_node(m, "Tanh", "t3", "t4"), model_node(m, "Add", "t4,one", "t5"),
        model_node(m, "Mul", "w,t5", "t6"), model_node(m, "Mul", "half,t6", "gelu_tanh");
    model_node(m, "Softplus", "w", "sp"), model_node(m, "Tanh", "sp", "tsp"), model_node(m, "Mul", "w,tsp", "mish");
    model_output(m, "hs", 1), model_output(m, "hswish", 1), model_output(m, "silu", 1), model_output(m, "gelu", 1);
    model_output(m, "gelu_tanh", 1), model_output(m, "mish", 1);
}

FORM(form_layer_norm_spelled)
{
    X(2, 7, 12);
    model_weights(m, "gamma", true, MODEL_DIMS(12)), model_weights(m, "beta", false, MODEL_DIMS(12));
    model_scalar(m, "two", 2.0f), model_scalar(m, "eps", 1e-5f);
    Onnx__NodeProto *n = model_node(m, "ReduceMean", "x", "mean");
    attr_ints(m, n, "axes", MODEL_DIMS(-1));
    model_node(m, "Sub", "x,mean", "d"), model_node(m, "Pow", "d,two", "sq");
    n = model_node(m, "ReduceMean", "sq", "var");
    attr_ints(m, n, "axes", MODEL_DIMS(-1));
    model_node(m, "Add", "var,eps", "ve"), model_node(m, "Sqrt", "ve", "std"), model_node(m, "Div", "d,std", "norm");
    model_node(m, "Mul", "norm,gamma", "scaled"), model_node(m, "Add", "scaled,beta", "y");
    model_output(m, "y", 1);
}

/* A block of self-attention: projections by MatMul, heads by Reshape and Transpose, shapes read from the input. */
FORM(form_attention)
{
    X(2, 6, 8);
    model_weights(m, "wq", false, MODEL_DIMS(8, 8)), model_weights(m, "wk", false, MODEL_DIMS(8, 8)),
        model_weights(m, "wv", false, MODEL_DIMS(8, 8)), model_weights(m, "bq", false, MODEL_DIMS(8));
    model_ints(m, "zero", MODEL_DIMS(0)), model_ints(m, "one", MODEL_DIMS(1)), model_ints(m, "heads", MODEL_DIMS(2)),
        model_ints(m, "size", MODEL_DIMS(4)), model_ints(m, "all", MODEL_DIMS(8));
    model_scalar(m, "root", 2.0f);
    model_node(m, "Shape", "x", "shape");
    model_node(m, "Gather", "shape,zero", "n"), model_node(m, "Gather", "shape,one", "l");
    Onnx__NodeProto *c = model_node(m, "Concat", "n,l,heads,size", "split");
    attr_int(m, c, "axis", 0);
    c = model_node(m, "Concat", "n,l,all", "joined");
    attr_int(m, c, "axis", 0);
    static const char *const letters[] = {"q", "k", "v"};
    for (int i = 0; i < 3; i++) {
        char a[32], b[32];
        snprintf(a, sizeof a, "x,w%s", letters[i]), snprintf(b, sizeof b, "%s0", letters[i]);
        model_node(m, "MatMul", a, b);
        if (i == 0) model_node(m, "Add", "bq,q0", "qb");
        snprintf(a, sizeof a, i == 0 ? "qb,split" : "%s0,split", letters[i]), snprintf(b, sizeof b, "%s1", letters[i]);
        model_node(m, "Reshape", a, b);
        snprintf(a, sizeof a, "%s1", letters[i]), snprintf(b, sizeof b, "%s2", letters[i]);
        Onnx__NodeProto *t = model_node(m, "Transpose", a, b);
        if (i == 1) attr_ints(m, t, "perm", MODEL_DIMS(0, 2, 3, 1));
        else attr_ints(m, t, "perm", MODEL_DIMS(0, 2, 1, 3));
    }
    model_node(m, "MatMul", "q2,k2", "scores"), model_node(m, "Div", "scores,root", "scaled");
    Onnx__NodeProto *s = model_node(m, "Softmax", "scaled", "weights");
    attr_int(m, s, "axis", -1);
    model_node(m, "MatMul", "weights,v2", "mixed");
    Onnx__NodeProto *t = model_node(m, "Transpose", "mixed", "back");
    attr_ints(m, t, "perm", MODEL_DIMS(0, 2, 1, 3));
    model_node(m, "Reshape", "back,joined", "y");
    model_output(m, "y", 1);
}

/* PyTorch's GroupNorm. */
FORM(form_group_norm)
{
    X(2, 6, 4, 5);
    static const float ones[3] = {1, 1, 1}, zeros[3] = {0, 0, 0};
    model_ints(m, "groups", MODEL_DIMS(0, 3, -1)), model_floats(m, "s", ones, 3), model_floats(m, "b", zeros, 3);
    model_weights(m, "gamma", true, MODEL_DIMS(6, 1, 1)), model_weights(m, "beta", false, MODEL_DIMS(6, 1, 1));
    model_node(m, "Reshape", "x,groups", "r"), model_node(m, "InstanceNormalization", "r,s,b", "i"), model_node(m, "Shape", "x", "shape");
    model_node(m, "Reshape", "i,shape", "n"), model_node(m, "Mul", "n,gamma", "g"), model_node(m, "Add", "g,beta", "y");
    model_output(m, "y", 1);
}

/* x.view(x.size(0), -1), F.interpolate(size=other.shape[2:]), a mask by Equal, Where, Expand and ConstantOfShape. */
FORM(form_shape_arithmetic)
{
    X(2, 4, 6, 6);
    model_ints(m, "i0", MODEL_DIMS(0)), model_ints(m, "minus", MODEL_DIMS(-1)), model_ints(m, "two", MODEL_DIMS(2)),
        model_ints(m, "four", MODEL_DIMS(4)), model_ints(m, "nc", MODEL_DIMS(2, 4));
    int64_t zero = 0;
    model_initializer(m, model_tensor(m, "index", 7, NULL, 0, &zero, sizeof zero));
    form_conv(m, "x", "small", 4, 4, 3, 2, 1);
    model_node(m, "Shape", "x", "shape");
    model_node(m, "Gather", "shape,index", "n0");
    model_node(m, "Unsqueeze", "n0,i0", "n1");
    Onnx__NodeProto *c = model_node(m, "Concat", "n1,minus", "flat");
    attr_int(m, c, "axis", 0);
    model_node(m, "Reshape", "small,flat", "f");
    model_node(m, "Slice", "shape,two,four,i0", "hw");
    c = model_node(m, "Concat", "nc,hw", "sizes");
    attr_int(m, c, "axis", 0);
    Onnx__NodeProto *r = model_node(m, "Resize", "small,,,sizes", "up");
    attr_text(m, r, "mode", "linear"), attr_text(m, r, "coordinate_transformation_mode", "pytorch_half_pixel");
    model_node(m, "Add", "up,x", "sum");
    model_node(m, "ConstantOfShape", "shape", "zeros");
    model_node(m, "Greater", "sum,zeros", "mask");
    model_node(m, "Where", "mask,sum,zeros", "y");
    Onnx__NodeProto *cast = model_node(m, "Cast", "mask", "z");
    attr_int(m, cast, "to", 1);
    model_output(m, "y", 1), model_output(m, "f", 1), model_output(m, "z", 1);
}

FORM(form_slices_and_splits)
{
    X(1, 8, 5, 6);
    model_ints(m, "sizes", MODEL_DIMS(3, 5)), model_ints(m, "last", MODEL_DIMS(-1)), model_ints(m, "least", MODEL_DIMS(-1000)),
        model_ints(m, "a3", MODEL_DIMS(3)), model_ints(m, "minus", MODEL_DIMS(-1)), model_ints(m, "z2", MODEL_DIMS(0, 0)),
        model_ints(m, "e2", MODEL_DIMS(1000, 1000)), model_ints(m, "a2", MODEL_DIMS(2, 3)), model_ints(m, "s2", MODEL_DIMS(2, 2)),
        model_ints(m, "o2", MODEL_DIMS(1, 0));
    Onnx__NodeProto *n = model_node(m, "Split", "x,sizes", "a,b");
    attr_int(m, n, "axis", 1);
    model_node(m, "Slice", "x,last,least,a3,minus", "flipped");
    /* YOLO's focus: four slices of every second row and column. */
    model_node(m, "Slice", "b,z2,e2,a2,s2", "even"), model_node(m, "Slice", "b,o2,e2,a2,s2", "odd_rows");
    model_node(m, "ReduceMax", "a", "amax");
    n = model_node(m, "Flatten", "flipped", "f");
    attr_int(m, n, "axis", 2);
    model_output(m, "amax", 1), model_output(m, "f", 1), model_output(m, "even", 1), model_output(m, "odd_rows", 1);
}

/* tf2onnx: images come with channels last and are turned; pooled maps are squeezed; a matrix and an added vector make a dense layer. */
FORM(form_channels_last)
{
    X(1, 9, 10, 3);
    model_weights(m, "dense", false, MODEL_DIMS(8, 4)), model_weights(m, "bias", false, MODEL_DIMS(4)),
        model_weights(m, "vector", false, MODEL_DIMS(8));
    model_ints(m, "spatial", MODEL_DIMS(2, 3)), model_ints(m, "flat", MODEL_DIMS(-1, 8));
    Onnx__NodeProto *n = model_node(m, "Transpose", "x", "in");
    attr_ints(m, n, "perm", MODEL_DIMS(0, 3, 1, 2));
    form_conv(m, "in", "c0", 8, 3, 3, 2, 1);
    n = model_node(m, "Transpose", "c0", "last");
    attr_ints(m, n, "perm", MODEL_DIMS(0, 2, 3, 1));
    model_node(m, "Add", "last,vector", "shifted"), model_node(m, "Relu", "shifted", "act");
    n = model_node(m, "Transpose", "act", "first");
    attr_ints(m, n, "perm", MODEL_DIMS(0, 3, 1, 2));
    model_node(m, "GlobalAveragePool", "first", "pooled"), model_node(m, "Squeeze", "pooled,spatial", "squeezed");
    model_node(m, "MatMul", "squeezed,dense", "product"), model_node(m, "Add", "product,bias", "logits"),
        model_node(m, "Softmax", "logits", "y");
    n = model_node(m, "ReduceMean", "act", "mean");
    attr_ints(m, n, "axes", MODEL_DIMS(1, 2)), attr_int(m, n, "keepdims", 0);
    model_output(m, "y", 1), model_output(m, "mean", 1), model_output(m, "act", 1);
}

FORM(form_pads)
{
    X(1, 3, 6, 7);
    model_ints(m, "p", MODEL_DIMS(0, 0, 2, 1, 0, 0, 1, 3)), model_ints(m, "crop", MODEL_DIMS(0, 0, -1, 0, 0, 0, 0, -2));
    Onnx__NodeProto *n = model_node(m, "Pad", "x,p", "reflect");
    attr_text(m, n, "mode", "reflect");
    form_conv(m, "reflect", "y", 4, 3, 3, 1, 1);
    n = model_node(m, "Pad", "x,p", "edge");
    attr_text(m, n, "mode", "edge");
    model_node(m, "Pad", "x,crop", "cropped");
    model_output(m, "y", 1), model_output(m, "edge", 1), model_output(m, "cropped", 1);
}

/* Audio: 1-d convolutions of a spectrogram, features by sine and cosine, powers in decibels, pooling over time. */
FORM(form_audio)
{
    X(1, 10, 21);
    model_weights(m, "w0", false, MODEL_DIMS(12, 10, 5)), model_weights(m, "w1", false, MODEL_DIMS(12, 1, 3));
    model_scalar(m, "floor", 1e-6f), model_scalar(m, "ten", 4.3429448f), model_scalar(m, "two", 2.0f);
    model_node(m, "Pow", "x,two", "power"), model_node(m, "Max", "power,floor", "above"), model_node(m, "Log", "above", "ln"),
        model_node(m, "Mul", "ln,ten", "db");
    Onnx__NodeProto *n = model_node(m, "Conv", "db,w0", "c0");
    attr_ints(m, n, "strides", MODEL_DIMS(2)), attr_ints(m, n, "pads", MODEL_DIMS(2, 2));
    n = model_node(m, "Elu", "c0", "e0");
    n = model_node(m, "Conv", "e0,w1", "c1");
    attr_int(m, n, "group", 12), attr_ints(m, n, "dilations", MODEL_DIMS(2)), attr_ints(m, n, "pads", MODEL_DIMS(2, 2));
    model_node(m, "Sin", "c1", "sin"), model_node(m, "Cos", "c1", "cos");
    n = model_node(m, "Concat", "sin,cos", "both");
    attr_int(m, n, "axis", 1);
    n = model_node(m, "ReduceMean", "both", "mean");
    attr_ints(m, n, "axes", MODEL_DIMS(2)), attr_int(m, n, "keepdims", 0);
    n = model_node(m, "ReduceLogSumExp", "both", "lse");
    attr_ints(m, n, "axes", MODEL_DIMS(2)), attr_int(m, n, "keepdims", 0);
    model_output(m, "mean", 1), model_output(m, "lse", 1);
}

FORM(form_einsum)
{
    X(2, 3, 4, 5);
    model_weights(m, "w", false, MODEL_DIMS(5, 6));
    Onnx__NodeProto *n = model_node(m, "Einsum", "x,w", "y");
    attr_text(m, n, "equation", "bhid,de->bhie");
    n = model_node(m, "Einsum", "x,x", "scores");
    attr_text(m, n, "equation", "bhid,bhjd->bhij");
    n = model_node(m, "Einsum", "scores,x", "mixed");
    attr_text(m, n, "equation", "b h i j , b h j d -> b h i d");
    n = model_node(m, "Einsum", "x,x", "turned");
    attr_text(m, n, "equation", "bchw,bdhw->bcd");
    model_output(m, "y", 1), model_output(m, "mixed", 1), model_output(m, "turned", 1);
}

/* Opset 18: axes and sizes as inputs; Mish and GroupNormalization as operators. */
FORM(form_opset_18)
{
    X(2, 6, 4, 5);
    model_ints(m, "axes", MODEL_DIMS(2, 3));
    model_weights(m, "gamma", true, MODEL_DIMS(3)), model_weights(m, "beta", false, MODEL_DIMS(3));
    Onnx__NodeProto *n = model_node(m, "GroupNormalization", "x,gamma,beta", "g");
    attr_int(m, n, "num_groups", 3);
    model_node(m, "Mish", "g", "mish");
    model_node(m, "ReduceMean", "mish,axes", "mean"), model_node(m, "ReduceL2", "mish,axes", "norm");
    n = model_node(m, "Split", "mish", "a,b");
    attr_int(m, n, "axis", 1), attr_int(m, n, "num_outputs", 2);
    model_node(m, "Mul", "a,b", "y");
    model_output(m, "mean", 1), model_output(m, "norm", 1), model_output(m, "y", 1);
}

/* Numbers that detection heads and losses use. */
FORM(form_numbers)
{
    X(1, 4, 3, 5);
    model_scalar(m, "third", 0.3f), model_scalar(m, "low", 0.1f);
    Onnx__NodeProto *n = model_node(m, "Mod", "x,third", "mod");
    attr_int(m, n, "fmod", 1);
    n = model_node(m, "ThresholdedRelu", "x", "tr");
    attr_float(m, n, "alpha", 0.2f);
    n = model_node(m, "ReduceLogSum", "above", "rls");
    attr_ints(m, n, "axes", MODEL_DIMS(1));
    m->graph.n_node--; /* "above" comes first */
    model_node(m, "Abs", "x", "abs"), model_node(m, "Max", "abs,low", "above");
    m->nodes[m->graph.n_node++] = n;
    n = model_node(m, "GlobalLpPool", "x", "lp");
    model_output(m, "mod", 1), model_output(m, "tr", 1), model_output(m, "rls", 1), model_output(m, "lp", 1);
}

#undef X
#undef FORM

static const model_form model_forms[] = {
    {"explicit pads", 13, form_explicit_pads, true},
    {"channel shuffle and slices", 13, form_shuffle, true},
    {"resizes in the fast layout", 13, form_resizes, true},
    {"spelled-out activations", 13, form_spelled_activations, false},
    {"LayerNormalization spelled out", 13, form_layer_norm_spelled, false},
    {"self-attention", 13, form_attention, false},
    {"GroupNorm by InstanceNormalization", 11, form_group_norm, false},
    {"shape arithmetic", 13, form_shape_arithmetic, false},
    {"slices and splits", 13, form_slices_and_splits, false},
    {"channels last", 13, form_channels_last, false},
    {"pads", 13, form_pads, false},
    {"audio", 13, form_audio, false},
    {"Einsum", 13, form_einsum, false},
    {"opset 18", 18, form_opset_18, false},
    {"numbers", 13, form_numbers, false},
};
enum { N_MODEL_FORMS = sizeof model_forms / sizeof *model_forms };

#endif
