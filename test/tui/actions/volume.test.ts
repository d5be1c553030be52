/** Many rows at once: marks, one question, one undo; sorting; filters on fields. */
import { describe, expect, it } from 'vitest';
import { adapterView, NOW, pairingView, sessionView, snapshotOf, taskView } from '../fixtures.ts';
import { type Harness, type HarnessOptions, harness } from '../harness.ts';

const screen = (h: Harness): string => h.text().join('\n');
const types = (h: Harness): string[] => h.operator.commands.map(({ type }) => type);

function requests(count: number, options: Partial<HarnessOptions> = {}): Harness {
  const pairing = Array.from({ length: count }, (_, n) =>
    pairingView(`p${n}`, { senderName: `N${n}`, senderId: `u${n}`, createdAt: NOW + n, expiresAt: NOW * 2 }),
  );
  return harness({ snapshot: snapshotOf({ pairing }), keyMs: 1_100, ...options });
}

describe('a list without rows', () => {
  it('offers neither marking nor copying in the hint line, and y copies nothing', () => {
    const h = requests(0);
    h.press('4');
    expect(h.text().at(-1)).not.toMatch(/mark|copy/);
    h.press('y');
    expect(h.text().at(-1)).toContain('nothing is selected');
  });
});

describe('marked rows', () => {
  it('are decided together after one question that names the number, and one undo takes all back', async () => {
    const h = requests(30);
    h.press('4 space space a');
    expect(screen(h)).toContain('Approve 2 requests?');
    expect(screen(h)).toMatch(/- N\d+ \(telegram u\d+\)/u);
    expect(h.operator.commands).toEqual([]);
    h.press('y');
    await h.settle();
    expect(types(h)).toEqual(['pairing.approve', 'pairing.approve']);
    expect(h.text().at(-1)).toContain('2 requests approved');
    expect(screen(h)).not.toContain('marked');
    h.press('u');
    await h.settle();
    expect(types(h).slice(2)).toEqual(['pairing.undo', 'pairing.undo']);
    expect(h.text().at(-1)).toContain('2 decisions undone');
  });

  it('are all that pass the filter with *, never what comes later or what the filter hides', async () => {
    const h = requests(12);
    h.press('4 / N 1 enter *');
    expect(screen(h)).toContain('3 marked');
    h.operator.push({ type: 'pairing', request: pairingView('later', { senderName: 'N1 later' }) });
    h.timers.advance(300);
    h.press('b');
    expect(screen(h)).toContain('Block 3 requests?');
    h.press('n');
    // Another filter hides two of the three.
    h.press('/ N 1 1 enter d');
    expect(screen(h)).toContain('Deny 1 request?');
    h.press('y');
    await h.settle();
    expect(h.operator.commands).toEqual([{ type: 'pairing.deny', requestId: 'p11' }]);
  });

  it('that have gone before the answer are left alone, and what fails is said', async () => {
    const h = requests(4, {
      answer: (command) =>
        'requestId' in command && command.requestId === 'p2' ? new Error('no') : { message: 'ok' },
    });
    h.press('4 * a');
    expect(screen(h)).toContain('Approve 4 requests?');
    h.operator.push({ type: 'pairing-closed', id: 'p1', outcome: 'expired', actor: 'clock' });
    h.timers.advance(300);
    h.press('y');
    await h.settle();
    expect(h.operator.commands).toHaveLength(3);
    expect(h.text().at(-1)).toContain('2 requests approved; 1 failed: no');
  });

  it('cancel and retry tasks, stop and reset sessions, only where the act fits', async () => {
    const h = harness({
      keyMs: 1_100,
      snapshot: snapshotOf({
        tasks: [taskView('t1'), taskView('t2', { status: 'failed', completedAt: NOW }), taskView('t3')],
        sessions: [
          sessionView('s1', { state: 'running', current: 'work' }),
          sessionView('s2'),
          sessionView('s3', { state: 'ended' }),
        ],
      }),
    });
    for (const [keys, title] of [
      ['3 * x', 'Cancel 2 tasks?'],
      ['3 esc * r', 'Retry 1 task?'],
      ['2 * x', 'Stop 1 turn?'],
      ['2 esc * r', 'Reset 2 sessions?'],
    ] as const) {
      h.press(keys);
      expect(screen(h)).toContain(title);
      h.press('y');
      await h.settle();
    }
    expect(types(h)).toEqual([
      'task.cancel',
      'task.cancel',
      'task.retry',
      'session.stop',
      'session.reset',
      'session.reset',
    ]);
  });

  it('lose their marks with Esc, and an act then works on the selected row alone', () => {
    const h = requests(3);
    h.press('4 * esc');
    expect(screen(h)).not.toContain('marked');
    h.press('d');
    expect(types(h)).toEqual(['pairing.deny']);
    const adapters = harness({ snapshot: snapshotOf({ adapters: [adapterView()] }) });
    adapters.press('1 space');
    expect(adapters.text().at(-1)).toContain('decided one by one');
  });
});

