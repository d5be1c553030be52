import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Logger } from '../../base/log.ts';
import { agentEnvironment, isStopped, killMarked, killTree, signalGroup } from '../../base/processes.ts';
import { ownText } from '../../base/text.ts';
import type { AgentWord } from '../../gateway/agent/agent.ts';
import { listAt, objectAt, type PiRecord, parseRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import { type LinkEnd, LinkLost, type PiLink, PiRefusal } from './backend.ts';

/** Keeps the last part of a stream of text, so that a noisy child cannot fill the memory. */
export class Tail {
  readonly #maxChars: number;
  #text = '';

  constructor(maxChars = 8192) {
    this.#maxChars = maxChars;
  }

  add(text: string): void {
    this.#text = ownText((this.#text + text).slice(-this.#maxChars));
  }

  toString(): string {
    return this.#text;
  }
}

const ANSI = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/g;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g;

/** Text of a program on one clean line of at most `maxChars`, fit for a hint or a log. */
export function oneLine(text: string, maxChars = 300): string {
  const clean = text.replace(ANSI, '').replace(CONTROL, ' ').replace(/ {2,}/g, ' ').trim().toWellFormed();
  return clean.length <= maxChars ? clean : `${clean.slice(0, maxChars - 1).toWellFormed()}…`;
}

/**
 * The line of an error output that says what went wrong: the first that looks like an error (what follows is usually
 * a stack), else the last.
 */
export function tellingLine(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => oneLine(line))
    .filter((line) => line !== '' && !/^(at |Node\.js v)/.test(line));
  return lines.find((line) => /error|cannot|not found|no such/i.test(line)) ?? lines.at(-1) ?? '';
}

const LF = 0x0a;

/** The longest line that is taken; a longer one means that the peer has lost its way. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * Splits a byte stream into lines on LF only. Bytes are joined before they are decoded, so characters that arrive in
 * two chunks stay whole, and U+2028, which is legal inside JSON strings, is no border.
 */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #onOversize: () => void;
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #length = 0;
  #closed = false;

  /** `onOversize` is called once; nothing is reported after it. */
  constructor(onLine: (line: string) => void, onOversize: () => void, maxBytes = MAX_LINE_BYTES) {
    this.#onLine = onLine;
    this.#onOversize = onOversize;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    let from = 0;
    while (!this.#closed) {
      const end = chunk.indexOf(LF, from);
      const part = chunk.subarray(from, end < 0 ? chunk.length : end);
      this.#parts.push(part);
      this.#length += part.length;
      if (this.#length > this.#maxBytes) {
        this.#closed = true;
        this.#parts = [];
        this.#onOversize();
        return;
      }
      if (end < 0) return;
      this.#emit();
      from = end + 1;
    }
  }

  #emit(): void {
    const line = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts, this.#length);
    this.#parts = [];
    this.#length = 0;
    if (line !== undefined && line.length > 0) this.#onLine(line.toString('utf8'));
  }
}

interface ChildOptions {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Between the request to leave by SIGTERM and the kill, in milliseconds. */
  readonly graceMs: number;
  /** One line of its standard output. */
  readonly onLine: (line: string) => void;
}

/** After closing its input a well-behaved child leaves within this time. */
const LEAVE_MS = 2000;
/** Errors that mean that there is no such program. */
const ABSENT = ['ENOENT', 'EACCES', 'ENOTDIR'];
/** What a tool left running may hold the output open; the exit counts. */
const FLUSH_MS = 250;

/** A child process that speaks lines on its standard streams, in a process group of its own. */
export class LineChild {
  readonly ended: Promise<LinkEnd>;
  readonly #graceMs: number;
  /** In the environment of everything that it starts. */
  readonly mark = randomUUID();
  readonly #stderr = new Tail();
  readonly #process: ChildProcess;
  #cause: LinkEnd['cause'] = 'exited';
  #detail: string | undefined;
  #heard = 0;
  #unanswered = 0;
  #over = false;
  /** We asked it to leave, so what it leaves running on purpose may stay. */
  #orderly = false;

  constructor(options: ChildOptions) {
    const [program, ...args] = options.argv;
    this.#graceMs = options.graceMs;
    this.#process = spawn(program, args, {
      cwd: options.cwd,
      env: agentEnvironment(options.env, this.mark),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const splitter = new LineSplitter(options.onLine, () => {
      this.#cause = 'oversize';
      this.kill();
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#heard++;
      this.#unanswered = 0;
      splitter.push(chunk);
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => this.#stderr.add(chunk.toString('utf8')));
    // A child that is going away closes its end first; its exit tells the story.
    this.#process.stdin?.on('error', () => {});
    this.ended = this.#awaitEnd(program);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Grows with whatever it writes. */
  get heard(): number {
    return this.#heard;
  }

  /** Bytes (about) that it got since it wrote something. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** It was halted from outside, and does nothing until someone lets it continue. */
  get halted(): boolean {
    return !this.#over && this.pid !== undefined && isStopped(this.pid);
  }

  write(line: string): void {
    if (this.#over) return;
    this.#unanswered += line.length;
    this.#process.stdin?.write(line);
  }

  /** Closes its input, then ends it by force, step by step; resolves when it is gone. */
  async close(): Promise<void> {
    this.#orderly = true;
    this.#process.stdin?.end();
    const timers = [
      setTimeout(() => this.terminate(), LEAVE_MS),
      setTimeout(() => this.kill(), LEAVE_MS + this.#graceMs),
    ];
    await this.ended;
    for (const timer of timers) clearTimeout(timer);
  }

  terminate(): void {
    this.#orderly = false;
    if (!this.#over && this.pid !== undefined) signalGroup(this.pid, 'SIGTERM');
  }

  /** Nothing survives. `why`: what is to be told instead of how it ended. */
  kill(why?: Pick<LinkEnd, 'cause' | 'detail'>): void {
    if (this.#over || this.pid === undefined) return;
    if (why !== undefined) {
      this.#cause = why.cause;
      this.#detail = why.detail;
    }
    killTree(this.pid, this.mark);
  }

  #awaitEnd(program: string): Promise<LinkEnd> {
    return new Promise((resolve) => {
      const settle = (cause: LinkEnd['cause'], detail: string): void => {
        if (this.#over) return;
        this.#over = true;
        if (!this.#orderly) killMarked(this.mark);
        this.#process.stdout?.destroy();
        resolve({ cause, detail, stderr: this.#stderr.toString() });
      };
      this.#process.on('error', (error: NodeJS.ErrnoException) => {
        if (this.pid !== undefined) return; // a signal that could not be sent
        const detail = `"${program}" cannot be started (${error.code ?? error.message}).`;
        settle(ABSENT.includes(error.code ?? '') ? 'missing' : 'exited', detail);
      });
      const exit = (code: number | null, signal: NodeJS.Signals | null): void =>
        settle(this.#cause, this.#detail ?? (code === null ? `signal ${signal}` : `exit code ${code}`));
      this.#process.on('close', exit);
      this.#process.on('exit', (code, signal) => void setTimeout(() => exit(code, signal), FLUSH_MS));
    });
  }
}

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
