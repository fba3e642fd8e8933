// SPDX-License-Identifier: Apache-2.0
/* Small files for every operator whose form changed between opsets 7 and 18; each has one f32 input "x" and one or more outputs. */
#ifndef FET_TESTS_FORMAT_CASES_H
#define FET_TESTS_FORMAT_CASES_H

#include "model.h"

typedef struct model_case {
    const char *name;
    int64_t opset_low, opset_high; /* forms of one kind: built and read at both */
    void (*build)(model *);
} model_case;

#define X(...) model_input(m, "x", MODEL_DIMS(__VA_ARGS__))
#define CASE(name) static inline void name(model *m)

CASE(case_clip_attr)
{
    X(1, 3, 4, 5);
    Onnx__NodeProto *n = model_node(m, "Clip", "x", "y");
    attr_float(m, n, "min", -0.25f), attr_float(m, n, "max", 0.5f);
    n = model_node(m, "Clip", "x", "z"); /* one bound */
    attr_float(m, n, "max", 0.1f);
    model_output(m, "y", 1), model_output(m, "z", 1);
}

CASE(case_clip_input)
{
    X(1, 3, 4, 5);
    model_scalar(m, "low", -0.25f);
    model_scalar(m, "high", 0.5f);
    model_node(m, "Clip", "x,low,high", "y");
    model_node(m, "Clip", "x,,high", "z");
    model_output(m, "y", 1), model_output(m, "z", 1);
}

CASE(case_conv_pads)
{
    X(1, 4, 9, 8);
    model_weights(m, "w", false, MODEL_DIMS(6, 2, 3, 3));
    model_weights(m, "b", false, MODEL_DIMS(6));
    Onnx__NodeProto *n = model_node(m, "Conv", "x,w,b", "y");
    attr_text(m, n, "auto_pad", "SAME_UPPER"), attr_ints(m, n, "strides", MODEL_DIMS(2, 2)), attr_int(m, n, "group", 2);
    n = model_node(m, "Conv", "x,w", "z");
    attr_text(m, n, "auto_pad", "SAME_LOWER"), attr_ints(m, n, "strides", MODEL_DIMS(2, 2)), attr_int(m, n, "group", 2);
    n = model_node(m, "Conv", "x,w", "v");
    attr_text(m, n, "auto_pad", "VALID"), attr_int(m, n, "group", 2), attr_ints(m, n, "dilations", MODEL_DIMS(2, 1));
    model_output(m, "y", 1), model_output(m, "z", 1), model_output(m, "v", 1);
}

CASE(case_conv_1d)
{
    X(1, 4, 11);
    model_weights(m, "w", false, MODEL_DIMS(6, 4, 3));
    model_weights(m, "t", false, MODEL_DIMS(6, 2, 4));
    Onnx__NodeProto *n = model_node(m, "Conv", "x,w", "c");
    attr_ints(m, n, "pads", MODEL_DIMS(1, 1)), attr_ints(m, n, "strides", MODEL_DIMS(2));
    n = model_node(m, "ConvTranspose", "c,t", "y");
    attr_ints(m, n, "strides", MODEL_DIMS(2)), attr_ints(m, n, "pads", MODEL_DIMS(1, 1)), attr_ints(m, n, "output_padding", MODEL_DIMS(1));
    model_output(m, "y", 1);
}

CASE(case_batch_norm)
{
    X(2, 3, 4, 5);
    model_weights(m, "s", true, MODEL_DIMS(3)), model_weights(m, "b", false, MODEL_DIMS(3));
    model_weights(m, "mean", false, MODEL_DIMS(3)), model_weights(m, "var", true, MODEL_DIMS(3));
    Onnx__NodeProto *n = model_node(m, "BatchNormalization", "x,s,b,mean,var", "y");
    attr_float(m, n, "epsilon", 1e-3f), attr_float(m, n, "momentum", 0.9f);
    if (m->opset.version < 9) attr_int(m, n, "spatial", 1);
    if (m->opset.version >= 14) attr_int(m, n, "training_mode", 0);
    model_output(m, "y", 1);
}

