import type { Logger } from '../../base/log.ts';
import type { ConversationSpec, TurnEnd } from '../../gateway/agent/agent.ts';
import type { PiRecord } from '../../gateway/agent/pi-files.ts';
import type { SessionCopies } from '../../store/session-copies.ts';

/** Default of `startTimeoutMs`. */
export const START_TIMEOUT_MS = 20_000;
/** Default of `aliveMs`. */
export const ALIVE_MS = 60_000;

/** What a pi conversation needs from the place where its sessions live. */
export interface PiBackend {
  readonly place: FindPlace;
  /** For answers next to a conversation: they never wait for turns, nor turns for them. */
  readonly placeAside: FindPlace;
  readonly defaults: ModelChoice;
  /** Until the first answer of a fresh session, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Between two steps of ending a process, in milliseconds. */
  readonly graceMs: number;
  /** Between two heartbeat of a turn that is waiting for its place or its start, in milliseconds. */
  readonly aliveMs: number;
  /** How the link of a session is watched while it is used. */
  readonly beat: LinkBeat;
  /** Sessions must have shown that they ask before every tool call; one that has not is not used. */
  readonly guard: boolean;
  /** Sessions must have shown that they reserve every call of a model; one that has not is not used. */
  readonly limited: boolean;
  /** Sessions leave a host that is down: all hosts can get their files. */
  readonly moves: boolean;
  /** The gateway has copies of the files of its hosts; undefined: it sees the files themselves, or none. */
  readonly copies?: SessionCopies | undefined;
  /** Turns that were cut off can be continued. */
  readonly resumes: boolean;
  readonly log: Logger;
}

/** Why a link is gone. */
export interface LinkEnd {
  /**
   * `missing`: never existed. `oversize`: it sent a line longer than allowed. `blocked`: it stopped reacting. `silent`:
   * the process is there, but nothing comes back from it.
   */
  readonly cause: 'missing' | 'exited' | 'oversize' | 'blocked' | 'silent';
  /** For the operator: "exit code 1", "signal SIGKILL", the command that was not found. */
  readonly detail: string;
  /** The bounded end of what it wrote to stderr. Never shown in a chat. */
  readonly stderr: string;
}

/** The connection to one pi session, wherever it runs. */
export interface PiLink {
  /** Sends a command and resolves with the `data` of its response. Rejects with {@link PiRefusal} or {@link LinkLost}. */
  request(command: PiRecord): Promise<unknown>;
  /** Sends a record that has no response. Silently dropped when the link is gone. */
  send(record: PiRecord): void;
  /** Sets who hears everything that is no response. */
  listen(listener: (record: PiRecord) => unknown): void;
  /** Resolves, and never rejects, when the link is gone and nothing of it is left running. */
  readonly ended: Promise<LinkEnd>;
  /** Finds what its process has started, even after its end; undefined: there is no process of this machine. */
  readonly mark: string | undefined;
  /** Grows with everything that comes over the link. */
  readonly heard: number;
  /** Bytes that were sent since something came over the link. */
  readonly unanswered: number;
  /** Nothing has come back, not even the answer to a question: ends what cannot be alive, as `silent`. */
  giveUp(): void;
  /** Orderly end, bounded by {@link terminate} and {@link kill}; resolves when it is gone. */
  close(): Promise<void>;
  /** Second step of ending a process. */
  terminate(): void;
  /** Last step: nothing of it survives, tools included. `why`: what is said of the end, where something else than it is to blame. */
  kill(why?: string): void;
}

/** How a link is watched: it is looked at once a beat. */
export interface LinkBeat {
  readonly everyMs: number;
  /** So many beats without a heartbeat, and it is asked something. */
  readonly quiet: number;
  /** So many more, and it is given up. */
  readonly dead: number;
}

/** A link that dies is noticed after 22 to 24 s. */
export const LINK_BEAT: LinkBeat = { everyMs: 2000, quiet: 4, dead: 7 };

/** A slow way gets a beat more for so many bytes that it has to carry first. */
const BYTES_A_BEAT = 64 * 1024;

/**
 * Watches a link while someone waits for something from it: the process behind it (ssh, docker, kubectl, srun) may live
 * while the way to pi is dead. pi answers questions also while a tool or a model works. Beats are counted, not
 * milliseconds, so that a gateway that was delayed itself does not take that for silence. Returns what ends the watch.
 */
