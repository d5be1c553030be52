/** Puts store and controller together without React and without real time. */
import type { Effects, LeaveReason } from '../../src/tui/actions/action.ts';
import type { OwnCommand } from '../../src/tui/actions/commands.ts';
import { type Glyphs, PLAIN_THEME, type Theme, UNICODE_GLYPHS } from '../../src/tui/draw/theme.ts';
import { Ticker } from '../../src/tui/draw/times.ts';
import { bindKeys } from '../../src/tui/keys/bindings.ts';
import { compose, type Screen } from '../../src/tui/screen/compose.ts';
import { Controller } from '../../src/tui/state/controller.ts';
import type { ContextView } from '../../src/tui/state/slices.ts';
import type { Timers } from '../../src/tui/state/store.ts';
import { ConsoleStore } from '../../src/tui/state/store.ts';
import { createFakeOperator, type FakeOperator, type FakeOperatorOptions } from './fake-operator.ts';
import { busySnapshot, NOW } from './fixtures.ts';

/** Time that passes only when a test says so; timers fire in order. */
export class ManualTimers implements Timers {
  #now: number;
  #due: { at: number; run: () => void }[] = [];

  constructor(now = NOW) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.#now + ms, run };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  }

  get waiting(): number {
    return this.#due.length;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#due.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((entry) => entry !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }
}

class RecordedEffects implements Effects {
  readonly left: LeaveReason[] = [];
  readonly copied: string[] = [];
  readonly opened: (readonly [id: string, lent: unknown])[] = [];
  readonly paged: (readonly string[])[] = [];
  readonly exports: (readonly [id: string, path: string, format: string])[] = [];
  readonly programs: (readonly string[])[] = [];
  readonly lines: (readonly string[])[] = [];
  readonly shown: string[] = [];
  readonly contexts = { show: (name: string): void => void this.shown.push(name), connect: (): void => {} };
  redraws = 0;
  suspends = 0;

  leave(reason: LeaveReason): void {
    this.left.push(reason);
  }

  redraw(): void {
    this.redraws += 1;
  }

  suspend(): void {
    this.suspends += 1;
  }

  openSession(id: string, lent: unknown): void {
    this.opened.push([id, lent]);
  }

  async exportTranscript({ id }: { readonly id: string }, path: string, format: string): Promise<string> {
    this.exports.push([id, path, format]);
    return `exported to /home/ada/${path}`;
  }

  async runWords(line: readonly string[]): Promise<string> {
    this.lines.push(line);
    if (line.includes('nobody')) throw new Error('no such person');
    return line[0] === 'wave' ? 'waved' : 'first line\nsecond line';
  }

  async runProgram(words: readonly string[]): Promise<string> {
    this.programs.push(words);
    return `ran ${words.join(' ')}`;
  }

  page(lines: readonly string[]): void {
    this.paged.push(lines);
  }

  copy(text: string): boolean {
    this.copied.push(text);
    return true;
  }
}

export interface HarnessOptions extends Partial<FakeOperatorOptions> {
  readonly keys?: Readonly<Record<string, string>>;
  readonly commands?: readonly OwnCommand[];
  readonly filters?: Readonly<Record<string, string>>;
  readonly theme?: Theme;
  readonly glyphs?: Glyphs;
  /** The gateways of the console; default: there is only the one. */
  readonly contexts?: readonly ContextView[];
  /** Epoch milliseconds; default `NOW`. */
  readonly startAt?: number;
  /** Time that passes before each key; default none. */
  readonly keyMs?: number;
}

export interface Harness {
  readonly operator: FakeOperator;
  readonly timers: ManualTimers;
  readonly effects: RecordedEffects;
  readonly store: ConsoleStore;
  readonly controller: Controller;
  /** Presses keys, separated by blanks. */
  press(keys: string): void;
  /** Types every character of a text. */
  type(text: string): void;
  screen(columns?: number, rows?: number): Screen;
  /** The lines of the screen; without styles in the plain theme. */
  text(columns?: number, rows?: number): string[];
  /** Lets promises settle and background frames be published. */
  settle(): Promise<void>;
}

export function harness(options: HarnessOptions = {}): Harness {
  const operator = createFakeOperator({ snapshot: busySnapshot(), ...options });
  const timers = new ManualTimers(options.startAt);
  const effects = new RecordedEffects();
  const store = new ConsoleStore(operator, { timers, contexts: () => options.contexts ?? [] });
  const controller = new Controller({
    operator,
    store,
    bindings: bindKeys(options.keys, options.commands),
    effects,
    filters: options.filters ?? {},
  });
  const { theme = PLAIN_THEME, glyphs = UNICODE_GLYPHS } = options;
  let size: readonly [number, number] = [120, 40];
  const screen = (columns = 120, rows = 40): Screen => {
    size = [columns, rows];
    const ticker = new Ticker(store.getSlices().now);
    const drawn = compose({ controller, columns, rows, theme, glyphs, ticker });
    controller.preview.drawn(drawn.previewed);
    return drawn;
  };
  // Keys are pressed in front of a frame.
  const press = (key: string): void => {
    timers.advance(options.keyMs ?? 0);
    screen(...size);
    controller.key(key);
  };
  return {
    operator,
    timers,
    effects,
    store,
    controller,
    screen,
    press(keys) {
      for (const key of keys.split(' ')) press(key);
    },
    type(text) {
      for (const character of text) press(character === ' ' ? 'space' : character);
    },
    text: (columns, rows) => [...screen(columns, rows).lines],
    async settle() {
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
      timers.advance(300);
    },
  };
}
