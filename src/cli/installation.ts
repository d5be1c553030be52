/** What `doctor` and `security audit` see without the gateway: configuration, rights, tokens, and whether the port is free. */

import { createServer } from 'node:net';
import { defined } from '../base/defined.ts';
import { ConfigError, GatewayError, messageOf } from '../base/errors.ts';
import { checkWholeConfig } from '../config-check.ts';
import { loadConfig } from '../gateway/config/load.ts';
import { resolveTokens } from '../gateway/config/secrets.ts';
import { resolveSettings, type Settings } from '../gateway/config/settings.ts';
import { isPlatform } from '../gateway/model.ts';
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

export function given({ port, host }: Pick<Arguments, 'port' | 'host'>) {
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
