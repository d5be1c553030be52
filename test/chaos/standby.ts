/**
 * Two gateways on one PostgreSQL. Clients talk over WebSocket and Telegram while leaders are killed with their whole
 * process group, or frozen and let go on after the other one leads. A ledger outside of both has to balance: every
 * accepted message is answered or reported, no outcome comes twice without a mark, and nothing is sent by one that no
 * longer leads.
 *
 * Run it: npm run prove:standby -- --rounds 100 --clients 8. It needs PostgreSQL's programs (apt-get install postgresql).
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { balanced, type Deadline, type Ledger, Talker, tally } from '../../src/prove/talker.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { freePort, GatewayProcess, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { Postgres } from '../support/postgres.ts';

export interface StandbyOptions {
  readonly rounds: number;
  readonly clients: number;
  /** Least and most time between two faults, from the moment at which both gateways are in place. */
  readonly aliveMs: readonly [number, number];
  /** How many of ten leaders are frozen; the others are killed. */
  readonly frozenOfTen: number;
  readonly print: (line: string) => void;
}

export interface StandbyResult {
  readonly chats: Ledger;
  readonly telegram: {
    readonly sent: number;
    readonly answered: number;
    readonly reported: number;
    readonly missing: readonly string[];
    readonly unmarkedRepeats: readonly string[];
  };
  readonly killed: number;
  readonly frozen: number;
  /** Of leaders that were frozen and went on: 75 each. */
  readonly exitCodes: readonly (number | null)[];
  /** Messages that went out through a gateway while the other one led. */
  readonly sentOutOfTurn: readonly string[];
  readonly takeOverMs: { readonly p50: number; readonly p95: number; readonly most: number };
}

const PEOPLE = 8;
const TOKEN = '4242:a-token-of-the-local-server';
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The way of one gateway to the platform: notes when something was sent. */
class Way {
  readonly sent: { readonly at: number; readonly what: string }[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(target: URL) {
    this.#server = createServer((socket) => {
      const onward = connect(Number(target.port), target.hostname);
      for (const each of [socket, onward]) {
        this.#sockets.add(each);
        each.on('error', () => {});
        each.on('close', () => {
          socket.destroy();
          onward.destroy();
        });
      }
      socket.on('data', (data) => {
        const what = data.toString('utf8');
        if (/\/(sendMessage|editMessageText) /.test(what)) this.sent.push({ at: Date.now(), what });
      });
      socket.pipe(onward).pipe(socket);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** One of the two places in which a gateway runs. */
class Place {
  readonly way: Way;
  readonly port: number;
  /** Since when it leads, once for each time. */
  readonly ledFrom: number[] = [];
  gateway: GatewayProcess | undefined;
  readonly #folder = temporaryFolder();

  private constructor(way: Way, port: number) {
    this.way = way;
    this.port = port;
  }

  static async create(telegram: TelegramServer, url: string): Promise<Place> {
    const place = new Place(new Way(new URL(telegram.url)), await freePort());
    writeConfig(place.#folder.path, {
      store: { url },
      security: { allowAll: true, rateLimit: { maxRequests: 1_000_000 } },
      agent: { maxConcurrent: 8 },
      platforms: { telegram: { enabled: true, token: TOKEN, apiRoot: await place.way.listen() } },
    });
    return place;
  }

  start(): void {
    const args = [
      '--no-tui',
      '--agent',
      'scripted',
      '--port',
      String(this.port),
      '--data-dir',
      this.#folder.path,
    ];
    // A process group of its own, to be killed as a whole.
    this.gateway = new GatewayProcess(args, {}, 'setsid');
  }

  async leads(): Promise<void> {
    await this.gateway?.ready(60_000);
    const begun = this.gateway?.records.find(({ msg }) => msg === 'leading the store');
    this.ledFrom.push(Number(begun?.['time']));
  }

  async waits(): Promise<void> {
    const until = Date.now() + 60_000;
    while (!this.gateway?.records.some(({ msg }) => msg === 'standby')) {
      if (Date.now() > until) throw new Error(`no standby: ${this.gateway?.stderr}${this.gateway?.stdout}`);
      await delay(20);
    }
  }

  signal(name: NodeJS.Signals): void {
    const pid = this.gateway?.child.pid;
    if (pid !== undefined) process.kill(-pid, name);
  }

  async end(): Promise<void> {
    await this.gateway?.stop();
    this.way.close();
    this.#folder.remove();
  }
}

/** People on Telegram: each in a chat of their own, to which the bot writes at most once a second. */
class Writer {
  readonly sent = new Map<string, number>();
  readonly #telegram: TelegramServer;
  writing = true;

  constructor(telegram: TelegramServer) {
    this.#telegram = telegram;
  }

  async run(deadline: Deadline): Promise<void> {
    while (this.writing) {
      const token = `tg-${this.sent.size}`;
      const { message_id: id } = this.#telegram.say(`token ${token} end`, {
        id: 5000 + (this.sent.size % PEOPLE),
        is_bot: false,
        first_name: `Person ${this.sent.size % PEOPLE}`,
      }) as { message_id: number };
      this.sent.set(token, id);
      await delay(200 + Math.random() * 500);
    }
    while (this.#open().length > 0 && Date.now() < deadline.at) await delay(50);
    await delay(500); // a late double would show up now
  }

  result(): StandbyResult['telegram'] {
    const { messages } = this.#telegram.state;
    const unmarked = [...this.sent.keys()].filter((token) => {
      const all = messages.filter(({ text }) => text.includes(`${token} end`));
      const chat = messages.filter(({ chatId }) => chatId === all[0]?.chatId);
      return all.slice(1).some((each) => !/may be a repeat/.test(chat[chat.indexOf(each) - 1]?.text ?? ''));
    });
    const answered = [...this.sent.keys()].filter((token) => this.#isAnswered(token)).length;
    const missing = this.#open();
    return {
      sent: this.sent.size,
      answered,
      reported: this.sent.size - answered - missing.length,
      missing,
      unmarkedRepeats: unmarked,
    };
  }

  #open(): string[] {
    return [...this.sent]
      .filter(([token, id]) => !this.#isAnswered(token) && !this.#isReported(id))
      .map(([token]) => token);
  }

  #isAnswered(token: string): boolean {
    return this.#telegram.state.messages.some(({ text }) => text.includes(`${token} end`));
  }

  /** The bot has replied to it, to say what became of it. */
  #isReported(id: number): boolean {
    return this.#telegram.state.messages.some(({ body }) =>
      JSON.stringify(body).includes(`"message_id":${id}`),
    );
  }
}

