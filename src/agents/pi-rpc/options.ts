import type { Clock } from '../../base/async.ts';
import type { Logger } from '../../base/log.ts';
import type { SessionCopies } from '../../store/session-copies.ts';
import type { LinkBeat } from '../pi/link.ts';

/** One host of a pool. */
export interface AgentHost {
  readonly name: string;
  /** Argv that speaks pi's RPC on stdio; with the placeholders of `command`. */
  readonly command: readonly [string, ...string[]];
  readonly maxConcurrent: number;
  /** How much of the new sessions it gets, compared with the others. Default: 1. */
  readonly weight?: number;
  /** Directory of its session files, as the host sees it. Default: that of the gateway, under the same path. */
  readonly sessionDir?: string;
  /** See {@link Agent.sharesFiles}. Default: by the name of the command's program. */
  readonly sharesFiles?: boolean;
}

export interface PiRpcAgentOptions {
  /** Argv of a program that takes pi's flags. Default: the `pi` on PATH, else the one installed with the gateway. */
  readonly command?: readonly string[];
  /** A pool of such programs instead of one; see {@link AgentHost}. `command` and `maxChildren` do not count then. */
  readonly pool?: readonly AgentHost[];
  /** `sessionDir` is on storage that this machine and all hosts of the pool share: sessions move. Default: false. */
  readonly sharedSessions?: boolean;
  /** Copies of the session files of the hosts, in `sessionDir` of this machine: sessions move. Default: none. */
  readonly copies?: SessionCopies;
  /** File of the pi extension that carries session files, where there are copies. */
  readonly filesExtension?: string;
  /** See {@link Agent.sharesFiles}. Default: by the name of the command's program. */
  readonly sharesFiles?: boolean;
  /** For the pauses of hosts that failed. Default: the system's. */
  readonly clock?: Clock;
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
  /** Between two steps of ending a process (abort, terminate, kill). Default: 5000. */
  readonly graceMs?: number;
  /** Between two heartbeat of a turn that is waiting for its place or its start. Default: 60 000. */
  readonly aliveMs?: number;
  /** How the way to pi is watched while it is used. Default: given up after 24 s without any answer. */
  readonly beat?: LinkBeat;
  readonly log: Logger;
  /** Surroundings of the children. Default: those of the gateway. Our own secrets are always left out. */
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
