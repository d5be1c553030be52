import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlatformText } from '../../../src/adapters/text/chunk.ts';
import { chunk, type Gauge, type Slice } from '../../../src/adapters/text/chunk.ts';
import { measure, plainDialect, type TextUnit, writeSlice } from '../../../src/adapters/text/dialect.ts';
import { discordText } from '../../../src/adapters/text/discord.ts';
import { renderDocument } from '../../../src/adapters/text/document.ts';
import { parseMarkdown } from '../../../src/adapters/text/parse.ts';
import { slackText } from '../../../src/adapters/text/slack.ts';
import { runAt, type StyledText } from '../../../src/adapters/text/styled.ts';
import { telegramText } from '../../../src/adapters/text/telegram.ts';
import { whatsappText } from '../../../src/adapters/text/whatsapp.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { tries } from '../../support/tries.ts';
import { anyText, CORPUS, documents, soup } from './documents.ts';

const PLATFORMS: Readonly<Record<string, PlatformText>> = {
  telegram: telegramText,
  discord: discordText,
  slack: slackText,
  whatsapp: whatsappText,
};

function render(markdown: string, platform: PlatformText, maxUrl = platform.rules.maxUrl): StyledText {
  return renderDocument(parseMarkdown(markdown), { ...platform.rules, maxUrl });
}

const segmenter = new Intl.Segmenter();

/** The law of the chunker, word for word; says what breaks it. */
function breachesOf(doc: StyledText, slices: readonly Slice[], gauges: readonly Gauge[]): string[] {
  const breaches: string[] = [];
  const segments = segmenter.segment(doc.text);
  const isEdge = (at: number) => at === doc.text.length || segments.containing(at)?.index === at;
  let done = 0;
  let rejoined = '';
  for (const { from, to, next } of slices) {
    const text = doc.text.slice(from, to);
    const gap = doc.text.slice(done, from);
    rejoined += gap + text;
    if (gap.trim() !== '') breaches.push(`lost ${JSON.stringify(gap)}`);
    if (text.trim() === '') breaches.push(`blank part at ${from}`);
    const codeBlock = doc.runs[runAt(doc, to - 1)]?.marks.find(({ type }) => type === 'pre');
    const inCode = codeBlock !== undefined && doc.runs[runAt(doc, next)]?.marks.includes(codeBlock);
    if (inCode && next < doc.text.length && !['', '\n'].includes(doc.text.slice(to, next)))
      breaches.push(`drops blanks of code at ${to}`);
    if (doc.text.slice(to, next).trim() !== '') breaches.push(`skips text at ${to}`);
    for (const { dialect, unit, limit } of gauges) {
      const size = measure(writeSlice(doc, from, to, next, dialect), unit);
      if (size > limit) breaches.push(`${size} ${unit} at ${from}`);
    }
    if (!isEdge(from) || !isEdge(to)) breaches.push(`cuts a character at ${from} or ${to}`);
    done = to;
  }
  rejoined += doc.text.slice(done);
  if (doc.text.slice(done).trim() !== '') breaches.push('lost the end');
  if (rejoined !== doc.text) breaches.push('is not the text');
  return breaches;
}

describe('chunk', () => {
  it('keeps its law for generated texts, platforms, units and limits', { timeout: 300_000 }, () => {
    const unit = fc.constantFrom<TextUnit>('utf16', 'codepoints', 'bytes');
    fc.assert(
      fc.property(
        fc.oneof({ weight: 2, arbitrary: documents }, { weight: 2, arbitrary: soup }, anyText),
        fc.constantFrom(...Object.keys(PLATFORMS)),
        unit,
        fc.integer({ min: 200, max: 500 }),
        (markdown, name, counted, limit) => {
          const platform = PLATFORMS[name] ?? telegramText;
          const doc = render(markdown, platform, 30);
          const gauges: readonly Gauge[] = [
            { dialect: platform.dialect, unit: counted, limit },
            { dialect: platform.plain, unit: counted, limit },
          ];
          expect(breachesOf(doc, chunk(doc, gauges), gauges)).toEqual([]);
        },
      ),
      { numRuns: tries(10_000) },
    );
  });

  it.each(Object.entries(CORPUS))('keeps its law for %s', { timeout: 120_000 }, (_title, markdown) => {
    for (const platform of Object.values(PLATFORMS)) {
      const doc = render(markdown, platform);
      const slices = chunk(doc, platform.gauges);
      const plainGauges = platform.gauges.map((gauge) => ({ ...gauge, dialect: platform.plain }));
      expect(breachesOf(doc, slices, [...platform.gauges, ...plainGauges])).toEqual([]);
    }
  });

  const plain = (text: string, limit: number, unit: TextUnit = 'utf16') => {
    const doc: StyledText = {
      runs: [{ text, marks: [], raw: false }],
      starts: [0],
      text,
      breaks: [],
      keeps: new Set(),
    };
    return chunk(doc, [{ dialect: plainDialect, unit, limit }]).map(({ from, to }) => text.slice(from, to));
  };

  it('prefers a line to a sentence, a sentence to a word', () => {
    expect(plain('One two. Three\nfour five six', 20)).toEqual(['One two. Three', 'four five six']);
    expect(plain('One two three. Four five six', 20)).toEqual(['One two three.', 'Four five six']);
    expect(plain('one two three four five', 20)).toEqual(['one two three four', 'five']);
    expect(plain('これは文です。つぎの文', 8)).toEqual(['これは文です。', 'つぎの文']);
  });

  it('does not waste a part on a short first word before one that cannot fit anyway', () => {
    expect(plain(`a ${'x'.repeat(30)}`, 20)).toEqual([`a ${'x'.repeat(18)}`, 'x'.repeat(12)]);
    expect(plain(`a ${'x'.repeat(20)}`, 20)).toEqual(['a', 'x'.repeat(20)]);
  });

  it('cuts a word that is too long between characters a reader sees', () => {
    const family = '👩‍👩‍👧‍👦';
    expect(plain(family.repeat(3), 25)).toEqual([family.repeat(2), family]);
    expect(plain('e\u0301'.repeat(4), 5)).toEqual(['e\u0301e\u0301', 'e\u0301e\u0301']);
    expect(plain('🇩🇪🇫🇷', 6)).toEqual(['🇩🇪', '🇫🇷']);
  });

  it('cuts inside a character only when it alone is larger than a part, and never in half a code point', () => {
    const heap = `a${'\u0301'.repeat(30)}`;
    expect(plain(heap, 10)).toEqual([
      heap.slice(0, 10),
      heap.slice(10, 20),
      heap.slice(20, 30),
      heap.slice(30),
    ]);
    for (const part of plain('👩\u200d'.repeat(30), 10)) expect(part.isWellFormed()).toBe(true);
  });

  it('counts as it is told', () => {
    expect(plain('😀'.repeat(10), 4, 'utf16')).toHaveLength(5);
    expect(plain('😀'.repeat(10), 4, 'codepoints')).toHaveLength(3);
    expect(plain('😀'.repeat(10), 4, 'bytes')).toHaveLength(10);
    expect(plain('é'.repeat(10), 4, 'bytes')).toHaveLength(5);
  });

  it('keeps white space under a mark, which is visible', () => {
    expect(plain(`word${' \u0301'}word`, 5).join('')).toBe(`word${' \u0301'}word`);
  });

  it('takes time in proportion to the text', () => {
    const time = (size: number) => {
      const text = 'x'.repeat(size);
      return cpuMs(() => plain(text, 100));
    };
    time(50_000);
    const once = Math.max(5, time(50_000));
    expect(time(800_000)).toBeLessThan(once * 100 + 1_000);
  });
});
