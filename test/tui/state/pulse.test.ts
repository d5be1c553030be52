import { describe, expect, it } from 'vitest';
import { chart } from '../../../src/tui/draw/line.ts';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from '../../../src/tui/draw/theme.ts';
import { Pulse } from '../../../src/tui/state/slices.ts';
import { adapterView, NOW, outboxView, sessionView, snapshotOf } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

const text = (values: readonly number[], width: number, height = 1, glyphs = UNICODE_GLYPHS): string[] =>
  chart(values, { width, height, style: 'accent' }, glyphs).map((line) =>
    line.map((part) => part.text).join(''),
  );

describe('a chart', () => {
  it('shows the newest values at the right, scaled to the highest, and nothing as a dot', () => {
    expect(text([9, 0, 1, 4, 8], 4)).toEqual(['·▁▄█']);
    expect(text([1, 2], 4)).toEqual(['  ▄█']);
    expect(text([0, 16, 8], 3, 2)).toEqual([' █ ', '·██']);
    expect(text([1_000, 1], 2)).toEqual(['█▁']);
    expect(text([0, 8], 2, 1, ASCII_GLYPHS)).toEqual([' #']);
    expect(text([1], 0)).toEqual(['']);
  });
});

describe('the pulse', () => {
  it('counts messages by platform, and forgets them after ten minutes', () => {
    const pulse = new Pulse();
    pulse.message('telegram', 'in', NOW);
    pulse.message('telegram', 'in', NOW + 15_000);
    pulse.message('slack', 'out', NOW + 15_000);
    const { platforms } = pulse.slice(NOW + 15_000);
    expect(platforms.telegram?.in.slice(-2)).toEqual([1, 1]);
    expect(platforms.telegram?.inPerMinute).toBe(2);
    expect(platforms.slack?.out.at(-1)).toBe(1);
    expect(platforms.discord).toBeUndefined();
    expect(pulse.slice(NOW + 11 * 60_000)).toEqual({ platforms: {} });
  });

  it('asks for no wake-up when nothing happened lately, and is the same object then', () => {
    const pulse = new Pulse();
    const before = pulse.slice(NOW);
    expect(before.nextChangeAt).toBeUndefined();
    expect(pulse.slice(NOW + 100_000)).toBe(before);
    pulse.message('telegram', 'in', NOW);
    expect(pulse.slice(NOW).nextChangeAt).toBe(NOW + 10_000);
  });

  it('takes the time from the start of a turn to its end; a failed one is an error', () => {
    const pulse = new Pulse();
    const running = sessionView('s1', { state: 'running', current: 'hello', turns: 1 });
    pulse.session(running, NOW);
    pulse.session({ ...running, waiting: 1 }, NOW + 1_000);
    pulse.session({ ...running, current: 'the next', turns: 2 }, NOW + 3_000);
    const failed = { at: NOW + 4_000, reason: 'no model' };
    pulse.session(sessionView('s1', { turns: 2, lastFailure: failed }), NOW + 4_000);
    const { telegram } = pulse.slice(NOW + 5_000).platforms;
    expect(telegram).toMatchObject({ answers: 1, meanMs: 3_000, slowestMs: 3_000 });
    expect(telegram?.errors.at(-1)).toBe(1);
  });
});

describe('the pulse view', () => {
  const screen = (h: Harness, columns = 120, rows = 40): string => h.text(columns, rows).join('\n');

  it('shows of each platform that is on its messages, the time of answers and errors', async () => {
    const h = harness({
      snapshot: snapshotOf({
        adapters: [
          adapterView(),
          adapterView({ platform: 'slack', detail: 'acme' }),
          adapterView({ platform: 'twitch', state: 'disabled', detail: 'not enabled' }),
        ],
      }),
    });
    const running = sessionView('s1', { state: 'running', current: 'hello' });
    h.operator.push({ type: 'session', session: running });
    for (let n = 0; n < 7; n += 1)
      h.operator.push({ type: 'traffic', direction: 'in', platform: 'telegram', at: NOW });
    h.timers.advance(4_200);
    h.operator.push({ type: 'session', session: { ...running, state: 'idle', turns: 4 } });
    h.operator.push({ type: 'outbox', item: outboxView('o1') });
    h.operator.push({ type: 'log', line: { at: NOW, level: 'error', source: 'slack', text: 'gone' } });
    h.press('v');
    await h.settle();
    for (const size of [
      [120, 40],
      [80, 24],
      [160, 45],
    ] as const) {
      const shown = screen(h, ...size);
      expect(shown, String(size)).toMatch(/● telegram {2}@mybot/u);
      expect(shown, String(size)).toMatch(/in .*█ +7\/min/u);
      expect(shown, String(size)).toMatch(/answer .*█ +4\.2s/u);
      expect(shown, String(size)).toMatch(/errors .*█ +2 /u);
      expect(shown, String(size)).not.toContain('twitch  ');
    }
    h.press('esc');
    expect(h.controller.view.modes).toEqual([]);
  });

  it('moves on with the time while there is something to see, and waits for nothing otherwise', () => {
    const h = harness({ snapshot: snapshotOf({ adapters: [adapterView({ ingress: {} })] }) });
    h.operator.push({ type: 'traffic', direction: 'in', platform: 'telegram', at: NOW });
    h.press('v');
    expect(screen(h)).toContain('1/min');
    h.timers.advance(11 * 60_000);
    h.store.flush();
    expect(screen(h)).toContain('0/min');
    expect(h.controller.slices.pulse.nextChangeAt).toBeUndefined();
  });
});
