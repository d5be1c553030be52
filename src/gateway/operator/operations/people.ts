/** What an operator decides about people: pairing requests, the allowlist, blocked senders. */
import { Type } from 'typebox';
import { GatewayError } from '../../../base/errors.ts';
import type { PairingRequest } from '../../access/pairing-request.ts';
import { namedBy } from '../../chat.ts';
import { inWords } from '../../config/section-schemas.ts';
import type { Settings } from '../../config/settings.ts';
import type { Gateway } from '../../gateway.ts';
import type { AllowlistView, Platform } from '../../model.ts';
import type { PersonView } from '../../personal-data/erasures.ts';
import type { CommandResult } from '../operator.ts';
import type { Typed } from './operation.ts';
import { Id, isQuestionName, operation, PlatformName, requestNamed, type Seen } from './operation.ts';

/** By row or by code; case, dash and spaces of a code are ignored. Over HTTP exactly one of them. */
const request = {
  requestId: Type.Optional(Id),
  code: Type.Optional(Type.String({ maxLength: 64 })),
};
const expects = '{"code"} or {"requestId"}';
const user = { platform: PlatformName, userId: Id };

/** Cases, dashes and spaces of a code do not count. */
function named({ code = '' }: Typed, seen: Seen) {
  return requestNamed(seen, code.replaceAll(' ', ''));
}

const lifetime = ({ deps }: Gateway): string => inWords(deps.settings.pairing.lifetimeMs);

function invitation(data: unknown): string {
  const { code, expiresAt }: { readonly code?: unknown; readonly expiresAt?: unknown } = { ...Object(data) };
  const minutes =
    typeof expiresAt === 'number' ? Math.max(0, Math.round((expiresAt - Date.now()) / 60_000)) : 0;
  return `Invite code: ${String(code)}\nGive it to one new user. The first person who sends it to the bot in a direct message is approved. It expires in ${minutes} minutes.`;
}

function decided({ id, chat, senderId, senderName }: PairingRequest, what: string): CommandResult {
  return {
    message: `${senderName} (${chat.platform}) ${what}`,
    data: { requestId: id, platform: chat.platform, userId: senderId },
  };
}

function personText({ platform, userId, ids, names, goes, stays }: PersonView): string {
  const also = ids.filter((id) => id !== userId);
  return [
    `${platform} ${userId}${names.length === 0 ? '' : `, ${names.join(', ')}`}${also.length === 0 ? '' : `, also ${also.join(', ')}`}`,
    ...goes.map((line) => `- ${line}`),
    ...(stays.length === 0 ? [] : ['Stays after "person erase":', ...stays.map((line) => `- ${line}`)]),
  ].join('\n');
}

/** What gives a person access to direct messages anyone who is on the allowlist; undefined: nothing does. */
function openFor(settings: Settings, platform: Platform, ids: readonly string[]): string | undefined {
  const { dmPolicy, allowFrom } = settings.chats(platform);
  const named = namedBy(platform, allowFrom, ids);
  if (dmPolicy === 'disabled') return undefined;
  if (named.length > 0) return `platforms.${platform}.allowFrom names ${named.join(', ')}`;
  if (settings.allowAll) return 'security.allowAll is on';
  return dmPolicy === 'open' ? `platforms.${platform}.dmPolicy is "open"` : undefined;
}

/** Slack: the ids with and without a workspace that may be the same person, of whom the gateway has not seen that. */
function otherTeams(platform: Platform, userId: string, listed: readonly AllowlistView[]): string[] {
  if (platform !== 'slack') return [];
  const member = (id: string): string => id.slice(id.indexOf(':') + 1);
  return listed
    .filter((row) => row.platform === platform && member(row.userId) === member(userId))
    .map((row) => row.userId);
}

