/** Gateways in other processes: finds the one of a data directory or a context, and opens the console for it. */

import { connect } from 'node:net';
import { join } from 'node:path';
import { defined } from '../base/defined.ts';
import { GatewayError, LeaderError } from '../base/errors.ts';
import { spareMemory } from '../base/memory.ts';
import { isRunning } from '../base/processes.ts';
import { closest } from '../base/text.ts';
import { type LoadedConfig, loadConfig } from '../gateway/config/load.ts';
import { resolveSecret } from '../gateway/config/secrets.ts';
import { resolveSettings } from '../gateway/config/settings.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import { findSocketPlace, type SocketPlace } from '../gateway/operator/operator-address.ts';
import { type GatewayAddress, knowsToken } from '../server/link-connection.ts';
import { attachOperator, connectOperator, type TokenSource } from '../server/remote-operator.ts';
import {
  answersAsGateway,
  type DataFolder,
  dataFolder,
  readOperatorToken,
  readRuntime,
  urlOf,
} from '../store/data-folder.ts';
import { type Arguments, consoleOptions, UsageError } from './arguments.ts';
import type { ConsoleContext } from './screens.ts';

/**
 * Where the gateway of this data directory answers, if one does. What answers on a port counts only after it has proved
 * that it holds this directory: it may be another gateway, or another program on the port of one that has crashed.
 */
export async function findGateway(
  args: Pick<Arguments, 'port' | 'host'>,
  folder: DataFolder,
): Promise<GatewayAddress | undefined> {
  if (args.port === undefined) {
    const found = await gatewayOfFolder(folder);
    if (found !== undefined) return found;
  }
  const settings = resolveSettings(
    loadConfig(folder.config).config,
    {
      ...defined({ port: args.port, host: args.host }),
    },
    process.env,
    process.cwd(),
  );
  if (settings.port === 0) return undefined;
  const url = urlOf(settings.host, settings.port);
  if (await holds(url, folder)) return url;
  if (args.port !== undefined && (await answersAsGateway(url)))
    throw new GatewayError('another_gateway', `the gateway at ${url} does not hold ${folder.root}`, {
      hint: 'Leave --port out to act on this data directory, or give the --data-dir of that gateway.',
    });
  return undefined;
}

/** The same without the configured port: only what the data directory itself says. */
export async function gatewayOfFolder(folder: DataFolder): Promise<GatewayAddress | undefined> {
  const place = findSocketPlace(join(folder.root, 'gateway'));
  if (place !== undefined && (await accepts(place))) return place;
  const runtime = readRuntime(folder);
  if (runtime === undefined) return undefined;
  const url = urlOf(runtime.host, runtime.port);
  return (await holds(url, folder)) ? url : undefined;
}

/** @throws LeaderError when a standby waits on this data directory: it carries out no commands, and none while it is frozen */
export async function refuseStandby(folder: DataFolder, waitMs = 3_000): Promise<void> {
  const runtime = readRuntime(folder);
  if (runtime === undefined || !isRunning(runtime.pid)) return;
  const reason = await standbyReason(urlOf(runtime.host, runtime.port), waitMs);
  if (reason === undefined) return;
  if (reason === 'silent')
    throw new LeaderError(
      'gateway_unreachable',
      `the gateway of this data directory (pid ${runtime.pid}) is running and does not answer`,
      {
        status: 503,
        hint: `Try again when the machine is less busy. If the process is frozen, continue it: kill -CONT ${runtime.pid}, or end it: kill -KILL ${runtime.pid}`,
      },
    );
  throw new LeaderError(
    'standby',
    `a standby is running here (pid ${runtime.pid}): ${reason.replace(/^standby: /u, '')}`,
    {
      status: 503,
      hint: `Run commands on the gateway that leads. To stop this standby, stop its service, or its process where it has none: kill ${runtime.pid}`,
    },
  );
}

/** What a standby at this address says about who leads; `silent`: something is there and says nothing. Bounded; never throws. */
async function standbyReason(url: string, waitMs: number): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(waitMs) });
    const body: unknown = await response.json();
    if (typeof body !== 'object' || body === null || !('role' in body) || body.role !== 'standby')
      return undefined;
    return 'reason' in body && typeof body.reason === 'string' ? body.reason : undefined;
  } catch (error) {
    // Else it has ended, or is something else.
    return error instanceof Error && error.name === 'TimeoutError' ? 'silent' : undefined;
  }
}

async function holds(url: string, folder: DataFolder): Promise<boolean> {
  const token = readOperatorToken(folder);
  return token !== undefined && (await knowsToken(url, token, patienceMs(folder)));
}

/** While the process that last was ready here lives, silence may only mean a busy machine. */
function patienceMs(folder: DataFolder): number {
  const pid = readRuntime(folder)?.pid;
  return pid !== undefined && isRunning(pid) ? 15_000 : 1_500;
}

/** A socket file that a crash left behind accepts no one. */
function accepts({ path }: SocketPlace): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(path);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

// Gateways by name: `contexts` in the configuration, for the console and for commands with `--context`.

type Configured = NonNullable<LoadedConfig['config']['contexts']>[number];

interface NamedGateway {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly token: TokenSource;
}

