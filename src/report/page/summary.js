// SPDX-License-Identifier: Apache-2.0
// What was found: one sentence, the network to take, and the final table.
import { h, section } from './dom.js';
import * as format from './format.js';
import { table } from './table.js';

const find = (report, name) => report.variants?.find((v) => v.name === name);

function change(before, after) {
    const share = after / before - 1;
    return `${share <= 0 ? '−' : '+'}${format.percent(Math.abs(share))}`;
}

function sentence(report, base, chosen) {
    if (chosen && base && chosen.name === base.name) return ['No network was faster than the base at the same quality: keep the base.'];
    if (chosen && base && chosen.latency && base.latency) {
        const slower = chosen.latency.value > base.latency.value;
        return [h('strong', {}, chosen.name), ` runs in ${format.figure(chosen.latency)} instead of ${format.figure(base.latency)} on this device: `,
            h('strong', {}, `${format.percent(Math.abs(1 - chosen.latency.value / base.latency.value))} ${slower ? 'slower' : 'less'}`), `, ${chosen.latency.source}.`];
    }
    const done = report.trials.filter((t) => t.state === 'done').length;
    return [base ? 'No network qualified.' : `The search is not finished: ${done} of ${report.trials.length} proposed trials are done.`];
}

function card(label, value, detail, hint) {
    return h('div', { class: 'card' }, h('div', { class: 'card-label' }, label), h('div', { class: 'card-value' }, value), detail && h('div', { class: 'card-detail' }, detail), hint && h('div', { class: 'card-hint' }, hint));
}

function cards(base, chosen, quantised, measure) {
    const result = [];
    const add = (label, key) => {
        const [b, c] = [base?.[key], chosen[key]];
        if (c) result.push(card(label, format.figure(c), b && `base ${format.figure(b)}, ${change(b.value, c.value)}`, [format.spread(c), c.source].filter(Boolean).join(', ')));
    };
    add('Latency', 'latency');
    const [b, c] = [base?.test_int8, chosen.test_int8];
    if (c) {
        const points = b && (c.value - b.value) * 100;
        result.push(card(`Test ${measure}, ${quantised}`, format.figure(c), b && `base ${format.figure(b)}, ${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(2)} points`, [format.spread(c), c.source].filter(Boolean).join(', ')));
    }
    add('Parameters', 'params');
    add('Peak activation memory', 'peak_memory');
    return h('div', { class: 'cards' }, result);
}

// One source for the whole column stands in its head; otherwise in each cell.
function figureColumn(variants, label, key, extra = {}) {
    const figures = variants.map((v) => v[key]).filter(Boolean);
    if (!figures.length) return undefined;
    const sources = new Set(figures.map((f) => f.source));
    const one = sources.size === 1;
    return {
        label, note: one ? figures[0].source : undefined, number: true, of: (v) => v[key]?.value,
        show: (v) => (figures.includes(v[key]) ? [format.figure(v[key]), h('small', {}, [format.spread(v[key]), !one && v[key].source].filter(Boolean).join(', '))] : format.NONE), ...extra,
    };
}

export function variantsTable(report) {
    const variants = report.variants ?? [];
    const quantised = report.quantised_label ?? 'int8';
    const yesNo = (value) => (value === undefined ? format.NONE : value ? 'yes' : 'no');
    const columns = [
        { label: 'variant', of: (v) => v.name, show: (v) => [h('strong', {}, v.name), v.name === report.chosen && h('span', { class: 'badge' }, 'take this')] },
        { label: 'fused-IBN search', of: (v) => yesNo(v.fused_search) }, { label: 'width search', of: (v) => yesNo(v.width_search) },
        figureColumn(variants, 'latency', 'latency', { best: 'low' }), figureColumn(variants.filter((v) => v.name !== report.base), 'reduction', 'reduction'),
        figureColumn(variants, 'val', 'val'), figureColumn(variants, 'test', 'test'), figureColumn(variants, `test, ${quantised}`, 'test_int8'),
        { label: 'file', of: (v) => v.file ?? '', mono: true },
    ].filter(Boolean);
    return table(columns, variants, { sortable: false, stack: true, rowClass: (v) => (v.name === report.chosen ? 'chosen' : undefined) });
}

export function summarySection(report) {
    const [base, chosen] = [find(report, report.base), find(report, report.chosen)];
    const quantised = report.quantised_label ?? 'int8';
    return section('found', 'What was found', undefined,
        h('p', { class: 'sentence' }, sentence(report, base, chosen)),
        chosen && h('p', { class: 'take' }, 'Take ', h('code', {}, chosen.file ?? chosen.name), chosen.description ? [' (', chosen.description, ')'] : undefined),
        report.chosen_reason && h('p', {}, report.chosen_reason),
        (report.notes ?? []).map((note) => h('p', { class: 'note' }, note)),
        chosen && cards(base, chosen, quantised, report.measure ?? 'accuracy'));
}

export function variantsSection(report) {
    if (!report.variants?.length) return undefined;
    const several = report.variants.length > 2;
    const title = several ? `The same search, ${['three', 'four', 'five'][report.variants.length - 3] ?? report.variants.length} ways` : 'Before and after';
    const what = several ? 'Block forms and widths searched apart and together, each under the same budget. ' : '';
    return section('variants', title, what + 'The test split was used once, for this table; ±: relative spread of the measurements; 95 %: confidence interval of the accuracy.' + (report.measure && report.measure !== 'accuracy' ? ` Val and test: ${report.measure}.` : ''),
        variantsTable(report));
}
