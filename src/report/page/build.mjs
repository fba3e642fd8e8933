// SPDX-License-Identifier: Apache-2.0
// Makes the report's page at build time: bundles the script with what it uses of ECharts, minifies, and writes an assembler file that puts the two
// halves of the page, before and after the document, into the binary.      Usage: node build.mjs OUTPUT.S
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
const output = process.argv[2];

if (!existsSync(join(root, 'node_modules/echarts')) || !existsSync(join(root, 'node_modules/esbuild'))) {
    console.error('The report needs its chart library, which is not in node_modules: run "npm ci --ignore-scripts" in the folder of package.json (or simply "make").');
    process.exit(1);
}
const esbuild = await import('esbuild');
const common = { bundle: true, minify: true, write: false, absWorkingDir: root, logLevel: 'error', charset: 'utf8', legalComments: 'eof' };
const script = await esbuild.build({ ...common, entryPoints: [join(here, 'main.js')], format: 'iife', target: 'es2021', define: { 'process.env.NODE_ENV': '"production"' } });
const style = await esbuild.build({ ...common, entryPoints: [join(here, 'page.css')] });

const text = (result) => result.outputFiles[0].text.trim();
if (text(script).includes('</script')) throw new Error('the bundled script holds "</script", which would end it early');
const page = readFileSync(join(here, 'page.html'), 'utf8').replace('@STYLE@', () => text(style)).replace('@SCRIPT@', () => text(script));
const [head, tail, extra] = page.split('@DOCUMENT@');
if (tail === undefined || extra !== undefined) throw new Error('page.html must hold @DOCUMENT@ once');

const part = (name, content) => {
    const file = output.replace(/\.S$/, `_${name}.html`);
    writeFileSync(file, content);
    // The hash makes the assembler file differ, and so be assembled again, whenever the page does.
    const hash = createHash('sha256').update(content).digest('hex');
    return `/* ${hash} */\n    .globl fet_report_page_${name}\n    .hidden fet_report_page_${name}\nfet_report_page_${name}:\n    .incbin ${JSON.stringify(file)}\n    .byte 0\n`;
};
writeFileSync(output, `    .section .rodata\n${part('head', head)}${part('tail', tail)}    .section .note.GNU-stack,"",%progbits\n`);
