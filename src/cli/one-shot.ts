import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defined } from '../base/defined.ts';
import { ConfigError, GatewayError, messageOf } from '../base/errors.ts';
import { composeGateway, type RunningGateway } from '../compose.ts';
import { finishRestore } from '../gateway/backup/restore.ts';
import { PLATFORMS } from '../gateway/model.ts';
import { findSession, seenWith } from '../gateway/operator/operations/operation.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import type { GatewayAddress } from '../server/link-connection.ts';
import { connectFirst, connectOperator } from '../server/remote-operator.ts';
import { type DataFolder, dataFolder, readOperatorToken } from '../store/data-folder.ts';
import { type Arguments, UsageError } from './arguments.ts';
import { findGateway, gatewayOfFolder, refuseStandby } from './attach.ts';
import { holdSession, leaseOf } from './handoff.ts';
import { printNote } from './output.ts';
import { type Misused, readWork } from './views.ts';

/** What a command printed, and whether a diagnosis found something wrong: scripts read that from the exit code. */
interface OneShotOutcome {
  readonly text: string;
  readonly ok: boolean;
}

/** Runs one command against the running gateway, or against the store when none runs. */
export async function runOneShot(args: Arguments): Promise<OneShotOutcome> {
  const findings = { ok: true };
  return { text: await output(args, findings), ok: findings.ok };
}

async function output(args: Arguments, findings: { ok: boolean }): Promise<string> {
  const folder = dataFolder(args.dataDir, process.env);
  finishRestore(folder);
  if (args.context !== undefined) return elsewhere(args, folder, args.context, findings);
  if (args.command === 'config') {
    const { runConfig } = await import('./installation.ts');
    return runConfig(args, folder, {
      operator: () => servingOperator(folder),
      input: process.stdin,
      output: process.stderr,
      columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    });
  }
  if (args.command === 'security') {
    const { runSecurityAudit } = await import('./installation.ts');
    return runSecurityAudit(args, folder, findings);
  }
  if (args.command === 'prove') {
    const [{ runProve }, { printNote }] = await Promise.all([
      import('./prove-command.ts'),
      import('./output.ts'),
    ]);
    return runProve(args, findings, printNote);
  }
  if (args.command === 'service') {
    const { runService, thisMachine } = await import('./service/command.ts');
    return runService(args, folder, thisMachine(), findings);
  }
  if (args.command === 'restore' || (args.command === 'backup' && args.rest[0] === 'verify')) {
    const { runRestore, runVerify } = await import('./restore-command.ts');
    return args.command === 'restore' ? runRestore(args, folder) : runVerify(args);
  }
  if (args.command === 'doctor' && args.rest.length === 0) return doctor(args, folder, findings);
  const session = await operatorSession(args);
  try {
    return await execute(args, session.operator, session.online, findings);
  } finally {
    await session.close();
  }
}

/** Commands that read the files of this machine. */
const LOCAL: ReadonlySet<string | undefined> = new Set(['config', 'security', 'restore', 'service', 'prove']);

/** On a gateway of `contexts`: the address that answers and proves itself. */
async function elsewhere(
  args: Arguments,
  folder: DataFolder,
  name: string,
  findings: { ok: boolean },
): Promise<string> {
  if (LOCAL.has(args.command))
    throw new UsageError(`${args.command} works on this machine's data directory: leave --context out.`);
  const { gatewayNamed } = await import('./attach.ts');
  const { addresses, token } = gatewayNamed(name, folder);
  const operator = await connectFirst(addresses, token, { surface: 'cli' });
  try {
    return await execute(args, operator, true, findings);
  } finally {
    await operator.close();
  }
}

/** What can be seen from outside first: opening the store already creates and repairs files. */
async function doctor(args: Arguments, folder: DataFolder, findings: { ok: boolean }): Promise<string> {
  const { inspectInstallation, inspectPort, sentences } = await import('./installation.ts');
  const seen = await inspectInstallation(args, folder, process.env, process.cwd());
  const lines = [...seen.lines];
  let data: unknown = {};
  let ok = seen.ok;
  const session = seen.usable ? await sessionFor(args, lines, sentences) : undefined;
  if (session === undefined) ok = false;
  else {
    try {
      const port = session.online ? undefined : await inspectPort(args, folder, process.env, process.cwd());
      if (port !== undefined) lines.push(port);
      const result = await session.operator.run({ type: 'doctor' });
      lines.push(result.message);
      data = result.data;
      ok = ok && port === undefined && !saysNotOk(data);
    } finally {
      await session.close();
    }
  }
  findings.ok = ok;
  const message = lines.join('\n');
  return args.json ? JSON.stringify({ message, data, findings: seen.lines, ok }, null, 2) : message;
}

/** A store that cannot be opened is a finding like any other. */
async function sessionFor(
  args: Arguments,
  lines: string[],
  sentences: (error: unknown) => string,
): Promise<OperatorSession | undefined> {
  try {
    return await operatorSession(args);
  } catch (error) {
    const found = sentences(error);
    if (!lines.some((line) => line.includes(messageOf(error)))) lines.push(`gateway: ${found}`);
    return undefined;
  }
}

