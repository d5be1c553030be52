/** Painted rows of the console as an SVG picture: characters on a grid of cells, borders and charts as shapes. */
import { cellWidth, graphemes } from '../src/tui/draw/cells.ts';

const CELL = { width: 8.4, height: 18 } as const;
const MARGIN = { side: 14, top: 40, bottom: 14 } as const;
const BACKGROUND = '#0d1117';
const FOREGROUND = '#d7dde4';
/** The sixteen colors of a terminal. */
const PALETTE = [
  '#010409',
  '#ff7b72',
  '#3fb950',
  '#d29922',
  '#58a6ff',
  '#bc8cff',
  '#39c5cf',
  '#b1bac4',
  '#6e7681',
  '#ffa198',
  '#56d364',
  '#e3b341',
  '#79c0ff',
  '#d2a8ff',
  '#56d4dd',
  '#ffffff',
] as const;

interface Look {
  readonly color: string;
  readonly ground: string | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly underline: boolean;
  readonly inverse: boolean;
}

const PLAIN: Look = {
  color: FOREGROUND,
  ground: undefined,
  bold: false,
  dim: false,
  underline: false,
  inverse: false,
};

function changed(look: Look, code: number): Look {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code === 4 || code === 24) return { ...look, underline: code === 4 };
  if (code === 7 || code === 27) return { ...look, inverse: code === 7 };
  if (code === 39) return { ...look, color: FOREGROUND };
  if (code === 49) return { ...look, ground: undefined };
  const bright = code >= 90 ? 8 : 0;
  const color = PALETTE[(code % 10) + bright] ?? FOREGROUND;
  return Math.floor((code - (bright > 0 ? 60 : 0)) / 10) === 4
    ? { ...look, ground: color }
    : { ...look, color };
}

interface Run {
  readonly text: string;
  /** First cell, and how many. */
  readonly at: number;
  readonly cells: number;
  readonly look: Look;
}

