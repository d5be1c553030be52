import { describe, expect, it } from 'vitest';
import { formatSlack } from '../../../src/adapters/text/slack.ts';
import { formatTelegram } from '../../../src/adapters/text/telegram.ts';

const telegram = (markdown: string): string =>
  formatTelegram(markdown)
    .map(({ text }) => text)
    .join('');

describe('names, globs and products keep their characters', () => {
  it.each([
    'Edit __init__.py and run it.',
    'It calls __main__ first, then __init_subclass__.',
    'Changed src/**/*.ts and test/**/*.ts only.',
    'Look in packages/*/src and in apps/*/src.',
    'All of **/*.test.ts and **/*.spec.ts.',
    'So 2*3*4 is 24, 2*3 and 4*5 too, and w*h*d.',
    'In Python 2**10 and x**2 are powers, 2**3**4 as well.',
  ])('%s', (text) => {
    expect(telegram(text)).toBe(text);
    expect(formatSlack(text).map((part) => part.text)).toEqual([text]);
  });

  it.each([
    ['**API**s and **commit**s', '<b>API</b>s and <b>commit</b>s'],
    ['**Linux**/**macOS**/*BSD*', '<b>Linux</b>/<b>macOS</b>/<i>BSD</i>'],
    ['__Important__ and __two words__', '<b>Important</b> and <b>two words</b>'],
    ['これは**重要**です', 'これは<b>重要</b>です'],
    ['**src/**/*.ts**', '<b>src/**/*.ts</b>'],
    ['**in __init__.py**', '<b>in __init__.py</b>'],
  ])('and what is meant as emphasis stays it: %s', (markdown, html) => {
    expect(telegram(markdown)).toBe(html);
  });

  it.each([
    ['`src/**/*.ts` and `2*3*4`', '<code>src/**/*.ts</code> and <code>2*3*4</code>'],
    ['```py\n__init__ = 2*3*4\n```', '<pre><code class="language-py">__init__ = 2*3*4</code></pre>'],
    ['[__init__](https://x.example/a*b*c)', '<a href="https://x.example/a*b*c">__init__</a>'],
    ['[x]\n\n[x]: https://x.example/a*b*c', '<a href="https://x.example/a*b*c">x</a>'],
    ['\\_\\_init\\_\\_ \\*a*b', '__init__ *a*b'],
  ])('and in code, links and escapes: %s', (markdown, html) => {
    expect(telegram(markdown)).toBe(html);
  });

  it('a text with the stand-ins in it is parsed as it stands', () => {
    expect(telegram('a\ufdd0b *c*')).toBe('a\ufdd0b <i>c</i>');
  });

  it('a long text takes no longer for it', () => {
    for (const piece of ['a*', '__a_', 'a**', '2', 'src/**/', '*_'])
      expect(telegram(piece.repeat(20_000)).length).toBeGreaterThan(1000);
  });
});
