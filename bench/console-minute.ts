/**
 * The console under 5,000 events a second for a minute: counters exact, memory flat after the warm-up, CPU.
 *
 * Run: node bench/console-minute.ts [seconds, default 60] [events per second, default 5000]
 */
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { bundleProgram } from '../test/tui/programs/build.ts';

const Measured = Type.Object({
  samples: Type.Array(
    Type.Object({
      second: Type.Number(),
      heapMb: Type.Number(),
      rssMb: Type.Number(),
      events: Type.Number(),
    }),
  ),
  cpuPercent: Type.Number(),
  events: Type.Number(),
  exact: Type.Boolean(),
  frames: Type.Number(),
});

const [seconds = '60', rate = '5000'] = process.argv.slice(2);
const program = await bundleProgram('console-minute', {
  from: join(import.meta.dirname, 'programs'),
  into: mkdtempSync(join(tmpdir(), 'bench-console-')),
});
const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program, seconds, rate], {
  timeout: (Number(seconds) + 60) * 1_000,
});
const { samples, cpuPercent, events, exact, frames } = Value.Parse(Measured, JSON.parse(stdout));
for (const { second, heapMb, rssMb, events: so } of samples)
  process.stdout.write(
    `${String(second).padStart(4)} s   heap after gc ${heapMb.toFixed(1).padStart(6)} MB   rss ${rssMb.toFixed(0).padStart(4)} MB   ${so} events\n`,
  );
process.stdout.write(
  `${events} events in ${seconds} s, counters ${exact ? 'exact' : 'WRONG'}, ${frames} frames, ${cpuPercent.toFixed(1)} % CPU\n`,
);
