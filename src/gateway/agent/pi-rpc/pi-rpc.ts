import { mkdirSync } from 'node:fs';
import type { Logger } from '../../log.ts';
import type { Agent, AgentCheck, ConversationSpec } from '../agent.ts';
import type { ModelChoice } from '../pi/backend.ts';
import { equipmentOf } from '../pi/equipment.ts';
import { startFailure } from '../pi/failures.ts';
import type { LinkEnd, PiLink } from '../pi/link.ts';
import { PiAgent } from '../pi/pi-agent.ts';
import { Seats } from '../pi/seats.ts';
import { sessionFileFor } from '../pi/session-file.ts';
import { checkPi } from './check.ts';
import { type PiCommand, resolvePiCommand } from './command.ts';
import { MissingLink } from './missing-link.ts';
import { RpcLink } from './rpc-link.ts';
import { type ChildKind, Spare } from './spare.ts';
import { piWords } from './words.ts';

export interface PiRpcAgentOptions {
  /** Argv of a program that takes pi's flags. Default: the `pi` on PATH, else the one installed with the gateway. */
  readonly command?: readonly string[];
  /** Where `check` runs; conversations bring their own working folder. */
  readonly cwd: string;
  /** Folder of pi's session files. */
  readonly sessionDir: string;
  readonly model?: string;
  readonly thinking?: string;
  /** Names of the tools that pi may use. Default: pi's own choice. */
  readonly tools?: readonly string[];
  /** File of a pi extension that background tasks get: it brings the `report_progress` tool. Default: none. */
  readonly taskExtension?: string;
  /** Live pi processes at the same time; further turns wait, first come, first served. */
  readonly maxChildren: number;
  /**
   * Keeps one more child ready, so that the next session need not wait for a process to start. It is started after a
   * session was, and stopped when none followed for `idleMs`. Default: true; never with a single child.
   */
  readonly spare?: boolean;
  /** A child without work is stopped after this many milliseconds. */
  readonly idleMs: number;
  /** Default: 20 000. */
  readonly startTimeoutMs?: number;
  /** Between two rungs of the ending ladder (abort, terminate, kill). Default: 5000. */
  readonly rungMs?: number;
  readonly log: Logger;
  /** Surroundings of the children. Default: those of the gateway. Our own secrets are always left out. */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * File of the pi extension that asks before every tool call. Given: approvals are on, and a session that does not
   * load it is not used. Default: none.
   */
  readonly approvalsExtension?: string;
}

const START_TIMEOUT_MS = 20_000;
const RUNG_MS = 5000;
const SETTLE_IN_MS = 1500;
/** Questions beside conversations at the same time. */
const ASIDES = 2;

/** pi over its RPC mode: one child process for each active session. */
export function createPiRpcAgent(options: PiRpcAgentOptions): Agent {
  const env = options.env ?? process.env;
  const rungMs = options.rungMs ?? RUNG_MS;
  const log = options.log.child('pi-rpc');
  const modelOf = (choice: ModelChoice): string[] => [
    ...(choice.model === undefined ? [] : ['--model', choice.model]),
    ...(choice.thinking === undefined ? [] : ['--thinking', choice.thinking]),
  ];
  const defaults: ModelChoice = { model: options.model, thinking: options.thinking };

  // Resolved each time: pi may be installed while the gateway runs.
  const resolve = (): PiCommand | undefined => resolvePiCommand(options.command, env);

  const start = (kind: ChildKind, session: readonly string[]): RpcLink | undefined => {
    const command = resolve();
    if (command === undefined) return undefined;
    const argv: [string, ...string[]] = [...command.argv, '--mode', 'rpc', ...session, ...kind.flags];
    return new RpcLink({ argv, cwd: kind.cwd, env, rungMs, log });
  };
  const spare = new Spare({ start: (kind) => start(kind, ['--no-session']), idleMs: options.idleMs });

  const connect = (spec: ConversationSpec, choice: ModelChoice): PiLink => {
    mkdirSync(options.sessionDir, { recursive: true, mode: 0o700 });
    const file = spec.sessionFile ?? sessionFileFor(options.sessionDir, spec.id);
    const { tools, extensions } = equipmentOf(spec, options);
    const kind: ChildKind = {
      cwd: spec.cwd,
      flags: [
        ...modelOf(choice),
        ...(tools === undefined ? [] : tools.length === 0 ? ['--no-tools'] : ['--tools', tools.join(',')]),
        ...extensions.flatMap((file) => ['--extension', file]),
        ...(spec.systemPrompt === undefined ? [] : ['--append-system-prompt', spec.systemPrompt]),
      ],
    };
    const waiting = spare.take(kind);
    waiting?.adopt(file);
    const link = waiting ?? start(kind, ['--session-dir', options.sessionDir, '--session', file]);
    if (link === undefined) return new MissingLink(NOT_FOUND);
    if (options.spare !== false && options.maxChildren > 1) prepareLater(link, () => spare.prepare(kind));
    return link;
  };

  const check = async (signal: AbortSignal): Promise<AgentCheck> => {
    const command = resolve();
    if (command === undefined) {
      const end = startFailure(NOT_FOUND);
      return {
        ok: false,
        detail: 'pi is not installed.',
        ...(end.status === 'failed' && { hint: end.hint }),
      };
    }
    return await checkPi(
      { argv: command.argv, modelFlags: modelOf(defaults), cwd: options.cwd, env, log },
      signal,
    );
  };

  return new PiAgent({
    backend: 'pi-rpc',
    sessions: {
      seats: new Seats(options.maxChildren, options.idleMs),
      asideSeats: new Seats(ASIDES, options.idleMs),
      defaults,
      rungMs,
      startTimeoutMs: options.startTimeoutMs ?? START_TIMEOUT_MS,
      guard: options.approvalsExtension !== undefined,
      log,
      connect,
    },
    check,
    words: async (cwd, signal) => {
      const link = start({ cwd, flags: [] }, ['--no-session']);
      return link === undefined ? [] : await piWords(link, signal);
    },
    release: () => spare.close(),
  });
}

const NOT_FOUND: LinkEnd = { cause: 'missing', detail: 'No "pi" was found on the PATH.', stderr: '' };

/** A spare must not compete with the session that somebody waits for: it is started when that one has settled in. */
function prepareLater(link: PiLink, prepare: () => void): void {
  const timer = setTimeout(prepare, SETTLE_IN_MS);
  timer.unref();
  void link.ended.then(() => clearTimeout(timer));
}
