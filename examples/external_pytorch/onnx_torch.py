# SPDX-License-Identifier: Apache-2.0
"""An ONNX file as a PyTorch module, and its trained weights back into the file. PyTorch 1.13 writes ONNX but does not read it; the operators of
small image classifiers are few, so here they are. A file is protobuf: tags and lengths, read below in twenty lines; weights go back in place,
because training changes no shape."""
import struct

import numpy
import torch
from torch.nn import functional


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _fields(data, at, end):
    """Yields (number, value, offset): a varint or 32/64-bit value as an int, a length-delimited one as (begin, end)."""
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif kind == 2:
            length, at = _varint(data, at)
            yield tag >> 3, (at, at + length)
            at += length
        else:
            size = 4 if kind == 5 else 8
            yield tag >> 3, int.from_bytes(data[at:at + size], 'little')
            at += size


def _text(data, span):
    return bytes(data[span[0]:span[1]]).decode()


def _signed(value):
    return value - (1 << 64) if value >> 63 else value


def _packed(data, value):
    """Integers, written one by one or packed."""
    if not isinstance(value, tuple):
        return [_signed(value)]
    at, numbers = value[0], []
    while at < value[1]:
        number, at = _varint(data, at)
        numbers.append(_signed(number))
    return numbers


class Model(torch.nn.Module):
    """model = Model('m.onnx'); model(images) -> logits; model.save() writes the parameters and running statistics back into m.onnx."""

    def __init__(self, path):
        super().__init__()
        self.path, self.data = path, bytearray(open(path, 'rb').read())
        self.nodes, self.places, self.constants = [], {}, {}
        graph = next(v for n, v in _fields(self.data, 0, len(self.data)) if n == 7)
        self.inputs, self.outputs = [], []
        for number, value in _fields(self.data, *graph):
            if number == 1:
                self._node(value)
            elif number == 5:
                self._tensor(value)
            elif number in (11, 12):
                names = self.inputs if number == 11 else self.outputs
                names.append(_text(self.data, next(v for n, v in _fields(self.data, *value) if n == 1)))
        self.inputs = [name for name in self.inputs if name not in self.places and name not in self.constants]

    def _tensor(self, span):
        dims, dtype, name, raw = [], 1, '', None
        for number, value in _fields(self.data, *span):
            if number == 1:
                dims += _packed(self.data, value)
            elif number == 2:
                dtype = value
            elif number == 8:
                name = _text(self.data, value)
            elif number == 9:
                raw = value
        numbers = numpy.frombuffer(self.data[raw[0]:raw[1]], {1: '<f4', 7: '<i8'}[dtype]).reshape(dims)
        if dtype == 7:
            self.constants[name] = numbers.tolist()
        else:
            self.places[name] = raw
            self.register_buffer(self._key(name), torch.from_numpy(numbers.copy()))

    def _node(self, span):
        inputs, outputs, op, attributes = [], [], '', {}
        for number, value in _fields(self.data, *span):
            if number == 1:
                inputs.append(_text(self.data, value))
            elif number == 2:
                outputs.append(_text(self.data, value))
            elif number == 4:
                op = _text(self.data, value)
            elif number == 5:
                self._attribute(value, attributes)
        if not hasattr(self, 'op_' + op):
            raise SystemExit(f'{self.path}: operator {op} is not among those of onnx_torch.py')
        self.nodes.append((op, inputs, outputs, attributes))

    def _attribute(self, span, attributes):
        name, value = '', None
        for number, field in _fields(self.data, *span):
            if number == 1:
                name = _text(self.data, field)
            elif number == 2:
                value = struct.unpack('<f', field.to_bytes(4, 'little'))[0]
            elif number == 3:
                value = _signed(field)
            elif number == 4:
                value = _text(self.data, field)
            elif number == 8:
                value = (value or []) + _packed(self.data, field)
        attributes[name] = value

    @staticmethod
    def _key(name):
        return 'p_' + name.replace('.', '_').replace('/', '_').replace(':', '_')

    def train_weights(self):
        """Everything but running statistics learns."""
        statistics = {name for op, inputs, _, _ in self.nodes if op == 'BatchNormalization' for name in inputs[3:5]}
        weights = [getattr(self, self._key(name)) for name in self.places if name not in statistics]
        for weight in weights:
            weight.requires_grad_(True)
        return weights

    def forward(self, images):
        values = {self.inputs[0]: images, **{name: getattr(self, self._key(name)) for name in self.places}, **self.constants}
        for op, inputs, outputs, attributes in self.nodes:
            values[outputs[0]] = getattr(self, 'op_' + op)([values[name] if name else None for name in inputs], attributes)
        return values[self.outputs[0]]

    def save(self):
        for name, (begin, end) in self.places.items():
            self.data[begin:end] = getattr(self, self._key(name)).detach().numpy().astype('<f4').tobytes()
        with open(self.path, 'wb') as file:
            file.write(self.data)

    def op_Conv(self, x, a):
        top, left, bottom, right = a.get('pads', [0, 0, 0, 0])
        image = functional.pad(x[0], (left, right, top, bottom)) if (top, left) != (bottom, right) else x[0]
        padding = (top, left) if image is x[0] else 0
        return functional.conv2d(image, x[1], x[2] if len(x) > 2 else None, a.get('strides', 1), padding, a.get('dilations', 1), a.get('group', 1))

    def op_BatchNormalization(self, x, a):
        return functional.batch_norm(x[0], x[3], x[4], x[1], x[2], self.training, 0.1, a.get('epsilon', 1e-5))

    def op_Gemm(self, x, a):
        weights = x[1] if a.get('transB', 0) else x[1].t()
        return functional.linear(x[0], weights, x[2] if len(x) > 2 else None)

    def op_Clip(self, x, a):
        return torch.clamp(x[0], x[1].item(), x[2].item())

    def op_Relu(self, x, a):
        return functional.relu(x[0])

    def op_HardSwish(self, x, a):
        return functional.hardswish(x[0])

    def op_Add(self, x, a):
        return x[0] + x[1]

    def op_GlobalAveragePool(self, x, a):
        return x[0].mean((2, 3), keepdim=True)

    def op_Flatten(self, x, a):
        return x[0].flatten(a.get('axis', 1))
