import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import { describe, expect, it } from 'vitest';
import { parseMarkdown, textOf } from '../../../src/adapters/text/parse.ts';
import { cpuMs } from '../../support/cpu-time.ts';

/** What the reference parser says of the whole text at once. */
function reference(markdown: string): unknown {
  const { children } = fromMarkdown(markdown, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  return comparable(children);
}

/** Without positions and what no renderer looks at: titles, looseness of lists, info behind a language. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const ignored = [
    'position',
    'spread',
    'meta',
    'title',
    ...('ordered' in value && !value.ordered ? ['start'] : []),
  ];
  const entries = Object.entries(value).filter(
    ([key, inner]) =>
      !ignored.includes(key) && inner !== null && inner !== undefined && !(key === 'lang' && inner === ''),
  );
  return Object.fromEntries(entries.map(([key, inner]) => [key, comparable(inner)]));
}

describe('parseMarkdown', () => {
  it.each([
    ['a paragraph', 'one *two* **three** `four`\nfive'],
    ['hard breaks', 'one  \ntwo\\\nthree'],
    ['emphasis in a word', 'snake_case_name and **日本**語 and **bold**er'],
    ['emphasis of three', '***both*** and **bold *inside***'],
    ['stray markers', 'a * b ** c _ d ~ e'],
    ['strikethrough', '~~gone~~'],
    ['code with backticks', '`` a ` b `` and ` `` `'],
    ['links', '[a *b*](https://x.y/z "title") ![alt](u) [](v) <https://q.r>'],
    ['links in links', '[a [b](c) d](e)'],
    ['bare addresses', 'see https://x.y/a_b(c). And (http://z.w/?q=1&r=2)!'],
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
    ['a table', '| a | b |\n|:--|--:|\n| `x \\| y` | **z** |\n\nafter'],
    ['no table', 'a | b\n---|\n'],
    ['rules', '---\n\n***\n_ _ _'],
    ['HTML', 'a <b>c</b> <br/>\n\n<div>\n**d**\n\n</div>\n\n<!-- e\n\nf -->\ng'],
    ['a fence in HTML', '<div>\n```\nx\n```\n\ny'],
    ['indented code', '    a\n\n    b\n\nc'],
    ['tabs', '-\ta\n\n\tb'],
  ])('agrees with the reference parser on %s', (_title, markdown) => {
    expect(comparable(parseMarkdown(markdown))).toEqual(reference(markdown));
  });

  it('takes every kind of line end', () => {
    expect(textOf(parseMarkdown('\ufeffa\r\nb\rc\u0000'))).toBe('a\nb\nc\ufffd');
  });

  it.each([
    'Edit __init__.py and run it.',
    'It calls __main__ first, then __dirname.',
    'Changed src/**/*.ts and test/**/*.ts only.',
    'All of **/*.ts and **/*.js, or {*.ts,*.js}, or *.md|*.txt.',
    'So 2*3*4 is 24, and x**2 + y**2 is z**2.',
    'See README.md, www.example.com and me@example.com.',
    'some_snake_case and _private',
    '5 * 3 * 2, a ~ b ~ c',
    'an [^unknown] footnote',
  ])('shows %s as it is written', (text) => {
    expect(parseMarkdown(text)).toEqual([{ type: 'paragraph', children: [{ type: 'text', value: text }] }]);
  });

  it.each([
    ['**/etc/passwd** and **src/**', ['/etc/passwd', 'src/']],
    ['**2*3*4** is 24', ['2*3*4']],
    ['__Important__ and **x**: ok', ['Important', 'x']],
    ['**“quoted”** **(all)**', ['“quoted”', '(all)']],
  ])('takes what is meant as bold in %s', (text, bold) => {
    const [paragraph] = parseMarkdown(text);
    const nodes = paragraph?.type === 'paragraph' ? paragraph.children : [];
    expect(nodes.filter(({ type }) => type === 'strong').map((node) => textOf([node]))).toEqual(bold);
  });

  it('keeps addresses whole', () => {
    const [paragraph] = parseMarkdown('see https://x.y/_a_/b_c/**/d?e=*f*g. And (http://z.w/?q=1&r=2)!');
    const links = paragraph?.type === 'paragraph' ? paragraph.children : [];
    expect(links.filter(({ type }) => type === 'link').map((node) => textOf([node]))).toEqual([
      'https://x.y/_a_/b_c/**/d?e=*f*g',
      'http://z.w/?q=1&r=2',
    ]);
  });

  it('resolves definitions wherever they stand', () => {
    expect(parseMarkdown('[a][b] and [C]\n\n> [b]: https://x.y "t"\n\n[c]: <z>')).toMatchObject([
      { children: [{ type: 'link', url: 'https://x.y' }, { value: ' and ' }, { type: 'link', url: 'z' }] },
      { type: 'blockquote', children: [] },
    ]);
  });

  it('shows footnotes where they stand', () => {
    expect(textOf(parseMarkdown('a[^1] b[^x y]\n\n[^1]: one\n[^n]: https://two'))).toBe(
      'a[1] b[^x y][1] one[n] https://two',
    );
  });

  it('shows blocks nested too deep as written, and loses none', () => {
    expect(textOf(parseMarkdown('>'.repeat(30_000)))).toMatch(/^>+$/);
    const mixed = textOf(parseMarkdown(`${'> * a '.repeat(3_000)}end`));
    expect(mixed.replaceAll(/[>* ]/g, '')).toBe(`${'a'.repeat(3_000)}end`);
    const deep = Array.from({ length: 200 }, (_, level) => `${'  '.repeat(level)}- item ${level}`).join('\n');
    const shown = textOf(parseMarkdown(deep));
    for (let level = 0; level < 200; level += 1) expect(shown).toContain(`item ${level}`);
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
      return cpuMs(() => {
        parseMarkdown(`a${text}b`);
        parseMarkdown(text);
      });
    };
    time(5_000);
    const once = Math.max(5, time(5_000));
    // Sixteen times the text: 256 times the time if it were quadratic. What goes to the reference parser is bounded.
    expect(time(80_000)).toBeLessThan(once * 100 + 1_000);
  });
});
