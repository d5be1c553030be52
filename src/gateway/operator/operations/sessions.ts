/** What an operator does to sessions and to the messages that are waiting in them. */
import { Type } from 'typebox';
import { GatewayError } from '../../../base/errors.ts';
import type { Gateway } from '../../gateway.ts';
import { raw } from '../../language/chat-text.ts';
import type { SessionRecord } from '../../sessions/sessions.ts';
import type { LeasedSession } from '../operator.ts';
import type { Typed } from './operation.ts';
import { byId, findSession, Id, idOf, operation, PlatformName, type Seen, Text } from './operation.ts';

const queued = { sessionId: Id, messageId: Id };
const place = (params: { readonly sessionId: string; readonly messageId: string }): string =>
  `${params.sessionId} ${params.messageId}`;

function named({ session = '' }: Typed, seen: Seen): { readonly id: string } {
  return { id: findSession(seen, session).id };
}

/** @throws GatewayError 404 */
export function sessionNamed({ sessions }: Gateway, wanted: string): SessionRecord {
  const session = sessions.get(wanted);
  if (session === undefined) throw notFound('session', wanted);
  return session;
}

function notFound(what: string, wanted: string): GatewayError {
  return new GatewayError(`${what.split(' ')[0]}_not_found`, `no ${what} has the id ${wanted}`, {
    status: 404,
    hint: `List them with: pi-gateway-tui ${what === 'session' ? 'sessions' : 'session show <session>'}`,
  });
}

