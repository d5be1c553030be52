/**
 * Chaos: clients talk, the gateway is killed with `kill -9` again and again, and a ledger kept outside its process
 * must balance. Run it: npm run chaos -- --kills 200 --clients 12
 *
 * A client that gets no outcome sends the same prompt id again after a reconnect, as the protocol allows.
 * Proven: every prompt has an outcome (answered, failed, or reported as interrupted); no outcome comes twice without
 * a mark; no answer reaches a chat that did not ask.
 */
import { parseArgs } from 'node:util';
import { ChatClient, type ChatIdentity, type Frame } from '../support/chat-client.ts';
import { freePort, GatewayProcess, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

export interface ChaosOptions {
  readonly kills: number;
  readonly clients: number;
  /** Least and most time between two kills, from ready on. */
  readonly aliveMs: readonly [number, number];
  readonly print: (line: string) => void;
}

export interface ChaosResult {
  readonly prompts: number;
  readonly answered: number;
  readonly failed: number;
  readonly interrupted: number;
  readonly missing: number;
  readonly markedRepeats: number;
  readonly unmarkedRepeats: number;
  readonly leaks: number;
  readonly kills: number;
  readonly problems: readonly string[];
}

/** When the clients give up. */
export interface Deadline {
  at: number;
}

interface Entry {
  readonly token: string;
  readonly text: string;
  outcomes: { kind: string; repeat: boolean }[];
}

export class Talker {
  readonly entries = new Map<string, Entry>();
  readonly problems: string[] = [];
  leaks = 0;
  readonly #name: string;
  readonly #port: () => number;
  #identity: ChatIdentity | undefined;
  #client: ChatClient | undefined;
  #count = 0;
  talking = true;

  constructor(name: string, port: () => number) {
    this.#name = name;
    this.#port = port;
  }

  get open(): Entry[] {
    return [...this.entries.values()].filter((entry) => entry.outcomes.length === 0);
  }

  /** Talks until told to stop and every prompt has its outcome. */
  async run(deadline: Deadline): Promise<void> {
    while ((this.talking || this.open.length > 0) && Date.now() < deadline.at) {
      try {
        await this.#converse(deadline);
      } catch {
        await delay(30 + Math.random() * 50); // the gateway is down: try again soon
      }
    }
    this.#client?.close();
  }

  async #converse(deadline: Deadline): Promise<void> {
    const client = await ChatClient.connect(this.#port(), this.#identity);
    this.#identity ??= client.identity;
    this.#client = client;
    let seen = 0;
    const read = (): void => {
      for (; seen < client.frames.length; seen += 1) {
        const frame = client.frames[seen];
        if (frame !== undefined) this.#note(frame);
      }
    };
    for (const entry of this.open) client.prompt(entry.token, entry.text);
    while (client.open && Date.now() < deadline.at) {
      read();
      if (this.talking && this.open.length < 3) {
        const entry = this.#invent();
        client.prompt(entry.token, entry.text);
      } else if (!this.talking && this.open.length === 0) {
        await delay(300); // a late double would show up now
        read();
        return;
      }
      await delay(5 + Math.random() * 20);
    }
    read();
  }

  #invent(): Entry {
    this.#count += 1;
    const token = `${this.#name}-${this.#count}`;
    const dice = Math.random();
    const directive =
      dice < 0.1
        ? ' [fail]'
        : dice < 0.15
          ? ' [crash]'
          : dice < 0.5
            ? ` [sleep ${Math.round(Math.random() * 120)}]`
            : '';
    const entry: Entry = { token, text: `token ${token} end${directive}`, outcomes: [] };
    this.entries.set(token, entry);
    return entry;
  }

  #note(frame: Frame): void {
    if (frame.type !== 'response' && frame.type !== 'error') return;
    const text = String(frame.data?.['text'] ?? '');
    if (/token (\S+) end/.test(text) && !text.includes(`token ${this.#name}-`)) {
      this.leaks += 1;
      this.problems.push(`${this.#name} read somebody else's answer: ${text}`);
    }
    const entry = frame.id === undefined ? undefined : this.entries.get(frame.id);
    if (entry === undefined) {
      this.problems.push(`${this.#name}: a frame for an unknown prompt: ${JSON.stringify(frame)}`);
      return;
    }
    if (frame.type === 'response' && text !== '' && !text.includes(`token ${entry.token} end`))
      this.problems.push(`${entry.token}: got the answer of another prompt: ${text}`);
    const kind = frame.type === 'response' ? 'answered' : String(frame.data?.['code']);
    if (kind !== 'answered' && kind !== 'failed' && kind !== 'interrupted' && kind !== 'aborted') {
      // Not taken (stopping, not ready yet): no outcome, the client asks again.
      return;
    }
    entry.outcomes.push({ kind, repeat: frame.data?.['repeat'] === true });
  }
}

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const folder = temporaryFolder();
  const port = await freePort();
  writeConfig(folder.path, {
    security: { allowAll: true, rateLimit: { maxRequests: 1_000_000 } },
    agent: { maxConcurrent: 8 },
  });
  const args = [
    '--no-tui',
    '--agent',
    'scripted',
    '--data-dir',
    folder.path,
    '--port',
    String(port),
    '--log-level',
    'warn',
  ];
  const start = async (): Promise<GatewayProcess> => {
    const gateway = new GatewayProcess([...args.slice(0, -1), 'info']);
    await gateway.ready(120_000); // a busy machine starts slowly, and that is no finding
    return gateway;
  };
  let gateway = await start();
  // However slow the machine is: the clients have two minutes for their outcomes once the last kill is over.
  const deadline: Deadline = { at: Number.POSITIVE_INFINITY };
  const talkers = Array.from({ length: options.clients }, (_, i) => new Talker(`c${i}`, () => port));
  const talking = talkers.map((talker) => talker.run(deadline));
  const startTimes: number[] = [];
  try {
    for (let kill = 1; kill <= options.kills; kill += 1) {
      const [least, most] = options.aliveMs;
      await delay(least + Math.random() * (most - least));
      await gateway.kill();
      const at = performance.now();
      gateway = await start();
      startTimes.push(performance.now() - at);
      if (kill % 20 === 0)
        options.print(`${kill} kills, ${talkers.reduce((sum, t) => sum + t.entries.size, 0)} prompts`);
    }
    for (const talker of talkers) talker.talking = false;
    deadline.at = Date.now() + 120_000;
    await Promise.all(talking);
  } finally {
    deadline.at = 0;
    await gateway.stop();
    folder.remove();
  }
  return tally(talkers, options.kills);
}

