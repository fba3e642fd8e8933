#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How good is a candidate of fettle, said by PyTorch:   evaluate.py DATA MODEL.onnx REQUEST.json

Trains MODEL for the request's budget with the weights it comes with (fettle gives a candidate those of the base), writes the trained weights back
into MODEL where fettle keeps them (fidelities "base" and "full"), and prints one line: {"quality": 0.87, "loss": 0.41}.
DATA is a folder of IDX files, as Fashion-MNIST comes, or made:N, N images of stripes for a try without any data."""
import gzip
import json
import math
import os
import sys

import numpy
import torch
from torch.nn import functional

from onnx_torch import Model

BATCH, RATE = 64, 0.05


def read_idx(path):
    data = gzip.open(path + '.gz').read() if os.path.exists(path + '.gz') else open(path, 'rb').read()
    dims = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], 'big') for i in range(data[3])]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * len(dims)).reshape(dims)


def made(count, seed):
    """Horizontal, vertical or diagonal stripes under noise."""
    random = numpy.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    y, x = numpy.mgrid[0:12, 0:12] // 2
    patterns = numpy.stack([x % 2, y % 2, (x + y) % 2])
    return (30 + 30 * patterns[labels] + random.integers(0, 190, (count, 12, 12))).astype(numpy.uint8), labels


def load(where, split):
    """val is the last tenth of the training data; only "test" looks at the test data."""
    if where.startswith('made:'):
        images, labels = made(int(where[5:]), {'train': 1, 'val': 2, 'test': 3}[split])
    else:
        name = 't10k' if split == 'test' else 'train'
        images, labels = read_idx(f'{where}/{name}-images-idx3-ubyte'), read_idx(f'{where}/{name}-labels-idx1-ubyte')
        cut = len(images) * 9 // 10
        images, labels = {'train': (images[:cut], labels[:cut]), 'val': (images[cut:], labels[cut:]), 'test': (images, labels)}[split]
    return torch.from_numpy(images.astype(numpy.float32) / 255).unsqueeze(1), torch.from_numpy(labels.astype(numpy.int64))


def train(model, where, epochs, seed):
    images, labels = load(where, 'train')
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(model.train_weights(), RATE, momentum=0.9, nesterov=True, weight_decay=1e-4)
    steps, loss = math.ceil(epochs * len(images) / BATCH), None
    order = torch.cat([torch.randperm(len(images)) for _ in range(math.ceil(epochs) + 1)])
    model.train()
    for step in range(steps):
        optimizer.param_groups[0]['lr'] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        batch = order[step * BATCH:(step + 1) * BATCH]
        loss = functional.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f'step {step} of {steps}, loss {loss.item():.3f}', file=sys.stderr)
    return 0.0 if loss is None else loss.item()


def accuracy(model, where, split):
    images, labels = load(where, split)
    model.eval()
    with torch.no_grad():
        right = sum((model(images[i:i + 256]).argmax(1) == labels[i:i + 256]).sum().item() for i in range(0, len(images), 256))
    return right / len(images)


def main():
    where, path = sys.argv[1:3]
    request = json.load(open(sys.argv[3]))
    torch.set_num_threads(1)  # fettle runs one evaluator a core
    model = Model(path)
    metrics = {}
    if request['split'] != 'test':
        metrics['loss'] = train(model, where, request['budget']['epochs'], request['seed'])
        if request['fidelity'] in ('base', 'full'):
            model.save()
    metrics['quality'] = accuracy(model, where, request['split'])
    print(json.dumps(metrics))


if __name__ == '__main__':
    main()
