// SPDX-License-Identifier: Apache-2.0
// Builds the page from the document embedded in it. Nothing is fetched from anywhere.
import { accuracySection } from './accuracy.js';
import { jobSection, spentSection, trialsSection } from './details.js';
import { h } from './dom.js';
import { frontSection } from './front.js';
import { layersSection } from './layers.js';
import { progressSection } from './progress.js';
import { summarySection, variantsSection } from './summary.js';
import { drawAll, resizeAll } from './theme.js';

function read() {
    const report = JSON.parse(document.getElementById('report').textContent);
    report.trials ??= [];
    report.searches ??= [...new Set(report.trials.filter((t) => t.fidelity === 'short').map((t) => t.series))].map((name) => ({ name }));
    return report;
}

function header(report) {
    const machine = report.machine ?? {};
    const parts = [machine.device ?? machine.cpu, report.created && report.created.slice(0, 16).replace('T', ' '), report.versions?.fettle && `fettle ${report.versions.fettle}`];
    return h('header', {}, h('h1', {}, report.title ?? 'fettle report'), h('p', { class: 'sub' }, parts.filter(Boolean).map((part) => h('span', {}, part))));
}

function contents(sections) {
    return h('nav', { 'aria-label': 'Sections' }, sections.map((s) => h('a', { href: `#${s.id}` }, s.querySelector('h2').textContent)));
}

const report = read();
document.title = report.title ?? 'fettle report';
const sections = [summarySection, variantsSection, frontSection, progressSection, layersSection, accuracySection, spentSection, jobSection, trialsSection]
    .map((make) => make(report)).filter(Boolean);
document.getElementById('page').replaceChildren(header(report), contents(sections), h('main', {}, sections));
drawAll();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
let width = window.innerWidth;
window.addEventListener('resize', () => {
    if (window.innerWidth !== width) resizeAll();
    width = window.innerWidth;
});
