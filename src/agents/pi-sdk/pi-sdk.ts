import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defined } from '../../base/defined.ts';
import type { Logger } from '../../base/log.ts';
import type { Agent, ConversationSpec } from '../../gateway/agent/agent.ts';
import type { PiRecord } from '../../gateway/agent/pi-files.ts';
import { type PiPackage, piPackage, sessionFileFor } from '../../gateway/agent/pi-files.ts';
import {
  ALIVE_MS,
  equipmentOf,
  LINK_BEAT,
  type LinkEnd,
  type ModelChoice,
  onePlace,
  type PiLink,
  Pool,
  START_TIMEOUT_MS,
} from '../pi/backend.ts';
import { PendingRequests, piWords, RpcLink } from '../pi/child.ts';
import { PiAgent, type PiAgentParts } from '../pi/pi-agent.ts';
import { checkPi, guardFlags, modelFlags } from '../pi-rpc/check.ts';
import type { OpenSession } from './host-process.ts';
import { type HostOptions, HostProcess } from './host-process.ts';

/** A pi session inside a host process. */
class SdkLink implements PiLink {
  readonly ended: Promise<LinkEnd>;
  readonly #host: HostProcess;
  readonly #link: string;
  readonly #requests = new PendingRequests();
  readonly #end = Promise.withResolvers<LinkEnd>();
  readonly #graceMs: number;
  #listener: (record: PiRecord) => unknown = () => {};
  #heard = 0;

  /** `name` is our session id. */
  constructor(host: HostProcess, name: string, session: OpenSession, graceMs: number) {
    this.#host = host;
    this.#graceMs = graceMs;
    this.ended = this.#end.promise;
    this.#link = host.add({
      name,
      take: (record) => {
        this.#heard++;
        if (!this.#requests.take(record)) this.#listener(record);
      },
      gone: (end) => this.#gone(end),
    });
    host.send({ type: 'open', link: this.#link, session });
  }

  get mark(): string {
    return this.#host.mark;
  }

  get heard(): number {
    return this.#heard;
  }

  /** It stays on this machine. */
  get unanswered(): number {
    return 0;
  }

  /** The host is watched as a whole. */
  giveUp(): void {}

  request(command: PiRecord): Promise<unknown> {
    return this.#requests.open(command, (numbered) => this.send(numbered));
  }

  send(record: PiRecord): void {
    this.#host.send({ type: 'to', link: this.#link, record });
  }

  listen(listener: (record: PiRecord) => unknown): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#host.send({ type: 'close', link: this.#link });
    const timers = [
      setTimeout(() => this.terminate(), this.#graceMs),
      setTimeout(() => this.kill(), 2 * this.#graceMs),
    ];
    await this.ended;
    for (const timer of timers) clearTimeout(timer);
  }

  terminate(): void {
    this.#host.send({ type: 'drop', link: this.#link });
  }

  /** Others live in the same process, so it is left to the host's own watch; this session is given up. */
  kill(): void {
    this.terminate();
    this.#host.remove(this.#link);
    this.#gone({ cause: 'exited', detail: 'stopped', stderr: '' });
  }

  #gone(end: LinkEnd): void {
    this.#requests.close(end);
    this.#end.resolve(end);
  }
}

interface HostPoolOptions extends HostOptions {
  /** Host processes at the same time. */
  readonly hosts: number;
  /** A host without sessions is ended after this many milliseconds. */
  readonly idleMs: number;
  /** Our id of the session that has most likely taken its host down. */
  readonly crashed?: (session: string) => void;
}

/** Starts hosts when they are needed, spreads sessions over them, and replaces those that died. */
class HostPool {
  readonly #options: HostPoolOptions;
  /** With the person whose sessions alone it takes; undefined: everyone's. */
  readonly #hosts = new Map<HostProcess, string | undefined>();
  #idle: NodeJS.Timeout | undefined;

  constructor(options: HostPoolOptions) {
    this.#options = options;
  }

