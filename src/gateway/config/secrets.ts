import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ConfigError, GatewayError } from '../../base/errors.ts';

/**
 * Replaces every text value written as `$ENV_NAME` or `!command` by what it stands for. Only whole values count:
 * a `$` inside a text stays. The command runs in a shell of the operator's own configuration file, with 10 s to answer.
 */
export async function resolveSecrets<T extends object>(
  settings: T,
  prefix: string,
  env: NodeJS.ProcessEnv,
): Promise<T> {
  const resolved: T = { ...settings };
  for (const [key, value] of Object.entries(settings))
    if (typeof value === 'string')
      Object.assign(resolved, { [key]: await resolveSecret(value, `${prefix}.${key}`, env) });
  return resolved;
}

/** The variable that a value written as `$ENV_NAME` stands for; undefined for any other value. */
export function environmentName(value: string): string | undefined {
  return /^\$([A-Za-z_]\w*)$/.exec(value)?.[1];
}

/** The `tokens` of the server. Throws ConfigError: without one of them the wrong people would be kept out, or none. */
export function resolveTokens(tokens: readonly string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  return Promise.all(
    tokens.map(async (token, i) => {
      const name = `tokens.${i}`;
      const found = await resolveSecret(token, name, env).catch((error: unknown) => {
        throw error instanceof GatewayError ? new ConfigError(error.message, error.hint) : error;
      });
      if (found !== '') return found;
      throw new ConfigError(`${name}: its command printed nothing`, 'Run the command after the "!" by hand.');
    }),
  );
}

/** One value; `name` is its key for the error. */
export async function resolveSecret(value: string, name: string, env: NodeJS.ProcessEnv): Promise<string> {
  const variable = environmentName(value);
  if (variable !== undefined) {
    const found = env[variable];
    if (found === undefined || found === '')
      throw new GatewayError('secret_missing', `${name}: the environment variable ${variable} is not set`, {
        status: 409,
        hint: `Set ${variable}, or write the value itself into config.json.`,
      });
    return found;
  }
  if (!value.startsWith('!') || value.length === 1) return value;
  try {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', value.slice(1)], {
      env,
      timeout: 10_000,
      maxBuffer: 1024 * 1024,
    });
    return stdout.trim();
  } catch {
    // The command's own words may hold the secret: they are not repeated.
    throw new GatewayError('secret_command_failed', `${name}: its command did not succeed within 10 s`, {
      status: 409,
      hint: 'Run the command after the "!" by hand.',
    });
  }
}

/** The passwords in an address, as they stand there and as they are meant: to be kept out of what is shown. */
export function passwordsOf(address: string): string[] {
  if (!URL.canParse(address)) return [];
  const { password, searchParams } = new URL(address);
  const found = [password, decoded(password), searchParams.get('password') ?? ''];
  return [...new Set(found)].filter((each) => each !== '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a bare %, which anyone who uses the address refuses or takes unchanged
  }
}
