/**
 * 20,000 sessions listed, scrolled, filtered and updated: the longest single step of our own code (key to composed
 * screen, React and Ink left out) must stay under 16 ms.
 *
 * Run: node bench/sessions.ts [sessions, default 20000]
 */
import { themeNamed } from '../src/tui/draw/theme.ts';
import { NOW, sessionView, snapshotOf } from '../test/tui/fixtures.ts';
import { type Harness, harness } from '../test/tui/harness.ts';

const COUNT = Number(process.argv[2] ?? 20_000) || 20_000;
const COLUMNS = 200;
const ROWS = 54;
const LIMIT_MS = 16;

/** CPU of this thread in ms: what others do on the machine is not our own code. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

const STATES = ['running', 'queued', 'paused', 'idle', 'ended'] as const;
const session = (n: number) =>
  sessionView(`s${n}`, {
    senderName: `User ${n} 山田`,
    title: `question number ${n} about something`,
    state: STATES[n % 5] ?? 'idle',
    lastUserAt: NOW - n * 1_000,
  });

interface Step {
  readonly name: string;
  readonly times: number;
  readonly run: (h: Harness, n: number) => void;
}

const typed = (name: string, text: string): Step[] =>
  text.split('').map((key, n) => ({
    name: `${name}: "${text.slice(0, n + 1)}"`,
    times: 1,
    run: (h) => h.press(key === ' ' ? 'space' : key),
  }));

const STEPS: readonly Step[] = [
  { name: 'open the pane', times: 1, run: (h) => h.press('2 z') },
  { name: 'one row down', times: 200, run: (h) => h.press('j') },
  { name: 'one page down', times: 50, run: (h) => h.press('pgdn') },
  { name: 'to the end', times: 5, run: (h, n) => h.press(n % 2 === 0 ? 'G' : 'g') },
  { name: 'begin to filter', times: 1, run: (h) => h.press('/') },
  ...typed('type a filter', 'user 19'),
  { name: 'walk the filtered rows', times: 20, run: (h) => h.press('down') },
  { name: 'drop the filter', times: 1, run: (h) => h.press('esc') },
  { name: 'begin to filter', times: 1, run: (h) => h.press('/') },
  ...typed('type a pattern', '/(7|9) about/'),
  {
    name: 'a session moves, filtered',
    times: 50,
    run(h, n) {
      h.operator.push({ type: 'session', session: { ...session(n * 37), lastUserAt: NOW + n } });
      h.store.flush();
    },
  },
  { name: 'drop the filter', times: 1, run: (h) => h.press('esc') },
  {
    name: 'ten sessions move',
    times: 50,
    run(h, n) {
      for (let i = 0; i < 10; i += 1)
        h.operator.push({ type: 'session', session: { ...session(n * 37 + i), lastUserAt: NOW + n } });
      h.store.flush();
    },
  },
  {
    name: 'a thousand sessions move',
    times: 10,
    run(h, n) {
      for (let i = 0; i < 1_000; i += 1)
        h.operator.push({ type: 'session', session: { ...session(i * 17), lastUserAt: NOW + n + i } });
      h.store.flush();
    },
  },
];

const sessions = Array.from({ length: COUNT }, (_, n) => session(n));
const started = cpuMs();
const h = harness({ snapshot: snapshotOf({ sessions }), theme: themeNamed('dark') });
h.screen(COLUMNS, ROWS);
process.stdout.write(
  `${COUNT} sessions; snapshot taken and first screen in ${(cpuMs() - started).toFixed(1)} ms\n`,
);
let worst = 0;
for (const { name, times, run } of STEPS) {
  let longest = 0;
  let sum = 0;
  for (let n = 0; n < times; n += 1) {
    const at = cpuMs();
    run(h, n);
    h.screen(COLUMNS, ROWS);
    const ms = cpuMs() - at;
    longest = Math.max(longest, ms);
    sum += ms;
  }
  worst = Math.max(worst, longest);
  process.stdout.write(
    `${name.padEnd(34)} mean ${(sum / times).toFixed(2).padStart(6)} ms   longest ${longest.toFixed(2).padStart(6)} ms${longest > LIMIT_MS ? '   TOO LONG' : ''}\n`,
  );
}
process.stdout.write(`longest step ${worst.toFixed(1)} ms (goal: under ${LIMIT_MS})\n`);
h.store.stop();
