import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../base/log.ts';
import { isObject, type PiRecord, parseRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import type { LinkEnd } from '../pi/backend.ts';
import { LineChild } from '../pi/child.ts';

/** What the host needs to start or resume a session. */
export interface OpenSession {
  readonly cwd: string;
  readonly sessionFile: string;
  readonly sessionDir: string;
  readonly model?: string;
  readonly thinking?: string;
  readonly tools?: readonly string[];
  readonly systemPrompt?: string;
  /** Files of further extensions. */
  readonly extensions?: readonly string[];
  /** Every call of a model is reserved at the gateway first. */
  readonly limited?: true;
}

/** Lines from the gateway to the host. `link` names one connection to one session. */
export type ToHost =
  | { readonly type: 'open'; readonly link: string; readonly session: OpenSession }
  | { readonly type: 'to'; readonly link: string; readonly record: PiRecord }
  /** Orderly end. */
  | { readonly type: 'close'; readonly link: string }
  /** End without waiting for anything. */
  | { readonly type: 'drop'; readonly link: string }
  | { readonly type: 'ping'; readonly id: number };

/** Lines from the host to the gateway. */
export type FromHost =
  | { readonly type: 'from'; readonly link: string; readonly record: PiRecord }
  /** The session is gone; `reason` says why when no one asked for it. */
  | { readonly type: 'gone'; readonly link: string; readonly reason: string }
  | { readonly type: 'pong'; readonly id: number };

/** Undefined for a line that the gateway does not send. */
export function readToHost(line: string): ToHost | undefined {
  const frame = parseRecord(line);
  if (frame === undefined) return undefined;
  const { link, record, session, id } = frame;
  if (frame.type === 'ping' && typeof id === 'number') return { type: 'ping', id };
  if (typeof link !== 'string') return undefined;
  if (frame.type === 'close' || frame.type === 'drop') return { type: frame.type, link };
  if (frame.type === 'to' && isRecord(record)) return { type: 'to', link, record };
  if (frame.type === 'open' && isOpenSession(session)) return { type: 'open', link, session };
  return undefined;
}

/** Undefined for a line that the host does not send: output of an extension, for example. */
function readFromHost(line: string): FromHost | undefined {
  const frame = parseRecord(line);
  if (frame === undefined) return undefined;
  const { link, record, reason, id } = frame;
  if (frame.type === 'pong' && typeof id === 'number') return { type: 'pong', id };
  if (typeof link !== 'string') return undefined;
  if (frame.type === 'gone') return { type: 'gone', link, reason: typeof reason === 'string' ? reason : '' };
  if (frame.type === 'from' && isRecord(record)) return { type: 'from', link, record };
  return undefined;
}

function isRecord(value: unknown): value is PiRecord {
  return isObject(value) && typeof value['type'] === 'string';
}

function isOpenSession(value: unknown): value is OpenSession {
  if (!isObject(value)) return false;
  const optional = [value['model'], value['thinking'], value['systemPrompt']];
  return (
    [value['cwd'], value['sessionFile'], value['sessionDir']].every((each) => typeof each === 'string') &&
    optional.every((each) => each === undefined || typeof each === 'string') &&
    [value['tools'], value['extensions']].every(
      (each) => each === undefined || (Array.isArray(each) && each.every((name) => typeof name === 'string')),
    )
  );
}

/** What a host was doing last, by the records it sent. */
export class Activity {
  /** Tools that run: link -> tool call -> name. */
  readonly #tools = new Map<string, Map<string, string>>();
  #last: string | undefined;

  /** Every record of every session. */
  note(link: string, type: string, toolCallId: string | undefined, toolName: string | undefined): void {
    this.#last = link;
    if (toolCallId === undefined) return;
    const running = this.#tools.get(link) ?? new Map<string, string>();
    if (type === 'tool_execution_start') running.set(toolCallId, toolName ?? 'tool');
    else if (type === 'tool_execution_end') running.delete(toolCallId);
    this.#tools.set(link, running);
  }

  forget(link: string): void {
    this.#tools.delete(link);
    if (this.#last === link) this.#last = undefined;
  }

  /** The likely culprit of a blocked host: the session that spoke last, with the tool it runs. */
  suspect(): { readonly link: string; readonly tool: string | undefined } | undefined {
    const link = this.#last ?? [...this.#tools.keys()].at(-1);
    if (link === undefined) return undefined;
    return { link, tool: [...(this.#tools.get(link)?.values() ?? [])].at(-1) };
  }
}

interface HeartbeatOptions {
  readonly ping: (id: number) => void;
  /** Time between two pings. */
  readonly everyMs: number;
  /** Without an answer for this long the host counts as blocked. */
  readonly blockedMs: number;
  /** Called once for each time that the host gets blocked. */
  readonly onBlocked: (silentMs: number) => void;
  /** Without an answer for this long it will not come back. */
  readonly deadMs: number;
  readonly onDead: (silentMs: number) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Asks a host again and again whether its event loop turns. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  #waitingSince: number | undefined;
  #sent = 0;
  #reported = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#beat(), this.#options.everyMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#waitingSince = undefined;
    this.#reported = false;
  }

  answer(id: number): void {
    if (id !== this.#sent) return;
    this.#waitingSince = undefined;
    this.#reported = false;
  }

  #beat(): void {
    const { now, ping, blockedMs, deadMs, onBlocked, onDead } = this.#options;
    if (this.#waitingSince === undefined) {
      this.#waitingSince = now();
      ping(++this.#sent);
      return;
    }
    const since = this.#waitingSince;
    const silentMs = now() - since;
    if (silentMs >= deadMs)
      // An answer that came while the gateway itself stood still is read before.
      setImmediate(() => {
        if (this.#waitingSince !== since) return;
        this.stop();
        onDead(silentMs);
      });
    else if (silentMs >= blockedMs && !this.#reported) {
      this.#reported = true;
      onBlocked(silentMs);
    }
  }
}

export interface HostOptions {
  /** Directory of the pi package whose SDK the host loads; asked at each start. */
  readonly pi: () => string | undefined;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly graceMs: number;
  /** Without a heartbeat for this long, a host counts as blocked and is named in the log. */
  readonly blockedMs: number;
  /** Without a heartbeat for this long, a host is ended. */
  readonly deadMs: number;
  readonly log: Logger;
}

/** One connection to a session in the host. */
interface HostPeer {
  /** Our session id, for the log. */
  readonly name: string;
  take(record: PiRecord): void;
  gone(end: LinkEnd): void;
}

/** A running host process, seen from the gateway. */
export class HostProcess {
  readonly ended: Promise<LinkEnd>;
  readonly #child: LineChild;
  readonly #log: Logger;
  readonly #peers = new Map<string, HostPeer>();
  readonly #activity = new Activity();
  readonly #heartbeat: Heartbeat;
  #links = 0;

  constructor(options: HostOptions) {
    this.#log = options.log;
    this.#child = new LineChild({
      argv: [process.execPath, ...RUNTIME_FLAGS, hostEntry(), options.pi() ?? ''],
      cwd: options.cwd,
      env: options.env,
      graceMs: options.graceMs,
      onLine: (line) => this.#line(line),
    });
    this.#heartbeat = new Heartbeat({
      ping: (id) => this.send({ type: 'ping', id }),
      everyMs: Math.min(1000, options.blockedMs / 4),
      blockedMs: options.blockedMs,
      deadMs: options.deadMs,
      now: () => performance.now(),
      onBlocked: (ms) => this.#log.warn(`the agent host is blocked: ${this.#culprit(ms)}`),
      onDead: (ms) => this.#child.kill({ cause: 'blocked', detail: this.#culprit(ms) }),
    });
    this.culprit = this.#child.ended.then(() => {
      const link = this.#activity.suspect()?.link;
      return link === undefined ? undefined : this.#peers.get(link)?.name;
    });
    this.ended = this.#child.ended.then((end) => {
      this.#heartbeat.stop();
      for (const peer of this.#peers.values()) peer.gone(end);
      this.#peers.clear();
      return end;
    });
  }

  /** Our id of the session that most likely ended it; undefined when it had none. */
  readonly culprit: Promise<string | undefined>;

  get mark(): string {
    return this.#child.mark;
  }

  /** Sessions that live in it. */
  get load(): number {
    return this.#peers.size;
  }

  /** Adds a peer and returns the name of its connection. */
  add(peer: HostPeer): string {
    const link = `l${++this.#links}`;
    this.#peers.set(link, peer);
    return link;
  }

  send(frame: ToHost): void {
    this.#child.write(`${JSON.stringify(frame)}\n`);
  }

  /** Takes a peer out without asking the host. */
  remove(link: string): void {
    this.#peers.delete(link);
    this.#activity.forget(link);
  }

  close(): Promise<void> {
    this.#heartbeat.stop();
    return this.#child.close();
  }

  #line(line: string): void {
    const frame = readFromHost(line);
    // Loading takes a while and may be slow on a busy machine: the heart is watched from the first heartbeat on.
    this.#heartbeat.start();
    if (frame?.type === 'pong') this.#heartbeat.answer(frame.id);
    else if (frame?.type === 'gone') {
      const peer = this.#peers.get(frame.link);
      this.remove(frame.link);
      peer?.gone({ cause: 'exited', detail: 'session ended', stderr: frame.reason });
    } else if (frame?.type === 'from') {
      const { record } = frame;
      this.#activity.note(
        frame.link,
        record.type,
        stringAt(record, 'toolCallId'),
        stringAt(record, 'toolName'),
      );
      this.#peers.get(frame.link)?.take(record);
    }
  }

  /** "for 12 s, probably by the tool spin of session s1". */
  #culprit(silentMs: number): string {
    const suspect = this.#activity.suspect();
    const session = suspect === undefined ? undefined : this.#peers.get(suspect.link)?.name;
    const tool = suspect?.tool === undefined ? '' : `the tool ${suspect.tool} of `;
    const by = session === undefined ? '' : `, probably by ${tool}session ${session}`;
    return `for ${Math.round(silentMs / 1000)} s${by}`;
  }
}

/**
 * Streams leave garbage that dies young. With V8's own sizes a thousand sessions hold twice the memory, most of it empty.
 */
const RUNTIME_FLAGS = process.versions['bun'] === undefined ? ['--max-semi-space-size=4'] : [];

/** The host's program: next to the bundle, or the source file it is built from. */
function hostEntry(): string {
  const built = join(import.meta.dirname, 'sdk-host.js');
  return existsSync(built) ? built : join(import.meta.dirname, './sdk-host.ts');
}
