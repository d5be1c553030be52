/** What an operator, or a pi in a terminal, does about chats that are bound to one session of pi. */
import { Type } from 'typebox';
import { idFault } from '../../chat.ts';
import type { Gateway } from '../../gateway.ts';
import type { ChatRef, Platform } from '../../model.ts';
import { parseHome } from '../../send/target.ts';
import { BindReport, TerminalPi } from './binding-schemas.ts';
import { Id, operation, PlatformName } from './operation.ts';

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
