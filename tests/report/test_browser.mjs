// SPDX-License-Identifier: Apache-2.0
// The report in a real browser: drawn, quiet, offline, fitting, in light and dark, wide and narrow.      node test_browser.mjs REPORT_PAGE FOLDER
// Screenshots stay in FOLDER for a person to look at.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { document as fixture, HOSTILE } from './fixture.mjs';

const [makePage, folder] = process.argv.slice(2).map((path) => resolve(path));
const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
const playwright = await import('playwright-core').catch(() => undefined);
if (!chromium || !playwright) {
    console.log(`1..0 # SKIP ${chromium ? 'playwright-core is not in node_modules (npm ci)' : 'no chromium'}`);
    process.exit(0);
}

let count = 0, failures = 0;
async function test(name, body) {
    count++;
    try {
        await body();
        console.log(`ok ${count} - ${name}`);
    } catch (error) {
        failures++;
        console.log(`not ok ${count} - ${name}\n# ${String(error.message ?? error).replaceAll('\n', '\n# ')}`);
    }
}
function check(condition, message) {
    if (!condition) throw new Error(message);
}

mkdirSync(folder, { recursive: true });
function writePage(name, document) {
    const [json, page] = [join(folder, `${name}.json`), join(folder, `${name}.html`)];
    writeFileSync(json, JSON.stringify(document));
    execFileSync(makePage, [json, page]);
    return pathToFileURL(page).href;
}

const profile = mkdtempSync(join(tmpdir(), 'fettle-browser-'));
const context = await playwright.chromium.launchPersistentContext(profile, {
    executablePath: chromium, headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// A page with everything it says and asks for.
async function open(url, width, scheme) {
    const page = await context.newPage();
    const seen = { errors: [], requests: [] };
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && seen.errors.push(message.text()));
    page.on('pageerror', (error) => seen.errors.push(String(error)));
    page.on('request', (request) => request.url() !== url && !request.url().startsWith('data:') && seen.requests.push(request.url()));
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 900 });
    await page.goto(url, { timeout: 120000 }); // the first page of a browser takes its time on a busy machine
    await page.waitForSelector('#page main');
    return { page, seen };
}

const overflow = (page) => page.evaluate(() => ({ wide: document.documentElement.scrollWidth, window: window.innerWidth }));
const drawn = (page) => page.evaluate(() => [...document.querySelectorAll('.chart')].map((box) => {
    const svg = box.querySelector('svg');
    return { name: box.getAttribute('aria-label'), marks: svg ? svg.querySelectorAll('path').length : 0, width: svg?.getBoundingClientRect().width ?? 0, room: box.clientWidth, texts: svg ? svg.querySelectorAll('text').length : 0 };
}));

const url = writePage('report', fixture());
for (const width of [1400, 400]) {
    for (const scheme of ['light', 'dark']) {
        await test(`${width} px, ${scheme}: charts drawn, nothing said, nothing fetched, nothing overflows`, async () => {
            const { page, seen } = await open(url, width, scheme);
            const charts = await drawn(page);
            check(charts.length === 5, `expected 5 charts, found ${charts.length}`);
            for (const chart of charts) check(chart.marks > 5 && chart.texts > 4 && Math.abs(chart.width - chart.room) < 2, `chart not drawn: ${JSON.stringify(chart)}`);
            const size = await overflow(page);
            check(size.wide <= size.window, `the page is ${size.wide} px wide in a window of ${size.window}`);
            check(seen.errors.length === 0, `console: ${seen.errors.join('; ')}`);
            check(seen.requests.length === 0, `requests: ${seen.requests.join(' ')}`);
            await page.screenshot({ path: join(folder, `report-${width}-${scheme}.png`), fullPage: true });
            await page.close();
        });
    }
}

const { page } = await open(url, 1400, 'light');

await test('texts of a trial stay texts', async () => {
    check((await page.evaluate(() => window.hacked)) === undefined, 'a description was run as a script');
    check((await page.evaluate((text) => document.querySelector('#trials').textContent.includes(text), HOSTILE)), 'the description is not shown as it is');
    check((await page.locator('#job pre').textContent()).includes('</script> & <b>'), 'the job is not shown as it is');
});

await test('the sentence names the network, both latencies and where they come from', async () => {
    const text = (await page.locator('#found').textContent()).replaceAll('\u00a0', ' ');
    for (const part of ['V3', '93.8 µs', '183 µs', '48.9 %', 'measured', 'front/V3.onnx', '91.42 %', '90.86–91.95 %', 'TEST DATA']) check(text.includes(part), `"${part}" is missing in: ${text}`);
});

