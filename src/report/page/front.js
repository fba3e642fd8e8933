// SPDX-License-Identifier: Apache-2.0
// The Pareto front: every trial of the searches, the front of all of them, and the base and the chosen network as they were finally measured.
import { h, section, tooltip } from './dom.js';
import * as format from './format.js';
import { base, chart, color, isNarrow, seriesColor, xAxis, yAxis } from './theme.js';

const DIAMOND = 'diamond';
const STAR = 'path://M0,-10 L2.9,-4 L9.5,-3.1 L4.8,1.5 L5.9,8.1 L0,5 L-5.9,8.1 L-4.8,1.5 L-9.5,-3.1 L-2.9,-4 Z';

function pointsOf(report, x, y) {
    return report.trials.filter((t) => t.figures?.[x.figure] && t.figures?.[y.figure] && t.state === 'done');
}

// Where the final table has the same two figures: the predicted latency, as that is what the trials have.
function variantPoint(report, name, x) {
    const v = report.variants?.find((variant) => variant.name === name);
    const across = x.figure === 'latency' ? v?.latency_predicted ?? v?.latency : v?.[x.figure];
    const up = v?.val_device ?? v?.val;
    return across && up ? { variant: v, x: across.value, y: up.value } : undefined;
}

function trialTip(report, trial) {
    const figures = Object.entries(trial.figures ?? {}).map(([name, f]) => [format.label(name), format.full(f)]);
    return tooltip(`${trial.series} trial ${trial.number}${trial.front ? ', on the front' : ''}`,
        [...figures, ['genome', trial.genome], ['differs from base', trial.description], ['training', trial.fidelity], ['file', trial.file]]);
}

function variantTip(report, variant, what) {
    return tooltip(`${variant.name}, ${what}`, [['latency', format.full(variant.latency)], ['latency, predicted', format.full(variant.latency_predicted)], ['of that between kernels', format.full(variant.latency_between)],
        [`${report.measure ?? 'accuracy'}, val`, format.full(variant.val_device ?? variant.val)], [`${report.measure ?? 'accuracy'}, test`, format.full(variant.test_int8)],
        ['genome', variant.genome], ['differs from base', variant.description], ['file', variant.file]], 'trained in full');
}

// The worst few trials would squash the rest; they stay in the table and are counted under the chart.
function floorOf(points, marked, y) {
    const values = points.map((t) => t.figures[y.figure].value).sort((a, b) => a - b);
    const low = values[Math.floor(values.length * 0.1)];
    const high = Math.max(...values);
    return Math.min(low - (high - low) * 0.15, ...points.filter((t) => t.front).map((t) => t.figures[y.figure].value), ...marked.map((p) => p.y));
}

export function frontSection(report) {
    const [y, x] = report.objectives ?? [];
    if (!x || !y) return undefined;
    const all = pointsOf(report, x, y);
    if (!all.length) return undefined;
    const searches = report.searches.map((s) => s.name);
    const points = all.filter((t) => searches.includes(t.series));
    const chosen = variantPoint(report, report.chosen, x);
    const baseline = variantPoint(report, report.base, x);
    const marked = [chosen, baseline].filter(Boolean);
    const floor = y.direction === 'max' ? floorOf(points, marked, y) : -Infinity;
    const shown = points.filter((t) => t.figures[y.figure].value >= floor);
    const ux = format.axisUnit(x.unit, Math.max(...points.map((t) => t.figures[x.figure].value)));
    const uy = format.axisUnit(y.unit, 0);
    const place = (t) => [t.figures[x.figure].value / ux.divisor, t.figures[y.figure].value / uy.divisor];

    const options = () => {
        const front = shown.filter((t) => t.front).sort((a, b) => a.figures[x.figure].value - b.figures[x.figure].value);
        // A label stands on the side where there is more room; on a narrow page the base's stands below it, out of the way of the other one.
        const middle = (Math.min(...shown.map((t) => place(t)[0])) + Math.max(...shown.map((t) => place(t)[0]))) / 2;
        const beside = (point) => (point.x / ux.divisor > middle ? 'left' : 'right');
        const mark = (point, name, symbol, size, fill) => point && {
            type: 'scatter', name, symbol, symbolSize: size, z: 6, itemStyle: { color: fill, opacity: 1, borderColor: color('surface'), borderWidth: 1.5 },
            label: { show: true, position: isNarrow() && name === 'base' ? 'bottom' : beside(point), distance: 7, formatter: name, color: color('ink'), fontWeight: 600, fontSize: 12, textBorderColor: color('surface'), textBorderWidth: 3 },
            data: [{ value: [point.x / ux.divisor, point.y / uy.divisor], tip: () => variantTip(report, point.variant, name) }],
        };
        return base(`Pareto front: ${y.label} against ${x.label} of ${shown.length} trials`, {
            xAxis: xAxis(x.label, ux.unit), yAxis: yAxis(y.label, uy.unit, { min: Number.isFinite(floor) ? Math.floor((floor / uy.divisor) * 2) / 2 : undefined }),
            grid: { ...base().grid, top: isNarrow() ? 82 : 56 },
            legend: { ...base().legend, data: [...searches, { name: 'front of all searches', icon: 'path://M0,4 L12,4 L12,6 L0,6 Z' },
                ...(baseline ? [{ name: 'base', icon: DIAMOND }] : []), ...(chosen ? [{ name: 'chosen', icon: STAR }] : [])] },
            tooltip: { ...base().tooltip, trigger: 'item', formatter: (item) => item.data.tip?.() ?? '' },
            series: [
                report.objectives.length === 2 && {
                    type: 'line', name: 'front of all searches', step: 'end', symbol: 'none', silent: true, z: 3, itemStyle: { color: color('ink-2') },
                    lineStyle: { color: color('ink-2'), width: 1.5, opacity: 0.7 }, data: front.map(place),
                },
                ...searches.map((name, index) => ({
                    type: 'scatter', name, symbolSize: (_, item) => (item.data.front ? 11 : 8), z: 4,
                    data: shown.filter((t) => t.series === name).map((t) => ({
                        value: place(t), front: t.front, tip: () => trialTip(report, t),
                        itemStyle: t.front ? { color: seriesColor(index), borderColor: color('surface'), borderWidth: 1 }
                            : { color: seriesColor(index), opacity: 0.4 },
                    })), itemStyle: { color: seriesColor(index), opacity: 1 },
                })),
                mark(baseline, 'base', DIAMOND, 15, color('ink')), mark(chosen, 'chosen', STAR, 22, color('accent')),
            ].filter(Boolean),
        });
    };
    const lost = points.length - shown.length;
    return section('front', 'Pareto front', `Each point is one candidate: ${y.label.toLowerCase()} after short training against ${x.label.toLowerCase()} (${sourceOf(points, x)}). Full colour: no other candidate beats it in every objective. Base and chosen are shown as trained in full.`,
        chart(`Pareto front of ${points.length} trials`, 440, options),
        lost > 0 && h('p', { class: 'note' }, `${lost} of ${points.length} trials lie below the axis; they are in the table of all trials.`));
}

function sourceOf(points, objective) {
    return [...new Set(points.map((t) => t.figures[objective.figure].source))].filter(Boolean).join(', ') || 'source not recorded';
}
