import fc from 'fast-check';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import { describe, expect, it } from 'vitest';
import { agentMarkdown } from '../../../bench/corpus.ts';
import { formatFor, type PlatformText } from '../../../src/adapters/text/chunk.ts';
import { discordText, formatDiscord } from '../../../src/adapters/text/discord.ts';
import { formatPlain } from '../../../src/adapters/text/plain.ts';
import { formatSlack, slackText } from '../../../src/adapters/text/slack.ts';
import { formatTelegram, telegramText } from '../../../src/adapters/text/telegram.ts';
import { formatWhatsapp, whatsappText } from '../../../src/adapters/text/whatsapp.ts';
import type { Part } from '../../../src/gateway/adapter.ts';
import { tries } from '../../support/tries.ts';
import { anyText, CORPUS, documents, soup } from './documents.ts';
import {
  bones,
  type Reading,
  readDiscord,
  readSlack,
  readTelegram,
  readWhatsapp,
  unescapeSlack,
} from './reading.ts';

type Node = ReturnType<typeof fromMarkdown>['children'][number];

interface Subject {
  readonly format: (markdown: string) => readonly Part[];
  readonly text: PlatformText;
  readonly read: (text: string) => Reading;
  /** What the platform counts against its limit, by its own rules. */
  readonly size: (part: Part) => number;
  readonly limit: number;
  /** The plain text as a reader sees it. */
  readonly plain: (plain: string) => string;
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  telegram: {
    format: formatTelegram,
    text: telegramText,
    read: readTelegram,
    size: (part) => readTelegram(part.text).text.length,
    limit: 4096,
    plain: (plain) => plain,
  },
  discord: {
    format: formatDiscord,
    text: discordText,
    read: readDiscord,
    size: (part) => part.text.length,
    limit: 2000,
    plain: (plain) => plain,
  },
  slack: {
    format: formatSlack,
    text: slackText,
    read: readSlack,
    size: (part) => [...part.text].length,
    limit: 3900,
    plain: unescapeSlack,
  },
  whatsapp: {
    format: formatWhatsapp,
    text: whatsappText,
    read: readWhatsapp,
    size: (part) => part.text.length,
    limit: 4096,
    plain: (plain) => plain,
  },
};

interface Content {
  readonly ordered: readonly string[];
  readonly anywhere: readonly string[];
  readonly addresses: readonly string[];
}

/**
 * Everything a reader of the Markdown would read, by the reference parser: texts, code, alternative texts in order,
 * and the addresses of links, which the plain text has to show.
 */
