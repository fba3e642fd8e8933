// SPDX-License-Identifier: Apache-2.0
// Hypervolume of each search over trials and over time.
import { h, section, tooltip } from './dom.js';
import * as format from './format.js';
import { base, chart, seriesColor, xAxis, yAxis } from './theme.js';

function lines(report, column, label, unit, divisor) {
    return () => base(`Hypervolume over ${label}`, {
        grid: { left: 44, right: 18, top: 56, bottom: 44 },
        xAxis: xAxis(label, unit, { scale: false, min: 0 }), yAxis: yAxis('hypervolume', '%'),
        tooltip: { ...base().tooltip, trigger: 'item', formatter: (item) => tooltip(item.seriesName, [['hypervolume', `${item.value[1].toFixed(2)} %`], ['trials', item.data.trials], ['time', format.value(item.data.seconds, 's')]]) },
        series: report.hypervolume.series.map((series) => {
            const index = report.searches.findIndex((s) => s.name === series.name);
            return {
                type: 'line', name: series.name, step: 'end', symbol: 'circle', symbolSize: 5, showSymbol: series.points.length < 60, itemStyle: { color: seriesColor(index) }, lineStyle: { width: 2 },
                data: series.points.map((p) => ({ value: [p[column] / divisor, p[2] * 100], trials: p[0], seconds: p[1] })),
            };
        }),
    });
}

export function progressSection(report) {
    if (!report.hypervolume?.series?.some((s) => s.points.length)) return undefined;
    const longest = Math.max(...report.hypervolume.series.flatMap((s) => s.points.map((p) => p[1])));
    const [unit, divisor] = longest > 180 ? ['min', 60] : ['s', 1];
    return section('progress', 'Progress of the search', 'Hypervolume: the share of the box between the best and the worst value of each objective that the front covers so far. Higher is better; a flat end means that more trials would change little.',
        h('div', { class: 'pair' },
            h('div', {}, h('h3', {}, 'over trials'), chart('Hypervolume over trials', 280, lines(report, 0, 'trials', '', 1))),
            h('div', {}, h('h3', {}, 'over time'), chart('Hypervolume over time', 280, lines(report, 1, 'time since the study began', unit, divisor)))));
}