CASE(case_pools)
{
    X(1, 2, 7, 9);
    Onnx__NodeProto *n = model_node(m, "MaxPool", "x", "y");
    attr_ints(m, n, "kernel_shape", MODEL_DIMS(3, 2)), attr_ints(m, n, "strides", MODEL_DIMS(2, 2)),
        attr_ints(m, n, "pads", MODEL_DIMS(1, 0, 1, 1));
    n = model_node(m, "AveragePool", "x", "z");
    attr_ints(m, n, "kernel_shape", MODEL_DIMS(3, 3)), attr_ints(m, n, "pads", MODEL_DIMS(1, 1, 1, 1)),
        attr_int(m, n, "count_include_pad", 1);
    model_node(m, "GlobalAveragePool", "x", "g");
    model_node(m, "GlobalMaxPool", "x", "h");
    model_output(m, "y", 1), model_output(m, "z", 1), model_output(m, "g", 1), model_output(m, "h", 1);
}

CASE(case_pool_ceil)
{
    X(1, 2, 8, 9);
    Onnx__NodeProto *n = model_node(m, "MaxPool", "x", "y,indices");
    attr_ints(m, n, "kernel_shape", MODEL_DIMS(3, 3)), attr_ints(m, n, "strides", MODEL_DIMS(2, 3)), attr_int(m, n, "ceil_mode", 1);
    n = model_node(m, "AveragePool", "x", "z");
    attr_ints(m, n, "kernel_shape", MODEL_DIMS(2, 2)), attr_ints(m, n, "strides", MODEL_DIMS(3, 2)), attr_int(m, n, "ceil_mode", 1);
    n = model_node(m, "MaxPool", "x", "d");
    attr_ints(m, n, "kernel_shape", MODEL_DIMS(3, 3)), attr_ints(m, n, "dilations", MODEL_DIMS(2, 2));
    model_output(m, "y", 1), model_output(m, "z", 1), model_output(m, "d", 1);
}

/* Everything behind the axis together, up to opset 12; along the axis since. */
CASE(case_softmax)
{
    X(2, 3, 4);
    model_node(m, "Softmax", "x", "y");
    Onnx__NodeProto *n = model_node(m, "LogSoftmax", "x", "z");
    attr_int(m, n, "axis", 0);
    n = model_node(m, "Softmax", "x", "last");
    attr_int(m, n, "axis", 2);
    model_output(m, "y", 1), model_output(m, "z", 1), model_output(m, "last", 1);
}

CASE(case_squeeze_attr)
{
    X(1, 3, 1, 5);
    Onnx__NodeProto *n = model_node(m, "Squeeze", "x", "y");
    attr_ints(m, n, "axes", MODEL_DIMS(2));
    n = model_node(m, "Unsqueeze", "y", "z");
    attr_ints(m, n, "axes", MODEL_DIMS(0, 3));
    model_node(m, "Squeeze", "x", "all");
    model_output(m, "y", 1), model_output(m, "z", 1), model_output(m, "all", 1);
}

CASE(case_squeeze_input)
{
    X(1, 3, 1, 5);
    model_ints(m, "a", MODEL_DIMS(-2)), model_ints(m, "b", MODEL_DIMS(0, -2));
    model_node(m, "Squeeze", "x,a", "y");
    model_node(m, "Unsqueeze", "y,b", "z");
    model_output(m, "y", 1), model_output(m, "z", 1);
}

CASE(case_reduce_attr)
{
    X(2, 3, 4);
    Onnx__NodeProto *n = model_node(m, "ReduceMean", "x", "y");
    attr_ints(m, n, "axes", MODEL_DIMS(1)), attr_int(m, n, "keepdims", 0);
    n = model_node(m, "ReduceSum", "x", "z");
    attr_ints(m, n, "axes", MODEL_DIMS(0, 2));
    model_node(m, "ReduceL2", "x", "all");
    model_output(m, "y", 1), model_output(m, "z", 1), model_output(m, "all", 1);
}

CASE(case_reduce_13)
{
    X(2, 3, 4);
    model_ints(m, "axes", MODEL_DIMS(0, -1));
    Onnx__NodeProto *n = model_node(m, "ReduceMax", "x", "y");
    attr_ints(m, n, "axes", MODEL_DIMS(1));
    model_node(m, "ReduceSum", "x,axes", "z");
    model_output(m, "y", 1), model_output(m, "z", 1);
}

CASE(case_reduce_18)
{
    X(2, 3, 4);
    model_ints(m, "axes", MODEL_DIMS(0, -1));
    model_node(m, "ReduceMax", "x,axes", "y");
    Onnx__NodeProto *n = model_node(m, "ReduceMean", "x", "z");
    attr_int(m, n, "noop_with_empty_axes", 0);
    model_node(m, "ReduceSumSquare", "x,axes", "v");
    model_output(m, "y", 1), model_output(m, "z", 1), model_output(m, "v", 1);
}

