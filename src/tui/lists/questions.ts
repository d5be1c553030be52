/**
 * Open questions of agents, over the panes, with the words of a tool call marked that the operator must not read over.
 */

import type { DialogView } from '../../gateway/model.ts';
import { clean, fillTo } from '../draw/cells.ts';
import { type Line, type Span, span, spread } from '../draw/line.ts';
import type { Style } from '../draw/theme.ts';
import { gatewayOf, type ListDefinition, originSpans } from './list.ts';

/** Deletes, runs what was fetched, widens rights, leaves the machine, reads secrets. */
const DANGEROUS = new RegExp(
  [
    String.raw`\b(?:rm|rmdir|unlink|shred|dd|mkfs(?:\.\w+)?|wipefs|truncate)\b(?:\s+-[\w-]+)*`,
    String.raw`\b(?:sudo|doas|su|chmod|chown|setfacl|visudo|passwd|usermod)\b`,
    String.raw`\b(?:curl|wget|nc|ncat|socat|ssh|scp|sftp|rsync|telnet|ftp)\b`,
    String.raw`\|\s*(?:ba|z|da|fi)?sh\b|\b(?:eval|exec|source|base64\s+-d|xargs)\b`,
    String.raw`\b(?:kill(?:all)?|pkill|shutdown|reboot|halt|poweroff|systemctl|crontab|launchctl|iptables)\b`,
    String.raw`\bgit\s+(?:push|reset\s+--hard|clean)\b|--force\b|--no-verify\b`,
    String.raw`\b(?:drop|truncate)\s+(?:table|database|schema)\b|\bdelete\s+from\b`,
    String.raw`\b(?:npm|pnpm|yarn|pip3?|brew|apt(?:-get)?|docker|kubectl|terraform)\s+\w+`,
    String.raw`(?:~|/home/\w+|/root)?/?\.(?:ssh|aws|gnupg|kube|netrc|npmrc|env)\b|/etc/\w+|\bid_(?:rsa|ed25519)\b|authorized_keys`,
    String.raw`>\s*/dev/\w+|:\(\)\s*\{`,
  ].join('|'),
  'giu',
);

/** Signs that are not drawn, or turn the direction of what follows. */
const HIDDEN = /[\p{Cf}\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/u;

/** A cleaned text as spans, dangerous words marked. */
function marked(text: string, style: Style = 'text'): Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const match of text.matchAll(DANGEROUS)) {
    if (match.index > from) spans.push(span(text.slice(from, match.index), style));
    spans.push(span(match[0], 'bad'));
    from = match.index + match[0].length;
  }
  if (from < text.length) spans.push(span(text.slice(from), style));
  return spans;
}

/** The lines with dangerous words marked; a word that is wrapped over two lines is marked in each part that tells. */
export function markedLines(lines: readonly Line[]): Line[] {
  return lines.map((line) => line.flatMap((part) => marked(part.text, part.style ?? 'text')));
}

/** The dangerous words of a text, each once, in the order in which they come. */
export function dangers(text: string): string[] {
  const found = new Set<string>();
  for (const [word] of text.slice(0, 200_000).matchAll(DANGEROUS))
    found.add(word.replace(/\s+/gu, ' ').trim());
  if (HIDDEN.test(text)) found.add('hidden characters');
  return [...found].slice(0, 20);
}

/** Whether cleaning takes something away that the agent would run. */
function hides(text: string): boolean {
  return HIDDEN.test(text);
}

/** A call or question as one line. */
export function questionWords({ call, title }: DialogView): string {
  return call === undefined
    ? clean(title, 300)
    : `${clean(call.tool, 40)} ${clean(call.arguments.replace(/\s+/g, ' '), 400)}`;
}

/** Whether a drawn row holds the whole call: nothing cut off, nothing that is not drawn. */
export function showsWholeCall({ call }: DialogView, lines: readonly Line[]): boolean {
  if (call === undefined) return true;
  const flat = `${call.tool} ${call.arguments.replace(/\s+/g, ' ')}`;
  const drawn = lines.map((line) => line.map(({ text }) => text).join('')).join('');
  return !hides(call.arguments) && clean(flat, flat.length) === flat && drawn.includes(flat);
}

/** What tells one call from another. */
export function callKey({ id, call }: DialogView): string {
  return `${id} ${call?.hash ?? ''}`;
}

export const questionsList: ListDefinition<DialogView> = {
  title: 'Questions',
  rows: ({ slices }) => slices.dialogs,
  key: (row) => row.id,
  haystack: (row) =>
    `${gatewayOf(row.id) ?? ''} #${row.number} ${row.kind} ${row.chat?.platform ?? ''} ${row.requesterName ?? ''} ${questionWords(row)}`,
  columns: { gateway: (row) => gatewayOf(row.id) },
  empty: () => [
    'No agent asks anything.',
    'Tool calls that need approval (agent.approvals) and other questions appear here.',
  ],
  draw(row, { width, glyphs, ticker, pending }) {
    const left: Span[] = [
      ...originSpans(row.id, glyphs.ellipsis),
      // Never cut: it is what an answer in the chat names.
      span(`#${row.number}`.padEnd(4), 'strong'),
      span(' '),
      span(
        fillTo(row.kind === 'approval' ? 'approve?' : row.kind, 8),
        row.kind === 'approval' ? 'warn' : 'text',
      ),
      span(' '),
      span(fillTo(row.chat?.platform ?? '', 9), 'dim'),
      span(' '),
      span(
        fillTo(
          clean(row.requesterName ?? 'operator', 60),
          Math.min(16, Math.floor(width / 5)),
          'left',
          glyphs.ellipsis,
        ),
        'strong',
      ),
      span(' '),
      ...(row.call === undefined ? [span(questionWords(row))] : marked(questionWords(row))),
    ];
    const right = pending.has(row.id)
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : [span(`${ticker.left(row.expiresAt)} left`, 'dim')];
    return [spread(left, right, width, glyphs.ellipsis, 30)];
  },
};
