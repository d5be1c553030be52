/** Gateways by name: `contexts` in the configuration, for the console and for commands with `--context`. */
import { GatewayError } from '../base/errors.ts';
import { closest } from '../base/text.ts';
import { type LoadedConfig, loadConfig } from '../gateway/config/load.ts';
import { resolveSecret } from '../gateway/config/secrets.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import { attachOperator, type TokenSource } from '../server/remote-operator.ts';
import { type DataFolder, readOperatorToken } from '../store/data-folder.ts';
import { UsageError } from './arguments.ts';
import type { ConsoleContext } from './screens.ts';

type Configured = NonNullable<LoadedConfig['config']['contexts']>[number];

export interface NamedGateway {
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
export function localToken(folder: DataFolder): () => string | undefined {
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
