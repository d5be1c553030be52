import { describe, expect, it } from 'vitest';
import { formatDiscord } from '../../../src/adapters/text/discord.ts';

const written = (markdown: string) => formatDiscord(markdown).map(({ text }) => text);

describe('formatDiscord', () => {
  it.each([
    ['writes emphasis', '**a** *b* ~~c~~ `d`', '**a** _b_ ~~c~~ `d`'],
    [
      'escapes markers that are text',
      '\\*a\\* snake_case ~ | \\` [x]',
      '\\*a\\* snake\\_case \\~ \\| \\` \\[x\\]',
    ],
    [
      'escapes what would begin a block',
      '\\# a\n\\- b\n\\> c\n1\\. d\n-# e',
      '\\# a\n\\- b\n\\> c\n1\\. d\n\\-# e',
    ],
    ['keeps italics off letters', '前*中*後', '前\u200b_中_\u200b後'],
    ['keeps neighbouring marks apart', '**a**<b>b</b>', '**a**\u200b**b**'],
    [
      'leaves mentions readable',
      '<@123> <@&4> <#5> @everyone <:smile:67>',
      '<@123> <@&4> <#5> @everyone <:smile:67>',
    ],
    ['escapes other angle brackets', 'a < b <T>', 'a \\< b \\<T>'],
    ['writes three depths of heading', '# a\n\n### b\n\n#### c', '# a\n\n### b\n\n**c**'],
    [
      'writes links to the web only',
      '[a](https://x.y/(z)) [b](mailto:me@x.y) [c](d.md)',
      '[a](https://x.y/%28z%29) b (mailto:me@x.y) c (d.md)',
    ],
    [
      'does not mask an address with another',
      '[https://good.example](https://evil.example)',
      '<https://good.example> (<https://evil.example>)',
    ],
    ['fences off bare addresses', '**https://x.y/a_b**', '**<https://x.y/a_b>**'],
    ['encloses code with backticks in longer ones', '``a`b``', '`` a`b ``'],
    ['breaks a fence inside a fence', '~~~\n```\n~~~', '```\n`\u200b``\n```'],
    ['writes lists', '- a\n  - b\n- [x] c\n\n1. d', '- a\n  - b\n- ☑ c\n\n1. d'],
    [
      'prefixes every line of a quote',
      '> a\n> b\n>\n> ```js\n> c\n> ```',
      '> a\n> b\n> \n> ```js\n> c\n> ```',
    ],
  ])('%s', (_title, markdown, expected) => {
    expect(written(markdown)).toEqual([expected]);
  });

  it('fits 2000 units, with the fence and its language in every part', () => {
    const parts = written(`\`\`\`python\n${'print("hello")\n'.repeat(300)}\`\`\``);
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts) {
      expect(part.length).toBeLessThanOrEqual(2000);
      expect(part).toMatch(/^```python\nprint[\s\S]*\)\n```$/);
    }
  });

  it('counts its escapes', () => {
    for (const part of written('_'.repeat(3_000))) expect(part.length).toBeLessThanOrEqual(2000);
    expect(written('x'.repeat(2000))).toHaveLength(1);
    expect(written('x'.repeat(2001))).toHaveLength(2);
  });

  it('goes on with a quote in the next part', () => {
    const [first = '', second = ''] = written(`> ${'word '.repeat(600)}`);
    expect(first.startsWith('> word')).toBe(true);
    expect(second.startsWith('> word')).toBe(true);
  });
});
