/** The log from a time on, and people whose messages were rejected. */
import { describe, expect, it } from 'vitest';
import { sinceOf } from '../../../src/tui/draw/times.ts';
import { MINUTE, NOW, refusalView, snapshotOf } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

const screen = (h: Harness): string => h.text().join('\n');
const DAY = 24 * 60 * MINUTE;

describe('the log', () => {
  const line = (at: number, text: string) => ({ at, level: 'info' as const, source: 'gateway', text });

  it('is shown from a time on, also from before a restart, and Enter opens the whole record', async () => {
    const asked: unknown[] = [];
    const h = harness({
      snapshot: snapshotOf({ log: [line(NOW - 2 * DAY, 'an old line'), line(NOW, 'a new line')] }),
      queries: {
        log: (params) => {
          asked.push(params);
          return [
            { ...line(NOW - DAY, 'lost  code=42 why=no route'), fields: { code: '42', why: 'no route' } },
          ];
        },
      },
    });
    expect(screen(h)).toMatch(/05-30 \d\d:\d\d info/u);
    h.press(':');
    h.type('log since 2d');
    h.press('enter');
    await h.settle();
    expect(asked).toMatchObject([{ since: NOW - 2 * DAY }]);
    expect(screen(h)).toContain('Log since 1 2d');
    h.press('enter');
    expect(screen(h)).toContain('why: no route');
    expect(screen(h)).toMatch(/2025-05-31 \d\d:\d\d:\d\d/u);
    h.press('esc esc 5 t');
    h.type('soon');
    h.press('enter');
    expect(screen(h)).toContain('Since when?');
    h.press('esc m');
    h.timers.advance(300);
    expect(screen(h)).toContain('---- mark at');
    expect(h.operator.commands).toEqual([]);
  });

  it.each([
    ['10m', NOW - 10 * MINUTE],
    ['2h', NOW - 120 * MINUTE],
    ['2025-05-30', new Date('2025-05-30T00:00:00').getTime()],
    ['2025-05-30 09:30', new Date('2025-05-30T09:30:00').getTime()],
    ['soon', undefined],
    ['', undefined],
    ['25:99', undefined],
  ])('takes %s as a time', (text, time) => {
    expect(sinceOf(text, NOW)).toBe(time);
  });
});

describe('rejected messages', () => {
  const refusals = [
    refusalView('r1', { at: NOW - 3, senderId: 'u1', senderName: 'Mallory', text: 'first words' }),
    refusalView('r2', { at: NOW - 2, senderId: 'u2', senderName: 'Trudy', text: 'other words' }),
    refusalView('r3', {
      at: NOW - 1,
      senderId: 'u1',
      senderName: 'Mallory',
      text: 'second\nwords',
      count: 4,
    }),
  ];

  it('are one row for each person, and Enter shows what they wrote', () => {
    const h = harness({ snapshot: snapshotOf({ refusals }), keyMs: 1_100 });
    h.press('f');
    expect(screen(h)).toContain('Rejected 2');
    expect(screen(h)).toMatch(/Mallory.*\(5 messages\)/u);
    h.press('/');
    h.type('mallory');
    h.press('enter enter');
    expect(screen(h)).toContain('Rejected: Mallory');
    expect(screen(h)).toMatch(/second[\s\S]*first words/u);
    expect(screen(h)).not.toContain('other words');
    h.press('b');
    expect(h.operator.commands).toEqual([{ type: 'block', platform: 'discord', userId: 'u1' }]);
  });

  it('of blocked senders end when x unblocks them, and u blocks them again', async () => {
    let blocked = [{ platform: 'discord' as const, userId: 'u1', at: NOW }];
    const h = harness({
      keyMs: 1_100,
      queries: { blocked: () => blocked },
      answer(command) {
        if (command.type === 'unblock') blocked = [];
        return { message: `${command.type} done` };
      },
    });
    h.press('B');
    await h.settle();
    expect(screen(h)).toContain('Blocked 1');
    h.press('x');
    await h.settle();
    expect(screen(h)).toContain('No one is blocked.');
    h.press('u');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'unblock', platform: 'discord', userId: 'u1' },
      { type: 'block', platform: 'discord', userId: 'u1' },
    ]);
  });
});
