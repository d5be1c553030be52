/** What an operator, or a pi in a terminal, does about chats that are bound to one session of pi. */

import { type TProperties, Type } from 'typebox';
import { idFault } from '../../chat.ts';
import type { Gateway } from '../../gateway.ts';
import type { ChatRef, Platform } from '../../model.ts';
import { parseHome } from '../../send/outbound.ts';
import { Id, operation, PlatformName } from './operation.ts';

const strict = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });
/** The longest answer of a model, with room to spare. */
const Long = Type.String({ maxLength: 4_000_000 });
const Sentence = Type.String({ maxLength: 10_000 });
const Count = Type.Number({ minimum: 0 });

/** What a pi in a terminal says of itself, as it may arrive from outside. */
const TerminalPi = Type.Object(
  {
    sessionId: Type.String({ maxLength: 200 }),
    sessionFile: Type.Optional(Path),
    cwd: Path,
    name: Type.Optional(Type.String({ maxLength: 500 })),
  },
  strict,
);

function event<T extends string, P extends TProperties>(type: T, properties: P) {
  return Type.Object({ type: Type.Literal(type), ...properties }, strict);
}

const tool = { id: Type.String({ maxLength: 500 }), name: Type.String({ maxLength: 500 }) };

const RunEvent = Type.Union([
  event('started', {}),
  event('text_delta', { delta: Long }),
  event('text_end', {}),
  event('tool_start', tool),
  event('tool_end', { ...tool, ok: Type.Boolean() }),
  event('progress', { percent: Type.Number(), message: Sentence }),
  event('alive', {}),
  event('compacting', { on: Type.Boolean() }),
  event('usage', { inputTokens: Count, outputTokens: Count, costUsd: Count }),
]);

const Ended = Type.Union([
  Type.Object({ status: Type.Literal('answered'), cutShort: Type.Optional(Type.Literal(true)) }, strict),
  Type.Object({ status: Type.Literal('aborted') }, strict),
  Type.Object(
    {
      status: Type.Literal('failed'),
      code: Type.Union([
        Type.Literal('agent_missing'),
        Type.Literal('agent_unreachable'),
        Type.Literal('agent_unconfigured'),
        Type.Literal('agent_exited'),
        Type.Literal('agent_silent'),
        Type.Literal('agent_crashed'),
        Type.Literal('model_error'),
        Type.Literal('limit_reached'),
        Type.Literal('timed_out'),
        Type.Literal('agent_stopped'),
      ]),
      message: Sentence,
      hint: Sentence,
      reachedModel: Type.Boolean(),
      retryable: Type.Boolean(),
    },
    strict,
  ),
]);

const Call = Type.Object(
  {
    tool: Type.String({ maxLength: 500 }),
    callId: Type.Optional(Type.String({ maxLength: 500 })),
    argumentsJson: Long,
    hash: Type.String({ maxLength: 128 }),
    dangerous: Type.Boolean(),
    reason: Sentence,
    groupKey: Sentence,
    group: Sentence,
  },
  strict,
);

/** What it reports while a chat is bound to it. */
export const BindReport = Type.Union([
  Type.Object({ type: Type.Literal('event'), run: Id, event: RunEvent }, strict),
  Type.Object({ type: Type.Literal('end'), run: Id, end: Ended }, strict),
  Type.Object({ type: Type.Literal('ask'), run: Id, ask: Id, call: Call }, strict),
  Type.Object({ type: Type.Literal('asked'), ask: Id }, strict),
  Type.Object({ type: Type.Union([Type.Literal('typed'), Type.Literal('said')]), text: Long }, strict),
]);

/** `channelId` is `<chat>` or `<chat>:<thread>`. */
const chat = { platform: PlatformName, channelId: Id };
const name = (params: Named): string => `${params.platform} ${params.channelId}`;

interface Named {
  readonly platform: Platform;
  readonly channelId: string;
}

function chatOf(gateway: Gateway, { platform, channelId }: Named): ChatRef {
  const { chatId, threadId } = parseHome(platform, channelId);
  const found = gateway.chatOf(platform, chatId);
  return threadId === undefined ? found : { ...found, threadId };
}

