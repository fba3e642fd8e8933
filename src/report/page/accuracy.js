// SPDX-License-Identifier: Apache-2.0
// Can the figures that guided the search be trusted? Predicted against measured latency, and how alike two fidelities order candidates.
import { h, section, tooltip } from './dom.js';
import * as format from './format.js';
import { base, chart, color, xAxis, yAxis } from './theme.js';
import { table } from './table.js';

function scatter(points) {
    return () => {
        const largest = Math.max(...points.flatMap((p) => [p.predicted_ms, p.measured_ms]));
        const smallest = Math.min(...points.flatMap((p) => [p.predicted_ms, p.measured_ms]));
        const { divisor, unit } = format.axisUnit('ms', largest);
        const low = (smallest - (largest - smallest || largest) * 0.12) / divisor;
        const high = (largest + (largest - smallest || largest) * 0.12) / divisor;
        const line = (name, factor, type) => ({
            type: 'line', name, symbol: 'none', silent: true, lineStyle: { color: color('muted'), width: 1, type }, itemStyle: { color: color('muted') },
            data: [[low, low * factor], [high, high * factor]],
        });
        return base('Predicted against measured latency', {
            xAxis: xAxis('predicted, sum of kernels', unit, { min: low, max: high, axisLabel: { color: color('ink-2'), showMinLabel: false, showMaxLabel: false, formatter: (v) => Number(v.toPrecision(3)) } }),
            yAxis: yAxis('measured, end to end', unit, { min: low, max: high, axisLabel: { color: color('ink-2'), showMinLabel: false, showMaxLabel: false, formatter: (v) => Number(v.toPrecision(3)) } }),
            legend: { ...base().legend, data: ['networks', 'equal', '±5 %'] },
            tooltip: { ...base().tooltip, formatter: (item) => item.data.tip?.() ?? '' },
            series: [line('equal', 1, 'solid'), line('±5 %', 1.05, 'dashed'), line('±5 %', 0.95, 'dashed'), {
                type: 'scatter', name: 'networks', symbolSize: 11, itemStyle: { color: color('accent'), borderColor: color('surface'), borderWidth: 1 },
                data: points.map((p) => ({
                    value: [p.predicted_ms / divisor, p.measured_ms / divisor],
                    tip: () => tooltip(p.label, [['predicted', format.value(p.predicted_ms, 'ms')], ['measured', `${format.value(p.measured_ms, 'ms')}${p.spread ? ` ±${format.percent(p.spread)}` : ''}`], ['error', format.percent(p.predicted_ms / p.measured_ms - 1)]]),
                })),
            }],
        });
    };
}

function errors(points) {
    const sorted = points.map((p) => Math.abs(p.predicted_ms / p.measured_ms - 1)).sort((a, b) => a - b);
    return `Over ${points.length} networks: median error ${format.percent(sorted[Math.floor((sorted.length - 1) / 2)])}, largest ${format.percent(sorted.at(-1))}.`;
}

export function accuracySection(report) {
    const points = (report.latency_check ?? []).filter((p) => p.predicted_ms > 0 && p.measured_ms > 0);
    const ranks = report.fidelities ?? [];
    if (!points.length && !ranks.length) return undefined;
    const [title, lead] = points.length ?
        ['Predicted against measured', 'The search adds up measured kernels; the best networks were then measured whole, end to end, in turn with the base.'] :
        ['How far cheap answers go', 'A search goes by short trainings; how well they order candidates decides what it finds.'];
    return section('accuracy', title, lead,
        h('div', { class: 'pair' },
            points.length > 0 && h('div', {}, h('h3', {}, 'latency'), chart('Predicted against measured latency', 340, scatter(points)), h('p', { class: 'note' }, errors(points))),
            ranks.length > 0 && h('div', {}, h('h3', {}, 'Do cheap answers order candidates as dear ones do?'),
            table([
                { label: 'cheap', of: (r) => r.from }, { label: 'dear', of: (r) => r.to },
                { label: 'Kendall τ', of: (r) => r.kendall, show: (r) => r.kendall.toFixed(2), number: true },
                { label: 'Spearman ρ', of: (r) => r.spearman, show: (r) => r.spearman.toFixed(2), number: true },
                { label: 'n', of: (r) => r.n, number: true },
            ], ranks, { sortable: false }),
            h('p', { class: 'note' }, '1: the same order, 0: no relation. Few candidates make a wide uncertainty.'))));
}
