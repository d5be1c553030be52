/** The code for the operator's phone: QR or text, and how it is used on each platform that is up. */
import type { AdapterView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { type Line, span } from '../draw/line.ts';
import { inviteLink, invitePlatforms } from '../lists/invite-links.ts';
import type { Scene } from '../screen/scene.ts';
import type { Invite } from '../state/view.ts';
import { BLANK, fact, heading, type Page, paragraph } from './page.ts';
import { qrLines } from './qr.ts';

export function invitePage(
  scene: Scene,
  invite: Invite,
  subject: string,
  width: number,
  height: number,
): Page {
  const platforms = invitePlatforms(scene.controller.slices.adapters);
  const row = platforms.find((entry) => entry.platform === subject) ?? platforms[0];
  const head: Line[] = [
    [span('Code'.padEnd(14), 'dim'), span(clean(invite.code, 20), 'code')],
    ...fact(
      'Good for',
      `one person, ${scene.ticker.left(invite.expiresAt)}; this page closes when it is used`,
      width,
    ),
    BLANK,
  ];
  const title = 'Pair my phone';
  if (row === undefined)
    return {
      title,
      lines: [
        ...head,
        ...paragraph('No platform is connected: start an adapter first (1, then s).', width, 'warn'),
      ],
    };
  const link = inviteLink(row, invite.code);
  const bot = clean(row.account?.name ?? 'the bot', 60);
  const others = platforms.filter((entry) => entry !== row).map((entry) => entry.platform);
  const lines = [...head, heading(row.platform), ...howTo(row, bot, link, width)];
  if (others.length > 0) lines.push(...paragraph(`Or on ${others.join(', ')}: press n.`, width, 'dim', '  '));
  if (link !== undefined) lines.push(BLANK, ...picture(scene, link, width, height - lines.length - 1));
  return { title, lines };
}

function howTo(row: AdapterView, bot: string, link: string | undefined, width: number): Line[] {
  if (link !== undefined)
    return [
      ...paragraph(`Scan the code with the phone, or open ${link}`, width, 'text', '  '),
      ...paragraph(
        row.platform === 'telegram' ? 'Then press Start.' : 'Then send the message that is already written.',
        width,
        'text',
        '  ',
      ),
    ];
  if (row.platform === 'websocket')
    return paragraph('Run pi-gateway-tui chat and send the code as the first message.', width, 'text', '  ');
  const where = row.platform === 'twitch' ? `whisper it to ${bot}` : `send it to ${bot} as a direct message`;
  return paragraph(
    `From the account on the phone, ${where}: the code alone, nothing else.`,
    width,
    'text',
    '  ',
  );
}

/** The QR code when it fits whole: half a code cannot be scanned, and the link above does the same. */
function picture(scene: Scene, link: string, width: number, height: number): readonly Line[] {
  const code = qrLines(link, scene.theme);
  if (code === undefined) return [];
  if (code.width <= width && code.lines.length <= height) return code.lines;
  return paragraph(
    `The QR code needs ${code.width + 4}x${code.lines.length + 12} cells: enlarge the window, or use the link or the code above.`,
    width,
    'warn',
    '  ',
  );
}
