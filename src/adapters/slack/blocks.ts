import type { types } from '@slack/bolt';
import type { Part } from '../../gateway/adapter.ts';
import { ACTION_PREFIX } from './commands.ts';

/** https://docs.slack.dev/reference/block-kit/blocks/section-block */
const SECTION_LIMIT = 3000;
const LABEL_LIMIT = 75;

/** Text with buttons below it, as blocks; undefined for a part without buttons (plain text needs no blocks). */
export function blocksOf(part: Part): types.KnownBlock[] | undefined {
  if (part.buttons === undefined || part.buttons.length === 0) return undefined;
  const sections: types.KnownBlock[] = sectionsOf(part.text).map((text) => ({
    type: 'section',
    text: { type: 'mrkdwn', text },
  }));
  const actions: types.KnownBlock = {
    type: 'actions',
    elements: part.buttons.slice(0, 25).map((button, index) => ({
      type: 'button',
      action_id: `${ACTION_PREFIX}${index}`,
      text: { type: 'plain_text', text: labelOf(button.label) },
      value: button.command,
    })),
  };
  return [...sections, actions];
}

function labelOf(label: string): string {
  const symbols = [...label];
  return symbols.length <= LABEL_LIMIT ? label : `${symbols.slice(0, LABEL_LIMIT - 1).join('')}…`;
}

/** The text in pieces that a section takes, cut at line ends where there are any. */
function sectionsOf(text: string): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > SECTION_LIMIT) {
    const head = rest.slice(0, SECTION_LIMIT);
    const line = head.lastIndexOf('\n');
    let end = line > 0 ? line : SECTION_LIMIT;
    if (/[\ud800-\udbff]/.test(rest.charAt(end - 1))) end -= 1;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end).replace(/^\n/, '');
  }
  if (rest !== '') pieces.push(rest);
  return pieces;
}
