import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { systemClock } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import type { Logger } from '../../base/log.ts';
import type { Agent, AgentCheck, AgentWord, ConversationSpec } from '../../gateway/agent/agent.ts';
import {
  commandLine,
  placesFolder,
  resolvePiCommand,
  sessionFileFor,
  sharesFiles,
} from '../../gateway/agent/pi-files.ts';
import {
  ALIVE_MS,
  type Connect,
  equipmentOf,
  LINK_BEAT,
  type LinkEnd,
  MissingLink,
  type ModelChoice,
  onePlace,
  type PiLink,
  Pool,
  START_TIMEOUT_MS,
} from '../pi/backend.ts';
import { piWords, RpcLink } from '../pi/child.ts';
import { startFailure } from '../pi/failures.ts';
import { PiAgent, type PiAgentParts } from '../pi/pi-agent.ts';
import { type AgentHostSpec, AgentHosts } from './agent-hosts.ts';
import type { AgentHost, PiRpcAgentOptions } from './check.ts';
import { checkPi, guardFlags, modelFlags, probeIn, toolFlags } from './check.ts';

/** What a child is started with; children of one kind can take any session of it. */
interface ChildKind {
  readonly cwd: string;
  readonly flags: readonly string[];
}

interface SpareOptions {
  /** Starts a child without a session. */
  readonly start: (kind: ChildKind) => RpcLink | undefined;
  /** A spare that no one has needed for this many milliseconds is stopped. */
  readonly idleMs: number;
}

interface Waiting {
  readonly kind: string;
  readonly link: RpcLink;
  ready: boolean;
}

/** One child that is started ahead of the next session, which then need not wait for a process to start. */
class Spare {
  readonly #options: SpareOptions;
  #waiting: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SpareOptions) {
    this.#options = options;
  }

  /** A child of the kind that has answered already; undefined when there is none. */
  take(kind: ChildKind): RpcLink | undefined {
    const waiting = this.#waiting;
    if (waiting === undefined || !waiting.ready || waiting.kind !== keyOf(kind)) return undefined;
    this.#forget(waiting);
    return waiting.link;
  }

  /** Sees to it that a child waits. One of another kind stays until it is taken or has waited too long. */
  prepare(kind: ChildKind): void {
    if (this.#closed) return;
    if (this.#waiting === undefined) this.#start(kind);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#drop(), this.#options.idleMs);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
  }

  #start(kind: ChildKind): void {
    const link = this.#options.start(kind);
    if (link === undefined) return;
    const waiting: Waiting = { kind: keyOf(kind), link, ready: false };
    this.#waiting = waiting;
    void waiting.link.ended.then(() => this.#forget(waiting));
    waiting.link.request({ type: 'get_state' }).then(
      () => {
        waiting.ready = true;
      },
      // A session that starts on its own will tell what is wrong.
      () => void waiting.link.close(),
    );
  }

  #forget(waiting: Waiting): void {
    if (this.#waiting !== waiting) return;
    this.#waiting = undefined;
    clearTimeout(this.#timer);
  }

  async #drop(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#forget(waiting);
    await waiting.link.close();
  }
}

function keyOf(kind: ChildKind): string {
  return JSON.stringify([kind.cwd, ...kind.flags]);
}

function hostSharesFiles(host: AgentHost): boolean {
  return host.sharesFiles ?? sharesFiles(host.command);
}

interface StarterOptions extends PiRpcAgentOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly graceMs: number;
  readonly log: Logger;
}

/** How sessions are started in one place. */
interface Site {
  /** Resolved each time: pi may be installed while the gateway is running. */
  readonly command: () => readonly [string, ...string[]] | undefined;
  readonly sessionDir: string;
  readonly sharesFiles: boolean;
  /** The command sees to the directory; it need not be one of this machine. */
  readonly placesFolder: boolean;
  /** See {@link RpcLinkOptions.near}: no command stands between. */
  readonly near: boolean;
  readonly spare: Spare | undefined;
}

const SETTLE_IN_MS = 1500;

/** Starts pi's processes, by a command of this machine or of a host. */
class Starter {
  readonly #options: StarterOptions;

  constructor(options: StarterOptions) {
    this.#options = options;
  }

