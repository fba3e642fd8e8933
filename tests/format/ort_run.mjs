// SPDX-License-Identifier: Apache-2.0
// Runs models in ONNX Runtime's CPU library (npm: onnxruntime-node), as an independent judge of what our reader, writer and engine do.
//
//   node tests/format/ort_run.mjs JOBS.txt
//
// Each line of JOBS.txt is one job, its fields separated by tabs:
//   MODEL  OUTPUT_PREFIX  [NAME DTYPE DIMS FILE]...
// DTYPE is f32, s64, s32, u8 or bool, DIMS is 1x3x224x224 ("scalar" for rank 0), FILE holds the raw little-endian numbers. Output i is written to
// OUTPUT_PREFIX<i>.bin, and one line goes to standard output for it: "MODEL  i  NAME  DTYPE  DIMS". Exit code 0: all ran; 1: one failed (said on
// standard error); 77: onnxruntime-node is not installed.
import { readFileSync, writeFileSync } from 'node:fs';

let ort;
try {
  ort = (await import('onnxruntime-node')).default;
} catch (error) {
  console.error(`onnxruntime-node is not installed (${error.code ?? error.message}); npm ci --ignore-scripts installs it`);
  process.exit(77);
}

const arrays = { f32: Float32Array, s64: BigInt64Array, s32: Int32Array, u8: Uint8Array, bool: Uint8Array };
const toOrt = { f32: 'float32', s64: 'int64', s32: 'int32', u8: 'uint8', bool: 'bool' };
const fromOrt = Object.fromEntries(Object.entries(toOrt).map(([ours, theirs]) => [theirs, ours]));

function readTensor(dtype, dims, file) {
  const bytes = readFileSync(file);
  const shape = dims === 'scalar' ? [] : dims.split('x').map(Number);
  const elements = shape.reduce((a, b) => a * b, 1);
  const data = new arrays[dtype](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  if (data.length !== elements) throw new Error(`${file} holds ${data.length} numbers, ${dims} needs ${elements}`);
  return new ort.Tensor(toOrt[dtype], data, shape);
}

async function run(line) {
  const [model, prefix, ...rest] = line.split('\t');
  // No optimisations: the model is run as it is written. One thread: the same numbers every time.
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3,
  });
  const feeds = {};
  for (let i = 0; i + 3 < rest.length; i += 4) feeds[rest[i]] = readTensor(rest[i + 1], rest[i + 2], rest[i + 3]);
  const results = await session.run(feeds);
  session.outputNames.forEach((name, i) => {
    const { data, dims, type } = results[name];
    writeFileSync(`${prefix}${i}.bin`, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    console.log([model, i, name, fromOrt[type] ?? type, dims.length ? dims.join('x') : 'scalar'].join('\t'));
  });
  await session.release();
}

let failed = false;
for (const line of readFileSync(process.argv[2], 'utf8').split('\n').filter(Boolean)) {
  try {
    await run(line);
  } catch (error) {
    console.error(`${line.split('\t')[0]}: ${String(error.message).split('\n')[0]}`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
