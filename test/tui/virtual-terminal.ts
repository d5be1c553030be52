/** A real terminal emulator without a window: what was written to it becomes cells that tests can read. */
import { Socket } from 'node:net';
import xterm from '@xterm/headless';

export interface Cell {
  readonly text: string;
  /** Palette number of the colour, or undefined for the terminal's default. */
  readonly foreground: number | undefined;
  readonly background: number | undefined;
  readonly bold: boolean;
  readonly inverse: boolean;
  readonly underline: boolean;
  readonly dim: boolean;
}

/** Cell width as today's terminals have it (Unicode 15), written independently of what the console uses. */
function wcwidth(code: number): 0 | 1 | 2 {
  // Every cell of every frame asks.
  if (code >= 0x20 && code < 0x7f) return 1;
  const known = widths.get(code);
  if (known !== undefined) return known;
  const width = measured(code);
  widths.set(code, width);
  return width;
}

const widths = new Map<number, 0 | 1 | 2>();

function measured(code: number): 0 | 1 | 2 {
  const character = String.fromCodePoint(code);
  if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) return 0;
  if (/\p{Emoji_Presentation}/u.test(character) && !/\p{Regional_Indicator}/u.test(character)) return 2;
  const wide = [
    [0x1100, 0x115f],
    [0x1f200, 0x1f265],
    [0x2e80, 0x303e],
    [0x3041, 0xa4cf],
    [0xac00, 0xd7a3],
    [0xf900, 0xfaff],
    [0xfe10, 0xfe19],
    [0xfe30, 0xfe6f],
    [0xff00, 0xff60],
    [0xffe0, 0xffe6],
    [0x20000, 0x3fffd],
  ].some(([from = 0, to = 0]) => code >= from && code <= to);
  return wide ? 2 : 1;
}

/** Width in bits 1 and 2; bit 0 joins the character to the cell before it, as combining marks do. */
function charProperties(code: number, preceding: number): number {
  const width = wcwidth(code);
  const before = (preceding >> 1) & 3;
  const joins = width === 0 && preceding !== 0 && before !== 0;
  return ((joins ? Math.max(before, width) : width) << 1) | (joins ? 1 : 0);
}

/** A terminal that shows clusters as one sign, as kitty, Ghostty and WezTerm do; what it is in the middle of, above bit 3. */
const IN = { nothing: 0, base: 1, joiner: 2, flag: 3, digit: 4, virama: 5 } as const;

