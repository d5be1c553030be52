import type { Logger } from '../../base/log.ts';
import type { AgentWord } from '../../gateway/agent/agent.ts';
import { listAt, objectAt, type PiRecord, parseRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import { type LinkEnd, LinkLost, type PiLink, PiRefusal } from '../pi/backend.ts';
import { LineChild, oneLine } from '../pi/child.ts';

interface Pending {
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Pairs commands with their responses by id. */
export class PendingRequests {
  readonly #pending = new Map<string, Pending>();
  #last = 0;
  #end: LinkEnd | undefined;

  /** `send` gets the command with its id. */
  open(command: PiRecord, send: (command: PiRecord) => void): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(new LinkLost(this.#end));
    const id = `g${++this.#last}`;
    const answer = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    send({ ...command, id });
    return answer;
  }

  /** True when the record was a response, awaited or not. */
  take(record: PiRecord): boolean {
    if (record.type !== 'response') return false;
    const id = record['id'];
    const pending = typeof id === 'string' ? this.#pending.get(id) : undefined;
    if (pending !== undefined && typeof id === 'string') {
      this.#pending.delete(id);
      if (record['success'] === true) pending.resolve(record['data']);
      else pending.reject(new PiRefusal(typeof record['error'] === 'string' ? record['error'] : 'refused'));
    }
    return true;
  }

  /** Rejects everything that is waiting and everything that comes later. */
  close(end: LinkEnd): void {
    this.#end = end;
    for (const pending of this.#pending.values()) pending.reject(new LinkLost(end));
    this.#pending.clear();
  }
}

interface RpcLinkOptions {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly graceMs: number;
  /** It is pi itself, on this machine: silent while something blocks it, which is no reason to end it. */
  readonly near?: boolean;
  readonly log: Logger;
}

/** A pi session that is a child process of its own, spoken to over pi's RPC mode. */
export class RpcLink implements PiLink {
  readonly ended: Promise<LinkEnd>;
  readonly #child: LineChild;
  readonly #requests = new PendingRequests();
  readonly #log: Logger;
  #listener: (record: PiRecord) => unknown = () => {};
  /** Requests wait for it while the child changes its session. */
  #gate: Promise<void> | undefined;
  #refusal: string | undefined;
  readonly #near: boolean;

  constructor(options: RpcLinkOptions) {
    this.#log = options.log;
    this.#near = options.near ?? false;
    this.#child = new LineChild({ ...options, onLine: (line) => this.#line(line) });
    this.ended = this.#child.ended.then((end) => {
      const told = this.#refusal === undefined ? end : { ...end, stderr: this.#refusal };
      this.#requests.close(told);
      return told;
    });
  }

  get mark(): string {
    return this.#child.mark;
  }

  get heard(): number {
    return this.#child.heard;
  }

  get unanswered(): number {
    return this.#child.unanswered;
  }

  giveUp(): void {
    const { halted } = this.#child;
    if (this.#near && !halted) return;
    const detail = halted ? 'its process was halted (SIGSTOP)' : 'nothing came back over the connection';
    this.#child.kill({ cause: 'silent', detail });
  }

  request(command: PiRecord): Promise<unknown> {
    const open = (): Promise<unknown> => this.#requests.open(command, (numbered) => this.send(numbered));
    return this.#gate === undefined ? open() : this.#gate.then(open);
  }

  /** Gives a child that has no session the one of a file. A child that cannot take it ends, saying why. */
  adopt(sessionFile: string): void {
    this.#gate = this.#adopt(sessionFile).finally(() => {
      this.#gate = undefined;
    });
  }

  send(record: PiRecord): void {
    this.#child.write(`${JSON.stringify(record)}\n`);
  }

  listen(listener: (record: PiRecord) => unknown): void {
    this.#listener = listener;
  }

  close(): Promise<void> {
    return this.#child.close();
  }

  terminate(): void {
    this.#child.terminate();
  }

  kill(why?: string): void {
    this.#child.kill(why === undefined ? undefined : { cause: 'exited', detail: why });
  }

  async #adopt(sessionFile: string): Promise<void> {
    try {
      const result = await this.request({ type: 'switch_session', sessionPath: sessionFile });
      if (objectAt({ result }, 'result')['cancelled'] !== true) return;
      this.#refusal = 'Error: an extension did not let pi open the session';
    } catch (error) {
      if (!(error instanceof LinkLost)) this.#refusal = `Error: ${String(error)}`;
    }
    this.kill();
    await this.ended;
  }

  #line(line: string): void {
    const record = parseRecord(line);
    if (record === undefined) this.#log.debug('the agent wrote something else', { line: oneLine(line, 120) });
    else if (!this.#requests.take(record)) this.#listener(record);
  }
}

/** Asks a pi without a session for its prompt templates, skills and commands, and ends it. Rejects when it does not tell. */
export async function piWords(link: RpcLink, signal: AbortSignal): Promise<readonly AgentWord[]> {
  const giveUp = (): void => link.kill();
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const words = listAt(await link.request({ type: 'get_commands' }), 'commands');
    return words.flatMap((word) => {
      const name = stringAt(word, 'name');
      if (name === undefined) return [];
      const program = stringAt(word, 'source') === 'extension';
      return [
        { name, description: oneLine(stringAt(word, 'description') ?? ''), ...(program ? { program } : {}) },
      ];
    });
  } finally {
    signal.removeEventListener('abort', giveUp);
    void link.close();
  }
}
