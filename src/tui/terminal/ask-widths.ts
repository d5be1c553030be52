/**
 * Asks the terminal once how wide it shows signs of several code points: prints one of each, hidden, asks where the cursor
 * is, and wipes it. The answers come among the keys and are taken out there. A terminal that does not answer is
 * measured by the tables; no one waits for it.
 */
import { measureAs } from '../draw/cells.ts';
import { CLUSTER_KINDS, type ClusterKind, type ClusterWidths, PROBES } from '../draw/clusters.ts';
import { renewPlaces } from '../draw/placeholders.ts';

const ESC = '\u001b';
const REPORT = /\u001b\[(\d{1,4});(\d{1,4})R/gu;
/** The beginning of a report at the end of what was read. A lone Esc is a key. */
const BEGUN = /\u001b\[(?:\d{1,4}(?:;\d{0,4})?)?$/u;
/** After this a terminal does not answer anymore. */
const PATIENCE_MS = 2_000;

/** Everything in one write: the alternate screen around it leaves the shell's lines alone. */
function question(inline: boolean): string {
  const probes = CLUSTER_KINDS.map((kind) => `\r${PROBES[kind]}${ESC}[6n`).join('');
  const hidden = `${ESC}[8m${probes}\r${ESC}[2K${ESC}[28m`;
  // Synchronized, so that a terminal which knows it shows nothing of it.
  return `${ESC}[?2026h${inline ? hidden : `${ESC}[?1049h${ESC}[H${hidden}${ESC}[?1049l`}${ESC}[?2026l`;
}

/** What a sign of up to four parts can take; more is no width but a wrapped line. */
const MOST_CELLS = 8;

/** Undefined when what was answered cannot be widths. */
export function widthsOf(columns: readonly number[]): ClusterWidths | undefined {
  const widths = columns.map((column) => column - 1);
  if (widths.length !== CLUSTER_KINDS.length || widths.some((width) => width < 1 || width > MOST_CELLS))
    return undefined;
  return Object.fromEntries(CLUSTER_KINDS.map((kind, index) => [kind, widths[index] ?? 1])) as Record<
    ClusterKind,
    number
  >;
}

export interface Question {
  readonly stdin: NodeJS.ReadStream;
  readonly write: (text: string) => void;
  readonly inline: boolean;
  /** The answer is there and in force; `drawn`: signs were on the screen with other widths before. */
  readonly answered: (drawn: boolean) => void;
}

/** Returns the function that gives the input back. */
export function askWidths({ stdin, write, inline, answered }: Question): () => void {
  const columns: number[] = [];
  const until = Date.now() + PATIENCE_MS;
  let held = '';
  const original = stdin.read;
  const sift = (chunk: string): string => {
    let text = (held + chunk).replaceAll(REPORT, (_report, _row: string, column: string) => {
      if (columns.length < CLUSTER_KINDS.length) columns.push(Number(column));
      if (columns.length === CLUSTER_KINDS.length) take();
      return '';
    });
    held = '';
    const waiting = columns.length < CLUSTER_KINDS.length && Date.now() < until;
    const begun = waiting ? BEGUN.exec(text) : null;
    if (begun !== null) {
      held = begun[0];
      text = text.slice(0, begun.index);
    }
    return text;
  };
  let taken = false;
  const take = (): void => {
    if (taken) return;
    taken = true;
    const widths = widthsOf(columns);
    if (widths === undefined) return;
    measureAs(widths);
    const drawn = renewPlaces();
    // Anyone who reads must have ended before the screen is given away and taken back.
    setImmediate(answered, drawn);
  };
  // Anyone who reads the keys gets them without reports. Reports that come late are taken out, too: no key is one of them.
  stdin.read = function read(this: NodeJS.ReadStream, size?: number): unknown {
    const chunk: unknown = original.call(stdin, size);
    if (chunk === null) return null;
    return typeof chunk === 'string' ? sift(chunk) : chunk;
  };
  // Before the question: a terminal in line mode would print the answer.
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  write(question(inline));
  return () => {
    stdin.read = original;
    measureAs(undefined);
    renewPlaces();
    // Nothing was drawn, so no one else has set it back.
    if (stdin.isRaw)
      try {
        stdin.setRawMode(false);
      } catch {
        // The terminal is gone.
      }
  };
}
