/** What agents really write, and what was once lost or misread of it. */
import { describe, expect, it } from 'vitest';
import { formatDiscord } from '../../../src/adapters/text/discord.ts';
import { formatPlain } from '../../../src/adapters/text/plain.ts';
import { formatSlack } from '../../../src/adapters/text/slack.ts';
import { formatTelegram } from '../../../src/adapters/text/telegram.ts';
import { formatWhatsapp } from '../../../src/adapters/text/whatsapp.ts';

const PLATFORMS = {
  telegram: formatTelegram,
  discord: formatDiscord,
  slack: formatSlack,
  whatsapp: formatWhatsapp,
};
type Platform = keyof typeof PLATFORMS;

function on(platform: Platform, markdown: string): string {
  return PLATFORMS[platform](markdown)
    .map(({ text }) => text)
    .join('\n---\n');
}

describe('links', () => {
  it.each([
    ['[app](http://localhost:3000/a)', 'app (http://localhost:3000/a)'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['[call](tel:+123)', 'call (tel:+123)'],
    ['[mail](mailto:a@b.c) <a@b.c>', 'mail (mailto:a@b.c) a@b.c'],
    ['[x](tg://user?id=5)', 'x (tg://user?id=5)'],
    ['[x](http://127.0.0.1:80)', '<a href="http://127.0.0.1:80">x</a>'],
    ['[x](http://[::1]:80/)', '<a href="http://[::1]:80/">x</a>'],
    ['[x](tg://resolve?domain=d)', '<a href="tg://resolve?domain=d">x</a>'],
  ])('keep their address where Telegram would drop it: %s', (markdown, html) => {
    expect(on('telegram', markdown)).toBe(html);
  });

  it.each([
    ['[https://good.example](https://evil.example)', 'https://good.example (https://evil.example)'],
    ['[good.com](https://evil.example)', 'good.com (https://evil.example)'],
    ['[https://good.com](https://good.com@evil.example)', 'https://good.com (https://good.com@evil.example)'],
    [
      '[see www.good.com](https://www.good.com.evil.example)',
      'see www.good.com (https://www.good.com.evil.example)',
    ],
  ])('show where they lead when their label names another site: %s', (markdown, shown) => {
    for (const platform of ['telegram', 'slack', 'whatsapp'] as const)
      expect(on(platform, markdown)).toBe(shown);
    expect(on('discord', markdown).replace(/<(http[^>]*)>/g, '$1')).toBe(shown);
  });

  it.each([
    ['[github.com](https://www.github.com/x)', '<https://www.github.com/x|github.com>'],
    ['[github.com](https://docs.github.com/x)', '<https://docs.github.com/x|github.com>'],
    ['[README.md](https://github.com/a)', '<https://github.com/a|README.md>'],
    ['[Next.js](https://nextjs.org)', '<https://nextjs.org|Next.js>'],
  ])('stay links with an honest label: %s', (markdown, mrkdwn) => {
    expect(on('slack', markdown)).toBe(mrkdwn);
  });
});

describe('nothing is lost', () => {
  it.each([
    ['[ERROR]: timeout\n[INFO]: done\n\nmore', '[ERROR]: timeout\n[INFO]: done\n\nmore'],
    ['[Note]:\nfoo\n\nmore', '[Note]:\nfoo\n\nmore'],
    ['> [WARN]: old\n\nmore', '<blockquote>[WARN]: old</blockquote>\n\nmore'],
    ['- [a]: b\n- [c]: d', '• [a]: b\n• [c]: d'],
    ['so [x]\n\n[x]: https://x.y\n[1]: https://z.y', 'so <a href="https://x.y">x</a>\n\n[1]: https://z.y'],
    ['so [x]\n\n[x]: https://x.y\n\n[x]: https://z.y', 'so <a href="https://x.y">x</a>\n\n[x]: https://z.y'],
    ['more\n\n[//]: # (a comment)', 'more'],
  ])('of a definition that no link uses: %s', (markdown, html) => {
    expect(on('telegram', markdown)).toBe(html);
  });

  it('of a table row with more cells than the head', () => {
    const rows = [
      '| a | `s|null` | b |',
      '| 1 | 2 | 3 | 4 |',
      '| ` | ` | x |',
      '| x \\| y | `||` | `z|` | w |',
    ];
    const [table = ''] = formatPlain(`| A | B | C |\n|---|---|---|\n${rows.join('\n')}`, {
      limit: 480,
      unit: 'utf16',
      singleLine: true,
    }).map(({ text }) => text);
    expect(table).toBe('A: a B: s|null C: b A: 1 B: 2 C: 3 | 4 A: ` B: ` C: x A: x | y B: || C: z| | w');
  });
});

describe('emphasis', () => {
  it.each([
    ['**注意：**这里', '<b>注意：</b>这里'],
    ['这是**“重点”**内容', '这是<b>“重点”</b>内容'],
    ['**GitHub（ギットハブ）**は、*「強調」*です', '<b>GitHub（ギットハブ）</b>は、<i>「強調」</i>です'],
    ['**텍스트(text)**는 ~~（旧）~~新', '<b>텍스트(text)</b>는 <s>（旧）</s>新'],
    ['ข้อความ**"ไทย"**ต่อ', 'ข้อความ<b>"ไทย"</b>ต่อ'],
    ['2*3*4 和 src/**/*.ts 与 a * b * c', '2*3*4 和 src/**/*.ts 与 a * b * c'],
  ])('ends beside a sign where words have no spaces: %s', (markdown, html) => {
    expect(on('telegram', markdown)).toBe(html);
  });

  it('has nothing between a mark and the mark in it', () => {
    expect(on('slack', '***a*** *`b`*')).toBe('_*a*_ _`b`_');
    expect(on('whatsapp', '***a***')).toBe('_*a*_');
    expect(on('slack', '<i>a</i><b>b</b> c_**d**')).toBe('_a_\u200b*b* c_\u200b*d*');
  });
});

describe('HTML, quotes and signs that nobody sees', () => {
  it('shows code, links and pictures of HTML as such', () => {
    const html =
      '<code>a*b* &amp; c</code> <a href="https://x.y?a=1&amp;b=2">l *i*</a> <img src="https://i.j/k" alt="pic">';
    expect(on('telegram', html)).toBe(
      '<code>a*b* &amp; c</code> <a href="https://x.y?a=1&amp;b=2">l <i>i</i></a> <a href="https://i.j/k">pic</a>',
    );
    expect(on('telegram', '<a href="javascript:x">j</a> Map<a> of <code>')).toBe(
      'j (javascript:x) Map&lt;a&gt; of &lt;code&gt;',
    );
  });

  it('begins a quote in a quote on its first line', () => {
    expect(on('telegram', 'a\n\n> > b\n> > c')).toBe('a\n\n<blockquote>  b\n  c</blockquote>');
    expect(on('slack', 'a\n\n>>> b')).toBe('a\n\n>     b');
    expect(on('slack', '> a\n>\n> > b\n> > ```\n> > c\n> > ```')).toBe(
      '> a\n> \n>   b\n> \n> ```\n> c\n> ```',
    );
  });

  it('lets nothing through that colors, hides or turns text around', () => {
    const text =
      'a\u202eb \u001b[1;31mred\u001b[0m\u0007 \u001b]8;;http://evil\u0007click\u001b]8;;\u0007\ttab';
    for (const platform of ['telegram', 'discord', 'slack', 'whatsapp'] as const)
      expect(on(platform, text)).toBe('ab red click\ttab');
    expect(formatPlain(text, { limit: 99, unit: 'utf16', singleLine: true })[0]?.text).toBe(
      'ab red click tab',
    );
    expect(on('telegram', '\u001b]'.repeat(50_000)).length).toBeGreaterThan(40_000);
  });
});