await test('the final table has the four variants, sources and the chosen one marked', async () => {
    const rows = await page.locator('#variants tbody tr').allTextContents();
    check(rows.length === 4, `${rows.length} rows`);
    check(rows[3].includes('take this') && !rows[2].includes('take this'), rows[3]);
    const head = await page.locator('#variants thead').textContent();
    for (const part of ['latency', 'measured', 'reduction', 'val', 'test, int8', 'quantised']) check(head.includes(part), `"${part}" is missing in: ${head}`);
});

await test('a point of the front tells its genome, figures and file', async () => {
    await page.locator('#front .chart').scrollIntoViewIfNeeded();
    const points = await page.evaluate(() => {
        const box = document.querySelector('#front svg');
        return [...box.querySelectorAll('path')].map((p) => ({ box: p.getBoundingClientRect(), fill: p.getAttribute('fill') }))
            .filter((p) => p.box.width > 5 && p.box.width < 30 && Math.abs(p.box.width - p.box.height) < 3 && p.fill && p.fill !== 'none').map((p) => ({ x: p.box.x + p.box.width / 2, y: p.box.y + p.box.height / 2 }));
    });
    let text = '';
    for (const point of points.reverse()) {
        await page.mouse.move(point.x, point.y);
        await page.waitForTimeout(30);
        text = await page.evaluate(() => document.querySelector('#front .tip')?.textContent ?? '');
        if (text.includes('chosen')) break;
    }
    for (const part of ['chosen', 'genome', '1-1-1-0-0-0-0-0-0-2-2-1', 'front/V3.onnx', 'latency', 'measured']) check(text.includes(part), `"${part}" is missing in the tooltip: ${text}`);
    await page.locator('#front').screenshot({ path: join(folder, 'tooltip.png') });
});

await test('the table of trials opens, filters and sorts', async () => {
    await page.locator('#trials summary').click();
    await page.selectOption('#series-filter', 'V2');
    check((await page.locator('#trials tbody tr').count()) === 48, 'V2 has 48 trials');
    const sorted = async (pick) => {
        await page.locator('#trials th button', { hasText: 'latency' }).first().click();
        const index = await page.evaluate(() => [...document.querySelectorAll('#trials th')].findIndex((th) => th.textContent.startsWith('latency')));
        const texts = await page.evaluate((i) => [...document.querySelectorAll('#trials tbody tr')].map((tr) => tr.children[i].textContent), index);
        const values = texts.filter((t) => t).map((t) => parseFloat(t));
        check(values.length === 47, `${values.length} latencies of 47`);
        check(texts.at(-1) === '', 'the failed trial has no latency and stands last');
        check(values.every((v, i) => i === 0 || pick(values[i - 1], v)), `not sorted: ${values.slice(0, 5)}`);
    };
    await sorted((a, b) => a >= b);
    await sorted((a, b) => a <= b);
});

await test('an interrupted search gives a page of what there is', async () => {
    const full = fixture();
    const half = { title: 'TEST DATA: interrupted', job: full.job, trials: full.trials.filter((t) => t.series !== 'finalists').slice(0, 20).map((t) => ({ ...t, figures: {} })) };
    const { page: other, seen } = await open(writePage('interrupted', half), 400, 'light');
    check((await other.locator('#found').textContent()).includes('not finished'), 'it does not say that the search is not finished');
    check((await other.locator('.chart').count()) === 0, 'a chart without data');
    check(seen.errors.length === 0, seen.errors.join('; '));
    const size = await overflow(other);
    check(size.wide <= size.window, `${size.wide} px wide`);
    await other.close();
});

await test('a search in which nothing qualified draws the base alone', async () => {
    const full = fixture();
    const none = { ...full, chosen: null, layers: { base: full.layers.base, chosen: [] } };
    const { page: other, seen } = await open(writePage('none', none), 1400, 'light');
    const text = await other.locator('#layers').innerText();
    check((await other.locator('#found').textContent()).includes('No network qualified'), 'it does not say that nothing qualified');
    check((await other.locator('#layers details').count()) === 1, 'one table of kernels');
    check(!text.includes('chosen') && text.trimEnd().endsWith(`(${full.layers.base.length})`), `something stands for a chosen network that is not there: ${text}`);
    check(seen.errors.length === 0, seen.errors.join('; '));
    await other.close();
});

await test('an empty document gives a page', async () => {
    const { page: other, seen } = await open(writePage('empty', {}), 400, 'dark');
    check(seen.errors.length === 0, seen.errors.join('; '));
    await other.close();
});

await context.close();
rmSync(profile, { recursive: true, force: true });
console.log(`1..${count}`);
process.exit(failures ? 1 : 0);