CASE(case_split_attr)
{
    X(2, 7);
    Onnx__NodeProto *n = model_node(m, "Split", "x", "y,z");
    attr_int(m, n, "axis", 1), attr_ints(m, n, "split", MODEL_DIMS(3, 4));
    model_output(m, "z", 1), model_output(m, "y", 1);
}

CASE(case_split_13)
{
    X(2, 8);
    model_ints(m, "sizes", MODEL_DIMS(3, 5));
    Onnx__NodeProto *n = model_node(m, "Split", "x,sizes", "y,z");
    attr_int(m, n, "axis", 1);
    n = model_node(m, "Split", "x", "p,q");
    attr_int(m, n, "axis", -1);
    if (m->opset.version >= 18) attr_int(m, n, "num_outputs", 2);
    model_output(m, "y", 1), model_output(m, "z", 1), model_output(m, "q", 1);
}

CASE(case_split_18)
{
    X(2, 7);
    Onnx__NodeProto *n = model_node(m, "Split", "x", "a,b,c");
    attr_int(m, n, "axis", 1), attr_int(m, n, "num_outputs", 3);
    model_output(m, "a", 1), model_output(m, "c", 1);
}

CASE(case_slice_attr)
{
    X(4, 6);
    Onnx__NodeProto *n = model_node(m, "Slice", "x", "y");
    attr_ints(m, n, "starts", MODEL_DIMS(1, -3)), attr_ints(m, n, "ends", MODEL_DIMS(3, 2147483647)),
        attr_ints(m, n, "axes", MODEL_DIMS(0, 1));
    model_output(m, "y", 1);
}

CASE(case_slice_input)
{
    X(4, 6);
    model_ints(m, "starts", MODEL_DIMS(3, -1)), model_ints(m, "ends", MODEL_DIMS(-5, 0)), model_ints(m, "axes", MODEL_DIMS(0, 1));
    model_ints(m, "steps", MODEL_DIMS(-2, -1));
    model_node(m, "Slice", "x,starts,ends,axes,steps", "y");
    model_output(m, "y", 1);
}

CASE(case_pad_attr)
{
    X(2, 3);
    Onnx__NodeProto *n = model_node(m, "Pad", "x", "y");
    attr_ints(m, n, "pads", MODEL_DIMS(1, 0, 0, 2)), attr_float(m, n, "value", 0.5f);
    n = model_node(m, "Pad", "x", "z");
    attr_ints(m, n, "pads", MODEL_DIMS(0, 2, 0, 1)), attr_text(m, n, "mode", "reflect");
    model_output(m, "y", 1), model_output(m, "z", 1);
}

CASE(case_pad_input)
{
    X(2, 3);
    model_ints(m, "pads", MODEL_DIMS(1, 0, 0, 2));
    model_scalar(m, "value", 0.5f);
    model_node(m, "Pad", "x,pads,value", "y");
    Onnx__NodeProto *n = model_node(m, "Pad", "x,pads", "z");
    attr_text(m, n, "mode", "edge");
    model_output(m, "y", 1), model_output(m, "z", 1);
}

CASE(case_pad_18)
{
    X(2, 3, 4);
    model_ints(m, "pads", MODEL_DIMS(1, 2)), model_ints(m, "axes", MODEL_DIMS(-1));
    model_node(m, "Pad", "x,pads,,axes", "y");
    model_output(m, "y", 1);
}

CASE(case_upsample_7)
{
    X(1, 2, 3, 4);
    Onnx__NodeProto *n = model_node(m, "Upsample", "x", "y");
    attr_floats(m, n, "scales", (float[]){1, 1, 2, 3}, 4), attr_text(m, n, "mode", "nearest");
    model_output(m, "y", 1);
}

CASE(case_upsample_9)
{
    X(1, 2, 3, 4);
    model_floats(m, "scales", (float[]){1, 1, 2, 2}, 4);
    Onnx__NodeProto *n = model_node(m, "Upsample", "x,scales", "y");
    attr_text(m, n, "mode", "linear");
    model_node(m, "Upsample", "x,scales", "z");
    model_output(m, "y", 1), model_output(m, "z", 1);
}

