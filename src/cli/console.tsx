/** Opens the operator's console over an `Operator`, and gives the terminal back on every way out. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { render } from 'ink';
import type { ReactNode } from 'react';
import { GatewayError } from '../base/errors.ts';
import { type ExportFormat, exported, wholeTranscript } from '../gateway/operator/export.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import type { ExportedSession, LeaveReason } from '../tui/actions/action.ts';
import type { OwnCommand } from '../tui/actions/commands.ts';
import { App, ReaderApp, type SuspendTerminal } from '../tui/app.tsx';
import { FIRST_STEP } from '../tui/forms/setup.ts';
import { type Bindings, bindKeys } from '../tui/keys/bindings.ts';
import { Reader } from '../tui/reader/reader.ts';
import { pointAt } from '../tui/screen/scene.ts';
import { Controller } from '../tui/state/controller.ts';
import { sentenceOf } from '../tui/state/decisions.ts';
import { ConsoleStore } from '../tui/state/store.ts';
import type { OwnTheme } from '../tui/terminal/appearance.ts';
import { type Appearance, appearanceOf, askWidths } from '../tui/terminal/appearance.ts';
import { clipboardSequence, type NotificationKind, watchAttention } from '../tui/terminal/modes.ts';
import { openTerminal, type Terminal } from '../tui/terminal/terminal.ts';
import { holdSession, leaseOf } from './handoff.ts';
import { type ConsoleContext, type OneScreen, Screens } from './screens.ts';

export interface ConsoleOptions {
  /** Draw in the normal screen instead of the alternate one. */
  readonly inline?: boolean;
  /** Draw with ASCII signs only. */
  readonly ascii?: boolean;
  /** Linear, append-only output with numbered choices; also `INK_SCREEN_READER=true` and `TERM=dumb`. */
  readonly screenReader?: boolean;
  readonly stdin?: NodeJS.ReadStream;
  readonly stdout?: NodeJS.WriteStream;
  /** Default `auto`: `NO_COLOR` and `COLORFGBG` decide. Else a built-in theme, or one of `themes`. */
  readonly theme?: string;
  /** Own themes by name. */
  readonly themes?: Readonly<Record<string, OwnTheme>>;
  /** Take the mouse; default false. */
  readonly mouse?: boolean;
  /** Desktop notification when someone asks to pair; default `off`. */
  readonly notifications?: 'off' | NotificationKind;
  /** Action id -> keys, separated by blanks: `{ "pairing.approve": "A" }`. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Nothing is changed from this console. */
  readonly readOnly?: boolean;
  /** The operator's own commands on rows. */
  readonly commands?: readonly OwnCommand[];
  /** Saved filters, by name. */
  readonly filters?: Readonly<Record<string, string>>;
  /** Other gateways that this console can show. */
  readonly contexts?: readonly ConsoleContext[];
  /** The name of the gateway that it opens with; default: `here`. */
  readonly name?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Ring the bell when someone asks to pair; default false. */
  readonly bell?: boolean;
  /** Begins with the guided setup: the data directory holds no configuration yet. */
  readonly firstRun?: boolean;
  /** Leaves the console, as if the operator had quit (the gateway behind it has stopped). */
  readonly signal?: AbortSignal;
}

export interface ConsoleResult {
  /** The operator quit, the terminal is gone, or a signal asked the process to end. */
  readonly reason: LeaveReason;
}

/**
 * Opens the console; resolves when the operator leaves it. Restores the terminal on every way out, also before the
 * stack of an uncaught error is printed; rejects with the render error after the restore. Never ends the process.
 */
export async function runConsole(operator: Operator, options: ConsoleOptions = {}): Promise<ConsoleResult> {
  const env = options.env ?? process.env;
  const appearance = appearanceOf({ ...options, env });
  const terminal = openTerminal({
    stdin: options.stdin ?? process.stdin,
    stdout: options.stdout ?? process.stdout,
    dumb: appearance.dumb,
    linear: appearance.linear,
    mouse: options.mouse === true && !appearance.linear,
  });
  try {
    const seen = options.readOnly === true ? readOnlyOperator(operator) : operator;
    return await holdConsole(seen, options, { env, appearance, terminal });
  } finally {
    terminal.close();
  }
}

interface Opened {
  readonly env: NodeJS.ProcessEnv;
  readonly appearance: Appearance;
  readonly terminal: Terminal;
}

