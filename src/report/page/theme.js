// SPDX-License-Identifier: Apache-2.0
// Colours come from the style sheet's variables, so light and dark are described once; charts are drawn anew when the scheme changes.
import { BarChart, LineChart, ScatterChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { h } from './dom.js';

echarts.use([BarChart, LineChart, ScatterChart, AriaComponent, GridComponent, LegendComponent, TooltipComponent, SVGRenderer]);

export function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// The searches' colours in the order of the document; further ones start over.
export function seriesColor(index) {
    return color(`series-${(index % 6) + 1}`);
}

// By name, not "inherit": a legend measures its texts on a canvas of its own.
export const font = () => getComputedStyle(document.body).fontFamily;
const text = () => ({ color: color('ink-2'), fontFamily: font(), fontSize: 12 });

export function axis(name, unit, extra = {}) {
    return {
        type: 'value', scale: true, name: unit ? `${name}, ${unit}` : name, nameTextStyle: text(), axisLabel: { ...text(), hideOverlap: true },
        axisLine: { show: true, lineStyle: { color: color('line-strong') } }, axisTick: { show: false },
        splitLine: { lineStyle: { color: color('line') } }, ...extra,
    };
}

export const xAxis = (name, unit, extra) => axis(name, unit, { nameLocation: 'middle', nameGap: 28, ...extra });
export const yAxis = (name, unit, extra) => axis(name, unit, { nameTextStyle: { ...text(), align: 'left', padding: [0, 0, 4, -34] }, axisLine: { show: false }, ...extra });

export function base(description, extra) {
    return {
        animation: false, textStyle: { fontFamily: font() }, grid: { left: 44, right: 18, top: 56, bottom: 44, containLabel: false },
        aria: { enabled: true, label: { description } },
        legend: { top: 0, left: 0, itemWidth: 12, itemHeight: 10, itemGap: 16, icon: 'circle', textStyle: text(), inactiveColor: color('muted') },
        tooltip: { confine: true, backgroundColor: color('surface'), borderColor: color('line-strong'), textStyle: { ...text(), color: color('ink') }, padding: 0 },
        ...extra,
    };
}

const drawn = [];

// A chart in a figure element; `options` is called again whenever the colours change.
export function chart(description, height, options) {
    const box = h('div', { class: 'chart', style: `height:${height}px`, role: 'img', 'aria-label': description });
    drawn.push({ box, options, description });
    return box;
}

// Charts need their size, so they are drawn once the page is in the document.
export function drawAll() {
    for (const item of drawn) {
        item.chart?.dispose();
        item.chart = echarts.init(item.box, null, { renderer: 'svg' });
        item.chart.setOption(item.options());
    }
}

export function resizeAll() {
    for (const item of drawn) {
        item.chart?.resize();
        item.chart?.setOption(item.options(), true);
    }
}

export const isNarrow = () => window.innerWidth < 640;
