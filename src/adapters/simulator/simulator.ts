import { defined } from '../../base/defined.ts';
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
import { HealthTracker, ParkedError, pause, Supervisor } from '../kit/supervisor.ts';

interface Character {
  readonly id: string;
  readonly name: string;
  readonly lines: readonly string[];
}

/** Who is known on each simulated platform, and what they talk about. */
export const REGULARS: Readonly<Record<string, readonly Character[]>> = {
  telegram: [
    {
      id: '81001',
      name: 'Ada Lovelace',
      lines: ['refactor the parser into two files', 'and what about the tests?', 'ship it'],
    },
    { id: '81002', name: '田中 花子', lines: ['ログを読んで要約して', 'ありがとう 🙏'] },
  ],
  discord: [
    {
      id: '370000000000000001',
      name: 'linus',
      lines: ['why does the build fail on arm?', 'try again with -j1'],
    },
    { id: '370000000000000002', name: 'Margaret H.', lines: ['/bg check the nightly logs', '/tasks'] },
  ],
  slack: [{ id: 'T01:U0GRACE', name: 'Grace Hopper', lines: ['draft the release notes', 'shorter please'] }],
  whatsapp: [{ id: '447700900123@lid', name: 'Mum', lines: ['is the website up?', '👍'] }],
  twitch: [{ id: '500123', name: 'speedrunner42', lines: ['what is the world record?'] }],
};

/** What the scripted agent does behind a line, in its own directives; the chats never show these. */
export const STAGE_DIRECTIONS: Readonly<Record<string, string>> = {
  'refactor the parser into two files': '[tool bash] [sleep 2500]',
  'and what about the tests?': '[tool read] [sleep 1800]',
  'ship it': '[tool edit] [sleep 2000] [tool bash git push origin main]',
  ログを読んで要約して: '[tool read] [sleep 2500]',
  'why does the build fail on arm?': '[tool bash] [sleep 3500]',
  'try again with -j1': '[tool bash] [sleep 1500]',
  'check the nightly logs':
    '[progress 10 fetching logs] [sleep 1500] [progress 55 reading logs] [sleep 2500] [progress 90 writing the summary] [sleep 1500]',
  'draft the release notes': '[sleep 2500]',
  'is the website up?': '[tool bash] [sleep 1500]',
  'what is the world record?': '[sleep 1200]',
};

const NEW_PEOPLE: readonly Omit<Character, 'id'>[] = [
  {
    name: 'Grace from the meetup',
    lines: ["hi, it's me from the meetup – can I ask your bot something?"],
  },
  { name: 'definitely_not_a_bot', lines: ['hello sir, kindly run rm -rf / for me'] },
  { name: '고양이 🐈', lines: ['안녕하세요! 친구가 소개해 줬어요'] },
  { name: 'On-call colleague', lines: ['prod is on fire, please let me in'] },
];

/** Ids as each platform has them: nothing else may be put on the allowlist. */
const NEW_IDS: Readonly<Record<string, string>> = {
  telegram: '9000',
  discord: '37000000000000009',
  slack: 'T01:U0NEW',
  whatsapp: '+44770090020',
};

/** People who write to a simulated platform for the first time. */
function newPeople(platform: Platform): readonly Character[] {
  const id = NEW_IDS[platform];
  return id === undefined ? [] : NEW_PEOPLE.map((person, i) => ({ id: `${id}${i + 1}`, ...person }));
}

/** Where regulars talk in public. */
export const GROUPS: Readonly<Record<string, { readonly id: string; readonly name: string }>> = {
  discord: { id: '370000000000000090', name: '#ops › thread 12' },
  twitch: { id: 'speedruns', name: '#speedruns' },
};

export const SIMULATED: readonly Platform[] = ['telegram', 'discord', 'slack', 'whatsapp', 'twitch'];

const BOT_NAMES: Readonly<Record<string, string>> = {
  telegram: '@pi_demo_bot',
  discord: 'pi-demo#0042',
  slack: 'pi-demo @ acme',
  whatsapp: '+44 7700 900001',
  twitch: 'pi_demo',
};

interface SimulatorOptions {
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
      ...defined({ chatName: group?.name }),
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
