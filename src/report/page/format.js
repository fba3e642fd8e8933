// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them, always with their unit; and where they came from.

export const NONE = '–';
const NB = '\u00a0'; // a number and its unit stay on one line

function significant(value, digits) {
    if (value === 0) return '0';
    const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
    return value.toFixed(Math.min(decimals, 8));
}

function scaled(value, steps) {
    for (const [limit, divisor, unit] of steps) if (Math.abs(value) < limit) return `${significant(value / divisor, 3)}${NB}${unit}`;
    return NONE;
}

// Bytes are decimal, as in the job file: 1 KB = 1000 bytes.
const UNITS = {
    share: (v) => `${(v * 100).toFixed(2)}${NB}%`,
    ms: (v) => (Math.abs(v) < 1 ? `${significant(v * 1000, 3)}${NB}µs` : `${significant(v, 3)}${NB}ms`),
    us: (v) => `${significant(v, 3)}${NB}µs`,
    bytes: (v) => (Math.abs(v) < 1000 ? `${v}${NB}B` : scaled(v, [[1e6, 1e3, 'KB'], [1e9, 1e6, 'MB'], [Infinity, 1e9, 'GB']])),
    macs: (v) => scaled(v, [[1e3, 1, 'MACs'], [1e6, 1e3, 'kMACs'], [1e9, 1e6, 'MMACs'], [Infinity, 1e9, 'GMACs']]),
    s: (v) => (v < 120 ? `${significant(v, 3)}${NB}s` : v < 7200 ? `${(v / 60).toFixed(1)}${NB}min` : `${(v / 3600).toFixed(2)}${NB}h`),
};

export function value(number, unit) {
    if (typeof number !== 'number' || !Number.isFinite(number)) return NONE;
    return UNITS[unit] ? UNITS[unit](number) : `${significant(number, 3)}${NB}${unit ?? ''}`.trim();
}

export function figure(f) {
    return f ? value(f.value, f.unit) : NONE;
}

export function spread(f) {
    if (!f) return '';
    if (f.interval) return `95 %: ${(f.interval[0] * 100).toFixed(2)}–${(f.interval[1] * 100).toFixed(2)} %`;
    return f.spread ? `±${(f.spread * 100).toFixed(1)} %` : '';
}

// "183 µs ±2.1 %, measured"
export function full(f) {
    if (!f) return undefined;
    const around = f.interval ? `(${spread(f)})` : spread(f);
    return [[figure(f), around].filter(Boolean).join(' '), f.source].filter(Boolean).join(', ');
}

export function percent(share, digits = 1) {
    return `${(share * 100).toFixed(digits)}${NB}%`;
}

const LABELS = {
    latency: 'latency', peak_memory: 'peak memory', params: 'parameters', macs: 'MACs', val_accuracy: 'accuracy, val',
    val_device_accuracy: 'accuracy, val, device', test_accuracy: 'accuracy, test', test_device_accuracy: 'accuracy, test, device',
    val_agreement: 'agreement with the original, val', val_device_agreement: 'agreement with the original, val, device',
    test_agreement: 'agreement with the original, test', test_device_agreement: 'agreement with the original, test, device',
    train_loss: 'training loss',
};

export function label(name) {
    return LABELS[name] ?? name.replaceAll('_', ' ');
}

// A divisor that suits an axis of this unit and the largest value on it.
export function axisUnit(unit, largest) {
    if (unit === 'share') return { divisor: 0.01, unit: '%' };
    if (unit === 'ms' && largest < 1) return { divisor: 0.001, unit: 'µs' };
    if (unit === 'bytes') return largest < 1e6 ? { divisor: 1e3, unit: 'KB' } : { divisor: 1e6, unit: 'MB' };
    if (unit === 'macs') return { divisor: 1e6, unit: 'MMACs' };
    return { divisor: 1, unit: unit ?? '' };
}
