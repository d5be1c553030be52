/** A client of a gateway that is killed again and again, and the ledger of what came back. */

import { setTimeout as pause } from 'node:timers/promises';

/** A chat client over Node's own WebSocket (undici): independent of the library that the server uses. */
export interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface ChatIdentity {
  readonly clientId: string;
  readonly clientKey: string;
}

const OPEN_MS = 10_000;

export class ChatClient {
  readonly frames: Frame[] = [];
  /** When each of them came. */
  readonly arrivedAt: number[] = [];
  readonly #socket: WebSocket;
  readonly #waiters = new Set<() => void>();
  readonly closed: Promise<number>;
  open = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = (event: MessageEvent) => {
      this.frames.push(JSON.parse(String(event.data)) as Frame);
      this.arrivedAt.push(Date.now());
      for (const check of this.#waiters) check();
    };
    this.closed = new Promise((resolve) => {
      socket.onclose = (event: CloseEvent) => {
        this.open = false;
        resolve(event.code);
        for (const check of this.#waiters) check();
      };
    });
  }

  /** Connects and waits for the greeting; with an identity, becomes that person. */
  static async connect(
    port: number,
    identity?: ChatIdentity,
    protocols: string[] = [],
    headers: Record<string, string> = {},
  ): Promise<ChatClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { protocols, headers });
    const client = new ChatClient(socket);
    await new Promise<void>((resolve, reject) => {
      // A process that stands still takes connections, and never answers.
      const timer = setTimeout(() => {
        socket.close();
        reject(new Error(`no connection within ${OPEN_MS} ms`));
      }, OPEN_MS);
      socket.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
      socket.onerror = () => {
        clearTimeout(timer);
        reject(new Error('connection refused'));
      };
    });
    socket.onerror = () => {};
    client.open = true;
    await client.next((frame) => frame.type === 'connected');
    if (identity !== undefined) client.send({ type: 'hello', data: { ...identity, name: 'test' } });
    return client;
  }

  get identity(): ChatIdentity {
    const data = this.frames.find((frame) => frame.type === 'connected')?.data;
    return { clientId: String(data?.['clientId']), clientKey: String(data?.['clientKey']) };
  }

  send(frame: unknown): void {
    this.#socket.send(JSON.stringify(frame));
  }

  prompt(id: string, message: string): void {
    this.send({ type: 'prompt', id, data: { message } });
  }

  /** The first frame (also one that came before) that fits. Rejects when the socket closes or time is over. */
  next(fits: (frame: Frame) => boolean, timeoutMs = 15_000): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(check);
      };
      const timer = setTimeout(() => {
        end();
        reject(
          new Error(`no such frame within ${timeoutMs} ms; got ${JSON.stringify(this.frames.slice(-20))}`),
        );
      }, timeoutMs);
      const check = (): void => {
        const frame = this.frames.find(fits);
        if (frame !== undefined) {
          end();
          resolve(frame);
        } else if (this.#socket.readyState === WebSocket.CLOSED) {
          end();
          reject(new Error('the socket was closed'));
        }
      };
      this.#waiters.add(check);
      check();
    });
  }

  /** The response or error to a prompt. */
  outcome(id: string, timeoutMs?: number): Promise<Frame> {
    return this.next(
      (frame) => frame.id === id && (frame.type === 'response' || frame.type === 'error'),
      timeoutMs,
    );
  }

  close(): void {
    this.#socket.close();
  }
}

export interface Ledger {
  readonly prompts: number;
  readonly answered: number;
  readonly failed: number;
  readonly interrupted: number;
  readonly missing: number;
  readonly markedRepeats: number;
  readonly unmarkedRepeats: number;
  readonly leaks: number;
  /** One sentence for each prompt that does not balance. */
  readonly problems: readonly string[];
}

/** What went out through one of the gateways. */
export interface Sent {
  readonly at: number;
  readonly what: string;
}

/** When the clients give up. */
export interface Deadline {
  at: number;
}

interface Entry {
  readonly token: string;
  readonly text: string;
  /** When it was last refused: it was not taken, and is asked again. */
  refusedAt?: number;
  outcomes: { kind: string; repeat: boolean }[];
}

