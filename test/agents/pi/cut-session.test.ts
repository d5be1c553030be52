import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { completeFile, cutTurn, readSince } from '../../../src/agents/pi/pi-session-file.ts';

type Message = Readonly<Record<string, unknown>>;

/** A session file in which each message follows the one before. */
function session(...messages: readonly Message[]): string {
  return messages
    .map((message, i) =>
      JSON.stringify({ type: 'message', id: `m${i}`, parentId: i === 0 ? null : `m${i - 1}`, message }),
    )
    .concat('')
    .join('\n');
}

const user = (text: string): Message => ({ role: 'user', content: [{ type: 'text', text }] });
const says = (text: string, ...ids: readonly string[]): Message => ({
  role: 'assistant',
  stopReason: ids.length === 0 ? 'stop' : 'toolUse',
  content: [
    { type: 'text', text },
    ...ids.map((id) => ({ type: 'toolCall', id, name: 'bash', arguments: { command: id } })),
  ],
});
const result = (toolCallId: string, text: string, isError = false): Message => ({
  role: 'toolResult',
  toolCallId,
  toolName: 'bash',
  content: [{ type: 'text', text }],
  isError,
});
const stopped: Message = { role: 'assistant', content: [], stopReason: 'error', errorMessage: 'aborted' };
const cut = (text: string) => cutTurn(text, () => true);

/** What stands in the file once the results are written, and what the model then sees of them. */
async function completed(text: string, how: { forget: boolean; results: Readonly<Record<string, string>> }) {
  const folder = mkdtempSync(join(tmpdir(), 'cut-session-'));
  const file = join(folder, 'session.jsonl');
  try {
    writeFileSync(file, text);
    const results = Object.entries(how.results).map(([id, said]) => ({ id, text: said, isError: true }));
    for (let i = 0; i < 2; i += 1)
      await completeFile({ id: 't', file, since: 0, forget: how.forget, results }, 0);
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('a turn that was cut off, in the session file', () => {
  it('has what was said to each message, and the whole answer or not', () => {
    expect(cut('')).toMatchObject({ messages: [], answered: false, calls: [] });
    expect(cut(session(user('a'), says('one'), user('b'), says('two')))).toMatchObject({
      messages: [
        { text: 'a', said: 'one' },
        { text: 'b', said: 'two' },
      ],
      answered: true,
    });
    expect(cut(session(user('a'), stopped))).toMatchObject({ answered: false, calls: [] });
  });

  it('has the calls without a result, also those of which it says only that they were stopped', () => {
    const both = session(user('a'), says('now', 'x', 'y'), result('x', 'fine'));
    expect(cut(both).calls.map(({ id, noted }) => [id, noted])).toEqual([['y', false]]);
    const ended = session(user('a'), says('now', 'x'), result('x', 'Command aborted', true), stopped);
    expect(cut(ended).calls.map(({ id, noted }) => [id, noted])).toEqual([['x', true]]);
  });

  it('overlooks a torn last line, and what another branch says', () => {
    expect(cut(`${session(user('a'), says('one'))}{"type":"mess`).answered).toBe(true);
    const branch = JSON.stringify({ type: 'custom', id: 'z', parentId: 'm0' });
    expect(cut(`${session(user('a'), says('now', 'x'))}${branch}\n`)).toMatchObject({
      calls: [],
      messages: [{ said: '' }],
    });
  });

  it('gets the missing results once, in the order of the calls', async () => {
    const text = `${session(user('a'), says('now', 'x', 'y'))}{"torn`;
    const whole = await completed(text, { forget: false, results: { y: 'second', x: 'first' } });
    expect(whole.match(/"toolCallId":"[xy]"/g)).toEqual(['"toolCallId":"x"', '"toolCallId":"y"']);
    expect(cut(whole).calls).toEqual([]);
  });

  it('gets true results in the place of those that say only that a call was stopped', async () => {
    const text = session(
      user('a'),
      says('now', 'x', 'y'),
      result('x', 'fine'),
      result('y', 'Command aborted', true),
      stopped,
    );
    const whole = await completed(text, { forget: false, results: { y: 'unknown' } });
    const added = whole
      .slice(text.length)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(
      added.map(({ parentId, message }) => [parentId, message.toolCallId, message.content[0].text]),
    ).toEqual([
      ['m1', 'x', 'fine'],
      [added[0].id, 'y', 'unknown'],
    ]);
  });

  it('forgets calls about which no one had decided', async () => {
    const whole = await completed(session(user('a'), says('', 'x')), { forget: true, results: {} });
    expect(cut(whole)).toMatchObject({ calls: [], answered: false, messages: [{ text: 'a', said: '' }] });
  });

  it('is unknown when the file is shorter than it was, or gone', async () => {
    expect(await readSince('/nowhere/at/all', 0)).toBe('');
    expect(await readSince('/nowhere/at/all', 1)).toBeUndefined();
  });
});
