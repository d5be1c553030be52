/** Generated Markdown: well-formed documents of every construct, and soup of everything that could mislead. */
import fc from 'fast-check';

const WORDS = [
  'a',
  'word',
  'two words',
  'snake_case',
  '2 * 3',
  'x < y && z',
  '日本語の文。',
  'שלום עולם',
  'مرحبا',
  '👩‍👩‍👧‍👦',
  '🏴󠁧󠁢󠁳󠁣󠁴󠁿',
  '👍🏽',
  '🇩🇪🇫🇷',
  'é',
  'ก็',
  'Ende.',
  'Really?!',
  '<@123>',
  '<!channel>',
  '@everyone',
  '&amp;',
  '"quoted"',
  '(p)',
  '#tag',
  '- dash',
  '1. one',
  '\\*escaped\\*',
  'supercalifragilisticexpialidocious',
];

const word = fc.constantFrom(...WORDS);
const words = fc.array(word, { minLength: 1, maxLength: 3 }).map((list) => list.join(' '));
const codeText = fc.constantFrom(
  'x',
  'a < b',
  'const x = `1`;',
  'f(&y)',
  '日本',
  'a  b',
  '*not bold*',
  '👩‍💻',
);

const inline: fc.Arbitrary<string> = fc.letrec<{ span: string; text: string }>((tie) => ({
  text: fc.array(tie('span'), { minLength: 1, maxLength: 3 }).map((spans) => spans.join(' ')),
  span: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    words,
    codeText.map((code) => `\`\`${code}\`\``),
    tie('text').map((text) => `**${text}**`),
    tie('text').map((text) => `*${text}*`),
    tie('text').map((text) => `~~${text}~~`),
    tie('text').map((text) => `[${text}](https://example.com/a_b?x=1&y=2)`),
    fc.constantFrom(
      'https://example.org/a_b_c',
      '[file](src/a.ts)',
      '![alt](https://i.example/x.png)',
      'in*tra*word',
      '日本**太字**です',
      '<b>html</b>',
      'a<br>b',
      'line\nbreak',
      'hard  \nbreak',
    ),
  ),
})).text;

const codeLine = fc.constantFrom(
  'const x = 1 < 2;',
  '  indented();',
  '',
  '```not a fence',
  '> quote',
  '日本',
  '\ttab',
);
const indented = (text: string, by: string) => text.split('\n').join(`\n${by}`);

const block: fc.Arbitrary<string> = fc.letrec<{ block: string; blocks: string }>((tie) => ({
  blocks: fc.array(tie('block'), { minLength: 1, maxLength: 2 }).map((blocks) => blocks.join('\n\n')),
  block: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    inline,
    fc
      .tuple(fc.integer({ min: 1, max: 6 }), inline)
      .map(([depth, text]) => `${'#'.repeat(depth)} ${text.replaceAll('\n', ' ')}`),
    fc
      .tuple(fc.constantFrom('', 'ts', 'c++', 'no such language'), fc.array(codeLine, { maxLength: 8 }))
      .map(([language, lines]) => `~~~~${language}\n${lines.join('\n')}\n~~~~`),
    fc
      .array(tie('blocks'), { minLength: 1, maxLength: 3 })
      .map((items) => items.map((item) => `- ${indented(item, '  ')}`).join('\n')),
    fc
      .array(inline, { minLength: 1, maxLength: 3 })
      .map((items) => items.map((item, index) => `${index + 1}. ${indented(item, '   ')}`).join('\n')),
    fc
      .array(inline, { minLength: 1, maxLength: 3 })
      .map((items) =>
        items.map((item, index) => `- [${index % 2 ? 'x' : ' '}] ${indented(item, '  ')}`).join('\n'),
      ),
    tie('blocks').map((blocks) => `> ${indented(blocks, '> ')}`),
    fc
      .array(
        fc.array(
          inline.map((cell) => cell.replace(/[\n|]/g, ' ')),
          { minLength: 3, maxLength: 3 },
        ),
        { minLength: 1, maxLength: 3 },
      )
      .map(([head = [], ...rows]) =>
        [head, ['---', ':-:', '--:'], ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n'),
      ),
    fc.constantFrom(
      '---',
      '<details>\n<summary>More</summary>\n\ntext\n\n</details>',
      '<!-- hidden -->',
      '[ref]\n\n[ref]: https://r.example',
      'note[^1]\n\n[^1]: the note',
    ),
  ),
})).block;

