import { GatewayError } from '../base/errors.ts';
import { loadConfig } from '../gateway/config/load.ts';
import type { GatewayAddress } from '../server/link-connection.ts';
import { connectOperator } from '../server/remote-operator.ts';
import { dataFolder, readOperatorToken } from '../store/data-folder.ts';
import { type Arguments, consoleOptions, UsageError } from './arguments.ts';
import { findGateway } from './find-gateway.ts';

/** The console for a gateway in another process. The token comes from the data folder or PI_GATEWAY_TOKEN. */
export async function runAttach(args: Arguments): Promise<number> {
  if (process.stdout.isTTY !== true || process.stdin.isTTY !== true)
    throw new UsageError('attach needs an interactive terminal; use status, sessions, pair … in scripts.');
  const folder = dataFolder(args.dataDir, process.env);
  const address = args.rest[0] ?? (await findGateway(args, folder));
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
  // Read again for every connection: `token rotate` may have made a new one.
  const token = (): string | undefined => process.env['PI_GATEWAY_TOKEN'] ?? readOperatorToken(folder);
  if (typeof address === 'string' && token() === undefined)
    throw new GatewayError('no_operator_token', `the operator token of ${address} is not known here`, {
      hint: 'Set PI_GATEWAY_TOKEN to the content of gateway/operator.token of that gateway.',
    });
  const operator = await connectOperator(address, token);
  try {
    const { runConsole } = await import('./console.tsx');
    const look = loadConfig(folder.config).config.console ?? {};
    await runConsole(operator, {
      ...look,
      ...consoleOptions(args),
      ascii: args.ascii || look.ascii === true,
    });
  } finally {
    await operator.close();
  }
}