/** The gateway of `--context`. Throws a UsageError that names the known ones. */
export function gatewayNamed(name: string, folder: DataFolder): NamedGateway {
  const contexts = configured(folder);
  const found = contexts.find((each) => each.name === name);
  if (found !== undefined) return gatewayOf(found, folder);
  const names = contexts.map((each) => each.name);
  const near = closest(name, names);
  throw new UsageError(
    names.length === 0
      ? `--context ${name}: ${folder.config} names no gateway. Add it under "contexts".`
      : `--context: there is no gateway "${name}".${near === undefined ? '' : ` Did you mean ${near}?`} Known: ${names.join(', ')}.`,
  );
}

/** What a console can show besides the gateway that it was opened for. Nothing is attached before it is looked at. */
export function consoleContexts(folder: DataFolder): {
  readonly contexts: readonly ConsoleContext[];
  close(): Promise<void>;
} {
  const opened: Operator[] = [];
  const contexts = configured(folder).map((each): ConsoleContext => {
    const { name, addresses, token } = gatewayOf(each, folder);
    return {
      name,
      address: addresses.join(', '),
      open() {
        const operator = attachOperator(addresses, token);
        opened.push(operator);
        return operator;
      },
    };
  });
  return {
    contexts,
    close: async () => void (await Promise.all(opened.map((operator) => operator.close()))),
  };
}

function configured(folder: DataFolder): readonly Configured[] {
  return loadConfig(folder.config).config.contexts ?? [];
}

function gatewayOf({ name, url, token }: Configured, folder: DataFolder): NamedGateway {
  return {
    name,
    addresses: [url].flat(),
    token: token === undefined ? localToken(folder) : tokenOf(token, `contexts.${name}.token`),
  };
}

/** The token of this machine's gateway. It is only ever proved, so a foreign gateway learns nothing from it. */
function localToken(folder: DataFolder): () => string | undefined {
  // Read again for every connection: `token rotate` may have made a new one.
  return () => process.env['PI_GATEWAY_TOKEN'] ?? readOperatorToken(folder);
}

/** A command may ask a person for a passphrase: it runs once, and again only when its token was wrong. */
function tokenOf(source: string, key: string): TokenSource {
  let known: Promise<string> | undefined;
  return async (refused) => {
    if (refused) known = undefined;
    known ??= resolveSecret(source, key, process.env);
    try {
      return await known;
    } catch (error) {
      known = undefined;
      if (error instanceof GatewayError && error.code === 'secret_missing')
        throw new GatewayError(error.code, error.message, { status: 401, hint: 'Set it, then start again.' });
      throw error;
    }
  };
}

/** The console for a gateway in another process. The token comes from the data directory or PI_GATEWAY_TOKEN. */
export async function runAttach(args: Arguments): Promise<number> {
  if (process.stdout.isTTY !== true || process.stdin.isTTY !== true)
    throw new UsageError('attach needs an interactive terminal; use status, sessions, pair … in scripts.');
  const folder = dataFolder(args.dataDir, process.env);
  const [url] = args.rest;
  if (args.context !== undefined) {
    if (url !== undefined) throw new UsageError('attach takes an address or --context, not both.');
    const { name, addresses, token } = gatewayNamed(args.context, folder);
    await showConsole(args, folder, await attached(addresses, token), name);
    return 0;
  }
  const address = url ?? (await findGateway(args, folder));
  if (address === undefined)
    throw new GatewayError('no_gateway', 'no gateway answers here', {
      hint: 'Start one with pi-gateway-tui, or give its URL: pi-gateway-tui attach http://host:port',
    });
  await attachTo(args, address);
  return 0;
}

/** The console for the gateway at an address that is known. */
export async function attachTo(args: Arguments, address: GatewayAddress): Promise<void> {
  const folder = dataFolder(args.dataDir, process.env);
  const token = localToken(folder);
  if (typeof address === 'string' && token() === undefined)
    throw new GatewayError('no_operator_token', `the operator token of ${address} is not known here`, {
      hint: 'Set PI_GATEWAY_TOKEN to the content of gateway/operator.token of that gateway.',
    });
  await showConsole(args, folder, await attached([address], token));
}

/** A gateway that is down is waited for, in the console; one that says no is told at once. */
async function attached(addresses: readonly GatewayAddress[], token: TokenSource): Promise<Operator> {
  const [address] = addresses;
  if (address === undefined || addresses.length > 1) return attachOperator(addresses, token);
  try {
    return await connectOperator(address, token);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'gateway_unreachable')
      return attachOperator(addresses, token);
    throw error;
  }
}

async function showConsole(
  args: Arguments,
  folder: DataFolder,
  operator: Operator,
  name?: string,
): Promise<void> {
  const others = consoleContexts(folder);
  const spareNoMore = spareMemory();
  try {
    const { runConsole } = await import('./console.tsx');
    const look = loadConfig(folder.config).config.console ?? {};
    await runConsole(operator, {
      ...look,
      ...consoleOptions(args),
      ascii: args.ascii || look.ascii === true,
      contexts: others.contexts,
      ...defined({ name }),
    });
  } finally {
    spareNoMore();
    await Promise.all([operator.close(), others.close()]);
  }
}