async function holdConsole(
  operator: Operator,
  options: ConsoleOptions,
  opened: Opened,
): Promise<ConsoleResult> {
  const { env, appearance, terminal } = opened;
  const { notifications = 'off' } = options;
  const bindings = bindKeys(options.keys, options.commands);
  const watch = ({ store }: OneScreen): (() => void) =>
    watchAttention(store, terminal, {
      bell: options.bell === true,
      titles: !appearance.linear,
      ...(notifications === 'off' || appearance.dumb ? {} : { notify: { kind: notifications, env } }),
    });
  let quiet = (): void => {};
  let draw = (_screen: Screen): void => {};
  const screens: Screens<Screen> = new Screens(
    [
      { name: options.name ?? OWN_GATEWAY, address: addressOf(operator), open: () => operator },
      ...others(options),
    ],
    options.name ?? OWN_GATEWAY,
    (each, name) => makeScreen(each, name, { screens, bindings, options, opened }),
    (screen) => {
      quiet();
      draw(screen);
      quiet = watch(screen);
    },
  );
  const { store, controller } = screens.current;
  for (const problem of bindings.problems) store.note('warn', 'console', problem);
  terminal.onNote((level, source, text) => screens.current.store.note(level, source, text));
  terminal.onFocus((focused) => screens.current.store.setFocused(focused));
  if (options.firstRun === true) controller.open(FIRST_STEP);
  terminal.onMouse((event) => {
    const { columns, rows } = terminal.screen;
    pointAt(screens.current.controller, event, columns, options.inline === true ? rows - 1 : rows);
    screens.current.store.flush();
  });
  const release = asksWidths(terminal, appearance)
    ? askWidths({
        stdin: terminal.stdin,
        write: (text) => terminal.send(text),
        inline: options.inline === true,
        answered(drawn) {
          screens.current.store.flush();
          // Cells were taken by other widths before.
          if (drawn) terminal.redraw();
        },
      })
    : () => {};
  quiet = watch(screens.current);
  try {
    const inline = options.inline === true;
    const instance = render(rootOf(screens.current, { appearance, terminal, inline }), {
      stdin: terminal.stdin,
      stdout: terminal.screen,
      // Ink would write libraries' output over the frame; the guard sends it to the log pane.
      patchConsole: false,
      exitOnCtrlC: false,
      // Without this a CI variable in the environment makes Ink write one frame at the end.
      interactive: true,
      alternateScreen: !inline && !appearance.linear,
      incrementalRendering: true,
      maxFps: 60,
      isScreenReaderEnabled: appearance.linear,
    });
    // No one types a command before the first frame: the table of operations is not on its way.
    setImmediate(() => {
      import('./views.ts').then(
        ({ wordedForms }) => bindings.offer(wordedForms()),
        (error: unknown) => screens.current.store.note('warn', 'console', sentenceOf(error)),
      );
    });
    draw = (screen) => instance.rerender(rootOf(screen, { appearance, terminal, inline }));
    const leave = (): void => terminal.leave('quit');
    if (options.signal?.aborted) leave();
    options.signal?.addEventListener('abort', leave, { once: true });
    return { reason: await terminal.hold(instance) };
  } finally {
    release();
    quiet();
    for (const screen of screens.all) {
      screen.controller.stop();
      screen.store.stop();
    }
  }
}

/** The gateway that the console was opened for, where it has no name of its own. */
const OWN_GATEWAY = 'here';

function others({ contexts = [], name, readOnly }: ConsoleOptions): readonly ConsoleContext[] {
  return contexts
    .filter((each) => each.name !== name)
    .map((each) => (readOnly === true ? { ...each, open: () => readOnlyOperator(each.open()) } : each));
}

function addressOf(operator: Operator): string {
  const link = operator.link();
  return link.kind === 'local' ? 'this process' : link.url;
}

interface Making {
  readonly screens: Screens<Screen>;
  readonly bindings: Bindings;
  readonly options: ConsoleOptions;
  readonly opened: Opened;
}