/** A wrong id is noticed by no one: no message ever comes from there. */
function unheard(gateway: Gateway, { platform, channelId }: Named): string {
  const { chatId } = parseHome(platform, channelId);
  if (gateway.sessions.inChat(platform, chatId) !== undefined) return '';
  const fault = idFault(platform, 'chat', chatId);
  const expected = fault === undefined ? '' : ` Expected ${fault.expected}.`;
  return `. Warning: nothing has been received from this chat yet. Check its id: pi-gateway-tui sessions.${expected}`;
}

export const BINDINGS = [
  operation({
    name: 'bind',
    help: 'tie a chat to one session: one of the gateway, or one of pi by its id or file',
    params: { ...chat, session: Type.String({ minLength: 1, maxLength: 4096 }) },
    audit: name,
    http: 'POST /api/bindings',
    words: [
      {
        say: 'bind <platform> <channel-id> <session>',
        args: '[platform channel-id session]',
        group: 'sessions',
        help: 'list bound chats, or tie a chat to one session of pi (id or file)',
        example: 'bind telegram 81234 0199a2c4',
      },
    ],
    async run({ gateway }, params) {
      const warning = unheard(gateway, params);
      const session = await gateway.bindings.bind(chatOf(gateway, params), params.session);
      return {
        message: `${name(params)} is bound to ${session.sessionFile ?? session.id}${warning}`,
        data: { id: session.id, ...session.bound },
      };
    },
  }),
  operation({
    name: 'unbind',
    help: 'end a binding: the chat continues in its own session, with its queued messages',
    params: chat,
    audit: name,
    http: 'DELETE /api/bindings/:platform/:channelId',
    words: [
      {
        say: 'unbind <platform> <channel-id>',
        group: 'sessions',
        help: 'end a binding; the chat continues in its own session',
        example: 'unbind telegram 81234',
      },
    ],
    async run({ gateway }, params) {
      await gateway.bindings.unbind(chatOf(gateway, params));
      return { message: `${name(params)} continues in its own session` };
    },
  }),
  operation({
    name: 'bind.terminal',
    /** `process` is the identity of that pi as JSON; `data` is a TerminalLease. */
    help: 'tie a chat to the pi in a terminal, until that pi ends',
    params: { ...chat, process: Type.String({ maxLength: 2000 }), pi: TerminalPi },
    audit: name,
    async run({ gateway }, params) {
      const warning = unheard(gateway, params);
      const data = await gateway.bindings.bindTerminal(chatOf(gateway, params), params.pi, params.process);
      return { message: `${name(params)} is bound to this pi${warning}`, data };
    },
  }),
  operation({
    name: 'bind.move',
    help: 'note that the pi in the terminal shows another session',
    params: { lease: Id, pi: TerminalPi },
    async run({ gateway }, { lease, pi }) {
      await gateway.bindings.move(lease, pi);
      return { message: 'moved' };
    },
  }),
  operation({
    name: 'bind.next',
    /** `data` is Orders. */
    help: 'wait for what the pi in the terminal is to do',
    params: {
      lease: Id,
      seen: Type.Object(
        { epoch: Type.Optional(Id), number: Type.Integer({ minimum: 0 }) },
        { additionalProperties: false },
      ),
    },
    run: async ({ gateway }, { lease, seen }) => ({
      message: 'orders',
      data: await gateway.bindings.next(lease, seen),
    }),
  }),
  operation({
    name: 'bind.report',
    /** `first` numbers the first report; `data` lists the runs that no one waits for. */
    help: 'note what the pi in the terminal did',
    params: {
      lease: Id,
      first: Type.Integer({ minimum: 1 }),
      reports: Type.Array(BindReport, { maxItems: 1000 }),
    },
    run: async ({ gateway }, { lease, first, reports }) => ({
      message: 'noted',
      data: await gateway.bindings.report(lease, first, reports),
    }),
  }),
  operation({
    name: 'bind.leave',
    help: 'note that the pi in the terminal ends',
    params: { lease: Id },
    async run({ gateway }, { lease }) {
      await gateway.bindings.leave(lease);
      return { message: 'the chat continues in its own session' };
    },
  }),
] as const;
