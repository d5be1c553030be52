/**
 * What someone who helps needs to know of a gateway, in one file without secrets, people and what they wrote: it is put
 * together from what is known to be harmless, and every text in it is scrubbed besides.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { arch, cpus, freemem, homedir, release, totalmem, type } from 'node:os';
import { join, resolve } from 'node:path';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import { messageOf } from '../../base/errors.ts';
import type { TarFile } from '../backup/archive.ts';
import { writeArchive } from '../backup/archive.ts';
import { configKeys } from '../config/access.ts';
import type { Gateway } from '../gateway.ts';
import type { LogLine } from '../model.ts';
import { Redactor } from '../send/egress.ts';
import type { ConfigValue } from './operator.ts';

const LINES = 400;
const DECISIONS = 200;
/** Fields of the log that name no one. */
const FIELDS = new Set(
  'code state platform kind reason ms bytes count version port signal attempt retry status records segments offset error next exit'.split(
    ' ',
  ),
);
/** Labels of metrics that have a few values, all of them ours. */
const LABELS = new Set(
  'platform state kind outcome le quantile status code direction result reason role type phase step store space version'.split(
    ' ',
  ),
);
const SECRET_NAME = /key|token|secret|pass|auth|credential|cookie|session/iu;

/** Names with dots are hosts, unless they are files or keys of the configuration. */
const HOST = /\b(?:[\w-]+\.)+[A-Za-z]{2,}\b/gu;
const OURS =
  /^(?:platforms|agent|security|sessions|limits|backup|notify|owners|retention|pairing|console|store|heartbeat|threads|groups)\.|\.(?:json|jsonl|db|log|gz|ts|js|md|token|service|lock|partial|tmp)$/u;