/** Documents in which every construct is meant. */
export const documents = fc.array(block, { minLength: 1, maxLength: 3 }).map((blocks) => blocks.join('\n\n'));

/** Anything at all that could mean something to the parser. */
export const soup = fc
  .array(
    fc.oneof(
      word,
      fc.constantFrom(
        ...[
          '*',
          '**',
          '***',
          '_',
          '__',
          '~',
          '~~',
          '`',
          '``',
          '```',
          '~~~',
          '[',
          '](',
          '](u)',
          '](http://x.y/z)',
          '![',
          ']',
          '(',
          ')',
        ],
        ...[
          '\\',
          '\\*',
          '!',
          '<',
          '>',
          '&',
          '&lt;',
          '&#65;',
          '&copy;',
          'https://a.b/c',
          'http://x.y.',
          'www.a.b',
          'a@b.cc',
          '<https://q.r>',
        ],
        ...[
          ' ',
          ' ',
          '  \n',
          '\n',
          '\n',
          '\n\n',
          '\\\n',
          '- ',
          '* ',
          '+ ',
          '1. ',
          '2. ',
          '1) ',
          '> ',
          '>',
          '# ',
          '## ',
          '#',
          '---',
          '***',
          '===',
        ],
        ...[
          '| a | b |\n|---|:-:|\n',
          '|',
          '\t',
          '  ',
          '    ',
          '   ',
          '[x] ',
          '[ ] ',
          '[a]: /u\n',
          '[a]',
          '[^1]',
          '[^1]: f\n',
          '<div>',
          '<!--',
          '-->',
          '<b>',
          '</b>',
        ],
      ),
    ),
    { maxLength: 24 },
  )
  .map((pieces) => pieces.join(''));

/** Texts with no regard to Markdown. */
export const anyText = fc.string({ unit: 'grapheme', maxLength: 200 });

/** Long texts that have broken other splitters. */
export const CORPUS: Readonly<Record<string, string>> = {
  'emoji joined to families': '👩‍👩‍👧‍👦'.repeat(2_000),
  flags: '🇩🇪🇫🇷🇯🇵'.repeat(2_000),
  'Chinese without a space': '汉字没有空格，句子很长。'.repeat(1_000),
  'Hebrew and Arabic': 'שלום עולם, مرحبا بالعالم. '.repeat(1_000),
  'marks on letters': `${'e\u0301\u0323'.repeat(10)} `.repeat(500),
  'one word of 50 kB': 'x'.repeat(50_000),
  'one word of 50 kB in bold': `**${'x'.repeat(50_000)}**`,
  'a fence with a language': `\`\`\`typescript\n${'const answer = 42 < 43 && "yes";\n'.repeat(1_500)}\`\`\``,
  'a fence with one endless line': `\`\`\`json\n${'{"a":1},'.repeat(4_000)}\n\`\`\``,
  'a fence in a list in a quote': `> - ${'x '.repeat(10)}\n>\n>   ~~~js\n${'>   let a = `\\`\\`\\``;\n'.repeat(900)}>   ~~~`,
  'nested markup': '**bold *italic ~~strike `code` strike~~ italic* bold** '.repeat(800),
  links: '[a label with words](https://example.com/path?a=1&b=2) '.repeat(800),
  'a label of 20 kB': `[${'label '.repeat(3_500)}](https://example.com)`,
  'an address of 5 kB': `see [here](https://example.com/${'a/'.repeat(2_500)}) now`,
  'a list': '- item with **bold** and `code`\n'.repeat(1_500),
  'a loose list': '- item\n\n  more\n\n'.repeat(800),
  quotes: '> quoted text & more\n'.repeat(1_500),
  'a long table': `| name | value |\n|---|--:|\n${'| some name | 1234 |\n'.repeat(900)}`,
  'a wide table': `| ${'a long heading indeed | '.repeat(8)}\n|${'---|'.repeat(8)}\n${`| ${'cell with some text | '.repeat(8)}\n`.repeat(60)}`,
  ampersands: '&<>&<>'.repeat(3_000),
  backticks: '`` ` `` '.repeat(3_000),
  'empty lines': `a${'\n'.repeat(20_000)}b`,
  blanks: `a${' '.repeat(20_000)}b`,
  'a fence of blanks': `\`\`\`\n${' '.repeat(9_000)}\n${'\n'.repeat(9_000)}x\n\`\`\``,
  headings: '## Heading\n\ntext under it\n\n'.repeat(600),
};
