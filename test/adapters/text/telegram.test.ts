import { describe, expect, it } from 'vitest';
import { formatTelegram } from '../../../src/adapters/text/telegram.ts';
import { readTelegram } from './reading.ts';

const html = (markdown: string) => formatTelegram(markdown).map(({ text }) => text);

describe('formatTelegram', () => {
  it.each([
    ['escapes what HTML would read', 'a < b & c > d "e"', 'a &lt; b &amp; c &gt; d "e"'],
    ['writes emphasis', '**a** *b* ~~c~~ `d<`', '<b>a</b> <i>b</i> <s>c</s> <code>d&lt;</code>'],
    ['nests emphasis', '**a *b ~~c~~***', '<b>a <i>b <s>c</s></i></b>'],
    ['closes bold around code, which may not stand in it', '**a `b` c**', '<b>a </b><code>b</code><b> c</b>'],
    ['makes headings bold', '# A *b*\n## C **d**', '<b>A <i>b</i></b>\n\n<b>C d</b>'],
    [
      'names the language of a fence',
      '```ts\na < b\n```',
      '<pre><code class="language-ts">a &lt; b</code></pre>',
    ],
    ['writes a fence without a language', '~~~\na\n~~~', '<pre>a</pre>'],
    ['drops a language that is none', '```"><b>\na\n```', '<pre>a</pre>'],
    [
      'writes links',
      '[a "b"](https://x.y/?a="1"&b=2)',
      '<a href="https://x.y/?a=&quot;1&quot;&amp;b=2">a "b"</a>',
    ],
    [
      'shows the address of a link it cannot make',
      '[file](src/a.ts) [js](javascript:alert(1))',
      'file (src/a.ts) js (javascript:alert(1))',
    ],
    ['writes quotes', '> a\n> b', '<blockquote>a\nb</blockquote>'],
    ['indents a quote in a quote', '> a\n>\n> > b', '<blockquote>a\n\n  b</blockquote>'],
    ['writes lists', '- a\n- b\n  1. c\n  2. d', '• a\n• b\n  1. c\n  2. d'],
    ['keeps the first number', '3. a\n4. b', '3. a\n4. b'],
    ['leaves air in a list of paragraphs', '- a\n\n  b\n- c', '• a\n\n  b\n\n• c'],
    ['writes tasks', '- [ ] a\n- [x] b', '• ☐ a\n• ☑ b'],
    ['writes a rule', 'a\n\n---\n\nb', 'a\n\n──────────\n\nb'],
    ['keeps line breaks', 'a\nb  \nc\\\nd', 'a\nb\nc\nd'],
    [
      'links an image',
      '![a cat](https://x.y/z.png) ![](https://x.y)',
      '<a href="https://x.y/z.png">a cat</a> <a href="https://x.y">image</a>',
    ],
    ['understands simple HTML', '<b>a</b> <i>b</i><br>c <u>d</u>', '<b>a</b> <i>b</i>\nc d'],
    ['shows other HTML as written', 'a <T> b <span>c', 'a &lt;T&gt; b &lt;span&gt;c'],
    [
      'shows a block of HTML without its layout',
      '<details>\n<summary>More</summary>\n\n*x*\n\n</details>',
      'More\n\n<i>x</i>',
    ],
    [
      'resolves references and footnotes',
      '[a][x] b[^1]\n\n[x]: https://x.y\n[^1]: note',
      '<a href="https://x.y">a</a> b[1]\n\n[1] note',
    ],
  ])('%s', (_title, markdown, expected) => {
    expect(html(markdown)).toEqual([expected]);
  });

  it('aligns a table by the width a reader sees', () => {
    expect(html('| a | number |\n|---|--:|\n| 日本 | 1 |\n| x | 22 |')).toEqual([
      '<pre>a     number\n----  ------\n日本       1\nx         22</pre>',
    ]);
  });

  it('writes a table that is too wide as keys and values', () => {
    const wide = 'v'.repeat(40);
    expect(html(`| a | b |\n|---|---|\n| ${wide} | \`${wide}\` |\n| 1 | |`)).toEqual([
      `<b>a</b>: ${wide}\n<b>b</b>: <code>${wide}</code>\n\n<b>a</b>: 1`,
    ]);
  });

  it('counts what is left after parsing, not the markup', () => {
    const bold = '**x** '.repeat(1_000);
    const parts = html(bold);
    expect(parts).toHaveLength(2);
    for (const part of parts) {
      expect(part.length).toBeLessThanOrEqual(8_000);
      expect(readTelegram(part).text.length).toBeLessThanOrEqual(4096);
    }
    expect(html('x'.repeat(4096))).toHaveLength(1);
    expect(html('x'.repeat(4097))).toHaveLength(2);
    expect(html('&'.repeat(4096)).every((part) => part.length <= 8_000)).toBe(true);
  });

  it('closes and opens again what a cut goes through', () => {
    const code = `\`\`\`ts\n${'const x = 1;\n'.repeat(500)}\`\`\``;
    const [first = '', second = ''] = html(code);
    expect(first.startsWith('<pre><code class="language-ts">const x')).toBe(true);
    expect(first.endsWith('x = 1;</code></pre>')).toBe(true);
    expect(second.startsWith('<pre><code class="language-ts">const x')).toBe(true);
    const [bold = '', more = ''] = html(`**[${'word '.repeat(1_000)}end](https://x.y)**`);
    expect(bold.endsWith('word</a></b>')).toBe(true);
    expect(more.startsWith('<b><a href="https://x.y">word')).toBe(true);
  });

  it('keeps a heading with what follows', () => {
    const text = `${'x'.repeat(3_990)}\n\n# Heading\n\n${'y '.repeat(100)}`;
    expect(html(text)[1]).toMatch(/^<b>Heading<\/b>\n\ny y/);
  });

  it('has a plain text without markup that shows every address', () => {
    const [part] = formatTelegram('**a** [b](https://x.y) https://z.w\n\n> c\n\n```ts\nd\n```');
    expect(part?.plain).toBe('a b (https://x.y) https://z.w\n\n> c\n\nd');
  });

  it('says something for a text that shows nothing', () => {
    expect(html('<!-- a -->')).toEqual(['&lt;!-- a --&gt;']);
    expect(html('[a]: https://x.y')).toEqual(['[a]: https://x.y']);
    expect(html(' \n\t')).toEqual(['…']);
    expect(html('')).toEqual([]);
  });
});