/** The running gateway of the data directory, or its store when none runs. */
export async function operatorSession(args: Arguments): Promise<OperatorSession> {
  const folder = dataFolder(args.dataDir, process.env);
  try {
    const address = await findGateway(args, folder);
    if (address === undefined) await refuseStandby(folder);
    if (address === undefined) refuseMistyped(args, folder);
    return address === undefined ? await openOffline(args) : await openRemote(address, folder);
  } catch (error) {
    if (args.command !== 'debug' || !(error instanceof ConfigError) || mayShareStore(folder)) throw error;
    // A bug report is wanted just then: what is running answers, or the data without the configuration.
    const address = await gatewayOfFolder(folder);
    return address === undefined
      ? await openOffline(args, join(folder.root, 'gateway', 'no-config.json'))
      : await openRemote(address, folder);
  }
}

/** What may be decided before the first start: it makes the directory. */
const FIRST: ReadonlySet<string | undefined> = new Set(['allow', 'block', 'doctor', 'debug']);

/** A directory that is named and not there is a typing error: nothing is shown, and nothing is created. */
function refuseMistyped(args: Arguments, folder: DataFolder): void {
  if (args.dataDir === undefined || FIRST.has(args.command) || existsSync(folder.root)) return;
  throw new GatewayError('no_data_directory', `there is no data directory ${folder.root}`, {
    hint: 'Check --data-dir. The first start creates the directory: pi-gateway-tui --data-dir <directory>',
  });
}

/** Files that are opened instead of a store elsewhere would be in its way later. */
function mayShareStore({ config }: DataFolder): boolean {
  try {
    return readFileSync(config, 'utf8').includes('"store"');
  } catch {
    return true; // no one can say
  }
}

interface OperatorSession {
  readonly operator: Operator;
  /** A gateway runs. */
  readonly online: boolean;
  close(): Promise<void>;
}

async function openRemote(address: GatewayAddress, folder: DataFolder): Promise<OperatorSession> {
  const operator = await connectOperator(address, () => readOperatorToken(folder), { surface: 'cli' });
  return { operator, online: true, close: () => operator.close() };
}

/** The gateway that runs on this very directory: its configuration is the one that counts. */
async function servingOperator(folder: DataFolder): Promise<Operator | undefined> {
  const address = await gatewayOfFolder(folder);
  return address === undefined ? undefined : (await openRemote(address, folder)).operator;
}

/** The store itself, without port, agent or platforms. What is decided here is carried out at the next start. */
async function openOffline(args: Arguments, configFile?: string): Promise<OperatorSession> {
  const running: RunningGateway = await composeGateway({
    ...defined({ dataDir: args.dataDir }),
    offline: true,
    withAgent: args.command === 'doctor' && !args.noAgent,
    ...defined({ backend: args.agent, configFile }),
    logLevel: args.logLevel ?? 'error',
  });
  const operator = running.operator({ name: 'operator', surface: 'cli' });
  return { operator, online: false, close: () => running.stop(0) };
}

async function execute(
  args: Arguments,
  operator: Operator,
  online: boolean,
  findings: { ok: boolean },
): Promise<string> {
  const show = (value: unknown, text: string): string => (args.json ? JSON.stringify(value, null, 2) : text);
  const work = await readWork(
    [args.command ?? '', ...args.rest],
    operator,
    { online, format: args.format },
    misused,
  );
  if ('text' in work) return show(work.value, work.text);
  const { command, words } = work;
  if (words.live && !online)
    throw new GatewayError('no_gateway', 'no gateway is running here', {
      hint: 'Start one: pi-gateway-tui, or pi-gateway-tui --no-tui for a service.',
    });
  if (words.asks !== undefined && !args.yes && !(await agreed(words.asks, process.stdin, process.stderr)))
    throw new GatewayError('not_confirmed', 'nothing was changed', { hint: 'With --yes it does not ask.' });
  const result = await operator.run(command);
  if (args.command === 'doctor' || args.command === 'audit') findings.ok = !saysNotOk(result.data);
  return show({ ...result, ok: findings.ok }, words.told?.(result.data) ?? result.message);
}

/** Asks a person in a terminal; a script has decided already. */
export async function agreed(
  question: string,
  input: NodeJS.ReadableStream & { readonly isTTY?: boolean },
  output: NodeJS.WritableStream,
): Promise<boolean> {
  if (input.isTTY !== true) return true;
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input, output });
  try {
    output.write(`${question} [y/N] `);
    for await (const line of lines) return /^y(?:es)?$/iu.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
}

function misused({ usage, platform }: Misused): UsageError {
  const [command = ''] = usage.split(' ');
  const wrong =
    platform === undefined
      ? ''
      : `${command}: "${platform}" is not a platform; use one of ${PLATFORMS.join(', ')}.\n`;
  return new UsageError(`${wrong}usage: pi-gateway-tui ${usage}`);
}

function saysNotOk(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'ok' in data && data.ok === false;
}

/** Opens a chat's session in this terminal with pi; the gateway waits with it in the meantime. Resolves with pi's exit code. */
export async function runOpen(args: Arguments): Promise<number> {
  const wanted = args.rest[0];
  if (wanted === undefined) throw new UsageError('usage: pi-gateway-tui open <session>');
  if (process.stdout.isTTY !== true || process.stdin.isTTY !== true)
    throw new UsageError('open needs an interactive terminal.');
  const { operator, close } = await operatorSession(args);
  try {
    const session = findSession(await seenWith(operator, wanted), wanted);
    const lease = leaseOf((await operator.run({ type: 'session.lend', id: session.id })).data);
    printNote(
      `opening "${session.title}" of ${session.senderName} (${session.chat.platform}); its messages are queued until you exit pi.`,
    );
    const code = await holdSession(operator, session.id, lease);
    printNote('the session is closed in this terminal; its chat continues.');
    return code;
  } finally {
    await close();
  }
}
