// SPDX-License-Identifier: Apache-2.0
// What was spent, the job, the machine, and every trial.
import { h, section } from './dom.js';
import * as format from './format.js';
import { table } from './table.js';

export function spentSection(report) {
    const spent = report.spent;
    if (!spent) return undefined;
    const facts = [
        ['trials', spent.trials !== undefined && `${spent.trials}${spent.failed ? `, ${spent.failed} failed` : ''}`],
        ['processor time', spent.core_hours && format.full(spent.core_hours)],
        ['energy', spent.energy && `${format.full(spent.energy)}`],
        ['wall clock', spent.wall_s && `${format.value(spent.wall_s, 's')}${spent.cores ? ` on ${spent.cores} cores` : ''}, measured`],
    ].filter(([, text]) => text);
    return section('spent', 'What was spent', undefined,
        h('dl', { class: 'facts' }, facts.map(([name, text]) => [h('dt', {}, name), h('dd', {}, text)])),
        spent.by?.length > 0 && table([
            { label: 'series', of: (r) => r.series }, { label: 'fidelity', of: (r) => r.fidelity }, { label: 'trials', of: (r) => r.trials, number: true },
            { label: 'failed', of: (r) => r.failed, number: true }, { label: 'processor time', note: 'measured', of: (r) => r.cpu_s, show: (r) => format.value(r.cpu_s, 's'), number: true },
        ], spent.by));
}

function facts(object) {
    return h('dl', { class: 'facts' }, Object.entries(object).filter(([, v]) => v !== null && typeof v !== 'object')
        .map(([name, value]) => [h('dt', {}, name.replaceAll('_', ' ')), h('dd', {}, typeof value === 'number' && name.endsWith('bytes') ? format.value(value, 'bytes') : String(value))]));
}

export function jobSection(report) {
    if (!report.job && !report.machine) return undefined;
    return section('job', 'The job and the machine', undefined,
        facts({ ...report.machine, ...Object.fromEntries(Object.entries(report.versions ?? {}).map(([k, v]) => [k, v])), seed: report.seed }),
        report.constraints?.length > 0 && h('p', {}, 'Subject to: ', report.constraints.join('; ')),
        report.job && h('details', {}, h('summary', {}, 'The job file, with every default'), h('pre', {}, report.job)));
}

// Figures that any trial has, in the order in which they first appear.
function figureNames(trials) {
    return [...new Set(trials.flatMap((t) => Object.keys(t.figures ?? {})))];
}

function trialColumns(trials) {
    const figures = figureNames(trials).map((name) => {
        const sources = [...new Set(trials.map((t) => t.figures?.[name]?.source).filter(Boolean))];
        return {
            label: format.label(name), note: sources.length === 1 ? sources[0] : undefined, number: true, of: (t) => t.figures?.[name]?.value,
            show: (t) => t.figures?.[name] && [format.figure(t.figures[name]), sources.length > 1 && h('small', {}, t.figures[name].source)],
        };
    });
    return [
        { label: 'series', of: (t) => t.series }, { label: 'trial', of: (t) => t.number, number: true, best: 'low' },
        { label: 'state', of: (t) => (t.front ? 'on the front' : t.state), show: (t) => [t.front ? h('span', { class: 'badge' }, 'front') : t.state, t.reason && h('small', {}, t.reason)] },
        { label: 'training', of: (t) => t.fidelity }, ...figures,
        { label: 'processor time', note: 'measured', of: (t) => t.cpu_s, show: (t) => (t.cpu_s ? format.value(t.cpu_s, 's') : ''), number: true },
        { label: 'differs from base', of: (t) => t.description ?? '', line: true }, { label: 'genome', of: (t) => t.genome, mono: true, line: true }, { label: 'file', of: (t) => t.file ?? '', mono: true, line: true },
    ];
}

export function trialsSection(report) {
    if (!report.trials.length) return undefined;
    const box = h('div');
    const show = (name) => box.replaceChildren(table(trialColumns(report.trials), report.trials.filter((t) => !name || t.series === name), { tall: true }));
    const select = h('select', { id: 'series-filter', onchange: () => show(select.value) }, h('option', { value: '' }, 'all series'),
        [...new Set(report.trials.map((t) => t.series))].map((name) => h('option', { value: name }, name)));
    show('');
    return section('trials', 'All trials', undefined, h('details', {}, h('summary', {}, `${report.trials.length} trials`),
        h('p', { class: 'filter' }, h('label', { for: 'series-filter' }, 'Show '), select), box));
}
