/** Where the lines of the log go: the hub that all of them pass through, and the files that keep them. */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/async.ts';
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from '../base/log.ts';
import type { EventStream } from './events.ts';
import type { LogLine, RefusalView } from './model.ts';
import type { Redactor } from './send/egress.ts';

/** Where finished lines go besides the event stream (a JSON writer in headless mode). */
export type LogSink = (level: LogLevel, source: string, message: string, fields: LogFields) => void;

interface LogHubOptions {
  readonly level: LogLevel;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly redactor: Redactor;
  readonly sink?: LogSink;
  /** Keeps the lines over restarts. */
  readonly file?: LineFile<LogLine> | undefined;
}

const KEPT_LINES = 500;

/** One place through which every line passes: levels, redaction, the console's log pane, the JSON log. */
export class LogHub {
  readonly #options: LogHubOptions;
  readonly #least: number;
  readonly #lines: LogLine[] = [];

  constructor(options: LogHubOptions) {
    this.#options = options;
    this.#least = LOG_LEVELS.indexOf(options.level);
    this.#lines.push(...(options.file?.tail(KEPT_LINES) ?? []));
  }

  logger(source: string): Logger {
    const write =
      (level: LogLevel) =>
      (message: string, fields: LogFields = {}) =>
        this.#write(level, source, message, fields);
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (name) => this.logger(source === 'gateway' ? name : `${source}.${name}`),
    };
  }

  /** The last lines, oldest first. */
  lines(): readonly LogLine[] {
    return [...this.#lines];
  }

  /** Lines of that time, oldest first; the last `limit` of them. */
  async past(since: number, until: number, limit: number): Promise<readonly LogLine[]> {
    const takes = ({ at }: LogLine): boolean => at >= since && at <= until;
    const { file } = this.#options;
    return file === undefined ? this.#lines.filter(takes).slice(-limit) : file.read(takes, limit);
  }

  /** Takes lines out of memory and of the files, or changes them. */
  async edit(change: (line: string) => string | undefined): Promise<void> {
    const kept = this.#lines.flatMap((line) => {
      const now = change(JSON.stringify(line));
      return now === undefined ? [] : [JSON.parse(now) as LogLine];
    });
    this.#lines.splice(0, this.#lines.length, ...kept);
    await this.#options.file?.edit(change);
  }

  #write(level: LogLevel, source: string, message: string, fields: LogFields): void {
    if (LOG_LEVELS.indexOf(level) < this.#least) return;
    const { redactor, clock, events, sink, file } = this.#options;
    const text = redactor.redact(message);
    const clean = redactFields(fields, redactor);
    const shown = Object.entries(clean).map(([name, value]) => [name, String(value)] as const);
    const line: LogLine = {
      at: clock(),
      level,
      source,
      text: withFields(text, clean),
      ...(shown.length === 0 ? {} : { fields: Object.fromEntries(shown) }),
    };
    file?.write(line);
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    events.emit({ type: 'log', line });
    sink?.(level, source, text, clean);
  }
}

function redactFields(fields: LogFields, redactor: Redactor): LogFields {
  const clean: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (typeof value === 'string') clean[key] = redactor.redact(value);
    else if (value instanceof Error) clean[key] = redactor.redact(value.message);
    else if (typeof value === 'object' && value !== null)
      clean[key] = redactor.redact(JSON.stringify(value) ?? '');
    else clean[key] = value;
  }
  return clean;
}

function withFields(text: string, fields: LogFields): string {
  const tail = Object.entries(fields)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ');
  return tail === '' ? text : `${text}  ${tail}`;
}

/**
 * Lines of JSON in a file that is started again when it is full; a few older ones are kept. For the log, and for what
 * rejected senders wrote. Only its owner can read it. A line that cannot be written is lost: a full disk must not stop
 * the gateway because of its log.
 */

interface LineFileOptions {
  readonly path: string;
  /** Bytes of one file. */
  readonly bytes: number;
  /** Files that are kept, the current one included. */
  readonly files: number;
}

interface Timed {
  readonly at: number;
}

const WRITE_MS = 250;
/** Lines that are waiting for the disk. */
const WAITING = 5_000;

/** The log: 25 MB at most. What rejected senders wrote: 2 MB, and 7 days. */
const LOG_FILE = { bytes: 5_000_000, files: 5 } as const;
const REJECTED_FILE = { bytes: 1_000_000, files: 2 } as const;

interface LogFiles {
  readonly log?: LineFile<LogLine>;
  readonly rejected?: LineFile<RefusalView>;
  readonly close: () => Promise<void>;
}

/** Offline nothing runs: what a command says about the store is no part of the gateway's log. */
export function openLogFiles(directory: string, offline = false): LogFiles {
  if (offline) return { close: async () => {} };
  const log = new LineFile<LogLine>({ path: join(directory, 'gateway.log'), ...LOG_FILE });
  const rejected = new LineFile<RefusalView>({ path: join(directory, 'rejected.jsonl'), ...REJECTED_FILE });
  return { log, rejected, close: async () => void (await Promise.all([log.close(), rejected.close()])) };
}

