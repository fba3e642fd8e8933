// SPDX-License-Identifier: Apache-2.0
// Where the time goes: latency by block, base against chosen; the kernels behind each bar in the tooltip and in a table.
import { h, section, tooltip } from './dom.js';
import * as format from './format.js';
import { base, chart, color, font, isNarrow, xAxis } from './theme.js';
import { table } from './table.js';

function blocksOf(layers) {
    const blocks = new Map();
    for (const layer of layers ?? []) {
        const name = layer.block || layer.name;
        if (!blocks.has(name)) blocks.set(name, { us: 0, macs: 0, layers: [] });
        const block = blocks.get(name);
        block.us += layer.us;
        block.macs += layer.macs ?? 0;
        block.layers.push(layer);
    }
    return blocks;
}

// The base's order, blocks that only the chosen one has behind.
function namesOf(before, after) {
    return [...before.keys(), ...[...after.keys()].filter((name) => !before.has(name))];
}

function blockTip(name, which, block) {
    if (!block) return tooltip(`${name}, ${which}`, [['', 'not in this network']]);
    return tooltip(`${name}, ${which}`, [['latency', format.value(block.us, 'us')], ['work', format.value(block.macs, 'macs')]],
        h('ul', {}, block.layers.map((layer) => h('li', {}, `${format.value(layer.us, 'us')}  ${layer.kernel ?? layer.name}`))));
}

function bars(names, sides) {
    const narrow = isNarrow();
    return base('Latency by block of base and chosen network', {
        grid: { left: narrow ? 104 : 150, right: 24, top: 36, bottom: 44 },
        xAxis: xAxis('latency', 'µs', { scale: false }),
        yAxis: { type: 'category', inverse: true, data: names, axisTick: { show: false }, axisLine: { lineStyle: { color: color('line-strong') } },
            axisLabel: { color: color('ink-2'), fontFamily: font(), fontSize: 12, width: narrow ? 94 : 138, overflow: 'truncate' } },
        tooltip: { ...base().tooltip, trigger: 'item', formatter: (item) => item.data.tip() },
        legend: { ...base().legend, icon: 'roundRect' },
        series: sides.map(({ title, blocks, fill }) => ({
            type: 'bar', name: title, barWidth: 8, barGap: '25%', itemStyle: { color: fill(), borderRadius: [0, 2, 2, 0] },
            data: names.map((name) => ({ value: blocks.get(name)?.us ?? 0, tip: () => blockTip(name, title, blocks.get(name)) })),
        })),
    });
}

function kernelTable(layers, which) {
    const sources = new Set(layers.map((layer) => layer.source));
    return h('details', {}, h('summary', {}, `Kernels of the ${which} network (${layers.length})`),
        table([
            { label: 'layer', of: (l) => l.name },
            { label: 'kernel', of: (l) => l.kernel ?? '', mono: true },
            { label: 'MACs', note: 'counted', of: (l) => l.macs, show: (l) => format.value(l.macs, 'macs'), number: true },
            { label: 'latency', note: [...sources].filter(Boolean).join(', '), of: (l) => l.us, show: (l) => format.value(l.us, 'us'), number: true },
            { label: 'spread', of: (l) => l.spread ?? 0, show: (l) => (l.spread ? `±${format.percent(l.spread)}` : format.NONE), number: true },
        ], layers));
}

export function layersSection(report) {
    const { base: before, chosen: after } = report.layers ?? {};
    if (!before?.length) return undefined;
    const sides = [{ title: 'base', blocks: blocksOf(before), fill: () => color('neutral') }];
    if (after?.length) sides.push({ title: 'chosen', blocks: blocksOf(after), fill: () => color('accent') });
    const names = namesOf(sides[0].blocks, sides[1]?.blocks ?? new Map());
    const sum = (layers) => layers.reduce((total, layer) => total + layer.us, 0);
    const totals = `Sums of kernels: base ${format.value(sum(before), 'us')}${after?.length ? `, chosen ${format.value(sum(after), 'us')}` : ''}.`;
    return section('layers', 'Latency by layer', `Where the time goes, block by block, as the sum of each block's kernels. ${totals}`,
        chart('Latency by block, base against chosen', 90 + names.length * 30, () => bars(names, sides)),
        kernelTable(before, 'base'), after?.length ? kernelTable(after, 'chosen') : undefined);
}
