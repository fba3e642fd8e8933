#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Training speed of our engine against PyTorch (Debian's python3-torch): the same network, batch and one thread, in turns within one run.
Prints both absolute figures (images a processor second: medians over all steps) and their ratio, the median of the ratios of neighbouring rounds.
PyTorch runs in its best layout, found in the same run.   Usage: train_vs_torch.py BENCH_TRAIN_STEP [ROUNDS [BATCH]]"""
import os
import re
import statistics
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
BARS = {"f32": 1.9, "bf16": 1.8}
STEPS = 3  # of one turn
NETWORKS = {  # as in train_step.c: input channels, stem, (in, out, stride, fused) a block
    "ibn": (1, 24, [(24, 24, 1, 0), (24, 24, 1, 0), (24, 40, 2, 0), (40, 40, 1, 0), (40, 40, 1, 0), (40, 80, 2, 0), (80, 80, 1, 0)]),
    "mixed": (3, 16, [(16, 24, 2, 1), (24, 24, 1, 1), (24, 48, 2, 0), (48, 48, 1, 0)]),
}

try:
    import torch
    from torch import nn
except ImportError:
    print("train_vs_torch: skipped, PyTorch is not there: apt-get install python3-torch")
    sys.exit(77)


def conv_bn(inner, outer, kernel, stride, groups, relu):
    layers = [nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outer)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class Block(nn.Module):
    def __init__(self, inner, outer, stride, fused):
        super().__init__()
        hidden = inner * 4
        first = [] if fused else [conv_bn(inner, hidden, 1, 1, 1, True)]
        self.path = nn.Sequential(*first, conv_bn(inner if fused else hidden, hidden, 3, stride, 1 if fused else hidden, True),
                                  conv_bn(hidden, outer, 1, 1, 1, False))
        self.residual = stride == 1 and inner == outer

    def forward(self, x):
        return self.path(x) + x if self.residual else self.path(x)


class Torch:
    """One network, type and layout, trained step by step on numbers of its own."""

    def __init__(self, network, dtype, batch, channels_last):
        torch.manual_seed(1)
        channels, stem, blocks = NETWORKS[network]
        self.model = nn.Sequential(conv_bn(channels, stem, 3, 1, 1, True), *(Block(*b) for b in blocks), conv_bn(blocks[-1][1], 192, 1, 1, 1, True),
                                   nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(192, 10))
        self.images, self.labels = torch.randn(batch, channels, 28, 28), torch.randint(0, 10, (batch,))
        if channels_last:
            self.model, self.images = self.model.to(memory_format=torch.channels_last), self.images.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4)
        self.half = dtype == "bf16"

    def steps(self, n):
        seconds = []
        for _ in range(n):
            start = time.thread_time()
            self.optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
                loss = nn.functional.cross_entropy(self.model(self.images), self.labels)
            loss.backward()
            self.optimizer.step()
            seconds.append(time.thread_time() - start)
        return seconds


class Ours:
    def __init__(self, program, network, dtype, batch):
        self.process = subprocess.Popen([program, network, dtype, str(batch)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.process.stdout.readline().strip()

    def steps(self, n):
        self.process.stdin.write(f"{n}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"train_vs_torch: our side ended with exit code {self.process.wait()}")
        return [float(s) for s in line.split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compare(program, network, dtype, batch, rounds):
    ours = Ours(program, network, dtype, batch)
    layouts = {"default": Torch(network, dtype, batch, False), "channels_last": Torch(network, dtype, batch, True)}
    for side in (ours, *layouts.values()):
        side.steps(2)  # primitives, caches
    layout = min(layouts, key=lambda name: statistics.median(layouts[name].steps(STEPS)))
    pairs = [(ours.steps(STEPS), layouts[layout].steps(STEPS)) for _ in range(rounds)]
    ours.close()
    ratio = statistics.median(statistics.median(t) / statistics.median(o) for o, t in pairs)
    speed = [batch / statistics.median(s for pair in pairs for s in pair[side]) for side in (0, 1)]
    # Forward, and backward by data and by weights: three times the MACs. In f32 no convolution computed directly is faster than a product.
    mmacs, gflops = (float(n) for n in re.match(r"([\d.]+) MMACs an image, sgemm (\d+)", ours.about).groups())
    share = [6e-3 * mmacs * s / gflops for s in (speed[0], BARS[dtype] * speed[1])]
    reached = f"   of sgemm's rate ours {100 * share[0]:.0f} %, the bar {100 * share[1]:.0f} %" if dtype == "f32" else ""
    print(f"{network:6} {dtype:5} ours {speed[0]:7.0f} images/s   PyTorch {speed[1]:7.0f} images/s ({layout})   ratio {ratio:.2f}"
          f"   bar {BARS[dtype]} {'reached' if ratio >= BARS[dtype] else 'missed'}{reached}   ({ours.about})", flush=True)


def cpu():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown processor")


def main():
    program, rounds, batch = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9, int(sys.argv[3]) if len(sys.argv) > 3 else 64
    torch.set_num_threads(1)
    print(f"{cpu()}; PyTorch {torch.__version__}; one thread, batch {batch}, {rounds} rounds of {STEPS} steps in turns, processor time, seed 1")
    for network in NETWORKS:
        for dtype in ("f32", "bf16"):
            compare(program, network, dtype, batch, rounds)


if __name__ == "__main__":
    main()
