import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type Clock, settlesWithin, systemClock } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { agentEnvironment } from '../../base/processes.ts';
import type { AgentCheck, TurnEnd } from '../../gateway/agent/agent.ts';
import { listAt, objectAt, sessionFileFor } from '../../gateway/agent/pi-files.ts';
import type { SessionCopies } from '../../store/session-copies.ts';
import { FileCarrier } from '../files/carrier.ts';
import { type LinkBeat, LinkLost, leftOut, START_TIMEOUT_MS } from '../pi/backend.ts';
import { RpcLink } from '../pi/child.ts';
import {
  noFolder,
  noModel,
  silentStart,
  startFailure,
  uncarried,
  unguarded,
  unlimited,
  unseenSessions,
} from '../pi/failures.ts';
import { modelName, openFile, PiDialogs } from '../pi/live-session.ts';
import { CallMeter } from '../spending/spending.ts';

/** A look waits no longer, and no shorter, whatever a start may take. */
const LIMIT_MS = { least: 10_000, most: 60_000 } as const;
const GRACE_MS = 1000;
/** pi tells its extensions of the session before it answers: this only covers a slow machine. */
const GUARD_MS = 3000;
const UNKNOWN_VERSION = '(unknown version)';

interface CheckOptions {
  /** Starts pi in RPC mode, with a session that leaves nothing. */
  readonly argv: readonly [string, ...string[]];
  /** Has pi tell its version. */
  readonly versionArgv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** What a session may take to start. Default: 20 000. */
  readonly startTimeoutMs?: number;
  /** pi has to show that it asks before every tool call. Default: false. */
  readonly guard?: boolean;
  /** pi has to show that it reserves every call of a model. Default: false. */
  readonly limited?: boolean;
  /** Session file of {@link probeIn} that pi opens; it is removed at the end. */
  readonly probe?: string;
  /** Where the host has its session files, to which the gateway has copies: the probe is brought there. */
  readonly carried?: { readonly copies: SessionCopies; readonly directory: string };
  readonly log: Logger;
}

export function modelFlags({
  model,
  thinking,
}: {
  readonly model?: string | undefined;
  readonly thinking?: string | undefined;
}): string[] {
  return [
    ...(model === undefined ? [] : ['--model', model]),
    ...(thinking === undefined ? [] : ['--thinking', thinking]),
  ];
}

export function toolFlags(tools: readonly string[] | undefined): string[] {
  if (tools === undefined) return [];
  if (tools.length === 0) return ['--no-tools'];
  const excluded = leftOut(tools);
  return [
    '--tools',
    tools.join(','),
    ...(excluded.length === 0 ? [] : ['--exclude-tools', excluded.join(',')]),
  ];
}

/** The extensions of ours without which a session is not used. */
export function guardFlags(options: {
  readonly filesExtension?: string;
  readonly approvalsExtension?: string;
  readonly spendingExtension?: string;
}): string[] {
  const { filesExtension, approvalsExtension, spendingExtension } = options;
  return [filesExtension, approvalsExtension, spendingExtension].flatMap((path) =>
    path === undefined ? [] : ['--extension', path],
  );
}

