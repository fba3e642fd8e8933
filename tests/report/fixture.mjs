// SPDX-License-Identifier: Apache-2.0
// TEST DATA, not results: a document of the shape and size of a real one, from a fixed seed. The searches' points follow a made-up law (wider and
// fused networks are more accurate, curation makes steps), so that fronts and curves look as they do in life. Usage: node fixture.mjs > document.json
let state = 7;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const figure = (value, unit, source, extra) => ({ value, unit, source, ...extra });
export const HOSTILE = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2"> & "quoted" \u2028';

const BLOCKS = ['stem', ...[1, 2, 3].flatMap((s) => [0, 1, 2].map((b) => `stage${s}.block${b}`)), 'head'];
const SIZE = { stem: 28, 1: 28, 2: 14, 3: 7, head: 7 };
const sizeOf = (block) => SIZE[block] ?? SIZE[block[5]];

function layers(fused, scale) {
    return BLOCKS.flatMap((block) => {
        const size = sizeOf(block), us = (size === 28 ? 16 : size === 14 ? 9 : 6) * scale;
        const kernel = (name, k, share, macs) => ({ name: `${block}.${name}`, block, kernel: `conv s8 1x32x${size}x${size}>96x${size}x${size} k${k}x${k} s1x1 p1,1,1,1 g1 clip+bias`, macs, us: us * share * (0.9 + 0.2 * random()), spread: 0.01 + 0.02 * random(), source: 'measured' });
        if (block === 'stem' || block === 'head') return [kernel('conv', 3, 0.8, 4e5)];
        if (fused && size === 28) return [kernel('fused', 3, 0.55, 2.1e6), kernel('project', 1, 0.22, 3e5)];
        return [kernel('expand', 1, 0.35, 4e5), kernel('depthwise', 3, 0.45, 1e5), kernel('project', 1, 0.2, 3e5)];
    });
}

function trial(series, number, fused, width, seconds) {
    const f = fused ? [...Array(9)].map(() => Math.round(random())) : Array(9).fill(0);
    const drift = Math.min(1, number / 40), w = width ? [0, 1, 2].map(() => 0.5 + random() * (1 - 0.4 * drift)) : [1, 1, 1];
    const mean = w.reduce((a, b) => a + b) / 3, gain = f.slice(0, 3).reduce((a, b) => a + b) / 3 - 0.5 * (f.slice(6).reduce((a, b) => a + b) / 3);
    const ms = 0.186 * mean ** 1.2 * (1 - 0.3 * gain) * (1 + 0.01 * normal());
    const quality = 0.900 + 0.014 * Math.log(mean + 0.1) + 0.004 * gain + 0.004 * drift + 0.0035 * normal();
    const failed = series === 'V2' && number === 17;
    const description = [...f.map((x, i) => x && `stage${1 + Math.floor(i / 3)}.block${i % 3}=fused`), ...w.map((x, i) => x !== 1 && `stage${i + 1}.width=${16 * Math.round(x * [2, 4, 6][i])}`)].filter(Boolean).join(' ');
    return {
        series, number, genome: [...f, ...w.map((x) => Math.round(x * 8) - 4)].join('-'), fidelity: 'short', variant: series, attempts: 1, violation: ms > 0.22 ? 0.1 : 0,
        description: series === 'V3' && number === 5 ? HOSTILE : description, state: failed ? 'failed' : 'done', reason: failed ? 'batch 31: the loss is not a number' : '', file: '',
        started_s: seconds - 4, finished_s: seconds, cpu_s: 3.6 + 0.5 * random(), front: false,
        figures: failed ? {} : { val_device_accuracy: figure(number === 9 ? 0.31 : quality, 'share', 'quantised'), train_loss: figure(0.4 + 0.1 * random(), 'nats', 'trained'), latency: figure(ms, 'ms', 'kernel sum'), peak_memory: figure(Math.round(50176 * (0.8 + 0.4 * mean)), 'bytes', 'planned'), params: figure(Math.round(181000 * mean * mean * (1 + f.reduce((a, b) => a + b) / 6)), 'bytes', 'counted'), macs: figure(Math.round(9.1e6 * mean * (1 + f.reduce((a, b) => a + b) / 3)), 'macs', 'counted') },
    };
}

const variant = (name, fused_search, width_search, ms, predicted, val, test, test8, more) => ({
    name, fused_search, width_search, file: `front/${name}.onnx`, latency: figure(ms, 'ms', 'measured', { spread: 0.012 + 0.01 * random() }), latency_predicted: figure(predicted, 'ms', 'kernel sum'),
    reduction: figure(1 - ms / 0.1834, 'share', 'measured'), val: figure(val, 'share', 'quantised'), test: figure(test, 'share', 'trained', { interval: [test - 0.0056, test + 0.0053] }),
    test_int8: figure(test8, 'share', 'quantised', { interval: [test8 - 0.0056, test8 + 0.0053] }), macs: figure(9.1e6, 'macs', 'counted'), peak_memory: figure(50176, 'bytes', 'planned'), params: figure(181442, 'bytes', 'counted'), ...more,
});

