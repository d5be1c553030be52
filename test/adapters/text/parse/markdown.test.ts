import fc from 'fast-check';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import { describe, expect, it } from 'vitest';
import { agentMarkdown } from '../../../../bench/corpus.ts';
import { parseBlocksQuickly } from '../../../../src/adapters/text/parse/blocks.ts';
import { parseInlineQuickly } from '../../../../src/adapters/text/parse/inline.ts';
import { parseMarkdown } from '../../../../src/adapters/text/parse/markdown.ts';
import { splitBlocks } from '../../../../src/adapters/text/parse/split.ts';
import { textOf } from '../../../../src/adapters/text/tree.ts';
import { tries } from '../../../support/tries.ts';
import { documents, soup } from '../documents.ts';

/** What the reference parser says of the whole text at once. */
function reference(markdown: string): unknown {
  const { children } = fromMarkdown(markdown, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  return comparable(children);
}

/** Without positions and what no renderer looks at: looseness of lists, info behind a language, blanks in blank lines. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([key, inner]) => !['position', 'spread', 'meta'].includes(key) && inner !== null && inner !== undefined,
  );
  const node = Object.fromEntries(entries.map(([key, inner]) => [key, comparable(inner)]));
  const { type, value: text } = node;
  if ((type === 'code' || type === 'html') && typeof text === 'string')
    node['value'] = text.replace(/[ \t]+$/gm, '').replace(/\n+$/, '');
  return node;
}

describe('parseMarkdown', () => {
  it.each([
    ['a paragraph', 'one *two* **three** `four`\nfive'],
    ['hard breaks', 'one  \ntwo\\\nthree'],
    ['emphasis in a word', 'in*tra*word and snake_case_name and **日本**語'],
    ['emphasis of three', '***both*** and **bold *inside***'],
    ['stray markers', 'a * b ** c _ d ~ e'],
    ['strikethrough', '~~gone~~ and ~one~'],
    ['code with backticks', '`` a ` b `` and ` `` `'],
    ['links', '[a *b*](https://x.y/z "title") ![alt](u) [](v) <https://q.r>'],
    ['links in links', '[a [b](c) d](e)'],
    ['bare addresses', 'see https://x.y/a_b(c). And (http://z.w/?q=1&r=2)!'],
    ['loose links', 'www.example.com and me@example.com'],
    ['brackets without links', 'a[0] and [x] and ](u'],
    ['entities', '&amp; &lt;b&gt; &copy; &#65; &bogus; AT&T'],
    ['escapes', '\\*not\\* \\[a\\] \\q'],
    ['headings', '# one #\n## two\n\nthree\n===\nfour\n---\n#five'],
    ['fences', '```ts extra\na\n\n  b\n```\n~~~\n```\n~~~\n```\nnever closed'],
    ['a fence between paragraphs', 'a\n```\nb\n```\nc'],
    ['lists', '- a\n- b\n\n  c\n- d\n\n1. e\n2. f\n   - g\n     h\n* i'],
    ['a number that cannot start a list', 'in\n2024. it was'],
    ['lazy lines', '- a\nb\n\n> c\nd'],
    ['task lists', '- [ ] a\n- [x] **b**\n- [X] c\n- [ ]\n- [y] d'],
    ['quotes', '> a\n> > b\n>\n> - c\n\n> d'],
    ['a table', '| a | b |\n|:--|--:|\n| `x \\| y` | **z** |\n| only one |\n\nafter'],
    ['no table', 'a | b\n---|\n'],
    ['rules', '---\n\n***\n_ _ _'],
    ['definitions', '[a][b] and [c] and [d]\n\n[b]: https://x.y "t"\n[C]: <z>\n'],
    ['a definition in a quote', '[a]\n\n> [a]: /u'],
    ['footnotes', 'a[^1] b[^2]\n\n[^1]: one\n\n    more\n'],
    ['HTML', 'a <b>c</b> <br/>\n\n<div>\n**d**\n\n</div>\n\n<!-- e\n\nf -->\ng'],
    ['a fence in HTML', '<div>\n```\nx\n```\n\ny'],
    ['indented code', '    a\n\n    b\n\nc'],
    ['tabs', '-\ta\n\n\tb'],
  ])('agrees with the reference parser on %s', (_title, markdown) => {
    expect(comparable(parseMarkdown(markdown).blocks)).toEqual(reference(markdown));
  });

  it('agrees with the reference parser on whatever it takes', { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(fc.oneof(documents, soup, soup), (markdown) => {
        expect(comparable(parseMarkdown(markdown).blocks)).toEqual(reference(markdown));
      }),
      { numRuns: tries(5_000), seed: 20_260 },
    );
  });

  it('takes every kind of line end', () => {
    expect(textOf(parseMarkdown('\ufeffa\r\nb\rc\u0000').blocks)).toBe('a\nb\nc\ufffd');
  });

  it('knows definitions wherever they stand, the first of a label first', () => {
    const { definitions } = parseMarkdown('[a] [B]\n\n> [A]: /one\n\n[a]: /two\n\n- [b]: /three');
    expect([...definitions].map(([label, node]) => [label, node.url])).toEqual([
      ['a', '/one'],
      ['b', '/three'],
    ]);
  });

  it('takes what agents write without the reference parser', () => {
    const document = agentMarkdown(200_000, 3);
    let left = 0;
    const inline = (text: string) => {
      const nodes = parseInlineQuickly(text);
      if (nodes === undefined) left += text.length;
      return nodes ?? [];
    };
    for (const piece of splitBlocks(document.split('\n')))
      if (parseBlocksQuickly(piece, inline) === undefined) left += piece.join('\n').length;
    expect(left).toBeLessThan(document.length / 50);
  });

  it('shows as written what would take the reference parser too long', () => {
    const text = `<div>${'> * a '.repeat(3_000)}`;
    expect(textOf(parseMarkdown(text).blocks)).toBe(text);
    expect(textOf(parseMarkdown('>'.repeat(30_000)).blocks)).toBe('>'.repeat(30_000));
  });

  it.each([
    '[',
    ']',
    '![',
    '[a](',
    '[a](b) ',
    '*',
    '*a ',
    '_a',
    '**a',
    '*a **b ',
    '~~a',
    '`',
    '`` ` ',
    '<',
    '<a ',
    '<!--',
    '&',
    '&amp',
    '\\',
    '> ',
    '>',
    '- ',
    '- a\n',
    '  - a\n',
    '1. ',
    '# ',
    '#',
    '```\n',
    '~~~',
    '| a ',
    '| a |\n|---|\n',
    '---\n',
    '===\n',
    ' ',
    '\t',
    '\n',
    '  \n',
    'a  \n',
    'http://',
    'http://a.b/(',
    'www.',
    'a@b.',
    '[a]: b\n',
    '[^a]: b\n',
    '[a]\n',
    '<b>',
    '</b>',
    '<div>\n',
    'x',
    '日',
    '👩‍',
    '\u0301',
  ])('takes time in proportion to a text full of %j', { timeout: 120_000 }, (unit) => {
    const time = (size: number) => {
      const text = unit.repeat(Math.ceil(size / unit.length));
      const start = performance.now();
      parseMarkdown(`a${text}b`);
      parseMarkdown(text);
      return performance.now() - start;
    };
    time(20_000);
    const once = Math.max(10, time(20_000));
    // Sixteen times the text: 256 times the time if it were quadratic. What goes to the reference parser is bounded.
    expect(time(320_000)).toBeLessThan(once * 100 + 3_000);
  });
});
