import { type Static, type TSchema, Type } from 'typebox';
import type { OperatorCommand, OperatorQueries } from '../gateway/operator/operator.ts';
import { ScheduleProperties, TaskOptions } from './bodies.ts';
import { Id, PlatformName, parseValue, Text } from './parse.ts';
import { RequestRefused } from './refusal.ts';

type CommandType = OperatorCommand['type'];

const strict = { additionalProperties: false } as const;

function command<T extends CommandType, P extends Record<string, TSchema>>(type: T, properties: P) {
  return Type.Object({ type: Type.Literal(type), ...properties }, strict);
}

const pairingTarget = { requestId: Type.Optional(Id), code: Type.Optional(Type.String({ maxLength: 64 })) };
const byId = { id: Id };
const user = { platform: PlatformName, userId: Id };
const adapter = { platform: PlatformName };
const queued = { sessionId: Id, messageId: Id };

/** Every operator command as it may arrive from outside; the compiler demands one for each. */
const COMMANDS = {
  'pairing.approve': command('pairing.approve', pairingTarget),
  'pairing.deny': command('pairing.deny', pairingTarget),
  'pairing.block': command('pairing.block', pairingTarget),
  'pairing.invite': command('pairing.invite', {}),
  'pairing.generate': command('pairing.generate', user),
  'pairing.undo': command('pairing.undo', { requestId: Id }),
  allow: command('allow', { ...user, note: Type.Optional(Type.String({ maxLength: 500 })) }),
  revoke: command('revoke', user),
  block: command('block', user),
  unblock: command('unblock', user),
  'session.reset': command('session.reset', byId),
  'session.reopen': command('session.reopen', byId),
  'session.stop': command('session.stop', byId),
  'session.pause': command('session.pause', byId),
  'session.resume': command('session.resume', byId),
  'session.lend': command('session.lend', byId),
  'session.renew': command('session.renew', {
    id: Id,
    lease: Id,
    pid: Type.Optional(Type.Integer({ minimum: 1 })),
  }),
  'session.handBack': command('session.handBack', { id: Id, lease: Id }),
  'session.write': command('session.write', { id: Id, text: Text }),
  'queue.drop': command('queue.drop', queued),
  'queue.up': command('queue.up', queued),
  'queue.restore': command('queue.restore', queued),
  'task.start': command('task.start', {
    sessionId: Type.Optional(Id),
    command: Text,
    ...TaskOptions,
  }),
  'task.retry': command('task.retry', byId),
  'task.cancel': command('task.cancel', byId),
  'task.deliver': command('task.deliver', byId),
  'schedule.add': command('schedule.add', ScheduleProperties),
  'schedule.write': command('schedule.write', {
    text: Text,
    deliver: ScheduleProperties.deliver,
    sessionId: Type.Optional(Id),
  }),
  'schedule.pause': command('schedule.pause', byId),
  'schedule.resume': command('schedule.resume', byId),
  'schedule.remove': command('schedule.remove', byId),
  'schedule.run': command('schedule.run', byId),
  'home.set': command('home.set', { ...adapter, chat: Type.Optional(Id) }),
  'adapter.start': command('adapter.start', adapter),
  'adapter.stop': command('adapter.stop', adapter),
  'adapter.restart': command('adapter.restart', adapter),
  'adapter.check': command('adapter.check', {
    ...adapter,
    settings: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown())),
  }),
  'dialog.answer': command('dialog.answer', {
    ...byId,
    decision: Type.Optional(
      Type.Union([Type.Literal('once'), Type.Literal('session'), Type.Literal('deny')]),
    ),
    value: Type.Optional(Type.String({ maxLength: 100_000 })),
  }),
  'outbox.retry': command('outbox.retry', byId),
  'outbox.abandon': command('outbox.abandon', byId),
  send: command('send', { platform: PlatformName, channelId: Id, content: Text }),
  'config.set': command('config.set', { key: Id, value: Type.Unknown() }),
  'token.rotate': command('token.rotate', {}),
  doctor: command('doctor', {}),
  restart: command('restart', {}),
  stop: command('stop', {}),
} as const satisfies { [T in CommandType]: TSchema };

const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 }));

const QUERIES = {
  transcript: Type.Object(
    { sessionId: Id, limit, before: Type.Optional(Type.Integer({ minimum: 0 })) },
    strict,
  ),
  search: Type.Object({ words: Type.String({ minLength: 1, maxLength: 400 }), limit }, strict),
  queue: Type.Object({ sessionId: Id }, strict),
  steps: Type.Object({ taskId: Id }, strict),
  config: Type.Object({}, strict),
  audit: Type.Object({ limit }, strict),
  usage: Type.Object({ limit }, strict),
  blocked: Type.Object({}, strict),
} as const satisfies { [K in keyof OperatorQueries]: TSchema };

function isKey<T extends object>(table: T, key: unknown): key is keyof T {
  return typeof key === 'string' && Object.hasOwn(table, key);
}

/** A name from outside may be anything, also something that no text can be made of. */
function shown(name: unknown): string {
  return typeof name === 'string' ? name.slice(0, 40) : typeof name;
}

function unknownName(kind: string, name: unknown): RequestRefused {
  return new RequestRefused(`unknown_${kind}`, `there is no ${kind} "${shown(name)}"`, {
    status: 400,
    hint: 'The console may be newer than the gateway: bring both to the same version.',
  });
}

/** A command from outside, or a 400 that names the key at fault. */
export function parseCommand(value: unknown): OperatorCommand {
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
  if (!isKey(COMMANDS, type)) throw unknownName('command', type);
  const parsed: Static<(typeof COMMANDS)[CommandType]> = parseValue(
    COMMANDS[type],
    value,
    `a command "${type}"`,
  );
  return parsed;
}

export type ParsedQuery = {
  [K in keyof OperatorQueries]: { readonly name: K; readonly params: OperatorQueries[K]['params'] };
}[keyof OperatorQueries];

/** A question from outside, or a 400 that names the key at fault. */
export function parseQuery(name: unknown, params: unknown): ParsedQuery {
  const what = `parameters of the query "${shown(name)}"`;
  switch (name) {
    case 'transcript':
      return { name, params: parseValue(QUERIES.transcript, params, what) };
    case 'search':
      return { name, params: parseValue(QUERIES.search, params, what) };
    case 'queue':
      return { name, params: parseValue(QUERIES.queue, params, what) };
    case 'steps':
      return { name, params: parseValue(QUERIES.steps, params, what) };
    case 'config':
      parseValue(QUERIES.config, params, what);
      return { name, params: {} };
    case 'audit':
      return { name, params: parseValue(QUERIES.audit, params, what) };
    case 'usage':
      return { name, params: parseValue(QUERIES.usage, params, what) };
    case 'blocked':
      parseValue(QUERIES.blocked, params, what);
      return { name, params: {} };
    default:
      throw unknownName('query', name);
  }
}