export const SESSIONS = [
  operation({
    name: 'session.reset',
    help: 'end a session; the next message in its chat begins a new one',
    params: byId,
    audit: idOf,
    http: 'POST /api/sessions/:id/reset',
    words: [
      {
        say: 'session reset <session>',
        group: 'sessions',
        help: 'show one session, or act on it',
        example: 'session show 4f2a',
        read: named,
      },
    ],
    async run({ gateway }, params) {
      await gateway.conversations.endSession(sessionNamed(gateway, params.id), 'reset by the operator');
      return { message: 'the session was reset' };
    },
  }),
  operation({
    name: 'session.reopen',
    help: 'make a session that was reset the current one of its chat again',
    params: byId,
    audit: idOf,
    async run({ gateway }, params) {
      await gateway.conversations.reopen(sessionNamed(gateway, params.id));
      return { message: 'the session was resumed' };
    },
  }),
  operation({
    name: 'session.stop',
    help: 'stop the turn that runs in a session',
    params: byId,
    audit: idOf,
    words: [{ say: 'session stop <session>', live: true, read: named }],
    run({ gateway }, params) {
      const stopped = gateway.conversations.queue(sessionNamed(gateway, params.id).id)?.stop();
      return { message: stopped?.aborted ? 'stopping the turn' : 'nothing was running' };
    },
  }),
  operation({
    name: 'session.pause',
    help: 'pause the agent in a session: messages queue while the operator answers',
    params: byId,
    audit: idOf,
    words: [{ say: 'session pause <session>', live: true, read: named }],
    async run({ gateway: { conversations }, gateway }, params) {
      const session = sessionNamed(gateway, params.id);
      conversations.openQueue(session).pause();
      session.paused = true;
      await conversations.save(session);
      return { message: 'the agent is paused in this chat; messages are queued' };
    },
  }),
  operation({
    name: 'session.resume',
    help: 'resume the agent in a paused session',
    params: byId,
    audit: idOf,
    words: [{ say: 'session resume <session>', live: true, read: named }],
    async run({ gateway: { conversations, handoffs }, gateway }, params) {
      const session = sessionNamed(gateway, params.id);
      handoffs.refuse(session);
      session.paused = false;
      await conversations.save(session);
      conversations.openQueue(session).resume();
      return { message: 'the agent is resumed in this chat' };
    },
  }),
  operation({
    name: 'session.lend',
    /** `data` is {@link LentSession}. */
    help: 'open a session in a terminal; messages queue until it is closed there',
    params: byId,
    audit: idOf,
    async run({ gateway }, params) {
      const lease: LeasedSession = await gateway.handoffs.lend(sessionNamed(gateway, params.id));
      return { message: 'the agent waits; pi can be opened', data: lease };
    },
  }),
  operation({
    name: 'session.renew',
    help: 'renew the lease of a terminal that has a session; "pid" is its pi',
    params: { ...byId, lease: Id, pid: Type.Optional(Type.Integer({ minimum: 1 })) },
    async run({ gateway }, params) {
      await gateway.handoffs.renew(sessionNamed(gateway, params.id), params.lease, params.pid);
      return { message: 'renewed' };
    },
  }),
  operation({
    name: 'session.handBack',
    help: 'close a session that is open in a terminal',
    params: { ...byId, lease: Id },
    audit: idOf,
    async run({ gateway }, params) {
      await gateway.handoffs.handBack(sessionNamed(gateway, params.id), params.lease);
      return { message: 'the agent is resumed in this chat' };
    },
  }),
  operation({
    name: 'session.write',
    help: 'write into the chat of a session as the operator',
    params: { ...byId, text: Text },
    audit: idOf,
    async run({ gateway: { conversations, outbox }, gateway }, params) {
      const session = sessionNamed(gateway, params.id);
      await outbox.post({
        chat: session.chat,
        meta: { kind: 'operator', sessionId: session.id },
        parts: outbox.format(session.chat, raw(params.text)),
      });
      conversations.note(session, 'operator', params.text);
      return { message: 'written' };
    },
  }),
  operation({
    name: 'queue.drop',
    help: 'drop a message that waits in a session',
    params: queued,
    audit: place,
    async run({ gateway }, { sessionId, messageId }) {
      const session = sessionNamed(gateway, sessionId);
      if (!gateway.conversations.drop(session, messageId)) throw notFound('queued message', messageId);
      return { message: 'dropped' };
    },
  }),
  operation({
    name: 'queue.restore',
    help: 'undo a drop of the last minutes: the message is queued again, at the end',
    params: queued,
    audit: place,
    async run({ gateway }, { sessionId, messageId }) {
      if (!(await gateway.conversations.restore(sessionNamed(gateway, sessionId), messageId)))
        throw new GatewayError('undo_too_late', 'that message can no longer be restored', {
          status: 409,
          hint: 'Ask the sender to write it again.',
        });
      return { message: 'the message is queued again' };
    },
  }),
  operation({
    name: 'queue.up',
    help: 'move a queued message one place forward',
    params: queued,
    audit: place,
    run({ gateway }, { sessionId, messageId }) {
      const queue = gateway.conversations.queue(sessionNamed(gateway, sessionId).id);
      if (!queue?.up(messageId)) throw notFound('queued message', messageId);
      return { message: 'moved up' };
    },
  }),
  operation({
    name: 'send',
    help: 'send a message to a chat as the operator',
    params: { platform: PlatformName, channelId: Id, content: Text },
    // No line in the audit: programs send every answer this way, the transcript and the outbox show it.
    http: 'POST /api/send',
    words: [
      {
        say: 'send <platform> <chat> <text…>',
        group: 'sessions',
        example: 'send telegram 81234 "The build is green."',
        read: ({ platform, chat, text }) => ({ platform, channelId: chat, content: text }),
      },
    ],
    async run({ gateway }, { platform, channelId, content }) {
      const row = await gateway.send(platform, channelId, content);
      return { message: 'sending', data: { id: row.id } };
    },
  }),
  operation({
    name: 'outbox.retry',
    help: 'try a delivery that failed again, now',
    params: byId,
    audit: idOf,
    async run({ gateway }, params) {
      await gateway.outbox.retry(params.id);
      return { message: 'trying that delivery again' };
    },
  }),
  operation({
    name: 'outbox.abandon',
    help: 'abandon a delivery; it is never sent',
    params: byId,
    audit: idOf,
    async run({ gateway }, params) {
      await gateway.outbox.abandon(params.id);
      return { message: 'that delivery was discarded' };
    },
  }),
] as const;
