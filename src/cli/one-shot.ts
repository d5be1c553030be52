import { GatewayError } from '../base/errors.ts';
import { composeGateway, type RunningGateway } from '../compose.ts';
import { isPlatform, PLATFORMS, type Platform } from '../gateway/model.ts';
import { exported, wholeTranscript } from '../gateway/operator/export.ts';
import type { CommandResult, Operator, OperatorCommand } from '../gateway/operator/operator.ts';
import type { GatewayAddress } from '../server/link-connection.ts';
import { connectOperator } from '../server/remote-operator.ts';
import { type DataFolder, dataFolder, readOperatorToken } from '../store/data-folder.ts';
import { type Arguments, UsageError } from './arguments.ts';
import { findGateway, gatewayOfFolder } from './find-gateway.ts';
import * as print from './print.ts';
import { isQuestionName, printQuestions, questionId } from './questions.ts';
import { requestNamed } from './request-name.ts';
import {
  adapterWork,
  findSession,
  homeWork,
  schedulesWork,
  sessionWork,
  tasksWork,
  type Work,
} from './work.ts';

/** What a command printed, and whether a diagnosis found something wrong: scripts read that from the exit code. */
export interface OneShotOutcome {
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
  if (args.command === 'config') {
    const { runConfig } = await import('./config-command.ts');
    return runConfig(args, folder, {
      operator: () => servingOperator(folder),
      input: process.stdin,
      output: process.stderr,
    });
  }
  if (args.command === 'security') {
    const { runSecurityAudit } = await import('./security-command.ts');
    return runSecurityAudit(args, folder, findings);
  }
  if (args.command === 'doctor' && args.rest.length === 0) return doctor(args, folder, findings);
  const session = await operatorSession(args);
  try {
    return await execute(args, session.operator, session.online, findings);
  } finally {
    await session.close();
  }
}

