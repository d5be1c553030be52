/** The built program in a real pseudo-terminal, its screen read cell by cell with a headless terminal emulator. */
import { type IPty, spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { cellWidth } from '../../src/tui/draw/cells.ts';
import { BIN, childEnv, compileCache } from './gateway-process.ts';

export class TerminalProgram {
  readonly pty: IPty;
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  readonly exited: Promise<{ exitCode: number; signal: number | undefined }>;
  /** Everything that was written, escape sequences included. */
  raw = '';
  ended = false;
  /** Within a frame that the program writes as one: half of the screen is still that of the frame before. */
  #drawing = false;

  constructor(
    args: readonly string[],
    options: {
      readonly columns?: number;
      readonly rows?: number;
      readonly env?: NodeJS.ProcessEnv;
      /** Another program for Node than ours. */
      readonly bin?: string;
      readonly cwd?: string;
    } = {},
  ) {
    const cols = options.columns ?? 120;
    const rows = options.rows ?? 40;
    this.#terminal = new xterm.Terminal({ cols, rows, allowProposedApi: true, scrollback: 1000 });
    for (const [final, drawing] of [
      ['h', true],
      ['l', false],
    ] as const)
      this.#terminal.parser.registerCsiHandler({ prefix: '?', final }, (modes) => {
        if (modes.includes(2026)) this.#drawing = drawing;
        return false;
      });
    this.pty = spawn(process.execPath, [options.bin ?? BIN, ...args], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      cols,
      rows,
      name: 'xterm-256color',
      env: {
        ...childEnv({
          TERM: 'xterm-256color',
          // Our own program keeps compiled code by itself.
          ...(options.bin === undefined ? {} : compileCache()),
          ...options.env,
        }),
      } as Record<string, string>,
    });
    this.pty.onData((data) => {
      this.raw += data;
      this.#terminal.write(data);
    });
    this.exited = new Promise((resolve) =>
      // What it wrote last is on the screen by then.
      this.pty.onExit(({ exitCode, signal }) =>
        this.#terminal.write('', () => {
          this.ended = true;
          resolve({ exitCode, signal });
        }),
      ),
    );
  }

  /** The visible rows, right-trimmed. */
  lines(): string[] {
    const buffer = this.#terminal.buffer.active;
    return Array.from(
      { length: this.#terminal.rows },
      (_, y) => buffer.getLine(buffer.baseY + y)?.translateToString(true) ?? '',
    );
  }

  /** The visible rows with their colors, as a program would write them: the sixteen colors, bold, dim, underline, inverse. */
  styled(): string[] {
    const buffer = this.#terminal.buffer.active;
    return Array.from({ length: this.#terminal.rows }, (_, y) => {
      const line = buffer.getLine(buffer.baseY + y);
      let text = '';
      let look = '';
      for (let x = 0; x < this.#terminal.cols; x += 1) {
        const cell = line?.getCell(x);
        if (cell === undefined || cell.getWidth() === 0) continue;
        const codes = [
          '0',
          ...(cell.isBold() ? ['1'] : []),
          ...(cell.isDim() ? ['2'] : []),
          ...(cell.isUnderline() ? ['4'] : []),
          ...(cell.isInverse() ? ['7'] : []),
          ...(cell.isFgPalette() ? [String(colorCode(cell.getFgColor(), 30))] : []),
          ...(cell.isBgPalette() ? [String(colorCode(cell.getBgColor(), 40))] : []),
        ].join(';');
        if (codes !== look) text += `\u001b[${codes}m`;
        look = codes;
        const chars = cell.getChars() || ' ';
        // As many cells as the terminal gave it, whatever a reader of these rows takes it for.
        text += cellWidth(chars) === cell.getWidth() ? chars : '?'.padEnd(cell.getWidth());
      }
      return text.trimEnd();
    });
  }

  text(): string {
    return this.lines().join('\n');
  }

  /** True while the program draws on the alternate screen. */
  get alternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  /** The terminal's own cursor: its cell on the visible screen. */
  get cursor(): { readonly x: number; readonly y: number; readonly hidden: boolean } {
    const { cursorX, cursorY } = this.#terminal.buffer.active;
    const hidden = this.raw.lastIndexOf('\u001b[?25l') > this.raw.lastIndexOf('\u001b[?25h');
    return { x: cursorX, y: cursorY, hidden };
  }

  type(keys: string): void {
    this.pty.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
    this.pty.resize(columns, rows);
  }

  /** Resolves when a whole frame on the screen shows it; rejects with the screen when time is over. */
  async shows(what: string | RegExp, timeoutMs = 20_000): Promise<void> {
    const fits = (): boolean =>
      (!this.#drawing || this.ended) &&
      (typeof what === 'string' ? this.text().includes(what) : what.test(this.text()));
    const until = Date.now() + timeoutMs;
    while (!fits()) {
      if (Date.now() > until || this.ended)
        throw new Error(`the screen never showed ${String(what)}:\n${this.text()}\n${this.raw.slice(-2000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends the program if it still runs. */
  async end(): Promise<void> {
    if (!this.ended) this.pty.kill('SIGKILL');
    await this.exited;
  }
}

/** The code of one of the sixteen colors, for text (30) or ground (40). */
function colorCode(color: number, base: 30 | 40): number {
  return color < 8 ? base + color : base + 60 + (color - 8);
}
