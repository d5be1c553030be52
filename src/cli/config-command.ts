/** `config`: shows the configuration, or sets one key of it; secrets come from stdin so that no shell remembers them. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { GatewayError } from '../base/errors.ts';
import { checkStart } from '../config-check.ts';
import { ConfigAccess, configKeys } from '../gateway/config/access.ts';
import type { ConfigValue, Operator } from '../gateway/operator/operator.ts';
import type { DataFolder } from '../store/data-folder.ts';
import { type Arguments, UsageError } from './arguments.ts';
import { given } from './installation.ts';
import * as print from './print.ts';

export interface ConfigSurroundings {
  /** The gateway that serves this directory; undefined when none runs: then the file alone is read and written. */
  readonly operator: () => Promise<Operator | undefined>;
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Of the terminal that the result is printed to. */
  readonly columns?: number | undefined;
  /** Where a person is asked; never stdout. */
  readonly output: NodeJS.WritableStream;
}

const USAGE =
  'usage: pi-gateway-tui config [key] | config set <key> <value>; "-" reads the value from stdin.';

/** What the words after `config` ask for. `config <key> <value>` is the short form of `config set`. */
export function configRequest(
  rest: readonly string[],
): { readonly show: string | undefined } | { readonly set: string; readonly value: string | undefined } {
  const [word, ...more] = rest;
  if (word === 'get') return { show: more[0] };
  if (word === 'all' && more.length === 0) return { show: undefined };
  const [key, ...value] = word === 'set' ? more : rest;
  if (word === 'set' && key === undefined) throw new UsageError(USAGE);
  if (key === undefined || (word !== 'set' && value.length === 0)) return { show: key };
  const text = value.join(' ');
  return { set: key, value: value.length === 0 || text === '-' ? undefined : text };
}

/** Returns what to print. */
export async function runConfig(
  args: Arguments,
  folder: DataFolder,
  around: ConfigSurroundings,
): Promise<string> {
  const request = configRequest(args.rest);
  const env = process.env;
  const cwd = process.cwd();
  const access = new ConfigAccess(
    folder.config,
    { flags: { port: args.port, host: args.host, 'agent.backend': args.agent }, env, cwd },
    () => false,
    async (config, origin) => {
      await checkStart(config, origin, { overrides: given(args), env, cwd });
    },
  );
  const operator = await around.operator();
  try {
    if ('set' in request) {
      const { set } = request;
      const value = readValue(set, request.value ?? (await valueFrom(around, set)));
      return await misuse(access, async () =>
        operator === undefined
          ? access.set(set, value)
          : (await operator.run({ type: 'config.set', key: set, value })).message,
      );
    }
    const key = request.show;
    const all: readonly ConfigValue[] =
      operator === undefined ? access.values() : await operator.query('config', {});
    const values = all.filter(
      (each) => key === undefined || each.key === key || each.key.startsWith(`${key}.`),
    );
    if (values.length === 0)
      throw new UsageError(`unknown configuration key "${key ?? ''}"\npi-gateway-tui config lists all keys.`);
    return args.json
      ? JSON.stringify(values, null, 2)
      : `${folder.config}\n${print.config(values, around.columns)}`;
  } finally {
    await operator?.close();
  }
}

/** A key or value that cannot be is wrong usage; a file that no start takes is a configuration error anyway. */
async function misuse(access: ConfigAccess, set: () => Promise<string>): Promise<string> {
  try {
    return await set();
  } catch (error) {
    if (
      !(error instanceof GatewayError) ||
      !['config_invalid', 'unknown_key', 'masked_value'].includes(error.code)
    )
      throw error;
    await access.checkStored();
    throw new UsageError(error.hint === undefined ? error.message : `${error.message}\n${error.hint}`);
  }
}

/**
 * The value of a key as its kind wants it: an id of digits stays text, a list may be written with commas, everything
 * else is JSON where it is JSON. `null` takes a key away.
 */
function readValue(key: string, text: string): unknown {
  const kind = configKeys().find((each) => each.key === key)?.kind;
  if (text === 'null') return null;
  if (kind === 'text' || kind === 'choice') return text;
  try {
    return JSON.parse(text);
  } catch {
    if (kind !== 'list') return text;
    return key.endsWith('command') ? programOf(key, text) : text.split(',').map((part) => part.trim());
  }
}

/** `ssh -T box pi`: a program and its arguments. What only a shell could read is not guessed. */
function programOf(key: string, text: string): string[] {
  if (/["'`\\$]/u.test(text))
    throw new UsageError(
      `config set ${key}: write a command with quotes as a list: '["ssh", "box", "pi --mode rpc"]'`,
    );
  return text.trim().split(/[\s,]+/u);
}

/** The first line of stdin. A person is asked, and what they type is not shown. */
async function valueFrom({ input, output }: ConfigSurroundings, key: string): Promise<string> {
  const person = input.isTTY === true;
  if (person) output.write(`${key} (not shown): `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: silent, terminal: person });
  try {
    for await (const line of lines) {
      if (person) output.write('\n');
      const value = line.trim();
      if (value !== '') return value;
      break;
    }
  } finally {
    lines.close();
  }
  throw new UsageError(`config set ${key}: no value was given.`);
}
