import { defined } from '../base/defined.ts';
import { GatewayError } from '../base/errors.ts';
import { spareMemory } from '../base/memory.ts';
import { closest } from '../base/text.ts';
import { type LoadedConfig, loadConfig } from '../gateway/config/load.ts';
import { resolveSecret } from '../gateway/config/secrets.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import type { GatewayAddress } from '../server/link-connection.ts';
import { attachOperator, connectOperator, type TokenSource } from '../server/remote-operator.ts';
import { type DataFolder, dataFolder, readOperatorToken } from '../store/data-folder.ts';
import { type Arguments, consoleOptions, UsageError } from './arguments.ts';
import { findGateway } from './find-gateway.ts';
import type { ConsoleContext } from './screens.ts';

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
