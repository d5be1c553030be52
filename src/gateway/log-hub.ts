import type { Clock } from '../base/async.ts';
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from '../base/log.ts';
import type { EventStream } from './events.ts';
import type { LineFile } from './log-file.ts';
import type { LogLine } from './model.ts';
import type { Redactor } from './send/egress.ts';

/** Where finished lines go besides the event stream (a JSON writer in headless mode). */
export type LogSink = (level: LogLevel, source: string, message: string, fields: LogFields) => void;

export interface LogHubOptions {
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
