/**
 * 5,000 events a second for a minute on a drawn console: are the counters exact, does memory stay flat? Prints one JSON
 * line. Arguments: seconds eventsPerSecond. Needs --expose-gc: the heap is measured after a full collection.
 */
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

const [seconds = 60, rate = 5_000] = process.argv.slice(2, 4).map(Number);
const { gc } = globalThis;
if (gc === undefined) throw new Error('run this with --expose-gc');

const sessions = Array.from({ length: 500 }, (_, n) => sessionView(`s${n}`, { senderName: `User ${n}` }));
const operator = createFakeOperator({ snapshot: alive({ ...busySnapshot(), sessions }) });
const store = new ConsoleStore(operator);
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
const stdout = new SinkOutput(120, 40);
const instance = render(
  <App store={store} controller={controller} theme={themeNamed('dark')} glyphs={UNICODE_GLYPHS} />,
  {
    stdin: new SinkInput(),
    stdout,
    patchConsole: false,
    exitOnCtrlC: false,
    interactive: true,
    alternateScreen: true,
    incrementalRendering: true,
    maxFps: 60,
  },
);

let count = 0;
let messages = 0;
/** Messages, log lines, sessions that move, tasks that end, deliveries and refusals: everything that is kept in rows. */
function nextEvent(): OperatorEvent {
  count += 1;
  const at = Date.now();
  switch (count % 6) {
    case 0:
      messages += 1;
      return { type: 'traffic', direction: 'in', platform: 'telegram', at };
    case 1:
      return {
        type: 'log',
        line: { at, level: 'info', source: 'telegram', text: `message ${count} was taken` },
      };
    case 2: {
      const id = `s${count % 500}`;
      return {
        type: 'session',
        session: { ...sessionView(id, { senderName: `User ${id}` }), lastUserAt: at },
      };
    }
    case 3:
      return {
        type: 'task',
        task: {
          id: `t${count}`,
          sessionId: 's1',
          parentSessionId: null,
          command: `task ${count}`,
          status: 'succeeded',
          progress: 100,
          createdAt: at,
          completedAt: at,
        },
      };
    case 4:
      return {
        type: 'refusal',
        refusal: {
          id: `r${count}`,
          at,
          platform: 'discord',
          chatId: 'c',
          senderId: `${count}`,
          senderName: `stranger ${count}`,
          code: 'not_allowed',
          reason: `no ${count}`,
        },
      };
    default:
      return {
        type: 'turn',
        sessionId: `s${count % 500}`,
        event: { type: 'text_delta', delta: `word ${count} ` },
      };
  }
}

let owed = 0;
let last = performance.now();
const load = setInterval(() => {
  const now = performance.now();
  owed += ((now - last) * rate) / 1_000;
  last = now;
  for (; owed >= 1; owed -= 1) operator.push(nextEvent());
}, 10);

interface Sample {
  readonly second: number;
  readonly heapMb: number;
  readonly rssMb: number;
  readonly events: number;
}
const samples: Sample[] = [];
const cpuBefore = process.cpuUsage();
const started = performance.now();
for (let second = 0; second < seconds; ) {
  const step = Math.min(5, seconds - second);
  await new Promise((resolve) => setTimeout(resolve, step * 1_000));
  second += step;
  gc();
  const { heapUsed, rss } = process.memoryUsage();
  samples.push({ second, heapMb: heapUsed / 2 ** 20, rssMb: rss / 2 ** 20, events: count });
}
const cpu = process.cpuUsage(cpuBefore);
const elapsedMs = performance.now() - started;
clearInterval(load);
store.flush();
const slices = store.getSlices();
process.stdout.write(
  `${JSON.stringify({
    samples,
    cpuPercent: (cpu.user + cpu.system) / 10 / elapsedMs,
    events: count,
    exact: slices.events === count && slices.traffic.in === messages,
    frames: stdout.frames,
  })}\n`,
);
instance.unmount();
controller.stop();
store.stop();
process.exit(0);
