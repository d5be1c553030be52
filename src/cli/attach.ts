import { loadConfig } from '../gateway/config/load.ts';
import { dataFolder, readOperatorToken } from '../gateway/data-folder.ts';
import { GatewayError } from '../gateway/errors.ts';
import { connectOperator } from '../gateway/server/remote-operator.ts';
import { type Arguments, consoleOptions, UsageError } from './arguments.ts';
import { findGateway } from './one-shot.ts';

/** The console for a gateway in another process. The token comes from the data folder or PI_GATEWAY_TOKEN. */
export async function runAttach(args: Arguments): Promise<number> {
  if (process.stdout.isTTY !== true || process.stdin.isTTY !== true)
    throw new UsageError('attach needs an interactive terminal; use status, sessions, pair … in scripts.');
  const folder = dataFolder(args.dataDir, process.env);
  const url = args.rest[0] ?? (await findGateway(args, folder));
  if (url === undefined)
    throw new GatewayError('no_gateway', 'no gateway answers here', {
      hint: 'Start one with pi-gateway-tui, or give its URL: pi-gateway-tui attach http://host:port',
    });
  const token = process.env['PI_GATEWAY_TOKEN'] ?? readOperatorToken(folder);
  if (token === undefined)
    throw new GatewayError('no_operator_token', `the operator token of ${url} is not known here`, {
      hint: 'Set PI_GATEWAY_TOKEN to the content of gateway/operator.token of that gateway.',
    });
  const operator = await connectOperator(url, token);
  try {
    const { runConsole } = await import('../console.tsx');
    const look = loadConfig(folder.config).config.console ?? {};
    await runConsole(operator, {
      ...look,
      ...consoleOptions(args),
      ascii: args.ascii || look.ascii === true,
    });
  } finally {
    await operator.close();
  }
  return 0;
}