CASE(case_resize_10)
{
    X(1, 2, 4, 6);
    model_floats(m, "scales", (float[]){1, 1, 2, 0.5f}, 4);
    Onnx__NodeProto *n = model_node(m, "Resize", "x,scales", "y");
    attr_text(m, n, "mode", "linear");
    model_node(m, "Resize", "x,scales", "z");
    model_output(m, "y", 1), model_output(m, "z", 1);
}

CASE(case_resize_11)
{
    X(1, 2, 4, 6);
    model_floats(m, "roi", (float[]){0}, 0), model_floats(m, "scales", (float[]){1, 1, 2, 2}, 4), model_floats(m, "none", (float[]){0}, 0);
    model_ints(m, "sizes", MODEL_DIMS(1, 2, 7, 9));
    Onnx__NodeProto *n = model_node(m, "Resize", "x,roi,scales", "y");
    attr_text(m, n, "mode", "linear"), attr_text(m, n, "coordinate_transformation_mode", "pytorch_half_pixel");
    n = model_node(m, "Resize", "x,roi,none,sizes", "z");
    attr_text(m, n, "coordinate_transformation_mode", "align_corners"), attr_text(m, n, "mode", "linear");
    n = model_node(m, "Resize", "x,roi,scales", "v");
    attr_text(m, n, "coordinate_transformation_mode", "asymmetric"), attr_text(m, n, "nearest_mode", "floor");
    model_output(m, "y", 1), model_output(m, "z", 1), model_output(m, "v", 1);
}

CASE(case_dropout)
{
    X(2, 3);
    Onnx__NodeProto *n = model_node(m, "Dropout", "x", "a,mask");
    if (m->opset.version < 12) attr_float(m, n, "ratio", 0.3f);
    model_node(m, "Relu", "a", "y");
    model_output(m, "y", 1);
}

CASE(case_dropout_12)
{
    X(2, 3);
    uint8_t off = 0;
    model_scalar(m, "ratio", 0.3f);
    model_initializer(m, model_tensor(m, "training", 9, NULL, 0, &off, 1));
    model_node(m, "Dropout", "x,ratio,training", "y");
    model_output(m, "y", 1);
}

