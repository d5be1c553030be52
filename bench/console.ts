/**
 * What the console costs: CPU, bytes a frame and key-to-frame at three sizes and three loads, beside the same load
 * without the projection's batching ("unbatched") and without incremental rendering ("whole-frames").
 *
 * Run: node bench/console.ts [seconds per cell, default 5] [--json] [200x54: this size only]
 */
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { bundleProgram } from '../test/tui/programs/build.ts';

const run = promisify(execFile);

const SIZES = [
  [80, 24],
  [120, 40],
  [200, 54],
] as const;
const LOADS = [
  ['idle', 0],
  ['normal 20/s', 20],
  ['storm 5000/s', 5_000],
] as const;
const VARIANTS = ['product', 'unbatched', 'whole-frames'] as const;

const Measured = Type.Object({
  firstFrameMs: Type.Number(),
  cpuPercent: Type.Number(),
  framesPerSecond: Type.Number(),
  bytesPerFrame: Type.Number(),
  loopDelayP99Ms: Type.Number(),
  keyP50Ms: Type.Number(),
  keyP95Ms: Type.Number(),
  keyP99Ms: Type.Number(),
  memoryMb: Type.Number(),
  exact: Type.Boolean(),
});

const seconds = Number(process.argv[2] ?? 5) || 5;
const json = process.argv.includes('--json');
const only = SIZES.filter((size) => process.argv.includes(size.join('x')));
const program = await bundleProgram('console-load', {
  from: join(import.meta.dirname, 'programs'),
  into: mkdtempSync(join(tmpdir(), 'bench-console-')),
});

const HEAD =
  'size      load          variant        cpu %  frames/s  bytes/frame  loop p99  key p50   p95   p99 ms   MB  exact';
if (!json) process.stdout.write(`${HEAD}\n`);
for (const [columns, rows] of only.length === 0 ? SIZES : only)
  for (const [load, rate] of LOADS)
    for (const variant of VARIANTS) {
      const args = [program, String(columns), String(rows), String(rate), String(seconds), variant];
      const { stdout } = await run(process.execPath, args, { timeout: 120_000, maxBuffer: 2 ** 20 });
      if (json) {
        process.stdout.write(stdout);
        continue;
      }
      const cell = Value.Parse(Measured, JSON.parse(stdout));
      const number = (value: number, width: number, digits = 1): string =>
        value.toFixed(digits).padStart(width);
      process.stdout.write(
        `${[
          `${columns}x${rows}`.padEnd(9),
          load.padEnd(13),
          variant.padEnd(13),
          number(cell.cpuPercent, 6),
          number(cell.framesPerSecond, 9),
          number(cell.bytesPerFrame, 12, 0),
          number(cell.loopDelayP99Ms, 9),
          number(cell.keyP50Ms, 8),
          number(cell.keyP95Ms, 5),
          number(cell.keyP99Ms, 5),
          number(cell.memoryMb, 8, 0),
          cell.exact ? '   yes' : '   NO',
        ].join(' ')}\n`,
      );
    }