function graphemeProperties(code: number, preceding: number): number {
  const character = String.fromCodePoint(code);
  const before = preceding >> 3;
  const cells = (preceding >> 1) & 3;
  const joined = (width: number, state: number): number => (state << 3) | (width << 1) | 1;
  const alone = (width: number, state: number): number => (state << 3) | (width << 1);
  if (preceding !== 0 && cells > 0) {
    if (code === 0x200d) return joined(cells, IN.joiner);
    if (code === 0xfe0f) return joined(before === IN.base || before === IN.digit ? 2 : cells, before);
    if (/\p{Emoji_Modifier}/u.test(character) && before === IN.base) return joined(2, IN.base);
    if (before === IN.joiner && /\p{Extended_Pictographic}/u.test(character)) return joined(2, IN.base);
    if (before === IN.flag && /\p{Regional_Indicator}/u.test(character)) return joined(2, IN.nothing);
    if (before === IN.virama && /\p{L}/u.test(character)) return joined(cells, IN.nothing);
    if (/[\u094d\u0d4d]/u.test(character)) return joined(cells, IN.virama);
    if (/\p{M}/u.test(character)) return joined(cells, before);
  }
  const width = wcwidth(code);
  if (/\p{Regional_Indicator}/u.test(character)) return alone(2, IN.flag);
  if (/[\d#*]/u.test(character)) return alone(1, IN.digit);
  return alone(width, /\p{Extended_Pictographic}/u.test(character) ? IN.base : IN.nothing);
}

export interface VirtualTerminalOptions {
  /** Clusters of several code points are one sign of two cells; default: each code point has its own width. */
  readonly joins?: boolean;
}

export class VirtualTerminal {
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  /** Everything that was written. */
  raw = '';
  /** Within a frame that is written as one: half of the screen is still that of the frame before. */
  drawing = false;

  constructor(columns: number, rows: number, { joins = false }: VirtualTerminalOptions = {}) {
    this.#terminal = new xterm.Terminal({
      cols: columns,
      rows,
      allowProposedApi: true,
      scrollback: 1_000,
      // What the line discipline of a terminal does (ONLCR).
      convertEol: true,
    });
    this.#terminal.unicode.register({
      version: 'modern',
      wcwidth,
      charProperties: joins ? graphemeProperties : charProperties,
    });
    this.#terminal.unicode.activeVersion = 'modern';
    for (const [final, drawing] of [
      ['h', true],
      ['l', false],
    ] as const)
      this.#terminal.parser.registerCsiHandler({ prefix: '?', final }, (modes) => {
        if (modes.includes(2026)) this.drawing = drawing;
        return false;
      });
  }

  /** What the terminal answers to questions. */
  onAnswer(listener: (data: string) => void): void {
    this.#terminal.onData(listener);
  }

  get columns(): number {
    return this.#terminal.cols;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  write(data: string): void {
    this.raw += data;
    this.#terminal.write(data);
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
  }

  /** Waits until everything written is on the screen. */
  async drawn(): Promise<void> {
    await new Promise<void>((resolve) => this.#terminal.write('', resolve));
  }

  get alternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  get cursorHidden(): boolean {
    return this.raw.lastIndexOf('\u001b[?25l') > this.raw.lastIndexOf('\u001b[?25h');
  }

  /** The visible lines, blanks at their ends kept out. */
  lines(): string[] {
    const buffer = this.#terminal.buffer.active;
    return Array.from({ length: this.rows }, (_, row) =>
      (buffer.getLine(buffer.baseY + row)?.translateToString(true) ?? '').trimEnd(),
    );
  }

  text(): string {
    return this.lines().join('\n');
  }

  cell(column: number, row: number): Cell {
    const buffer = this.#terminal.buffer.active;
    const cell = buffer.getLine(buffer.baseY + row)?.getCell(column);
    if (cell === undefined) throw new RangeError(`there is no cell ${column},${row}`);
    return {
      text: cell.getChars(),
      foreground: cell.isFgDefault() ? undefined : cell.getFgColor(),
      background: cell.isBgDefault() ? undefined : cell.getBgColor(),
      bold: cell.isBold() !== 0,
      inverse: cell.isInverse() !== 0,
      underline: cell.isUnderline() !== 0,
      dim: cell.isDim() !== 0,
    };
  }

  /** The characters of a column from top to bottom. */
  column(at: number): string {
    return Array.from({ length: this.rows }, (_, row) => this.cell(at, row).text).join('');
  }
}

/** A stdout whose terminal is a `VirtualTerminal`. */
export class FakeStdout extends Socket {
  readonly isTTY = true;
  readonly terminal: VirtualTerminal;
  /** Bytes of each write. */
  readonly writes: number[] = [];

  constructor(terminal: VirtualTerminal) {
    super();
    this.terminal = terminal;
  }

  get columns(): number {
    return this.terminal.columns;
  }

  get rows(): number {
    return this.terminal.rows;
  }

  override write(chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    this.terminal.write(text);
    this.writes.push(Buffer.byteLength(text));
    const done = rest.find((entry): entry is () => void => typeof entry === 'function');
    if (done !== undefined) setImmediate(done);
    return true;
  }

  resize(columns: number, rows: number): void {
    this.terminal.resize(columns, rows);
    this.emit('resize');
  }
}

/** A stdin that is a terminal in raw mode; `type` is what the operator's keyboard sends. */
export class FakeStdin extends Socket {
  readonly isTTY = true;
  isRaw = false;

  /** Nothing connects: the socket's own would wait for that with one more listener after each key. */
  override _read(): void {}

  setRawMode(raw: boolean): this {
    this.isRaw = raw;
    return this;
  }

  override ref(): this {
    return this;
  }

  override unref(): this {
    return this;
  }

  type(text: string): void {
    this.push(text);
  }
}