/* x -> Shape -> Gather -> Unsqueeze -> Concat -> Reshape, as PyTorch writes view(n, -1). */
CASE(case_shape_chain)
{
    X(2, 3, 4, 5);
    int64_t zero = 0;
    model_initializer(m, model_tensor(m, "zero", 7, NULL, 0, &zero, 8));
    model_ints(m, "axes", MODEL_DIMS(0));
    model_node(m, "Shape", "x", "s");
    model_node(m, "Gather", "s,zero", "n");
    Onnx__NodeProto *n = model_node(m, "Unsqueeze", m->opset.version < 13 ? "n" : "n,axes", "n1");
    if (m->opset.version < 13) attr_ints(m, n, "axes", MODEL_DIMS(0));
    n = model_node(m, "Constant", "", "minus");
    int64_t one = 1, minus = -1;
    model_attr(m, n, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t = model_tensor(m, "", 7, &one, 1, &minus, 8);
    n = model_node(m, "Concat", "n1,minus", "target");
    attr_int(m, n, "axis", 0);
    model_node(m, "Reshape", "x,target", "y");
    model_output(m, "y", 1);
}

CASE(case_shape_15)
{
    X(2, 3, 4, 5);
    Onnx__NodeProto *n = model_node(m, "Shape", "x", "s");
    attr_int(m, n, "start", 1), attr_int(m, n, "end", -1);
    n = model_node(m, "Constant", "", "minus");
    attr_ints(m, n, "value_ints", MODEL_DIMS(-1));
    n = model_node(m, "Concat", "minus,s", "target");
    attr_int(m, n, "axis", 0);
    model_node(m, "Reshape", "x,target", "y");
    model_output(m, "y", 1);
}

/* Weights that are computed: ConstantOfShape times a scalar, transposed; and nodes in the wrong order. */
CASE(case_computed_weights)
{
    X(2, 4);
    model_node(m, "MatMul", "x,wt", "y");
    Onnx__NodeProto *n = model_node(m, "Transpose", "w", "wt");
    attr_ints(m, n, "perm", MODEL_DIMS(1, 0));
    model_node(m, "Mul", "ones,half", "w");
    n = model_node(m, "ConstantOfShape", "dims", "ones");
    float three = 3;
    int64_t one = 1;
    model_attr(m, n, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t = model_tensor(m, "", 1, &one, 1, &three, 4);
    model_ints(m, "dims", MODEL_DIMS(5, 4));
    model_scalar(m, "half", 0.5f);
    model_output(m, "y", 1);
}

CASE(case_gemm)
{
    X(2, 4);
    model_weights(m, "w", false, MODEL_DIMS(3, 4)), model_weights(m, "c", false, MODEL_DIMS(3)),
        model_weights(m, "a", false, MODEL_DIMS(2, 5));
    Onnx__NodeProto *n = model_node(m, "Gemm", "x,w,c", "g");
    attr_int(m, n, "transB", 1), attr_float(m, n, "alpha", 0.5f), attr_float(m, n, "beta", 2);
    model_scalar(m, "zero", 0);
    n = model_node(m, "Gemm", m->opset.version < 11 ? "x,a,zero" : "x,a", "h");
    attr_int(m, n, "transA", 1);
    model_output(m, "g", 1), model_output(m, "h", 1);
}

CASE(case_activations)
{
    X(2, 3, 4);
    static const char *const types[] = {"Relu",     "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "Tanh",
                                        "Softplus", "Softsign",  "Abs", "Neg",  "Exp",     "Floor",       "Ceil"};
    char in[8] = "x", out[8];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        snprintf(out, sizeof out, "a%zu", i);
        model_node(m, types[i], in, out);
        model_output(m, out, 1);
    }
    model_weights(m, "slope", false, MODEL_DIMS(3, 1));
    model_node(m, "PRelu", "x,slope", "p");
    model_output(m, "p", 1);
}

CASE(case_hard_swish)
{
    X(2, 3, 4);
    model_node(m, "HardSwish", "x", "y");
    model_output(m, "y", 1);
}

/* Products that are activations, and two that only look like it. */
CASE(case_gates)
{
    X(2, 3, 4);
    model_node(m, "Sigmoid", "x", "a"), model_node(m, "Mul", "x,a", "swish");
    Onnx__NodeProto *n = model_node(m, "HardSigmoid", "swish", "b");
    attr_float(m, n, "alpha", 0.16666667f);
    model_node(m, "Mul", "b,swish", "hard");
    model_node(m, "HardSigmoid", "hard", "c"), model_node(m, "Mul", "hard,c", "plain"); /* slope 0.2 */
    model_node(m, "Sigmoid", "plain", "d"), model_node(m, "Mul", "x,d", "y");           /* of something else */
    model_node(m, "Sigmoid", "y", "seen"), model_node(m, "Mul", "y,seen", "z");         /* the gate is an output */
    model_output(m, "z", 1), model_output(m, "seen", 1);
}

CASE(case_layer_norm)
{
    X(2, 3, 4);
    model_weights(m, "s", true, MODEL_DIMS(3, 4)), model_weights(m, "b", false, MODEL_DIMS(3, 4));
    Onnx__NodeProto *n = model_node(m, "LayerNormalization", "x,s,b", "y");
    attr_int(m, n, "axis", 1), attr_float(m, n, "epsilon", 1e-2f);
    n = model_node(m, "LayerNormalization", "x,s", "z");
    attr_int(m, n, "axis", -2);
    model_output(m, "y", 1), model_output(m, "z", 1);
}

CASE(case_arithmetic)
{
    X(2, 3, 4);
    model_weights(m, "w", true, MODEL_DIMS(3, 1)), model_scalar(m, "two", 2);
    model_node(m, "Div", "x,w", "a"), model_node(m, "Sub", "two,a", "b"), model_node(m, "Max", "a,b,x", "c");
    model_node(m, "Sum", "a,b,c", "d"), model_node(m, "Mean", "a,d", "e"), model_node(m, "Greater", "e,a", "f");
    Onnx__NodeProto *n = model_node(m, "Cast", "f", "g");
    attr_int(m, n, "to", 1);
    model_node(m, "Mul", "g,e", "h"), model_node(m, "Pow", "h,two", "y");
    model_output(m, "y", 1), model_output(m, "e", 1);
}

CASE(case_movement)
{
    X(1, 4, 4, 6);
    Onnx__NodeProto *n = model_node(m, "SpaceToDepth", "x", "a");
    attr_int(m, n, "blocksize", 2);
    n = model_node(m, "DepthToSpace", "a", "b");
    attr_int(m, n, "blocksize", 2);
    n = model_node(m, "Transpose", "b", "c");
    attr_ints(m, n, "perm", MODEL_DIMS(0, 2, 3, 1));
    n = model_node(m, "Flatten", "c", "d");
    attr_int(m, n, "axis", 2);
    model_ints(m, "pick", MODEL_DIMS(3, 0, 3)), model_ints(m, "repeats", MODEL_DIMS(1, 2)), model_ints(m, "wide", MODEL_DIMS(2, 1, 1));
    n = model_node(m, "Gather", "d,pick", "e");
    attr_int(m, n, "axis", 1);
    model_node(m, "Tile", "e,repeats", "f");
    model_node(m, "Expand", "f,wide", "y");
    n = model_node(m, "ArgMax", "y", "z");
    attr_int(m, n, "axis", 2);
    model_output(m, "y", 1), model_output(m, "z", 7);
}

/* Weights by axis, biases and activations by one number; with a zero point and without. */
CASE(case_quantize)
{
    X(1, 4, 5, 6);
    model_scalar(m, "step", 0.02f);
    model_node(m, "QuantizeLinear", "x,step", "a");
    model_node(m, "DequantizeLinear", "a,step", "b");
    model_weights(m, "w", false, MODEL_DIMS(6, 4, 3, 3));
    model_weights(m, "steps", true, MODEL_DIMS(4));
    Onnx__NodeProto *n = model_node(m, "QuantizeLinear", "b,steps", "c");
    attr_int(m, n, "axis", 1);
    n = model_node(m, "DequantizeLinear", "c,steps", "d");
    attr_int(m, n, "axis", -3);
    model_node(m, "Conv", "d,w", "y");
    model_output(m, "y", 1), model_output(m, "b", 1);
}

CASE(case_norms)
{
    X(2, 6, 4, 5);
    model_weights(m, "s", true, MODEL_DIMS(6)), model_weights(m, "b", false, MODEL_DIMS(6));
    model_node(m, "InstanceNormalization", "x,s,b", "a");
    Onnx__NodeProto *n = model_node(m, "LRN", "a", "l");
    attr_int(m, n, "size", 3);
    n = model_node(m, "LpNormalization", "l", "y");
    attr_int(m, n, "axis", 1);
    model_output(m, "y", 1);
}

#undef X
#undef CASE

static const model_case model_cases[] = {
    {"clip_attr", 7, 10, case_clip_attr},
    {"clip_input", 11, 18, case_clip_input},
    {"conv_pads", 7, 18, case_conv_pads},
    {"conv_1d", 7, 18, case_conv_1d},
    {"batch_norm", 7, 18, case_batch_norm},
    {"pools", 7, 18, case_pools},
    {"pool_ceil", 10, 18, case_pool_ceil},
    {"softmax", 7, 12, case_softmax},
    {"softmax", 13, 18, case_softmax},
    {"squeeze_attr", 7, 12, case_squeeze_attr},
    {"squeeze_input", 13, 18, case_squeeze_input},
    {"reduce_attr", 7, 12, case_reduce_attr},
    {"reduce", 13, 17, case_reduce_13},
    {"reduce", 18, 18, case_reduce_18},
    {"split_attr", 7, 12, case_split_attr},
    {"split", 13, 18, case_split_13},
    {"split_uneven", 18, 18, case_split_18},
    {"slice_attr", 7, 9, case_slice_attr},
    {"slice_input", 10, 18, case_slice_input},
    {"pad_attr", 7, 10, case_pad_attr},
    {"pad_input", 11, 18, case_pad_input},
    {"pad_axes", 18, 18, case_pad_18},
    {"upsample", 7, 8, case_upsample_7},
    {"upsample", 9, 9, case_upsample_9},
    {"resize", 10, 10, case_resize_10},
    {"resize", 11, 18, case_resize_11},
    {"dropout", 7, 18, case_dropout},
    {"dropout", 12, 18, case_dropout_12},
    {"shape_chain", 7, 18, case_shape_chain},
    {"shape", 15, 18, case_shape_15},
    {"computed_weights", 9, 18, case_computed_weights},
    {"gemm", 7, 18, case_gemm},
    {"activations", 7, 18, case_activations},
    {"hard_swish", 14, 18, case_hard_swish},
    {"gates", 7, 18, case_gates},
    {"layer_norm", 17, 18, case_layer_norm},
    {"arithmetic", 9, 18, case_arithmetic},
    {"movement", 13, 18, case_movement},
    {"norms", 7, 18, case_norms},
    {"quantize", 13, 18, case_quantize},
};

enum { N_MODEL_CASES = sizeof model_cases / sizeof *model_cases };

#endif
