/** Transcripts: older pages, marks, tool calls, neighbours, export, and the places that a search found. */
import { describe, expect, it } from 'vitest';
import type { TranscriptEntry } from '../../../src/gateway/model.ts';
import { NOW, sessionView, snapshotOf, taskView } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

const DAY = 24 * 60 * 60_000;
/** Two days with 1,500 messages. */
const LONG: readonly TranscriptEntry[] = Array.from({ length: 1_500 }, (_, n) => ({
  at: NOW - 2 * DAY + n * 100_000,
  role: 'user' as const,
  name: n % 2 === 0 ? 'Ada' : 'Bob',
  text: `message ${n}.`,
}));

function pages(all: readonly TranscriptEntry[]) {
  return ({ limit = 200, before = Number.MAX_SAFE_INTEGER }: { limit?: number; before?: number }) =>
    all.filter(({ at }) => at < before).slice(-limit);
}

const SESSIONS = [
  sessionView('s1', { senderName: 'Ada', lastUserAt: NOW }),
  sessionView('s2', { senderName: 'Bob', lastUserAt: NOW - 1 }),
];

async function opened(entries: readonly TranscriptEntry[]): Promise<Harness> {
  const h = harness({
    snapshot: snapshotOf({ sessions: SESSIONS }),
    queries: { transcript: pages(entries) },
  });
  h.press('2 enter');
  await h.settle();
  return h;
}

const screen = (h: Harness): string => h.text().join('\n');

describe('a transcript', () => {
  it('loads older pages while somebody scrolls up, and stays on the line that is read', async () => {
    const h = await opened(LONG);
    expect(screen(h)).toContain('message 1499.');
    h.press('g');
    // The page that is loaded in front must not move what is read.
    const before = h.text().find((line) => line.includes('message 1000.'));
    expect(before).toBeDefined();
    await h.settle();
    expect(screen(h)).toContain('message 1000.');
    h.press('k');
    expect(screen(h)).toContain('message 999.');
    h.press('g');
    await h.settle();
    h.press('g');
    await h.settle();
    h.press('g');
    await h.settle();
    expect(screen(h)).toContain('message 0.');
    expect(screen(h)).not.toContain('Scroll up');
    h.press('G');
    expect(screen(h)).toContain('message 1499.');
  });

  it('points to older messages only where there are some', async () => {
    const short = await opened(LONG.slice(0, 3));
    expect(screen(short)).toContain('message 0.');
    expect(screen(short)).not.toContain('older messages');
    const long = await opened(LONG);
    long.press('g');
    // What is loaded in front is not there yet.
    expect(screen(long)).toMatch(/older messages/u);
  });

  it('shows names and dates, and what became of each message', async () => {
    const at = NOW - 2 * DAY;
    const h = await opened([
      { at, role: 'user', name: 'Ada', id: 'm1', text: 'one', mark: 'answered' },
      { at, role: 'user', name: 'Bob', id: 'm2', text: 'two', mark: 'dropped' },
      { at: NOW, role: 'user', name: 'Bob', id: 'm3', text: 'three', mark: 'interrupted' },
      { at: NOW, role: 'user', name: 'Bob', id: 'm4', text: 'four', mark: 'queued' },
    ]);
    const lines = h.text();
    const row = (words: RegExp): string => lines.find((line) => words.test(line)) ?? '';
    expect(row(/Ada {2}\d\d:/u)).toMatch(/Ada {2}\d\d:\d\d:\d\d {2}answered/u);
    expect(screen(h)).toMatch(/Bob.*dropped[\s\S]*Bob.*interrupted[\s\S]*Bob.*queued/u);
    expect(screen(h)).toContain('2025-05-30');
    expect(screen(h)).toContain('2025-06-01');
    const settles = { id: 'm4', mark: 'answered' } as const;
    h.operator.push({
      type: 'transcript',
      sessionId: 's1',
      entry: { at: NOW, role: 'agent', text: 'done', settles },
    });
    h.timers.advance(300);
    expect(screen(h)).not.toContain('queued');
  });

  it('marks a message that arrives as queued until its turn begins', async () => {
    const h = await opened([]);
    const entry = { at: NOW, role: 'user', id: 'm1', name: 'Ada', text: 'hello' } as const;
    h.operator.push({ type: 'transcript', sessionId: 's1', entry });
    h.timers.advance(300);
    expect(screen(h)).toMatch(/Ada {2}[\d:]+ {2}queued/u);
    h.operator.push({ type: 'turn', sessionId: 's1', event: { type: 'started' } });
    h.timers.advance(300);
    expect(screen(h)).toMatch(/Ada {2}[\d:]+ {2}running/u);
  });

  it('folds tool calls to one line, and T opens them without moving the line that is read', async () => {
    const tools = Array.from({ length: 60 }, (_, n): TranscriptEntry[] => [
      { at: NOW + n, role: 'tool', name: 'bash', text: `{"command":"step ${n}."}\noutput of ${n}.\nmore` },
      { at: NOW + n, role: 'agent', text: `said ${n}.` },
    ]).flat();
    const h = await opened(tools);
    expect(screen(h)).toContain('tool bash {"command":"step 59."}');
    expect(screen(h)).not.toContain('output of');
    h.press('pgup');
    const top = h.text().find((line) => line.includes('said '));
    h.press('T');
    expect(screen(h)).toContain('output of');
    const number = /said (\d+)\./u.exec(top ?? '')?.[1];
    expect(screen(h)).toContain(`said ${number}.`);
    h.press('T');
    expect(screen(h)).not.toContain('output of');
  });

  it('goes to the chat below and above with ] and [, and takes the cursor along', async () => {
    const h = await opened([{ at: NOW, role: 'agent', text: 'hello' }]);
    h.press(']');
    await h.settle();
    expect(screen(h)).toContain('telegram Bob');
    h.press(']');
    expect(h.text().at(-1)).toContain('the last chat of the list');
    h.press('esc x');
    expect(screen(h)).not.toContain('Stop the turn');
    expect(h.controller.target('sessions')?.id).toBe('s2');
  });

  it('is exported to a file whose ending chooses the format', async () => {
    const h = await opened(LONG);
    h.press('e enter e backspace backspace h t m l enter');
    await h.settle();
    expect(h.effects.exports).toEqual([
      ['s1', 's1.md', 'md'],
      ['s1', 's1.html', 'html'],
    ]);
    expect(h.text().at(-1)).toContain('exported to /home/ada/s1.html');
    h.press('e backspace backspace x enter');
    expect(screen(h)).toContain('must end with .md, .json, .html');
  });
});

