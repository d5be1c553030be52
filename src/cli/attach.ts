import { defined } from '../base/defined.ts';
import { GatewayError } from '../base/errors.ts';
import { spareMemory } from '../base/memory.ts';
import { loadConfig } from '../gateway/config/load.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import type { GatewayAddress } from '../server/link-connection.ts';
import { attachOperator, connectOperator, type TokenSource } from '../server/remote-operator.ts';
import { type DataFolder, dataFolder } from '../store/data-folder.ts';
import { type Arguments, consoleOptions, UsageError } from './arguments.ts';
import { consoleContexts, gatewayNamed, localToken } from './contexts.ts';
import { findGateway } from './find-gateway.ts';

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
