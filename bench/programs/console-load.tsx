/**
 * One cell of the console benchmark: draws a busy console for some seconds and prints what it cost as one JSON line.
 * Arguments: columns rows eventsPerSecond seconds variant (product | unbatched | whole-frames).
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { render } from 'ink';
import type { OperatorEvent } from '../../src/gateway/operator/operator.ts';
import { App } from '../../src/tui/app.tsx';
import { themeNamed, UNICODE_GLYPHS } from '../../src/tui/draw/theme.ts';
import { bindKeys } from '../../src/tui/keys/bindings.ts';
import { Controller } from '../../src/tui/state/controller.ts';
import { ConsoleStore } from '../../src/tui/state/store.ts';
import { createFakeOperator } from '../../test/tui/fake-operator.ts';
import { alive, busySnapshot, sessionView } from '../../test/tui/fixtures.ts';
import { SinkInput, SinkOutput } from './sink-terminal.ts';

const [columns = 120, rows = 40, rate = 20, seconds = 5] = process.argv.slice(2, 6).map(Number);
const variant = process.argv[6] ?? 'product';

// Where nothing arrives nothing arrived lately: no age is shown in seconds.
const quiet = rate === 0 ? { adapters: busySnapshot().adapters.map((row) => ({ ...row, ingress: {} })) } : {};
const snapshot = alive({
  ...busySnapshot(),
  ...quiet,
  sessions: Array.from({ length: 500 }, (_, n) => sessionView(`s${n}`, { senderName: `User ${n}` })),
});
const operator = createFakeOperator({ snapshot });
const store = new ConsoleStore(operator, { unbatched: variant === 'unbatched' });
const controller = new Controller({
  operator,
  store,
  bindings: bindKeys(),
  effects: {
    leave: () => {},
    redraw: () => {},
    suspend: () => {},
    exportTranscript: async () => '',
    runProgram: async () => '',
    page: () => {},
    openSession: () => {},
    copy: () => false,
  },
});
const stdin = new SinkInput();
const stdout = new SinkOutput(columns, rows);
const started = performance.now();
const instance = render(
  <App store={store} controller={controller} theme={themeNamed('dark')} glyphs={UNICODE_GLYPHS} />,
  {
    stdin,
    stdout,
    patchConsole: false,
    exitOnCtrlC: false,
    interactive: true,
    alternateScreen: true,
    incrementalRendering: variant !== 'whole-frames',
    maxFps: 60,
  },
);
const firstFrameMs = performance.now() - started;

/** A message that arrives: counters, a log line, a session that moves. One event in three calls. */
let count = 0;
function nextEvent(): OperatorEvent {
  count += 1;
  const at = Date.now();
  if (count % 3 === 0) return { type: 'traffic', direction: 'in', platform: 'telegram', at };
  if (count % 3 === 1)
    return { type: 'log', line: { at, level: 'info', source: 'telegram', text: `message ${count} taken` } };
  const id = `s${count % 500}`;
  return { type: 'session', session: { ...sessionView(id, { senderName: `User ${id}` }), lastUserAt: at } };
}

const TICK_MS = 10;
let owed = 0;
let last = performance.now();
const load =
  rate > 0
    ? setInterval(() => {
        const now = performance.now();
        owed += ((now - last) * rate) / 1_000;
        last = now;
        for (; owed >= 1; owed -= 1) operator.push(nextEvent());
      }, TICK_MS)
    : undefined;

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

const SELECTION = '\u001b[46m';
async function keyToFrame(key: string): Promise<number> {
  const pressed = performance.now();
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(2_000), 2_000);
    stdout.expect(SELECTION, () => {
      clearTimeout(late);
      resolve(performance.now() - pressed);
    });
    stdin.push(key);
  });
}

await pause(1_000);
stdin.push('2');
await pause(500);

// Cost of watching: no key is pressed.
const before = { cpu: process.cpuUsage(), at: performance.now(), bytes: stdout.bytes, frames: stdout.frames };
const folded = store.getSlices().events;
await pause(seconds * 1_000);
const cpu = process.cpuUsage(before.cpu);
const elapsedMs = performance.now() - before.at;
const frames = stdout.frames - before.frames;
const bytes = stdout.bytes - before.bytes;

// Keys: down and up in a list of 500, at the pace of a person who is in a hurry.
const latencies: number[] = [];
// Measured here only: the histogram's own timer would show in the CPU of an idle console.
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
for (let n = 0; n < 60; n += 1) {
  latencies.push(await keyToFrame(n % 20 < 10 ? 'j' : 'k'));
  await pause(60);
}
delay.disable();
latencies.sort((a, b) => a - b);
const percentile = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))] ?? 0;

clearInterval(load);
store.flush();
const exact = store.getSlices().events === count && store.getSlices().events >= folded;
process.stdout.write(
  `${JSON.stringify({
    columns,
    rows,
    rate,
    variant,
    firstFrameMs,
    cpuPercent: (cpu.user + cpu.system) / 10 / elapsedMs,
    framesPerSecond: frames / (elapsedMs / 1_000),
    bytesPerFrame: frames === 0 ? 0 : bytes / frames,
    loopDelayP99Ms: delay.percentile(99) / 1e6,
    keyP50Ms: percentile(0.5),
    keyP95Ms: percentile(0.95),
    keyP99Ms: percentile(0.99),
    memoryMb: process.memoryUsage().rss / 2 ** 20,
    exact,
  })}\n`,
);
instance.unmount();
controller.stop();
store.stop();
process.exit(0);
