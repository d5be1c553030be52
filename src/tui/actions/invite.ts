/** The operator's phone: a single-use code, as QR where a link can carry it. */
import { isPlatform, type Platform } from '../../gateway/model.ts';
import { invitePlatforms } from '../lists/invite-links.ts';
import { type Invite, replaceMode, topMode } from '../state/view.ts';
import type { Action, ActionContext } from './action.ts';

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
