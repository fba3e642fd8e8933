#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Estimators on kernels that others recorded. Usage: recorded.py BENCH_BINARY SHARED [OUT]

1. convolutions recorded on a V100 in fp16 (SHARED/bench/devices/v100_conv_fp16.txt, all valid rows): a random 80/20 split, and a split by channel
   counts that were never fitted; against a random forest on nn-Meter's features on the same splits. Exit code 1 unless better on both.
2. 10, 30, 100 and 300 kernels of a new device with another device's estimator as prior, against none: Ethos-U55-256 from -128 (Vela's cycles), and,
   where the host's kernel tables hold enough, the host in int8 from the host in f32. Errors in a table, and drawn into OUT/fewshot.svg.
3. speed (bench_estimator_recorded speed). Exit code 77 (skipped) without SHARED or python3-sklearn."""
import csv
import math
import pathlib
import platform
import random
import subprocess
import sys
import tempfile
import time

FOREST_TREES = 100  # nn-Meter uses 240 to 690; each more costs time and changes the share by tenths of a point
DEBIAN_PYTHON = '/usr/bin/python3'  # whose sklearn is Debian's
CLOCK_MHZ = 500     # of Ethos-U55, to make milliseconds of cycles


def cpu():
    for line in open('/proc/cpuinfo'):
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def flags():
    words = next((line.split(':', 1)[1].split() for line in open('/proc/cpuinfo') if line.startswith('flags')), [])
    return ' '.join(word for word in ('avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_int8') if word in words)


def read_v100(path):
    """{Regular|Depthwise,batch,cin,h,w,cout,k,s,add} ms; -1 ms: it did not run."""
    rows = []
    for line in path.read_text().splitlines():
        shape, ms = line.split('} ')
        kind, *numbers = shape[1:].split(',')
        batch, cin, h, w, cout, k, s, add = map(int, numbers)
        if float(ms) > 0:
            rows.append((batch, cin, cout, h, w, k, s, cin if kind == 'Depthwise' else 1, add, float(ms)))
    return rows


def write_csv(path, header, rows):
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(header.split(','))
        writer.writerows(rows)


def random_split(rows):
    draw = random.Random(1)
    return [int(draw.random() < 0.2) for _ in rows]


def unseen_channels(rows):
    """Channel counts are held out, one after the other, until a fifth of the rows has one as input or output."""
    draw = random.Random(1)
    counts = sorted({row[1] for row in rows} | {row[2] for row in rows})
    draw.shuffle(counts)
    held, left = set(), 0
    for count in counts:
        share = sum(1 for row in rows if {row[1], row[2]} & (held | {count})) / len(rows)
        if share < 0.25:
            held.add(count)
            left = share
        if left >= 0.2:
            break
    return [int(bool({row[1], row[2]} & held)) for row in rows]


def forest(rows, split):
    """nn-Meter: a forest a kind of kernel, on HW, Cin, Cout, K, S, MFLOPs, Mparams (and batch and the fused add, which its data did not have)."""
    import numpy
    from sklearn.ensemble import RandomForestRegressor
    batch, cin, cout, h, w, k, s, group, add, ms = numpy.array(rows).T
    test = numpy.array(split, dtype=bool)
    out = numpy.floor((h + 2 * (k // 2) - k) / s) + 1
    mflops, mparams = 2e-6 * batch * out * out * cout * cin / group * k * k, 1e-6 * (cout * cin / group * k * k + cout)
    features = numpy.stack([h, cin, cout, k, s, mflops, mparams, batch, add], 1)
    guess = numpy.zeros(len(ms))
    for kind in (group > 1, group == 1):
        model = RandomForestRegressor(FOREST_TREES, max_features=7, max_depth=50, n_jobs=1, random_state=1)
        model.fit(features[kind & ~test], ms[kind & ~test])
        guess[kind & test] = model.predict(features[kind & test])
    error = numpy.abs(guess[test] / ms[test] - 1)
    return (error <= 0.05).mean(), (error <= 0.1).mean(), error.mean()


def run(binary, *arguments):
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        print(f'  {arguments[0]}: {done.stderr.strip()}')
    return done.stdout if done.returncode == 0 else None


def recorded_splits(binary, shared, folder):
    source = shared / 'bench/devices/v100_conv_fp16.txt'
    if not source.exists():
        print(f'V100: skipped, {source} is not here')
        return True
    rows, table, good = read_v100(source), folder / 'v100.csv', True
    write_csv(table, 'batch,cin,cout,h,w,k,s,group,add,latency_ms,op,precision', [(*row, 'conv', 'fp16') for row in rows])
    print(f'V100, fp16, {len(rows)} recorded convolutions, all used; shares estimated to within 10 % (5 %), mean error:')
    for name, make in (('random 80/20', random_split), ('unseen channel counts', unseen_channels)):
        split = make(rows)
        (folder / 'split').write_text(''.join(f'{one}\n' for one in split))
        result = run(binary, 'split', table, folder / 'split')
        if result is None:
            return False
        fitted, left, within_5, within_10, mape, _, seconds = map(float, result.split())
        start = time.process_time()
        theirs = forest(rows, split)
        print(f'  {name:22} {fitted:.0f} fitted, {left:.0f} estimated: ours {100 * within_10:.1f} % ({100 * within_5:.1f} %), {100 * mape:.2f} %, {seconds:.0f} s; '
              f'random forest, nn-Meter features {100 * theirs[1]:.1f} % ({100 * theirs[0]:.1f} %), {100 * theirs[2]:.2f} %, {time.process_time() - start:.0f} s',
              flush=True)
        good &= within_10 > theirs[1]
    return good


def write_vela(path, device, out):
    rows = []
    for row in csv.DictReader(open(path)):
        if row['accel'] == device:
            group = row['cin'] if row['kind'] == 'dw' else 1
            rows.append(('conv', 'int8', row['cin'], row['cout'], row['h'], row['w'], row['k'], row['s'], group, float(row['total']) / CLOCK_MHZ / 1e3))
    write_csv(out, 'op,precision,cin,cout,h,w,k,s,group,latency_ms', rows)


def few_shot(binary, shared, folder):
    pairs, series = [], []
    source = shared / 'bench/devices/vela_u55_layers.csv'
    if source.exists():
        for device in ('ethos-u55-256', 'ethos-u55-128'):
            write_vela(source, device, folder / f'{device}.csv')
        pairs.append(('Ethos-U55-256 from -128 (Vela)', folder / 'ethos-u55-256.csv', folder / 'ethos-u55-128.csv'))
    else:
        print(f'Vela: skipped, {source} is not here')
    pairs.append(('host int8 from host f32', 'host:int8', 'host:f32'))
    for name, new, prior in pairs:
        print(f'{name}: error on kernels that were left out, mean of 5 draws (a kernel without a model counts as 100 %)')
        text = run(binary, 'fewshot', new, prior, 5)
        points = [tuple(map(float, line.split())) for line in (text or '').splitlines()]
        for n, without, prior_error, share_without, share_with, *_ in points:
            print(f'  {n:4.0f} kernels: MAPE {100 * without:6.2f} % alone, {100 * prior_error:6.2f} % with prior; within 10 %: {100 * share_without:5.1f} % alone, '
                  f'{100 * share_with:5.1f} % with prior', flush=True)
        if points:
            series.append((name, points))
    return series


def draw(series, path):
    left, top, width, height, colours = 70, 40, 520, 320, ('#1b6ca8', '#d1495b', '#3a7d44')
    most = max(100 * max(point[1:3]) for _, points in series for point in points)
    low = min(100 * min(point[1:3]) for _, points in series for point in points) * 0.8

    def x(n):
        return left + width * math.log(n / 10) / math.log(30)

    def y(error):
        return top + height * math.log(1.2 * most / error) / math.log(1.2 * most / low)
    out = [f"<svg xmlns='http://www.w3.org/2000/svg' width='{left + width + 60}' height='{top + height + 110}' font-family='sans-serif' font-size='12'>",
           "<rect width='100%' height='100%' fill='white'/>", "<text x='20' y='22' font-size='15'>Few kernels of a new device: mean error, %</text>"]
    for n in (10, 30, 100, 300):
        out.append(f"<line x1='{x(n):.1f}' x2='{x(n):.1f}' y1='{top}' y2='{top + height}' stroke='#ddd'/><text x='{x(n):.1f}' y='{top + height + 18}' text-anchor='middle'>{n}</text>")
    for tick in (1, 2, 5, 10, 20, 50, 100):
        if low <= tick <= 1.2 * most:
            out.append(f"<line x1='{left}' x2='{left + width}' y1='{y(tick):.1f}' y2='{y(tick):.1f}' stroke='#ddd'/><text x='{left - 8}' y='{y(tick) + 4:.1f}' text-anchor='end'>{tick}</text>")
    out.append(f"<text x='{left + width / 2}' y='{top + height + 36}' text-anchor='middle'>kernels measured</text>")
    for i, (name, points) in enumerate(series):
        for column, dash, what in ((1, " stroke-dasharray='5 4'", 'alone'), (2, '', 'with prior')):
            line = ' '.join(f'{x(point[0]):.1f},{y(100 * point[column]):.1f}' for point in points)
            out.append(f"<polyline fill='none' stroke-width='2' stroke='{colours[i]}'{dash} points='{line}'/>")
            row = top + height + 58 + 18 * i
            at = left if column == 1 else left + 280
            out.append(f"<line x1='{at}' x2='{at + 26}' y1='{row}' y2='{row}' stroke-width='2' stroke='{colours[i]}'{dash}/><text x='{at + 32}' y='{row + 4}'>{name}, {what}</text>")
    path.write_text('\n'.join(out) + '\n</svg>\n')
    print(f'drawn: {path}')


def main():
    binary, shared = sys.argv[1], pathlib.Path(sys.argv[2])
    try:
        import sklearn  # noqa: F401
    except ImportError:
        if sys.executable != DEBIAN_PYTHON and pathlib.Path(DEBIAN_PYTHON).exists():
            return subprocess.run([DEBIAN_PYTHON, *sys.argv]).returncode
        print('skipped: no python3-sklearn')
        return 77
    if not (shared / 'bench/devices').exists():
        print(f'skipped: {shared}/bench/devices is not here')
        return 77
    print(f'{cpu()}; {flags()}')
    with tempfile.TemporaryDirectory(prefix='fettle-bench-') as name:
        folder = pathlib.Path(name)
        good = recorded_splits(binary, shared, folder)
        series = few_shot(binary, shared, folder)
        if series:
            out = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else '.')
            out.mkdir(parents=True, exist_ok=True)
            draw(series, out / 'fewshot.svg')
    speed = subprocess.run([binary, 'speed'], text=True)
    return 0 if good and speed.returncode == 0 else 1


if __name__ == '__main__':
    sys.exit(main())
