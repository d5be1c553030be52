import { describe, expect, it } from 'vitest';
import { decodeMrkdwn, idsIn, mentions, type Names } from '../../../src/adapters/slack/mrkdwn.ts';
import { cpuMs } from '../../support/cpu-time.ts';

const names: Names = {
  user: (id) => (id === 'U1' ? 'Ada' : undefined),
  channel: (id) => (id === 'C1' ? 'general' : undefined),
};
const decode = (text: string): string => decodeMrkdwn(text, 'UBOT', 'pibot', names);

describe("Slack's inbound text", () => {
  it.each([
    ['a &lt; b &amp;&amp; c &gt; d', 'a < b && c > d'],
    ['&amp;lt; stays escaped once', '&lt; stays escaped once'],
    ['ask <@U1> and <@U2> and <@U3|carol>', 'ask @Ada and @U2 and @carol'],
    ['in <#C1> or <#C2|random>', 'in #general or #random'],
    ['<!here> <!channel> <!subteam^S1|@devs>', '@here @channel @devs'],
    ['<!date^1392734382^{date}|Feb 18>', 'Feb 18'],
    ['see <https://example.com/a?b=1&amp;c=2|the page>', 'see [the page](https://example.com/a?b=1&c=2)'],
    ['see <https://example.com>', 'see https://example.com'],
    ['see <http://example.com|example.com>', 'see http://example.com'],
    ['<mailto:a@b.example|a@b.example>', 'a@b.example'],
    ['1 < 2 and 3 > 2', '1 < 2 and 3 > 2'],
  ])('reads %j', (raw, text) => {
    expect(decode(raw)).toBe(text);
  });

  it.each([
    ['<@UBOT> hello', 'hello'],
    ['<@UBOT|pibot>, hello', 'hello'],
    ['<@UBOT>: /status', '/status'],
    ['hello <@UBOT>', 'hello'],
    ['<@UBOT> <@UBOT>', ''],
    ['is <@UBOT> awake?', 'is @pibot awake?'],
  ])('takes the address of the bot out of %j', (raw, text) => {
    expect(decode(raw)).toBe(text);
  });

  it('cannot be tricked by the mark it uses itself', () => {
    expect(decode('\u0000 hello')).toBe(' hello');
  });

  it('finds the ids that need a name', () => {
    expect(idsIn('<@U1> <@U2|bob> <#C9> <https://x.example> <@U1>')).toEqual({
      users: ['U1'],
      channels: ['C9'],
    });
  });

  it.each([
    ['spaces', `a${' '.repeat(200_000)}b`],
    ['an unclosed token', `<@${'a'.repeat(200_000)}`],
    ['many open brackets', '<@a|'.repeat(50_000)],
    ['mentions of the bot', '<@UBOT> '.repeat(25_000)],
  ])('takes no time for %s without end', (_what, text) => {
    const ms = cpuMs(() => {
      decode(text);
      idsIn(text);
    });
    expect(ms).toBeLessThan(2000);
  });

  it('knows a mention in both forms', () => {
    expect(mentions('<@UBOT> x', 'UBOT')).toBe(true);
    expect(mentions('<@UBOT|pibot> x', 'UBOT')).toBe(true);
    expect(mentions('<@UBOTHER> x', 'UBOT')).toBe(false);
  });
});
