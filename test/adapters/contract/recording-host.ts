import { GatewayError } from '../../../src/base/errors.ts';
import type { LogFields, Logger, LogLevel } from '../../../src/base/log.ts';
import type { AdapterHost, Announcement, CommandMenu } from '../../../src/gateway/adapter.ts';
import type { AdapterHealth, ChatRef, InboundMessage } from '../../../src/gateway/model.ts';

/** A host that keeps what the adapter hands in, and can refuse or hold messages. */
export class RecordingHost implements AdapterHost {
  readonly accepted: InboundMessage[] = [];
  /** Every call of `accept`, refused ones included. */
  readonly offered: InboundMessage[] = [];
  readonly healths: AdapterHealth[] = [];
  readonly lines: string[] = [];
  readonly secrets: string[] = [];
  readonly log: Logger;
  readonly clock = Date.now;
  readonly commands = [
    { name: 'help', help: 'Lists the commands' },
    { name: 'new', help: 'Starts a fresh session' },
    { name: 'title', help: 'Names the session', args: '<text>' },
  ];
  /** The menus of other languages; none: the host offers no other. */
  translated: readonly CommandMenu[] = [];
  readonly menus = async (): Promise<readonly CommandMenu[]> => this.translated;
  readonly stateDir: string;
  /** News that the adapter wanted to be told to people. */
  readonly announced: Announcement[] = [];
  /** Returns true for messages that are to be refused now (as when the disk is full). */
  refuse: (message: InboundMessage) => boolean = () => false;
  /** While set, `accept` waits for it. */
  hold: Promise<void> | undefined;

  constructor(stateDir: string) {
    this.stateDir = stateDir;
    this.log = this.#logger('adapter');
  }

  async accept(message: InboundMessage): Promise<void> {
    this.offered.push(message);
    if (this.hold !== undefined) await this.hold;
    if (this.refuse(message)) throw new GatewayError('storage_full', 'the disk is full');
    this.accepted.push(message);
  }

  readonly deletions: string[] = [];
  /** The sentence for whoever may not speak. */
  refusal: (message: InboundMessage) => string | undefined = () => undefined;

  async deleted({ chatId, threadId }: ChatRef, messageId: string): Promise<void> {
    this.deletions.push([chatId, threadId ?? '', messageId].join(' '));
  }

  async announce(announcement: Announcement): Promise<void> {
    this.announced.push(announcement);
  }

  health(health: AdapterHealth): void {
    this.healths.push(health);
  }

  secret(value: string): void {
    this.secrets.push(value);
  }

  get current(): AdapterHealth | undefined {
    return this.healths.at(-1);
  }

  /** The accepted messages as the core keeps them: one for each identity. */
  unique(): InboundMessage[] {
    const seen = new Set<string>();
    return this.accepted.filter((message) => {
      const keys = [message.dedupeKey, ...(message.alsoKnownAs ?? [])];
      const known = keys.some((key) => seen.has(key));
      for (const key of keys) seen.add(key);
      return !known;
    });
  }

  /** Everything that left the adapter as text beside messages: log lines and health. */
  output(): string {
    return [...this.lines, ...this.healths.map((health) => JSON.stringify(health))].join('\n');
  }

  #logger(source: string): Logger {
    const write = (level: LogLevel, message: string, fields?: LogFields): void => {
      this.lines.push(`${level} ${source}: ${message} ${printed(fields)}`);
    };
    return {
      debug: (message, fields) => write('debug', message, fields),
      info: (message, fields) => write('info', message, fields),
      warn: (message, fields) => write('warn', message, fields),
      error: (message, fields) => write('error', message, fields),
      child: (name) => this.#logger(`${source}/${name}`),
    };
  }
}

/** Fields as a careless logger would print them: errors with message, stack and own properties. */
function printed(fields: LogFields | undefined): string {
  if (fields === undefined) return '';
  const seen = new WeakSet<object>();
  return JSON.stringify(fields, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value;
    if (seen.has(value)) return '[circular]';
    seen.add(value);
    return value instanceof Error
      ? { ...value, message: value.message, stack: value.stack, cause: value.cause }
      : value;
  });
}
