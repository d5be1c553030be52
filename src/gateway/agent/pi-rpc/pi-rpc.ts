import { systemClock } from '../../clock.ts';
import type { Agent } from '../agent.ts';
import type { ModelChoice } from '../pi/backend.ts';
import { ALIVE_MS } from '../pi/backend.ts';
import { PiAgent, type PiAgentParts } from '../pi/pi-agent.ts';
import { onePlace } from '../pi/place.ts';
import { Seats } from '../pi/seats.ts';
import { AgentHosts } from './agent-hosts.ts';
import { placesFolder, sharesFiles } from './command-line.ts';
import type { PiRpcAgentOptions } from './options.ts';
import { hostSharesFiles, Starter } from './starter.ts';

export type { AgentHost, PiRpcAgentOptions } from './options.ts';

const START_TIMEOUT_MS = 20_000;
const RUNG_MS = 5000;
/** Questions beside conversations at the same time. */
const ASIDES = 2;

/** pi over its RPC mode: one child process for each active session. */
export function createPiRpcAgent(options: PiRpcAgentOptions): Agent {
  return new PiAgent(piRpcParts(options));
}

export function piRpcParts(options: PiRpcAgentOptions): PiAgentParts {
  const env = options.env ?? process.env;
  const rungMs = options.rungMs ?? RUNG_MS;
  const log = options.log.child('pi-rpc');
  const defaults: ModelChoice = { model: options.model, thinking: options.thinking };
  const starter = new Starter({ ...options, env, rungMs, log });
  const common = {
    defaults,
    rungMs,
    startTimeoutMs: options.startTimeoutMs ?? START_TIMEOUT_MS,
    aliveMs: options.aliveMs ?? ALIVE_MS,
    guard: options.approvalsExtension !== undefined,
    log,
  };

  if (options.pool !== undefined && options.pool.length > 0) {
    const hosts = new AgentHosts({
      hosts: options.pool.map((host) => starter.host(host)),
      idleMs: options.idleMs,
      asides: ASIDES,
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
      place: onePlace(new Seats(options.maxChildren, options.idleMs), only.connect, local),
      placeAside: onePlace(new Seats(ASIDES, options.idleMs), only.connect, local),
    },
    check: only.check,
    words: (cwd, signal) => starter.words(cwd, signal),
    sharesFiles: options.sharesFiles ?? sharesFiles(options.command ?? []),
    release: () => only.close(),
  };
}