export function document() {
    let seconds = 95;
    const trials = [...Array(48).keys()].flatMap((n) => [['V1', true, false], ['V2', false, true], ['V3', true, true]].map(([s, f, w]) => trial(s, n, f, w, (seconds += 2))));
    const finalists = ['V1', 'V2', 'V3'].flatMap((series, v) => trials.filter((t) => t.series === series && t.state === 'done').sort((a, b) => b.figures.val_device_accuracy.value - a.figures.val_device_accuracy.value).slice(0, 3)
        .map((t, i) => ({ ...t, series: 'finalists', number: v * 3 + i, fidelity: 'full', variant: series, file: `front/${series}-${i}.onnx`, finished_s: (seconds += 20), cpu_s: 41, figures: { ...t.figures, val_device_accuracy: figure(t.figures.val_device_accuracy.value + 0.012 + 0.001 * normal(), 'share', 'quantised') } })));
    return {
        title: 'TEST DATA: Fashion-MNIST on host', created: '2026-01-02T03:04:05Z', seed: 1, quantised_label: 'int8',
        machine: { device: 'host int8 avx512_core_amx', cpu: 'Example(R) CPU, 2.1 GHz', cores: 2, memory_bytes: 25769803776, isa: 'avx512_core_amx', precision: 'int8' },
        versions: { fettle: '0.1.0', oneDNN: '2.6.3', SQLite: '3.40.1', compiler: 'gcc 12.2' },
        job: 'task:\n  kind: classify\n  data: {kind: idx, path: /usr/share/datasets/fashion-mnist}\nbase: {template: ibn_classifier, input: 1x28x28}   # </script> & <b>\ndevice: {name: host, precision: int8}\ngoal: {maximise: quality, minimise: [latency]}\nsearch: {strategy: local, trials: 48, seed: 1}\n',
        objectives: [{ figure: 'val_device_accuracy', label: 'Accuracy on val, int8', direction: 'max', unit: 'share' }, { figure: 'latency', label: 'Latency', direction: 'min', unit: 'ms' }],
        constraints: ['latency <= 120% of the base'], base: 'baseline', chosen: 'V3', notes: ['TEST DATA: none of these figures was measured.'],
        chosen_reason: "The fastest network whose int8 test accuracy (91.42%, 95% interval 90.86 to 91.95) is within 0.3 points of the base's (91.55%, 90.99 to 92.08).",
        searches: [{ name: 'V1', label: 'fused-IBN search' }, { name: 'V2', label: 'width search' }, { name: 'V3', label: 'fused-IBN and width search' }],
        variants: [
            variant('baseline', false, false, 0.1834, 0.1861, 0.9147, 0.9161, 0.9155, { genome: '0-0-0-0-0-0-0-0-0-4-4-4', description: '' }),
            variant('V1', true, false, 0.1521, 0.1498, 0.9158, 0.9168, 0.9159, { genome: '1-1-1-0-0-0-0-0-0-4-4-4', description: 'stage1.block0=fused stage1.block1=fused stage1.block2=fused', params: figure(214990, 'bytes', 'counted') }),
            variant('V2', false, true, 0.1187, 0.1203, 0.9131, 0.9149, 0.9138, { genome: '0-0-0-0-0-0-0-0-0-2-1-1', description: 'stage1.width=16 stage2.width=48 stage3.width=64', params: figure(97120, 'bytes', 'counted'), peak_memory: figure(37632, 'bytes', 'planned') }),
            variant('V3', true, true, 0.0938, 0.0917, 0.9139, 0.9151, 0.9142, { genome: '1-1-1-0-0-0-0-0-0-2-2-1', description: 'stage1.block0=fused stage1.block1=fused stage1.block2=fused stage1.width=16 stage2.width=48 stage3.width=64', params: figure(118016, 'bytes', 'counted'), peak_memory: figure(37632, 'bytes', 'planned'), macs: figure(1.52e7, 'macs', 'counted') }),
        ],
        layers: { base: layers(false, 1), chosen: layers(true, 0.62) },
        latency_check: [['baseline', 0.1861, 0.1834], ['V3-7', 0.0917, 0.0938], ['V3-8', 0.0989, 0.1002], ['V1-1', 0.1498, 0.1521], ['V2-4', 0.1203, 0.1187]].map(([label, predicted_ms, measured_ms]) => ({ label, predicted_ms, measured_ms, spread: 0.012 })),
        spent: { wall_s: 612, cores: 2, watts_per_core: 10 },
        trials: [{ series: 'base', number: 0, genome: '', fidelity: 'base', variant: 'base', state: 'done', reason: '', attempts: 1, file: 'trials/base-0.safetensors', started_s: 0, finished_s: 90, cpu_s: 88, front: false, figures: { val_accuracy: figure(0.9151, 'share', 'trained') } }, ...trials, ...finalists],
    };
}

if (process.argv[1]?.endsWith('fixture.mjs')) console.log(JSON.stringify(document()));