/** The console of one gateway: it stays as it is while another one is on the screen. */
function makeScreen(
  operator: Operator,
  name: string,
  { screens, bindings, options, opened }: Making,
): Screen {
  const { env, appearance, terminal } = opened;
  const store = new ConsoleStore(operator, { contexts: () => screens.views() });
  const controller: Controller = new Controller({
    operator,
    filters: options.filters ?? {},
    store,
    bindings,
    effects: {
      leave: (reason) => terminal.leave(reason),
      redraw: () => terminal.redraw(),
      suspend: () => terminal.suspend(),
      contexts: { show: (next) => screens.show(next), connect: () => screens.connect() },
      exportTranscript: (session, path, format) => exportTo(operator, session, path, format),
      runProgram: (words) => runProgram(words, env),
      runWords: async (line) => (await import('./views.ts')).runWords(operator, line),
      page: (lines) => terminal.page(lines, env),
      openSession: (id, data) => openSession({ operator, controller, terminal }, id, data),
      copy(text) {
        const sequence = appearance.dumb ? undefined : clipboardSequence(text, env);
        if (sequence !== undefined) terminal.send(sequence);
        return sequence !== undefined;
      },
    },
  });
  if (options.readOnly === true) controller.update((view) => ({ ...view, readOnly: true }));
  // Nothing is decided before the first frame has shown it.
  if (!appearance.linear) controller.lists.drawn.begin();
  return { name, store, controller };
}

function asksWidths({ stdin, screen }: Terminal, { linear, dumb }: Appearance): boolean {
  return !linear && !dumb && stdin.isTTY === true && screen.isTTY;
}

/** What only asks is allowed. */
function readOnlyOperator(operator: Operator): Operator {
  return {
    snapshot: () => operator.snapshot(),
    subscribe: (listener) => operator.subscribe(listener),
    query: (name, params) => operator.query(name, params),
    link: () => operator.link(),
    close: () => operator.close(),
    async run(command) {
      if ((await import('./views.ts')).onlyLooks(command)) return operator.run(command);
      throw new GatewayError('read_only', 'this console is read-only', {
        hint: 'Start it without --readonly to change something.',
      });
    },
  };
}

/** Own commands get their words as they are; no shell reads them. */
async function runProgram(
  [program = '', ...words]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  execFile(program, words, { env, timeout: 60_000, maxBuffer: 1_000_000 }, (error, stdout, stderr) => {
    if (error === null) done(stdout + stderr);
    else reject(new Error(stderr.trim().split('\n').at(-1) || error.message));
  }).stdin?.end();
  return promise;
}

/** Chats are private: the file is for its owner only, and none that exists is written over. */
async function exportTo(
  operator: Operator,
  session: ExportedSession,
  path: string,
  format: ExportFormat,
): Promise<string> {
  const whole = resolve(path.replace(/^~(?=\/)/u, homedir()));
  const entries = await wholeTranscript(operator, session.id);
  await writeFile(whole, exported(entries, session, format), { flag: 'wx', mode: 0o600 });
  return `${entries.length} entries are in ${whole}`;
}

/** Gives the terminal to pi on a leased session; the session goes back on every way out. */
function openSession(
  {
    operator,
    controller,
    terminal,
  }: Pick<Opened, 'terminal'> & { readonly operator: Operator; readonly controller: Controller },
  id: string,
  data: unknown,
): void {
  try {
    const lease = leaseOf(data);
    const given = terminal.give(async () => {
      try {
        await holdSession(operator, id, lease);
        controller.toast('The session is closed here. Its queued messages run now.');
      } catch (error) {
        controller.toast(sentenceOf(error), 'bad');
      }
    });
    // No one gets it: the chat must not wait for that.
    if (!given) controller.run({ type: 'session.handBack', id, lease: lease.lease });
  } catch (error) {
    controller.toast(sentenceOf(error), 'bad');
  }
}

interface Screen extends OneScreen {
  readonly name: string;
  reader?: Reader;
}

interface RootOptions extends Pick<Opened, 'appearance' | 'terminal'> {
  readonly inline: boolean;
}

function rootOf(screen: Screen, { appearance, terminal, inline }: RootOptions): ReactNode {
  const { store, controller } = screen;
  const onReady = (suspend: SuspendTerminal): void => terminal.ready(suspend);
  if (appearance.linear) {
    if (screen.reader !== undefined) screen.reader.begin();
    screen.reader ??= new Reader(controller, store, (line) => {
      // What is not on the screen is silent.
      if (controller.shown) terminal.send(`${line}\n`);
    });
    return <ReaderApp reader={screen.reader} onReady={onReady} />;
  }
  return (
    <App
      store={store}
      controller={controller}
      theme={appearance.theme}
      glyphs={appearance.glyphs}
      // Inline the last row stays free for the shell's prompt.
      spareRows={inline ? 1 : 0}
      onReady={onReady}
    />
  );
}
