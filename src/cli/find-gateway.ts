import { connect } from 'node:net';
import { join } from 'node:path';
import { defined } from '../base/defined.ts';
import { GatewayError, LeaderError } from '../base/errors.ts';
import { loadConfig } from '../gateway/config/load.ts';
import { resolveSettings } from '../gateway/config/settings.ts';
import { findSocketPlace, type SocketPlace } from '../gateway/operator/operator-address.ts';
import { type GatewayAddress, knowsToken } from '../server/link-connection.ts';
import { type DataFolder, readOperatorToken } from '../store/data-folder.ts';
import { isRunning } from '../store/process-identity.ts';
import type { Arguments } from './arguments.ts';
import { answersAsGateway, readRuntime, urlOf } from './runtime-file.ts';

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

/** @throws LeaderError when a standby waits on this data directory: it carries out no commands */
export async function refuseStandby(folder: DataFolder): Promise<void> {
  const runtime = readRuntime(folder);
  if (runtime === undefined || !isRunning(runtime.pid)) return;
  const reason = await standbyReason(urlOf(runtime.host, runtime.port));
  if (reason === undefined) return;
  throw new LeaderError(
    'standby',
    `a standby is running here (pid ${runtime.pid}): ${reason.replace(/^standby: /u, '')}`,
    {
      status: 503,
      hint: `Run commands on the gateway that leads. To stop this standby, stop its service, or its process where it has none: kill ${runtime.pid}`,
    },
  );
}

/** What a standby at this address says about who leads. Bounded; never throws. */
async function standbyReason(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3_000) });
    const body: unknown = await response.json();
    if (typeof body !== 'object' || body === null || !('role' in body) || body.role !== 'standby')
      return undefined;
    return 'reason' in body && typeof body.reason === 'string' ? body.reason : undefined;
  } catch {
    return undefined; // it has ended, or is something else
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