export function tally(talkers: readonly Talker[], kills: number): ChaosResult {
  const entries = talkers.flatMap((talker) => [...talker.entries.values()]);
  const problems = talkers.flatMap((talker) => talker.problems);
  let unmarked = 0;
  let marked = 0;
  for (const entry of entries) {
    // The first outcome may itself carry the mark (its first sending was cut off); every further one must.
    const further = entry.outcomes.slice(1);
    marked += entry.outcomes.filter((each) => each.repeat).length;
    for (const each of further)
      if (!each.repeat) {
        unmarked += 1;
        problems.push(
          `${entry.token}: ${entry.outcomes.map((o) => `${o.kind}${o.repeat ? ' (repeat)' : ''}`).join(', ')}`,
        );
      }
  }
  const first = (kind: string): number => entries.filter((entry) => entry.outcomes[0]?.kind === kind).length;
  return {
    prompts: entries.length,
    answered: first('answered'),
    failed: first('failed') + first('aborted'),
    interrupted: first('interrupted'),
    missing: entries.filter((entry) => entry.outcomes.length === 0).length,
    markedRepeats: marked,
    unmarkedRepeats: unmarked,
    leaks: talkers.reduce((sum, talker) => sum + talker.leaks, 0),
    kills,
    problems,
  };
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function balanced(result: ChaosResult): boolean {
  return (
    result.missing === 0 &&
    result.unmarkedRepeats === 0 &&
    result.leaks === 0 &&
    result.problems.length === 0 &&
    result.prompts === result.answered + result.failed + result.interrupted
  );
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { kills: { type: 'string' }, clients: { type: 'string' } } });
  const result = await runChaos({
    kills: Number(values.kills ?? 200),
    clients: Number(values.clients ?? 12),
    aliveMs: [100, 500],
    print: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.write(
    `${JSON.stringify(result, null, 2)}\n${balanced(result) ? 'the ledger balances' : 'THE LEDGER DOES NOT BALANCE'}\n`,
  );
  process.exitCode = balanced(result) ? 0 : 1;
}