describe('a search of everything', () => {
  it('opens the transcript at the place, however far back, and n goes on from there', async () => {
    const hit = {
      kind: 'message',
      id: 's1',
      at: LONG[17]?.at ?? 0,
      who: 'Bob',
      text: 'message 17.',
    } as const;
    const h = harness({
      snapshot: snapshotOf({ sessions: SESSIONS }),
      queries: { transcript: pages(LONG), search: [hit] },
    });
    h.press(':');
    h.type('search message 17.');
    h.press('enter');
    await h.settle();
    expect(screen(h)).toContain('Search 1 message 17.');
    expect(screen(h)).toContain('Bob: message 17.');
    h.press('enter');
    for (let turn = 0; turn < 10; turn += 1) await h.settle();
    expect(screen(h)).toContain('message 17.');
    expect(screen(h)).toContain('message 18.');
    expect(screen(h)).not.toContain('message 1499.');
    h.press('esc');
    expect(screen(h)).toContain('Search 1 message 17.');
    expect(h.operator.commands).toEqual([]);
  });

  it('opens tasks and rejected messages, and says when nothing was found', async () => {
    const h = harness({
      snapshot: snapshotOf({ tasks: [taskView('t1', { command: 'find the zeppelin' })] }),
      queries: {
        search: ({ words }) =>
          words === 'zeppelin'
            ? [
                { kind: 'task', id: 't1', at: NOW, who: 'running', text: 'find the zeppelin' },
                { kind: 'refusal', id: 'r1', at: NOW, who: 'Mallory', text: 'not allowed' },
              ]
            : [],
      },
    });
    h.press('ctrl+f');
    h.type('zeppelin');
    h.press('enter');
    await h.settle();
    h.press('enter');
    expect(screen(h)).toContain('Task t1');
    h.press('esc j enter');
    expect(h.text().at(-1)).toContain('no longer kept');
    h.press('ctrl+f');
    h.type('nothing');
    h.press('enter');
    await h.settle();
    expect(screen(h)).toContain('Nothing was found.');
  });
});
