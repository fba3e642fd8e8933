// SPDX-License-Identifier: Apache-2.0
// A picture of a report, for the README or to look at.      node tools/screenshot.mjs REPORT.html PICTURE.png [WIDTH [HEIGHT [light|dark]]]
// Without HEIGHT (or 0) the whole page.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [report, picture, width = '1400', height = '0', scheme = 'light'] = process.argv.slice(2);
if (!picture) {
    console.error('usage: node tools/screenshot.mjs REPORT.html PICTURE.png [WIDTH [HEIGHT [light|dark]]]');
    process.exit(2);
}
const browser = await chromium.launch({
    executablePath: ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync),
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) || 900 }, colorScheme: scheme });
await page.goto(pathToFileURL(resolve(report)).href);
await page.waitForSelector('#page main');
await page.screenshot({ path: picture, fullPage: Number(height) === 0 });
await browser.close();
