import { describe, expect, it } from 'vitest';
import { formatSlack } from '../../../src/adapters/text/slack.ts';

const written = (markdown: string) => formatSlack(markdown).map(({ text }) => text);

describe('formatSlack', () => {
  it.each([
    ['writes emphasis', '**a** *b* ~~c~~ `d`', '*a* _b_ ~c~ `d`'],
    ['escapes only what mrkdwn reads', 'a & b < c > d * e', 'a &amp; b &lt; c &gt; d * e'],
    [
      'makes mentions of the model harmless',
      '<!channel> <@U123> <#C1>',
      '&lt;!channel&gt; &lt;@U123&gt; &lt;#C1&gt;',
    ],
    [
      'makes them harmless in code as well',
      '`<!here>`\n\n```\n<!everyone>\n```',
      '`&lt;!here&gt;`\n\n```\n&lt;!everyone&gt;\n```',
    ],
    ['writes links', '[a **b**](https://x.y?a=1&b=2)', '<https://x.y?a=1&amp;b=2|a b>'],
    ['lets no address break out', '[a](<https://x.y/|!channel\\> b>)', '<https://x.y/%7C!channel%3E%20b|a>'],
    ['shows an address it cannot link', '[a](b.md) [c|d](https://x.y)', 'a (b.md) c|d (https://x.y)'],
    ['keeps markers off letters', '日本**太字**です', '日本\u200b*太字*\u200bです'],
    ['keeps blanks out of marks', 'x<b> a </b>b', 'x *a* b'],
    ['closes a mark at the end of each line', '**a\nb**', '*a*\n*b*'],
    ['has no languages', '```ts\na\n```', '```\na\n```'],
    ['shows code with backticks as text', '``a`b``', 'a`b'],
    ['breaks fences that are text', '\\`\\`\\`', '`\u200b``'],
    ['makes headings bold once', '# a **b**', '*a b*'],
    ['writes quotes at the start of a line', '- a\n\n  > b', '• a\n> b'],
  ])('%s', (_title, markdown, expected) => {
    expect(written(markdown)).toEqual([expected]);
  });

  it('counts code points of what is sent', () => {
    expect(written('😀'.repeat(3900))).toHaveLength(1);
    expect(written('😀'.repeat(3901))).toHaveLength(2);
    for (const part of written('<'.repeat(3900))) expect(part.length).toBeLessThanOrEqual(3900);
  });

  it('keeps the plain text escaped: Slack reads it all the same', () => {
    expect(formatSlack('**a** <!channel> [b](https://x.y?a&b)')[0]?.plain).toBe(
      'a &lt;!channel&gt; b (https://x.y?a&amp;b)',
    );
  });
});
