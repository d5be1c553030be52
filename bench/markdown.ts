/** 1 MB of an agent's Markdown to every platform, against a naive way. Run: node bench/markdown.ts */
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import { formatDiscord } from '../src/adapters/text/discord.ts';
import { parseMarkdown } from '../src/adapters/text/parse.ts';
import { formatPlain } from '../src/adapters/text/plain.ts';
import { formatSlack } from '../src/adapters/text/slack.ts';
import { formatTelegram } from '../src/adapters/text/telegram.ts';
import { formatWhatsapp } from '../src/adapters/text/whatsapp.ts';
import { agentMarkdown } from './corpus.ts';
import { figure, report } from './measure.ts';

const GOAL_MS = 150;
const document = agentMarkdown(1_000_000, 7);
const parts = (made: readonly unknown[]) => `${made.length} parts`;

report(
  '1 MB of Markdown to parts ready to send',
  [
    figure('Telegram', () => parts(formatTelegram(document))),
    figure('Discord', () => parts(formatDiscord(document))),
    figure('Slack', () => parts(formatSlack(document))),
    figure('WhatsApp', () => parts(formatWhatsapp(document))),
    figure('Twitch', () => parts(formatPlain(document, { limit: 480, unit: 'utf16', singleLine: true }))),
  ],
  GOAL_MS,
);

report('of which parsing', [
  figure('markdown-it to our tree, 1 MB', () => `${parseMarkdown(document).length} blocks`),
]);

const tenth = document.slice(0, 100_000);
const options = { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] };
const naive: ReturnType<typeof figure>[] = [
  figure(
    'reference parser, 0.1 MB, no output',
    () => `${fromMarkdown(tenth, options).children.length} blocks`,
    2,
  ),
];
try {
  // Not a dependency of ours; measured when it happens to be installed.
  const { marked } = await import(String('marked'));
  naive.unshift(
    figure('marked to HTML, 1 MB, not cut', () => `${String(marked.parse(document)).length} characters`),
  );
} catch {
  process.stdout.write('marked is not installed: not compared\n');
}
report('the naive way', naive);

const answer = agentMarkdown(4_000, 11);
report('an answer of 4 kB, 100 times (a draft that is edited while it grows)', [
  figure('Telegram', () => {
    for (let round = 0; round < 100; round += 1) formatTelegram(answer);
    return `${answer.length} characters`;
  }),
]);
