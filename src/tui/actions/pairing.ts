/**
 * Pairing: who may talk to the agent, and the code for the operator's phone. One key decides; an approval can be undone
 * for five seconds.
 */

import { isPlatform, type PairingView, PLATFORMS, type Platform, userIdFault } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { originWords } from '../lists/list.ts';
import { invitePlatforms } from '../lists/people.ts';
import type { Confirmation, Prompted, Undo } from '../state/decisions.ts';
import { type Invite, replaceMode, topMode } from '../state/view.ts';
import { type Action, type ActionContext, act, needsRow, onRow } from './action.ts';
import { bulkOf } from './volume.ts';

function who(row: PairingView): string {
  return `${originWords(row.id)}${clean(row.senderName, 60)} (${row.platform} ${clean(row.senderId, 40)})`;
}

/** An invite code belongs to no one yet: it can only be withdrawn. */
function noPerson({ kind }: PairingView): string | undefined {
  return kind === 'invitation' ? 'an invite code needs no decision; d withdraws it' : undefined;
}

/** A code that an operator made. */
function made(row: PairingView): boolean {
  return row.kind === 'generated' || row.kind === 'invitation';
}

/** The act and its object, for the palette. */
function confirmation(verb: string, means: string) {
  return (context: ActionContext): Confirmation | undefined => {
    const row = context.target('pairing');
    return row === undefined ? undefined : { title: `${capital(verb)} ${who(row)}?`, lines: [means], verb };
  };
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

/** The request waits again; without its id the gateway's answer names it. */
function reopens(id?: string): Undo {
  return {
    list: 'pairing',
    command(result) {
      const requestId = id ?? requestIdOf(result.data);
      return requestId === undefined ? undefined : { type: 'pairing.undo', requestId };
    },
  };
}

function requestIdOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || !('requestId' in data)) return undefined;
  return typeof data.requestId === 'string' ? data.requestId : undefined;
}

function allowing(context: ActionContext, platform: Platform, userId: string, note: string): Prompted {
  const known = context.slices.allowlist.find((row) => row.platform === platform && row.userId === userId);
  return {
    command: { type: 'allow', platform, userId, ...(note === '' ? {} : { note }) },
    options: {
      undo: {
        list: 'allowlist',
        // Who was approved before keeps the access, with the note there was.
        command: () =>
          known === undefined
            ? { type: 'revoke', platform, userId }
            : known.note === undefined
              ? undefined
              : { type: 'allow', platform, userId, note: known.note },
      },
    },
  };
}

function revoke(context: ActionContext, platform: Platform, userId: string): void {
  const known = context.slices.allowlist.find((row) => row.platform === platform && row.userId === userId);
  context.run(
    { type: 'revoke', platform, userId },
    {
      undo: {
        list: 'allowlist',
        command: () => ({
          type: 'allow',
          platform,
          userId,
          ...(known === undefined ? {} : { note: known.note ?? known.name }),
        }),
      },
    },
  );
}

/** What one key decides about the selected person. */
function deciding(verb: 'approve' | 'block', done: string): Pick<Action, 'disabled' | 'run'> {
  return onRow(
    'pairing',
    (context, row) =>
      context.run(
        { type: `pairing.${verb}`, requestId: row.id },
        { pending: row.id, done: () => `${who(row)} is ${done}`, undo: reopens(row.id) },
      ),
    noPerson,
  );
}

/** Whose code it is, where the row shows codes. */
function codeConfirmation(
  { slices }: ActionContext,
  code: string | undefined,
  verb: 'approve' | 'deny',
): Confirmation | undefined {
  if (code === undefined) return undefined;
  const plain = (text: string): string => text.replace(/[^a-z0-9]/giu, '').toUpperCase();
  const row = slices.pairing.find((each) => each.code !== undefined && plain(each.code) === plain(code));
  return {
    title: `${capital(verb)} the holder of ${clean(code, 20)}?`,
    lines: [row === undefined ? 'No request on this screen shows that code.' : who(row)],
    verb,
  };
}