/** The access rules write their own lines of the audit: chats decide too. */
export const PEOPLE = [
  operation({
    name: 'pairing.approve',
    help: 'approve a pairing request: its sender is on the allowlist',
    params: request,
    http: 'POST /api/pairing/approve',
    expects,
    words: [
      {
        say: 'pair <code…>',
        args: '[code | row]',
        most: 2,
        group: 'access',
        help: 'list pairing requests and open codes, or approve one',
        example: 'pair KQ7M-2XPD',
        read: named,
      },
    ],
    run: async ({ gateway }, target, actor) =>
      decided(await gateway.access.approve(target, actor), 'is approved'),
  }),
  operation({
    name: 'pairing.deny',
    help: 'deny a pairing request, or withdraw a code or an invitation ("requestId" is its id)',
    params: request,
    http: 'POST /api/pairing/deny',
    expects,
    words: [
      {
        say: 'deny <code…>',
        args: '<code> | <row> | <#n>',
        most: 2,
        group: 'access',
        help: 'deny a pairing request or a tool call, or withdraw a code',
        example: 'deny KQ7M-2XPD',
        read: (typed, seen) => (isQuestionName(typed['code'] ?? '') ? undefined : named(typed, seen)),
      },
    ],
    async run({ gateway: { access } }, target, actor) {
      if (await access.codes.withdraw(target, actor)) return { message: 'the code was withdrawn' };
      return decided(await access.deny(target, actor), 'was denied');
    },
  }),
  operation({
    name: 'pairing.block',
    help: 'deny a pairing request and ignore its sender from then on',
    params: request,
    http: 'POST /api/pairing/block',
    expects,
    words: [
      {
        say: 'block <code>',
        args: '<code> | <row> | <platform> <user-id>',
        group: 'access',
        help: 'ignore a sender until unblocked',
        example: 'block telegram 81234',
        read: named,
      },
    ],
    run: async ({ gateway }, target, actor) =>
      decided(await gateway.access.blockRequest(target, actor), 'is blocked'),
  }),
  operation({
    name: 'pairing.invite',
    /** `data` is {id, code, expiresAt}; anyone who comes in with it has the note `invitation <id>` on the allowlist. */
    help: 'create a single-use code: who sends it to the bot is approved',
    params: {},
    words: [
      {
        say: 'invite',
        args: '[platform user-id]',
        group: 'access',
        help: 'create an invite code, or a code for one user to approve',
        example: 'invite',
        // The code lives in the gateway and nowhere else.
        live: true,
        told: invitation,
      },
    ],
    run({ gateway }, _params, actor) {
      const { id, code, expiresAt } = gateway.access.codes.invite(actor);
      return {
        message: `Send this to the bot from the account of the new user within ${lifetime(gateway)}: ${code}`,
        data: { id, code, expiresAt },
      };
    },
  }),
  operation({
    name: 'pairing.generate',
    help: 'create a code for one user; approving it gives exactly that user access',
    params: user,
    words: [{ say: 'invite <platform> <user-id>' }],
    async run({ gateway }, { platform, userId }, actor) {
      const { id, code, expiresAt } = await gateway.access.codes.generate(platform, userId, actor);
      return {
        message: `Code for ${platform} ${userId}: ${code}. Approve it within ${lifetime(gateway)} to give exactly this user access.`,
        data: { requestId: id, code, platform, userId, expiresAt },
      };
    },
  }),
  operation({
    name: 'pairing.undo',
    help: 'undo a decision: an approved sender is revoked, a blocked one unblocked; the request waits again',
    params: { requestId: Id },
    run: async ({ gateway }, { requestId }, actor) => ({
      message: `${(await gateway.access.undo(requestId, actor)).senderName} waits again`,
    }),
  }),
  operation({
    name: 'allow',
    help: 'add a user to the allowlist',
    params: { ...user, note: Type.Optional(Type.String({ maxLength: 500 })) },
    http: 'POST /api/allowlist',
    words: [
      {
        say: 'allow <platform> <user-id> [note…]',
        args: '[platform user-id [note]]',
        group: 'access',
        help: 'show the allowlist, or add a user',
        example: 'allow telegram 81234 "from the sales team"',
      },
    ],
    async run({ gateway }, { platform, userId, note }, actor) {
      await gateway.access.allow(platform, userId, note, actor);
      return { message: `${platform} ${userId} is on the allowlist` };
    },
  }),
  operation({
    name: 'revoke',
    help: "revoke a user's access immediately",
    params: user,
    http: 'DELETE /api/allowlist/:platform/:userId',
    words: [{ say: 'revoke <platform> <user-id>', group: 'access', example: 'revoke telegram 81234' }],
    async run({ gateway }, { platform, userId }, actor) {
      const { access, deps } = gateway;
      const open = openFor(deps.settings, platform, access.people.idsFor(platform, userId));
      const hint = `Change that key, or block the user: block ${platform} ${userId}`;
      await access.revoke(platform, userId, actor).catch((error: unknown) => {
        if (open === undefined || !(error instanceof GatewayError) || error.code !== 'not_allowed')
          throw error;
        throw new GatewayError('not_allowed', `${error.message}, but has access: ${open}`, {
          status: 404,
          hint,
        });
      });
      const others = otherTeams(platform, userId, access.people.list());
      const left =
        others.length === 0
          ? ''
          : `. Still on the allowlist, with the same member id: ${others.join(', ')}. Revoke each: revoke ${platform} ${others[0]}`;
      return {
        message:
          open === undefined
            ? `${platform} ${userId} no longer has access${left}`
            : `${platform} ${userId} is off the allowlist, but still has access: ${open}. ${hint}${left}`,
      };
    },
  }),
  operation({
    name: 'block',
    help: 'ignore a sender until unblocked',
    params: user,
    words: [{ say: 'block <platform> <user-id>' }],
    async run({ gateway }, { platform, userId }, actor) {
      await gateway.access.block(platform, userId, actor);
      return { message: `${platform} ${userId} is blocked` };
    },
  }),
  operation({
    name: 'person.show',
    looks: true,
    /** `data` is a `PersonView`. */
    help: 'show what is kept about a person, under every id of theirs',
    params: user,
    http: 'POST /api/people/:platform/:userId/show',
    words: [
      {
        say: 'person show <platform> <user-id>',
        group: 'access',
        help: 'show, export or erase everything that is kept about a person',
        example: 'person show telegram 81234',
      },
    ],
    async run({ gateway }, { platform, userId }) {
      const person = await gateway.erasures.show(platform, userId);
      return { message: personText(person), data: person };
    },
  }),
  operation({
    name: 'person.export',
    /** `data` is {path}, on the machine of the gateway. */
    help: 'write everything that is kept about a person to a directory',
    params: user,
    audit: ({ platform, userId }) => `${platform} ${userId}`,
    http: 'POST /api/people/:platform/:userId/export',
    words: [{ say: 'person export <platform> <user-id>' }],
    async run({ gateway }, { platform, userId }) {
      const path = await gateway.erasures.export(platform, userId);
      return { message: `exported to ${path}`, data: { path } };
    },
  }),
  operation({
    name: 'person.erase',
    /** `data` is {left}: what could not be erased. Its line of the audit log is part of the erasure. */
    help: 'erase everything that is kept about a person; this cannot be undone',
    params: user,
    http: 'DELETE /api/people/:platform/:userId',
    words: [
      {
        say: 'person erase <platform> <user-id>',
        asks: 'Erase everything that is kept about this person? This cannot be undone.',
      },
    ],
    async run({ gateway }, { platform, userId }, actor) {
      const { left } = await gateway.erasures.erase(platform, userId, actor);
      const rest = left.length === 0 ? '' : `\nNot erased:\n${left.map((each) => `- ${each}`).join('\n')}`;
      return { message: `${platform} ${userId} is erased${rest}`, data: { left } };
    },
  }),
  operation({
    name: 'unblock',
    help: 'stop ignoring a sender',
    params: user,
    words: [{ say: 'unblock <platform> <user-id>', group: 'access', example: 'unblock telegram 81234' }],
    async run({ gateway }, { platform, userId }, actor) {
      await gateway.access.unblock(platform, userId, actor);
      return { message: `${platform} ${userId} is no longer blocked` };
    },
  }),
] as const;