/** Looking for old lines reads the files. */
const FORGET_EVERY_MS = 60 * 60_000;

export class LineFile<Line extends Timed> {
  readonly #options: LineFileOptions;
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #size = 0;
  #closed = false;
  #forgotten = Number.NEGATIVE_INFINITY;

  constructor(options: LineFileOptions) {
    this.#options = options;
    try {
      mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
      if (existsSync(options.path)) chmodSync(options.path, 0o600);
      this.#size = statSync(options.path, { throwIfNoEntry: false })?.size ?? 0;
    } catch {
      // Nothing can be kept here; what is written is shown anyway.
    }
  }

  write(line: Line): void {
    if (this.#closed || this.#waiting.length >= WAITING) return;
    this.#waiting.push(`${JSON.stringify(line)}\n`);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#flush()).catch(() => {});
    }, WRITE_MS).unref();
  }

  /** The last lines, oldest first; before anything else is done with the file. */
  tail(count: number): Line[] {
    const lines: Line[] = [];
    for (let n = 0; n < this.#options.files && lines.length < count; n += 1)
      try {
        lines.unshift(...linesOf<Line>(readFileSync(this.#pathOf(n), 'utf8')));
      } catch {
        break;
      }
    return lines.slice(-count);
  }

  /** Lines that `takes` takes, oldest first, at most the last `limit`. */
  async read(takes: (line: Line) => boolean, limit: number): Promise<Line[]> {
    await this.#written();
    let lines: Line[] = [];
    for (let n = 0; n < this.#options.files && lines.length < limit; n += 1) {
      const text = await readFile(this.#pathOf(n), 'utf8').catch(() => '');
      if (text !== '') lines = [...linesOf<Line>(text).filter(takes), ...lines];
    }
    return lines.slice(-limit);
  }

  /** Takes lines out that are older: they were kept for a time that has passed. */
  async forget(before: number): Promise<void> {
    if (before - this.#forgotten < FORGET_EVERY_MS) return;
    this.#forgotten = before;
    await this.#written();
    for (let n = this.#options.files - 1; n >= 0; n -= 1) {
      const path = this.#pathOf(n);
      const text = await readFile(path, 'utf8').catch(() => '');
      const kept = linesOf<Line>(text).filter(({ at }) => at >= before);
      if (text === '' || kept.length === linesOf<Line>(text).length) continue;
      try {
        if (kept.length === 0) rmSync(path, { force: true });
        else writeFileSync(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600 });
        if (n === 0) this.#size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      } catch {
        // It is tried again at the next sweep.
      }
    }
  }

  /** Takes lines out, or changes them; resolves with how many. Nothing is written in the meantime. */
  async edit(change: (line: string) => string | undefined): Promise<number> {
    await this.#written();
    let edited = 0;
    const work = this.#writing.then(async () => {
      for (let n = 0; n < this.#options.files; n += 1) edited += await editLines(this.#pathOf(n), change);
      this.#size = statSync(this.#options.path, { throwIfNoEntry: false })?.size ?? 0;
    });
    this.#writing = work.catch(() => {}); // told to the one who asked
    await work;
    return edited;
  }

  /** Writes what is waiting. Nothing is written afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#writing;
    const text = this.#waiting.splice(0).join('');
    try {
      if (text !== '') appendFileSync(this.#options.path, text, { mode: 0o600 });
    } catch {
      // As above.
    }
  }

  async #written(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#flush()).catch(() => {});
    await this.#writing;
  }

  async #flush(): Promise<void> {
    const text = this.#waiting.splice(0).join('');
    if (text === '') return;
    if (this.#size > 0 && this.#size + text.length > this.#options.bytes) this.#rotate();
    await appendFile(this.#options.path, text, { mode: 0o600 });
    this.#size += Buffer.byteLength(text);
  }

  #rotate(): void {
    for (let n = this.#options.files - 1; n > 0; n -= 1)
      if (existsSync(this.#pathOf(n - 1))) renameSync(this.#pathOf(n - 1), this.#pathOf(n));
    if (this.#options.files === 1) rmSync(this.#options.path, { force: true });
    this.#size = 0;
  }

  /** 0 is the current one. */
  #pathOf(n: number): string {
    return n === 0 ? this.#options.path : `${this.#options.path}.${n}`;
  }
}

/** Rewrites a file of lines without those that `change` takes out; resolves with how many it has changed. */
export async function editLines(path: string, change: (line: string) => string | undefined): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (text === '') return 0;
  let edited = 0;
  const kept = text.split('\n').flatMap((line) => {
    if (line === '') return [];
    const now = change(line);
    if (now !== line) edited += 1;
    return now === undefined ? [] : [`${now}\n`];
  });
  if (edited === 0) return 0;
  writeFileSync(`${path}.tmp`, kept.join(''), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
  return edited;
}

/** A line that was torn by a crash is left out. */
function linesOf<Line extends Timed>(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    if (line === '') return [];
    try {
      const value: unknown = JSON.parse(line);
      const timed = typeof value === 'object' && value !== null && 'at' in value;
      return timed && typeof value.at === 'number' ? [value as Line] : [];
    } catch {
      return [];
    }
  });
}