/** The same decision about all marked requests. An invite code belongs to no one yet. */
function decided(verb: 'approve' | 'deny' | 'block', done: string, means: string) {
  return (context: ActionContext) =>
    bulkOf(context, 'pairing', { verb, done, noun: 'request', means }, (row) =>
      made(row)
        ? undefined
        : {
            name: who(row),
            command: { type: `pairing.${verb}`, requestId: row.id },
            undo: { type: 'pairing.undo', requestId: row.id },
          },
    );
}

export const PAIRING: readonly Action[] = [
  {
    id: 'pairing.approve',
    scopes: ['pairing', 'request'],
    keys: ['a'],
    label: 'approve',
    help: 'Approve the selected request (u undoes within 30 s).',
    hint: 10,
    careful: 'pairing',
    confirm: confirmation('approve', 'They can talk to the agent at once.'),
    bulk: decided('approve', 'approved', 'They can talk to the agent at once.'),
    ...deciding('approve', 'approved'),
  },
  {
    id: 'pairing.deny',
    scopes: ['pairing', 'request'],
    keys: ['d'],
    label: 'deny',
    help: 'Deny the selected request; the sender is notified once (u undoes it within 30 s).',
    hint: 11,
    careful: 'pairing',
    confirm(context) {
      const row = context.target('pairing');
      return row !== undefined && made(row)
        ? {
            title: `Withdraw the code of ${who(row)}?`,
            lines: ['It can no longer be used.'],
            verb: 'withdraw',
          }
        : confirmation('deny', 'They are notified once.')(context);
    },
    bulk: decided('deny', 'denied', 'They are notified once.'),
    ...onRow('pairing', (context, row) => {
      context.run(
        { type: 'pairing.deny', requestId: row.id },
        {
          pending: row.id,
          done: () => (made(row) ? 'the code is withdrawn' : `${who(row)} is denied`),
          ...(made(row) ? {} : { undo: reopens(row.id) }),
        },
      );
    }),
  },
  {
    id: 'pairing.block',
    scopes: ['pairing', 'request'],
    keys: ['b'],
    label: 'block',
    help: 'Block the selected sender (u undoes within 30 s).',
    hint: 12,
    careful: 'pairing',
    confirm: confirmation('block', 'The gateway ignores them until you unblock them.'),
    bulk: decided('block', 'blocked', 'The gateway ignores them until you unblock them.'),
    ...deciding('block', 'blocked'),
  },
  {
    id: 'pairing.match',
    rowless: true,
    scopes: ['pairing'],
    keys: ['m'],
    label: 'enter code',
    help: 'Type the code that a new user gave you.',
    hint: 13,
    words: 'pair',
    args: '<code>',
    confirm: (context, [code]) => codeConfirmation(context, code, 'approve'),
    run(context, [code]) {
      const submit = (text: string): Prompted => {
        const typed = text.trim();
        if (typed === '') return undefined;
        if (typed.replace(/[^a-z0-9]/giu, '') === '') return `"${clean(typed, 20)}" is not a code.`;
        return { command: { type: 'pairing.approve', code: typed }, options: { undo: reopens() } };
      };
      if (code !== undefined) act(context, submit(code));
      else
        context.prompt({
          title: 'Enter a code',
          hint: 'The 8 characters the new user received. Dash and case do not matter.',
          submit,
        });
    },
  },
  {
    id: 'pairing.deny-code',
    scopes: ['pairing'],
    keys: [],
    label: 'deny code',
    help: 'Deny the new user who has this code.',
    words: 'deny',
    args: '<code>',
    confirm: (context, [code]) => codeConfirmation(context, code, 'deny'),
    run(context, [code]) {
      if (code === undefined) context.toast('Which code? : deny <code>', 'warn');
      else context.run({ type: 'pairing.deny', code }, { undo: reopens() });
    },
  },
  {
    id: 'allow',
    rowless: true,
    scopes: ['allowlist'],
    keys: ['a'],
    label: 'add',
    help: 'Add a person to the allowlist by platform and id.',
    hint: 10,
    words: 'allow',
    args: '<platform> <userId>',
    confirm: (_context, [platform, userId]) =>
      isPlatform(platform) && userId !== undefined && userIdFault(platform, userId) === undefined
        ? {
            title: `Allow ${platform} ${clean(userId, 60)}?`,
            lines: ['They can talk to the agent at once.'],
            verb: 'allow',
          }
        : undefined,
    run(context, args) {
      const submit = (words: readonly string[]): Prompted => {
        const [platform, userId, ...note] = words;
        if (platform === undefined || platform === '') return undefined;
        if (!isPlatform(platform)) return `Which platform? One of ${PLATFORMS.join(', ')}.`;
        if (userId === undefined) return 'Which id? <platform> <userId>';
        const fault = userIdFault(platform, userId);
        if (fault !== undefined) return fault;
        return allowing(context, platform, userId, note.join(' '));
      };
      if (args.length > 0) act(context, submit(args));
      else
        context.prompt({
          title: 'Allow',
          hint: '<platform> <user-id> [note], for example: telegram 81234 Grace',
          submit: (text) => submit(text.trim().split(/\s+/u)),
        });
    },
  },
  {
    id: 'allowlist.revoke',
    scopes: ['allowlist'],
    keys: ['x'],
    label: 'revoke',
    help: 'Take the selected person off the allowlist at once.',
    hint: 11,
    words: 'revoke',
    args: '<platform> <userId>',
    careful: 'allowlist',
    disabled: needsRow('allowlist'),
    run(context, [platform, userId]) {
      const row = context.target('allowlist');
      const wanted =
        platform === undefined
          ? row
          : isPlatform(platform) && userId !== undefined
            ? { platform, userId, name: userId }
            : undefined;
      if (wanted === undefined) {
        context.toast('Whom? : revoke <platform> <userId>', 'warn');
        return;
      }
      context.ask({
        title: `Revoke ${clean(wanted.name, 60)}?`,
        lines: [
          `${wanted.platform} ${clean(wanted.userId, 60)} loses access immediately:`,
          'the running answer stops and queued messages are dropped.',
        ],
        verb: 'revoke',
        confirmed: () => revoke(context, wanted.platform, wanted.userId),
      });
    },
  },
];

