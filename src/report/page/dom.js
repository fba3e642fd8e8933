// SPDX-License-Identifier: Apache-2.0
// The only way the page makes elements: texts become text nodes, so nothing in a genome, path or job can become markup.

export function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (value === undefined || value === null || value === false) continue;
        if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
        else element.setAttribute(name, value === true ? '' : String(value));
    }
    append(element, children);
    return element;
}

function append(element, children) {
    for (const child of children.flat(Infinity)) {
        if (child === undefined || child === null || child === false) continue;
        element.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
}

export function section(id, title, lead, ...children) {
    return h('section', { id, 'aria-labelledby': `${id}-title` }, h('h2', { id: `${id}-title` }, title), lead && h('p', { class: 'lead' }, lead), children);
}

// A tooltip of label/value rows under a heading.
export function tooltip(heading, rows, note) {
    return h('div', { class: 'tip' }, h('div', { class: 'tip-head' }, heading),
        h('dl', {}, rows.filter((row) => row && row[1] !== undefined && row[1] !== '').map(([label, value]) => [h('dt', {}, label), h('dd', {}, value)])),
        note && h('div', { class: 'tip-note' }, note));
}
