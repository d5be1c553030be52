/** What an operator decides about people: pairing requests, the allowlist, blocked senders. */
import { Type } from 'typebox';
import type { PairingRequest } from '../../access/pairing-request.ts';
import { type CommandResult, Id, operation, PlatformName } from './operation.ts';

/** By row or by code; case, dash and spaces of a code are ignored. Over HTTP exactly one of them. */
const request = {
  requestId: Type.Optional(Id),
  code: Type.Optional(Type.String({ maxLength: 64 })),
};
const expects = '{"code"} or {"requestId"}';
const user = { platform: PlatformName, userId: Id };

function decided({ id, chat, senderId, senderName }: PairingRequest, what: string): CommandResult {
  return {
    message: `${senderName} (${chat.platform}) ${what}`,
    data: { requestId: id, platform: chat.platform, userId: senderId },
  };
}

/** The access rules write their own lines of the audit: chats decide too. */
export const PEOPLE = [
  operation({
    name: 'pairing.approve',
    help: 'Approves a pairing request: its sender is on the allowlist.',
    params: request,
    http: 'POST /api/pairing/approve',
    expects,
    run: async ({ gateway }, target, actor) =>
      decided(await gateway.door.approve(target, actor), 'is let in'),
  }),
  operation({
    name: 'pairing.deny',
    help: 'Denies a pairing request. Also withdraws a code that was generated, and an invitation ("requestId" is its id).',
    params: request,
    http: 'POST /api/pairing/deny',
    expects,
    async run({ gateway: { door } }, target, actor) {
      if (await door.codes.withdraw(target, actor)) return { message: 'the code was withdrawn' };
      return decided(await door.deny(target, actor), 'was denied');
    },
  }),
  operation({
    name: 'pairing.block',
    help: 'Denies a pairing request and ignores its sender from then on.',
    params: request,
    http: 'POST /api/pairing/block',
    expects,
    run: async ({ gateway }, target, actor) =>
      decided(await gateway.door.blockRequest(target, actor), 'is blocked'),
  }),
  operation({
    name: 'pairing.invite',
    /** `data` is {id, code, expiresAt}; whoever comes in with it has the note `invitation <id>` on the allowlist. */
    help: 'Makes a single-use code: who sends it to the bot is approved.',
    params: {},
    run({ gateway }, _params, actor) {
      const { id, code, expiresAt } = gateway.door.codes.invite(actor);
      return {
        message: `Send this to the bot from the new person’s account within the hour: ${code}`,
        data: { id, code, expiresAt },
      };
    },
  }),
  operation({
    name: 'pairing.generate',
    help: 'Makes a code for one user on one platform; approving it gives exactly that user access.',
    params: user,
    async run({ gateway }, { platform, userId }, actor) {
      const { id, code, expiresAt } = await gateway.door.codes.generate(platform, userId, actor);
      return {
        message: `Code for ${platform} ${userId}: ${code}. Approve it within the hour to give exactly this user access.`,
        data: { requestId: id, code, platform, userId, expiresAt },
      };
    },
  }),
  operation({
    name: 'pairing.undo',
    help: 'Takes a decision back: an approved sender is revoked, a blocked one unblocked; the request waits again.',
    params: { requestId: Id },
    run: async ({ gateway }, { requestId }, actor) => ({
      message: `${(await gateway.door.undo(requestId, actor)).senderName} waits again`,
    }),
  }),
  operation({
    name: 'allow',
    help: 'Adds a user to the allowlist.',
    params: { ...user, note: Type.Optional(Type.String({ maxLength: 500 })) },
    http: 'POST /api/allowlist',
    async run({ gateway }, { platform, userId, note }, actor) {
      await gateway.door.allow(platform, userId, note, actor);
      return { message: `${platform} ${userId} is on the allowlist` };
    },
  }),
  operation({
    name: 'revoke',
    help: "Revokes a user's access, in force at once.",
    params: user,
    http: 'DELETE /api/allowlist/:platform/:userId',
    async run({ gateway }, { platform, userId }, actor) {
      await gateway.door.revoke(platform, userId, actor);
      return { message: `${platform} ${userId} has no access any more` };
    },
  }),
  operation({
    name: 'block',
    help: 'Ignores a sender until unblocked.',
    params: user,
    async run({ gateway }, { platform, userId }, actor) {
      await gateway.door.block(platform, userId, actor);
      return { message: `${platform} ${userId} is blocked` };
    },
  }),
  operation({
    name: 'unblock',
    help: 'Stops ignoring a sender.',
    params: user,
    async run({ gateway }, { platform, userId }, actor) {
      await gateway.door.unblock(platform, userId, actor);
      return { message: `${platform} ${userId} is no longer blocked` };
    },
  }),
] as const;
