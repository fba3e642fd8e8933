// SPDX-License-Identifier: Apache-2.0
/* Private to format/onnx: from bytes to protobuf structures and tensors, and back. */
#ifndef FET_FORMAT_ONNX_WIRE_H
#define FET_FORMAT_ONNX_WIRE_H

#include "format/onnx/onnx.pb-c.h"
#include "graph/graph.h"

/* Unpacks a model after checking its nesting and counts. `name` is the file in messages. Free with fet_onnx_free. */
FET_MUST_CHECK fet_status fet_onnx_unpack(const void *data, size_t bytes, const char *name, Onnx__ModelProto **out_model);
void fet_onnx_free(Onnx__ModelProto *model);

/* ONNX TensorProto.DataType and ours; NONE / 0 for what the other side lacks. */
fet_dtype fet_onnx_dtype(int32_t data_type);
int32_t fet_onnx_data_type(fet_dtype dtype);
const char *fet_onnx_data_type_name(int32_t data_type);

/* The numbers of a tensor. Messages speak of `what` ("initializer \"conv1.weight\""). */
FET_MUST_CHECK fet_status fet_onnx_tensor(const Onnx__TensorProto *proto, const char *what, fet_tensor **out_tensor);

#endif