  /**
   * The host for the next session: the emptiest, or a new one while there may be more. With `person` it takes sessions of
   * that person only, and there is one for each person.
   */
  pick(person?: string): HostProcess {
    clearTimeout(this.#idle);
    const own = [...this.#hosts].filter(([, of]) => of === person).map(([host]) => host);
    const emptiest = own.sort((a, b) => a.load - b.load)[0];
    const most = person === undefined ? this.#options.hosts : 1;
    if (emptiest !== undefined && (emptiest.load === 0 || own.length >= most)) return emptiest;
    const host = new HostProcess(this.#options);
    this.#hosts.set(host, person);
    void host.culprit.then((session) => {
      if (session !== undefined && this.#hosts.has(host)) this.#options.crashed?.(session);
    });
    void host.ended.then((end) => {
      if (this.#hosts.delete(host))
        this.#options.log.warn('the agent host ended; the next message starts another', {
          detail: end.detail,
        });
    });
    return host;
  }

  /** To be called when a session has ended. */
  released(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      for (const host of this.#hosts.keys()) if (host.load === 0) void this.#end(host);
    }, this.#options.idleMs);
    this.#idle.unref();
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await Promise.all([...this.#hosts.keys()].map((host) => this.#end(host)));
  }

  async #end(host: HostProcess): Promise<void> {
    this.#hosts.delete(host);
    await host.close();
  }
}

export interface PiSdkAgentOptions {
  /** Where `check` runs; conversations bring their own working directory. */
  readonly cwd: string;
  /** Directory of pi's session files. */
  readonly sessionDir: string;
  readonly model?: string;
  readonly thinking?: string;
  /** Names of the tools that pi may use. Default: pi's own choice. */
  readonly tools?: readonly string[];
  /** File of a pi extension that background tasks get: it brings the `report_progress` tool. Default: none. */
  readonly taskExtension?: string;
  /** The pi package to use; asked at each start. Default: that of the `pi` on PATH, else of one installed with the gateway. */
  readonly pi?: () => PiPackage | undefined;
  /** `person`: sessions of different people never share a host. Default: `shared`. */
  readonly isolation?: 'shared' | 'person' | 'session';
  /** See {@link HostPoolOptions.crashed}. */
  readonly crashed?: (session: string) => void;
  /** Host processes; sessions are spread over them. Default: one a core. */
  readonly hosts?: number;
  /** Live sessions at the same time; further turns wait, first come, first served. Default: 1000. */
  readonly maxSessions?: number;
  /** A session without work is put away after this many milliseconds, and a host without sessions as well. */
  readonly idleMs: number;
  /** Default: 20 000. */
  readonly startTimeoutMs?: number;
  /** Between two steps of ending a process (abort, drop, give up). Default: 5000. */
  readonly graceMs?: number;
  /** Between two heartbeat of a turn that has nothing to show. Default: 60 000. */
  readonly aliveMs?: number;
  /** A host that gives no heartbeat for this long is reported as blocked. Default: 5000. */
  readonly blockedMs?: number;
  /** A host that gives no heartbeat for this long is ended and replaced. Default: 30 000. */
  readonly deadMs?: number;
  readonly log: Logger;
  /** Surroundings of the hosts. Default: those of the gateway. Our own secrets are always left out. */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * File of the pi extension that asks before every tool call. Given: approvals are on, and a session that does not
   * load it is not used. Default: none.
   */
  readonly approvalsExtension?: string;
  /**
   * File of the pi extension that reserves every call of a model. Given: spending limits are set, and a session that does
   * not reserve its calls is not used. Default: none.
   */
  readonly spendingExtension?: string;
  /** File of the pi extension by which a turn that was cut off is continued. Default: none, and no turn is. */
  readonly resumeExtension?: string;
}

const DEFAULTS = {
  maxSessions: 1000,
  startTimeoutMs: START_TIMEOUT_MS,
  graceMs: 5000,
  blockedMs: 5000,
  deadMs: 30_000,
} as const;

/** Questions next to conversations at the same time. */
const SIDE_QUESTIONS = 20;

/** pi over its SDK: many sessions in one process (or a few) next to the gateway. */
export function createPiSdkAgent(options: PiSdkAgentOptions): Agent {
  return new PiAgent(piSdkParts(options));
}

export function piSdkParts(options: PiSdkAgentOptions): PiAgentParts {
  const all = { ...DEFAULTS, hosts: availableParallelism(), ...options };
  // A proxy counts for the SDK as it does for pi's own program.
  const env = { NODE_USE_ENV_PROXY: '1', ...(options.env ?? process.env) };
  const log = options.log.child('pi-sdk');
  const defaults: ModelChoice = { model: options.model, thinking: options.thinking };
  const pi = options.pi ?? (() => piPackage(env));
  const hosts = new HostPool({ ...all, pi: () => pi()?.directory, cwd: options.sessionDir, env, log });
  const personOf = ({ id, person }: ConversationSpec): string | undefined =>
    options.isolation === 'session' ? id : options.isolation === 'person' ? (person ?? id) : undefined;

  const connect = (spec: ConversationSpec, choice: ModelChoice): PiLink => {
    mkdirSync(options.sessionDir, { recursive: true, mode: 0o700 });
    // The host guards the models of its sessions itself: they go on sharing what they have in common.
    const { spendingExtension, ...others } = options;
    const { tools, extensions } = equipmentOf(spec, others);
    const session = {
      cwd: spec.cwd,
      sessionDir: options.sessionDir,
      sessionFile: spec.sessionFile ?? sessionFileFor(options.sessionDir, spec.id),
      ...defined({ model: choice.model, thinking: choice.thinking }),
      ...(spendingExtension === undefined ? {} : { limited: true as const }),
      ...defined({ tools }),
      ...(extensions.length === 0 ? {} : { extensions }),
      ...defined({ systemPrompt: spec.systemPrompt }),
    };
    const link = new SdkLink(hosts.pick(personOf(spec)), spec.id, session, all.graceMs);
    void link.ended.then(() => hosts.released());
    return link;
  };

  return {
    backend: 'pi-sdk',
    sessions: {
      place: onePlace(new Pool(all.maxSessions, all.idleMs), connect),
      placeAside: onePlace(new Pool(SIDE_QUESTIONS, all.idleMs), connect),
      defaults,
      startTimeoutMs: all.startTimeoutMs,
      graceMs: all.graceMs,
      aliveMs: options.aliveMs ?? ALIVE_MS,
      beat: LINK_BEAT,
      guard: options.approvalsExtension !== undefined,
      limited: options.spendingExtension !== undefined,
      moves: false,
      resumes: options.resumeExtension !== undefined,
      log,
    },
    check: async (signal) => {
      const cli = pi()?.cli;
      if (cli === undefined)
        return {
          ok: false,
          detail: 'No pi package was found: the backend pi-sdk loads it into a process of the gateway.',
          hint: 'Install pi (npm install -g @earendil-works/pi-coding-agent), or set agent.backend to "pi-rpc".',
        };
      return await checkPi(
        {
          argv: [
            process.execPath,
            cli,
            '--mode',
            'rpc',
            '--no-session',
            ...modelFlags(defaults),
            ...guardFlags(options),
          ],
          versionArgv: [process.execPath, cli, '--version'],
          cwd: options.cwd,
          env,
          guard: options.approvalsExtension !== undefined,
          limited: options.spendingExtension !== undefined,
          log,
        },
        signal,
      );
    },
    words: async (cwd, signal) => {
      const cli = pi()?.cli;
      if (cli === undefined) return [];
      const argv: [string, ...string[]] = [process.execPath, cli, '--mode', 'rpc', '--no-session'];
      return await piWords(new RpcLink({ argv, cwd, env, graceMs: all.graceMs, log }), signal);
    },
    release: () => hosts.close(),
  };
}
