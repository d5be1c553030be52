import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { sessionFileFor } from '../../../src/gateway/agent/pi-files.ts';
import { SESSION_MIGRATIONS } from '../../../src/gateway/schema.ts';
import { Archive, matchOf } from '../../../src/gateway/sessions/archive.ts';
import { keepLine } from '../../../src/gateway/sessions/said.ts';
import { Database } from '../../../src/store/database.ts';
import { MemoryDisk } from '../../store/kit/memory-disk.ts';
import { Rig } from '../rig.ts';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig?.remove();
  rig = undefined;
  vi.useRealTimers();
});

async function lines(sessionId: string, limit = 100, before?: number): Promise<string[]> {
  const entries = await rig?.operator.query('transcript', {
    sessionId,
    limit,
    ...(before === undefined ? {} : { before }),
  });
  return (entries ?? []).map(({ role, name, mark, text }) =>
    [role, name, mark, text].filter((part) => part !== undefined).join(' | '),
  );
}

describe('the transcript of a session', () => {
  it('is there after a restart, and when the session has ended, with names and outcomes', async () => {
    rig = await Rig.start({ capabilities: { edit: false, typing: false } });
    await rig.say('hello there');
    await rig.pass(50);
    const [session] = rig.gateway.conversations.views();
    const id = session?.id ?? '';
    const before = await lines(id);
    expect(before).toEqual([
      expect.stringMatching(/^user \| \S+ \| answered \| hello there$/),
      'agent | You said: hello there',
    ]);
    rig = await rig.restart();
    expect(await lines(id)).toEqual(before);
    await rig.operator.run({ type: 'session.write', id, text: 'From the operator.' });
    await rig.operator.run({ type: 'session.reset', id });
    rig = await rig.crash();
    expect(await lines(id)).toEqual([...before, 'operator | From the operator.']);
  });

  it('is merged with the session file of pi: tools, long texts, and what was said in a terminal', async () => {
    rig = await Rig.start({ capabilities: { edit: false, typing: false } });
    const long = `Tell me about ${'x'.repeat(3_000)} please`;
    await rig.say(long);
    await rig.pass(60_000);
    const [session] = rig.gateway.conversations.views();
    const id = session?.id ?? '';
    const path = sessionFileFor(rig.gateway.deps.folder.agentSessions, id);
    mkdirSync(dirname(path), { recursive: true });
    const at = Date.now();
    const line = (ms: number, message: object): string =>
      `${JSON.stringify({ type: 'message', timestamp: new Date(at + ms).toISOString(), message })}\n`;
    writeFileSync(
      path,
      line(1, { role: 'user', content: `⟦Telegram, from "Ada"⟧\n${long}` }) +
        line(2, {
          role: 'assistant',
          content: [{ type: 'toolCall', id: 'c1', name: 'bash', arguments: { command: 'ls' } }],
        }) +
        line(3, { role: 'toolResult', toolCallId: 'c1', content: [{ type: 'text', text: 'a.txt' }] }) +
        line(5, { role: 'user', content: 'typed in the terminal' }) +
        line(6, { role: 'assistant', content: [{ type: 'text', text: 'seen there' }] }) +
        'not json\n',
    );
    const found = await lines(id);
    expect(found[0]).toContain(long);
    expect(found.slice(2)).toEqual([
      'tool | bash | {"command":"ls"}\na.txt',
      'user | typed in the terminal',
      'agent | seen there',
    ]);
    expect(found).toHaveLength(5);
  });

  it('comes in pages', async () => {
    rig = await Rig.start({ capabilities: { edit: false, typing: false } });
    for (const word of ['one', 'two', 'three']) {
      await rig.say(word);
      await rig.pass(1_000);
    }
    const id = rig.gateway.conversations.views()[0]?.id ?? '';
    const last = await rig.operator.query('transcript', { sessionId: id, limit: 2 });
    expect(last.map(({ text }) => text)).toEqual(['three', 'You said: three']);
    expect((await lines(id, 2, last[0]?.at)).join('\n')).toContain('two');
  });
});

