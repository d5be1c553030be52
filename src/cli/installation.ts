/** What is looked at and set without the gateway: `doctor`, `security audit` and `config`. */

import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { defined } from '../base/defined.ts';
import { ConfigError, GatewayError, messageOf } from '../base/errors.ts';
import { checkStart, checkWholeConfig } from '../config-check.ts';
import { ConfigAccess, configKeys } from '../gateway/config/access.ts';
import { loadConfig } from '../gateway/config/load.ts';
import { resolveTokens } from '../gateway/config/secrets.ts';
import { resolveSettings, type Settings } from '../gateway/config/settings.ts';
import { isPlatform } from '../gateway/model.ts';
import type { ConfigValue, Operator } from '../gateway/operator/operator.ts';
import { repair, securityFindings } from '../security-audit.ts';
import type { DataFolder } from '../store/data-folder.ts';
import { type Arguments, UsageError } from './arguments.ts';
import * as print from './print.ts';

interface InstallationReport {
  /** One finding each, with its fix. */
  readonly lines: readonly string[];
  /** False when one of them has to be fixed. */
  readonly ok: boolean;
  /** False when no gateway can be started with this configuration, so nothing else can be asked. */
  readonly usable: boolean;
}

/** Changes nothing: a look must not repair what it is to find. */
export async function inspectInstallation(
  args: Pick<Arguments, 'port' | 'host'>,
  folder: DataFolder,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<InstallationReport> {
  try {
    const { config, warnings } = loadConfig(folder.config);
    const settings = resolveSettings(config, given(args), env, cwd);
    const problems = await problemsOf([
      () => checkWholeConfig(config, folder.config),
      () => checkDeliveries(settings),
      () => resolveTokens(settings.tokens, env),
    ]);
    const security = securityFindings(folder, { env, cwd, now: Date.now() });
    const serious = security.filter(({ severity }) => severity === 'critical' || severity === 'high');
    return {
      lines: [
        ...[...warnings, ...problems].map((each) => `configuration: ${each}`),
        ...security.map(
          ({ severity, id, what, fix }) => `security (${severity}, ${id}): ${what}. Fix: ${fix}`,
        ),
      ],
      ok: warnings.length + problems.length + serious.length === 0,
      usable: true,
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { lines: [`configuration: ${sentences(error)}`], ok: false, usable: false };
  }
}

/** The finding about the port of a gateway that is not running; undefined when it could listen. */
export async function inspectPort(
  args: Pick<Arguments, 'port' | 'host'>,
  folder: DataFolder,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<string | undefined> {
  const { port, host } = resolveSettings(loadConfig(folder.config).config, given(args), env, cwd);
  const address = host === 'localhost' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1');
  const problem = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host: address, port }, () => server.close(() => resolve(undefined)));
  });
  if (problem === undefined) return undefined;
  return problem === 'EADDRINUSE'
    ? `port: ${port} on ${host} is in use by another program. Stop it, or choose another port: pi-gateway-tui config set port <n>`
    : `host: cannot listen on ${host}:${port} (${problem}). Set host to localhost, or to an address of this machine.`;
}

/** A schedule may be meant for a platform that is not enabled yet, so this is no error of the configuration. */
async function checkDeliveries(settings: Settings): Promise<void> {
  for (const { id, deliver } of settings.schedules) {
    const platform = deliver?.split(':')[0];
    if (isPlatform(platform) && !settings.enabled(platform))
      throw new ConfigError(
        `schedules: "${id}" delivers to ${platform}, which is not enabled`,
        `Enable it (pi-gateway-tui config set platforms.${platform}.enabled true), or deliver elsewhere.`,
      );
  }
}

function given({ port, host }: Pick<Arguments, 'port' | 'host'>) {
  return { ...defined({ port, host }) };
}

async function problemsOf(checks: readonly (() => Promise<unknown>)[]): Promise<string[]> {
  const found: string[] = [];
  for (const check of checks)
    try {
      await check();
    } catch (error) {
      found.push(sentences(error));
    }
  return found;
}

/** What went wrong, and what to do. */
export function sentences(error: unknown): string {
  const hint = error instanceof GatewayError && error.hint !== undefined ? `. ${error.hint}` : '';
  return `${messageOf(error)}${hint}`;
}

// `security audit`: prints what was found; with `--fix` it repairs what is safe and looks again.

/** Returns what to print. `outcome.ok` becomes false for a critical or high finding that stays. */
export function runSecurityAudit(
  args: Pick<Arguments, 'rest' | 'json' | 'fix'>,
  folder: DataFolder,
  outcome: { ok: boolean },
): string {
  if (args.rest[0] !== 'audit') throw new UsageError('usage: pi-gateway-tui security audit [--json] [--fix]');
  const look = () => securityFindings(folder, { env: process.env, cwd: process.cwd(), now: Date.now() });
  const before = look();
  const { fixed, failed } = args.fix ? repair(before) : { fixed: [], failed: [] };
  const left = args.fix ? look() : before;
  outcome.ok = left.every(({ severity }) => severity !== 'critical' && severity !== 'high');
  const findings = left.map(({ repair: act, ...finding }) => ({ ...finding, fixable: act !== undefined }));
  if (args.json) return JSON.stringify({ ok: outcome.ok, findings, fixed, failed }, null, 2);
  return [
    ...fixed.map((id) => `fixed ${id}`),
    ...failed.map((id) => `could not fix ${id}`),
    print.findings(findings),
    ...(!args.fix && findings.some(({ fixable }) => fixable)
      ? ['', 'pi-gateway-tui security audit --fix fixes the entries marked with *.']
      : []),
  ].join('\n');
}

// `config`: shows the configuration, or sets one key of it; secrets come from stdin so that no shell remembers them.

interface ConfigSurroundings {
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