function contentOf(markdown: string): Content {
  const ordered: string[] = [];
  const anywhere: string[] = [];
  const addresses: string[] = [];
  let found = ordered;
  const visit = (node: Node, inLink = false): void => {
    if (node.type === 'link' || (node.type === 'image' && !inLink))
      addresses.push(node.url.replace(/^(?:mailto:|http:\/\/(?=www\.))/, ''));
    if (node.type === 'text' || node.type === 'inlineCode' || node.type === 'code') found.push(node.value);
    else if (node.type === 'image' || node.type === 'imageReference') found.push(node.alt ?? '');
    else if (node.type === 'table') {
      // The head of a wide table is repeated as keys.
      const [head, ...rows] = node.children;
      found = anywhere;
      for (const cell of head?.children ?? []) visit(cell);
      found = ordered;
      for (const row of rows) visit(row);
    } else if ('children' in node)
      for (const child of node.children) visit(child, inLink || node.type === 'link');
  };
  const root = fromMarkdown(markdown, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  for (const node of root.children) visit(node);
  return { ordered, anywhere, addresses };
}

/** All that the Markdown says occurs in `text`, in order. Markers and white space do not count. */
function expectComplete(text: string, { ordered, anywhere }: Content): void {
  const hay = bones(text);
  let at = 0;
  for (const piece of anywhere.map(bones))
    if (!hay.includes(piece)) expect.fail(`lost ${JSON.stringify(piece)}`);
  for (const piece of ordered.map(bones)) {
    const found = hay.indexOf(piece, at);
    if (found < 0) expect.fail(`lost ${JSON.stringify(piece)} in ${JSON.stringify(hay.slice(at, at + 200))}`);
    at = found + piece.length;
  }
}

function expectValid({ read, size, limit }: Subject, parts: readonly Part[]): void {
  for (const part of parts) {
    expect(read(part.text).problems).toEqual([]);
    expect(size(part)).toBeLessThanOrEqual(limit);
    expect(part.plain.trim()).not.toBe('');
    expect(part.text.isWellFormed()).toBe(true);
  }
}

/** One look of the reference parser serves all platforms. */
function onEachPlatform(check: (subject: Subject) => void): void {
  for (const [name, subject] of Object.entries(SUBJECTS))
    try {
      check(subject);
    } catch (error) {
      throw new Error(`on ${name}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
}

/** Small parts, so that every construct is cut somewhere. */
function inSmallParts({ text }: Subject): PlatformText {
  return {
    ...text,
    rules: { ...text.rules, maxUrl: 60 },
    gauges: text.gauges.map((gauge) => ({ ...gauge, limit: 300 })),
  };
}

/** Put together again, the parts show what the whole shows: nothing is missing and nothing is there twice. */
function expectWhole(subject: Subject, markdown: string, parts: readonly Part[]): void {
  const small = inSmallParts(subject);
  const whole = formatFor(markdown, {
    ...small,
    gauges: small.gauges.map((gauge) => ({ ...gauge, limit: Number.MAX_SAFE_INTEGER })),
  });
  expect(whole).toHaveLength(1);
  const shown = (all: readonly Part[]) => bones(all.map(({ text }) => subject.read(text).text).join(''));
  const plain = (all: readonly Part[]) => bones(all.map((part) => subject.plain(part.plain)).join(''));
  expect(shown(parts)).toBe(shown(whole));
  expect(plain(parts)).toBe(plain(whole));
}

describe('text for every platform', () => {
  it('is valid and complete for generated documents', { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(documents, fc.boolean(), (markdown, cut) => {
        const content = contentOf(markdown);
        onEachPlatform((subject) => {
          const parts = cut ? formatFor(markdown, inSmallParts(subject)) : subject.format(markdown);
          expectValid(subject, parts);
          const shown = parts.map((part) => subject.read(part.text).text).join('\n');
          expectComplete(shown, content);
          const plain = parts.map((part) => subject.plain(part.plain)).join('\n');
          expectComplete(plain, content);
          for (const address of content.addresses) expect(bones(plain)).toContain(bones(address));
          if (cut) expectWhole(subject, markdown, parts);
        });
      }),
      { numRuns: tries(1_500) },
    );
  });

  it('is the whole when a thousand parts are put together again', { timeout: 60_000 }, () => {
    const markdown = agentMarkdown(300_000, 3);
    onEachPlatform((subject) => {
      const parts = formatFor(markdown, inSmallParts(subject));
      expect(parts.length).toBeGreaterThanOrEqual(1000);
      expectWhole(subject, markdown, parts);
    });
  });

  it('is valid and never empty for anything', { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(fc.oneof(soup, anyText), (markdown) => {
        onEachPlatform((subject) => {
          const parts = subject.format(markdown);
          if (markdown !== '') expect(parts.length).toBeGreaterThan(0);
          expectValid(subject, parts);
        });
      }),
      { numRuns: tries(1_500) },
    );
  });
});

/** The reference parser takes longest, and its answer is the same for every platform. */
const contents = new Map<string, Content>();
function contentOnce(markdown: string): Content {
  const content = contents.get(markdown) ?? contentOf(markdown);
  contents.set(markdown, content);
  return content;
}

describe.each(Object.entries(SUBJECTS))('text for %s', (_name, subject) => {
  it.each(Object.entries(CORPUS))(
    'is valid and complete for %s',
    { timeout: 120_000 },
    (_title, markdown) => {
      const parts = subject.format(markdown);
      expectValid(subject, parts);
      const shown = parts.map((part) => subject.read(part.text).text).join('');
      if (markdown.length < 20_000) expectComplete(shown, contentOnce(markdown));
      // Parts are well filled: cutting at better places costs at most half of each.
      const total = parts.reduce((sum, part) => sum + subject.size(part), 0);
      if (total > subject.limit * 4) expect(parts.length).toBeLessThan((total / subject.limit) * 2 + 2);
    },
  );
});

describe('text for Twitch', () => {
  const format = (markdown: string) => formatPlain(markdown, { limit: 480, unit: 'utf16', singleLine: true });

  it('is one harmless line, complete, for anything', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(
        fc.oneof(documents, soup, anyText, fc.string({ unit: 'binary', maxLength: 900 })),
        (markdown) => {
          const parts = format(markdown);
          if (markdown !== '') expect(parts.length).toBeGreaterThan(0);
          for (const { text, plain } of parts) {
            expect(text).toBe(plain);
            expect(text.length).toBeLessThanOrEqual(480);
            expect(text).not.toMatch(/[\r\n\u0000-\u001f\u2028\u2029]|^[/\\.]|^\s|^$/);
          }
        },
      ),
      { numRuns: tries(5_000) },
    );
  });

  it('loses nothing', () => {
    fc.assert(
      fc.property(documents, (markdown) => {
        expectComplete(
          format(markdown)
            .map(({ text }) => text.replace(/^› /, ''))
            .join(' '),
          contentOf(markdown),
        );
      }),
      { numRuns: tries(1_000) },
    );
  });
});