describe('the search', () => {
  const store = async (disk = new MemoryDisk()): Promise<{ db: Database; archive: Archive }> => {
    const db = await Database.open({
      path: '/data/gateway-sessions.db',
      migrations: SESSION_MIGRATIONS,
      log: silentLogger,
      disk,
    });
    return { db, archive: new Archive({ db, sessionFileOf: () => '/nowhere', redact: (text) => text }) };
  };
  const say = (db: Database, texts: readonly string[], at = 1): Promise<void> =>
    db.write((tx) => {
      for (const text of texts) keepLine(tx, { sessionId: 's', at, role: 'user', text });
    });
  const found = async (archive: Archive, words: string): Promise<string[]> =>
    (await archive.search(words, 50)).map(({ entry }) => entry.text);

  it('finds words, beginnings, accents and scripts without blanks', async () => {
    const { db, archive } = await store();
    await say(db, ['Über den Fluss', 'the café is open', '東京都に住んでいます', 'สวัสดีครับ', 'plain words']);
    expect(await found(archive, 'uber')).toEqual(['Über den Fluss']);
    expect(await found(archive, 'cafe ope')).toEqual(['the café is open']);
    expect(await found(archive, '京都')).toEqual(['東京都に住んでいます']);
    expect(await found(archive, '都')).toEqual(['東京都に住んでいます']);
    expect(await found(archive, 'สวัสดี')).toEqual(['สวัสดีครับ']);
    // Vowels and tones are marks, which the index does not know.
    await say(db, ['ประชุมพรุ่งนี้']);
    expect(await found(archive, 'พรุ่งนี้')).toEqual(['ประชุมพรุ่งนี้']);
    expect(await found(archive, 'พรุ่งนา')).toEqual([]);
    await say(db, ['住東京、都内']);
    expect(await found(archive, '東京都')).toEqual(['東京都に住んでいます']);
    expect(await found(archive, '京に')).toEqual([]);
    await db.close();
  });

  it('takes every text as words, never as an expression', async () => {
    const { db, archive } = await store();
    await say(db, ['a AND b', 'NOT this']);
    for (const words of ['(', 'AND', 'a AND', '"', '*', 'a" OR "b', 'text:a', '-', '^a', "'", ''])
      await expect(found(archive, words)).resolves.toBeInstanceOf(Array);
    expect(await found(archive, 'a AND b')).toEqual(['a AND b']);
    expect(matchOf('a" OR box')).toBe('"a" "OR" "box*"');
    await db.close();
  });

  it('is the same after a crash, after lines were forgotten, and when the index was lost', async () => {
    const disk = new MemoryDisk();
    const first = await store(disk);
    await say(first.db, ['old apple', 'old pear'], 1);
    expect(await found(first.archive, 'apple')).toEqual(['old apple']);
    await say(first.db, ['new apple'], 1_000);
    await first.archive.index();
    await first.archive.sweep(500);
    await say(first.db, ['last apple'], 2_000);
    const { db, archive } = await store(disk.afterKill());
    expect(await found(archive, 'apple')).toEqual(['last apple', 'new apple']);
    expect(await found(archive, 'pear')).toEqual([]);
    await db.write((tx) => tx.run('DROP TABLE msg_index'));
    expect(await found(archive, 'apple')).toEqual(['last apple', 'new apple']);
    await db.close();
  });

  it('misses no line when the index is made new while lines are put into it', async () => {
    const { db, archive } = await store();
    await say(db, ['first apple']);
    await archive.index();
    await say(db, ['second apple']);
    await Promise.all([archive.rebuild(), archive.index()]);
    expect(await found(archive, 'apple')).toEqual(['second apple', 'first apple']);
    await db.close();
  });

  it('covers tasks and sessions of the whole gateway', async () => {
    rig = await Rig.start({ capabilities: { edit: false, typing: false } });
    await rig.say('a zebra crossed the road');
    await rig.pass(50);
    await rig.operator.run({ type: 'task.start', command: 'count every zebra' });
    await rig.pass(50);
    const hits = await rig.operator.query('search', { words: 'zebra' });
    expect(hits.map(({ kind }) => kind).sort()).toEqual(expect.arrayContaining(['message', 'task']));
    expect(hits.find(({ kind }) => kind === 'message')?.text).toContain('zebra');
  });
});