  /** The one place of an agent without a pool, with a spare child. */
  only(): { connect: Connect; check(signal: AbortSignal): Promise<AgentCheck>; close(): Promise<void> } {
    const { command, spare: wanted, maxChildren, idleMs, sharesFiles: shares } = this.#options;
    const kept = wanted !== false && maxChildren > 1 && !hasPlaceholder(command ?? []);
    const spare = kept
      ? new Spare({ start: (kind) => this.#start(site, kind, 'spare', ['--no-session']), idleMs })
      : undefined;
    const site: Site = {
      command: () => resolvePiCommand(command, this.#options.env)?.argv,
      sessionDir: this.#options.sessionDir,
      sharesFiles: shares ?? sharesFiles(command ?? []),
      placesFolder: placesFolder(command ?? []),
      near: command === undefined,
      spare,
    };
    return {
      connect: (spec, choice) => this.#connect(site, spec, choice),
      check: (signal) => this.#check(site, signal),
      close: async () => spare?.close(),
    };
  }

  /** A host of a pool. */
  host(host: AgentHost): AgentHostSpec {
    const site = this.#siteOf(host);
    return {
      name: host.name,
      maxConcurrent: host.maxConcurrent,
      weight: host.weight ?? 1,
      localFolder: !site.placesFolder,
      connect: (spec, choice) => this.#connect(site, spec, choice),
      sessionDir: site.sessionDir,
      check: (signal) => this.#check(site, signal),
    };
  }

  /** The words of pi in a directory; of the pool's host of that name. */
  async words(cwd: string, signal: AbortSignal, hostName?: string): Promise<readonly AgentWord[]> {
    const { pool, command, env, sessionDir } = this.#options;
    const host = pool?.find(({ name }) => name === hostName);
    const site: Site =
      host === undefined
        ? {
            command: () => resolvePiCommand(command, env)?.argv,
            sessionDir,
            sharesFiles: true,
            placesFolder: placesFolder(command ?? []),
            near: command === undefined,
            spare: undefined,
          }
        : this.#siteOf(host);
    const link = this.#start(site, { cwd, flags: [] }, 'words', ['--no-session']);
    return link === undefined ? [] : await piWords(link, signal);
  }

  #siteOf(host: AgentHost): Site {
    return {
      command: () => host.command,
      sessionDir: host.sessionDir ?? this.#options.sessionDir,
      sharesFiles: hostSharesFiles(host),
      placesFolder: placesFolder(host.command),
      near: false,
      spare: undefined,
    };
  }

  #connect(site: Site, spec: ConversationSpec, choice: ModelChoice): PiLink {
    const { sessionDir, spare } = site;
    if (site.sharesFiles) mkdirSync(sessionDir, { recursive: true, mode: 0o700 });
    const file = spec.sessionFile ?? sessionFileFor(sessionDir, spec.id);
    const { tools, extensions } = equipmentOf(spec, this.#options);
    const kind: ChildKind = {
      cwd: spec.cwd,
      flags: [
        ...modelFlags(choice),
        ...toolFlags(tools),
        ...extensions.flatMap((path) => ['--extension', path]),
        ...(spec.systemPrompt === undefined ? [] : ['--append-system-prompt', spec.systemPrompt]),
      ],
    };
    const waiting = spare?.take(kind);
    waiting?.adopt(file);
    // Where the gateway has the file, it is made ready before pi opens it.
    const session =
      this.#options.copies === undefined
        ? ['--session-dir', sessionDir, '--session', file]
        : ['--session-dir', sessionDir, '--no-session'];
    const link = waiting ?? this.#start(site, kind, spec.id, session, file);
    if (link === undefined) return new MissingLink(NOT_FOUND);
    if (spare !== undefined && spec.resumes !== true) prepareLater(link, () => spare.prepare(kind));
    return link;
  }

  #start(
    site: Site,
    kind: ChildKind,
    id: string,
    session: readonly string[],
    file = sessionFileFor(site.sessionDir, id),
  ): RpcLink | undefined {
    const command = site.command();
    if (command === undefined) return undefined;
    const { env, graceMs, log } = this.#options;
    const argv = commandLine(
      command,
      { cwd: kind.cwd, session: file, sessionDir: site.sessionDir, id },
      { mode: ['--mode', 'rpc'], session, flags: kind.flags },
    );
    return new RpcLink({ argv, cwd: this.#folder(site, kind.cwd), env, graceMs, near: site.near, log });
  }

  async #check(site: Site, signal: AbortSignal): Promise<AgentCheck> {
    const command = site.command();
    if (command === undefined) {
      const end = startFailure(NOT_FOUND);
      return {
        ok: false,
        detail: 'pi is not installed.',
        ...(end.status === 'failed' && { hint: end.hint }),
      };
    }
    // A sandbox binds the directory into itself.
    if (site.sharesFiles) mkdirSync(site.sessionDir, { recursive: true, mode: 0o700 });
    const { cwd, env, log, model, thinking, startTimeoutMs } = this.#options;
    const { approvalsExtension, spendingExtension } = this.#options;
    const guards = guardFlags(this.#options);
    const { sharedSessions: shared, copies, sessionDir: ours } = this.#options;
    const probe =
      copies !== undefined ? probeIn(ours, cwd) : shared === true ? probeIn(site.sessionDir, cwd) : undefined;
    const session = copies === undefined && probe ? probe : sessionFileFor(site.sessionDir, 'check');
    const values = { cwd, session, sessionDir: site.sessionDir };
    const opens =
      probe === undefined || copies !== undefined
        ? ['--no-session']
        : ['--session-dir', site.sessionDir, '--session', probe];
    const line = (mode: readonly string[], session: readonly string[]): [string, ...string[]] =>
      commandLine(command, { ...values, id: 'check' }, { mode, session, flags: [] });
    return await checkPi(
      {
        argv: line(['--mode', 'rpc', ...modelFlags({ model, thinking }), ...guards], opens),
        versionArgv: line(['--version'], []),
        cwd: this.#folder(site, cwd),
        env,
        guard: approvalsExtension !== undefined,
        limited: spendingExtension !== undefined,
        ...defined({ startTimeoutMs, probe }),
        ...(copies === undefined ? {} : { carried: { copies, directory: site.sessionDir } }),
        log,
      },
      signal,
    );
  }

  /** A directory that only the peer knows is no place to start a process of this machine. */
  #folder(site: Site, cwd: string): string {
    return site.placesFolder ? homedir() : cwd;
  }
}

const NOT_FOUND: LinkEnd = { cause: 'missing', detail: 'No "pi" was found on the PATH.', stderr: '' };

function hasPlaceholder(command: readonly string[]): boolean {
  return command.some((part) => /\{(cwd|session|sessionDir|id)(:q)?\}/.test(part));
}

/** A spare must not compete with the session that someone waits for: it is started when that one has settled in. */
function prepareLater(link: PiLink, prepare: () => void): void {
  const timer = setTimeout(prepare, SETTLE_IN_MS);
  timer.unref();
  void link.ended.then(() => clearTimeout(timer));
}

export type { AgentHost, PiRpcAgentOptions } from './check.ts';

const GRACE_MS = 5000;
/** Questions next to conversations at the same time. */
const SIDE_QUESTIONS = 2;

/** pi over its RPC mode: one child process for each active session. */
export function createPiRpcAgent(options: PiRpcAgentOptions): Agent {
  return new PiAgent(piRpcParts(options));
}

export function piRpcParts(options: PiRpcAgentOptions): PiAgentParts {
  const env = options.env ?? process.env;
  const graceMs = options.graceMs ?? GRACE_MS;
  const log = options.log.child('pi-rpc');
  const defaults: ModelChoice = { model: options.model, thinking: options.thinking };
  const starter = new Starter({ ...options, env, graceMs, log });
  const common = {
    defaults,
    graceMs,
    startTimeoutMs: options.startTimeoutMs ?? START_TIMEOUT_MS,
    aliveMs: options.aliveMs ?? ALIVE_MS,
    beat: options.beat ?? LINK_BEAT,
    guard: options.approvalsExtension !== undefined,
    limited: options.spendingExtension !== undefined,
    moves:
      (options.sharedSessions === true || options.copies !== undefined) && (options.pool?.length ?? 0) > 0,
    copies: options.copies,
    resumes: options.resumeExtension !== undefined,
    log,
  };

  if (options.pool !== undefined && options.pool.length > 0) {
    const hosts = new AgentHosts({
      hosts: options.pool.map((host) => starter.host(host)),
      idleMs: options.idleMs,
      sideQuestions: SIDE_QUESTIONS,
      movingDir: common.moves ? options.sessionDir : undefined,
      clock: options.clock ?? systemClock,
    });
    return {
      backend: 'pi-rpc',
      sessions: { ...common, place: hosts.place, placeAside: hosts.placeAside },
      check: (signal) => hosts.check(signal),
      words: (cwd, signal) => starter.words(cwd, signal, hosts.any()),
      sharesFiles: options.pool.every((host) => hostSharesFiles(host)),
      hosts,
      release: async () => hosts.close(),
    };
  }

  const only = starter.only();
  const local = options.command === undefined || !placesFolder(options.command);
  return {
    backend: 'pi-rpc',
    sessions: {
      ...common,
      place: onePlace(new Pool(options.maxChildren, options.idleMs), only.connect, local),
      placeAside: onePlace(new Pool(SIDE_QUESTIONS, options.idleMs), only.connect, local),
    },
    check: only.check,
    words: (cwd, signal) => starter.words(cwd, signal),
    sharesFiles: options.sharesFiles ?? sharesFiles(options.command ?? []),
    release: () => only.close(),
  };
}