describe('a list', () => {
  const sessions = [
    sessionView('s1', { senderName: 'Cyd', turns: 3, chat: chat('telegram'), lastUserAt: NOW - 1 }),
    sessionView('s2', {
      senderName: 'Ada',
      turns: 20,
      chat: chat('slack'),
      lastUserAt: NOW - 2,
      lastFailure: { at: NOW, reason: 'no model' },
    }),
    sessionView('s3', { senderName: 'Bob', turns: 100, chat: chat('telegram'), lastUserAt: NOW - 3 }),
  ];

  function chat(platform: 'telegram' | 'slack') {
    return { platform, accountId: 'default', chatId: '1' };
  }
  const names = (h: Harness): string[] => h.controller.rows('sessions').map((row) => row.senderName);

  it('is sorted by the next column with > and the previous with <, reversed with |, and keeps its cursor', () => {
    const h = harness({ snapshot: snapshotOf({ sessions }) });
    h.press('2 j');
    const selected = h.controller.target('sessions')?.id;
    h.press('>');
    expect(screen(h)).toContain('by name');
    expect(names(h)).toEqual(['Ada', 'Bob', 'Cyd']);
    h.press('|');
    expect(names(h)).toEqual(['Cyd', 'Bob', 'Ada']);
    h.press('> > >');
    expect(screen(h)).toContain('by turns');
    expect(names(h)).toEqual(['Bob', 'Ada', 'Cyd']);
    expect(h.controller.target('sessions')?.id).toBe(selected);
    h.press('< < < <');
    expect(screen(h)).not.toContain(' by ');
    expect(h.controller.target('sessions')?.id).toBe(selected);
    h.press('5 >');
    expect(h.text().at(-1)).toContain('one order');
  });

  it.each([
    ['platform:telegram', ['Cyd', 'Bob']],
    ['state:failed', ['Ada']],
    ['turns:>10', ['Ada', 'Bob']],
    ['turns:<=20 platform:tele', ['Cyd']],
    ['!platform:telegram', ['Ada']],
    ['~tlgrm bob', ['Bob']],
    ['@busy', ['Bob']],
    ['http://x', []],
  ])('is filtered by %s', (text, expected) => {
    const h = harness({ snapshot: snapshotOf({ sessions }), filters: { busy: 'turns:>50' } });
    h.press('2 /');
    h.type(text);
    h.press('enter');
    expect(names(h)).toEqual(expected);
  });

  it('says which saved filters there are, and saves one', async () => {
    const h = harness({ snapshot: snapshotOf({ sessions }), filters: { busy: 'turns:>50' } });
    h.press('2 /');
    h.type('@nothing');
    expect(h.text().at(-1)).toContain('no saved filter @nothing: @busy');
    h.press('ctrl+u');
    h.type('platform:slack');
    h.press('enter :');
    h.type('filter save work');
    h.press('enter');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'config.set', key: 'console.filters.work', value: 'platform:slack' },
    ]);
    h.press('/');
    h.type('@work');
    expect(names(h)).toEqual(['Ada']);
  });
});

describe('groups by platform', () => {
  const chat = (platform: 'telegram' | 'slack', id: string) => ({
    platform,
    accountId: 'default',
    chatId: id,
  });
  const sessions = [
    sessionView('s1', { senderName: 'Zoe', chat: chat('telegram', '1'), lastUserAt: NOW }),
    sessionView('s2', { senderName: 'Yan', chat: chat('slack', '2'), lastUserAt: NOW - 1 }),
    sessionView('s3', { senderName: 'Xia', chat: chat('telegram', '3'), lastUserAt: NOW - 2 }),
  ];

  it('keep the order within each, name each platform once, and keep the selected row', () => {
    const h = harness({ snapshot: snapshotOf({ sessions }) });
    h.press('2 #');
    expect(h.controller.rows('sessions').map(({ id }) => id)).toEqual(['s2', 's1', 's3']);
    expect(h.controller.target('sessions')?.id).toBe('s1');
    const shown = h.text(120, 40).join('\n');
    expect(shown).toContain('Sessions 3 by platform');
    expect(shown.match(/○ telegram/gu)).toHaveLength(1);
    h.press('> #');
    expect(h.controller.rows('sessions').map(({ senderName }) => senderName)).toEqual(['Xia', 'Yan', 'Zoe']);
  });

  it('are not offered where rows have no platform', () => {
    const h = harness();
    h.press('3 #');
    expect(h.text(120, 40).at(-1)).toContain('this list has no platforms');
  });
});

describe('the tokens of sessions', () => {
  it('are asked for once somebody filters by them, and go on counting', async () => {
    const row = {
      day: '2025-06-01',
      platform: 'telegram',
      senderId: '1',
      senderName: 'A',
      answers: 1,
      costUsd: 0,
    };
    const asked: unknown[] = [];
    const h = harness({
      snapshot: snapshotOf({ sessions: [sessionView('s1'), sessionView('s2', { senderName: 'Bo' })] }),
      queries: {
        usage(params) {
          asked.push(params);
          const rows = [{ ...row, sessionId: 's1', inputTokens: 9_000, outputTokens: 2_000 }];
          const total = { answers: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
          return { today: total, total, rows };
        },
      },
    });
    h.press('2 /');
    h.type('tok:>10k');
    h.press('enter');
    await h.settle();
    expect(h.controller.rows('sessions').map(({ id }) => id)).toEqual(['s1']);
    expect(h.text(120, 40).join('\n')).toContain('11k tok');
    const usage = { senderId: '1', sessionId: 's2', inputTokens: 20_000, outputTokens: 1, costUsd: 0 };
    h.operator.push({ type: 'usage', ...usage });
    h.operator.push({ type: 'session', session: sessionView('s2', { senderName: 'Bo' }) });
    await h.settle();
    expect(h.controller.rows('sessions').map(({ id }) => id)).toEqual(['s1', 's2']);
    expect(asked).toHaveLength(1);
  });
});

describe('a saved filter', () => {
  it('is removed by its name', async () => {
    const h = harness({ filters: { work: 'state:running' } });
    h.press(':');
    h.type('filter remove nothing');
    h.press('enter');
    expect(h.text(120, 40).at(-1)).toContain('Saved filters: work.');
    h.press(':');
    h.type('filter remove work');
    h.press('enter');
    await h.settle();
    expect(h.operator.commands).toEqual([{ type: 'config.set', key: 'console.filters.work', value: null }]);
    expect(h.controller.lists.savedFilters).toEqual({});
  });
});
