/** Cutting 1 MB of laid-out text into parts, against cutting blindly. Run: node bench/chunk.ts */

import type { PlatformText } from '../src/adapters/text/chunk.ts';
import { chunk } from '../src/adapters/text/chunk.ts';
import { writeSlice } from '../src/adapters/text/dialect.ts';
import { discordText } from '../src/adapters/text/discord.ts';
import { renderDocument } from '../src/adapters/text/document.ts';
import { parseMarkdown } from '../src/adapters/text/parse.ts';
import { slackText } from '../src/adapters/text/slack.ts';
import { telegramText } from '../src/adapters/text/telegram.ts';
import { whatsappText } from '../src/adapters/text/whatsapp.ts';
import { agentMarkdown } from './corpus.ts';
import { figure, report } from './measure.ts';

const GOAL_MS = 150;
const tree = parseMarkdown(agentMarkdown(1_000_000, 7));

function cut(name: string, platform: PlatformText) {
  const doc = renderDocument(tree, platform.rules);
  return figure(name, () => {
    const slices = chunk(doc, platform.gauges);
    let size = 0;
    for (const { from, to, next } of slices) size += writeSlice(doc, from, to, next, platform.dialect).length;
    return `${slices.length} parts, ${Math.round(size / slices.length)} units each`;
  });
}

report(
  '1 MB cut and written',
  [
    cut('Telegram', telegramText),
    cut('Discord', discordText),
    cut('Slack', slackText),
    cut('WhatsApp', whatsappText),
  ],
  GOAL_MS,
);

const hostile: Readonly<Record<string, string>> = {
  'one word': 'x'.repeat(1_000_000),
  'families of emoji': '👩‍👩‍👧‍👦'.repeat(90_000),
  ampersands: '&'.repeat(1_000_000),
  Chinese: '汉字没有空格，句子很长。'.repeat(80_000),
};
report(
  '1 MB of what has no good place to cut, Telegram',
  Object.entries(hostile).map(([name, text]) => {
    const doc = renderDocument(
      [{ type: 'paragraph', children: [{ type: 'text', value: text }] }],
      telegramText.rules,
    );
    return figure(name, () => `${chunk(doc, telegramText.gauges).length} parts`);
  }),
  GOAL_MS,
);

const { text } = renderDocument(tree, telegramText.rules);
report('the naive way: every 4096 units, whatever is there', [
  figure('slice', () => {
    const pieces: string[] = [];
    for (let at = 0; at < text.length; at += 4096) pieces.push(text.slice(at, at + 4096));
    return `${pieces.length} parts, broken`;
  }),
  figure(
    'a segmenter over the whole text',
    () => {
      let clusters = 0;
      for (const _ of new Intl.Segmenter().segment(text)) clusters += 1;
      return `${clusters} characters counted, nothing cut`;
    },
    2,
  ),
]);