/** Starts pi once without a session and asks it for its version and model. Takes at most a minute. */
export async function checkPi(options: CheckOptions, signal: AbortSignal): Promise<AgentCheck> {
  if (!existsSync(options.cwd)) {
    removeProbe(options);
    return failed(noFolder(options.cwd), UNKNOWN_VERSION);
  }
  const { version, end } = readVersion(options);
  const link = new RpcLink({
    argv: options.argv,
    cwd: options.cwd,
    env: options.env,
    graceMs: GRACE_MS,
    log: options.log,
  });
  const dialogs = new PiDialogs(link, undefined);
  const meter = new CallMeter(link, undefined);
  const { carried, probe = '' } = options;
  const carrier =
    carried === undefined
      ? undefined
      : new FileCarrier(link, { ...carried, name: basename(probe), probe: true });
  link.listen((record) => carrier?.take(record) || meter.take(record) || dialogs.take(record));
  const startMs = options.startTimeoutMs ?? START_TIMEOUT_MS;
  // As long as today's start may take on its own, 10 s are enough to say that something is wrong.
  const limitMs = startMs <= START_TIMEOUT_MS ? LIMIT_MS.least : Math.min(startMs, LIMIT_MS.most);
  const begin = performance.now();
  let silent = false;
  const giveUp = (): void => {
    silent = true;
    // What waits in a queue takes its job back when it is asked to.
    link.terminate();
    setTimeout(() => link.kill(), GRACE_MS).unref();
  };
  const timer = setTimeout(giveUp, limitMs);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    let state = await link.request({ type: 'get_state' });
    if (options.guard && !(await settlesWithin(dialogs.guarded, GUARD_MS)))
      return failed(unguarded(), await version);
    if (options.limited && !(await settlesWithin(meter.guarded, GUARD_MS)))
      return failed(unlimited(), await version);
    if (carrier !== undefined)
      try {
        await carrier.ready(GUARD_MS);
        state = await openFile(link, carrier);
      } catch (error) {
        if (error instanceof LinkLost) throw error;
        return failed(uncarried(messageOf(error)), await version);
      }
    if (options.probe !== undefined && objectAt({ state }, 'state')['messageCount'] === 0)
      return failed(unseenSessions(dirname(options.probe)), await version);
    const available = listAt(await link.request({ type: 'get_available_models' }), 'models');
    return judge(
      modelName(objectAt(state, 'model')),
      available.flatMap((model) => modelName(model) ?? []),
      await version,
    );
  } catch (error) {
    if (!(error instanceof LinkLost)) return failed(silentStart(limitMs, String(error)), await version);
    const waitedMs = performance.now() - begin;
    if (silent && startMs > START_TIMEOUT_MS && waitedMs < startMs) return stillStarting(waitedMs, startMs);
    const end = silent ? silentStart(waitedMs, error.end.stderr) : startFailure(error.end);
    return failed(end, await version);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    end();
    void link.close().then(() => removeProbe(options));
  }
}

function removeProbe({ probe }: CheckOptions): void {
  if (probe !== undefined) rmSync(probe, { force: true });
}

/** A session of one message, by which a host shows that it sees the directory of the gateway. */
export function probeIn(sessionDir: string, cwd: string): string {
  const file = sessionFileFor(sessionDir, `check-${randomUUID()}`);
  const [timestamp, id] = [new Date(systemClock()).toISOString(), '0000c0de'];
  const message = { role: 'user', content: [{ type: 'text', text: 'check' }], timestamp: systemClock() };
  const lines = [
    { type: 'session', version: 3, id: randomUUID(), timestamp, cwd },
    { type: 'message', id, parentId: null, timestamp, message },
  ];
  mkdirSync(sessionDir, { recursive: true, mode: 0o700 });
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600, flag: 'wx' });
  return file;
}

/** It may wait in a queue: nothing is known to be wrong. */
function stillStarting(waitedMs: number, startMs: number): AgentCheck {
  return {
    ok: true,
    pending: true,
    detail: `The agent command is still starting after ${Math.round(waitedMs / 1000)} s; agent.startSeconds allows ${startMs / 1000} s.`,
    hint: 'If it waits in a queue, look there (squeue, kubectl get pods).',
  };
}

/** `available` are the models whose provider has a key or login. */
function judge(model: string | undefined, available: readonly string[], version: string): AgentCheck {
  const provider = model?.slice(0, model.indexOf('/') + 1);
  if (provider === undefined || !available.some((name) => name.startsWith(provider)))
    return failed(noModel(), version);
  const detail = `pi ${version}, model ${model}`;
  if (available.includes(model ?? '')) return { ok: true, detail };
  // pi passes unknown names of a known provider on: it may be new, or mistyped.
  return {
    ok: true,
    detail,
    hint: `pi does not list ${model}; if turns fail, choose one of "pi --list-models".`,
  };
}

function failed(end: TurnEnd, version: string): AgentCheck {
  if (end.status !== 'failed') return { ok: false, detail: end.status };
  const prefix = version === UNKNOWN_VERSION ? '' : `pi ${version}: `;
  return { ok: false, detail: `${prefix}${end.message}`, hint: end.hint };
}

/** `end`: asks the program to leave, as what waits in a queue has to be asked, and ends it soon afterwards. */
function readVersion(options: CheckOptions): { readonly version: Promise<string>; end(): void } {
  const [program, ...args] = options.versionArgv;
  const { promise: version, resolve } = Promise.withResolvers<string>();
  const child = execFile(
    program,
    args,
    {
      cwd: options.cwd,
      env: agentEnvironment(options.env, 'check'),
      maxBuffer: 64 * 1024,
    },
    (_error, stdout) => {
      clearTimeout(timer);
      resolve(/\d+\.\d+\.\d+\S*/.exec(stdout)?.[0] ?? UNKNOWN_VERSION);
    },
  );
  const end = (): void => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
  };
  const timer = setTimeout(end, LIMIT_MS.least);
  return { version, end };
}

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
