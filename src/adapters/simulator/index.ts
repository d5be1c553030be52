import { DeliveryError } from '../../base/errors.ts';
import type {
  Adapter,
  AdapterHost,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import type { Platform } from '../../gateway/model.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { ParkedError, pause, Supervisor } from '../kit/supervisor.ts';
import { BOT_NAMES, type Character, GROUPS, newPeople, REGULARS } from './people.ts';

export interface SimulatorOptions {
  readonly platform: Platform;
  /** 0 to 1; a fixed sequence makes a demo repeatable. */
  readonly random?: () => number;
  /** Everything runs this many times faster; default 1. */
  readonly speed?: number;
}

/** The demo's first request for access comes after two of these, within two seconds of the start. */
const OPENING_MS = 400;

const CAPABILITIES: Capabilities = {
  edit: true,
  delete: true,
  typing: true,
  threads: true,
  reactions: false,
  attachmentsIn: false,
  attachmentsOut: false,
  buttons: false,
  streamsEvents: false,
  textLimit: 4096,
  textUnit: 'utf16',
  editIntervalMs: 1000,
  typingRefreshMs: 4000,
  bangCommands: false,
  idempotentSend: true,
};

/** A platform that exists only in this process: believable traffic for the demo, no network. */
export function createSimulatorAdapter(options: SimulatorOptions): Adapter {
  return new SimulatorAdapter(options);
}

class SimulatorAdapter implements Adapter {
  readonly platform: Platform;
  readonly capabilities = CAPABILITIES;
  readonly #random: () => number;
  readonly #speed: number;
  #supervisor: Supervisor | undefined;
  #health: HealthTracker | undefined;
  #host: AdapterHost | undefined;
  #count = 0;
  #strangers = 0;

  constructor(options: SimulatorOptions) {
    this.platform = options.platform;
    this.#random = options.random ?? Math.random;
    this.#speed = options.speed ?? 1;
  }

  async start(host: AdapterHost): Promise<void> {
    this.#host = host;
    const health = new HealthTracker((facts) => host.health(facts));
    this.#health = health;
    this.#supervisor = new Supervisor({
      run: (connected, signal) => this.#live(connected, signal),
      health,
      log: host.log,
      minDelayMs: 3000 / this.#speed,
      maxDelayMs: 8000 / this.#speed,
      random: this.#random,
    });
    this.#supervisor.start();
  }

  async stop(): Promise<void> {
    await this.#supervisor?.stop();
    this.#supervisor = undefined;
  }

  format(markdown: string): readonly Part[] {
    return markdown === '' ? [] : [{ text: markdown, plain: markdown }];
  }

  async send(_request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    await pause(this.#between(30, 160), signal);
    if (this.#health?.state !== 'connected')
      throw new DeliveryError('unreachable', 'the simulated platform is offline');
    this.#count += 1;
    return { messageId: `sim-${this.#count}` };
  }

  async edit(): Promise<void> {}

  async delete(): Promise<void> {}

  async typing(): Promise<void> {}

  /** One connection's life: people write now and then, and some day the line drops. */
  async #live(connected: () => void, signal: AbortSignal): Promise<void> {
    await pause(this.#opens ? OPENING_MS / this.#speed : this.#between(200, 2200), signal);
    const name = BOT_NAMES[this.platform] ?? this.platform;
    // The demo also shows what a parked adapter looks like and what it asks for.
    if (this.platform === 'slack' && this.#count === 0 && this.#random() < 0.15)
      throw new ParkedError(
        'token revoked',
        'Create a new bot token in the Slack app settings, then start the adapter again (s).',
        'revoked',
      );
    this.#health?.change({ account: { id: name, name } });
    connected();
    const dropsAt = this.#between(60_000, 240_000);
    let livedMs = 0;
    while (!signal.aborted) {
      const waitMs = this.#opens ? OPENING_MS / this.#speed : this.#between(2500, 14_000);
      await pause(waitMs, signal);
      livedMs += waitMs;
      if (signal.aborted) return;
      if (livedMs > dropsAt) throw new Error('the connection was reset by the peer');
      await this.#someoneWrites().catch((error: unknown) =>
        this.#host?.log.warn('a message was not stored', { error: String(error) }),
      );
    }
  }

  /** On one platform a new user writes immediately, so that the demo has a request to approve. */
  get #opens(): boolean {
    return this.platform === 'telegram' && this.#count === 0;
  }

  async #someoneWrites(): Promise<void> {
    this.#health?.change({ lastUpdateAt: Date.now() });
    const strangerDue =
      this.#opens || (this.platform !== 'twitch' && this.#random() < (this.#strangers === 0 ? 0.5 : 0.07));
    const people = newPeople(this.platform);
    const person = strangerDue
      ? this.#opens
        ? people[0]
        : this.#pick(people)
      : this.#pick(REGULARS[this.platform] ?? []);
    if (person === undefined) return;
    if (strangerDue) this.#strangers += 1;
    const line = this.#pick(person.lines) ?? 'hello';
    this.#count += 1;
    const group = strangerDue ? undefined : GROUPS[this.platform];
    await this.#host?.accept({
      dedupeKey: `${Date.now()}-${this.#count}`,
      chat: {
        platform: this.platform,
        accountId: 'demo',
        chatId: group?.id ?? person.id,
        ...(group !== undefined && this.platform === 'discord' ? { threadId: '12' } : {}),
      },
      chatKind: group === undefined ? 'dm' : 'group',
      ...(group === undefined ? {} : { chatName: group.name }),
      sender: { id: person.id, name: person.name },
      text: line,
      messageId: `in-${this.#count}`,
      mentioned: true,
    });
  }

  #pick(from: readonly Character[]): Character | undefined;
  #pick(from: readonly string[]): string | undefined;
  #pick(from: readonly (Character | string)[]): Character | string | undefined {
    return from[Math.floor(this.#random() * from.length)];
  }

  #between(minMs: number, maxMs: number): number {
    return (minMs + this.#random() * (maxMs - minMs)) / this.#speed;
  }
}
