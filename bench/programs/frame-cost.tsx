/** CPU of one frame: draws 300 frames that each differ in a few lines. Arguments: columns rows. Prints milliseconds. */
import { render } from 'ink';
import { App } from '../../src/tui/app.tsx';
import { themeNamed, UNICODE_GLYPHS } from '../../src/tui/draw/theme.ts';
import { bindKeys } from '../../src/tui/keys/bindings.ts';
import { Controller } from '../../src/tui/state/controller.ts';
import { ConsoleStore } from '../../src/tui/state/store.ts';
import { createFakeOperator } from '../../test/tui/fake-operator.ts';
import { alive, busySnapshot, sessionView } from '../../test/tui/fixtures.ts';
import { SinkInput, SinkOutput } from './sink-terminal.ts';

const [columns = 120, rows = 40] = process.argv.slice(2, 4).map(Number);
const FRAMES = 300;

const snapshot = alive({
  ...busySnapshot(),
  sessions: Array.from({ length: 500 }, (_, n) => sessionView(`s${n}`, { senderName: `User ${n}` })),
});
const operator = createFakeOperator({ snapshot });
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
const stdout = new SinkOutput(columns, rows);
const app = <App store={store} controller={controller} theme={themeNamed('dark')} glyphs={UNICODE_GLYPHS} />;
const instance = render(app, {
  stdin: new SinkInput(),
  stdout,
  patchConsole: false,
  exitOnCtrlC: false,
  interactive: true,
  alternateScreen: true,
  incrementalRendering: true,
  maxFps: 1_000,
});

let compose = 0;
async function frames(count: number): Promise<number> {
  const before = process.cpuUsage();
  for (let n = 0; n < count; n += 1) {
    const at = Date.now();
    operator.push({
      type: 'log',
      line: { at, level: 'info', source: 'telegram', text: `message ${n} of many` },
    });
    operator.push({ type: 'session', session: { ...sessionView(`s${n}`), lastUserAt: at } });
    store.flush();
    await instance.waitUntilRenderFlush();
    compose += 1;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / count;
}

await frames(50);
const cost = await frames(FRAMES);
process.stdout.write(`${columns}x${rows}: ${cost.toFixed(2)} ms CPU a frame over ${compose} frames\n`);
instance.unmount();
process.exit(0);
