// SPDX-License-Identifier: Apache-2.0
// Tables: {label, note, of(row) -> sort key, show(row) -> text, number, mono, line (never wrapped)}. Sortable by a click or by the keyboard on a column's head.
import { h } from './dom.js';

function compare(a, b) {
    if (a === b) return 0;
    if (a === undefined || a === null || Number.isNaN(a)) return 1;
    if (b === undefined || b === null || Number.isNaN(b)) return -1;
    return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
}

function cell(column, row) {
    const shown = column.show ? column.show(row) : column.of(row);
    return h('td', { class: [column.number && 'number', column.mono && 'mono', column.line && 'line'].filter(Boolean).join(' ') || undefined, 'data-label': column.label }, shown ?? '');
}

export function table(columns, rows, { sortable = true, stack = false, tall = false, rowClass } = {}) {
    const body = h('tbody');
    const heads = [];
    let sorted = -1, down = false;
    const fill = (list) => body.replaceChildren(...list.map((row) => h('tr', { class: rowClass?.(row) }, columns.map((column) => cell(column, row)))));
    const sortBy = (index) => {
        down = sorted === index ? !down : columns[index].number === true && columns[index].best !== 'low';
        sorted = index;
        const sign = down ? -1 : 1;
        const of = columns[index].of;
        // What has no value stays at the end, whichever way the rest is sorted.
        const [known, unknown] = [rows.filter((r) => of(r) !== undefined && of(r) !== null), rows.filter((r) => of(r) === undefined || of(r) === null)];
        fill([...known.sort((a, b) => sign * compare(of(a), of(b))), ...unknown]);
        heads.forEach((head, i) => head.setAttribute('aria-sort', i === index ? (down ? 'descending' : 'ascending') : 'none'));
    };
    columns.forEach((column, index) => {
        const title = [column.label, column.note && h('small', {}, column.note)];
        heads.push(h('th', { scope: 'col', class: column.number ? 'number' : undefined, 'aria-sort': sortable ? 'none' : undefined },
            sortable ? h('button', { type: 'button', onclick: () => sortBy(index) }, title) : title));
    });
    fill(rows);
    return h('div', { class: ['table', stack && 'stack', tall && 'tall'].filter(Boolean).join(' '), tabindex: 0, role: 'region', 'aria-label': 'table' }, h('table', {}, h('thead', {}, h('tr', {}, heads)), body));
}
