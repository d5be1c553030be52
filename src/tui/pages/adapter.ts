import type { AdapterView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import type { Line } from '../draw/line.ts';
import { span } from '../draw/line.ts';
import { clockTime } from '../draw/times.ts';
import { adapterSign, stateWord } from '../lists/adapters.ts';
import type { Scene } from '../screen/scene.ts';
import { BLANK, fact, heading, type Page, paragraph } from './page.ts';
import { qrLines } from './qr.ts';

/** Health in three facts, the next step, the QR code where there is one, counters, the last errors. */
export function adapterPage(scene: Scene, row: AdapterView, width: number, height: number): Page {
  const lines: Line[] = [
    [
      adapterSign(row.state, scene.glyphs),
      span(` ${stateWord(row.state)}`, 'strong'),
      span(row.detail === row.state ? '' : `  ${clean(row.detail)}`),
    ],
  ];
  if (row.nextStep !== undefined) lines.push(...paragraph(`Next step: ${row.nextStep}`, width, 'mark'));
  if (row.open) lines.push([span(' everyone has access on this platform ', 'badge')]);
  lines.push(BLANK, ...facts(scene, row, width));
  if (row.qr !== undefined || row.pairingCode !== undefined)
    lines.push(BLANK, ...linking(scene, row, width, height - 2));
  lines.push(BLANK, heading('Last errors'));
  if (row.lastErrors.length === 0) lines.push([span('  none', 'dim')]);
  for (const error of [...row.lastErrors].reverse()) {
    lines.push([span(`  ${clockTime(error.at)}  `, 'dim'), span(`${scene.ticker.age(error.at)} ago`, 'dim')]);
    lines.push(...paragraph(error.text, width, 'text', '    ', 6));
  }
  return { title: `Adapter ${row.platform}`, lines };
}

function facts({ ticker }: Scene, row: AdapterView, width: number): Line[] {
  const { transport, ingress } = row;
  const again =
    transport.nextTryAt !== undefined && transport.nextTryAt > ticker.now
      ? `, again in ${ticker.left(transport.nextTryAt)}`
      : '';
  const attempt = transport.attempt === undefined ? '' : `, try ${transport.attempt}`;
  const seen = (at: number | undefined, none: string): string =>
    at === undefined ? none : `${ticker.age(at)} ago`;
  return [
    ...fact(
      'Transport',
      transport.alive ? 'alive' : `down${attempt}${again}`,
      width,
      transport.alive ? 'ok' : 'bad',
    ),
    ...fact(
      'Ingress',
      `last message ${seen(ingress.lastUpdateAt, 'none yet')}, heartbeat ${seen(ingress.lastHeartbeatAt, 'none yet')}`,
      width,
    ),
    ...fact(
      'Authorization',
      row.authorisation,
      width,
      row.authorisation === 'valid' ? 'ok' : row.authorisation === 'unknown' ? 'dim' : 'bad',
    ),
    ...(row.account === undefined ? [] : fact('Account', accountWords(row.account), width)),
    ...fact('Messages', `${row.received} received, ${row.sent} sent`, width),
  ];
}

function accountWords({ id, name }: NonNullable<AdapterView['account']>): string {
  return id === name ? name : `${name} (${id})`;
}

/** The QR code when it fits whole (half a code cannot be scanned), else the code to type and why. */
function linking(scene: Scene, row: AdapterView, width: number, height: number): Line[] {
  const lines: Line[] = [heading('Link the phone')];
  if (row.pairingCode !== undefined)
    lines.push([span('  Enter this code on the phone: '), span(clean(row.pairingCode, 20), 'code')]);
  if (row.qr === undefined) return lines;
  const code = qrLines(row.qr, scene.theme);
  if (code === undefined) return [...lines, [span('  The QR code is too long to be drawn.', 'warn')]];
  if (code.width > width || code.lines.length > height)
    return [
      ...lines,
      ...paragraph(
        `The QR code needs ${code.width + 4}x${code.lines.length + 6} cells: enlarge the window or make its font smaller${
          row.pairingCode === undefined ? '.' : ', or type the code above.'
        }`,
        width,
        'warn',
        '  ',
      ),
    ];
  return [...lines, [span('  Scan it with the phone (linked devices).', 'dim')], ...code.lines];
}