function runsOf(row: string): Run[] {
  const runs: Run[] = [];
  let look = PLAIN;
  let at = 0;
  for (const [whole, codes, text = ''] of row.matchAll(/\u001b\[([\d;]*)m|([^\u001b]+)/gu)) {
    if (whole.startsWith('\u001b'))
      for (const code of (codes ?? '').split(';')) look = changed(look, Number(code));
    else {
      const cells = cellWidth(text);
      runs.push({ text, at, cells, look });
      at += cells;
    }
  }
  return runs;
}

/** To which sides of its cell a border goes: left, right, up, down. */
const BORDERS: Readonly<Record<string, string>> = {
  '─': 'lr',
  '│': 'ud',
  '┌': 'rd',
  '┐': 'ld',
  '└': 'ru',
  '┘': 'lu',
  '├': 'udr',
  '┤': 'udl',
  '┬': 'lrd',
  '┴': 'lru',
  '┼': 'lrud',
};
const BARS = '▁▂▃▄▅▆▇█';
const SHADES: Readonly<Record<string, number>> = { '▓': 0.75, '░': 0.22 };

function n(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** One picture; the same for the same rows. */
export function svgOf(rows: readonly string[], columns: number, title: string): string {
  const body = rows.flatMap((row, index) => drawn(row, MARGIN.top + index * CELL.height));
  return windowed(rows.length, columns, title, body);
}

/** The window of a terminal around what is drawn in it. */
function windowed(rows: number, columns: number, title: string, body: readonly string[]): string {
  const width = columns * CELL.width + 2 * MARGIN.side;
  const height = rows * CELL.height + MARGIN.top + MARGIN.bottom;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${n(width)} ${n(height)}" role="img" aria-label="${escaped(title)}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${n(width)}" height="${n(height)}" rx="10" fill="${BACKGROUND}"/>`,
    ...['#ff5f57', '#febc2e', '#28c840'].map(
      (color, index) => `<circle cx="${22 + index * 20}" cy="20" r="6" fill="${color}"/>`,
    ),
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" fill="${FOREGROUND}" xml:space="preserve">`,
    ...body,
    '</g>',
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

/** A screen of a recording, and how long it is shown. */
export interface Frame {
  readonly rows: readonly string[];
  readonly caption: string;
  readonly ms: number;
}

/** Screens one after the other, for ever. Each row is drawn once for each text that it has, and shown while it has it. */
export function animationOf(frames: readonly Frame[], columns: number, title: string): string {
  const total = frames.reduce((sum, { ms }) => sum + ms, 0);
  const rows = Math.max(...frames.map((frame) => frame.rows.length));
  /** When each text of each row is on the screen: from, to. */
  const shown = new Map<string, [number, number][]>();
  let at = 0;
  for (const { rows: screen, caption, ms } of frames) {
    const lines = [...screen, ...Array.from<string>({ length: rows - screen.length }).fill(''), caption];
    for (const [index, text] of lines.entries()) {
      const spans = shown.get(`${index}|${text}`) ?? [];
      const last = spans.at(-1);
      if (last?.[1] === at) last[1] = at + ms;
      else spans.push([at, at + ms]);
      shown.set(`${index}|${text}`, spans);
    }
    at += ms;
  }
  const body = [...shown].flatMap(([key, spans]) => {
    const index = Number(key.slice(0, key.indexOf('|')));
    const text = key.slice(key.indexOf('|') + 1);
    const parts =
      index === rows
        ? [
            `<text x="${n((columns * CELL.width) / 2 + MARGIN.side)}" y="25" text-anchor="middle" fill="${PALETTE[11]}">${escaped(text)}</text>`,
          ]
        : drawn(text, MARGIN.top + index * CELL.height);
    if (parts.length === 0) return [];
    return [`<g visibility="hidden">${visible(spans, total)}`, ...parts, '</g>'];
  });
  return windowed(rows, columns, title, body);
}

/** Shows what it stands in during some spans of the whole. */
function visible(spans: readonly (readonly [number, number])[], total: number): string {
  const steps = new Map<number, string>([[0, 'hidden']]);
  for (const [from, to] of spans) {
    steps.set(from, 'visible');
    if (to < total) steps.set(to, 'hidden');
  }
  const times = [...steps.keys()].map((time) => String(Math.round((time / total) * 10_000) / 10_000));
  return `<animate attributeName="visibility" calcMode="discrete" dur="${n(total / 1000)}s" repeatCount="indefinite" keyTimes="${times.join(';')}" values="${[...steps.values()].join(';')}"/>`;
}

function drawn(row: string, top: number): string[] {
  return runsOf(row).flatMap(({ text, at, cells, look }) => {
    const left = MARGIN.side + at * CELL.width;
    const { color, ground } = look.inverse
      ? { color: look.ground ?? BACKGROUND, ground: look.color }
      : { color: look.color, ground: look.ground };
    const parts: string[] = [];
    if (ground !== undefined)
      parts.push(
        `<rect x="${n(left)}" y="${n(top)}" width="${n(cells * CELL.width)}" height="${n(CELL.height + 0.4)}" fill="${ground}"/>`,
      );
    parts.push(...borders(text, left, top, color, look.dim));
    parts.push(...words(text, left, top, color, look));
    return parts;
  });
}

/** Borders as lines that meet, bars and shades as boxes. */
function borders(text: string, left: number, top: number, color: string, dim: boolean): string[] {
  const faint = dim ? ' opacity="0.45"' : '';
  const parts: string[] = [];
  let path = '';
  /** Where a line that goes on has come to. */
  let end: number | undefined;
  let x = left;
  for (const character of graphemes(text)) {
    const sides = BORDERS[character];
    if (sides === undefined) end = undefined;
    const middle = { x: x + CELL.width / 2, y: top + CELL.height / 2 };
    if (sides !== undefined) {
      const from = sides.includes('l') ? x : middle.x;
      const to = sides.includes('r') ? x + CELL.width : middle.x;
      const upper = sides.includes('u') ? top : middle.y;
      const lower = sides.includes('d') ? top + CELL.height : middle.y;
      if (from < to) path += from === end ? `H${n(to)}` : `M${n(from)} ${n(middle.y)}H${n(to)}`;
      end = upper < lower ? undefined : to;
      if (upper < lower) path += `M${n(middle.x)} ${n(upper)}V${n(lower)}`;
    }
    const bar = BARS.indexOf(character) + 1;
    const shade = SHADES[character];
    if (bar > 0 || shade !== undefined) {
      const tall = shade === undefined ? (CELL.height * bar) / BARS.length : CELL.height - 6;
      const y = shade === undefined ? top + CELL.height - tall : top + 3;
      const opacity = shade === undefined ? faint : ` opacity="${shade}"`;
      parts.push(
        `<rect x="${n(x)}" y="${n(y)}" width="${n(CELL.width + 0.1)}" height="${n(tall + 0.4)}" fill="${color}"${opacity}/>`,
      );
    }
    x += cellWidth(character) * CELL.width;
  }
  if (path !== '') parts.push(`<path d="${path}" stroke="${color}" fill="none"${faint}/>`);
  return parts;
}

function isShape(character: string): boolean {
  return character in BORDERS || BARS.includes(character) || character in SHADES;
}

/** Words between shapes and wide gaps, each at its own cell: a font with other widths does not shift what follows. */
function words(text: string, left: number, top: number, color: string, look: Look): string[] {
  const parts: string[] = [];
  const attributes = [
    color === FOREGROUND ? '' : ` fill="${color}"`,
    look.bold ? ' font-weight="700"' : '',
    look.dim ? ' opacity="0.62"' : '',
    look.underline ? ' text-decoration="underline"' : '',
  ].join('');
  let word = '';
  let from = left;
  let x = left;
  const flush = (): void => {
    const shown = word.trimEnd();
    if (shown !== '')
      parts.push(
        `<text x="${n(from)}" y="${n(top + 13.5)}" textLength="${n(cellWidth(shown) * CELL.width)}" lengthAdjust="spacingAndGlyphs"${attributes}>${escaped(shown)}</text>`,
      );
    word = '';
  };
  for (const character of graphemes(text)) {
    if (
      isShape(character) ||
      (character === ' ' && word === '') ||
      (character === ' ' && word.endsWith('  '))
    )
      flush();
    if (!isShape(character) && !(character === ' ' && word === '')) {
      if (word === '') from = x;
      word += character;
    }
    x += cellWidth(character) * CELL.width;
  }
  flush();
  return parts;
}