/** What can be seen from outside first: opening the store already creates and repairs files. */
async function doctor(args: Arguments, folder: DataFolder, findings: { ok: boolean }): Promise<string> {
  const { inspectInstallation, inspectPort } = await import('./installation.ts');
  const seen = await inspectInstallation(args, folder, process.env, process.cwd());
  const lines = [...seen.lines];
  let data: unknown = {};
  let ok = seen.ok;
  if (seen.usable) {
    const session = await operatorSession(args);
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

/** The running gateway of the data folder, or its store when none runs. */
export async function operatorSession(args: Arguments): Promise<OperatorSession> {
  const folder = dataFolder(args.dataDir, process.env);
  const address = await findGateway(args, folder);
  return address === undefined ? await openOffline(args) : await openRemote(address, folder);
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

/** The gateway that runs on this very folder: its configuration is the one that counts. */
async function servingOperator(folder: DataFolder): Promise<Operator | undefined> {
  const address = await gatewayOfFolder(folder);
  return address === undefined ? undefined : (await openRemote(address, folder)).operator;
}

/** The store itself, without port, agent or platforms. What is decided here is carried out at the next start. */
async function openOffline(args: Arguments): Promise<OperatorSession> {
  const running: RunningGateway = await composeGateway({
    ...(args.dataDir === undefined ? {} : { dataDir: args.dataDir }),
    offline: true,
    withAgent: args.command === 'doctor' && !args.noAgent,
    ...(args.agent === undefined ? {} : { backend: args.agent }),
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
  const { rest, json } = args;
  const snapshot = operator.snapshot();
  const show = (value: unknown, text: string): string => (json ? JSON.stringify(value, null, 2) : text);
  const act = async (command: OperatorCommand): Promise<string> => {
    const result: CommandResult = await operator.run(command);
    if (args.command === 'doctor') findings.ok = !saysNotOk(result.data);
    return show({ ...result, ok: findings.ok }, result.message);
  };
  const doing = async (work: Work): Promise<string> =>
    'command' in work ? act(work.command) : show(work.value, work.text);
  switch (args.command) {
    case 'status':
      return show(
        { ...snapshot.gateway, running: online, adapters: snapshot.adapters },
        print.status(snapshot, online),
      );
    case 'sessions':
      return show(snapshot.sessions, print.sessions(snapshot.sessions));
    case 'search': {
      const hits = await operator.query('search', {
        words: need(rest.join(' '), 'search <words>'),
        limit: 50,
      });
      return show(hits, print.hits(hits, snapshot.sessions));
    }
    case 'export': {
      const wanted = need(rest[0], 'export <session> [--format md|json|html]');
      const listed = snapshot.sessions.find(({ id }) => id === wanted || id.startsWith(wanted));
      const session = listed === undefined ? { id: wanted } : findSession(snapshot.sessions, wanted);
      const entries = await wholeTranscript(operator, session.id);
      // A session that is no longer listed is known by its whole id alone.
      if (listed === undefined && entries.length === 0) findSession(snapshot.sessions, wanted);
      return exported(entries, session, json ? 'json' : (args.format ?? 'md')).trimEnd();
    }
    case 'tasks':
    case 'task':
      return doing(await tasksWork(rest, operator));
    case 'schedules':
      return doing(schedulesWork(rest, operator));
    case 'home':
      return doing(await homeWork(rest, operator));
    case 'session':
      if (['stop', 'pause', 'resume'].includes(rest[0] ?? '')) needGateway(online);
      return doing(await sessionWork(rest, operator));
    case 'adapter': {
      const work = adapterWork(rest);
      if ('command' in work && work.command.type !== 'adapter.check') needGateway(online);
      return doing(work);
    }
    case 'stop':
    case 'restart':
      needGateway(online);
      return act({ type: args.command });
    case 'invite': {
      if (rest.length > 0) return act({ type: 'pairing.generate', ...person(rest, 'invite') });
      const result = await operator.run({ type: 'pairing.invite' });
      return show(result, print.invitation(result.data));
    }
    case 'blocked': {
      const senders = await operator.query('blocked', {});
      return show(senders, print.blocked(senders));
    }
    case 'block':
      if (rest.length !== 1) return act({ type: 'block', ...person(rest, 'block') });
      return act({ type: 'pairing.block', ...requestNamed(snapshot.pairing, rest[0] ?? '') });
    case 'unblock':
      return act({ type: args.command, ...person(rest, args.command) });
    case 'audit': {
      const entries = await operator.query('audit', { limit: countOf(args.rest[0]) });
      return show(entries, print.audit(entries));
    }
    case 'usage': {
      const usage = await operator.query('usage', {});
      return show(usage, print.usage(usage));
    }
    case 'pair':
      if (rest.length === 0) return show(snapshot.pairing, print.pairing(snapshot.pairing));
      return act({ type: 'pairing.approve', ...requestNamed(snapshot.pairing, rest.join('')) });
    case 'deny': {
      const name = need(rest.join(''), 'deny <code> | <row> | <#n>');
      if (!isQuestionName(name))
        return act({ type: 'pairing.deny', ...requestNamed(snapshot.pairing, name) });
      return act({ type: 'dialog.answer', id: questionId(snapshot, name), decision: 'deny' });
    }
    case 'approvals':
      return show(snapshot.dialogs ?? [], printQuestions(snapshot.dialogs ?? []));
    case 'approve': {
      const id = questionId(snapshot, need(rest[0], 'approve <question> [session]'));
      if (rest[1] !== undefined && rest[1] !== 'once' && rest[1] !== 'session')
        throw new UsageError('usage: pi-gateway-tui approve <question> [once|session]');
      return act({ type: 'dialog.answer', id, decision: rest[1] ?? 'once' });
    }
    case 'allow':
      if (rest.length === 0) return show(snapshot.allowlist, print.allowlist(snapshot.allowlist));
      return act({
        type: 'allow',
        ...person(rest, 'allow'),
        ...(rest[2] === undefined ? {} : { note: rest.slice(2).join(' ') }),
      });
    case 'revoke':
      return act({ type: 'revoke', ...person(rest, 'revoke') });
    case 'send':
      return act({
        type: 'send',
        platform: platformOf(rest[0], 'send'),
        channelId: need(rest[1], 'send <platform> <channel> <text>'),
        content: need(rest.slice(2).join(' ') || undefined, 'send <platform> <channel> <text>'),
      });
    case 'token':
      if (rest.length !== 1 || rest[0] !== 'rotate')
        throw new UsageError('usage: pi-gateway-tui token rotate');
      return act({ type: 'token.rotate' });
    case 'doctor':
      return act({ type: 'adapter.check', platform: platformOf(rest[0], 'doctor') });
    default:
      throw new UsageError(`"${args.command ?? ''}" is not a one-shot command.`);
  }
}

function person(rest: readonly string[], command: string): { platform: Platform; userId: string } {
  return { platform: platformOf(rest[0], command), userId: need(rest[1], `${command} <platform> <userId>`) };
}

function platformOf(value: string | undefined, command: string): Platform {
  if (isPlatform(value)) return value;
  throw new UsageError(`${command}: "${value ?? ''}" is not a platform; use one of ${PLATFORMS.join(', ')}.`);
}

function needGateway(online: boolean): void {
  if (online) return;
  throw new GatewayError('no_gateway', 'no gateway is running here', {
    hint: 'Start one: pi-gateway-tui, or pi-gateway-tui --no-tui for a service.',
  });
}

function countOf(value: string | undefined): number {
  const count = Number(value ?? 50);
  if (Number.isInteger(count) && count > 0 && count <= 1000) return count;
  throw new UsageError(`audit: "${value ?? ''}" is no number of lines; give a whole number from 1 to 1000.`);
}

function need(value: string | undefined, usage: string): string {
  if (value !== undefined && value !== '') return value;
  throw new UsageError(`usage: pi-gateway-tui ${usage}`);
}

function saysNotOk(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'ok' in data && data.ok === false;
}