export function watchLink(link: PiLink, beat: LinkBeat, answered: () => void): () => void {
  let heard = link.heard;
  let beats = 0;
  let asked = false;
  const ask = async (): Promise<void> => {
    try {
      await link.request({ type: 'get_state' });
      if (watching) answered();
    } catch {
      // Gone or given up, which who owns the link hears.
    }
  };
  let watching = true;
  const timer = setInterval(() => {
    if (link.heard !== heard) {
      heard = link.heard;
      beats = 0;
      asked = false;
      return;
    }
    beats++;
    if (beats < beat.quiet) return;
    if (!asked) {
      asked = true;
      void ask();
    } else if (beats >= beat.quiet + beat.dead + Math.floor(link.unanswered / BYTES_A_BEAT)) {
      beats = 0;
      link.giveUp();
    }
  }, beat.everyMs);
  timer.unref();
  return () => {
    watching = false;
    clearInterval(timer);
  };
}

/** pi answered `success: false`. */
export class PiRefusal extends Error {
  override readonly name = 'PiRefusal';
}

/** The link went away before the answer came. */
export class LinkLost extends Error {
  override readonly name = 'LinkLost';
  readonly end: LinkEnd;
  constructor(end: LinkEnd) {
    super(`the agent is gone (${end.detail})`);
    this.end = end;
  }
}

/** A link that never was: there is no program to start. */
export class MissingLink implements PiLink {
  readonly ended: Promise<LinkEnd>;
  readonly #end: LinkEnd;

  constructor(end: LinkEnd) {
    this.#end = end;
    this.ended = Promise.resolve(end);
  }