export async function proveStandby(options: StandbyOptions): Promise<StandbyResult> {
  const postgres = await Postgres.start();
  const telegram = new TelegramServer(TOKEN);
  await telegram.start();
  const places = [
    await Place.create(telegram, postgres.url),
    await Place.create(telegram, postgres.url),
  ] as const;
  const deadline: Deadline = { at: Number.POSITIVE_INFINITY };
  let turn = 0;
  // Clients do not know who leads: they try one after the other.
  const port = (): number => places[turn++ % 2 === 0 ? 0 : 1].port;
  const talkers = Array.from({ length: options.clients }, (_, i) => new Talker(`c${i}`, port));
  const writer = new Writer(telegram);
  const times: number[] = [];
  const exitCodes: (number | null)[] = [];
  let killed = 0;
  try {
    let [leader, standby] = places;
    leader.start();
    await leader.leads();
    standby.start();
    await standby.waits();
    const talking = [...talkers, writer].map((each) => each.run(deadline));
    for (let round = 1; round <= options.rounds; round += 1) {
      const [least, most] = options.aliveMs;
      await delay(least + Math.random() * (most - least));
      const freezes = Math.random() * 10 < options.frozenOfTen;
      const at = Date.now();
      leader.signal(freezes ? 'SIGSTOP' : 'SIGKILL');
      await standby.leads();
      times.push(Date.now() - at);
      if (freezes) leader.signal('SIGCONT');
      const { code } = (await leader.gateway?.exited) ?? { code: null };
      if (freezes) exitCodes.push(code);
      else killed += 1;
      [leader, standby] = [standby, leader];
      standby.start();
      await standby.waits();
      if (round % 10 === 0) options.print(`${round} take-overs`);
    }
    for (const talker of talkers) talker.talking = false;
    writer.writing = false;
    deadline.at = Date.now() + 60_000;
    await Promise.all(talking);
  } finally {
    deadline.at = 0;
    writer.writing = false;
    // The one that waits first: at the end it is nobody's turn.
    for (const place of [...places].sort((a, b) => (a.ledFrom.at(-1) ?? 0) - (b.ledFrom.at(-1) ?? 0)))
      await place.end();
    await telegram.stop();
    await postgres.stop();
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    chats: tally(talkers, options.rounds),
    telegram: writer.result(),
    killed,
    frozen: exitCodes.length,
    exitCodes,
    sentOutOfTurn: [...outOfTurn(places[0], places[1]), ...outOfTurn(places[1], places[0])],
    takeOverMs: { p50: at(0.5), p95: at(0.95), most: at(1) },
  };
}

/** What went out through `own` after the other had begun to lead, and before `own` led again. */
function outOfTurn(own: Place, other: Place): string[] {
  return own.way.sent.flatMap(({ at, what }) => {
    const last = (times: readonly number[]): number => times.filter((from) => from <= at).at(-1) ?? 0;
    const late = at - last(other.ledFrom);
    return last(other.ledFrom) > last(own.ledFrom)
      ? [`${late} ms late: ${what.slice(0, 60)} … ${what.slice(-160)}`]
      : [];
  });
}

export function standbyHolds({
  chats,
  telegram,
  exitCodes,
  sentOutOfTurn,
  takeOverMs,
}: StandbyResult): boolean {
  return (
    balanced(chats) &&
    telegram.missing.length === 0 &&
    telegram.unmarkedRepeats.length === 0 &&
    exitCodes.every((code) => code === 75) &&
    sentOutOfTurn.length === 0 &&
    takeOverMs.p95 <= 10_000
  );
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, clients: { type: 'string' }, frozen: { type: 'string' } },
  });
  const result = await proveStandby({
    rounds: Number(values.rounds ?? 20),
    clients: Number(values.clients ?? 8),
    aliveMs: [200, 2_000],
    frozenOfTen: Number(values.frozen ?? 3),
    print: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.write(
    `${JSON.stringify(result, null, 2)}\n${standbyHolds(result) ? 'the ledger balances' : 'THE LEDGER DOES NOT BALANCE'}\n`,
  );
  process.exit(standbyHolds(result) ? 0 : 1);
}