/** Makes a code and shows it; the page closes on its own when someone comes in with it. */
export function openInvite(context: ActionContext): void {
  context.run(
    { type: 'pairing.invite' },
    {
      pending: 'invite',
      after({ data, message }) {
        const invite = inviteOf(data);
        const subject = invitePlatforms(context.slices.adapters)[0]?.platform ?? '';
        if (invite === undefined) context.toast(message);
        else context.open({ kind: 'page', page: 'invite', subject, top: 0, invite });
      },
    },
  );
}

function inviteOf(data: unknown): Invite | undefined {
  if (typeof data !== 'object' || data === null || !('code' in data) || !('expiresAt' in data))
    return undefined;
  const { code, expiresAt } = data;
  if (typeof code !== 'string' || typeof expiresAt !== 'number') return undefined;
  // An older gateway names no id: the page is then closed by hand.
  return { id: 'id' in data ? String(data.id) : '', code, expiresAt };
}

function turn(context: ActionContext): void {
  const mode = topMode(context.view);
  if (mode?.kind !== 'page') return;
  const platforms: readonly Platform[] = invitePlatforms(context.slices.adapters).map((row) => row.platform);
  const at = isPlatform(mode.subject) ? platforms.indexOf(mode.subject) : -1;
  const subject = platforms[(at + 1) % Math.max(1, platforms.length)] ?? mode.subject;
  context.update((view) => replaceMode(view, { ...mode, subject, top: 0 }));
}

export const INVITE: readonly Action[] = [
  {
    id: 'pairing.phone',
    rowless: true,
    scopes: ['pairing'],
    keys: ['p'],
    label: 'pair my phone',
    help: 'Make a single-use code for your phone, as a QR code where possible.',
    hint: 15,
    words: 'invite',
    run: openInvite,
  },
  {
    id: 'invite.platform',
    scopes: ['invite'],
    keys: ['n', 'tab'],
    label: 'next platform',
    help: 'Show how the code is used on the next platform.',
    hint: 10,
    run: turn,
  },
];