  request(): Promise<unknown> {
    return Promise.reject(new LinkLost(this.#end));
  }

  readonly mark = undefined;
  readonly heard = 0;
  readonly unanswered = 0;

  async close(): Promise<void> {}
  giveUp(): void {}
  send(): void {}
  listen(): void {}
  terminate(): void {}
  kill(): void {}
}

/** Model and thinking level that a session starts with; undefined leaves the choice to pi. */
export interface ModelChoice {
  readonly model: string | undefined;
  readonly thinking: string | undefined;
}

export type Connect = (spec: ConversationSpec, choice: ModelChoice) => PiLink;

/** A slot, and the way to the session that takes it. */
export interface PiPlace {
  readonly slot: PoolSlot;
  /** The host of a pool; undefined where there is only one place for all. */
  readonly host: string | undefined;
  /** The session's directory has to exist on this machine. */
  readonly localFolder: boolean;
  /** Starts or resumes the session of the spec. What goes wrong later ends the link. */
  readonly connect: Connect;
  /** Directory of session files there, where the gateway has copies of them. */
  readonly sessionDir?: string | undefined;
  /** The session has answered for the first time. */
  worked(): void;
  /** The session could not be started; returns the outcome of the turn that wanted it. */
  failed(end: TurnEnd): TurnEnd;
}

/**
 * Finds a place for a session. Resolves with undefined when `signal` fired first; rejects with StartFailure when there
 * is none to wait for.
 */
export type FindPlace = (spec: ConversationSpec, signal: AbortSignal) => Promise<PiPlace | undefined>;

/** All sessions live in one place. */
export function onePlace(pool: Pool, connect: Connect, localFolder = true): FindPlace {
  return async (_spec, signal) => {
    const slot = await pool.take(signal);
    if (slot === undefined) return undefined;
    return { slot, host: undefined, localFolder, connect, worked: () => {}, failed: (end) => end };
  };
}

/**
 * The places for live sessions, handed out first come, first served. A session that has nothing to do keeps its slot
 * until someone else needs one (the longest resting goes first) or until it has rested for `idleMs`.
 */
export class Pool {
  readonly #max: number;
  readonly #idleMs: number;
  readonly #taken = new Set<PoolSlot>();
  /** Resting slots, the longest resting first. */
  readonly #resting = new Map<PoolSlot, () => void>();
  readonly #waiting: ((slot: PoolSlot) => void)[] = [];
  /** Slots that were asked back and are not free yet. */
  #leaving = 0;
  /** No one rests here: what has nothing to do leaves. */
  #vacating = false;

  constructor(max: number, idleMs: number) {
    if (!Number.isInteger(max) || max < 1) throw new Error(`expected at least one slot, received ${max}`);
    this.#max = max;
    this.#idleMs = idleMs;
  }

  /** Sessions that have a slot or wait for one, for each slot. */
  get load(): number {
    return (this.#taken.size + this.#waiting.length) / this.#max;
  }

  get taken(): number {
    return this.#taken.size;
  }

  /** Slots whose session has something to do. */
  get working(): number {
    return this.#taken.size - this.#resting.size;
  }

  /** From now on, or until it is switched off, a session leaves as soon as it has nothing to do. */
  vacate(on: boolean): void {
    this.#vacating = on;
    if (on) for (const askBack of [...this.#resting.values()]) askBack();
  }

  /** Resolves with a slot, or with undefined when `signal` fired first. */
  take(signal: AbortSignal): Promise<PoolSlot | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    if (this.#taken.size < this.#max && this.#waiting.length === 0) return Promise.resolve(this.#slot());
    return new Promise((resolve) => {
      const serve = (slot: PoolSlot): void => {
        signal.removeEventListener('abort', giveUp);
        resolve(slot);
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(serve), 1);
        resolve(undefined);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(serve);
      this.#askBack();
    });
  }

  #slot(): PoolSlot {
    let timer: NodeJS.Timeout | undefined;
    let leaving = false;
    const askBack = (vacate: () => void): void => {
      clearTimeout(timer);
      this.#resting.delete(slot);
      leaving = true;
      this.#leaving++;
      vacate();
    };
    const slot: PoolSlot = {
      rest: (vacate) => {
        if (leaving || !this.#taken.has(slot)) return;
        if (this.#vacating) return askBack(vacate);
        timer = setTimeout(() => askBack(vacate), this.#idleMs);
        // A resting session must not keep the process alive.
        timer.unref();
        this.#resting.set(slot, () => askBack(vacate));
        this.#askBack();
      },
      work: () => {
        if (leaving || !this.#taken.has(slot)) return false;
        clearTimeout(timer);
        this.#resting.delete(slot);
        return true;
      },
      leave: () => {
        if (!this.#taken.delete(slot)) return;
        clearTimeout(timer);
        this.#resting.delete(slot);
        if (leaving) this.#leaving--;
        this.#waiting.shift()?.(this.#slot());
      },
    };
    this.#taken.add(slot);
    return slot;
  }

  #askBack(): void {
    for (const askBack of this.#resting.values()) {
      if (this.#leaving >= this.#waiting.length) return;
      askBack();
    }
  }
}

export interface PoolSlot {
  /** Nothing to do: from now on the slot may be asked back, once, by calling `vacate`. */
  rest(vacate: () => void): void;
  /** Back to work. False when the slot has been asked back or left. */
  work(): boolean;
  /** The slot is free. Every slot is left in the end; leaving twice does nothing. */
  leave(): void;
}

/** The tool whose calls are progress reports of a task instead of work. */
export const PROGRESS_TOOL = 'report_progress';

/**
 * Tools of newer pi that reach further tools: scripts, a search that loads what it finds, and everything of MCP servers,
 * which pi keeps for these two next to any list of tools.
 */
const REACHING_FURTHER = [
  'codemode',
  'tool_search',
  'mcp__*',
  'list_mcp_resources',
  'list_mcp_resource_templates',
  'read_mcp_resource',
];

/** What pi has to be told to leave out, so that a list of tools is complete. A pi that knows none of it ignores it. */
export function leftOut(tools: readonly string[]): readonly string[] {
  if (tools.length === 0) return []; // no tools at all, which pi understands
  const named = tools.map((tool) => tool.replace(/^\+/, ''));
  return REACHING_FURTHER.filter(
    (name) =>
      !named.some((tool) => tool === name || tool === '*' || (name === 'mcp__*' && tool.startsWith('mcp__'))),
  );
}

/** What a session works with; undefined leaves the choice to pi. */
interface Equipment {
  readonly tools: readonly string[] | undefined;
  /** Files of the extensions that the session gets from the gateway. */
  readonly extensions: readonly string[];
}

/** A task can tell how far it is; a chat shows its work on its own. The tools of the session win over the general ones. */
export function equipmentOf(
  { kind, tools: own, resumes }: Pick<ConversationSpec, 'kind' | 'tools' | 'resumes'>,
  options: {
    readonly tools?: readonly string[];
    readonly taskExtension?: string;
    readonly filesExtension?: string;
    readonly approvalsExtension?: string;
    readonly spendingExtension?: string;
    readonly resumeExtension?: string;
  },
): Equipment {
  const { taskExtension, filesExtension, approvalsExtension, spendingExtension, resumeExtension } = options;
  const tools = own ?? options.tools;
  const resume = resumes === true ? resumeExtension : undefined;
  // A call is in the copy of the session file before anyone is asked about it.
  const guard = [filesExtension, approvalsExtension, spendingExtension, resume].filter(
    (each) => each !== undefined,
  );
  if (kind !== 'task' || taskExtension === undefined) return { tools, extensions: guard };
  // A configured list of tools is complete: what is not on it does not exist.
  return {
    tools: tools === undefined ? undefined : [...tools, PROGRESS_TOOL],
    extensions: [...guard, taskExtension],
  };
}