interface DebugSource {
  readonly gateway: Gateway;
  /** @throws ConfigError when config.json is invalid */
  readonly config: () => readonly ConfigValue[];
  readonly doctor: () => Promise<string>;
  readonly metrics: (() => Promise<string>) | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** Takes out of a text what may be a secret, a person or a place. */
export function scrubber(
  redact: (text: string) => string,
  names: readonly string[],
): (text: string) => string {
  const known = [...new Set(names.map((name) => name.trim()).filter((name) => name.length >= 2))].sort(
    (a, b) => b.length - a.length,
  );
  return (text) => {
    let found = redact(text).replaceAll(homedir(), '~');
    for (const name of known) found = found.replaceAll(name, '<name>');
    return found
      .replace(/\w+:\/\/[^\s"'<>)]+/gu, '<url>')
      .replace(/[^\s"'<>()=]*%[0-9A-Fa-f]{2}[^\s"'<>()]*/gu, '<encoded>')
      .replace(/[\w.+-]+@[\w.-]+/gu, '<address>')
      .replace(/@\w[\w.-]*/gu, '<name>')
      .replace(HOST, (host) => (OURS.test(host) ? host : '<host>'))
      .replace(/[\w+/=-]{16,}/gu, (run) => (/\d|[a-z][A-Z]|[+=]/u.test(run) ? '<long>' : run))
      .replace(/\+?\d(?:[ ().-]?\d){4,}/gu, '<number>');
  };
}

/** Writes the file (0600); without a path below gateway/debug. */
export async function writeDebugBundle(source: DebugSource, at: number, file?: string): Promise<string> {
  const { gateway } = source;
  const { folder, version } = gateway.deps;
  const stamp = new Date(at).toISOString().replace(/[-:]|\.\d+/gu, '');
  const directory = join(folder.root, 'gateway', 'debug');
  const path = file === undefined ? join(directory, `debug-${stamp}.tar.gz`) : resolve(file);
  if (file === undefined) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const parts = await contents(source);
  const files = (async function* (): AsyncGenerator<TarFile> {
    for (const [name, text] of Object.entries(parts)) {
      const bytes = Buffer.from(text);
      yield { name, size: bytes.length, at, content: [bytes] };
    }
  })();
  await writeArchive(path, files, { version, at, files: false, leftOut: [] });
  return path;
}

async function contents(source: DebugSource): Promise<Record<string, string>> {
  const { gateway, config, doctor, metrics } = source;
  const scrub = scrubber(redactorOf(source), namesOf(gateway));
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const attempt = async (what: () => Promise<string>): Promise<string> =>
    what().catch((error: unknown) => `failed: ${messageOf(error)}`);
  return {
    'versions.json': json(versions(gateway)),
    'config.json': json(configuration(config)),
    'doctor.txt': `${scrub(await attempt(doctor))}\n`,
    'status.json': json(status(gateway, scrub)),
    'decisions.json': json(
      gateway
        .decisions(DECISIONS)
        .map(({ at, what, kind, code, platform }) => ({ at, what, kind, code, platform })),
    ),
    'log.txt': gateway.deps.logs
      .lines()
      .slice(-LINES)
      .map((line) => lineOf(line, scrub))
      .join('\n'),
    'metrics.txt':
      metrics === undefined ? 'no gateway is running\n' : metricsOf(await attempt(metrics), scrub),
    'process.json': json(figures()),
  };
}

/** With what the environment has under a name that says so, in every form in which it may be written. */
function redactorOf({ gateway, env }: DebugSource): (text: string) => string {
  const own = new Redactor();
  for (const [name, value = ''] of Object.entries(env)) {
    if (!SECRET_NAME.test(name) || value.length < 6) continue;
    own.add(value);
    for (const encoding of ['base64', 'base64url', 'hex'] as const)
      own.add(Buffer.from(value).toString(encoding));
  }
  return (text) => own.redact(gateway.deps.redactor.redact(text.toWellFormed()));
}

/** Names of people, chats and sessions, wherever the gateway shows them. */
function namesOf(gateway: Gateway): string[] {
  return [
    ...gateway.conversations.views().flatMap(({ title, chat }) => [title, chat.chatId]),
    ...gateway.access.people.list().flatMap(({ userId, note }) => [userId, note ?? '']),
    ...gateway.access
      .pairing()
      .flatMap(({ senderName, senderId, firstWords }) => [senderName, senderId, firstWords]),
    ...gateway.refusals.flatMap(({ senderName, senderId, chatId }) => [senderName, senderId, chatId]),
    ...gateway.deps.settings.owners.flatMap(({ name, person, chat }) => [name, person, chat.chatId]),
  ].filter((name) => name !== undefined);
}

/** An invalid file is often the reason for the report: then where it is wrong, and nothing that stands there. */
function configuration(config: DebugSource['config']): object {
  try {
    return Object.fromEntries(config().map((each) => [each.key, shown(each)]));
  } catch (error) {
    const said = messageOf(error);
    const syntax = /is not valid JSON(?:: the error is at line \d+, column \d+)?/u.exec(said)?.[0];
    const key = configKeys().find((each) => said.includes(`: ${each.key}: `))?.key;
    return { invalid: syntax ?? key ?? 'see: pi-gateway-tui doctor' };
  }
}

/** Switches, numbers and choices; of everything else only whether it is set. */
function shown({ value, kind, secret, source, choices }: ConfigValue): unknown {
  const open =
    secret !== true &&
    (typeof value === 'boolean' ||
      (typeof value === 'number' && kind === 'number') ||
      (kind === 'choice' && choices?.some((each) => each === value) === true));
  if (open) return source === 'default' ? value : { value, source };
  return value === undefined || value === null ? null : source === 'default' ? 'default' : `set (${source})`;
}

function versions(gateway: Gateway): object {
  const { version, demo, settings } = gateway.deps;
  return {
    version,
    node: process.version,
    libraries: { v8: process.versions.v8, openssl: process.versions.openssl, uv: process.versions.uv },
    system: {
      platform: process.platform,
      type: type(),
      release: release(),
      arch: arch(),
      cpus: cpus().length,
    },
    demo,
    agent: settings.noAgent ? 'none' : gateway.view().agent.backend,
  };
}

function status(gateway: Gateway, scrub: (text: string) => string): object {
  const view = gateway.view();
  const count = (values: readonly string[]): Record<string, number> => {
    const found: Record<string, number> = {};
    for (const value of values) found[value] = (found[value] ?? 0) + 1;
    return found;
  };
  const { stores, clock } = gateway.deps;
  return {
    state: view.state,
    uptimeMs: view.startedAt === 0 ? 0 : clock() - view.startedAt,
    clients: view.clients,
    badges: view.badges.map(scrub),
    agent: {
      ok: view.agent.ok,
      running: view.agent.running,
      maxConcurrent: view.agent.maxConcurrent,
      detail: scrub(view.agent.detail),
    },
    sessions: { ...view.sessions, states: count(gateway.conversations.views().map(({ state }) => state)) },
    tasks: count(gateway.tasks.views().map(({ status: each }) => each)),
    schedules: gateway.schedules.views().length,
    people: gateway.access.people.list().length,
    pairing: gateway.access.pairing().length,
    outbox: count(gateway.outbox.list().map(({ state }) => state)),
    adapters: gateway.adapters.views().map(({ platform, state, detail, nextStep }) => ({
      platform,
      state,
      detail: scrub(detail),
      next: scrub(nextStep ?? ''),
    })),
    stores: Object.fromEntries(Object.entries(stores).map(([name, db]) => [name, db.stats()])),
  };
}

function lineOf({ at, level, source, text, fields = {} }: LogLine, scrub: (text: string) => string): string {
  // Fields follow the sentence: of them only those that name no one.
  const values = Object.entries(fields);
  const end = values.reduce((first, [key]) => {
    const found = text.indexOf(` ${key}=`);
    return found >= 0 && found < first ? found : first;
  }, text.length);
  const kept = values.filter(([key]) => FIELDS.has(key)).map(([key, value]) => `${key}=${scrub(value)}`);
  return [new Date(at).toISOString(), level, source, scrub(text.slice(0, end)), ...kept].join(' ');
}

/** Every value of a label that is not one of a few. */
function metricsOf(text: string, scrub: (text: string) => string): string {
  return text
    .split('\n')
    .map((line) =>
      line.startsWith('#')
        ? line
        : line.replace(/(\w+)="((?:\\.|[^"\\])*)"/gu, (_, name: string, value: string) =>
            LABELS.has(name) ? `${name}="${scrub(value)}"` : `${name}="<name>"`,
          ),
    )
    .join('\n');
}

function figures(): object {
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  return {
    uptimeSeconds: Math.round(process.uptime()),
    memory: process.memoryUsage(),
    machine: { total: totalmem(), free: freemem() },
    cpu: process.cpuUsage(),
    eventLoop: performance.eventLoopUtilization(),
    resources,
    threads: threads(),
    heap: getHeapStatistics(),
    spaces: getHeapSpaceStatistics(),
  };
}

/** Names of threads with the processor time of each; only Linux says that. */
function threads(): readonly { readonly name: string; readonly ticks: number }[] {
  try {
    return readdirSync('/proc/self/task').map((id) => {
      const stat = readFileSync(`/proc/self/task/${id}/stat`, 'utf8');
      const [, name = ''] = /\((.*)\)/su.exec(stat) ?? [];
      const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return { name, ticks: Number(rest[11]) + Number(rest[12]) };
    });
  } catch {
    return [];
  }
}