/** A connection, and how much of what came over it was noted. */
interface Line {
  readonly client: ChatClient;
  readonly port: number;
  seen: number;
}

/** A gateway that says nothing for so long may be frozen: another one is tried. What it says later counts, too. */
const PATIENCE_MS = 6_000;
const AGAIN_MS = 500;

export class Talker {
  readonly entries = new Map<string, Entry>();
  readonly problems: string[] = [];
  leaks = 0;
  readonly #name: string;
  readonly #port: () => number;
  #lines: Line[] = [];
  /** Outcomes, by the port that they came from. */
  readonly #outcomes = new Map<number, Sent[]>();
  #identity: ChatIdentity | undefined;
  #count = 0;
  talking = true;

  constructor(name: string, port: () => number) {
    this.#name = name;
    this.#port = port;
  }

  /** The outcomes that came from this port. */
  sentFrom(port: number): readonly Sent[] {
    return this.#outcomes.get(port) ?? [];
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
        await pause(30 + Math.random() * 50); // the gateway is down: try again soon
      }
    }
    this.#read();
    for (const { client } of this.#lines) client.close();
  }

  async #converse(deadline: Deadline): Promise<void> {
    this.#read();
    this.#lines = this.#lines.filter(({ client }) => client.open);
    const port = this.#port();
    // A gateway sends to every connection of a client: that is no repeat.
    for (const former of this.#lines) if (former.port === port) former.client.close();
    const client = await ChatClient.connect(port, this.#identity);
    this.#identity ??= client.identity;
    const line = { client, port, seen: 0 };
    this.#lines.push(line);
    for (const entry of this.open) client.prompt(entry.token, entry.text);
    let [heard, heardAt] = [0, performance.now()];
    while (client.open && Date.now() < deadline.at) {
      this.#read();
      if (line.seen > heard || this.open.length === 0) [heard, heardAt] = [line.seen, performance.now()];
      if (performance.now() - heardAt > PATIENCE_MS) return;
      for (const entry of this.open) {
        if (entry.refusedAt === undefined || Date.now() - entry.refusedAt < AGAIN_MS) continue;
        delete entry.refusedAt;
        client.prompt(entry.token, entry.text);
      }
      if (this.talking && this.open.length < 3) {
        const entry = this.#invent();
        client.prompt(entry.token, entry.text);
      } else if (!this.talking && this.open.length === 0) {
        await pause(300); // a late double would show up now
        return;
      }
      await pause(5 + Math.random() * 20);
    }
  }

  #read(): void {
    for (const line of this.#lines)
      for (const { frames, arrivedAt } = line.client; line.seen < frames.length; line.seen += 1) {
        const frame = frames[line.seen];
        if (frame !== undefined) this.#note(frame, line.port, arrivedAt[line.seen] ?? 0);
      }
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

  #note(frame: Frame, port: number, at: number): void {
    if (frame.type !== 'response' && frame.type !== 'error') return;
    const text = String(frame.data?.['text'] ?? '');
    if (/token (\S+) end/.test(text) && !text.includes(`token ${this.#name}-`)) {
      this.leaks += 1;
      this.problems.push(`${this.#name} read the answer of another client: ${text}`);
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
      entry.refusedAt = at; // stopping, not ready yet, not stored: that is no outcome
      return;
    }
    const sent = this.#outcomes.get(port) ?? [];
    this.#outcomes.set(port, sent);
    sent.push({ at, what: `${entry.token} ${kind} ${text.slice(0, 80)}` });
    entry.outcomes.push({ kind, repeat: frame.data?.['repeat'] === true });
  }
}

export function tally(talkers: readonly Pick<Talker, 'entries' | 'problems' | 'leaks'>[]): Ledger {
  const entries = talkers.flatMap((talker) => [...talker.entries.values()]);
  const problems = talkers.flatMap((talker) => talker.problems);
  const missing = entries
    .filter(({ outcomes }) => outcomes.length === 0)
    .map(({ token }) => `${token}: no outcome`);
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
    problems: [...problems, ...missing],
  };
}

export function balanced(result: Ledger): boolean {
  return (
    result.missing === 0 &&
    result.unmarkedRepeats === 0 &&
    result.leaks === 0 &&
    result.problems.length === 0 &&
    result.prompts === result.answered + result.failed + result.interrupted
  );
}
